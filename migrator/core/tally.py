"""Observations folded into counts that can be added.

Three things travel instead of single observations: counts per outcome, latency histograms, and
sketches of the distinct subjects. Each merges by a rule that does not care about order or grouping,
so that any shard may add up any part at any time.
"""

import struct
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from xxhash import xxh64_intdigest

from migrator.core.histograms import BASE as BASE
from migrator.core.histograms import GREATEST_MS as GREATEST_MS
from migrator.core.histograms import LEAST_MS as LEAST_MS
from migrator.core.histograms import bucket_of_greatest as bucket_of_greatest
from migrator.core.histograms import cost_bucket
from migrator.core.histograms import latency_bucket as latency_bucket
from migrator.core.histograms import latency_of as latency_of
from migrator.core.histograms import merge_histograms as merge_histograms
from migrator.core.histograms import quantile as quantile
from migrator.core.histograms import quantiles as quantiles
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
KINDS_KEPT: Final = 20
"""Kinds of caller that a tally counts apart. Likewise."""
NAME_LENGTH: Final = 80
RULES_KEPT: Final = 200

_HASHES: Final = 2**64
_PAIRS: Final = frozenset(PAIR_OUTCOMES)
_BAD: Final = frozenset(BAD_OUTCOMES)


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
    return len(sketch) if len(sketch) < size else estimate_of(size, sketch[size - 1], size)


def estimate_of(length: int, greatest: int, size: int = SKETCH_SIZE) -> int:
    """The same from a sketch's length and its greatest hash alone."""
    return length if length < size else round((size - 1) * _HASHES / (greatest + 1))


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
    entity: int | None = None
    """What stands for an anonymous caller, so that what repeats counts once: a hash of the request (core.requested)."""
    shape: int | None = None
    """Hash of the request's shape (core.requested)."""
    shapes: Sequence[Place | tuple[str, str]] = ()
    """Places in which the two answers differed, each once; of some nothing but shape and kind is known."""
    fields: Sequence[FieldResult] = ()
    hidden: Collection[int] = ()
    """Rules that hid or accepted something."""
    caller: str | None = None
    """What the header said that the project names for it."""
    kind: str | None = None
    """The kind of caller by that header (core.requested)."""
    legacy_cost: float | None = None
    """What the answer cost the side's database, in whatever the project's header counts."""
    candidate_cost: float | None = None
    legacy_build: str | None = None
    candidate_build: str | None = None
    proof: Proof | None = None
    """How a mismatch was looked into."""
    replayed: bool = False
    """A recorded request that was sent again, by nobody."""


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
    shapes: set[int] = field(default_factory=set)
    callers: dict[str, int] = field(default_factory=dict)
    legacy_cost: dict[int, int] = field(default_factory=dict)
    candidate_cost: dict[int, int] = field(default_factory=dict)
    paths: dict[tuple[str, str, str], _Path] = field(default_factory=dict)
    causes: dict[tuple[int, ...], _Cause] = field(default_factory=dict)
    hidden: dict[int, int] = field(default_factory=dict)
    proofs: dict[Proof, int] = field(default_factory=dict)
    noise: NoiseTally = field(default_factory=NoiseTally)

    def count(self, outcome: Outcome, seen: Observation) -> None:
        """Count the request with this outcome: its own for its endpoint, another for a field."""
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        if seen.served is Side.CANDIDATE:
            self.served_candidate += 1
        if outcome in _PAIRS:
            self._pair(seen, bad=outcome in _BAD)

    def measure(self, seen: Observation) -> None:
        """Count what the two calls took and cost."""
        if seen.legacy_ms is not None:
            _add(self.legacy_latency, latency_bucket(seen.legacy_ms))
        if seen.candidate_ms is not None:
            _add(self.candidate_latency, latency_bucket(seen.candidate_ms))
        if seen.legacy_cost is not None:
            _add(self.legacy_cost, cost_bucket(seen.legacy_cost))
        if seen.candidate_cost is not None:
            _add(self.candidate_cost, cost_bucket(seen.candidate_cost))

    def _pair(self, seen: Observation, *, bad: bool) -> None:
        who = seen.entity if seen.subject is None else seen.subject
        if who is not None:
            _remember(self.subjects, who)
            if bad:
                _remember(self.mismatching_subjects, who)
        if seen.shape is not None:
            _remember(self.shapes, seen.shape)
        if seen.kind is not None:
            name(self.callers, seen.kind, KINDS_KEPT)

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

    def close(self, unit: int, window: int, evidence_epoch: int, replayed: bool) -> Tally:
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
            shapes=smallest(self.shapes),
            callers=self.callers,
            legacy_cost=self.legacy_cost,
            candidate_cost=self.candidate_cost,
            replayed=replayed,
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
    """Counts observations into tallies, one per unit, window and evidence epoch; those of replays apart."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, int, int, bool], _Open] = {}

    def __len__(self) -> int:
        """How many tallies are open."""
        return len(self._open)

    def observe(self, seen: Observation) -> None:
        """Count one request for its endpoint and for each field that occurred in it."""
        window = int(seen.at) // WINDOW_SECONDS * WINDOW_SECONDS
        tally = self._tally(seen.unit, window, seen.evidence_epoch, seen.replayed)
        tally.count(seen.outcome, seen)
        tally.measure(seen)
        if seen.shapes:
            tally.differ(seen)
        if seen.hidden:
            tally.hide(seen.hidden)
        if seen.proof is not None:
            tally.proofs[seen.proof] = tally.proofs.get(seen.proof, 0) + 1
        for result in seen.fields:
            self._tally(result.unit, window, result.evidence_epoch, seen.replayed).count(result.outcome, seen)

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

    def _tally(self, unit: int, window: int, evidence_epoch: int, replayed: bool = False) -> _Open:
        key = (unit, window, evidence_epoch, replayed)
        tally = self._open.get(key)
        if tally is None:
            tally = self._open[key] = _Open()
        return tally


def name(counts: dict[str, int], what: str | None, kept: int = NAMES_KEPT) -> None:
    """Count what somebody called himself, among `kept` names."""
    if what is None:
        return
    what = what[:NAME_LENGTH]
    if what not in counts and len(counts) >= kept:
        what = OTHER_SHAPE
    counts[what] = counts.get(what, 0) + 1


def _add(histogram: dict[int, int], bucket: int) -> None:
    histogram[bucket] = histogram.get(bucket, 0) + 1


def _remember(hashes: set[int], subject: int, size: int = SKETCH_SIZE) -> None:
    """Add to a growing sketch. It is cut only when it is twice too large, so that adding stays cheap."""
    hashes.add(subject)
    if len(hashes) >= 2 * size:
        kept = smallest(hashes, size)
        hashes.clear()
        hashes.update(kept)
