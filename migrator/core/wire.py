"""What travels between the control plane and the data planes.

Downwards the RoutingTable: what to do with which request. Upwards the Report: what happened.
Everything here is a frozen dataclass that msgspec turns into JSON and back; decoding validates, so
that a lie (a negative count, an unknown outcome) is refused at the door with the field's name.

Shares are basis points (0–10,000), durations milliseconds, times seconds since the epoch.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Final

import msgspec

from migrator.core.manners import Anonymous as Anonymous
from migrator.core.manners import Manners as Manners
from migrator.core.manners import SubjectSource as SubjectSource
from migrator.core.measures import Count, Identity, Key, Milliseconds, Name, Share, Text
from migrator.core.orders import Override as Override
from migrator.core.orders import SignedOverride as SignedOverride
from migrator.core.orders import Version as Version
from migrator.core.rulespec import Form as Form
from migrator.core.rulespec import RuleKind as RuleKind
from migrator.core.rulespec import RuleSpec as RuleSpec
from migrator.core.stages import Operation, Stage

BUCKET_ALGORITHM: Final = "xxh64-mod-10000"
BUCKET_ALGORITHM_VERSION: Final = 1
MOST_CALLERS: Final = 50
"""Kinds of caller that one tally may name."""
MOST_BUILDS: Final = 100
"""Builds that one report may name."""
REPLAY: Final = "replay"
"""Kind of a report's sender that is no data plane: it sends recorded requests again, and serves nobody."""


class Side(StrEnum):
    """One of the two services."""

    LEGACY = "legacy"
    CANDIDATE = "candidate"

    @property
    def other(self) -> "Side":
        return Side.CANDIDATE if self is Side.LEGACY else Side.LEGACY


class Outcome(StrEnum):
    """How one request ended as evidence. Every request of a unit ends as exactly one of these."""

    MATCH = "match"
    """Both answers agree."""
    MISMATCH = "mismatch"
    """They differ."""
    ACCEPTED = "accepted"
    """They differ as a rule says they may."""
    INCOMPARABLE = "incomparable"
    """The data moved between the two calls, so that the pair proves nothing."""
    CANDIDATE_ERROR = "candidate_error"
    """The candidate failed, hung or answered garbage where legacy answered."""
    LEGACY_ERROR = "legacy_error"
    """Legacy failed: the pair says nothing against the candidate."""
    SKIPPED = "skipped"
    """The second call was owed but shed: the mirror was at a limit of its own."""
    NOT_SAMPLED = "not_sampled"
    """The second call was not owed: the mirror's share left it out, or the stage does not mirror it."""


class Proof(StrEnum):
    """How a mismatch was looked into before it counted, or did not. Counted beside the outcomes."""

    CONFIRMED = "confirmed"
    """Read again on both sides, it was still there: a mismatch."""
    KNOWN = "known"
    """It was confirmed at the same places of the same unit several times of late: a mismatch."""
    UNCONFIRMED = "unconfirmed"
    """It could not be read again, or reading again said nothing: a mismatch."""
    SAME_VERSION = "same_version"
    """Both answers carry the same version fingerprint and still differ: a mismatch."""
    MOVED = "moved"
    """Read again, both sides agreed, and legacy's answer had changed: incomparable, the data moved."""
    LAGGED = "lagged"
    """Read again, both sides agreed, and only the candidate's answer had changed: incomparable. Where this is
    frequent the candidate is behind, or answers at random."""
    OTHER_VERSION = "other_version"
    """The two answers carry different version fingerprints: incomparable."""


PAIR_OUTCOMES: Final = (Outcome.MATCH, Outcome.MISMATCH, Outcome.ACCEPTED, Outcome.CANDIDATE_ERROR)
"""Outcomes that are evidence about the candidate: together they are `pairs`."""
BAD_OUTCOMES: Final = (Outcome.MISMATCH, Outcome.CANDIDATE_ERROR)
"""Pairs that count against the candidate."""


