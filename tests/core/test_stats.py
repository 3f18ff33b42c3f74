"""Proofs that stay valid however often somebody looks."""

import math
import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import optimize, special

from migrator.core import stats
from migrator.core.stats import (
    STARTS_A_DAY,
    look_ahead,
    pairs_needed,
    proof_by_all,
    proof_of_harm,
    proof_of_more_errors,
    proof_of_other_share,
    proof_of_recent_harm,
    proof_of_safety,
    upper_bound,
)

LIMITS = st.floats(0.0001, 0.5)


@pytest.mark.parametrize(
    ("limit", "bad", "needed"),
    [
        # Computed independently, with a numerical library's incomplete beta function.
        (0.01, 0, 377),
        (0.01, 1, 663),
        (0.01, 3, 1_079),
        (0.001, 0, 3_787),
        (0.001, 1, 6_655),
        (0.001, 3, 10_825),
        (0.0001, 0, 37_883),
        (0.0001, 1, 66_570),
        (0.0001, 3, 108_281),
    ],
)
def test_pairs_needed__known_cases__as_computed_elsewhere(limit: float, bad: int, needed: int) -> None:
    assert pairs_needed(bad=bad, limit=limit, alpha=0.05) == needed


def test_upper_bound__no_pairs__is_no_number() -> None:
    assert upper_bound(bad=0, pairs=0, alpha=0.05) is None


@given(st.integers(1, 100_000), st.data())
@settings(max_examples=200)
def test_upper_bound__any_counts__lies_above_the_rate_and_below_one(pairs: int, data: st.DataObject) -> None:
    bad = data.draw(st.integers(0, pairs))
    bound = upper_bound(bad=bad, pairs=pairs, alpha=0.05)
    assert bound is not None
    assert bad / pairs <= bound <= 1


@given(st.integers(10, 10_000))
@settings(max_examples=100)
def test_upper_bound__is_where_the_proof_of_safety_begins(pairs: int) -> None:
    bound = upper_bound(bad=0, pairs=pairs, alpha=0.05)
    assert bound is not None
    assert proof_of_safety(bad=0, pairs=pairs, limit=min(bound * 1.01, 0.9999)) >= 20
    assert proof_of_safety(bad=0, pairs=pairs, limit=bound * 0.99) < 20


# ----------------------------------------------------------------------- held against a library


def by_scipy(bad: int, pairs: int, limit: float, prior: tuple[float, float], *, below: bool) -> float:
    """The mixture's log, written down again with another incomplete beta function."""
    share = special.betainc if below else special.betaincc
    a, b = prior
    won = special.betaln(a + bad, b + pairs - bad) + math.log(share(a + bad, b + pairs - bad, limit))
    staked = special.betaln(a, b) + math.log(share(a, b, limit))
    return float(won - staked - special.xlogy(bad, limit) - special.xlog1py(pairs - bad, -limit))


@given(st.integers(0, 200_000), st.data(), LIMITS)
@settings(max_examples=400, deadline=None)
def test_proofs__any_counts__are_what_scipy_says(pairs: int, data: st.DataObject, limit: float) -> None:
    bad = data.draw(st.integers(0, min(pairs, 300)) | st.integers(0, pairs))
    for proof, prior, below in ((proof_of_safety, stats.PRIOR, True), (proof_of_harm, stats.HARM_PRIOR, False)):
        share = (special.betainc if below else special.betaincc)(prior[0] + bad, prior[1] + pairs - bad, limit)
        if share < 1e-290:  # scipy has no number left to take the logarithm of
            continue
        expected = by_scipy(bad, pairs, limit, prior, below=below)
        if -600 < expected < 600:
            assert math.log(proof(bad=bad, pairs=pairs, limit=limit)) == pytest.approx(expected, abs=1e-5, rel=1e-7)


@given(st.integers(1, 500_000), st.data(), st.sampled_from([0.001, 0.01, 0.05, 0.2]))
@settings(max_examples=100, deadline=None)
def test_upper_bound__any_counts__is_the_root_that_scipy_finds(pairs: int, data: st.DataObject, alpha: float) -> None:
    bad = data.draw(st.integers(0, min(pairs - 1, 200)))
    bound = upper_bound(bad=bad, pairs=pairs, alpha=alpha)
    assume(bound is not None and bound < 1)
    root = optimize.brentq(
        lambda limit: by_scipy(bad, pairs, limit, stats.PRIOR, below=True) + math.log(alpha),
        max(bad / pairs, 1e-9),
        1 - 1e-9,
        xtol=1e-14,
    )
    assert bound == pytest.approx(root, rel=2e-3)


