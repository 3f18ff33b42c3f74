"""Verdicts: only an explicit pass promotes."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.core.gaps import NOW as GAPS_NOW
from migrator.core.gaps import POLICIES, cases, perfect
from migrator.core.gate import (
    GATES,
    WAIVABLE,
    Evidence,
    Gate,
    Minute,
    Pass,
    Replay,
    Returning,
    Shares,
    Verdict,
    Word,
    harm_proven,
    judge,
)
from migrator.core.policy import Policy
from migrator.core.tally import latency_bucket
from migrator.core.wire import Outcome

NOW = 1_000_000.0
POLICY = Policy(mismatch_limit=0.01)


def evidence(match: int, mismatch: int = 0, **fields: object) -> Evidence:
    defaults: dict[str, object] = {
        "outcomes": {Outcome.MATCH: match, Outcome.MISMATCH: mismatch},
        "completeness": 1.0,
        "first_at": NOW - 600,
        "last_at": NOW - 5,
    }
    return Evidence(**(defaults | fields))  # type: ignore[arg-type]


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


# ------------------------------------------------------------------------------------- what is asked


def gate(verdict: Verdict, name: str) -> Gate:
    return next(gate for gate in verdict.gates if gate.name == name)


def names(verdict: Verdict) -> list[str]:
    return [gate.name for gate in verdict.gates]


def judged(found: Evidence, policy: Policy = POLICY, **fields: object) -> Verdict:
    return judge(evidence=found, policy=policy, now=NOW, **fields)  # type: ignore[arg-type]


def test_judge__default_policy_and_a_project_that_supplies_nothing_more__promotes_after_3800_clean_pairs() -> None:
    verdict = judged(evidence(3_800), Policy())
    assert verdict.promotes
    assert names(verdict) == ["completeness", "freshness", "mismatches", "candidate errors"]
    assert judged(evidence(3_700), Policy()).word is Word.INCONCLUSIVE


def test_judge__a_policy_without_demands__asks_nothing_that_it_does_not_say() -> None:
    asked = set(names(judged(evidence(5))))
    assert not asked & {"independent pairs", "request shapes", "callers", "weekly cycle", "month end", "database cost"}
    assert not asked & {"build", "share of traffic", "critical paths", "latency budget", "legacy capacity", "replay"}


MET: dict[str, tuple[dict[str, object], dict[str, object], dict[str, object]]] = {
    # The gate: its demand, evidence that meets it, and evidence that does not.
    "independent pairs": ({"independent_pairs": 900}, {}, {"subjects": 899}),
    "request shapes": ({"request_shapes": 3}, {"request_shapes": 3}, {"request_shapes": 2}),
    "callers": ({"callers": ("ios", "web")}, {"callers": {"ios": 1, "web": 9}}, {"callers": {"ios": 1_000}}),
    "weekly cycle": ({"weekly_cycle": True}, {"weekdays": frozenset(range(7))}, {"weekdays": frozenset(range(6))}),
    "month end": ({"month_end": True}, {"month_end": True}, {"month_end": False}),
    "database cost": (
        {"cost_ratio": 2.0},
        {"legacy_cost": 3.0, "candidate_cost": 6.0},
        {"legacy_cost": 3.0, "candidate_cost": 6.1},
    ),
    "legacy capacity": (
        {},
        {"returning": Returning(needed=50, capacity=50)},
        {"returning": Returning(needed=51, capacity=50)},
    ),
    "share of traffic": (
        {},
        {"share": Shares(configured=500, received=1_000, served_candidate=52)},
        {"share": Shares(configured=500, received=1_000, served_candidate=0)},
    ),
    "critical paths": ({"critical_paths": ("$.price",)}, {"critical": {}}, {"critical": {"$.price": 1}}),
    "latency budget": (
        {"latency_budget_ms": 100.0, "latency_ratio": None},
        {"candidate_histogram": {latency_bucket(90): 1_000}},
        {"candidate_histogram": {latency_bucket(90): 950, latency_bucket(130): 50}},
    ),
    "latency ratio": (
        {"latency_ratio": 2.0},
        {"legacy_histogram": {latency_bucket(40): 1_000}, "candidate_histogram": {latency_bucket(79): 1_000}},
        {"legacy_histogram": {latency_bucket(40): 1_000}, "candidate_histogram": {latency_bucket(90): 60, 5: 940}},
    ),
}


@pytest.mark.parametrize("name", MET)
def test_judge__a_demand__promotes_where_it_is_met_and_only_there(name: str) -> None:
    demand, met, unmet = MET[name]
    policy = replace(POLICY, **demand)  # type: ignore[arg-type]
    passed = judged(evidence(1_000, **met), policy)
    assert passed.promotes, passed.reason
    assert gate(passed, name).result is Pass.PASS
    held = judged(evidence(1_000, **unmet), policy, serving=False)
    assert held.word in (Word.HOLD, Word.INCONCLUSIVE)
    assert gate(held, name).result in (Pass.FAIL, Pass.NO_DATA)
    assert held.reason.endswith(".")


@pytest.mark.parametrize(
    ("name", "demand", "found"),
    [
        ("database cost", {"cost_ratio": 2.0}, {"legacy_cost": 3.0}),
        ("database cost", {"cost_ratio": 2.0}, {}),
        ("latency budget", {"latency_budget_ms": 100.0}, {}),
        ("latency ratio", {}, {"legacy_histogram": {5: 1_000}}),
        ("latency ratio", {}, {"candidate_histogram": {5: 1_000}}),
        ("latency ratio", {}, {"legacy_histogram": {5: 1_000}, "candidate_histogram": {5: 100}}),
        ("share of traffic", {}, {"share": Shares(configured=500, received=0, served_candidate=0)}),
        ("build", {}, {"stale_build": "gw-7 meets build 41, deployed was 42"}),
        ("freshness", {}, {"last_at": NOW + 86_400}),
        ("freshness", {}, {"last_at": math.nan}),
        ("completeness", {}, {"completeness": math.nan}),
    ],
)
def test_judge__a_demand_without_data__is_inconclusive(
    name: str, demand: dict[str, object], found: dict[str, object]
) -> None:
    verdict = judged(evidence(1_000_000, **found), replace(POLICY, **demand))  # type: ignore[arg-type]
    assert verdict.word is Word.INCONCLUSIVE
    assert gate(verdict, name).result is Pass.NO_DATA
    assert verdict.reason == gate(verdict, name).reason


def test_judge__every_gate__has_a_sentence_and_numbers_that_json_knows() -> None:
    found = replace(
        perfect(Random(1)),
        returning=Returning(needed=1, capacity=2),
        stale_build="gw-7 meets build 41",
        replay=Replay(pairs=10, bad=0, last_at=GAPS_NOW - 200_000),
    )
    verdict = judge(evidence=found, policy=POLICIES[-1], now=GAPS_NOW)
    assert names(verdict) == list(GATES)
    for each in verdict.gates:
        assert each.reason[0].isupper() or each.reason[0].isdigit()
        assert each.reason.endswith(".")
        json.dumps(dict(each.numbers), allow_nan=False)
    json.dumps(found.as_record())


# ---------------------------------------------------------------------------------------------- harm


def test_judge__a_mismatch_at_a_critical_path__rolls_back_at_once_and_holds_where_nobody_is_served() -> None:
    policy, found = Policy(critical_paths=("$.price",)), evidence(100_000, 1, critical={"$.price": 1}, completeness=0.1)
    assert judged(found, policy).word is Word.ROLLBACK
    assert judged(found, policy, serving=False).word is Word.HOLD
    assert harm_proven(evidence=found, policy=policy)
    assert "$.price (1)" in judged(found, policy).reason


def minutes(*bad: int, pairs: int = 20) -> tuple[Minute, ...]:
    """One minute after the other until now."""
    begin = int(NOW) // 60 * 60 - 60 * (len(bad) - 1)
    return tuple(Minute(start=begin + 60 * at, pairs=pairs, bad=count) for at, count in enumerate(bad))


def test_judge__a_fault_after_a_million_clean_pairs__is_taken_back_and_said_since_when() -> None:
    found = evidence(1_000_000, 20, minutes=minutes(4, 3, 5, 4, 4))
    verdict = judged(found, Policy())
    assert verdict.word is Word.ROLLBACK
    assert "20 of 100 pairs since 13:42 UTC" in verdict.reason
    assert judged(evidence(1_000_000, 20), Policy()).promotes, "the whole alone hides it"


def test_judge__one_caller_who_repeats_a_bad_pair__is_no_proof_of_harm() -> None:
    repeated = evidence(9_950, 50, subjects=1_000, mismatching_subjects=1, minutes=minutes(10, 10, 10, 10, 10))
    assert judged(repeated).word is not Word.ROLLBACK


def test_judge__three_callers_who_try_again_and_again__are_no_proof_of_harm() -> None:
    again = evidence(1_000_000, 60, subjects=1_000, mismatching_subjects=3, minutes=minutes(20, 20, 20, pairs=400))
    assert judged(again).word is not Word.ROLLBACK
    assert judged(replace(again, mismatching_subjects=60)).word is Word.ROLLBACK


def test_judge__callers_who_ask_often_and_rarely_meet_a_mismatch__are_no_proof_of_harm() -> None:
    assert judged(evidence(999_000, 500, subjects=1_000, mismatching_subjects=400)).word is not Word.ROLLBACK


def test_judge__many_callers_meet_many_mismatches__is_harm_whichever_way_it_is_counted() -> None:
    assert judged(evidence(900, 100, subjects=500, mismatching_subjects=60)).word is Word.ROLLBACK


def test_judge__recent_minutes_that_know_their_callers__count_each_caller_once() -> None:
    begin = int(NOW) // 60 * 60
    few = Minute(start=begin, pairs=200, bad=100, subjects=150, mismatching_subjects=1)
    many = replace(few, mismatching_subjects=75)
    found = evidence(1_000_000, 100, subjects=500_000, mismatching_subjects=80)
    assert judged(replace(found, minutes=(few,))).word is not Word.ROLLBACK
    assert judged(replace(found, minutes=(many,))).word is Word.ROLLBACK


def outcomes(**counts: int) -> dict[Outcome, int]:
    return {Outcome(name): count for name, count in counts.items()}


def test_judge__unmirrored_calls_that_fail_now_and_then__are_held_against_all_calls_not_against_pairs() -> None:
    """Without a mirror only failures are pairs: two of two, although 20,000 calls went well."""
    rare = evidence(0, outcomes=outcomes(candidate_error=2, not_sampled=20_000), served_candidate=20_002)
    assert judged(rare).word is Word.HOLD
    assert gate(judged(rare), "candidate errors").result is Pass.PASS
    many = evidence(0, outcomes=outcomes(candidate_error=60, not_sampled=500), served_candidate=560)
    assert judged(many).word is Word.ROLLBACK
    assert "60 of 560 calls of the candidate failed" in judged(many).reason


def test_judge__unmirrored_failures_after_a_long_clean_history__are_taken_back() -> None:
    found = evidence(0, outcomes=outcomes(candidate_error=30, not_sampled=1_000_000), served_candidate=1_000_030)
    assert judged(found).word is not Word.ROLLBACK
    late = Minute(start=int(NOW) // 60 * 60, pairs=30, bad=30, errors=30, calls=200)
    assert judged(replace(found, minutes=(late,))).word is Word.ROLLBACK


def test_judge__more_failures_than_legacy_and_than_may_differ__rolls_back_below_the_harm_limit() -> None:
    policy = Policy()  # 0.1 % may differ, 1 % is harm
    worse = evidence(0, outcomes=outcomes(match=9_950, candidate_error=40, legacy_error=2))
    assert judged(worse, policy).word is Word.ROLLBACK
    assert "more than its share, which is 50 % of all failures" in judged(worse, policy).reason
    alike = evidence(0, outcomes=outcomes(match=9_950, candidate_error=40, legacy_error=38))
    assert judged(alike, policy).word is Word.HOLD
    within = evidence(0, outcomes=outcomes(match=999_950, candidate_error=40, legacy_error=2))
    assert judged(within, policy).promotes


def test_judge__what_both_fail_at_while_the_candidate_serves_everyone__is_not_put_down_to_it() -> None:
    outage = evidence(0, outcomes=outcomes(match=9_950, candidate_error=40), served_candidate=9_990)
    assert gate(judged(outage, Policy()), "candidate errors").result is Pass.PASS


def test_judge__slowness__holds_and_is_harm_where_ten_times_as_much_as_allowed_is_slow() -> None:
    slow, fast, policy = latency_bucket(300), latency_bucket(20), Policy(mismatch_limit=0.01, latency_budget_ms=100.0)
    some = evidence(1_000, candidate_histogram={fast: 950, slow: 50}, legacy_histogram={slow: 1_000})
    assert judged(some, policy).word is Word.HOLD
    most = evidence(1_000, candidate_histogram={fast: 500, slow: 500}, legacy_histogram={slow: 1_000})
    assert judged(most, policy).word is Word.ROLLBACK
    assert "proven to be more than 10 %" in judged(most, policy).reason


def test_judge__many_times_slower_and_still_fast__is_not_slow() -> None:
    """2 ms became 30: below the floor of 50 ms nothing is called slow."""
    found = evidence(
        1_000, legacy_histogram={latency_bucket(2): 1_000}, candidate_histogram={latency_bucket(30): 1_000}
    )
    assert judged(found).promotes


# ------------------------------------------------------------------------------------ share of traffic


def test_judge__sticky_callers__deal_the_share_by_callers_not_by_requests() -> None:
    """Of 40 callers 5 % are two; three of them, who ask often, are no wrong share."""
    by_chance = Shares(configured=500, received=10_000, served_candidate=1_200, subjects=40)
    assert judged(evidence(1_000, share=by_chance)).promotes
    assert not judged(evidence(1_000, share=replace(by_chance, subjects=0))).promotes
    assert not judged(evidence(1_000, share=replace(by_chance, subjects=10_000))).promotes


@pytest.mark.parametrize(("configured", "served"), [(0, 0), (0, 3), (10_000, 100_000), (10_000, 99_990), (500, 5_020)])
def test_judge__the_share_as_set_but_for_answers_under_way__passes(configured: int, served: int) -> None:
    share = Shares(configured=configured, received=100_000, served_candidate=served)
    assert judged(evidence(1_000, share=share)).promotes


# -------------------------------------------------------------------------------------------- waivers

WAIVED = "waived by ana until 3 Dec: two calls a day"


def test_judge__a_waiver__passes_what_is_missing_and_says_who_signed() -> None:
    verdict = judged(evidence(40), waived={"mismatches": WAIVED})
    assert verdict.promotes
    assert gate(verdict, "mismatches").result is Pass.WAIVED
    assert verdict.reason.endswith("Waived by ana until 3 Dec: two calls a day.")


def test_judge__a_waiver_of_what_passes__leaves_it_green() -> None:
    assert gate(judged(evidence(1_000), waived={"mismatches": WAIVED}), "mismatches").result is Pass.PASS


@pytest.mark.parametrize(
    "found",
    [
        {"completeness": None},
        {"completeness": 0.5},
        {"critical": {"$.price": 1}},
        {"outcomes": {Outcome.MATCH: 50, Outcome.MISMATCH: 30}},
    ],
)
def test_judge__waivers_of_everything__stand_neither_for_completeness_nor_against_harm(
    found: dict[str, object],
) -> None:
    policy = replace(POLICY, critical_paths=("$.price",))
    verdict = judged(evidence(1_000, **found), policy, waived=dict.fromkeys(GATES, WAIVED))
    assert verdict.word in (Word.ROLLBACK, Word.INCONCLUSIVE)


def test_waivable__is_all_but_what_the_rest_is_worth_nothing_without() -> None:
    assert set(GATES) - set(WAIVABLE) == {"completeness", "critical paths", "replay"}


# --------------------------------------------------------------------------------------------- replay


@pytest.mark.parametrize(("bad", "result"), [(0, Pass.PASS), (900, Pass.FAIL)])
def test_judge__replay__is_shown_and_decides_nothing(bad: int, result: Pass) -> None:
    replay = Replay(pairs=10_000, bad=bad, last_at=NOW)
    verdict = judged(evidence(100, replay=replay))
    assert gate(verdict, "replay").result is result
    assert verdict.word is Word.INCONCLUSIVE
    assert judged(evidence(1_000, replay=replay)).promotes


# --------------------------------------------------------------------------------------- look ahead


def test_judge__too_few_pairs__says_when_they_will_suffice() -> None:
    verdict = judged(evidence(100, first_at=NOW - 86_400))  # 277 more at 100 a day
    assert verdict.eta == pytest.approx(NOW + 2.77 * 86_400)
    assert (
        verdict.eta_sentence
        == f"At this traffic the evidence suffices on {datetime.fromtimestamp(verdict.eta, tz=UTC):%A}."
    )
    assert "Thursday" in verdict.eta_sentence


@pytest.mark.parametrize(
    ("age", "words"),
    [(600, "in 28 minutes"), (3_600, "in 3 hours"), (5 * 86_400, "in 14 days"), (7 * 86_400, "in 3 weeks")],
)
def test_judge__slower_traffic__says_so_in_plain_words(age: float, words: str) -> None:
    assert judged(evidence(100, first_at=NOW - age)).eta_sentence.endswith(f"suffices {words}.")


def test_judge__traffic_that_never_suffices__says_the_ways_out() -> None:
    verdict = judged(evidence(100, first_at=NOW - 20 * 86_400))
    assert verdict.eta is None
    assert "never suffices" in verdict.eta_sentence
    assert "waiver" in verdict.eta_sentence


def test_judge__what_no_time_mends__names_no_day() -> None:
    assert judged(evidence(100, 5)).eta_sentence == ""
    assert judged(evidence(100, completeness=0.5)).eta is None
    assert judged(evidence(1_000)).eta_sentence == ""


def test_judge__a_missing_weekday_and_month_end__wait_for_them() -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()  # a Saturday
    found = evidence(1_000, last_at=now - 5, first_at=now - 86_400, weekdays=frozenset({0, 1, 2, 4, 5, 6}))
    weekly = judge(evidence=found, policy=replace(POLICY, weekly_cycle=True), now=now)
    assert weekly.eta == datetime(2026, 11, 26, tzinfo=UTC).timestamp()
    assert weekly.eta_sentence.endswith("on Thursday.")
    monthly = judge(evidence=found, policy=replace(POLICY, month_end=True), now=now)
    assert monthly.eta == datetime(2026, 11, 30, tzinfo=UTC).timestamp()


# --------------------------------------------------------------------------------------------- gaps


@pytest.mark.parametrize("seed", range(4))
def test_judge__25000_pieces_of_evidence_with_a_gap__promote_none(seed: int) -> None:
    for case in cases(count=25_000, seed=seed):
        verdict = judge(
            evidence=case.evidence, policy=case.policy, now=GAPS_NOW, serving=case.serving, waived=case.waived
        )
        assert not verdict.promotes, (case.gaps, case.evidence)


@pytest.mark.parametrize("policy", POLICIES)
def test_perfect__before_anything_is_taken_away__promotes(policy: Policy) -> None:
    for seed in range(50):
        verdict = judge(evidence=perfect(Random(seed)), policy=policy, now=GAPS_NOW)
        assert verdict.promotes, verdict.reason
