"""A folded batch into the tables of one shard.

Rows that carry a shard have one writer, the holder of the shard's lock: they are read, added to in
memory and written whole. Rows that shards share are added to by the database.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db import connection

from migrator.core import tally
from migrator.core.wire import Outcome
from migrator.observations.fields import read_histogram, write_histogram
from migrator.observations.folding import DAY, HOUR, MINUTE, Batch, Course, ReplaySum, Sum, floor, roll_up
from migrator.observations.models import Arrival, Replayed, Rollup, Standing, Traffic
from migrator.observations.upsert import Target, as_json, upsert

_COUNTS = (*map(str, Outcome), "served_candidate")
_COUNTERS = (
    *_COUNTS, "legacy_latency", "candidate_latency", "legacy_cost", "candidate_cost",
    "subjects", "mismatching_subjects", "shapes", "callers",
)  # fmt: skip
_ROLLUP = Target(
    table=Rollup._meta.db_table,
    key=("unit_id", "resolution", "window_start", "evidence_epoch", "shard"),
    replaced=_COUNTERS,
)
_STANDING = Target(
    table=Standing._meta.db_table,
    key=("unit_id", "shard"),
    replaced=("evidence_epoch", "first_at", "last_at", "last_seen_at", *_COUNTERS),
)
_TRAFFIC = Target(
    table=Traffic._meta.db_table,
    key=("project_id", "resolution", "window_start", "shard"),
    added=("received", "served_candidate"),
)
_REPLAYED = Target(
    table=Replayed._meta.db_table,
    key=("unit_id", "evidence_epoch", "shard"),
    replaced=("pairs", "bad", "subjects", "mismatching_subjects", "last_at"),
)
ARRIVED = ("sent", "dropped", "committed", "stray", "refused", "passed")
_ARRIVAL = Target(table=Arrival._meta.db_table, key=_TRAFFIC.key, added=ARRIVED)

RollupKey = tuple[int, int, int, int]
"""Unit, resolution, window start in seconds since the epoch, evidence epoch."""


def write_rollups(batch: Batch, *, shard: int) -> None:
    """Add the batch's windows to the shard's rollups, in all three resolutions."""
    hours = roll_up(batch.minutes, HOUR)
    new: dict[RollupKey, Sum] = {}
    for resolution, sums in ((MINUTE, batch.minutes), (HOUR, hours), (DAY, roll_up(hours, DAY))):
        for (unit, start, epoch), total in sums.items():
            new[unit, resolution, start, epoch] = total
    known = _existing_rollups(new, shard=shard)
    rows = []
    for key, total in new.items():
        whole = known.get(key, total)
        if whole is not total:
            whole.add(total)
        unit, resolution, start, epoch = key
        counters = _packed(whole, with_callers=resolution != MINUTE)
        rows.append((unit, resolution, moment(start), epoch, shard, *counters))
    upsert(_ROLLUP, rows)


def write_standings(batch: Batch, *, shard: int) -> None:
    """Add the newest epoch of each unit in the batch to where it stands. Earlier ones leave only `last_seen_at`."""
    newest: dict[int, tuple[int, Course]] = {}
    for (unit, epoch), course in batch.courses.items():
        seen = max(course.last_seen, newest[unit][1].last_seen if unit in newest else 0)
        if unit not in newest or epoch > newest[unit][0]:
            newest[unit] = (epoch, course)
        newest[unit][1].last_seen = seen
    for (unit, _, epoch), total in roll_up(batch.minutes, DAY).items():
        if newest[unit][0] == epoch:
            newest[unit][1].total.add(total)
    known = _existing_standings(newest, shard=shard)
    upsert(_STANDING, [_standing(unit, shard, *newest[unit], known.get(unit)) for unit in newest])


def write_traffic(batch: Batch, *, shard: int) -> None:
    """Add the batch's requests to the projects' traffic."""
    totals: dict[tuple[int, int, int], list[int]] = {}
    for (project_id, minute), counts in batch.traffic.items():
        for resolution in (MINUTE, HOUR, DAY):
            total = totals.setdefault((project_id, resolution, floor(minute, resolution)), [0, 0])
            total[0] += counts[0]
            total[1] += counts[1]
    upsert(_TRAFFIC, [(project, length, moment(start), shard, *n) for (project, length, start), n in totals.items()])


def write_replayed(batch: Batch, *, shard: int) -> None:
    """Add what was replayed to what the shard knows of it."""
    known = Replayed.objects.filter(unit_id__in={unit for unit, _ in batch.replayed}, shard=shard)
    before = {(row.unit_id, row.evidence_epoch): row for row in known}
    upsert(
        _REPLAYED,
        [
            (unit, epoch, shard, *_replayed(total, before.get((unit, epoch))))
            for (unit, epoch), total in batch.replayed.items()
        ],
    )


def write_arrivals(arrived: Mapping[int, Iterable[int]], *, shard: int, now: datetime) -> None:
    """Add what arrived just now, per project in the order of ARRIVED."""
    second = int(now.timestamp())
    rows = [
        (project_id, resolution, moment(floor(second, resolution)), shard, *counts)
        for project_id, counts in arrived.items()
        for resolution in (MINUTE, HOUR, DAY)
    ]
    upsert(_ARRIVAL, rows)


def moment(second: float) -> datetime:
    return datetime.fromtimestamp(second, tz=UTC)


def _existing_rollups(keys: Iterable[RollupKey], *, shard: int) -> dict[RollupKey, Sum]:
    units, resolutions, starts, epochs = zip(*keys, strict=True)
    columns = ", ".join(f"r.{name}" for name in ("unit_id", "resolution", "window_start", "evidence_epoch", *_COUNTERS))
    query = f"""
        SELECT {columns} FROM unnest(%s::bigint[], %s::int[], %s::timestamptz[], %s::int[])
            AS k(unit_id, resolution, window_start, evidence_epoch)
        JOIN {_ROLLUP.table} r USING (unit_id, resolution, window_start, evidence_epoch) WHERE r.shard = %s
    """  # noqa: S608 - our own names
    with connection.cursor() as cursor:
        cursor.execute(
            query, [list(units), list(resolutions), [moment(start) for start in starts], list(epochs), shard]
        )
        return {(row[0], row[1], int(row[2].timestamp()), row[3]): _unpacked(row[4:]) for row in cursor.fetchall()}


def _existing_standings(units: Iterable[int], *, shard: int) -> dict[int, tuple[Any, ...]]:
    columns = ", ".join(("unit_id", *_STANDING.replaced))
    query = f"SELECT {columns} FROM {_STANDING.table} WHERE unit_id = ANY(%s) AND shard = %s"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(query, [list(units), shard])
        return {row[0]: row[1:] for row in cursor.fetchall()}


def _standing(unit: int, shard: int, epoch: int, course: Course, known: tuple[Any, ...] | None) -> tuple[Any, ...]:
    """The row after the batch. `known` is the row before, in the order of `_STANDING.replaced`."""
    first, last, seen = _moment(course.first_pair), _moment(course.last_pair), moment(course.last_seen)
    total = course.total
    if known is not None:
        known_epoch, known_first, known_last, known_seen, *counters = known
        seen = max(seen, known_seen)
        if known_epoch > epoch:
            return (unit, shard, known_epoch, known_first, known_last, seen, *counters)
        if known_epoch == epoch:
            # To what is known the new is added, not the other way round: names that are kept stay kept.
            total, new = _unpacked(counters), total
            total.add(new)
            first = min(filter(None, (first, known_first)), default=None)
            last = max(filter(None, (last, known_last)), default=None)
    return (unit, shard, epoch, first, last, seen, *_packed(total))


def _moment(second: int | None) -> datetime | None:
    return None if second is None else moment(second)


def _packed(total: Sum, *, with_callers: bool = True) -> tuple[Any, ...]:
    """Counters in the order of `_COUNTERS`."""
    return (
        *(total.outcomes.get(outcome, 0) for outcome in Outcome),
        total.served_candidate,
        write_histogram(total.legacy_latency),
        write_histogram(total.candidate_latency),
        write_histogram(total.legacy_cost),
        write_histogram(total.candidate_cost),
        *((_sketch(total.subjects), _sketch(total.mismatching_subjects)) if with_callers else (b"", b"")),
        _sketch(total.shapes) if with_callers else b"",
        as_json(total.callers) if with_callers and total.callers else "{}",
    )


def _unpacked(row: Iterable[Any]) -> Sum:
    *counts, served, legacy, candidate, legacy_cost, candidate_cost, subjects, mismatching, shapes, callers = row
    return Sum(
        outcomes=dict(zip(Outcome, counts, strict=True)),
        served_candidate=served,
        legacy_latency=read_histogram(legacy),
        candidate_latency=read_histogram(candidate),
        legacy_cost=read_histogram(legacy_cost),
        candidate_cost=read_histogram(candidate_cost),
        subjects=set(tally.unpack_sketch(subjects)),
        mismatching_subjects=set(tally.unpack_sketch(mismatching)),
        shapes=set(tally.unpack_sketch(shapes)),
        callers={} if callers == "{}" else msgspec.json.decode(callers),
    )


def _replayed(total: ReplaySum, before: Replayed | None) -> tuple[Any, ...]:
    """The row after the batch, in the order of `_REPLAYED.replaced`."""
    pairs, bad, last = total.pairs, total.bad, moment(total.last)
    subjects, mismatching = total.subjects, total.mismatching_subjects
    if before is not None:
        pairs, bad, last = pairs + before.pairs, bad + before.bad, max(last, before.last_at)
        subjects = subjects.union(tally.unpack_sketch(before.subjects))
        mismatching = mismatching.union(tally.unpack_sketch(before.mismatching_subjects))
    return (pairs, bad, _sketch(subjects), _sketch(mismatching), last)


def _sketch(hashes: set[int]) -> bytes:
    return tally.pack_sketch(tally.smallest(hashes))
