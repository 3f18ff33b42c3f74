"""Figures over time, for charts: a point for every step, None where nothing was seen."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from django.db.models import Sum

from migrator.core import tally
from migrator.core.gate import Evidence
from migrator.core.wire import BAD_OUTCOMES, PAIR_OUTCOMES, Outcome
from migrator.inventory.models import Project, Unit
from migrator.observations.models import Resolution, Rollup, Traffic
from migrator.observations.queries.arrivals import completeness_since, floor
from migrator.observations.queries.evidence import distinct, latency, sum_outcomes
from migrator.observations.retention import KEEP

MOST_POINTS: Final = 2_000
USUAL_POINTS: Final = 200


class TooManyPoints(ValueError):
    """A series would have more points than a chart can show. The message says which step would do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One step of a series. `samples` is how many requests or pairs the value rests on."""

    at: datetime
    """The start of the step."""
    value: float | None
    samples: int = 0


class Metric(StrEnum):
    """What can be drawn over time. Rates and shares are fractions, latencies milliseconds."""

    MISMATCH_RATE = "mismatch_rate"
    """Bad pairs of all pairs."""
    PAIRS = "pairs"
    """Pairs compared."""
    RECEIVED = "received"
    """Requests."""
    SHARE = "share"
    """Requests that the candidate answered, of all."""
    LATENCY_P50 = "latency_p50"
    """The candidate's, as the next two."""
    LATENCY_P90 = "latency_p90"
    LATENCY_P99 = "latency_p99"
    LEGACY_LATENCY_P50 = "legacy_latency_p50"
    LEGACY_LATENCY_P90 = "legacy_latency_p90"
    LEGACY_LATENCY_P99 = "legacy_latency_p99"


Reading = tuple[float | None, int]
"""A value and what it rests on."""


def series(*, unit: Unit, metric: Metric | str, start: datetime, end: datetime, step_s: int) -> list[Point]:
    """One figure of a unit over time, over all evidence epochs. `step_s` is rounded up to whole windows.

    Raises ValueError for an unknown metric and TooManyPoints.
    """
    read, columns = _READERS[Metric(metric)]
    step, resolution = checked_step(start=start, end=end, step_s=step_s)
    rows = (
        Rollup.objects.filter(
            unit_id=unit.pk, resolution=resolution, window_start__gte=floor(start, step), window_start__lt=end
        )
        .order_by()
        .only("unit_id", "resolution", "window_start", "evidence_epoch", "shard", *columns)
    )
    found: dict[datetime, list[Rollup]] = {}
    for row in rows:
        found.setdefault(floor(row.window_start, step), []).append(row)
    return _points(start, end, step, {at: read(part) for at, part in found.items()})