@given(st.integers(1, 100_000), st.data(), st.floats(0.0, 1.0))
@settings(max_examples=200, deadline=None)
def test_proof_of_other_share__any_counts__is_what_scipy_says(total: int, data: st.DataObject, share: float) -> None:
    taken = data.draw(st.integers(0, total))
    marginal = special.betaln(0.5 + taken, 0.5 + total - taken) - special.betaln(0.5, 0.5)
    expected = float(marginal - special.xlogy(taken, share) - special.xlog1py(total - taken, -share))
    proof = proof_of_other_share(taken=taken, total=total, share=share)
    assert math.log(proof) == pytest.approx(min(expected, 700.0), abs=1e-6) if expected > -600 else proof < 1e-200


@given(st.integers(1, 300), st.sampled_from([0.0001, 0.001, 0.01, 0.1]))
@settings(max_examples=100, deadline=None)
def test_pairs_needed__is_the_first_number_that_proves(bad: int, limit: float) -> None:
    needed = pairs_needed(bad=bad, limit=limit, alpha=0.05)
    assert proof_of_safety(bad=bad, pairs=needed, limit=limit) >= 20
    assert proof_of_safety(bad=bad, pairs=needed - 1, limit=limit) < 20


@given(st.integers(2, 5_000), st.data(), LIMITS)
@settings(max_examples=200, deadline=None)
def test_proofs__one_more_bad_pair__speak_less_for_safety_and_more_for_harm(
    pairs: int, data: st.DataObject, limit: float
) -> None:
    bad = data.draw(st.integers(0, pairs - 1))
    fewer, more = {"bad": bad, "pairs": pairs, "limit": limit}, {"bad": bad + 1, "pairs": pairs, "limit": limit}
    assert proof_of_safety(**more) <= proof_of_safety(**fewer) * (1 + 1e-9)
    assert proof_of_harm(**more) >= proof_of_harm(**fewer) * (1 - 1e-9)


# --------------------------------------------------------------- how often they are wrong, looked at often


def bad_places(rate: Callable[[int], float], pairs: int, dice: random.Random) -> Iterator[int]:
    """Places of bad pairs, from 1, where the rate at each place may be another. By thinning of the greatest, 0.2."""
    place = 0
    while True:
        place += 1 + int(math.log(1 - dice.random()) / math.log1p(-0.2))
        if place > pairs:
            return
        if dice.random() < rate(place) / 0.2:
            yield place


def ever_safe(places: Iterator[int], pairs: int, limit: float, alpha: float) -> bool:
    """Whether any look promotes, at every one of so many pairs: the proof is greatest just before a bad one."""
    return any(
        bad <= limit * (place - 1) and proof_of_safety(bad=bad, pairs=place - 1, limit=limit) >= 1 / alpha
        for bad, place in enumerate((*places, pairs + 1))
    )


def ever_harmful(places: Iterator[int], limit: float, beta: float) -> bool:
    """Whether any look rolls back: the proof of harm is greatest just after a bad one."""
    return any(
        bad >= 2 and bad > limit * place and proof_of_harm(bad=bad, pairs=place, limit=limit) >= 1 / beta
        for bad, place in enumerate(places, start=1)
    )


def at_most(promised: float, runs: int) -> float:
    """How many runs of so many may be wrong: what is promised, and four standard deviations."""
    return runs * promised + 4 * math.sqrt(runs * promised * (1 - promised))


RATES_THAT_STAY_ABOVE = {
    "at the limit": lambda place: 0.02,
    "drifting up and down": lambda place: 0.02 + 0.03 * (1 - math.cos(place / 300)),
    "bursts": lambda place: 0.18 if place % 1_000 < 40 else 0.02,
    "falling to the limit": lambda place: 0.02 + 0.15 * math.exp(-place / 200),
}


@pytest.mark.parametrize("name", RATES_THAT_STAY_ABOVE)
def test_proof_of_safety__never_below_the_limit_and_5000_looks__promotes_wrongly_at_most_alpha(name: str) -> None:
    dice, runs = random.Random(name), 400
    rate = RATES_THAT_STAY_ABOVE[name]
    wrong = sum(ever_safe(bad_places(rate, 5_000, dice), 5_000, 0.02, 0.05) for _ in range(runs))
    assert wrong <= at_most(0.05, runs)


