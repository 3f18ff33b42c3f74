"""Counters of units as evidence is added up from: rows in, one sum per unit out.

Verdicts of a thousand units are read at once, so rows come without what they do not need. A sketch of distinct callers
is four kilobytes; where a unit has one row, the number of callers follows from its length and its greatest hash alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import Any, Final, NamedTuple

import msgspec
from django.db import connection

from migrator.core import tally
from migrator.core.gate import Latency
from migrator.core.wire import PAIR_OUTCOMES, Outcome
from migrator.observations.fields import read_histogram
from migrator.observations.models import Resolution, Rollup, Standing

HASH: Final = 8
"""Bytes of one hash in a packed sketch."""


class Part(NamedTuple):
    """One row of counters: a shard of where a unit stands, or a window of it."""

    unit_id: int
    counts: tuple[int, ...]
    """By outcome, in the order of Outcome."""
    served_candidate: int
    legacy_latency: str
    candidate_latency: str
    subjects: bytes
    """Packed; of the only part of its unit nothing but the greatest hash."""
    subjects_size: int
    """In bytes, packed."""
    mismatching: bytes
    mismatching_size: int
    shapes: bytes
    shapes_size: int
    legacy_cost: str
    candidate_cost: str
    callers: str
    first_at: datetime | None
    last_at: datetime | None


def standing_parts(*, epochs: Mapping[int, int]) -> dict[int, list[Part]]:
    """Where units stand, by unit id: the shards of the evidence epoch that is named for each."""
    query = f"""
        SELECT {_columns("first_at", "last_at")}
        FROM unnest(%s::bigint[], %s::int[]) AS k(unit_id, epoch)
        JOIN {Standing._meta.db_table} r ON r.unit_id = k.unit_id AND r.evidence_epoch = k.epoch
    """  # noqa: S608 - our own names
    return _read(query, [list(epochs), list(epochs.values())])


def window_parts(*, epochs: Mapping[int, int], spans: Mapping[int, "Span"]) -> dict[int, list[Part]]:
    """What was counted within a time, by unit id, from windows of hours and of days."""
    pairs = " + ".join(f'r."{outcome}"' for outcome in PAIR_OUTCOMES)
    seen = f"CASE WHEN {pairs} > 0 THEN r.window_start END"
    query = f"""
        SELECT {_columns(seen, seen)}
        FROM unnest(%s::bigint[], %s::int[], %s::timestamptz[], %s::timestamptz[]) AS k(unit_id, epoch, hours, days)
        JOIN {Rollup._meta.db_table} r ON r.unit_id = k.unit_id AND r.evidence_epoch = k.epoch AND (
            r.resolution = {Resolution.DAY.value} AND r.window_start >= k.days
            OR r.resolution = {Resolution.HOUR.value} AND r.window_start >= k.hours AND r.window_start < k.days
        )
    """  # noqa: S608
    if not spans:
        return {}
    units = list(spans)
    columns = [units, [epochs[pk] for pk in units], [s.hours for s in spans.values()], [s.days for s in spans.values()]]
    return _read(query, columns)


class Span(NamedTuple):
    """A time until now, as the windows that lie wholly in it: hours until the first midnight, from there days."""

    hours: datetime
    days: datetime


def sum_counts(parts: Iterable[Part]) -> dict[Outcome, int]:
    rows = [part.counts for part in parts]
    return dict(zip(Outcome, map(sum, zip(*rows, strict=True)), strict=True)) if rows else dict.fromkeys(Outcome, 0)


def distinct_of(sketches: Sequence[tuple[bytes, int]]) -> int:
    """How many distinct callers these packed sketches, each with its whole size, stand for together."""
    filled = [(sketch, size) for sketch, size in sketches if size]
    if not filled:
        return 0
    if len(sketches) == 1:
        sketch, size = filled[0]
        return tally.estimate_of(size // HASH, int.from_bytes(sketch[-HASH:], "big"))
    return tally.estimate(merged([sketch for sketch, _ in filled]))


def merged(packed: Sequence[bytes | memoryview]) -> tuple[int, ...]:
    """Packed sketches as one, unpacked."""
    if len(packed) == 1:
        return tally.unpack_sketch(packed[0])
    # Each is in order already: laid behind each other they are sorted by merging, faster than any set.
    together = sorted(chain.from_iterable(map(tally.unpack_sketch, packed)))
    looked_at = tally.SKETCH_SIZE
    # Few repeat where shards see different callers: then the first few already hold what is kept.
    while len(kept := dict.fromkeys(together[:looked_at])) < tally.SKETCH_SIZE and looked_at < len(together):
        looked_at *= 2
    return tuple(islice(kept, tally.SKETCH_SIZE))


def histogram_of(columns: Sequence[str]) -> dict[int, int]:
    """Histograms laid together, from the texts of their columns."""
    histograms = [read_histogram(column) for column in columns if column != "{}"]
    return histograms[0] if len(histograms) == 1 else tally.merge_histograms(histograms)


def sum_callers(columns: Iterable[str]) -> dict[str, int]:
    """Pairs by kind of caller, from the texts of their columns."""
    total: dict[str, int] = {}
    for column in columns:
        for name, count in ({} if column == "{}" else _decode(column)).items():
            total[name] = total.get(name, 0) + count
    return total


_decode = msgspec.json.Decoder(dict[str, int]).decode


def quantiles(histogram: Mapping[int, int]) -> Latency:
    """Quantiles in milliseconds."""
    return Latency(**dict(zip(("p50", "p90", "p99"), tally.quantiles(histogram, (0.5, 0.9, 0.99)), strict=True)))


def _columns(first: str, last: str) -> str:
    """Counters of the row `r`. A sketch is read whole only where its unit has another row."""
    outcomes = ", ".join(f'r."{outcome}"' for outcome in Outcome)
    sketches = ", ".join(
        f"CASE WHEN count(*) OVER (PARTITION BY r.unit_id) > 1 THEN r.{name}"
        f" ELSE substring(r.{name} FROM greatest(octet_length(r.{name}) - {HASH - 1}, 1)) END, octet_length(r.{name})"
        for name in ("subjects", "mismatching_subjects", "shapes")
    )
    plain = f"r.unit_id, {outcomes}, r.served_candidate, r.legacy_latency, r.candidate_latency"
    return f"{plain}, {sketches}, r.legacy_cost, r.candidate_cost, r.callers, {first}, {last}"


def _read(query: str, parameters: list[Any]) -> dict[int, list[Part]]:
    found: dict[int, list[Part]] = {}
    many = len(Outcome)
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        for unit_id, *rest in cursor.fetchall():
            found.setdefault(unit_id, []).append(Part(unit_id, tuple(rest[:many]), *rest[many:]))
    return found