def traffic_series(*, project: Project, start: datetime, end: datetime, step_s: int) -> list[Point]:
    """The share of a project's requests that the candidate answered, over time. Raises TooManyPoints."""
    step, resolution = checked_step(start=start, end=end, step_s=step_s)
    rows = Traffic.objects.filter(
        project_id=project.pk, resolution=resolution, window_start__gte=floor(start, step), window_start__lt=end
    )
    totals: dict[datetime, tuple[int, int]] = {}
    for window, received, served in rows.values_list("window_start", "received", "served_candidate"):
        before = totals.get(floor(window, step), (0, 0))
        totals[floor(window, step)] = (before[0] + received, before[1] + served)
    return _points(start, end, step, {at: ((n and m / n) or 0.0, n) for at, (n, m) in totals.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficShare:
    """Requests of a project's endpoints, and how many of them the candidate answered."""

    received: int
    served_candidate: int

    @property
    def share(self) -> float | None:
        return self.served_candidate / self.received if self.received else None


def traffic_share(*, project: Project, start: datetime, end: datetime, now: datetime) -> TrafficShare:
    """What the candidate answered within a time."""
    resolution = resolution_since(start, now=now)
    total = Traffic.objects.filter(
        project_id=project.pk,
        resolution=resolution,
        window_start__gte=floor(start, resolution),
        window_start__lt=end,
    ).aggregate(received=Sum("received", default=0), served=Sum("served_candidate", default=0))
    return TrafficShare(received=total["received"], served_candidate=total["served"])


def evidence_between(*, unit: Unit, start: datetime, end: datetime, now: datetime) -> Evidence:
    """The evidence of the unit's present epoch within a time. Distinct callers are known by the hour."""
    resolution = resolution_since(start, now=now)
    rows = _rollups(unit, resolution, start, end)
    by_hour = rows if resolution != Resolution.MINUTE else _rollups(unit, Resolution.HOUR, start, end)
    seen = [row for row in rows if any(getattr(row, outcome) for outcome in PAIR_OUTCOMES)]
    since = max(filter(None, (start, unit.evidence_since)))
    subjects = distinct(row.subjects for row in by_hour)
    return Evidence(
        outcomes=sum_outcomes(rows),
        served_candidate=sum(row.served_candidate for row in rows),
        subjects=subjects,
        mismatching_subjects=min(subjects, distinct(row.mismatching_subjects for row in by_hour)),
        completeness=completeness_since(wanted=[(unit.project_id, since)], now=now)[unit.project_id, since],
        first_at=min((row.window_start.timestamp() for row in seen), default=None),
        last_at=min(now.timestamp(), max(row.window_start.timestamp() + resolution for row in seen)) if seen else None,
        legacy_latency=latency(row.legacy_latency for row in rows),
        candidate_latency=latency(row.candidate_latency for row in rows),
    )


def usual_step(*, start: datetime, end: datetime, now: datetime) -> int:
    """A step in seconds that gives a readable chart from windows that are still kept."""
    wanted = (end - start).total_seconds() / USUAL_POINTS
    finest = resolution_since(start, now=now)
    steps = (60, 300, 900, 3_600, 10_800, 21_600, 86_400, 604_800)
    return next((step for step in steps if step >= max(wanted, finest)), steps[-1])


def resolution_since(start: datetime, *, now: datetime) -> int:
    """The finest windows that reach back so far."""
    for resolution, age in KEEP.items():
        if start >= now - age:
            return int(resolution)
    return int(Resolution.DAY)


def checked_step(*, start: datetime, end: datetime, step_s: int) -> tuple[int, int]:
    """The step, rounded up to whole windows, and the length of these windows. Raises TooManyPoints."""
    resolution = max(r for r in Resolution.values if r <= max(step_s, Resolution.MINUTE))
    step = -(-max(step_s, 1) // resolution) * resolution
    span = (end - start).total_seconds()
    if span / step > MOST_POINTS:
        raise TooManyPoints(f"That is more than {MOST_POINTS:,} points. Take a step of {span / USUAL_POINTS:.0f} s.")
    return step, resolution


def _rollups(unit: Unit, resolution: int, start: datetime, end: datetime) -> list[Rollup]:
    return list(
        Rollup.objects.filter(
            unit_id=unit.pk,
            resolution=resolution,
            window_start__gte=floor(start, resolution),
            window_start__lt=end,
            evidence_epoch=unit.evidence_epoch,
        )
    )


def _points(start: datetime, end: datetime, step: int, found: Mapping[datetime, Reading]) -> list[Point]:
    at = floor(start, step).astimezone(UTC)
    points = []
    while at < end:
        value, samples = found.get(at, (None, 0))
        points.append(Point(at=at, value=value, samples=samples))
        at += timedelta(seconds=step)
    return points


def _sum(rows: Iterable[Rollup], outcomes: Iterable[Outcome]) -> int:
    return sum(getattr(row, outcome) for outcome in outcomes for row in rows)


def _mismatch_rate(rows: Sequence[Rollup]) -> Reading:
    pairs = _sum(rows, PAIR_OUTCOMES)
    return (_sum(rows, BAD_OUTCOMES) / pairs if pairs else None), pairs


def _pairs(rows: Sequence[Rollup]) -> Reading:
    pairs = _sum(rows, PAIR_OUTCOMES)
    return pairs, pairs


def _received(rows: Sequence[Rollup]) -> Reading:
    received = _sum(rows, Outcome)
    return received, received


def _share(rows: Sequence[Rollup]) -> Reading:
    received = _sum(rows, Outcome)
    return (sum(row.served_candidate for row in rows) / received if received else None), received


def _quantile(column: str, q: float) -> Callable[[Sequence[Rollup]], Reading]:
    def read(rows: Sequence[Rollup]) -> Reading:
        histogram = tally.merge_histograms(getattr(row, column) for row in rows)
        return tally.quantile(histogram, q), sum(histogram.values())

    return read


_OUTCOMES = tuple(map(str, Outcome))
_READERS: Final[dict[Metric, tuple[Callable[[Sequence[Rollup]], Reading], tuple[str, ...]]]] = {
    Metric.MISMATCH_RATE: (_mismatch_rate, _OUTCOMES),
    Metric.PAIRS: (_pairs, _OUTCOMES),
    Metric.RECEIVED: (_received, _OUTCOMES),
    Metric.SHARE: (_share, (*_OUTCOMES, "served_candidate")),
    Metric.LATENCY_P50: (_quantile("candidate_latency", 0.5), ("candidate_latency",)),
    Metric.LATENCY_P90: (_quantile("candidate_latency", 0.9), ("candidate_latency",)),
    Metric.LATENCY_P99: (_quantile("candidate_latency", 0.99), ("candidate_latency",)),
    Metric.LEGACY_LATENCY_P50: (_quantile("legacy_latency", 0.5), ("legacy_latency",)),
    Metric.LEGACY_LATENCY_P90: (_quantile("legacy_latency", 0.9), ("legacy_latency",)),
    Metric.LEGACY_LATENCY_P99: (_quantile("legacy_latency", 0.99), ("legacy_latency",)),
}
"""How each metric is read, and from which columns."""
