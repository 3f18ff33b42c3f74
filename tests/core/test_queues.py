"""Teams that wait for each other, and what another plan would bring."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from migrator.core.forecast import Stream, Week
from migrator.core.queues import Cycle, Piece, Plan, by_urgency, outlook
from migrator.core.what_if import Impossible, Move, Wish, applied, beside, best_moves

TODAY = date(2026, 11, 21)


def stream(left: float, *, pace: float = 10.0) -> Stream:
    return Stream(left=left, weeks=tuple(Week(done=pace, added=0) for _ in range(26)))


def plan(*pieces: Piece, people: dict[str, float] | None = None, **paces: float) -> Plan:
    teams = {
        team: stream(sum(piece.size for piece in pieces if piece.team == team), pace=pace)
        for team, pace in paces.items()
    }
    return Plan(pieces=pieces, teams=teams, people=people or {})


ALONE = plan(Piece(id="a", team="ants", size=100), Piece(id="b", team="bees", size=300), ants=10, bees=10)
CHAIN = plan(
    Piece(id="a", team="ants", size=100),
    Piece(id="b", team="bees", size=50, needs=("a",)),
    Piece(id="c", team="bees", size=30),
    ants=10,
    bees=10,
)


def weeks(day: date | None) -> float:
    assert day is not None
    return (day - TODAY).days / 7


def test_outlook__of_teams_apart__ends_with_the_slowest() -> None:
    found = outlook(plan=ALONE, today=TODAY)
    assert 30 <= weeks(found.p50) <= 32
    assert [team.team for team in found.teams] == ["bees", "ants"]
    assert found.teams[0].critical == 1.0
    assert found.teams[1].critical == 0.0


def test_outlook__of_a_chain__waits_for_what_comes_first() -> None:
    found = outlook(plan=CHAIN, today=TODAY)
    assert 15 <= weeks(found.p50) <= 17
    assert dict(found.critical)["a"] == 1.0
    assert "c" not in dict(found.critical), "it is done while the bees wait"
    assert {team.team: team.critical for team in found.teams} == {"ants": 1.0, "bees": 1.0}


def test_mini_deadline__of_the_team_that_others_wait_for__leaves_them_their_time() -> None:
    target = TODAY + timedelta(weeks=40)
    due = {team.team: team.due for team in outlook(plan=CHAIN, today=TODAY, target=target).teams}
    assert due["bees"] == target
    assert due["ants"] is not None
    assert 5 <= (target - due["ants"]).days / 7 <= 7


def test_outlook__of_a_ring__names_it() -> None:
    ring = plan(
        Piece(id="a", team="ants", size=1, needs=("c",)),
        Piece(id="b", team="ants", size=1, needs=("a",)),
        Piece(id="c", team="ants", size=1, needs=("b",)),
        Piece(id="d", team="ants", size=1, needs=("b",)),
        ants=1,
    )
    with pytest.raises(Cycle) as caught:
        outlook(plan=ring, today=TODAY)
    assert set(caught.value.ring) == {"a", "b", "c"}


def test_outlook__of_a_need_outside_the_plan__takes_it_for_done() -> None:
    assert [piece.id for piece in by_urgency([Piece(id="a", team="ants", size=1, needs=("elsewhere",))])] == ["a"]


def test_order__of_pieces__never_puts_one_before_what_it_needs() -> None:
    pieces = [Piece(id=str(at), team="t", size=at % 7, needs=(str(at // 2),) if at > 1 else ()) for at in range(1, 200)]
    seen: set[str] = set()
    for piece in by_urgency(pieces):
        assert all(need in seen for need in piece.needs)
        seen.add(piece.id)


@pytest.mark.parametrize(
    ("stuck", "words"),
    [
        (plan(Piece(id="a", team="ants", size=9), ants=1, people={"ants": 0}), "Nobody works there."),
        (plan(Piece(id="a", team="ants", size=9), ants=0), "Nothing was finished there yet"),
    ],
)
def test_outlook__with_a_team_that_gets_nowhere__has_no_end_and_says_why(stuck: Plan, words: str) -> None:
    found = outlook(plan=stuck, today=TODAY)
    assert (found.p50, found.p85) == (None, None)
    assert words in found.teams[0].stuck


def test_outlook__of_an_empty_plan__is_over() -> None:
    found = outlook(plan=Plan(pieces=(), teams={}), today=TODAY)
    assert found.p85 == TODAY


# ------------------------------------------------------------------------------------- what if

CREWED = plan(
    Piece(id="a", team="ants", size=50),
    Piece(id="b", team="bees", size=300),
    ants=10,
    bees=10,
    people={"ants": 4, "bees": 4},
)


def test_move__to_the_team_that_holds_the_end__brings_it_nearer_but_not_at_once() -> None:
    then = applied(plan=CREWED, wish=Wish(moves=(Move(giver="ants", taker="bees", people=2),)))
    assert then.people == {"ants": 2, "bees": 6}
    assert then.teams["bees"].pace[0] < then.teams["bees"].pace[-1] == pytest.approx(1.5)
    now, later = outlook(plan=CREWED, today=TODAY), outlook(plan=then, today=TODAY)
    assert weeks(later.p85) < weeks(now.p85)
    assert weeks(later.p85) > 300 / 15, "newcomers bring less than a whole person at first"


def test_cut__of_scope__brings_the_end_nearer() -> None:
    then = applied(plan=CREWED, wish=Wish(cut={"bees": 150}))
    assert weeks(outlook(plan=then, today=TODAY).p50) == pytest.approx(15, abs=1.5)


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        (Wish(moves=(Move(giver="ants", taker="ants"),)), "taker"),
        (Wish(moves=(Move(giver="ants", taker="wasps"),)), "taker"),
        (Wish(moves=(Move(giver="ants", taker="bees", people=5),)), "people"),
        (Wish(moves=(Move(giver="ants", taker="bees", people=0),)), "people"),
        (Wish(cut={"bees": 301}), "cut"),
        (Wish(cut={"wasps": 1}), "cut"),
    ],
)
def test_wish__that_cannot_be__is_refused_by_name(wish: Wish, field: str) -> None:
    with pytest.raises(Impossible) as refused:
        applied(plan=CREWED, wish=wish)
    assert refused.value.field == field


def test_best_moves__of_a_lopsided_plan__move_to_the_team_that_holds_the_end() -> None:
    best = best_moves(plan=CREWED, today=TODAY, target=TODAY + timedelta(weeks=27))
    assert (best[0].move.giver, best[0].move.taker) == ("ants", "bees")
    assert best[0].gained_weeks > 0
    assert best[0].chance is not None


# -------------------------------------------------------------------------------- bad input


def test_outlook__of_a_deadline_in_the_past__has_no_chance_and_mini_deadlines_before_it() -> None:
    over = TODAY - timedelta(days=30)
    found = outlook(plan=CHAIN, today=TODAY, target=over)
    assert found.chance(over) == 0.0
    assert all(team.due is not None and team.due <= over for team in found.teams)


def test_outlook__of_a_hundred_pieces_in_a_chain__takes_their_sum_and_all_of_them_are_critical() -> None:
    chain = [
        Piece(id=f"{at:03}", team=("ants", "bees")[at % 2], size=2, needs=(f"{at - 1:03}",) if at else ())
        for at in range(100)
    ]
    found = outlook(plan=plan(*chain, ants=10, bees=10), today=TODAY)
    assert 20 <= weeks(found.p50) <= 22, "one waits while the other works: 200 at ten a week"
    assert len(found.critical) == 100
    assert {share for _, share in found.critical} == {1.0}


def test_outlook__of_work_that_nobody_waits_for__gives_way_to_what_somebody_waits_for() -> None:
    """The bees are at 300 of their own when what the cats wait for can begin: they put it aside, and lose nothing."""
    pieces = (
        Piece(id="first", team="ants", size=50),
        Piece(id="then", team="bees", size=20, needs=("first",)),
        Piece(id="last", team="cats", size=50, needs=("then",)),
        Piece(id="rest", team="bees", size=300),
    )
    found = outlook(plan=plan(*pieces, ants=10, bees=10, cats=10), today=TODAY)
    ends = {team.team: weeks(team.p50) for team in found.teams}
    assert 12 <= ends["cats"] <= 13, "five, two and five weeks"
    assert 32 <= ends["bees"] <= 34, "never idle"
    assert found.critical[0] == ("rest", 1.0)
    assert "first" not in dict(found.critical), "had it come sooner, the bees were no sooner done"


def test_beside__with_and_without_a_wish__shares_the_luck_of_all_others() -> None:
    now, then, _ = beside(plan=CREWED, wish=Wish(), today=TODAY, target=TODAY + timedelta(weeks=20))
    assert now == then == outlook(plan=CREWED, today=TODAY, target=TODAY + timedelta(weeks=20))
    wish = Wish(moves=(Move(giver="ants", taker="bees", people=2),))
    moved = beside(plan=CREWED, wish=wish, today=TODAY)
    assert moved[1] == outlook(plan=moved[2], today=TODAY)
    nobody = beside(plan=CREWED, wish=Wish(moves=(Move(giver="ants", taker="bees", people=4),)), today=TODAY)
    assert nobody[1].p85 is None, "the ants have work left and nobody to do it"


def test_outlook__of_a_team_without_people__holds_up_those_that_wait_for_it_only() -> None:
    pieces = (
        Piece(id="a", team="ants", size=10),
        Piece(id="b", team="bees", size=10, needs=("a",)),
        Piece(id="c", team="cats", size=10),
    )
    found = outlook(plan=plan(*pieces, ants=5, bees=5, cats=5, people={"ants": 0.0}), today=TODAY)
    ends = {team.team: team.p85 for team in found.teams}
    assert (ends["ants"], ends["bees"]) == (None, None)
    assert 2 <= weeks(ends["cats"]) <= 3
    assert dict(found.critical) == {"a": 1.0}, "what waits for it is not what holds the end"


def test_move__to_a_team_without_people__is_refused_because_nobody_knows_its_pace() -> None:
    empty = plan(Piece(id="a", team="ants", size=9), Piece(id="b", team="bees", size=9), ants=1, bees=1)
    crewed = Plan(pieces=empty.pieces, teams=empty.teams, people={"ants": 3, "bees": 0})
    with pytest.raises(Impossible) as refused:
        applied(plan=crewed, wish=Wish(moves=(Move(giver="ants", taker="bees"),)))
    assert refused.value.field == "taker"


def test_best_moves__with_nobody_to_spare__are_none() -> None:
    assert best_moves(plan=ALONE, today=TODAY) == ()


def test_best_moves__with_a_team_that_is_done__send_its_people_first() -> None:
    """Engineers go where others fell behind."""
    plan = replace(CREWED, people=CREWED.people | {"cats": 2}, idle=frozenset({"cats"}))
    moves = best_moves(plan=plan, today=TODAY, people=2)
    assert moves and moves[0].move.giver == "cats"
    then = applied(plan=plan, wish=Wish(moves=(moves[0].move,)))
    assert then.people["cats"] == 0
    assert "cats" not in then.teams


def test_move__to_a_team_that_is_done__is_refused() -> None:
    plan = replace(CREWED, people=CREWED.people | {"cats": 2}, idle=frozenset({"cats"}))
    with pytest.raises(Impossible, match="cats has nothing left to do") as refused:
        applied(plan=plan, wish=Wish(moves=(Move(giver="ants", taker="cats"),)))
    assert refused.value.field == "taker"
