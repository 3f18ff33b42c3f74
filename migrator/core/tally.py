"""Observations folded into counts that can be added.

Three things travel instead of single observations: counts per outcome, latency histograms, and
sketches of the distinct subjects. Each merges by a rule that does not care about order or grouping,
so that any shard may add up any part at any time.
"""

import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, log
from typing import Final

from xxhash import xxh64_intdigest

from migrator.core.wire import BAD_OUTCOMES, PAIR_OUTCOMES, WINDOW_SECONDS, Outcome, PathCount, Side, Tally

BASE: Final = 1.02
"""Each latency bucket is 2 % wider than the one before: read from its middle, a latency is at most 1 % off."""
LEAST_MS: Final = 0.01
"""What bucket 0 holds: everything up to here."""
GREATEST_MS: Final = 86_400_000.0
SKETCH_SIZE: Final = 512
"""Hashes that a sketch keeps. With fewer it is exact; with so many its standard error is 4.4 %."""
PATHS_KEPT: Final = 200
"""Places and kinds that one tally counts apart. What comes later is counted under OTHER_SHAPE."""
OTHER_SHAPE: Final = "…"

_STEP: Final = log(BASE)
_HASHES: Final = 2**64
_PAIRS: Final = frozenset(PAIR_OUTCOMES)
_BAD: Final = frozenset(BAD_OUTCOMES)


# ------------------------------------------------------------------------------------ latencies


def latency_bucket(ms: float) -> int:
    """The histogram bucket of a latency, 0 to 1,156. What is no latency (negative, NaN) is in the first or last."""
    if ms <= LEAST_MS:
        return 0
    if not ms < GREATEST_MS:
        return bucket_of_greatest
    return 1 + floor(log(ms / LEAST_MS) / _STEP)


def latency_of(bucket: int) -> float:
    """Milliseconds that stand for a bucket: its geometric middle, within 1 % of everything in it."""
    return LEAST_MS if bucket <= 0 else float(LEAST_MS * BASE ** (bucket - 0.5))


bucket_of_greatest: Final = 1 + floor(log(GREATEST_MS / LEAST_MS) / _STEP)


def quantile(histogram: Mapping[int, int], q: float) -> float | None:
    """The latency in milliseconds that the share `q` (0–1) of the histogram does not exceed.

    None for an empty histogram: there is no such latency.
    """
    total = sum(histogram.values())
    if total <= 0:
        return None
    rank = max(1, ceil(min(max(q, 0.0), 1.0) * total))
    for bucket in sorted(histogram):
        rank -= histogram[bucket]
        if rank <= 0:
            return latency_of(bucket)
    return None


