"""What is demanded of evidence, and of people, before more callers meet the candidate.

A policy is laid together from layers: the project's, then what a service, a team, a class of units or
one unit sets otherwise. Each layer names only what it changes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec

from migrator.core import stats

Fraction = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Ratio = Annotated[float, msgspec.Meta(ge=1, le=1_000)]
Number = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
Days = Annotated[int, msgspec.Meta(ge=1, le=365)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class Automatic(StrEnum):
    """What the guard does where harm is proven."""

    OFF = "off"
    """Nothing: people look."""
    SUGGEST = "suggest"
    """It tells people, who act."""
    ACT = "act"
    """It rolls back, and tells people."""


class FourEyes(StrEnum):
    """What takes a second person. Going down never does."""

    CUTOVER = "cutover"
    REMOVAL = "removal"
    REMOVED = "removed"
    WAIVER = "waiver"
    POLICY = "policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Demands. Rates and shares are fractions; durations are seconds where their name does not say days or hours."""

    mismatch_limit: Fraction = 0.001
    """Promote when the rate is proven to lie below this."""
    harm_limit: Fraction = 0.01
    """Roll back when the rate is proven to lie above this."""
    alpha: Fraction = 0.05
    """Chance of wrongly promoting, over all looks together."""
    beta: Fraction = 0.001
    """Chance of wrongly rolling back within a day, over all looks: for wrong answers, failures and slowness each."""
    independent_pairs: Number = 0
    """Least number of pairs that count once per caller, beside what the proof itself needs."""
    request_shapes: Number = 0
    """Least number of different shapes of request: which parameters were named."""
    callers: tuple[Text, ...] = ()
    """Kinds of caller (by the header that the project names) that must have been compared: `ios`, `web`."""
    weekly_cycle: bool = False
    """Every day of a week must have been compared."""
    month_end: bool = False
    """A last or first day of a month must have been compared."""
    completeness: Fraction = 0.99
    """Least share of observations that must have arrived."""
    freshness_s: Annotated[int, msgspec.Meta(gt=0)] = 900
    """Evidence whose newest pair is older than this is stale."""
    evidence_days: Days = 30
    """Pairs older than this count no more."""
    share_alpha: Fraction = 0.001
    """Chance of wrongly calling the observed share of traffic another than the one that was set."""
    critical_paths: tuple[Text, ...] = ()
    """Path shapes of which one mismatch is too much: `$.price`, `$.items[*].sku`."""
    latency_budget_ms: Annotated[float, msgspec.Meta(gt=0)] | None = None
    """The candidate answers within this …"""
    latency_over: Fraction = 0.01
    """… but for this share of its calls."""
    latency_ratio: Ratio | None = 3.0
    """The candidate's 99th percentile is at most this many times legacy's."""
    latency_floor_ms: Annotated[float, msgspec.Meta(ge=0)] = 50.0
    """Answers faster than this are never called slow, whatever the ratio."""
    cost_ratio: Ratio | None = None
    """The candidate's database cost per request (by the project's header) is at most this many times legacy's."""
    automatic: Automatic = Automatic.SUGGEST
    """What the guard does where harm is proven."""
    cool_down_s: Annotated[int, msgspec.Meta(ge=0, le=2_592_000)] = 3_600
    """After an automatic rollback nothing climbs for so long, but by a person who overrides."""
    four_eyes: tuple[FourEyes, ...] = tuple(FourEyes)
    """What takes a second person, in projects that have one."""
    approval_hours: Annotated[int, msgspec.Meta(ge=1, le=720)] = 72
    """An approval that nobody gave or used is void after so long."""
    removal_days: Days = 14
    """Days without a single call of legacy before its code may go."""
    sample_days: Days = 14
    """Samples older than this are deleted. Counters stay."""


def layered(layers: Iterable[Mapping[str, Any]]) -> Policy:
    """The policy that these layers amount to, the later before the earlier.

    Raises msgspec.ValidationError naming the setting where a layer holds what no policy may.
    """
    together: dict[str, Any] = {}
    for layer in layers:
        together |= layer
    return msgspec.convert(together, Policy)


SETTINGS = frozenset(field.name for field in fields(Policy))


# ---------------------------------------------------------------------------------------- flaws


class Severity(StrEnum):
    """What is wrong with a demand."""

    NEVER_PASSES = "never passes"
    """No evidence can meet it: nothing that it holds for will ever climb by itself."""
    ALWAYS_PASSES = "always passes"
    """Any evidence meets it: it protects nobody."""
    ODD = "odd"
    """It can be meant so, but rarely is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One setting that does not do what a demand is for. `field` is its name in Policy."""

    field: str
    sentence: str
    severity: Severity


WINDOW_S: Final = 10
"""Data planes report windows of so many seconds: no pair is known sooner."""
COIN: Final = 0.5
_Row = tuple[bool, str, Severity, str]
"""Whether it applies, to which field, how bad it is, and its sentence."""


