"""Is harm proven? Two questions that one answer must not hide from the other: wrong answers, and none at all.

Half of the policy's beta is staked on all evidence since it began, half on faults that began within the last day,
so that a long clean history hides nothing. At least two bad ones are always asked for.
"""

from collections.abc import Callable, Iterator
from functools import partial
from math import ceil
from typing import Final

from migrator.core import stats
from migrator.core.evidence import Evidence, Minute
from migrator.core.policy import Policy
from migrator.core.slowness import QUANTILE, harmful_share, ratio_budget, slower_than
from migrator.core.wire import Outcome

NEARLY: Final = 0.99
"""Where two e-values are only bound to each other by a proof on paper: more than any rounding takes away."""
ROUNDING: Final = 1e-9
"""The same of two shares that were divided or multiplied otherwise."""


def conceivable(*, evidence: Evidence, policy: Policy) -> bool:
    """Whether harm may be proven of a unit, from its counts and latencies alone: a fraction of the price of a verdict.

    `evidence` may leave out its callers, and minutes since none of which two or more were bad at a rate over the
    harm limit. It never answers False where the whole evidence proves harm:

    1. Wrong answers and failures count only as far as every way of counting agrees, so a proof by pairs alone is never
       the weaker one; and minutes of which none can prove anything add nothing.
    2. With callers, no more failures are independent than there are failures: fewer of them are a weaker proof
       against the same number of legacy's failures.
    3. Slowness knows no callers.
    4. Critical paths are not among the counts: whoever has some is not ruled out.
    """
    enough = 1 / policy.beta
    # A share within the limit proves nothing, be it of pairs or, fewer among more, of calls.
    over = bool(evidence.minutes) or evidence.bad > policy.harm_limit * evidence.pairs * (1 - ROUNDING)
    return (
        bool(policy.critical_paths)
        or (over and of_answers(evidence=evidence, policy=policy) >= enough)
        or (over and of_failures(evidence=evidence, policy=policy) >= enough)
        or of_share(evidence=evidence, policy=policy) >= enough * NEARLY
        or of_slowness(evidence=evidence, policy=policy) >= enough
    )


def of_answers(*, evidence: Evidence, policy: Policy) -> float:
    """E-value of "more pairs are bad than the harm limit allows". 1/beta and more is proof."""
    if evidence.bad < 2:
        return 0.0
    mirrored = _mirrored(evidence)
    return _both(_answers(evidence, mirrored), evidence, policy, partial(_answers_of, mirrored=mirrored))


def of_failures(*, evidence: Evidence, policy: Policy) -> float:
    """E-value of "more of the candidate's calls fail than the harm limit allows".

    Beside `of_answers`, because where only some requests are mirrored the calls that went well are no pairs.
    """
    if evidence.errors < 2:
        return 0.0
    counts = [(evidence.errors, evidence.candidate_calls)]
    if evidence.subjects:
        counts.append((min(evidence.errors, evidence.independent_bad), evidence.independent_pairs))
    return _both(counts, evidence, policy, _failures_of)


def of_share(*, evidence: Evidence, policy: Policy) -> float:
    """E-value of "the candidate fails more often than legacy", whatever the rates are.

    0 while its failures are within what the policy lets differ: a unit that may be promoted is not taken back.
    """
    errors, calls = evidence.errors, evidence.candidate_calls
    if errors < 2 or not calls or errors / calls < policy.mismatch_limit:
        return 0.0
    independent = min(errors, evidence.independent_bad)
    return stats.proof_of_more_errors(
        errors=independent,
        of_both=independent + evidence.outcomes.get(Outcome.LEGACY_ERROR, 0),
        share=error_share(evidence),
    )


