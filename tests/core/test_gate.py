"""Verdicts: only an explicit pass promotes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.core.gate import Evidence, Pass, Word, judge
from migrator.core.policy import Policy
from migrator.core.wire import Outcome

NOW = 1_000_000.0
POLICY = Policy(mismatch_limit=0.01)


def evidence(match: int, mismatch: int = 0, **fields: object) -> Evidence:
    defaults: dict[str, object] = {"completeness": 1.0, "first_at": NOW - 600, "last_at": NOW - 5}
    return Evidence(outcomes={Outcome.MATCH: match, Outcome.MISMATCH: mismatch}, **(defaults | fields))  # type: ignore[arg-type]


def test_judge__enough_clean_pairs__promotes_and_says_the_bound() -> None:
    verdict = judge(evidence=evidence(1_000), policy=POLICY, now=NOW)
    assert verdict.word is Word.PROMOTE
    assert "0 of 1,000 pairs differ (at most 0.38 %)" in verdict.reason


def test_judge__too_few_pairs__is_inconclusive_and_says_how_many_are_missing() -> None:
    verdict = judge(evidence=evidence(100), policy=POLICY, now=NOW)
    assert verdict.word is Word.INCONCLUSIVE
    assert verdict.pairs_missing == 277


def test_judge__harm_proven__rolls_back_even_where_data_is_incomplete() -> None:
    verdict = judge(evidence=evidence(50, 30, completeness=0.5), policy=POLICY, now=NOW)
    assert verdict.word is Word.ROLLBACK


def test_judge__harm_proven_but_nobody_meets_the_candidate__holds() -> None:
    verdict = judge(evidence=evidence(50, 30), policy=POLICY, now=NOW, serving=False)
    assert verdict.word is Word.HOLD
    assert "proven to be more than" in verdict.reason


def test_judge__a_single_bad_pair__never_rolls_back() -> None:
    assert judge(evidence=evidence(0, 1), policy=POLICY, now=NOW).word is not Word.ROLLBACK


@pytest.mark.parametrize(
    "gap",
    [
        {"completeness": None},
        {"completeness": 0.9},
        {"last_at": None},
        {"last_at": NOW - 10_000},
    ],
)
def test_judge__a_gap_in_perfect_evidence__is_inconclusive(gap: dict[str, object]) -> None:
    verdict = judge(evidence=evidence(1_000_000, **gap), policy=POLICY, now=NOW)
    assert verdict.word is Word.INCONCLUSIVE
    assert any(gate.result is Pass.NO_DATA for gate in verdict.gates)


def test_judge__callers_repeat__each_counts_once() -> None:
    repeated = evidence(10_000, 0, subjects=20)
    assert judge(evidence=repeated, policy=POLICY, now=NOW).word is Word.INCONCLUSIVE
    assert repeated.independent_pairs == 20


def test_judge__candidate_errors__count_against_it() -> None:
    failing = Evidence(
        outcomes={Outcome.MATCH: 900, Outcome.CANDIDATE_ERROR: 100},
        completeness=1.0,
        first_at=NOW - 60,
        last_at=NOW,
    )
    assert failing.mismatch_rate == 0.1
    assert judge(evidence=failing, policy=POLICY, now=NOW).word is Word.ROLLBACK


@given(
    st.dictionaries(st.sampled_from(Outcome), st.integers(0, 10_000)),
    st.none() | st.floats(0, 1),
    st.none() | st.floats(NOW - 100_000, NOW + 100_000),
)
def test_judge__anything__promotes_only_what_every_gate_passed(
    outcomes: dict[Outcome, int], completeness: float | None, last_at: float | None
) -> None:
    found = Evidence(outcomes=outcomes, completeness=completeness, first_at=last_at, last_at=last_at)
    verdict = judge(evidence=found, policy=POLICY, now=NOW)
    if verdict.promotes:
        assert all(gate.result is Pass.PASS for gate in verdict.gates)
        assert found.pairs >= 377
