"""The ladder: what may follow what, and with which shares."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.core.stages import (
    ALL,
    LADDER,
    RANK,
    RUNGS,
    Direction,
    Position,
    Stage,
    TransitionRefused,
    check_shares,
    check_transition,
    needs_evidence,
    percent,
    rolled_back,
    settle,
)


@st.composite
def positions(draw: st.DrawFn) -> Position:
    rung = draw(st.sampled_from(LADDER))
    return Position(
        stage=rung.stage,
        candidate=draw(st.integers(*rung.candidate)),
        mirror=draw(st.integers(*rung.mirror)),
    )


def test_ladder__every_stage__stands_on_it_once() -> None:
    assert [rung.stage for rung in LADDER] == list(Stage)


@given(positions(), positions())
def test_check_transition__any_move__climbs_at_most_one_rung(current: Position, target: Position) -> None:
    try:
        direction = check_transition(current=current, target=target)
    except TransitionRefused as refused:
        assert refused.field == "stage"
        assert RANK[target.stage] - RANK[current.stage] > 1 or current.stage is Stage.REMOVED
    else:
        assert RANK[target.stage] - RANK[current.stage] <= 1
        if target.candidate < current.candidate:
            assert direction is Direction.BACK or RANK[target.stage] > RANK[current.stage]


@given(positions())
def test_rolled_back__from_anywhere__candidate_answers_nobody_and_it_is_allowed(current: Position) -> None:
    target = rolled_back(current=current)
    assert target.candidate == 0 or target == current
    if current.stage is not Stage.REMOVED:
        assert check_transition(current=current, target=target) is not Direction.FORWARD
        assert not needs_evidence(current=current, target=target)


@given(positions())
def test_rolled_back__twice__is_the_same_as_once(current: Position) -> None:
    once = rolled_back(current=current)
    assert rolled_back(current=once) == once


@given(positions(), st.sampled_from(Stage))
def test_settle__any_stage__gives_shares_that_the_stage_allows(current: Position, stage: Stage) -> None:
    check_shares(settle(current=current, stage=stage))


def test_settle__step_to_cutover__means_everybody() -> None:
    canary = Position(stage=Stage.CANARY, candidate=500, mirror=2_000)
    assert settle(current=canary, stage=Stage.CUTOVER) == Position(stage=Stage.CUTOVER, candidate=ALL, mirror=2_000)


def test_check_shares__candidate_answers_in_shadow__names_the_field_and_what_is_allowed() -> None:
    with pytest.raises(TransitionRefused, match="Shadow takes candidate_percent 0 %, not 5 %") as refused:
        check_shares(Position(stage=Stage.SHADOW, candidate=500, mirror=0))
    assert refused.value.field == "candidate_percent"


def test_check_transition__two_rungs_at_once__names_the_next_one() -> None:
    with pytest.raises(TransitionRefused, match="after backlog comes shadow"):
        check_transition(
            current=Position(stage=Stage.BACKLOG, candidate=0, mirror=0),
            target=Position(stage=Stage.CANARY, candidate=100, mirror=0),
        )


def test_check_transition__removal_without_legacy__has_no_way_back() -> None:
    removal = Position(stage=Stage.REMOVAL, candidate=ALL, mirror=0)
    down = Position(stage=Stage.CUTOVER, candidate=ALL, mirror=0)
    assert check_transition(current=removal, target=down) is Direction.BACK
    with pytest.raises(TransitionRefused, match="nothing to go back to"):
        check_transition(current=removal, target=down, legacy_deployed=False)


def test_needs_evidence__only_where_more_callers_meet_the_candidate() -> None:
    side = Position(stage=Stage.SIDE_BY_SIDE, candidate=0, mirror=ALL)
    canary = Position(stage=Stage.CANARY, candidate=500, mirror=ALL)
    assert needs_evidence(current=side, target=canary)
    assert not needs_evidence(current=canary, target=side)
    assert not needs_evidence(current=side, target=Position(stage=Stage.SIDE_BY_SIDE, candidate=0, mirror=0))
    assert not needs_evidence(current=Position(stage=Stage.SHADOW, candidate=0, mirror=0), target=side)


def test_rolled_back__to_a_stage_where_the_candidate_answers__is_refused() -> None:
    with pytest.raises(TransitionRefused, match="side by side or lower"):
        rolled_back(current=Position(stage=Stage.CUTOVER, candidate=ALL, mirror=0), stage=Stage.CANARY)


@pytest.mark.parametrize(("share", "said"), [(0, 0), (500, 5), (1, 0.01), (1234, 12.34), (ALL, 100)])
def test_percent__basis_points__as_people_write_them(share: int, said: float) -> None:
    assert percent(share) == said


def test_rungs__table_and_lookup__agree() -> None:
    assert {rung.stage: rung for rung in LADDER} == RUNGS