def merge_histograms(histograms: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """All histograms as one."""
    merged: dict[int, int] = {}
    for histogram in histograms:
        for bucket, count in histogram.items():
            merged[bucket] = merged.get(bucket, 0) + count
    return merged


# ------------------------------------------------------------------------------------- subjects


def subject_hash(subject: str) -> int:
    """What a sketch keeps of a subject: 64 bits, from which it cannot be read back."""
    return int(xxh64_intdigest(subject.encode("utf-8", "surrogateescape")))


def merge_sketches(sketches: Iterable[Iterable[int]]) -> tuple[int, ...]:
    """All sketches as one: the smallest hashes of them all, sorted, each once."""
    hashes: set[int] = set()
    for sketch in sketches:
        hashes.update(sketch)
    return smallest(hashes)


def smallest(hashes: Collection[int]) -> tuple[int, ...]:
    """A sketch of these distinct hashes."""
    return tuple(sorted(hashes)[:SKETCH_SIZE])


def estimate(sketch: Sequence[int]) -> int:
    """How many distinct subjects a sorted sketch stands for: exact below SKETCH_SIZE, an estimate from there on."""
    if len(sketch) < SKETCH_SIZE:
        return len(sketch)
    return round((SKETCH_SIZE - 1) * _HASHES / (sketch[SKETCH_SIZE - 1] + 1))


def pack_sketch(sketch: Sequence[int]) -> bytes:
    """A sketch as the database keeps it: eight bytes for each hash, big-endian, in ascending order."""
    return struct.pack(f">{len(sketch)}Q", *sketch)


def unpack_sketch(packed: bytes | memoryview) -> tuple[int, ...]:
    """Read back what `pack_sketch` wrote. Raises ValueError where the length is no multiple of eight."""
    if len(packed) % 8:
        raise ValueError(f"a sketch has a multiple of 8 bytes, not {len(packed)}")
    return struct.unpack(f">{len(packed) // 8}Q", packed)


# --------------------------------------------------------------------------------- observations


@dataclass(frozen=True, slots=True)
class FieldResult:
    """What one observation of an endpoint says about one of its fields."""

    unit: int
    evidence_epoch: int
    outcome: Outcome


@dataclass(slots=True, kw_only=True)
class Observation:
    """How one request of an endpoint ended. Not frozen, which would triple the cost of making one for every request."""

    unit: int
    at: float
    """Seconds since the epoch."""
    evidence_epoch: int
    outcome: Outcome
    served: Side
    legacy_ms: float | None = None
    candidate_ms: float | None = None
    subject: int | None = None
    """`subject_hash()` of the caller, None for an anonymous one."""
    shapes: Sequence[tuple[str, str]] = ()
    """Places and kinds in which the two answers differed, each once."""
    fields: Sequence[FieldResult] = ()


@dataclass(slots=True)
class _Open:
    """A tally that is being counted."""

    outcomes: dict[Outcome, int] = field(default_factory=dict)
    served_candidate: int = 0
    legacy_latency: dict[int, int] = field(default_factory=dict)
    candidate_latency: dict[int, int] = field(default_factory=dict)
    subjects: set[int] = field(default_factory=set)
    mismatching_subjects: set[int] = field(default_factory=set)
    paths: dict[tuple[str, str], int] = field(default_factory=dict)

    def count(self, outcome: Outcome, served: Side, subject: int | None) -> None:
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        if served is Side.CANDIDATE:
            self.served_candidate += 1
        if subject is not None and outcome in _PAIRS:
            _remember(self.subjects, subject)
            if outcome in _BAD:
                _remember(self.mismatching_subjects, subject)

    def differ(self, shapes: Sequence[tuple[str, str]]) -> None:
        """Count each place and kind. Those beyond what is kept apart count once together."""
        others = False
        for place in shapes:
            if place in self.paths or len(self.paths) < PATHS_KEPT:
                self.paths[place] = self.paths.get(place, 0) + 1
            elif not others:
                others = True
                self.paths[OTHER] = self.paths.get(OTHER, 0) + 1

    def close(self, unit: int, window: int, evidence_epoch: int) -> Tally:
        return Tally(
            unit=unit,
            window=window,
            evidence_epoch=evidence_epoch,
            outcomes=self.outcomes,
            served_candidate=self.served_candidate,
            legacy_latency=self.legacy_latency,
            candidate_latency=self.candidate_latency,
            subjects=smallest(self.subjects),
            mismatching_subjects=smallest(self.mismatching_subjects),
            paths=tuple(
                PathCount(shape=shape, kind=str(kind), count=count) for (shape, kind), count in self.paths.items()
            ),
        )


OTHER: Final = (OTHER_SHAPE, OTHER_SHAPE)


class Folder:
    """Counts observations into tallies, one per unit, window and evidence epoch."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, int, int], _Open] = {}

    def __len__(self) -> int:
        """How many tallies are open."""
        return len(self._open)

    def observe(self, seen: Observation) -> None:
        """Count one request for its endpoint and for each field that occurred in it."""
        window = int(seen.at) // WINDOW_SECONDS * WINDOW_SECONDS
        tally = self._tally(seen.unit, window, seen.evidence_epoch)
        tally.count(seen.outcome, seen.served, seen.subject)
        if seen.legacy_ms is not None:
            bucket = latency_bucket(seen.legacy_ms)
            tally.legacy_latency[bucket] = tally.legacy_latency.get(bucket, 0) + 1
        if seen.candidate_ms is not None:
            bucket = latency_bucket(seen.candidate_ms)
            tally.candidate_latency[bucket] = tally.candidate_latency.get(bucket, 0) + 1
        if seen.shapes:
            tally.differ(seen.shapes)
        for result in seen.fields:
            self._tally(result.unit, window, result.evidence_epoch).count(result.outcome, seen.served, seen.subject)

    def take(self) -> list[Tally]:
        """What was counted since the last time, and start afresh."""
        taken, self._open = self._open, {}
        return [tally.close(*key) for key, tally in taken.items()]

    def _tally(self, unit: int, window: int, evidence_epoch: int) -> _Open:
        key = (unit, window, evidence_epoch)
        tally = self._open.get(key)
        if tally is None:
            tally = self._open[key] = _Open()
        return tally


def _remember(hashes: set[int], subject: int) -> None:
    """Add to a growing sketch. It is cut only when it is twice too large, so that adding stays cheap."""
    hashes.add(subject)
    if len(hashes) >= 2 * SKETCH_SIZE:
        kept = smallest(hashes)
        hashes.clear()
        hashes.update(kept)
