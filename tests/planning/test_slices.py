"""The burn-up of parts: phases, teams as they were, effort, and what is done."""

import pytest

from migrator.core.stages import Stage
from migrator.inventory.models import Project, Service
from migrator.inventory.services import create_team, save_service
from migrator.planning.counting import count
from migrator.planning.queries import Measure, Slice, Tagged, burn_up, prospect
from migrator.planning.queries.since import since
from migrator.planning.services import assign, save_phase, set_effort
from tests.planning.conftest import ACTOR, NOW, History, days_ago, finished, move, retagged

# ---------------------------------------------------------------------------------------- tags


def test_tags__of_a_unit_that_changed_teams__are_todays_or_those_of_each_day(
    project: Project, history: History
) -> None:
    ants, bees = (create_team(project=project, name=name) for name in ("ants", "bees"))
    unit = history("GET /a", 9, {8: Stage.SHADOW}, team=ants)
    retagged(unit, days_ago(4), team=bees)
    move(unit, Stage.SIDE_BY_SIDE, days_ago(2))
    found = {
        (team, tagged): burn_up(project=project, now=NOW, days=6, units=Slice(team=team, tagged=tagged))
        for team in ("ants", "bees")
        for tagged in Tagged
    }
    assert found["ants", Tagged.NOW].scope == (0,) * 7
    assert found["bees", Tagged.NOW].scope == (1,) * 7
    assert found["ants", Tagged.THEN].scope == (1, 1, 0, 0, 0, 0, 0)
    assert found["bees", Tagged.THEN].scope == (0, 0, 1, 1, 1, 1, 1)
    assert found["ants", Tagged.THEN].counts[Stage.SHADOW] == (1, 1, 0, 0, 0, 0, 0)
    assert found["bees", Tagged.THEN].counts[Stage.SHADOW] == (0, 0, 1, 1, 0, 0, 0)
    assert found["bees", Tagged.THEN].counts[Stage.SIDE_BY_SIDE] == (0, 0, 0, 0, 1, 1, 1)
    assert found["ants", Tagged.THEN].gone[2] == found["bees", Tagged.THEN].added[2] == 1


def test_tags__of_a_unit_that_came_back__are_its_own_again(project: Project, history: History) -> None:
    ants = create_team(project=project, name="ants")
    unit = history("GET /a", 9, {8: Stage.SHADOW}, team=ants)
    retagged(unit, days_ago(6), team=None)
    retagged(unit, days_ago(3), team=ants)
    found = burn_up(project=project, now=NOW, days=8, units=Slice(team="ants", tagged=Tagged.THEN))
    assert found.scope == (1, 1, 0, 0, 0, 1, 1, 1, 1)


def test_tags__of_a_unit_that_changed_services__follow_both_tags(project: Project, history: History) -> None:
    other = save_service(project=project, name="other")
    unit = history("GET /a", 9, {8: Stage.SHADOW})
    retagged(unit, days_ago(4), service=other)
    then = {
        name: burn_up(project=project, now=NOW, days=5, units=Slice(service=name, tagged=Tagged.THEN)).scope
        for name in ("main", "other")
    }
    assert then == {"main": (1, 0, 0, 0, 0, 0), "other": (0, 1, 1, 1, 1, 1)}


# -------------------------------------------------------------------------------------- phases


def test_phase__as_tagged_now_and_then__has_the_scope_that_people_gave_it(project: Project, history: History) -> None:
    first = save_phase(project=project, name="first", actor=ACTOR, now=days_ago(20))
    second = save_phase(project=project, name="second", actor=ACTOR, now=days_ago(20))
    unit = history("GET /a", 9, {8: Stage.SHADOW})
    history("GET /b", 9)
    assign(project=project, phase=first, unit_ids=[unit.pk], actor=ACTOR, now=days_ago(5))
    assign(project=project, phase=second, unit_ids=[unit.pk], actor=ACTOR, now=days_ago(2))
    found = {
        (phase, tagged): burn_up(project=project, now=NOW, days=6, units=Slice(phase=phase, tagged=tagged))
        for phase in ("first", "second")
        for tagged in Tagged
    }
    assert found["first", Tagged.NOW].scope[-1] == 0
    assert found["second", Tagged.NOW].scope == (1,) * 7
    assert found["first", Tagged.THEN].scope == (0, 1, 1, 1, 0, 0, 0)
    assert found["second", Tagged.THEN].scope == (0, 0, 0, 0, 1, 1, 1)
    assert found["second", Tagged.THEN].counts[Stage.SHADOW] == (0, 0, 0, 0, 1, 1, 1)


def test_phase__with_a_deadline_of_its_own__is_held_against_that(project: Project, service: Service) -> None:
    project.deadline = NOW.date()
    save_phase(project=project, name="mvp", deadline=days_ago(-9).date(), actor=ACTOR, now=NOW)
    save_phase(project=project, name="rest", actor=ACTOR, now=NOW)
    assert burn_up(project=project, now=NOW, units=Slice(phase="mvp")).deadline == days_ago(-9).date()
    assert burn_up(project=project, now=NOW, units=Slice(phase="rest")).deadline == NOW.date()