# ---------------------------------------------------------------------------------- downwards


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstreams:
    """A service's two addresses and the patience shown to each."""

    name: Identity
    legacy_url: str
    candidate_url: str
    legacy_timeout_ms: Milliseconds = 60_000
    candidate_timeout_ms: Milliseconds = 60_000
    """Patience with a candidate that answers the caller. Its mirror has `mirror_timeout_ms`."""
    mirror_timeout_ms: Milliseconds = 10_000
    mirror_concurrency: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 64
    """Candidate calls in flight for the mirror, per worker process. More are shed and counted as skipped."""
    mirror_body_bytes: Count = 1_048_576
    """Bodies beyond this are streamed through and neither mirrored nor compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRoute:
    """What a data plane must know about one unit."""

    id: int
    key: Key
    """`GET /users/{id}` for an endpoint, `GET /users/{id} $.first_name` or `User.firstName` for a field."""
    service: Identity
    operation: Operation = Operation.READ
    stage: Stage = Stage.BACKLOG
    candidate: Share = 0
    mirror: Share = 0
    cohort: str | None = None
    sister: bool = False
    """The candidate's writes go to sister datastores: it may be called beside legacy."""
    parent: int | None = None
    """The endpoint whose answer carries this field."""
    evidence_epoch: Count = 0
    """Counts up when evidence starts afresh; tallies carry it back."""
    gone: bool = False
    """No longer tracked: forget the route."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingTable:
    """What data planes obey, whole or as the changes since `since`."""

    project: Identity
    version: Version
    since: Version | None = None
    manners: Manners = field(default_factory=Manners)
    services: tuple[Upstreams, ...] = ()
    units: tuple[UnitRoute, ...] = ()
    rules: tuple[RuleSpec, ...] = ()
    """All of them, also in a table of changes."""
    rules_version: Count = 0
    """Counts up when a rule is saved or withdrawn."""
    override_key: str = ""
    """Public key (Ed25519, base64) of the orders that this project's data planes obey beside the table."""
    algorithm: str = BUCKET_ALGORITHM
    algorithm_version: int = BUCKET_ALGORITHM_VERSION


