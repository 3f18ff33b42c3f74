"""Observations folded into counts that can be added.

Three things travel instead of single observations: counts per outcome, latency histograms, and
sketches of the distinct subjects. Each merges by a rule that does not care about order or grouping,
so that any shard may add up any part at any time.
"""

import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, log
from typing import Final, NamedTuple

from xxhash import xxh64_intdigest

from migrator.core.noise import NoiseTally
from migrator.core.wire import (
    BAD_OUTCOMES,
    PAIR_OUTCOMES,
    WINDOW_SECONDS,
    CauseCount,
    HiddenCount,
    Outcome,
    PathCount,
    Proof,
    Side,
    Tally,
)

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
CAUSES_KEPT: Final = 64
"""Sets of places that differed together which one tally tells apart. What comes later is in its paths alone."""
CALLERS_KEPT: Final = 64
"""Hashes that the sketch of such a set keeps: exact with fewer, then a standard error of 12.5 %."""
NAMES_KEPT: Final = 8
"""Values of the caller's header, and builds of a side, that such a set counts apart. The rest is under OTHER_SHAPE."""
NAME_LENGTH: Final = 80
RULES_KEPT: Final = 200

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


def smallest(hashes: Collection[int], size: int = SKETCH_SIZE) -> tuple[int, ...]:
    """A sketch of these distinct hashes."""
    return tuple(sorted(hashes)[:size])


def estimate(sketch: Sequence[int], size: int = SKETCH_SIZE) -> int:
    """How many distinct subjects a sorted sketch stands for: exact below its size, an estimate from there on."""
    if len(sketch) < size:
        return len(sketch)
    return round((size - 1) * _HASHES / (sketch[size - 1] + 1))


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


class Place(NamedTuple):
    """One place of a pair's differences, once for each way in which it differed."""

    shape: str
    kind: str
    pattern: str = ""
    """What happened to the value (core.places)."""
    whole: bool = False
    """Every member of the object around it differed in this way: the object changed, not the member."""


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
    shapes: Sequence[Place | tuple[str, str]] = ()
    """Places in which the two answers differed, each once; of some nothing but shape and kind is known."""
    fields: Sequence[FieldResult] = ()
    hidden: Collection[int] = ()
    """Rules that hid or accepted something."""
    caller: str | None = None
    """What the header said that the project names for it."""
    legacy_build: str | None = None
    candidate_build: str | None = None
    proof: Proof | None = None
    """How a mismatch was looked into."""


@dataclass(slots=True)
class _Cause:
    """Pairs that differed in just these places."""

    count: int = 0
    subjects: set[int] = field(default_factory=set)
    callers: dict[str, int] = field(default_factory=dict)
    legacy_builds: dict[str, int] = field(default_factory=dict)
    candidate_builds: dict[str, int] = field(default_factory=dict)

    def see(self, seen: Observation) -> None:
        self.count += 1
        if seen.subject is not None:
            _remember(self.subjects, seen.subject, CALLERS_KEPT)
        name(self.callers, seen.caller)
        name(self.legacy_builds, seen.legacy_build)
        name(self.candidate_builds, seen.candidate_build)

    def close(self, places: tuple[int, ...]) -> CauseCount:
        return CauseCount(
            places=places,
            count=self.count,
            subjects=smallest(self.subjects, CALLERS_KEPT),
            callers=self.callers,
            legacy_builds=self.legacy_builds,
            candidate_builds=self.candidate_builds,
        )


@dataclass(slots=True)
class _Path:
    """Pairs that differed at one place, and of these those in which all of the object around it did."""

    at: int
    count: int = 0
    whole: int = 0


