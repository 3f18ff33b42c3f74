"""Reports added up into what the tables hold. Pure: knows neither database nor clock.

A batch is folded in steps, each smaller than the one before: tallies into minutes, minutes into hours,
hours into days, and days into where each unit stands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, TypeVar

from migrator.core.wire import (
    BAD_OUTCOMES,
    MOST_CALLERS,
    PAIR_OUTCOMES,
    REPLAY,
    WINDOW_SECONDS,
    Outcome,
    Report,
    Sample,
    SeenBuild,
    Side,
    Tally,
    encode,
)
from migrator.observations import joints
from migrator.observations.believing import DAY as DAY
from migrator.observations.believing import MOST as MOST
from migrator.observations.believing import PAST_S
from migrator.observations.believing import KnownUnit as KnownUnit
from migrator.observations.believing import believable as believable
from migrator.observations.joints import AudienceSum, HitSum, JointSum

MINUTE, HOUR = 60, 3_600
LONGEST_KIND: Final = 200
FAILED: Final = ("answer", "candidate_error", "")
"""Shape, kind and pattern of pairs whose candidate gave no whole answer: there is nothing to compare."""
SAMPLES_OF_BATCH: Final = 5
"""Samples of one unit and cause that one batch stores. Many more would push each other out at once."""

SAMPLE_BYTES: Final = 100_000
"""A sample larger than this is no example any more."""

Key = TypeVar("Key")


@dataclass(slots=True)
class Sum:
    """Counters of one unit that are being added up. Sketches are sets here and cut when they are packed."""

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

    def add(self, other: "Sum | Tally") -> None:
        add_counts(self.outcomes, other.outcomes)
        self.served_candidate += other.served_candidate
        add_counts(self.legacy_latency, other.legacy_latency)
        add_counts(self.candidate_latency, other.candidate_latency)
        self.subjects.update(other.subjects)
        self.mismatching_subjects.update(other.mismatching_subjects)
        self.shapes.update(other.shapes)
        if other.callers:
            joints.add_names(self.callers, other.callers, MOST_CALLERS)
        if other.legacy_cost or other.candidate_cost:
            add_counts(self.legacy_cost, other.legacy_cost)
            add_counts(self.candidate_cost, other.candidate_cost)

    @property
    def received(self) -> int:
        return sum(self.outcomes.values())


@dataclass(slots=True)
class ReplaySum:
    """Pairs of recorded requests that were sent again."""

    pairs: int = 0
    bad: int = 0
    subjects: set[int] = field(default_factory=set)
    mismatching_subjects: set[int] = field(default_factory=set)
    last: int = 0

    def add(self, tally: Tally, now: float) -> None:
        self.pairs += sum(tally.outcomes.get(outcome, 0) for outcome in PAIR_OUTCOMES)
        self.bad += sum(tally.outcomes.get(outcome, 0) for outcome in BAD_OUTCOMES)
        self.subjects.update(tally.subjects)
        self.mismatching_subjects.update(tally.mismatching_subjects)
        self.last = max(self.last, min(tally.window + WINDOW_SECONDS, int(now)))


@dataclass(slots=True)
class Course:
    """One unit's epoch within a batch: when it was seen. Times are seconds since the epoch."""

    total: Sum = field(default_factory=Sum)
    first_pair: int | None = None
    last_pair: int | None = None
    last_seen: int = 0

    def see(self, window: int, *, paired: bool, now: float) -> None:
        """Note a window. What a fast clock dates into the future was seen now at the latest."""
        start, end = min(window, int(now)), min(window + WINDOW_SECONDS, int(now))
        self.last_seen = max(self.last_seen, end)
        if paired:
            self.first_pair = start if self.first_pair is None else min(self.first_pair, start)
            self.last_pair = max(self.last_pair or 0, end)


@dataclass(slots=True)
class GroupSum:
    """Pairs of one cause."""

    project_id: int
    shape: str
    kind: str
    pattern: str = ""
    total: int = 0
    whole: int = 0
    """Pairs in which all of the object around it differed in this way."""
    evidence_epoch: int = 0
    count: int = 0
    """In that evidence epoch."""
    first: int = 0
    last: int = 0
    hours: dict[int, int] = field(default_factory=dict)

    def add(self, count: int, *, window: int, epoch: int) -> None:
        self.total += count
        if epoch > self.evidence_epoch:
            self.evidence_epoch, self.count = epoch, 0
        if epoch == self.evidence_epoch:
            self.count += count
        self.see(window)
        hour = floor(window, HOUR)
        self.hours[hour] = self.hours.get(hour, 0) + count

    def merge(self, other: "GroupSum") -> None:
        self.total += other.total
        self.whole += other.whole
        if other.evidence_epoch > self.evidence_epoch:
            self.evidence_epoch, self.count = other.evidence_epoch, 0
        if other.evidence_epoch == self.evidence_epoch:
            self.count += other.count
        self.see(other.first)
        self.see(other.last)
        add_counts(self.hours, other.hours)

    def see(self, second: int) -> None:
        self.first = min(self.first or second, second)
        self.last = max(self.last, second)