def flaws(
    policy: Policy, *, names_callers: bool = True, names_costs: bool = True, pairs_per_day: float | None = None
) -> tuple[Flaw, ...]:
    """What is wrong with a policy: demands that never pass, that always do, and those that contradict each other.

    `names_callers` and `names_costs` say that the project names the header that tells kinds of caller, and the cost of
    the database. `pairs_per_day` is what the busiest unit that it holds for brings; None where that is not known.
    """
    rows: list[_Row] = [
        *_of_rates(policy),
        *_of_time(policy),
        *_of_sight(policy, names_callers, names_costs),
        *_of_latency(policy),
    ]
    if pairs_per_day is not None:
        rows += _of_traffic(policy, pairs_per_day * policy.evidence_days)
    return tuple(
        Flaw(field=field, sentence=told, severity=severity) for applies, field, severity, told in rows if applies
    )


def _of_rates(policy: Policy) -> list[_Row]:
    never, always, odd = Severity.NEVER_PASSES, Severity.ALWAYS_PASSES, Severity.ODD
    contradicts = policy.harm_limit <= policy.mismatch_limit
    return [
        (contradicts, "harm_limit", odd, "It lies below the mismatch limit: what may be promoted is rolled back."),
        (policy.mismatch_limit >= COIN, "mismatch_limit", always, "Every other answer may be wrong."),
        (policy.mismatch_limit < 1e-9, "mismatch_limit", never, "Billions of clean pairs prove no rate so low."),
        (policy.alpha > COIN, "alpha", always, "It promotes wrongly more often than a coin: the first pairs pass."),
        (policy.beta > 0.1, "beta", odd, "It rolls back sound units by chance, more often than one in ten."),
        (policy.share_alpha > 0.1, "share_alpha", odd, "It holds by chance, more often than one time in ten."),
        (policy.completeness <= COIN, "completeness", always, "Half of the observations may be missing."),
        (policy.completeness > 0.99999, "completeness", odd, "One lost observation in 100,000 holds everything."),
    ]


def _of_time(policy: Policy) -> list[_Row]:
    never, odd = Severity.NEVER_PASSES, Severity.ODD
    days = f"Pairs count for {policy.evidence_days} days only"
    at_once = policy.cool_down_s == 0 and policy.automatic is Automatic.ACT
    soon = f"Data planes report every {WINDOW_S} seconds: a pair is older than this before it is known."
    week = policy.weekly_cycle and policy.evidence_days < 7
    month = policy.month_end and policy.evidence_days < 30
    return [
        (policy.freshness_s < 3 * WINDOW_S, "freshness_s", never, soon),
        (week, "evidence_days", never, f"{days}: a whole week never comes together."),
        (month, "evidence_days", odd, f"{days}: between two ends of a month, neither is known."),
        (at_once, "cool_down_s", odd, "What was rolled back climbs again at once, into the same fault."),
    ]


def _of_sight(policy: Policy, names_callers: bool, names_costs: bool) -> list[_Row]:
    never, odd = Severity.NEVER_PASSES, Severity.ODD
    unnamed = "The project names no header that says"
    blind, costly = bool(policy.callers) and not names_callers, policy.cost_ratio is not None and not names_costs
    return [
        (blind, "callers", never, f"{unnamed} what kind of caller it is."),
        (costly, "cost_ratio", never, f"{unnamed} what an answer costs the database."),
        (policy.independent_pairs > 100_000_000, "independent_pairs", odd, "Few services have so many callers."),
        (policy.request_shapes > 1_000, "request_shapes", odd, "Few endpoints are asked in so many ways."),
    ]


def _of_latency(policy: Policy) -> list[_Row]:
    never, always = Severity.NEVER_PASSES, Severity.ALWAYS_PASSES
    budget = policy.latency_budget_ms
    lax = budget is not None and policy.latency_over >= COIN
    unasked = policy.latency_ratio is not None and policy.latency_floor_ms >= 60_000
    return [
        (budget is not None and budget < 0.1, "latency_budget_ms", never, "No answer over a network is so fast."),
        (lax, "latency_over", always, "Every other call may be slow."),
        (unasked, "latency_floor_ms", always, "Nothing under a minute is called slow: the ratio is never asked."),
    ]


def _of_traffic(policy: Policy, most: float) -> list[_Row]:
    """`most` is how many pairs come before the first of them count no more."""
    needed = stats.pairs_needed(bad=0, limit=policy.mismatch_limit, alpha=policy.alpha)
    come = f"in {policy.evidence_days} days {most:,.0f} come"
    few = f"{policy.independent_pairs:,} are demanded, and {come}."
    return [
        (needed > most, "mismatch_limit", Severity.NEVER_PASSES, f"{needed:,} clean pairs prove it, and {come}."),
        (policy.independent_pairs > most, "independent_pairs", Severity.NEVER_PASSES, few),
    ]
