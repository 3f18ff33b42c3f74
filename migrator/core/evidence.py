"""What was observed of one unit, as the gates ask for it. Counts, shares and times; nothing is judged here."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from migrator.core import stats
from migrator.core.wire import BAD_OUTCOMES, PAIR_OUTCOMES, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Quantiles of one side in milliseconds; None where nothing was measured."""

    p50: float | None = None
    p90: float | None = None
    p99: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Requests since the candidate's share was last set. `configured` in basis points."""

    configured: int
    received: int
    served_candidate: int
    subjects: int = 0
    """Distinct callers among them, where one caller always meets the same side; 0 where each request is dealt anew,
    or where nobody counted them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """Pairs of one minute, or of one hour where it is longer ago. `start` in seconds since the epoch."""

    start: int
    pairs: int
    bad: int
    errors: int = 0
    """Of the bad ones, failures of the candidate."""
    calls: int = 0
    """Calls of the candidate in this time, failed ones included; 0 where nobody counted them."""
    subjects: int = 0
    """Distinct callers among the pairs from this start until now: not of this minute alone, because a caller who
    comes back must count once. 0 where nobody counted them: then they repeat as those did who met something bad."""
    mismatching_subjects: int = 0
    """Of those, how many met at least one bad pair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Recorded requests that were sent to both sides again."""

    pairs: int
    bad: int
    last_at: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Returning:
    """Requests per second of a service: what legacy would answer after a rollback of all of it, and what it can."""

    needed: float
    capacity: float


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What was observed of one unit in its present evidence epoch. Times are seconds since the epoch.

    Without slots, so that sums are remembered: a dozen gates ask for the same few.
    """

    outcomes: Mapping[Outcome, int] = field(default_factory=dict)
    served_candidate: int = 0
    subjects: int = 0
    """Distinct callers among the pairs; for an anonymous one his request stands."""
    mismatching_subjects: int = 0
    """Of those, how many met at least one bad pair."""
    completeness: float | None = None
    """Observations counted, of those made; None where no data plane reported."""
    first_at: float | None = None
    last_at: float | None = None
    legacy_latency: Latency = Latency()
    candidate_latency: Latency = Latency()
    legacy_histogram: Mapping[int, int] = field(default_factory=dict)
    """Calls by latency bucket (core.tally)."""
    candidate_histogram: Mapping[int, int] = field(default_factory=dict)
    request_shapes: int = 0
    """Distinct shapes of request among the pairs."""
    callers: Mapping[str, int] = field(default_factory=dict)
    """Pairs by kind of caller, where the project names a header for it."""
    weekdays: frozenset[int] = frozenset()
    """Days of the week (Monday is 0) on which pairs were compared."""
    month_end: bool = False
    """Pairs were compared on a last or first day of a month."""
    critical: Mapping[str, int] = field(default_factory=dict)
    """Mismatches at paths that the policy calls critical."""
    legacy_cost: float | None = None
    """Mean database cost of one call, in whatever the project's header counts; None where nothing was told."""
    candidate_cost: float | None = None
    share: Shares | None = None
    """What share of the traffic the candidate got since it was last set; None where there is nothing to check."""
    minutes: tuple[Minute, ...] = ()
    """The last day, oldest first: hour by hour, and the present hour and the one before it minute by minute. Every
    minute and hour that had pairs, from the first with a bad one on: what was clean after it belongs to it, or the rate
    would look higher than it is. Empty where nothing was bad. Less than a day is no error, it only shows less."""
    replay: Replay | None = None
    """Pairs from recorded requests: shown beside the rest, never added to it."""
    returning: Returning | None = None
    """What legacy would have to take back; None where nobody said what it can take."""
    stale_build: str = ""
    """A build that answers and is not the one that was deployed last, in words; empty where all is as told."""

    @cached_property
    def received(self) -> int:
        return sum(self.outcomes.values())

    @cached_property
    def pairs(self) -> int:
        return sum(self.outcomes.get(outcome, 0) for outcome in PAIR_OUTCOMES)

    @cached_property
    def bad(self) -> int:
        return sum(self.outcomes.get(outcome, 0) for outcome in BAD_OUTCOMES)

    @cached_property
    def independent_pairs(self) -> int:
        """A caller that repeats counts once, as an anonymous request does. Where neither was told, every pair does."""
        return min(self.subjects, self.pairs) or self.pairs

    @cached_property
    def independent_bad(self) -> int:
        """Callers that met a bad pair. Where none is known to have met what was bad, each bad pair counts."""
        return min(self.mismatching_subjects or self.bad, self.independent_pairs) if self.subjects else self.bad

    @cached_property
    def errors(self) -> int:
        """Failures of the candidate where legacy answered, or was not asked."""
        return self.outcomes.get(Outcome.CANDIDATE_ERROR, 0)

    @cached_property
    def compared(self) -> int:
        """Pairs of two answers. Failures are not among them: some of those were never mirrored."""
        return self.pairs - self.errors

    @cached_property
    def one_sided(self) -> int:
        """Requests that only one side was asked for."""
        return self.outcomes.get(Outcome.SKIPPED, 0) + self.outcomes.get(Outcome.NOT_SAMPLED, 0)

    @cached_property
    def candidate_share(self) -> float:
        """The share of requests that the candidate answered, 0 where there were none."""
        return min(1.0, self.served_candidate / self.received) if self.received else 0.0

    @cached_property
    def candidate_calls(self) -> int:
        """Requests that the candidate was asked for: both sides for pairs, its share of the others."""
        return self.received - self.one_sided + round(self.one_sided * self.candidate_share)

    @cached_property
    def legacy_calls(self) -> int:
        return self.received - round(self.one_sided * self.candidate_share)

    def independent_rate(self, *, now: float) -> float | None:
        """Independent pairs a second since the first; None where there is none, or no time has passed since."""
        if self.first_at is None or not now > self.first_at:
            return None
        return self.independent_pairs / (now - self.first_at)

    @property
    def mismatch_rate(self) -> float | None:
        return self.bad / self.pairs if self.pairs else None

    def upper_bound(self, *, alpha: float = 0.05) -> float | None:
        """What the true rate does not exceed, valid at every look; None without pairs."""
        return stats.upper_bound(bad=self.independent_bad, pairs=self.independent_pairs, alpha=alpha)

    def as_record(self) -> dict[str, Any]:
        """Plain JSON, as the ledger keeps it beside a flip."""
        record = asdict(self)
        for bulky in ("legacy_histogram", "candidate_histogram", "minutes"):
            del record[bulky]
        record["weekdays"] = sorted(self.weekdays)
        record["outcomes"] = {str(outcome): count for outcome, count in self.outcomes.items() if count}
        return record | {"pairs": self.pairs, "mismatch_rate": self.mismatch_rate}