# ------------------------------------------------------------------------------ effort and done


def test_effort__of_units__is_added_up_and_unknown_ones_count_as_the_mean(project: Project, history: History) -> None:
    small, large = history("GET /small", 9, finished(5)), history("GET /large", 9)
    history("GET /unknown", 9)
    set_effort(project=project, points={small.pk: 1, large.pk: 5}, actor=ACTOR, now=NOW)
    found = burn_up(project=project, now=NOW, days=3, measure=Measure.EFFORT)
    assert found.scope[-1] == pytest.approx(9)
    assert found.done[-1] == pytest.approx(1)
    assert found.left == pytest.approx(8)


def test_done__as_chosen__is_cutover_or_removed(project: Project, history: History) -> None:
    history("GET /a", 9, finished(5))
    cutover = burn_up(project=project, now=NOW, days=3)
    removed = burn_up(project=project, now=NOW, days=3, done_stage=Stage.REMOVED)
    assert (cutover.left, removed.left) == (0, 1)
    assert cutover.done_stages == (Stage.CUTOVER, Stage.REMOVAL, Stage.REMOVED)
    assert removed.done_stages == (Stage.REMOVED,)


# ----------------------------------------------------------------------------- what changed since


def crossings(project: Project, units: Slice) -> tuple[int, int]:
    """What was finished and what fell back in the last week, as the page tells it."""
    found = prospect(project=project, now=NOW, units=units)
    told = since(project=project, found=found, units=units, day=days_ago(7).date())
    return told.finished, told.regressed


def handed_on(history: History, at: float, **tags: dict[str, object]) -> None:
    """Finished six days ago and taken back two days ago; in between it went to somebody else."""
    unit = history("GET /a", 30, finished(6), **tags["before"])
    retagged(unit, days_ago(at), **tags["after"])
    move(unit, Stage.CANARY, days_ago(2))


@pytest.mark.parametrize("is_counted", [False, True])
@pytest.mark.parametrize(
    ("at", "ants", "bees"),
    [(4, (1, 0), (0, 1)), (20, (0, 0), (1, 1)), (1, (1, 1), (0, 0))],
    ids=["between", "before", "after"],
)
def test_since__as_tagged_then__tells_each_team_what_it_did_while_it_had_the_unit(
    project: Project, history: History, at: float, ants: tuple[int, int], bees: tuple[int, int], is_counted: bool
) -> None:
    teams = {name: create_team(project=project, name=name) for name in ("ants", "bees")}
    handed_on(history, at, before={"team": teams["ants"]}, after={"team": teams["bees"]})
    history("GET /steady", 30, finished(3), team=teams["ants"])
    history("GET /nobodys", 30, finished(3))
    if is_counted:
        count(project=project)
    then = {name: crossings(project, Slice(team=name, tagged=Tagged.THEN)) for name in teams}
    assert then == {"ants": (ants[0] + 1, ants[1]), "bees": bees}
    now = {name: crossings(project, Slice(team=name)) for name in teams}
    assert now == {"ants": (1, 0), "bees": (1, 1)}
    assert crossings(project, Slice(tagged=Tagged.THEN)) == crossings(project, Slice()) == (3, 1)


def test_since__as_tagged_then__goes_by_service_by_kind_and_by_nobodys_team(project: Project, history: History) -> None:
    other = save_service(project=project, name="other")
    ants = create_team(project=project, name="ants")
    handed_on(history, 4, before={"team": ants}, after={"service": other, "team": None})
    then = {"tagged": Tagged.THEN}
    assert crossings(project, Slice(service="main", **then)) == (1, 0)
    assert crossings(project, Slice(service="other", **then)) == (0, 1)
    assert crossings(project, Slice(service="main", team="ants", kind="endpoint", **then)) == (1, 0)
    assert crossings(project, Slice(service="other", team="ants", **then)) == (0, 0)
    assert crossings(project, Slice(service="main", kind="field", **then)) == (0, 0)


def test_since__of_a_phase_as_tagged_then__counts_what_happened_in_it(project: Project, history: History) -> None:
    first, second = (save_phase(project=project, name=name, actor=ACTOR, now=days_ago(40)) for name in ("1st", "2nd"))
    unit = history("GET /a", 30)
    assign(project=project, phase=first, unit_ids=[unit.pk], actor=ACTOR, now=days_ago(20))
    for days, stage in finished(6).items():
        move(unit, stage, days_ago(days))
    assign(project=project, phase=second, unit_ids=[unit.pk], actor=ACTOR, now=days_ago(4))
    move(unit, Stage.CANARY, days_ago(2))
    found = {
        (name, each): crossings(project, Slice(phase=name, tagged=each)) for name in ("1st", "2nd") for each in Tagged
    }
    assert found == {
        ("1st", Tagged.NOW): (0, 0), ("1st", Tagged.THEN): (1, 0),
        ("2nd", Tagged.NOW): (1, 1), ("2nd", Tagged.THEN): (0, 1),
    }  # fmt: skip
