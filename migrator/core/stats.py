"""Proofs from counts: valid however often somebody looks.

An e-process is a bet against a claim. It starts at 1; if the claim is true, the chance that it ever
reaches 1/alpha is at most alpha (Ville's inequality), so a verdict may be read off at every moment.
Both proofs depend on (bad, pairs) alone: counters can be added up, and any verdict recomputed from them.

The mixture is a Beta(1/2, 1/2) prior truncated to the side of the claim that is being bet on:

    E = [B(a+k, b+n-k) * I_p(a+k, b+n-k)] / [B(a, b) * I_p(a, b)]  /  [p^k * (1-p)^(n-k)]

with k bad ones among n pairs, I the regularised incomplete beta function, and 1 - I for the other side.
"""

import math
from functools import lru_cache

PRIOR = 0.5


def proof_of_safety(*, bad: int, pairs: int, limit: float) -> float:
    """Evidence against "the true rate is at least `limit`", as an e-value. `limit` is a fraction in (0, 1)."""
    return math.exp(min(_log_evidence(bad=bad, pairs=pairs, limit=limit, below=True), 700.0))


def proof_of_harm(*, bad: int, pairs: int, limit: float) -> float:
    """Evidence against "the true rate is at most `limit`", as an e-value. `limit` is a fraction in (0, 1)."""
    return math.exp(min(_log_evidence(bad=bad, pairs=pairs, limit=limit, below=False), 700.0))


@lru_cache(maxsize=16_384)
def upper_bound(*, bad: int, pairs: int, alpha: float) -> float | None:
    """The rate that the true one does not exceed, with confidence 1 - `alpha` at every look at once.

    The smallest limit that `proof_of_safety` refutes; None without a single pair.
    Remembered: it is a search, and pages ask it again for minutes that are over and fields that share their pairs.
    """
    if pairs == 0:
        return None
    low, high = max(bad / pairs, 1e-12), 1.0
    goal = -math.log(alpha)
    if high - low < 1e-12 or _log_evidence(bad=bad, pairs=pairs, limit=1 - 1e-9, below=True) < goal:
        return 1.0
    for _ in range(50):
        middle = math.sqrt(low * high)
        if _log_evidence(bad=bad, pairs=pairs, limit=middle, below=True) >= goal:
            high = middle
        else:
            low = middle
        if high / low < 1.0005:
            break
    return high


@lru_cache(maxsize=4_096)
def pairs_needed(*, bad: int, limit: float, alpha: float) -> int:
    """How many pairs prove a rate below `limit` if no further bad one turns up.

    Remembered: it is a search, and most units of a list ask it with the same few numbers.
    """
    low, high = bad, max(16, 2 * bad)
    while proof_of_safety(bad=bad, pairs=high, limit=limit) < 1 / alpha:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        if proof_of_safety(bad=bad, pairs=middle, limit=limit) >= 1 / alpha:
            high = middle
        else:
            low = middle
    return high


def _log_evidence(*, bad: int, pairs: int, limit: float, below: bool) -> float:
    good = pairs - bad
    won = _log_beta(PRIOR + bad, PRIOR + good) + _log_share(PRIOR + bad, PRIOR + good, limit, below=below)
    staked = _log_beta(PRIOR, PRIOR) + _log_share(PRIOR, PRIOR, limit, below=below)
    claimed = bad * math.log(limit) + good * math.log1p(-limit)
    return won - staked - claimed


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _log_share(a: float, b: float, x: float, *, below: bool) -> float:
    """log of the Beta(a, b) probability below (or above) x, from whichever tail is small enough to be exact."""
    if x < (a + 1) / (a + b + 2):
        small, small_is_below = _log_tail(a, b, x), True
    else:
        small, small_is_below = _log_tail(b, a, 1 - x), False
    if below == small_is_below:
        return small
    return math.log1p(-math.exp(small)) if small < -1e-15 else -math.inf


def _log_tail(a: float, b: float, x: float) -> float:
    """log I_x(a, b) for x below the mean: the prefactor times a continued fraction (DLMF 8.17.22)."""
    prefactor = a * math.log(x) + b * math.log1p(-x) - math.log(a) - _log_beta(a, b)
    return min(prefactor - math.log(_fraction(a, b, x)), 0.0)


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction 1 + d1/(1 + d2/(1 + ...)) of DLMF 8.17.22, by Lentz's method from the front."""
    value = numerator = 1.0
    denominator = 0.0
    for step in range(1, 20_000):
        half, odd = divmod(step, 2)
        if odd:
            term = -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        else:
            term = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        denominator = 1 / ((1 + term * denominator) or 1e-300)
        numerator = (1 + term / numerator) or 1e-300
        change = numerator * denominator
        value *= change
        if abs(change - 1) < 1e-14:
            break
    return value
