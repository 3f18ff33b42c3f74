"""Proofs from counts: valid however often somebody looks.

An e-process is a bet against a claim. It starts at 1; if the claim is true, the chance that it ever
reaches 1/alpha is at most alpha (Ville's inequality), so a verdict may be read off at every moment.
Both proofs depend on (bad, pairs) alone: counters can be added up, and any verdict recomputed from them.

The mixture is a Beta(a, b) prior, a = b = 1/2 for safety, truncated to the side of the claim that is being bet on:

    E = [B(a+k, b+n-k) * I_p(a+k, b+n-k)] / [B(a, b) * I_p(a, b)]  /  [p^k * (1-p)^(n-k)]

with k bad ones among n pairs, I the regularised incomplete beta function, and 1 - I for the other side.
The claim may be broken at any rate that moves, as long as it stays on its side of p.

Sources: Robbins 1970 (mixtures), Howard, Ramdas, McAuliffe, Sekhon 2021 (beta-binomial mixtures, time-uniform
bounds), Lindon, Malek 2022 (counts against their share of traffic), Shin, Ramdas, Rinaldo 2022 (e-detectors).
"""

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

Counts = Sequence[tuple[int, int]]
"""The same pairs counted in one or more ways, each (bad, all): by pairs, by callers."""
PRIOR: Final = (0.5, 0.5)
"""Where the rates are expected that a claim is bet against: anywhere."""
HARM_PRIOR: Final = (0.5, 4.5)
"""Harm is expected at some per cent (10 on average): against 1 %, harm of 10 % shows a fifth sooner than with PRIOR."""
STARTS_A_DAY: Final = 1_600
"""Moments at which a fault that shows today can have begun: every minute of the day and of the two hours before it,
and every hour of the day before."""


def proof_of_safety(*, bad: int, pairs: int, limit: float) -> float:
    """Evidence against "the true rate is at least `limit`", as an e-value. `limit` is a fraction in (0, 1)."""
    return math.exp(min(_log_evidence(bad, pairs, limit), 700.0))


def proof_of_harm(*, bad: int, pairs: int, limit: float) -> float:
    """Evidence against "the true rate is at most `limit`", as an e-value. `limit` is a fraction in (0, 1)."""
    return math.exp(min(_log_evidence(bad, pairs, limit, below=False, prior=HARM_PRIOR), 700.0))


def proof_of_other_share(*, taken: int, total: int, share: float, tolerance: float = 0.0) -> float:
    """Evidence against "`share` of these come here, give or take `tolerance`", to either side, as an e-value.

        E = B(a+k, b+n-k) / B(a, b)  /  [p^k * (1-p)^(n-k)]

    with k taken of n, and p the share within the tolerance that explains them best: what refutes the best
    explanation refutes every other. `share` and `tolerance` are fractions; a share of 0 or 1 may be asked for.
    """
    low, high = max(0.0, share - tolerance), min(1.0, share + tolerance)
    best = min(max(taken / total, low), high) if total else share
    a, b = PRIOR
    won = _log_beta(a + taken, b + total - taken) - _log_beta(a, b)
    return math.exp(min(won - _log_chance(taken, total, best), 700.0))


def proof_of_more_errors(*, errors: int, of_both: int, share: float) -> float:
    """Evidence against "one side fails no more often than the other", as an e-value.

    Given that some call failed, it was this side's with the chance `share`, its share of the calls, if both fail
    equally often: so no rate need be known, and a fault that hits both sides alike proves nothing. 0 where this side
    took none or all of the calls: there is no other side to compare it with.
    """
    if not 0 < share < 1:
        return 0.0
    return math.exp(min(_log_evidence(errors, of_both, share, below=False), 700.0))


def proof_of_recent_harm(*, since: Iterable[Counts], limit: float) -> float:
    """Evidence that some fault began at one of these moments, as a weighted sum of e-processes (an e-detector).

        E = 1/S * sum of E_s over the starts s,    S = STARTS_A_DAY

    `since` gives what was counted from each start until now, no more starts a day than S. A fault that begins after a
    long clean history is not outweighed by it, because some start lies just before the fault. As long as the true
    rate never exceeds `limit`, the expectation of the sum grows by 1/S with each start, to no more than 1 in a day: so
    1/beta is reached within a day with a chance of beta at most.
    """
    return sum(proof_by_all(counts=counts, limit=limit) for counts in since) / STARTS_A_DAY


