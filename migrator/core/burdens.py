"""What the candidate would put on callers and machines: failures, latency, the database, the way back.

One function for each gate, as in core.demands.
"""

from collections.abc import Mapping

from migrator.core import harm, stats
from migrator.core.case import Case, Gate, Pass, milliseconds, percent
from migrator.core.slowness import QUANTILE, harmful_share, ratio_budget, slower_than
from migrator.core.tally import quantile


def candidate_errors(case: Case) -> Gate | None:
    """Failures of the candidate: against the harm limit, and against their share of all failures."""
    evidence, policy = case.evidence, case.policy
    calls, errors = evidence.candidate_calls, evidence.errors
    if not calls:
        return None
    share = harm.error_share(evidence)
    of_share = harm.of_share(evidence=evidence, policy=policy)
    many = harm.of_failures(evidence=evidence, policy=policy) >= 1 / policy.beta
    unfair = of_share >= 1 / policy.beta
    told = f"{errors:,} of {calls:,} calls of the candidate failed ({percent(errors / calls)})"
    if many:
        reason = f"{told}: proven to be more than {percent(policy.harm_limit)}."
    elif unfair:
        reason = f"{told}: proven to be more than its share, which is {percent(share)} of all failures."
    else:
        reason = f"{told}: no more than can be."
    return Gate(
        name="candidate errors",
        result=Pass.FAIL if many or unfair else Pass.PASS,
        reason=reason,
        numbers={"errors": errors, "calls": calls, "share": share, "e_value": of_share},
        evidence="series:errors",
        harm=many or unfair,
    )


# -------------------------------------------------------------------------------------- latency


def latency_budget(case: Case) -> Gate | None:
    budget = case.policy.latency_budget_ms
    if budget is None:
        return None
    name, histogram = "latency budget", case.evidence.candidate_histogram
    if not histogram:
        return _not_measured(name, "No call of the candidate was timed.")
    return _slow(case, name, histogram, limit=case.policy.latency_over, budget=budget, numbers={"budget_ms": budget})


def latency_ratio(case: Case) -> Gate | None:
    """The candidate's calls that lie over some times legacy's quantile are as rare as legacy's over the quantile.

    No gate where neither side was ever timed: fields have no latency of their own.
    """
    ratio, legacy, candidate = (
        case.policy.latency_ratio,
        case.evidence.legacy_histogram,
        case.evidence.candidate_histogram,
    )
    if ratio is None or not (legacy or candidate):
        return None
    name, budget = "latency ratio", ratio_budget(evidence=case.evidence, policy=case.policy)
    if budget is None or not candidate:
        return _not_measured(name, f"No call of {'legacy' if budget is None else 'the candidate'} was timed.")
    tails = (quantile(histogram, QUANTILE) for histogram in (legacy, candidate))
    numbers = dict(zip(("legacy_p99_ms", "candidate_p99_ms"), tails, strict=True)) | {"ratio": ratio}
    return _slow(case, name, candidate, limit=1 - QUANTILE, budget=budget, numbers=numbers | {"budget_ms": budget})


def _slow(
    case: Case,
    name: str,
    histogram: Mapping[int, int],
    *,
    limit: float,
    budget: float,
    numbers: Mapping[str, float | None],
) -> Gate:
    over, calls = slower_than(histogram=histogram, budget_ms=budget), sum(histogram.values())
    most = harmful_share(limit=limit)
    needed = stats.pairs_needed(bad=over, limit=limit, alpha=case.policy.alpha)
    told = f"{over:,} of {calls:,} calls took longer than {milliseconds(budget)} ({percent(over / calls)})"
    harmful = _proven(over, calls, most, case.policy.beta)
    result = Pass.NO_DATA
    if harmful:
        result, reason = Pass.FAIL, f"{told}: proven to be more than {percent(most)}."
    elif _proven(over, calls, limit, case.policy.beta):
        result, reason = Pass.FAIL, f"{told}: proven to be more than {percent(limit)}."
    elif stats.proof_of_safety(bad=over, pairs=calls, limit=limit) >= 1 / case.policy.alpha:
        result, reason = Pass.PASS, f"{told}."
    else:
        reason = f"{told}; below {percent(limit)} must be proven."
    return Gate(
        name=name,
        result=result,
        reason=reason,
        numbers={"over": over, "calls": calls, "limit": limit, "needed": needed, **numbers},
        evidence="latency",
        eta=_when(case, needed - calls) if result is Pass.NO_DATA else None,
        harm=harmful,
    )


def _proven(over: int, calls: int, limit: float, beta: float) -> bool:
    return stats.proof_by_all(counts=((over, calls),), limit=limit) >= 1 / beta


def _when(case: Case, missing: int) -> float | None:
    """When so many more calls will have been timed."""
    first_at, calls = case.evidence.first_at, sum(case.evidence.candidate_histogram.values())
    if first_at is None or not case.now > first_at:
        return None
    ahead = stats.look_ahead(missing=missing, per_second=calls / (case.now - first_at))
    return None if ahead is None else case.now + ahead


def _not_measured(name: str, reason: str) -> Gate:
    return Gate(name=name, result=Pass.NO_DATA, reason=reason, evidence="latency")


# ------------------------------------------------------------------------------------- machines


def database_cost(case: Case) -> Gate | None:
    ratio, legacy, candidate = case.policy.cost_ratio, case.evidence.legacy_cost, case.evidence.candidate_cost
    if ratio is None:
        return None
    numbers = {"legacy": legacy, "candidate": candidate, "ratio": ratio}
    name, evidence = "database cost", "cost"
    if legacy is None or candidate is None:
        side = "legacy" if legacy is None else "the candidate"
        reason = f"Nothing was told of what an answer of {side} costs the database."
        return Gate(name=name, result=Pass.NO_DATA, reason=reason, numbers=numbers, evidence=evidence)
    fits = candidate <= ratio * legacy
    told = f"An answer costs the database {candidate:.3g} by the candidate and {legacy:.3g} by legacy"
    reason = f"{told}; at most {ratio:g} times as much is allowed."
    return Gate(name=name, result=Pass.PASS if fits else Pass.FAIL, reason=reason, numbers=numbers, evidence=evidence)


def legacy_capacity(case: Case) -> Gate | None:
    """Whether legacy could take everything back: a rollback that fells legacy is none."""
    back = case.evidence.returning
    if back is None:
        return None
    fits = back.needed <= back.capacity
    told = (
        f"After a rollback legacy would answer {back.needed:,.1f} requests a second; it can take {back.capacity:,.1f}"
    )
    return Gate(
        name="legacy capacity",
        result=Pass.PASS if fits else Pass.FAIL,
        reason=f"{told}." if fits else f"{told}: keep it larger, or climb later.",
        numbers={"needed": back.needed, "capacity": back.capacity},
        evidence="capacity",
    )