@dataclass(frozen=True, slots=True)
class Kept:
    """A sample on its way into the table."""

    unit: int
    alike: str
    at: float
    outcome: Outcome
    payload: str
    causes: tuple[str, ...]
    subject: int | None


@dataclass(slots=True)
class Fate:
    """What became of the observations of one report."""

    committed: int = 0
    stray: int = 0
    refused: int = 0


@dataclass(slots=True)
class Batch:
    """Everything that a batch of reports adds."""

    minutes: dict[tuple[int, int, int], Sum] = field(default_factory=dict)
    """(unit, window start, evidence epoch), as in the other two."""
    courses: dict[tuple[int, int], Course] = field(default_factory=dict)
    """(unit, evidence epoch)."""
    traffic: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    """(project, minute) -> requests received, of those answered by the candidate."""
    groups: dict[tuple[int, str], GroupSum] = field(default_factory=dict)
    """(unit, cause)."""
    samples: dict[tuple[int, str], Kept] = field(default_factory=dict)
    observed: dict[tuple[int, str, str], int] = field(default_factory=dict)
    """(project, service, `METHOD /template`) -> requests."""
    sampled: dict[tuple[int, tuple[str, ...]], int] = field(default_factory=dict)
    joints: dict[tuple[int, str], JointSum] = field(default_factory=dict)
    """(unit, digest of the causes)."""
    audiences: dict[tuple[int, str], AudienceSum] = field(default_factory=dict)
    """(unit, cause)."""
    hits: dict[tuple[int, int, int], HitSum] = field(default_factory=dict)
    """(rule, unit, day)."""
    replayed: dict[tuple[int, int], ReplaySum] = field(default_factory=dict)
    """(unit, evidence epoch)."""
    builds: dict[tuple[int, str, Side, str], tuple[float, float]] = field(default_factory=dict)
    """(project, service, side, build) -> when it was first and last seen."""


def fold(
    batch: Batch,
    report: Report,
    *,
    project_id: int,
    units: Mapping[int, KnownUnit],
    now: float,
    rules: Mapping[int, int] | None = None,
) -> Fate:
    """Add one report to the batch. What it says of units and rules that are not its project's is not believed.

    `rules` are the rules that may be named, each with the id of its project.
    """
    fate = Fate()
    windows = {(tally.unit, tally.window) for tally in report.tallies if not tally.replayed}
    for tally in report.tallies:
        unit = units.get(tally.unit)
        # A field's tally is another view of its endpoint's requests: they are counted once.
        echo = unit is not None and (unit.parent_id, tally.window) in windows
        # Nobody made what was replayed: senders do not count it as sent, so it may not be counted as arrived.
        weight = 0 if echo or tally.replayed else min(tally.received, MOST)
        if unit is None or unit.project_id != project_id:
            fate.stray += weight
        elif not believable(tally, unit, now):
            fate.refused += weight
        elif tally.replayed:
            batch.replayed.setdefault((tally.unit, tally.evidence_epoch), ReplaySum()).add(tally, now)
        else:
            fate.committed += weight
            _add_tally(batch, tally, unit, now)
            _add_hits(batch, tally, [rule for rule, owner in (rules or {}).items() if owner == project_id])
    for sample in report.samples if report.kind != REPLAY else ():
        unit = units.get(sample.unit)
        if unit is not None and unit.project_id == project_id and sample.evidence_epoch <= unit.evidence_epoch:
            _keep(batch, sample, unit, now)
    for seen in report.observed:
        key = (project_id, seen.service, storable(f"{seen.method} {seen.template}"))
        batch.observed[key] = min(batch.observed.get(key, 0) + seen.count, MOST)
    for build in report.builds:
        _see_build(batch, build, project_id, now)
    return fate


def roll_up(sums: Mapping[tuple[int, int, int], Sum], seconds: int) -> dict[tuple[int, int, int], Sum]:
    """Windows laid together into longer ones."""
    longer: dict[tuple[int, int, int], Sum] = {}
    for (unit, start, epoch), part in sums.items():
        key = (unit, floor(start, seconds), epoch)
        longer.setdefault(key, Sum()).add(part)
    return longer


def add_counts(total: dict[Key, int], more: Mapping[Key, int]) -> None:
    for key, count in more.items():
        total[key] = total.get(key, 0) + count


def floor(second: int, seconds: int) -> int:
    return second - second % seconds


def cause_of(shape: str, kind: str, pattern: str = "") -> str:
    """What tells one mismatch group from another, short enough for an index."""
    return digest(shape, kind, pattern) if pattern else digest(shape, kind)


def digest(*parts: str) -> str:
    """32 hexadecimal digits that stand for these texts in this order."""
    whole = "\x1f".join(parts).encode("utf-8", "surrogatepass")
    return blake2b(whole, digest_size=16).hexdigest()


def storable(text: str) -> str:
    """PostgreSQL has no NUL in text: it is written as JSON would."""
    return text.replace("\x00", "\\u0000")