def proof_by_all(*, counts: Counts, limit: float) -> float:
    """Evidence of harm on which every way of counting agrees: the least of their e-values, which is one itself.

    Pairs alone would take one caller who repeats for many; callers alone would take many good answers and one bad
    one for a bad caller. 0 where one counting has fewer than two bad ones, or no more than the limit allows.
    """
    if any(bad < 2 or bad <= limit * total for bad, total in counts):
        return 0.0
    return min((proof_of_harm(bad=bad, pairs=total, limit=limit) for bad, total in counts), default=0.0)


@lru_cache(maxsize=16_384)
def upper_bound(*, bad: int, pairs: int, alpha: float) -> float | None:
    """The rate that the true one does not exceed, with confidence 1 - `alpha` at every look at once.

    The smallest limit that `proof_of_safety` refutes; None without a single pair.
    Remembered: it is a search, and pages ask it again for minutes that are over and fields that share their pairs.
    """
    if pairs == 0:
        return None
    goal = -math.log(alpha)
    last = 1 - 1e-9
    if bad / pairs >= last or _log_evidence(bad, pairs, last) < goal:
        return 1.0
    return _crossing(bad, pairs, goal, min(_roughly(bad, goal) / pairs, (1 + bad / pairs) / 2))


def _roughly(bad: int, goal: float) -> float:
    """How many bad ones a limit that is just refuted lets expect: as of a Poisson count, close enough to begin from."""
    return bad + goal + 1 + math.sqrt(2 * bad * (goal + 2))


def _crossing(bad: int, pairs: int, goal: float, guess: float) -> float:
    """The limit whose evidence reaches `goal`: secants on the limit's logarithm, kept between what is known."""
    low, high = math.log(max(bad / pairs, 1e-12)), 0.0
    at, before, value_before = math.log(guess), low, -goal
    for _ in range(60):
        value = _log_evidence(bad, pairs, math.exp(at)) - goal
        low, high = (low, at) if value >= 0 else (at, high)
        if 0 <= value < 2e-3 or high - low < 5e-4:
            break
        slope = (value - value_before) / (at - before)
        ahead = at - (value - 1e-3) / slope if slope > 0 else low
        before, value_before = at, value
        at = ahead if low < ahead < high else (low + high) / 2
    return math.exp(high)


@lru_cache(maxsize=4_096)
def pairs_needed(*, bad: int, limit: float, alpha: float) -> int:
    """How many pairs prove a rate below `limit` if no further bad one turns up.

    Remembered: it is a search, and most units of a list ask it with the same few numbers.
    """
    goal = -math.log(alpha)
    low, high = bad, _roughly(bad, goal) / limit
    while _log_evidence(bad, math.ceil(high), limit) < goal:
        low, high = math.ceil(high), high * 1.2
    enough = math.ceil(high)
    while enough - math.floor(low) > 1:
        middle = (math.floor(low) + enough) // 2
        if _log_evidence(bad, middle, limit) >= goal:
            enough = middle
        else:
            low = middle
    return enough


def look_ahead(*, missing: int | None, per_second: float | None) -> float | None:
    """Seconds until so many more independent pairs have come at this rate; None for never, or for nobody knows."""
    if missing is None or not per_second or not per_second > 0:
        return None
    return max(0, missing) / per_second


def _log_evidence(
    bad: int, pairs: int, limit: float, *, below: bool = True, prior: tuple[float, float] = PRIOR
) -> float:
    a, b = prior
    good = pairs - bad
    won = _log_beta(a + bad, b + good) + _log_share(a + bad, b + good, limit, below=below)
    claimed = bad * math.log(limit) + good * math.log1p(-limit)
    return won - _log_stake(limit, below, prior) - claimed


@lru_cache(maxsize=16_384)
def _log_stake(limit: float, below: bool, prior: tuple[float, float]) -> float:
    """What the mixture weighs on its side of the limit. Remembered: a policy's limits are few."""
    a, b = prior
    return _log_beta(a, b) + _log_share(a, b, limit, below=below)


def _log_chance(taken: int, total: int, share: float) -> float:
    """log of share^k (1-share)^(n-k), where 0 log 0 is 0."""
    left = total - taken
    if (taken and share <= 0) or (left and share >= 1):
        return -math.inf
    return (taken * math.log(share) if taken else 0.0) + (left * math.log1p(-share) if left else 0.0)


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
