"""What the evidence demands: promote, hold, rollback or inconclusive.

Only an explicit pass promotes. Missing, stale or partial data is inconclusive, and inconclusive holds:
no branch here turns the absence of evidence into a good word.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from migrator.core import stats
from migrator.core.policy import Policy
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """Pairs of one minute. `start` in seconds since the epoch."""

    start: int
    pairs: int
    bad: int


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was observed of one unit in its present evidence epoch. Times are seconds since the epoch."""

    outcomes: Mapping[Outcome, int] = field(default_factory=dict)
    served_candidate: int = 0
    subjects: int = 0
    """Distinct callers among the pairs."""
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
    share: "Shares | None" = None
    """What share of the traffic the candidate got since it was last set; None where there is nothing to check."""
    minutes: tuple["Minute", ...] = ()
    """The last hour minute by minute, oldest first, where anything was bad in it."""
    replay: "Replay | None" = None
    """Pairs from recorded requests: shown beside the rest, never added to it."""
    returning: "Returning | None" = None
    """What legacy would have to take back; None where nobody said what it can take."""
    stale_build: str = ""
    """A build that answers and is not the one that was deployed last, in words; empty where all is as told."""

    @property
    def received(self) -> int:
        return sum(self.outcomes.values())

    @property
    def pairs(self) -> int:
        return sum(self.outcomes.get(outcome, 0) for outcome in PAIR_OUTCOMES)

    @property
    def bad(self) -> int:
        return sum(self.outcomes.get(outcome, 0) for outcome in BAD_OUTCOMES)

    @property
    def independent_pairs(self) -> int:
        """A caller that repeats counts once. Without subjects every pair stands for itself."""
        return self.subjects or self.pairs

    @property
    def independent_bad(self) -> int:
        return self.mismatching_subjects if self.subjects else self.bad

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


class Word(StrEnum):
    """What a verdict says."""

    PROMOTE = "promote"
    HOLD = "hold"
    ROLLBACK = "rollback"
    INCONCLUSIVE = "inconclusive"


class Pass(StrEnum):
    """How one gate came out."""

    PASS = "pass"  # noqa: S105 - a word, not a password
    FAIL = "fail"
    NO_DATA = "no_data"
    """Nothing, too little, too old or too incomplete to say. Never shown green."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One demand and whether it is met."""

    name: str
    result: Pass
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The judgement of one unit at one moment."""

    word: Word
    reason: str
    gates: tuple[Gate, ...]
    pairs_missing: int | None = None
    """Clean independent pairs still needed; None where that is not what is missing."""

    @property
    def promotes(self) -> bool:
        return self.word is Word.PROMOTE


def judge(*, evidence: Evidence, policy: Policy, now: float, serving: bool = True) -> Verdict:
    """Judge one unit. `now` is seconds since the epoch.

    `serving` says that callers meet the candidate. Where none do there is nothing to take back: proven
    harm then holds the unit where it is.
    """
    harm = harm_proven(evidence=evidence, policy=policy)
    gates = (
        _arrival(evidence, policy),
        _freshness(evidence, policy, now),
        _safety(evidence, policy, harmed=harm),
    )
    if harm:
        return Verdict(word=Word.ROLLBACK if serving else Word.HOLD, reason=gates[-1].reason, gates=gates)
    for gate in gates:
        if gate.result is Pass.NO_DATA:
            return Verdict(
                word=Word.INCONCLUSIVE, reason=gate.reason, gates=gates, pairs_missing=_missing(evidence, policy)
            )
    for gate in gates:
        if gate.result is Pass.FAIL:
            return Verdict(word=Word.HOLD, reason=gate.reason, gates=gates, pairs_missing=_missing(evidence, policy))
    return Verdict(word=Word.PROMOTE, reason=gates[-1].reason, gates=gates)


def harm_proven(*, evidence: Evidence, policy: Policy) -> bool:
    """At least two bad pairs, and the rate is proven to lie above the policy's harm limit."""
    bad, pairs = evidence.independent_bad, evidence.independent_pairs
    return bad >= 2 and stats.proof_of_harm(bad=bad, pairs=pairs, limit=policy.harm_limit) >= 1 / policy.beta


def _arrival(evidence: Evidence, policy: Policy) -> Gate:
    share = evidence.completeness
    if share is None:
        return Gate(name="completeness", result=Pass.NO_DATA, reason="No data plane has reported yet.")
    if share < policy.completeness:
        reason = f"Only {_share(share)} of the observations arrived; {_share(policy.completeness)} are demanded."
        return Gate(name="completeness", result=Pass.NO_DATA, reason=reason)
    return Gate(name="completeness", result=Pass.PASS, reason=f"{_share(share)} of the observations arrived.")


def _freshness(evidence: Evidence, policy: Policy, now: float) -> Gate:
    if evidence.last_at is None or not evidence.pairs:
        return Gate(name="freshness", result=Pass.NO_DATA, reason="No pair was compared since evidence started afresh.")
    age = max(0.0, now - evidence.last_at)
    if age > policy.freshness_s:
        reason = f"The newest pair is {age / 60:,.0f} minutes old; at most {policy.freshness_s / 60:,.0f} are allowed."
        return Gate(name="freshness", result=Pass.NO_DATA, reason=reason)
    return Gate(name="freshness", result=Pass.PASS, reason=f"The newest pair is {_seconds(age)} old.")


def _safety(evidence: Evidence, policy: Policy, *, harmed: bool) -> Gate:
    bad, pairs = evidence.independent_bad, evidence.independent_pairs
    if not pairs:
        return Gate(name="mismatches", result=Pass.NO_DATA, reason="Nothing was compared yet.")
    differ = f"{bad:,} of {pairs:,} {'callers' if evidence.subjects else 'pairs'} differ"
    if harmed:
        reason = f"{differ}: proven to be more than {_share(policy.harm_limit)}."
        return Gate(name="mismatches", result=Pass.FAIL, reason=reason)
    bound = evidence.upper_bound(alpha=policy.alpha) or 0.0
    if stats.proof_of_safety(bad=bad, pairs=pairs, limit=policy.mismatch_limit) >= 1 / policy.alpha:
        return Gate(name="mismatches", result=Pass.PASS, reason=f"{differ} (at most {_share(bound)}).")
    reason = f"{differ} (at most {_share(bound)}); below {_share(policy.mismatch_limit)} must be proven."
    over = bad / pairs >= policy.mismatch_limit and bad >= 2
    return Gate(name="mismatches", result=Pass.FAIL if over else Pass.NO_DATA, reason=reason)


def _missing(evidence: Evidence, policy: Policy) -> int | None:
    bad, pairs = evidence.independent_bad, evidence.independent_pairs
    needed = stats.pairs_needed(bad=bad, limit=policy.mismatch_limit, alpha=policy.alpha)
    return needed - pairs if needed > pairs else None


def _seconds(age: float) -> str:
    return "1 second" if round(age) == 1 else f"{age:,.0f} seconds"


def _share(fraction: float) -> str:
    """As people write it, with the digits that matter: 0.00382 -> `0.38 %`, 0.000043 -> `0.0043 %`."""
    hundredths = fraction * 100
    if 0 < hundredths < 0.001:
        return "less than 0.001 %"
    return f"{hundredths:.1f} %".replace(".0 ", " ") if hundredths >= 10 else f"{hundredths:.2g} %"
