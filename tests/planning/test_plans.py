"""The plan as queues of teams, what another one would bring, and what was promised."""

from datetime import timedelta

import pytest

from migrator.core.queues import Cycle
from migrator.core.stages import Stage
from migrator.core.what_if import Impossible, Move, Wish
from migrator.inventory.models import Project, Team
from migrator.inventory.services import create_team
from migrator.planning import services
from migrator.planning.models import Dependency
from migrator.planning.queries import Measure, Slice, compare, moves, plan_of, promises, standing
from tests.planning.conftest import ACTOR, NOW, History, finished

TODAY = NOW.date()


@pytest.fixture
def teams(project: Project) -> dict[str, Team]:
    return {name: create_team(project=project, name=name) for name in ("ants", "bees")}


@pytest.fixture
def lopsided(project: Project, teams: dict[str, Team], history: History) -> dict[str, Team]:
    """Both finish one a week; the ants have two left, the bees twelve; four people each; due in nine weeks."""
    for name, team in teams.items():
        for week in range(8):
            history(f"GET /{name}/done/{week}", 70, finished(60 - 7 * week), team=team)
        for number in range(2 if name == "ants" else 12):
            history(f"GET /{name}/left/{number}", 70, team=team)
        services.set_capacity(team=team, people=4, since=TODAY - timedelta(days=90), actor=ACTOR, now=NOW)
    project.deadline = TODAY + timedelta(weeks=9)
    project.save()
    return teams


def test_plan__of_teams__has_what_is_left_the_weeks_and_the_people(project: Project, lopsided: dict[str, Team]) -> None:
    plan = plan_of(project=project, now=NOW)
    assert {name: stream.left for name, stream in plan.teams.items()} == {"ants": 2, "bees": 12}
    assert plan.people == {"ants": 4, "bees": 4}
    assert [week.done for week in plan.teams["bees"].weeks[-9:]] == [1] * 8 + [0]
    assert {piece.team: piece.size for piece in plan.pieces} == {"ants": 2, "bees": 12}


def test_plan__with_units_that_wait__has_them_as_pieces_of_their_own(
    project: Project, teams: dict[str, Team], history: History
) -> None:
    done = history("GET /done", 9, finished(5), team=teams["ants"])
    first, then = history("GET /first", 9, team=teams["ants"]), history("GET /then", 9, team=teams["bees"])
    history("GET /alone", 9)
    for unit, needs in ((then, first), (first, done)):
        services.add_dependency(unit=unit, needs=needs, actor=ACTOR, now=NOW)
    pieces = {piece.id: piece for piece in plan_of(project=project, now=NOW).pieces}
    assert pieces["GET /first"].needs == ()
    assert pieces["GET /then"].needs == ("GET /first",)
    assert (pieces["GET /then"].team, pieces["GET /then"].size) == ("bees", 1)
    assert "GET /done" not in pieces
    assert pieces["the rest of (no team)"].size == 1


def test_plan__by_effort__weighs_what_is_left(project: Project, teams: dict[str, Team], history: History) -> None:
    large = history("GET /large", 9, team=teams["ants"])
    history("GET /small", 9, team=teams["bees"])
    services.set_effort(project=project, points={large.pk: 8}, actor=ACTOR, now=NOW)
    plan = plan_of(project=project, now=NOW, measure=Measure.EFFORT)
    assert {name: stream.left for name, stream in plan.teams.items()} == {"ants": 8, "bees": 8}


def test_plan__of_a_phase__holds_its_units_alone(project: Project, teams: dict[str, Team], history: History) -> None:
    unit = history("GET /a", 9, team=teams["ants"])
    history("GET /b", 9, team=teams["bees"])
    phase = services.save_phase(project=project, name="mvp", actor=ACTOR, now=NOW)
    services.assign(project=project, phase=phase, unit_ids=[unit.pk], actor=ACTOR, now=NOW)
    assert set(plan_of(project=project, now=NOW, units=Slice(phase="mvp")).teams) == {"ants"}


def test_plan__of_a_team__holds_its_queue_and_what_it_waits_for_elsewhere(
    project: Project, lopsided: dict[str, Team], history: History
) -> None:
    needed = history("GET /needed", 9, team=lopsided["bees"])
    before = history("GET /before", 9, team=lopsided["bees"])
    unit = history("GET /unit", 9, team=lopsided["ants"])
    for one, other in ((unit, needed), (needed, before)):
        services.add_dependency(unit=one, needs=other, actor=ACTOR, now=NOW)

    plan = plan_of(project=project, now=NOW, units=Slice(team="ants"))

    assert {name: stream.left for name, stream in plan.teams.items()} == {"ants": 3, "bees": 2}
    assert [week.done for week in plan.teams["bees"].weeks[-9:]] == [1] * 8 + [0], "at the pace of all its work"
    assert {piece.id: piece.needs for piece in plan.pieces} == {
        "GET /unit": ("GET /needed",),
        "GET /needed": ("GET /before",),
        "GET /before": (),
        "the rest of ants": (),
    }
    assert plan_of(project=project, now=NOW, units=Slice(team="bees")).teams.keys() == {"bees"}


