"""What a chart of the plan looks at: which days, what was promised, what happened; and the frame around it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from dashboards import words
from dashboards.figures import Figure, base_layout, plain, upright
from migrator.core.forecast import Forecast
from migrator.planning.queries import BurnUp

DAY_MS: Final = 86_400_000
MOST_DAYS: Final = 400
"""Days that are drawn. Longer spans are drawn at the ends of weeks, and where scope changed."""
MOST_WEEKS: Final = 300
"""Ends of weeks that are drawn; what is left of the days is for changes of scope."""
SHARED: Final = "days"
"""The `x` of a trace whose days are those of its figure: charts.js puts them there."""
LEAST_AHEAD: Final = 150
YEARLESS_DAYS: Final = 300
"""An axis that is longer names the years of its days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A day with a name: a deadline, a milestone. Its colour is a token."""

    day: date
    name: str
    colour: str = "--muted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened on a day, with the address that tells more."""

    day: date
    told: str
    address: str = ""
    colour: str = "--muted"
    symbol: str = "circle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Scope that came or went on a day; `told` says who and why."""

    day: date
    change: float
    told: str
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What one chart shows. A forecast only where the span reaches today."""

    found: BurnUp
    forecast: Forecast | None = None
    marks: Sequence[Mark] = ()
    events: Sequence[Event] = ()
    steps: Sequence[Step] = ()
    until: date | None = None
    """Where the axis ends, if somebody chose it."""
    chosen: tuple[int, ...] = field(init=False)
    """The days that are drawn, as places in `found.days`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "chosen", tuple(self._chosen()))

    def _chosen(self) -> Sequence[int]:
        """Every day, or the first, the ends of weeks back from the last, and those of the largest changes of scope."""
        last = len(self.found.days) - 1
        if last < MOST_DAYS:
            return range(last + 1)
        every = 7 * -(-last // (7 * MOST_WEEKS))
        days = {0, *range(last, -1, -every)}
        largest = sorted(self.steps, key=lambda step: -abs(step.change))
        changed = [(step.day - self.found.days[0]).days for step in largest]
        others = [at for at in changed if 0 <= at <= last and at not in days]
        return sorted(days.union(others[: MOST_DAYS - len(days)]))

    @property
    def drawn_steps(self) -> list[Step]:
        """Changes of scope on days that are drawn: they stand on the line. The first day's is where the line begins."""
        days = {self.found.days[at] for at in self.chosen[1:]}
        return [step for step in self.steps if step.day in days]

    @property
    def first(self) -> date:
        return self.found.days[0]

    @property
    def last(self) -> date:
        return self.found.days[-1]

    @property
    def end(self) -> date:
        """Where the axis ends: with the deadlines and dates that are near enough to leave the past its room."""
        if self.until:
            return max(self.until, self.last)
        ahead = timedelta(days=max(LEAST_AHEAD, 2 * (self.last - self.first).days))
        wanted, sure = [mark.day for mark in self.marks], None
        if self.forecast:
            wanted += [day for day in (self.forecast.p50, self.forecast.p95) if day]
            sure = self.forecast.p85
        near = [day for day in wanted if self.last < day <= self.last + ahead]
        near += [sure] if sure and sure <= self.last + 2 * ahead else []  # the date that matters most may be farther
        end = max(near, default=self.last + ahead / 4 if self.forecast else self.last)
        return end + (end - self.first) / 40 if end > self.last else end

    @property
    def is_roomy(self) -> bool:
        """Whether the names of the bands have room in the time that is left."""
        return (self.end - self.last).days * 4 > (self.last - self.first).days

    def place(self, day: date) -> float:
        """Where a day lies on the axis: 0 is its first, 1 its end."""
        return place(day, self.first, self.end)

    def named(self, day: date) -> str:
        """A day as the chart writes it: with its year where the axis spans more than one."""
        return named(day, self.first, self.end)

    def over_days(self, series: Sequence[float]) -> Figure:
        """The points of a trace. Days without a gap are counted from the first; others are sent once for all traces."""
        y = [short(series[at]) for at in self.chosen]
        return {"y": y, "x": SHARED} if self.is_thinned else {"y": y, "x0": str(self.first), "dx": DAY_MS}

    @property
    def is_thinned(self) -> bool:
        return len(self.chosen) < len(self.found.days)

    @property
    def shared_days(self) -> Figure:
        """What traces of a thinned chart mean by their days: a part of the figure."""
        return {"days": [str(self.found.days[at]) for at in self.chosen]} if self.is_thinned else {}


def short(value: float) -> float:
    """A count as a whole number, points with one decimal: every byte is sent for every day."""
    return int(value) if value == int(value) else round(value, 1)


# ----------------------------------------------------------------------------------- the frame


def by_day(sight: Sight, data: list[Figure], *, top: float) -> Figure:
    layout = base_layout(right=16 if sight.is_roomy else 140)
    layout["xaxis"] |= zoomable(sight.first, sight.end)
    layout["yaxis"] |= {"range": [0, top], "tickformat": ",d"}
    draw_marks(layout, [mark for mark in sight.marks if sight.first <= mark.day <= sight.end], sight.first, sight.end)
    return {"data": data, "layout": layout}


def zoomable(first: date, last: date) -> Figure:
    return {"type": "date", "range": [str(first), str(last)], "hoverformat": "%-d %b %Y", "fixedrange": False}


def draw_marks(layout: Figure, marks: Sequence[Mark], first: date, last: date) -> None:
    """Uprights with their names above the chart. The page's script knows its width: it puts the names in rows."""
    layout["shapes"], layout["annotations"] = [], []
    for mark in sorted(marks, key=lambda each: each.day):
        text = f"{mark.name} {named(mark.day, first, last)}"
        layout["shapes"].append(upright(str(mark.day), mark.colour))
        layout["annotations"].append({
            "x": str(mark.day), "xanchor": "right", "y": 1, "yref": "paper", "yanchor": "bottom", "text": plain(text),
            "showarrow": False, "name": "aside" if mark.colour == "--muted" else "mark",
            "font": {"color": mark.colour, "size": 13},
        })  # fmt: skip


def place(day: date, first: date, last: date) -> float:
    return (day - first).days / max(1, (last - first).days)


def named(day: date, first: date, last: date) -> str:
    if (last - first).days > YEARLESS_DAYS:
        return words.day(day)
    return words.day_of_year(day)