RATES_THAT_STAY_BELOW = {
    "at the limit": lambda place: 0.01,
    "drifting": lambda place: 0.005 * (1 - math.cos(place / 300)),
    "bursts": lambda place: 0.01 if place % 1_000 < 40 else 0.0001,
}


@pytest.mark.parametrize("name", RATES_THAT_STAY_BELOW)
def test_proof_of_harm__never_above_the_limit_and_20000_looks__fires_at_most_beta(name: str) -> None:
    dice, runs = random.Random(name), 300
    rate = RATES_THAT_STAY_BELOW[name]
    wrong = sum(ever_harmful(bad_places(rate, 20_000, dice), 0.01, 0.05) for _ in range(runs))
    assert wrong <= at_most(0.05, runs)


def test_peeking__true_rate_at_the_limit_and_2880_looks__point_estimate_is_wrong_nearly_always_and_this_is_not() -> (
    None
):
    """A look a minute for two days, at 50 pairs a minute and a limit of 1 %."""
    dice, runs = random.Random(3), 60
    by_estimate = by_proof = 0
    for _ in range(runs):
        places, bad = [*bad_places(lambda place: 0.01, 144_000, dice)], 0
        estimate = proof = False
        for look in range(1, 2_881):
            pairs = look * 50
            while bad < len(places) and places[bad] <= pairs:
                bad += 1
            if bad < 0.01 * pairs:
                estimate = True
                proof = proof or proof_of_safety(bad=bad, pairs=pairs, limit=0.01) >= 20
        by_estimate, by_proof = by_estimate + estimate, by_proof + proof
    assert by_estimate >= 0.9 * runs
    assert by_proof <= at_most(0.05, runs)


def test_entities_that_repeat__counted_as_entities__promote_wrongly_at_most_alpha() -> None:
    """Ten requests from each entity, and an entity differs always or never: 2 % of them do."""
    dice, runs = random.Random(4), 200
    as_entities = as_requests = 0
    for _ in range(runs):
        places = [*bad_places(lambda place: 0.02, 1_000, dice)]
        as_entities += ever_safe(iter(places), 1_000, 0.02, 0.05)
        as_requests += any(
            proof_of_safety(bad=10 * bad, pairs=10 * (place - 1), limit=0.02) >= 20
            for bad, place in enumerate((*places, 1_001))
        )
    assert as_entities <= at_most(0.05, runs)
    assert as_requests > 0.5 * runs


# --------------------------------------------------------------------------------- share of traffic


def test_proof_of_other_share__as_configured_and_thousands_of_looks__is_wrong_at_most_alpha() -> None:
    dice, runs, wrong = random.Random(5), 300, 0
    for _ in range(runs):
        taken = 0
        for total in range(1, 3_001):
            taken += dice.random() < 0.05
            if total % 3 == 0 and proof_of_other_share(taken=taken, total=total, share=0.05) >= 20:
                wrong += 1
                break
    assert wrong <= at_most(0.05, runs)


@pytest.mark.parametrize(("taken", "share"), [(0, 0.05), (1_000, 0.05), (100, 0.05), (15, 0.05), (20, 0.0), (980, 1.0)])
def test_proof_of_other_share__another_share__is_proven_to_either_side(taken: int, share: float) -> None:
    assert proof_of_other_share(taken=taken, total=1_000, share=share, tolerance=0.0005) > 1_000


@pytest.mark.parametrize(("taken", "share"), [(50, 0.05), (0, 0.0), (1_000, 1.0), (0, 0.0004), (55, 0.05)])
def test_proof_of_other_share__what_was_configured__is_no_proof(taken: int, share: float) -> None:
    assert proof_of_other_share(taken=taken, total=1_000, share=share, tolerance=0.0005) < 1


@given(st.integers(0, 1_000), st.floats(0, 1), st.floats(0, 0.2))
def test_proof_of_other_share__more_tolerance__never_proves_more(taken: int, share: float, more: float) -> None:
    strict = proof_of_other_share(taken=taken, total=1_000, share=share)
    assert proof_of_other_share(taken=taken, total=1_000, share=share, tolerance=more) <= strict * (1 + 1e-9)


# ------------------------------------------------------------------------------------------- errors