def _add_tally(batch: Batch, tally: Tally, unit: KnownUnit, now: float) -> None:
    minute = floor(tally.window, MINUTE)
    batch.minutes.setdefault((tally.unit, minute, tally.evidence_epoch), Sum()).add(tally)
    course = batch.courses.setdefault((tally.unit, tally.evidence_epoch), Course())
    course.see(tally.window, paired=any(map(tally.outcomes.get, PAIR_OUTCOMES)), now=now)
    if not unit.is_field:
        traffic = batch.traffic.setdefault((unit.project_id, minute), [0, 0])
        traffic[0] += tally.received
        traffic[1] += tally.served_candidate
        failed = tally.outcomes.get(Outcome.CANDIDATE_ERROR, 0)
        if failed:
            group = _group(batch, tally.unit, unit, FAILED)
            group.add(failed, window=tally.window, epoch=tally.evidence_epoch)
    causes = []
    for path in tally.paths:
        where = place(path.shape, path.kind, path.pattern)
        group = _group(batch, tally.unit, unit, where)
        group.add(path.count, window=tally.window, epoch=tally.evidence_epoch)
        group.whole += path.whole
        causes.append(cause_of(*where))
    _add_joints(batch, tally, causes)


def _add_joints(batch: Batch, tally: Tally, causes: Sequence[str]) -> None:
    """Note which of the tally's causes came together, and before whom."""
    for each in tally.causes:
        together = tuple(sorted({causes[at] for at in each.places}))
        for cause in together:
            batch.audiences.setdefault((tally.unit, cause), AudienceSum()).add(each)
        if together and len(together) <= joints.MOST_PLACES:
            joint = batch.joints.setdefault((tally.unit, digest(*together)), JointSum(together))
            joint.count += each.count
            joint.last = max(joint.last, tally.window)


def _add_hits(batch: Batch, tally: Tally, known: Sequence[int]) -> None:
    for hidden in tally.hidden:
        if hidden.rule in known:
            hit = batch.hits.setdefault((hidden.rule, tally.unit, floor(tally.window, DAY)), HitSum())
            hit.count += hidden.count
            hit.last = max(hit.last, tally.window)


def _see_build(batch: Batch, seen: SeenBuild, project_id: int, now: float) -> None:
    """Note a build that answered lately. One of which an old report tells is no news."""
    at = min(seen.last_seen, now)
    if at >= now - HOUR:
        key = (project_id, storable(seen.service), seen.side, storable(seen.build))
        first, last = batch.builds.get(key, (at, at))
        batch.builds[key] = (min(first, at), max(last, at))


def _group(batch: Batch, unit_id: int, unit: KnownUnit, where: tuple[str, str, str]) -> GroupSum:
    key = (unit_id, cause_of(*where))
    group = batch.groups.get(key)
    if group is None:
        group = batch.groups[key] = GroupSum(unit.project_id, *where)
    return group


def _keep(batch: Batch, sample: Sample, unit: KnownUnit, now: float) -> None:
    """Keep a sample for the groups that it illustrates. One that illustrates nothing is shown to nobody."""
    places = places_of(sample)
    causes = tuple(sorted(cause_of(*each) for each in places))
    seen = batch.sampled[sample.unit, causes] = batch.sampled.get((sample.unit, causes), 0) + 1
    payload = encode(sample)
    if not places or seen > SAMPLES_OF_BATCH or len(payload) > SAMPLE_BYTES:
        return
    at = min(max(sample.at, now - PAST_S), now)
    for each in places:
        _group(batch, sample.unit, unit, each).see(int(at))
    subject = None if sample.subject is None else signed(sample.subject)
    kept = Kept(sample.unit, alike(sample), at, sample.outcome, payload.decode(), causes, subject)
    batch.samples[kept.unit, kept.alike] = kept


def signed(subject: int) -> int:
    """A caller's hash as the database's signed number."""
    return (subject & (2**64 - 1)) - (2**64 if subject & 2**63 else 0)


def alike(sample: Sample) -> str:
    """Equal for samples of which one is enough: the same request with the same differences."""
    findings = (f"{each.path}\x1e{each.kind}\x1e{each.control}\x1e{each.candidate}" for each in sample.findings)
    statuses = f"{sample.legacy_status} {sample.candidate_status}"
    return digest(sample.outcome, sample.method, sample.path, statuses, str(sample.error), *findings)


def places_of(sample: Sample) -> set[tuple[str, str, str]]:
    """Shape, kind and pattern of the mismatch groups that a sample illustrates."""
    if sample.outcome is Outcome.CANDIDATE_ERROR:
        return {FAILED}
    return {place(finding.shape, finding.kind, finding.pattern) for finding in sample.findings}


def place(shape: str, kind: str, pattern: str = "") -> tuple[str, str, str]:
    """Shape, kind and pattern as a mismatch group stores them."""
    return storable(shape), storable(kind)[:LONGEST_KIND], storable(pattern)[:LONGEST_KIND]
