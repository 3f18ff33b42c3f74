"""Four months of counters that never were counted, so that charts have a past.

They are made from the ledger: what each endpoint's stage let through at the time, with the planted faults at
their rates. Only rollups are written. Where a unit stands, and so every verdict, is left to real traffic.
"""

import math
import random
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from statistics import NormalDist
from typing import Final

from demo.history import DAYS
from demo.scope import COMMENTS
from migrator.core.stages import ALL, START, Position, Scrutiny
from migrator.core.tally import latency_bucket
from migrator.core.wire import Outcome
from migrator.inventory.models import Kind, Project, Unit
from migrator.observations.folding import Batch, Sum
from migrator.observations.writing import write_arrivals, write_rollups, write_traffic

SHARD: Final = 0
WHOLE: Final = (9_000_000, 0, 9_000_000, 0, 0, 0)
"""What arrived on a day: sent, dropped, committed, stray, refused, passed."""
FAULTS: Final = {
    "GET /comments/{id}": (Outcome.MISMATCH, 1.0),
    "GET /users/{id}/karma": (Outcome.MISMATCH, 1.0),
    "GET /users/{id}/profile": (Outcome.MISMATCH, 0.25),
    "GET /threads/{id}/comments": (Outcome.MISMATCH, 0.2),
    "GET /threads/{id}/summary": (Outcome.MISMATCH, 0.02),
    "GET /comments/{id}/votes": (Outcome.CANDIDATE_ERROR, 0.005),
}
"""Share of the pairs that the candidate gets wrong."""
_SPREAD: Final = 0.4
"""How far latencies lie apart: the sigma of their logarithm."""
_QUANTILES: Final = tuple(math.exp(NormalDist(0, _SPREAD).inv_cdf((step + 0.5) / 100)) for step in range(100))
"""Latencies as multiples of the median, each standing for one in a hundred requests."""
VARIANTS: Final = 32
SLOW_SEARCHES: Final = 1 / 30
"""Share of the candidate's searches that miss its index, and take 400 ms more."""


@dataclass(frozen=True, slots=True)
class Window:
    """A time whose requests are written as one sum."""

    start: datetime
    hours: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One endpoint's past: its volume, and where it stood from when on."""

    unit: Unit
    per_hour: float
    since: tuple[datetime, ...]
    positions: tuple[Position, ...]
    """One more than `since`: the first is before the first flip."""

    def at(self, moment: datetime) -> Position:
        return self.positions[bisect_right(self.since, moment)]


def write_past_traffic(*, project: Project, now: datetime) -> None:
    """Write what data planes would have reported until `now`. Belongs in a transaction, before anything is real."""
    batch, dice = Batch(), random.Random(30)
    for course in courses(project=project):
        for window in windows(now=now, finely=course.unit.service.name == COMMENTS):
            _add(batch, course, window, dice)
    write_rollups(batch, shard=SHARD)
    write_traffic(batch, shard=SHARD)
    for window in windows(now=now, finely=False):
        # Whole days: without them nobody knows whether legacy was quiet or nobody was looking.
        write_arrivals({project.pk: WHOLE}, shard=SHARD, now=window.start)


def courses(*, project: Project) -> Iterator[Course]:
    """The past of every endpoint, read from the ledger."""
    dice = random.Random(31)
    endpoints = Unit.objects.filter(project=project, kind=Kind.ENDPOINT).select_related("service")
    for unit in endpoints.prefetch_related("flips"):
        flips = sorted(unit.flips.all(), key=lambda flip: flip.unit_version)
        yield Course(
            unit=unit,
            per_hour=dice.lognormvariate(math.log(20_000 if unit.service.name == COMMENTS else 9_000), 0.5)
            * (1 if unit.key.startswith("GET ") else 0.1),
            since=tuple(flip.at for flip in flips),
            positions=(START, *(flip.after for flip in flips)),
        )


def windows(*, now: datetime, finely: bool) -> Iterator[Window]:
    """From the first day until `now`: by the day; `finely`, at last by the hour and then by the minute."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for days in range(DAYS, 2 if finely else 0, -1):
        yield Window(midnight - timedelta(days=days), 24.0)
    if not finely:
        return
    minutes_from = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    hour = midnight - timedelta(days=2)
    while hour < minutes_from:
        yield Window(hour, 1.0)
        hour += timedelta(hours=1)
    while hour < now - timedelta(minutes=1):
        yield Window(hour, 1 / 60)
        hour += timedelta(minutes=1)


def _add(batch: Batch, course: Course, window: Window, dice: random.Random) -> None:
    """One window of one endpoint, if it was tracked by then."""
    if window.start < course.unit.added_at:
        return
    position = course.at(window.start)
    received = round(course.per_hour * window.hours * rhythm(window) * dice.uniform(0.9, 1.1))
    served_candidate = round(received * position.candidate / ALL)
    second = int(window.start.timestamp())
    total = batch.traffic.setdefault((course.unit.project_id, second), [0, 0])
    total[0] += received
    total[1] += served_candidate
    if received and position.stage not in ("backlog", "removed"):
        key = (course.unit.pk, second, course.unit.evidence_epoch)
        batch.minutes[key] = _sum(course.unit, position, received, served_candidate)


def rhythm(window: Window) -> float:
    """The hour's and the weekday's share of the usual traffic: evenings are busy, Sundays are quiet."""
    weekday = 0.7 if window.start.weekday() > 4 else 1.0
    if window.hours > 1:
        return weekday
    hour = window.start.hour + window.start.minute / 60
    return weekday * (1 + 0.6 * math.sin(2 * math.pi * (hour - 13) / 24))


def _sum(unit: Unit, position: Position, received: int, served_candidate: int) -> Sum:
    mirrored = 0 if unit.operation == "write" else round(received * position.mirror / ALL)
    outcome, share = FAULTS.get(unit.key, (Outcome.MISMATCH, 0.0))
    if position.rung.scrutiny is not Scrutiny.BODIES and outcome is Outcome.MISMATCH:
        share = 0.0
    bad = round(mirrored * share)
    counts = {Outcome.MATCH: mirrored - bad, outcome: bad, Outcome.NOT_SAMPLED: received - mirrored}
    is_search = unit.key == "GET /search"
    slow = round(SLOW_SEARCHES * mirrored) if is_search else 0
    return Sum(
        outcomes={name: count for name, count in counts.items() if count},
        served_candidate=served_candidate,
        legacy_latency=histogram(count=max(mirrored, received - served_candidate), usual_ms=21 if is_search else 10),
        candidate_latency=histogram(count=max(mirrored, served_candidate) - slow, usual_ms=6)
        | ({latency_bucket(406): slow} if slow else {}),
    )


def histogram(*, count: int, usual_ms: float) -> dict[int, int]:
    """So many latencies, spread as latencies are: bucket (core.tally) to count."""
    found: dict[int, int] = {}
    for step, bucket in enumerate(_buckets(usual_ms, random.randrange(VARIANTS))):
        # Rounded along the way, so that the parts add up to the whole.
        part = (step + 1) * count // 100 - step * count // 100
        found[bucket] = found.get(bucket, 0) + part
    return {bucket: part for bucket, part in found.items() if part}


@cache
def _buckets(usual_ms: float, variant: int) -> tuple[int, ...]:
    """The bucket of each hundredth of the requests: no two days are alike."""
    dice = random.Random(variant)
    return tuple(latency_bucket(usual_ms * factor * dice.uniform(0.95, 1.05)) for factor in _QUANTILES)
