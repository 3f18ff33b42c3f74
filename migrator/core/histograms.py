"""Histograms: numbers as counts by bucket, each bucket a little wider than the one before.

They merge by adding counts, in any order. What is read from one is at most 1 % off.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from math import ceil, floor, log
from typing import Final

BASE: Final = 1.02
"""Each bucket is 2 % wider than the one before: read from its middle, a number is at most 1 % off."""
LEAST_MS: Final = 0.01
"""What bucket 0 holds: everything up to here."""
GREATEST_MS: Final = 86_400_000.0
LEAST_COST: Final = 1e-6
"""What answers cost the database is counted in whatever a project's header counts: queries, rows, seconds."""
GREATEST_COST: Final = 1e9

_STEP: Final = log(BASE)


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
    return quantiles(histogram, (q,))[0]


def quantiles(histogram: Mapping[int, int], shares: Sequence[float]) -> list[float | None]:
    """The latencies that these shares (0–1) of the histogram do not exceed, from one pass over it."""
    buckets = sorted(histogram)
    reached = list(accumulate(map(histogram.__getitem__, buckets)))
    if not reached or reached[-1] <= 0:
        return [None] * len(shares)
    ranks = (max(1, ceil(min(max(share, 0.0), 1.0) * reached[-1])) for share in shares)
    return [latency_of(buckets[bisect_left(reached, rank)]) for rank in ranks]


def merge_histograms(histograms: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """All histograms as one."""
    each = iter(histograms)
    merged = dict(next(each, {}))
    for histogram in each:
        for bucket, count in histogram.items():
            merged[bucket] = merged.get(bucket, 0) + count
    return merged


# ---------------------------------------------------------------------------------------- costs


bucket_of_greatest_cost: Final = 1 + floor(log(GREATEST_COST / LEAST_COST) / _STEP)


def cost_bucket(cost: float) -> int:
    """The bucket of a cost, 0 to 1,745. Bucket 0 holds what cost nothing, which is not the same as little."""
    if cost <= 0:
        return 0
    if not cost < GREATEST_COST:
        return bucket_of_greatest_cost
    return 1 + max(0, floor(log(cost / LEAST_COST) / _STEP))


def cost_of(bucket: int) -> float:
    """What stands for a bucket: nothing for the first, for others their geometric middle."""
    return 0.0 if bucket <= 0 else float(LEAST_COST * BASE ** (bucket - 0.5))


def mean_cost(histogram: Mapping[int, int]) -> float | None:
    """The mean cost of a call, within 1 %; None where nothing was told."""
    calls = sum(histogram.values())
    return sum(cost_of(bucket) * count for bucket, count in histogram.items()) / calls if calls else None


def read_cost(said: bytes) -> float | None:
    """The number in a header's value; None where there is none that can be a cost."""
    try:
        cost = float(said)
    except ValueError:
        return None
    return cost if 0 <= cost <= GREATEST_COST else None
