"""What counts as slow: calls over a budget that is set, or that follows from how fast legacy is."""

from collections.abc import Mapping
from typing import Final

from migrator.core.evidence import Evidence
from migrator.core.policy import Policy
from migrator.core.tally import latency_bucket, quantile

QUANTILE: Final = 0.99
"""The quantile that the candidate's latency is held against."""
HARM_OVER_LIMIT: Final = 10
"""Slowness is harm where so many times as many calls as allowed are proven to be slow: between the two, hold."""


def slower_than(*, histogram: Mapping[int, int], budget_ms: float) -> int:
    """How many calls of a histogram (core.tally) lie over a budget, but for those at most 2 % over it."""
    bucket = latency_bucket(budget_ms)
    return sum(count for at, count in histogram.items() if at > bucket)


def ratio_budget(*, evidence: Evidence, policy: Policy) -> float | None:
    """The budget in milliseconds that follows from legacy's quantile; None where none is asked for, or legacy was
    never timed.
    """
    tail = None if policy.latency_ratio is None else quantile(evidence.legacy_histogram, QUANTILE)
    if policy.latency_ratio is None or tail is None:
        return None
    return max(policy.latency_floor_ms, policy.latency_ratio * tail)


def harmful_share(*, limit: float) -> float:
    """The share of slow calls over which slowness is harm, where `limit` of them are allowed."""
    return min(limit * HARM_OVER_LIMIT, 0.5)