# ------------------------------------------------------------------------------------ upwards


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """One unit's observations of one window and one evidence epoch, as counts.

    `latency` maps a histogram bucket (core.tally) to a count; `subjects` and
    `mismatching_subjects` are sketches of distinct callers (core.tally), sorted 64-bit numbers.
    """

    unit: int
    window: Count
    """Start of the window, seconds since the epoch, a multiple of WINDOW_SECONDS."""
    evidence_epoch: Count
    outcomes: Mapping[Outcome, Count]
    served_candidate: Count = 0
    """How many of the requests the candidate answered. The rest were legacy's."""
    legacy_latency: Mapping[int, Count] = field(default_factory=dict)
    candidate_latency: Mapping[int, Count] = field(default_factory=dict)
    subjects: tuple[int, ...] = ()
    """Who was compared, each once: the caller, or where nobody knows the caller, the request itself by its target."""
    mismatching_subjects: tuple[int, ...] = ()
    shapes: tuple[int, ...] = ()
    """Sketch of the distinct shapes of request among the pairs: method, and which parameters were named."""
    callers: Annotated[Mapping[Name, Count], msgspec.Meta(max_length=MOST_CALLERS)] = field(default_factory=dict)
    """Pairs by kind of caller (core.requested): what the project's header for it said. The rest is under `…`."""
    legacy_cost: Mapping[int, Count] = field(default_factory=dict)
    """Calls by what they cost the database: a histogram (core.histograms) of the project's header."""
    candidate_cost: Mapping[int, Count] = field(default_factory=dict)
    replayed: bool = False
    """These pairs are recorded requests that were sent again: kept apart from what callers did."""
    paths: tuple["PathCount", ...] = ()
    """Differences by path shape, kind and pattern. Only endpoints carry them; fields are tallied apart."""
    causes: tuple["CauseCount", ...] = ()
    """Which of the paths differed together, and who met it. Bounded: what comes beyond is in `paths` alone."""
    hidden: tuple["HiddenCount", ...] = ()
    """What rules took out of the comparison."""
    proofs: Mapping[Proof, Count] = field(default_factory=dict)
    """How the mismatches, and the pairs that would have been, were looked into."""
    noise_pairs: Mapping[Side, Count] = field(default_factory=dict)
    """How often each side was asked twice and answered alike well. No outcome counts them."""
    noise: tuple["NoiseCount", ...] = ()
    """Where, in those, a side disagreed with itself."""

    @property
    def received(self) -> int:
        return sum(self.outcomes.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class PathCount:
    """How many pairs of a tally differed at one path shape in one way."""

    shape: Text
    """A path with its indexes left open: `$.items[*].price`; `status`; `header:content-type`."""
    kind: str
    count: Count
    pattern: Text = ""
    """What happened to the value (core.places): `number → string`, `string → string, case`, `200 → 500`."""
    whole: Count = 0
    """In how many of these pairs every member of the object around it differed in this way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseCount:
    """Places that differed together in a pair, and in no other place: how often, and before whom."""

    places: tuple[Count, ...]
    """Positions in the tally's `paths`, ascending."""
    count: Count
    subjects: tuple[int, ...] = ()
    """A sketch of the distinct callers, smaller than that of the tally."""
    callers: Mapping[Text, Count] = field(default_factory=dict)
    """What the header said that the project names for it. Bounded; the rest is under `…`."""
    legacy_builds: Mapping[Text, Count] = field(default_factory=dict)
    candidate_builds: Mapping[Text, Count] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenCount:
    """In how many pairs of a tally a rule hid or accepted something."""

    rule: Count
    count: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseCount:
    """How many times one side, asked twice, disagreed with itself at one path shape in one way."""

    side: Side
    shape: Text
    kind: str
    count: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One difference as a sample shows it. Values are tokens (`string(12) #a1b2c3`) unless their path is allowed."""

    path: Text
    shape: Text
    kind: str
    control: Text | None = None
    candidate: Text | None = None
    pattern: Text = ""
    """As in PathCount."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A kept example of a pair that differed or failed."""

    unit: int
    evidence_epoch: Count
    at: float
    outcome: Outcome
    served: Side
    method: str
    path: Text
    """The request's path with the values of its parameters redacted unless allowed."""
    legacy_status: int | None = None
    candidate_status: int | None = None
    legacy_bytes: Count | None = None
    candidate_bytes: Count | None = None
    legacy_ms: float | None = None
    candidate_ms: float | None = None
    error: Text | None = None
    """Why a side gave no answer, in words."""
    findings: tuple[Finding, ...] = ()
    truncated: bool = False
    """More differences were found than a sample keeps."""
    subject: int | None = None
    """Hash of the caller (core.tally), by which the steps of one sequence find each other."""
    caller: Text | None = None
    legacy_build: Text | None = None
    candidate_build: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """An endpoint seen in traffic that no unit covers. Passed to legacy untouched."""

    service: Identity
    method: Annotated[str, msgspec.Meta(max_length=40)]
    template: Text
    """The path with segments that look like identifiers replaced by parameters."""
    count: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenBuild:
    """A build that answered as one side of a service lately."""

    service: Identity
    side: Side
    build: Name = ""
    """Empty for answers that named none although the project's header for it is known."""
    last_seen: Annotated[float, msgspec.Meta(ge=0, le=2**40)]
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one data plane process saw since its last report. `(source, boot, seq)` makes it count once."""

    project: Identity
    source: Identity
    """The process: a gateway's name and its worker, such as `gw-1/0`."""
    boot: Identity
    """New at each start of that process."""
    seq: Count
    """1, 2, 3 … within one boot."""
    kind: Identity = "sdk"
    sent_at: float = 0.0
    sent: Count = 0
    """Observations made since boot, this report's included, dropped ones too."""
    dropped: Count = 0
    """Of those, how many were lost to a full spool."""
    passed: Count = 0
    """Requests since boot that matched no unit and went to legacy untouched."""
    applied: Version = field(default_factory=Version)
    forced: tuple[Text, ...] = ()
    """Unit keys that legacy answers because somebody said so on this data plane itself; `*` is all of them."""
    left_out: tuple[Text, ...] = ()
    """Unit keys whose candidate is left out because it fails or hangs."""
    overrides: tuple["SignedOverride", ...] = ()
    """Signed orders to lower exposure that this data plane obeys."""
    tallies: tuple[Tally, ...] = ()
    samples: tuple[Sample, ...] = ()
    observed: tuple[Observed, ...] = ()
    builds: Annotated[tuple[SeenBuild, ...], msgspec.Meta(max_length=MOST_BUILDS)] = ()
    """Which builds answered since the last report, where the project's header for them is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The answer to a report: what is safe in Redis, and what is safe in the database."""

    accepted: int
    committed: int
    """Every seq of this boot up to here is counted: the spool may let go of it."""


WINDOW_SECONDS: Final = 10

encode = msgspec.json.Encoder().encode
decode_table = msgspec.json.Decoder(RoutingTable).decode
decode_report = msgspec.json.Decoder(Report).decode
decode_receipt = msgspec.json.Decoder(Receipt).decode
WireError = msgspec.DecodeError
"""What the decoders raise; the message names the field (`Expected int >= 0 - at $.tallies[0]...`)."""