def of_slowness(*, evidence: Evidence, policy: Policy) -> float:
    """E-value of "more calls of the candidate are slow than is harmless", by whichever budget shows it better."""
    histogram = evidence.candidate_histogram
    budgets = (
        (policy.latency_over, policy.latency_budget_ms),
        (1 - QUANTILE, ratio_budget(evidence=evidence, policy=policy)),
    )
    slow = (
        (limit, slower_than(histogram=histogram, budget_ms=budget)) for limit, budget in budgets if budget is not None
    )
    calls = sum(histogram.values())
    return max(
        (stats.proof_by_all(counts=((over, calls),), limit=harmful_share(limit=limit)) for limit, over in slow),
        default=0.0,
    )


def began(*, evidence: Evidence, policy: Policy) -> tuple[int, int, int] | None:
    """When the fault most likely began, in seconds since the epoch, with the bad and all pairs since then.

    None where nothing within the last day says more than the whole does.
    """
    mirrored = _mirrored(evidence)
    whole = stats.proof_by_all(counts=_answers(evidence, mirrored), limit=policy.harm_limit)
    starts = [minute.start for minute in reversed(evidence.minutes)]
    since = list(_since(evidence, partial(_answers_of, mirrored=mirrored)))
    worth = [stats.proof_by_all(counts=counts, limit=policy.harm_limit) for counts in since]
    best = max(range(len(worth)), key=worth.__getitem__, default=None)
    if best is None or worth[best] <= whole:
        return None
    return starts[best], *since[best][0]


def error_share(evidence: Evidence) -> float:
    """The chance that an error is the candidate's if both fail alike: its share of the calls.

    Or its share of the answers where that is greater: what both fail at is put down to the one that served.
    """
    calls = evidence.candidate_calls + evidence.legacy_calls
    return max(evidence.candidate_calls / calls, evidence.candidate_share) if calls else 0.0


def _both(counts: stats.Counts, evidence: Evidence, policy: Policy, of: Callable[[Minute], tuple[int, int]]) -> float:
    """Half a stake on everything, half on the last day."""
    whole = stats.proof_by_all(counts=counts, limit=policy.harm_limit)
    recent = stats.proof_of_recent_harm(since=_since(evidence, of), limit=policy.harm_limit)
    return (whole + recent) / 2


def _since(evidence: Evidence, of: Callable[[Minute], tuple[int, int]]) -> Iterator[stats.Counts]:
    """What was counted from each start until now, newest first."""
    bad = total = 0
    for minute in reversed(evidence.minutes):
        more_bad, more = of(minute)
        bad, total = bad + more_bad, total + more
        yield _counts(evidence, minute, bad, total)


def _counts(evidence: Evidence, minute: Minute, bad: int, total: int) -> stats.Counts:
    if not evidence.subjects:
        return ((bad, total),)
    if minute.subjects:
        return (bad, total), (min(minute.mismatching_subjects, minute.subjects), minute.subjects)
    # Nobody counted the callers of this time: all are taken to repeat as those did who met something bad.
    repeats = min(1.0, evidence.independent_bad / max(1, evidence.bad))
    return (bad, total), (int(bad * repeats), ceil(total * repeats))


def _answers(evidence: Evidence, mirrored: float) -> stats.Counts:
    unpaired = evidence.errors - int(evidence.errors * mirrored)
    pairs = (evidence.bad - unpaired, evidence.pairs - unpaired)
    return (pairs, (evidence.independent_bad, evidence.independent_pairs)) if evidence.subjects else (pairs,)


def _answers_of(minute: Minute, *, mirrored: float) -> tuple[int, int]:
    unpaired = minute.errors - int(minute.errors * mirrored)
    return minute.bad - unpaired, minute.pairs - unpaired


def _failures_of(minute: Minute) -> tuple[int, int]:
    return min(minute.errors, minute.calls), minute.calls


def _mirrored(evidence: Evidence) -> float:
    """The share of the candidate's good answers that were compared, 0 to 1.

    A failure counts as a pair whether it was mirrored or not, a good answer only if it was: so of the failures as many
    count as good answers did.
    """
    good = evidence.candidate_calls - evidence.errors
    paired = evidence.received - evidence.one_sided - evidence.errors
    return min(1.0, paired / good) if good > 0 else 1.0
