"""Whether a project ends in time, in two words and in one picture. Pure: no request, no clock."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.utils.translation import gettext as _

from dashboards import words
from dashboards.vocabulary import spoken
from migrator.core.forecast import Forecast
from migrator.core.queues import SURE
from migrator.core.stages import LADDER
from migrator.planning.queries import BurnUp, Prospect

EVEN: Final = 0.5
POINTS: Final = 120
"""Days that a picture draws, however long the history."""
NAMED_FROM: Final = 0.055
"""A band that is a smaller part of the height has no room for its name."""
LEVELS: Final = 4
MONTHS_SHOWN: Final = 7
EDGE: Final = 5.0
"""Per cent of the width that a name at the edge would be cut by."""
LONGEST_AHEAD: Final = 2.5
"""Times the past: further ahead the picture does not look, or the past would be a line at its edge."""


def standing(*, chance: float | None, left: float, scope: float) -> str:
    """`done`, `on course`, `at risk`, `late`; empty where nothing can be said."""
    if scope and left <= 0:
        return "done"
    if chance is None:
        return ""
    return "on course" if chance >= SURE else "at risk" if chance >= EVEN else "late"


def share_done(found: BurnUp) -> float | None:
    """A fraction; None where nothing is in scope."""
    return found.done[-1] / found.scope[-1] if found.scope[-1] else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """One stage of the picture. `points` are those of an SVG polygon in a box of 100 by 100."""

    stage: str
    label: str
    points: str
    count: float
    middle: str = ""
    """Where its name stands, from the top; empty where it is too thin for one."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis, from 0 to 100, and what is written there."""

    at: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The burn-up in a box of 100 by 100, its origin at the upper left; lines as points of an SVG polyline."""

    bands: tuple[Band, ...]
    """From what is done, at the bottom, to the backlog."""
    scope: str
    ahead: str
    """Where the forecast is even to 85 % sure to end: a triangle. Empty without one."""
    deadline: str
    """X of the deadline; empty where none is in sight."""
    today: str
    first: date
    last: date
    amounts: tuple[Tick, ...]
    """Levels, from the top."""
    months: tuple[Tick, ...]
    sure: tuple[Tick, ...]
    """The days by which it is done, with 50, 85 and 95 %, as far as they are in sight."""
    told: str
    """What the picture shows, in words."""


def picture(found: Prospect) -> Picture | None:
    """None where nothing was ever in scope."""
    burn_up, scope = found.found, found.found.scope
    most = max(scope)
    if not most:
        return None
    box = _Box(first=burn_up.days[0], last=_last_day(found), most=most * 1.04)
    chosen = _chosen(len(burn_up.days))
    days = [burn_up.days[at] for at in chosen]
    return Picture(
        bands=tuple(_bands(burn_up, box, chosen)),
        scope=box.line(days, [scope[at] for at in chosen]),
        ahead=_ahead(found, box),
        deadline=box.x(burn_up.deadline) if burn_up.deadline and burn_up.deadline <= box.last else "",
        today=box.x(burn_up.days[-1]),
        first=box.first,
        last=box.last,
        amounts=tuple(_amounts(box)),
        months=tuple(_months(box)),
        sure=tuple(_sure(found, box)),
        told=_told(burn_up),
    )


@dataclass(frozen=True, slots=True)
class _Box:
    first: date
    last: date
    most: float

    def x(self, day: date) -> str:
        """Beyond 100 for a day that is out of sight."""
        return f"{100 * (day - self.first).days / max(1, (self.last - self.first).days):.2f}"

    def y(self, value: float) -> str:
        return f"{100 - 100 * value / self.most:.2f}"

    def line(self, days: Sequence[date], values: Sequence[float]) -> str:
        return " ".join(f"{self.x(day)},{self.y(value)}" for day, value in zip(days, values, strict=True))


def _chosen(length: int) -> list[int]:
    """Evenly spread days, the last one always among them."""
    step = max(1, -(-length // POINTS))
    return sorted({*range(length - 1, -1, -step), 0})


def _last_day(found: Prospect) -> date:
    """Far enough to see the deadline and the end, as long as the past stays in sight."""
    days = found.found.days
    p85 = found.forecast.p85 if isinstance(found.forecast, Forecast) else None
    wanted = max(filter(None, (days[-1], found.found.deadline, p85)))
    furthest = days[-1] + timedelta(days=max(28, round((days[-1] - days[0]).days * LONGEST_AHEAD)))
    return min(wanted, furthest)


def _bands(burn_up: BurnUp, box: _Box, chosen: Sequence[int]) -> Iterable[Band]:
    """Stages stacked from the last of the ladder upwards, so that what is done grows from the ground."""
    days = [burn_up.days[at] for at in chosen]
    floor = [0.0] * len(chosen)
    for rung in reversed(LADDER):
        counts = burn_up.counts[rung.stage]
        top = [low + counts[at] for low, at in zip(floor, chosen, strict=True)]
        if any(counts[at] for at in chosen):
            outline = f"{box.line(days, top)} {box.line(days[::-1], floor[::-1])}"
            thick = counts[-1] / box.most >= NAMED_FROM and burn_up.days[-1] < box.last
            yield Band(
                stage=rung.stage.value,
                label=spoken(rung.label),
                points=outline,
                count=counts[-1],
                middle=box.y(floor[-1] + counts[-1] / 2) if thick else "",
            )
        floor = top


def _ahead(found: Prospect, box: _Box) -> str:
    forecast, burn_up = found.forecast, found.found
    if not isinstance(forecast, Forecast) or forecast.p50 is None or forecast.p85 is None:
        return ""
    start = f"{box.x(burn_up.days[-1])},{box.y(burn_up.done[-1])}"
    top = box.y(burn_up.scope[-1])
    return f"{start} {box.x(forecast.p50)},{top} {box.x(forecast.p85)},{top}"


def _amounts(box: _Box) -> Iterable[Tick]:
    """Three or four round levels."""
    size = 10 ** math.floor(math.log10(max(1.0, box.most / LEVELS)))
    step = next(size * of for of in (1, 2, 5, 10) if box.most / (size * of) <= LEVELS)
    return [Tick(box.y(level * step), words.number(level * step)) for level in range(1, int(box.most / step) + 1)]


def _months(box: _Box) -> Iterable[Tick]:
    """The first days of months, as many as have room."""
    count = (box.last.year - box.first.year) * 12 + box.last.month - box.first.month
    step = next((of for of in (1, 2, 3, 6, 12, 24) if count / of <= MONTHS_SHOWN), 60)
    begun = box.first.year * 12 + box.first.month  # the month after the first day's, counted from 0
    for month in range(begun + -begun % step, begun + count, step):
        day = date(month // 12, month % 12 + 1, 1)
        at = box.x(day)
        if EDGE < float(at) < 100 - EDGE:
            yield Tick(at, str(day.year) if step >= 12 else words.month(day))


def _sure(found: Prospect, box: _Box) -> Iterable[Tick]:
    if not isinstance(found.forecast, Forecast):
        return
    for share, day in ((50, found.forecast.p50), (85, found.forecast.p85), (95, found.forecast.p95)):
        if day and day <= box.last:
            yield Tick(box.x(day), f"{share} %")


def _told(burn_up: BurnUp) -> str:
    stood = ", ".join(
        f"{words.number(burn_up.counts[rung.stage][-1])} {spoken(rung.label).lower()}"
        for rung in LADDER
        if burn_up.counts[rung.stage][-1]
    )
    return _("From {first} to {last}: {stood} today.").format(
        first=words.day(burn_up.days[0]), last=words.day(burn_up.days[-1]), stood=stood or _("nothing in scope")
    )