# ------------------------------------------------------------------------------------- what if


def test_compare__of_moved_people__stands_beside_today(project: Project, lopsided: dict[str, Team]) -> None:
    wish = Wish(moves=(Move(giver="ants", taker="bees", people=3),))
    found = compare(project=project, now=NOW, wish=wish)
    assert found.deadline == found.deadline_today == project.deadline
    assert found.chance_today is not None
    assert found.chance_then is not None
    assert found.chance_then > found.chance_today
    assert found.today.p85 is not None
    assert found.then.p85 is not None
    assert found.then.p85 < found.today.p85
    assert found.plan_then.people == {"ants": 1, "bees": 7}


def test_compare__of_a_wish_for_nothing__is_today(project: Project, lopsided: dict[str, Team]) -> None:
    found = compare(project=project, now=NOW, wish=Wish())
    assert found.today == found.then


def test_compare__of_a_later_deadline_and_less_scope__is_likelier(project: Project, lopsided: dict[str, Team]) -> None:
    later = compare(project=project, now=NOW, wish=Wish(), deadline=TODAY + timedelta(weeks=40))
    less = compare(project=project, now=NOW, wish=Wish(cut={"bees": 10}))
    assert later.chance_today is not None
    for found in (later, less):
        assert found.chance_then is not None
        assert found.chance_then > later.chance_today


def test_compare__of_what_cannot_be__is_refused_by_field(project: Project, lopsided: dict[str, Team]) -> None:
    with pytest.raises(Impossible) as refused:
        compare(project=project, now=NOW, wish=Wish(moves=(Move(giver="wasps", taker="bees"),)))
    assert refused.value.field == "giver"


def test_moves__ranked__bring_people_to_those_that_hold_the_end(project: Project, lopsided: dict[str, Team]) -> None:
    best = moves(project=project, now=NOW)
    assert (best[0].move.giver, best[0].move.taker) == ("ants", "bees")
    assert best[0].gained_weeks > 0


def test_standing__with_a_deadline__gives_each_team_its_day(project: Project, lopsided: dict[str, Team]) -> None:
    found = standing(project=project, now=NOW)
    assert found.deadline == project.deadline
    assert {team.team: team.due for team in found.outlook.teams} == dict.fromkeys(("ants", "bees"), project.deadline)
    assert found.outlook.teams[0].team == "bees"


def test_standing__of_a_ring__is_refused_by_name(project: Project, teams: dict[str, Team], history: History) -> None:
    one, two = history("GET /a", 9), history("GET /b", 9)
    for unit, needs in ((one, two), (two, one)):
        Dependency.objects.create(unit=unit, needs=needs, set_by="x", set_at=NOW)
    with pytest.raises(Cycle):
        standing(project=project, now=NOW)


# ------------------------------------------------------------------------------------ promises


def test_promises__of_a_project__say_how_far_and_how_likely(project: Project, lopsided: dict[str, Team]) -> None:
    milestones = {
        "kept": (TODAY - timedelta(days=5), 0.3),
        "missed": (TODAY - timedelta(days=5), 1.0),
        "near": (TODAY + timedelta(days=2), 1.0),
        "far": (TODAY + timedelta(weeks=90), 1.0),
    }
    for name, (due, share) in milestones.items():
        services.set_milestone(
            project=project, name=name, due=due, share=share, team=lopsided["bees"], actor=ACTOR, now=NOW
        )
    found = {each.name: each for each in promises(project=project, now=NOW)}
    assert (found["kept"].chance, found["missed"].chance) == (1.0, 0.0)
    assert (found["kept"].scope, found["kept"].done) == (6, 8)
    near, far = found["near"].chance, found["far"].chance
    assert near is not None
    assert far is not None
    assert near < 0.1 < 0.9 < far
    assert found["Shop"].kind == "project"
    assert [each.due for each in promises(project=project, now=NOW)] == sorted(each.due for each in found.values())


def test_promises__of_an_empty_phase__say_that_nothing_is_in_it(project: Project) -> None:
    services.save_phase(project=project, name="mvp", deadline=TODAY, done_at=Stage.REMOVED, actor=ACTOR, now=NOW)
    found = promises(project=project, now=NOW)
    assert [(each.name, each.chance, each.reason) for each in found] == [("mvp", None, "Nothing is in its scope.")]
