"""The two charts of a unit's page, on one span and one time axis, each with the table behind it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from dashboards import words
from dashboards.figures import Course, Figure, Line, Pin, over_time
from dashboards.proposals import place
from dashboards.vocabulary import spoken
from migrator.core.stages import Direction
from migrator.core.stats import upper_bound
from migrator.inventory.models import Deploy, Unit
from migrator.observations.queries import Metric, Point, series
from migrator.rollout.queries import Entry

MINUTE, HOUR = 60, 3_600
SPANS: Final = {
    "1h": (gettext_noop("1 hour"), timedelta(hours=1), MINUTE),
    "6h": (gettext_noop("6 hours"), timedelta(hours=6), 5 * MINUTE),
    "24h": (gettext_noop("24 hours"), timedelta(hours=24), HOUR),
    "14d": (gettext_noop("14 days"), timedelta(days=14), 6 * HOUR),
}
"""Name, length and step in seconds of the spans that can be chosen. Steps suit the windows that are kept."""
USUAL_SPAN: Final = "1h"
DIFFER: Final = gettext_noop("%{y:.3~g} % differ")
AT_MOST: Final = gettext_noop("at most %{y:.3~g} %")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One moment of the table behind a chart."""

    at: datetime
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A figure and the same as a table. `rows` is empty where nothing was seen."""

    name: str
    title: str
    figure: Figure
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What the charts of a page share: the unit, the span, and what happened in it."""

    unit: Unit
    start: datetime
    end: datetime
    step_s: int
    alpha: float
    pins: tuple[Pin, ...]
    names: tuple[str, str]
    """What the project calls legacy and candidate."""

    @property
    def room(self) -> int:
        """Letters of the longest name at a line's end, in both charts."""
        return min(24, max(len(_("differ")), *map(len, self.names)))

    def points(self, metric: Metric) -> list[Point]:
        return series(unit=self.unit, metric=metric, start=self.start, end=self.end, step_s=self.step_s)


def frame(*, unit: Unit, span: str, alpha: float, entries: Sequence[Entry], slug: str, now: datetime) -> Frame:
    """The last hour, day or fortnight until `now`, with flips and deploys as pins."""
    length, step_s = SPANS[span][1:]
    start = now - length
    return Frame(
        unit=unit,
        start=start,
        end=now,
        step_s=step_s,
        alpha=alpha,
        pins=(*_flips(entries, start, slug), *_deploys(unit, start)),
        names=(unit.project.legacy_name, unit.project.candidate_name),
    )


def mismatch_chart(shown: Frame) -> Chart:
    """The share that differs, step by step, under what it is at most by the pairs of that step."""
    points = shown.points(Metric.MISMATCH_RATE)
    bounds = _bounds(points, alpha=shown.alpha)
    course = Course(
        moments=[p.at for p in points],
        lines=[Line(name=_("differ"), colour="--candidate", values=_percent(p.value for p in points), hover=_(DIFFER))],
        band=Line(name=_("at most"), colour="--candidate", values=_percent(bounds), hover=_(AT_MOST)),
        pins=shown.pins,
        end=shown.end,
        suffix=" %",
        least_top=0.1,
        room=shown.room,
    )
    seen = [(p, bound) for p, bound in zip(points, bounds, strict=True) if p.value is not None]
    return Chart(
        name="mismatches",
        title=_("How many answers differ"),
        figure=over_time(course),
        columns=(_("Differ"), _("At most"), _("Pairs")),
        rows=tuple(
            Row(at=p.at, cells=(words.rate(p.value or 0), "–" if b is None else words.rate(b), words.number(p.samples)))
            for p, b in reversed(seen)
        ),
    )


def latency_chart(shown: Frame) -> Chart:
    """The slowest percent of both sides."""
    legacy, candidate = shown.points(Metric.LEGACY_LATENCY_P99), shown.points(Metric.LATENCY_P99)
    course = Course(
        moments=[p.at for p in legacy],
        lines=[
            Line(name=name, colour=colour, values=[p.value for p in points], hover=" ".join([name, _("%{y:.3g} ms")]))
            for name, colour, points in zip(shown.names, ("--legacy", "--candidate"), (legacy, candidate), strict=True)
        ],
        pins=shown.pins,
        end=shown.end,
        suffix=" ms",
        least_top=1.0,
        room=shown.room,
    )
    seen = [(a, b) for a, b in zip(legacy, candidate, strict=True) if a.samples or b.samples]
    return Chart(
        name="latency",
        title=_("How long answers take (99th percentile)"),
        figure=over_time(course),
        columns=(*shown.names, _("Answers")),
        rows=tuple(
            Row(at=a.at, cells=(_ms(a.value), _ms(b.value), words.number(a.samples + b.samples)))
            for a, b in reversed(seen)
        ),
    )


def _bounds(points: Sequence[Point], *, alpha: float) -> list[float | None]:
    """What the rate of each step is at most, by the pairs of that step alone; None without any."""
    return [
        None if p.value is None else upper_bound(bad=round(p.value * p.samples), pairs=p.samples, alpha=alpha)
        for p in points
    ]


def _percent(fractions: Iterable[float | None]) -> list[float | None]:
    return [None if value is None else value * 100 for value in fractions]


def _ms(value: float | None) -> str:
    return "–" if value is None else words.milliseconds(value)


def _flips(entries: Sequence[Entry], start: datetime, slug: str) -> list[Pin]:
    ledger = reverse("ledger", args=[slug])
    return [
        Pin(
            at=entry.at,
            told=f"{entry.actor}: {place(entry.before).lower()} → {place(entry.after).lower()}",
            colour="--act" if entry.direction is Direction.BACK else f"--stage-{entry.after.stage}",
            address=f"{ledger}?older_than={entry.link + 1}#link-{entry.link}" if entry.link else ledger,
        )
        for entry in entries
        if entry.at >= start
    ]


def _deploys(unit: Unit, start: datetime) -> list[Pin]:
    """Builds that went live on either side: evidence starts afresh with each."""
    found = Deploy.objects.filter(service=unit.service_id, at__gte=start)[:50]
    return [
        Pin(
            at=each.at,
            told=_("{side} now runs {build}").format(side=spoken(each.side), build=each.build),
            colour=f"--{each.side}",
        )
        for each in found
    ]
