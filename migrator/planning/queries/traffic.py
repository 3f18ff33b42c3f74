"""What share of the requests the candidate answered, day by day: the number that shows everyone real progress."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import F, QuerySet, Sum

from migrator.core.wire import Outcome
from migrator.inventory.models import Kind, Project, Unit
from migrator.observations.models import Resolution, Rollup, Traffic
from migrator.planning.queries.slices import Slice


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
    if units.is_everything:
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