@dataclass(slots=True)
class _Open:
    """A tally that is being counted."""

    outcomes: dict[Outcome, int] = field(default_factory=dict)
    served_candidate: int = 0
    legacy_latency: dict[int, int] = field(default_factory=dict)
    candidate_latency: dict[int, int] = field(default_factory=dict)
    subjects: set[int] = field(default_factory=set)
    mismatching_subjects: set[int] = field(default_factory=set)
    paths: dict[tuple[str, str, str], _Path] = field(default_factory=dict)
    causes: dict[tuple[int, ...], _Cause] = field(default_factory=dict)
    hidden: dict[int, int] = field(default_factory=dict)
    proofs: dict[Proof, int] = field(default_factory=dict)
    noise: NoiseTally = field(default_factory=NoiseTally)

    def count(self, outcome: Outcome, served: Side, subject: int | None) -> None:
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        if served is Side.CANDIDATE:
            self.served_candidate += 1
        if subject is not None and outcome in _PAIRS:
            _remember(self.subjects, subject)
            if outcome in _BAD:
                _remember(self.mismatching_subjects, subject)

    def differ(self, seen: Observation) -> None:
        """Count each place and all of them together. Places beyond what is kept apart count once together."""
        together: set[int] = set()
        for shape, kind, pattern, whole in [Place(*place) for place in seen.shapes]:
            path = self._path((shape, kind, pattern))
            if path.at not in together:
                together.add(path.at)
                path.count += 1
                path.whole += whole
        places = tuple(sorted(together))
        cause = self.causes.get(places)
        if cause is None and len(self.causes) < CAUSES_KEPT:
            cause = self.causes[places] = _Cause()
        if cause is not None:
            cause.see(seen)

    def hide(self, rules: Collection[int]) -> None:
        for rule in rules:
            if rule in self.hidden or len(self.hidden) < RULES_KEPT:
                self.hidden[rule] = self.hidden.get(rule, 0) + 1

    def _path(self, key: tuple[str, str, str]) -> _Path:
        if key not in self.paths and len(self.paths) >= PATHS_KEPT:
            key = (*OTHER, "")
        path = self.paths.get(key)
        if path is None:
            path = self.paths[key] = _Path(len(self.paths))
        return path

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
                PathCount(shape=shape, kind=str(kind), count=path.count, pattern=pattern, whole=path.whole)
                for (shape, kind, pattern), path in self.paths.items()
            ),
            causes=tuple(cause.close(places) for places, cause in self.causes.items()),
            hidden=tuple(HiddenCount(rule=rule, count=count) for rule, count in self.hidden.items()),
            proofs=self.proofs,
            noise_pairs=self.noise.pairs,
            noise=self.noise.counts(),
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
            tally.differ(seen)
        if seen.hidden:
            tally.hide(seen.hidden)
        if seen.proof is not None:
            tally.proofs[seen.proof] = tally.proofs.get(seen.proof, 0) + 1
        for result in seen.fields:
            self._tally(result.unit, window, result.evidence_epoch).count(result.outcome, seen.served, seen.subject)

    def disagree(
        self, *, unit: int, evidence_epoch: int, at: float, side: Side, shapes: Iterable[tuple[str, str]]
    ) -> None:
        """Count that one side was asked twice, and where it disagreed with itself. No outcome is counted."""
        window = int(at) // WINDOW_SECONDS * WINDOW_SECONDS
        self._tally(unit, window, evidence_epoch).noise.add(side, shapes)

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


def name(counts: dict[str, int], what: str | None) -> None:
    """Count what somebody called himself, among a few names."""
    if what is None:
        return
    what = what[:NAME_LENGTH]
    if what not in counts and len(counts) >= NAMES_KEPT:
        what = OTHER_SHAPE
    counts[what] = counts.get(what, 0) + 1


def _remember(hashes: set[int], subject: int, size: int = SKETCH_SIZE) -> None:
    """Add to a growing sketch. It is cut only when it is twice too large, so that adding stays cheap."""
    hashes.add(subject)
    if len(hashes) >= 2 * size:
        kept = smallest(hashes, size)
        hashes.clear()
        hashes.update(kept)
