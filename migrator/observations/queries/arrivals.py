"""How complete the observations are: what arrived, of what data planes say they made."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

import redis
from django.conf import settings
from django.db.models import Q, Sum

from migrator.inventory.models import Project
from migrator.observations import stream
from migrator.observations.models import Arrival, DeadLetter, ReportSource, Resolution, StreamPosition

LOOK_BACK = timedelta(days=1)
"""What completeness is about where evidence has no beginning; also how far back it is exact to the minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFigures:
    """One run of a data plane process: observations that it made, and what became of them."""

    source: str
    boot: str
    kind: str
    sent: int
    dropped: int
    committed: int
    stray: int
    """For units that are not tracked here."""
    refused: int
    """With a window or an epoch that cannot be."""
    passed: int
    """Requests that matched no unit and went to legacy untouched."""
    repeated_reports: int
    lost_reports: int
    committed_seq: int
    last_at: datetime
    completeness: float | None


def sources(*, project: Project, now: datetime, since: timedelta = LOOK_BACK) -> list[SourceFigures]:
    """The processes that reported within `since`, by name, the newest run first."""
    rows = ReportSource.objects.filter(project=project, last_at__gte=now - since).order_by("source", "-last_at")
    return [
        SourceFigures(
            source=row.source,
            boot=row.boot,
            kind=row.kind,
            sent=row.sent,
            dropped=row.dropped,
            committed=row.committed,
            stray=row.stray,
            refused=row.refused,
            passed=row.passed,
            repeated_reports=row.repeated,
            lost_reports=row.given_up,
            committed_seq=row.committed_seq,
            last_at=row.last_at,
            completeness=share_arrived(sent=row.sent, arrived=row.committed + row.stray),
        )
        for row in rows
    ]


def share_arrived(*, sent: int, arrived: int) -> float | None:
    """A fraction, at most 1; None where nothing was sent."""
    return min(1.0, arrived / sent) if sent else None


@dataclass(frozen=True, slots=True)
class _Course:
    """Sums from the end: `sent[i]` is what was sent in window i and all later ones."""

    starts: list[datetime]
    sent: list[int]
    arrived: list[int]

    def share_since(self, moment: datetime) -> float | None:
        at = bisect_left(self.starts, moment)
        if at == len(self.starts):
            return None
        return share_arrived(sent=self.sent[at], arrived=self.arrived[at])


def completeness_since(
    *, wanted: Iterable[tuple[int, datetime]], now: datetime
) -> dict[tuple[int, datetime], float | None]:
    """The share that arrived per (project id, moment since), from one query; None where nobody reported."""
    asked = set(wanted)
    if not asked:
        return {}
    exact_from = now - LOOK_BACK
    courses = _courses(asked, exact_from=exact_from)
    return {(project_id, since): _share(courses, project_id, since, exact_from) for project_id, since in asked}


def _share(
    courses: Mapping[tuple[int, int], _Course], project_id: int, since: datetime, exact_from: datetime
) -> float | None:
    resolution = Resolution.MINUTE if since >= exact_from else Resolution.HOUR
    course = courses.get((project_id, resolution))
    return course.share_since(floor(since, resolution)) if course else None


def _courses(asked: set[tuple[int, datetime]], *, exact_from: datetime) -> dict[tuple[int, int], _Course]:
    late = [since for _, since in asked if since >= exact_from]
    early = [since for _, since in asked if since < exact_from]
    windows = Q(pk__in=[])
    if late:
        windows |= Q(resolution=Resolution.MINUTE, window_start__gte=floor(min(late), Resolution.MINUTE))
    if early:
        windows |= Q(resolution=Resolution.HOUR, window_start__gte=floor(min(early), Resolution.HOUR))
    rows = (
        Arrival.objects.filter(windows, project_id__in={project_id for project_id, _ in asked})
        .values_list("project_id", "resolution", "window_start")
        .annotate(sent=Sum("sent"), arrived=Sum("committed") + Sum("stray"))
        .order_by("project_id", "resolution", "window_start")
    )
    found: dict[tuple[int, int], list[tuple[Any, ...]]] = {}
    for project_id, resolution, *row in rows:
        found.setdefault((project_id, resolution), []).append(tuple(row))
    return {key: _course(course) for key, course in found.items()}


def _course(rows: list[tuple[Any, ...]]) -> _Course:
    starts, sent, arrived = zip(*rows, strict=True)
    return _Course(list(starts), _sums_from_the_end(sent), _sums_from_the_end(arrived))


def _sums_from_the_end(counts: tuple[int, ...]) -> list[int]:
    return list(accumulate(int(count) for count in reversed(counts)))[::-1]


def floor(moment: datetime, seconds: int) -> datetime:
    """The start of the window of that length in which the moment lies."""
    return datetime.fromtimestamp(int(moment.timestamp()) // seconds * seconds, tz=moment.tzinfo)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """How far counting is behind."""

    waiting: int
    """Reports in the stream that are not counted yet."""
    oldest_s: float | None
    """Age of the oldest of them in seconds; None where none waits."""
    dead_letters: int
    """Entries that could not be counted and wait for a person."""


def lag(*, now: datetime, client: "redis.Redis") -> Lag:
    """What waits in all shards. Raises redis.RedisError."""
    positions = dict(StreamPosition.objects.values_list("shard", "last_id"))
    shards = {*range(settings.REPORT_SHARDS), *positions}
    ages = [stream.oldest_after(client, shard=shard, position=positions.get(shard, stream.START)) for shard in shards]
    arrived = [at for at, _ in ages if at is not None]
    return Lag(
        waiting=sum(count for _, count in ages),
        oldest_s=max(0.0, now.timestamp() - min(arrived)) if arrived else None,
        dead_letters=DeadLetter.objects.count(),
    )