def test_proof_of_more_errors__spikes_that_hit_both_sides__is_wrong_at_most_beta() -> None:
    """5 % of the calls, and now and then everything fails on both sides for a while."""
    dice, runs, wrong = random.Random(6), 300, 0
    for _ in range(runs):
        mine = both = 0
        for call in range(20_000):
            if dice.random() < (0.2 if call % 4_000 < 100 else 0.002):
                both += 1
                mine += dice.random() < 0.05
                if mine >= 2 and proof_of_more_errors(errors=mine, of_both=both, share=0.05) >= 20:
                    wrong += 1
                    break
    assert wrong <= at_most(0.05, runs)


def test_proof_of_more_errors__fivefold_errors__is_found_and_no_other_side_proves_nothing() -> None:
    assert proof_of_more_errors(errors=50, of_both=240, share=0.05) > 1_000
    assert proof_of_more_errors(errors=12, of_both=240, share=0.05) < 1
    assert proof_of_more_errors(errors=50, of_both=50, share=1.0) == 0
    assert proof_of_more_errors(errors=0, of_both=50, share=0.0) == 0


# ----------------------------------------------------------------------------------- faults that begin


def since_each_start(bad: list[int], pairs: list[int]) -> list[tuple[tuple[int, int]]]:
    """Counts from each minute until now."""
    found, so_bad, so_many = [], 0, 0
    for more_bad, more in zip(reversed(bad), reversed(pairs), strict=True):
        so_bad, so_many = so_bad + more_bad, so_many + more
        found.append(((so_bad, so_many),))
    return found


def test_proof_of_recent_harm__a_fault_after_a_long_clean_history__is_found_where_the_whole_hides_it() -> None:
    bad, pairs = [0] * 50 + [3] * 5, [20] * 55
    assert proof_of_harm(bad=15, pairs=1_000_000, limit=0.01) < 1
    assert proof_of_recent_harm(since=since_each_start(bad, pairs), limit=0.01) > 1_000


def test_proof_of_recent_harm__a_day_at_the_limit__fires_at_most_beta() -> None:
    """One look a minute for a day, 20 pairs a minute, the last two hours in sight."""
    dice, runs, wrong = random.Random(7), 60, 0
    for _ in range(runs):
        minutes: list[int] = []
        for _ in range(1_440):
            minutes.append(sum(dice.random() < 0.01 for _ in range(20)))
            if minutes[-1] and sum(minutes[-10:]) > 4:
                seen = minutes[-120:]
                proof = proof_of_recent_harm(since=since_each_start(seen, [20] * len(seen)), limit=0.01)
                if proof >= 20:
                    wrong += 1
                    break
    assert wrong <= at_most(0.05, runs)


def test_proof_of_recent_harm__one_start__is_its_proof_spread_over_all_that_a_day_has() -> None:
    alone = proof_of_harm(bad=5, pairs=50, limit=0.01)
    assert proof_of_recent_harm(since=[((5, 50),)], limit=0.01) == pytest.approx(alone / STARTS_A_DAY)
    assert proof_of_recent_harm(since=[], limit=0.01) == 0


def test_proof_by_all__countings_that_disagree__is_the_least_of_them() -> None:
    assert proof_by_all(counts=((50, 100), (1, 80)), limit=0.01) == 0, "one caller who repeats is one"
    assert proof_by_all(counts=((8, 100), (6, 80)), limit=0.01) == min(
        proof_of_harm(bad=8, pairs=100, limit=0.01), proof_of_harm(bad=6, pairs=80, limit=0.01)
    )
    assert proof_by_all(counts=((5, 1_000), (90, 100)), limit=0.01) == 0, "callers who ask often meet a rare one"


# -------------------------------------------------------------------------------------------- ahead


@pytest.mark.parametrize(
    ("missing", "per_second", "seconds"),
    [(100, 2.0, 50.0), (0, 1.0, 0.0), (None, 1.0, None), (5, 0.0, None), (5, None, None)],
)
def test_look_ahead__missing_pairs_and_their_rate__are_seconds_or_never(
    missing: int | None, per_second: float | None, seconds: float | None
) -> None:
    assert look_ahead(missing=missing, per_second=per_second) == seconds


def test_proof_of_harm__rate_far_above_the_limit__is_found_and_a_clean_run_never_is() -> None:
    assert proof_of_harm(bad=5, pairs=50, limit=0.01) > 100
    assert proof_of_harm(bad=0, pairs=100_000, limit=0.01) < 1
