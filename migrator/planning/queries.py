"""How far a project has come: units per stage and share of traffic, day by day, from ledger and rollups alone.

Nothing is kept for this page: the ledger knows every stage that every unit ever had, and the inventory
knows when a unit came and went. So history cannot disagree with what happened, and a filter by team
or service is answered for the past as well.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from migrator.core.stages import LADDER, RANK, Stage
from migrator.core.wire import Outcome
from migrator.inventory.models import Kind, Project, Unit
from migrator.observations.models import Resolution, Rollup, Traffic
from migrator.rollout.models import Flip

MOVED = (Stage.CUTOVER, Stage.REMOVAL, Stage.REMOVED)
"""Stages in which nobody is answered by legacy any more."""
PACE_WEEKS = 4
FORECAST_WEEKS = 6
"""Fewer weeks of throughput say nothing about the next ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Which units are looked at. None and empty mean all of them."""

    service: str = ""
    team: str = ""
    kind: str = ""

    def of_units(self, project: Project, prefix: str = "") -> Q:
        """Names are looked up once here: joined to every flip they would double the time of the page."""
        wanted: dict[str, Any] = {"kind": self.kind} if self.kind else {}
        if self.service:
            wanted["service_id__in"] = _ids(project.services.filter(name=self.service))
        if self.team:
            wanted["team_id__in"] = _ids(project.teams.filter(name=self.team))
        return Q(**{prefix + column: value for column, value in wanted.items()})


def _ids(rows: QuerySet[Any]) -> list[int]:
    return list(rows.values_list("pk", flat=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnUp:
    """Units per stage at the end of each day. Every series is as long as `days`; the last day is today."""

    days: tuple[date, ...]
    counts: Mapping[Stage, tuple[int, ...]]
    deadline: date | None

    @property
    def scope(self) -> tuple[int, ...]:
        return tuple(sum(day) for day in zip(*self.counts.values(), strict=True))

    @property
    def moved(self) -> tuple[int, ...]:
        return tuple(sum(day) for day in zip(*(self.counts[stage] for stage in MOVED), strict=True))

    @property
    def left(self) -> int:
        """Units that legacy still answers, today."""
        return self.scope[-1] - self.moved[-1]

    @property
    def pace(self) -> float | None:
        """Units moved per week over the last four weeks; None where the history is shorter than one week."""
        span = min(len(self.days) - 1, 7 * PACE_WEEKS)
        if span < 7:
            return None
        return (self.moved[-1] - self.moved[-1 - span]) / span * 7

    @property
    def pace_needed(self) -> float | None:
        """Units per week that the deadline asks for; None without a deadline ahead."""
        if self.deadline is None or self.deadline <= self.days[-1]:
            return None
        return self.left / (self.deadline - self.days[-1]).days * 7

    @property
    def no_forecast(self) -> str:
        """Why no date is forecast, for the reader."""
        if self.scope[-1] and not self.left:
            return "Nothing is left to forecast: every unit is moved."
        weeks = self.weeks_of_finished_work
        if weeks < FORECAST_WEEKS:
            return f"A forecast needs {FORECAST_WEEKS} weeks of finished work to draw on; here there are {weeks}."
        return (
            "This version draws no forecast. "
            "Hold the pace of the last four weeks against the pace that the deadline asks for."
        )

    @property
    def weeks_of_finished_work(self) -> int:
        """Whole weeks since the first unit of this span was moved."""
        first = next((index for index, moved in enumerate(self.moved) if moved), len(self.days) - 1)
        return (len(self.days) - 1 - first) // 7


def burn_up(*, project: Project, now: datetime, units: Slice | None = None, days: int = 90) -> BurnUp:
    """The last `days` days until `now` (UTC). Three grouped reads, however long the history."""
    today = now.date()
    first = today - timedelta(days=days)
    changes = _changes(project, units or Slice())
    span = tuple(first + timedelta(days=offset) for offset in range(days + 1))
    counts = {rung.stage: _running(changes[rung.stage], span) for rung in LADDER}
    return BurnUp(days=span, counts=counts, deadline=project.deadline)


def _running(changes: Mapping[date, int], span: tuple[date, ...]) -> tuple[int, ...]:
    """Changes per day -> count at the end of each day; what lies before the span is its beginning."""
    before = sum(change for day, change in changes.items() if day < span[0])
    return tuple(accumulate((changes.get(day, 0) for day in span), initial=before))[1:]


def _changes(project: Project, units: Slice) -> dict[Stage, Counter[date]]:
    """For each stage, by how many units it grew on each day."""
    grown: dict[Stage, Counter[date]] = {stage: Counter() for stage in RANK}
    chosen = Unit.objects.filter(units.of_units(project), project=project)
    for day, number in _per_day(chosen, "added_at"):
        grown[Stage.BACKLOG][day] += number
    for day, number, stage in _per_day(chosen.filter(gone_at__isnull=False), "gone_at", "stage"):
        grown[Stage(stage)][day] -= number
    flips = Flip.objects.filter(units.of_units(project, "unit__"), project=project).exclude(from_stage=F("to_stage"))
    for day, number, before, after in _per_day(flips, "at", "from_stage", "to_stage"):
        grown[Stage(before)][day] -= number
        grown[Stage(after)][day] += number
    return grown


def _per_day(rows: QuerySet[Any], moment: str, *by: str) -> Iterator[tuple[Any, ...]]:
    """(day, how many, *by) for each day on which something happened."""
    found = rows.annotate(day=TruncDate(moment, tzinfo=UTC)).values_list("day", *by).annotate(number=Count("*"))
    for day, *groups, number in found.order_by():
        yield day, number, *groups


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficDay:
    """Requests of one day, and how many of them the candidate answered."""

    day: date
    received: int
    served_candidate: int

    @property
    def share(self) -> float | None:
        """A fraction; None on a day without requests."""
        return self.served_candidate / self.received if self.received else None


def traffic(*, project: Project, now: datetime, units: Slice | None = None, days: int = 90) -> list[TrafficDay]:
    """What share of the requests the candidate answered on each of the last `days` days until `now` (UTC)."""
    today = now.date()
    span = [today - timedelta(days=back) for back in range(days, -1, -1)]
    found = _traffic_of(project, units or Slice(), since=datetime.combine(span[0], time(), tzinfo=UTC))
    return [
        TrafficDay(day=day, received=received, served_candidate=served)
        for day in span
        for received, served in [found.get(day, (0, 0))]
    ]


def _traffic_of(project: Project, units: Slice, *, since: datetime) -> dict[date, tuple[int, int]]:
    """(received, served by the candidate) per day, from daily rollups."""
    rows: QuerySet[Any]
    if units == Slice():
        rows = Traffic.objects.filter(project=project).annotate(seen=F("received"))
    else:
        # A request counts for its endpoint and for the fields of its answer: here it counts once.
        seen = sum((F(str(outcome)) for outcome in list(Outcome)[1:]), F(str(next(iter(Outcome)))))
        chosen = Unit.objects.filter(units.of_units(project), project=project, kind=Kind.ENDPOINT)
        rows = Rollup.objects.filter(unit__in=chosen).annotate(seen=seen)
    per_day = rows.filter(resolution=Resolution.DAY, window_start__gte=since).order_by().values_list("window_start")
    return {
        start.date(): (received, served)
        for start, received, served in per_day.annotate(all=Sum("seen"), candidate=Sum("served_candidate"))
    }
