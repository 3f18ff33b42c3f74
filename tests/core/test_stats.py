"""Proofs that stay valid however often somebody looks."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrator.core.stats import pairs_needed, proof_of_harm, proof_of_safety, upper_bound


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


def wrongly_promoted(rate: float, limit: float, pairs: int, dice: random.Random) -> bool:
    bad = 0
    for seen in range(1, pairs + 1):
        bad += dice.random() < rate
        if seen % 5 == 0 and proof_of_safety(bad=bad, pairs=seen, limit=limit) >= 20:
            return True
    return False


def test_proof_of_safety__true_rate_at_the_limit_and_hundreds_of_looks__promotes_wrongly_at_most_alpha() -> None:
    dice = random.Random(1)
    wrong = sum(wrongly_promoted(0.02, 0.02, 2_000, dice) for _ in range(200))
    # alpha is 5 %; 20 of 200 would be four standard deviations above it.
    assert wrong < 20


def test_proof_of_harm__rate_far_above_the_limit__is_found_and_a_clean_run_never_is() -> None:
    assert proof_of_harm(bad=5, pairs=50, limit=0.01) > 100
    assert proof_of_harm(bad=0, pairs=100_000, limit=0.01) < 1
