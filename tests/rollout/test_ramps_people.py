"""Whoever answers for a ramp, whoever must agree, and several at once: two tickers never step twice."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from migrator.access.models import Approval, Membership, Role, Token
from migrator.access.rights import Actor, Via, console, person
from migrator.core.ramp_text import read_plan
from migrator.core.stages import ALL, Stage
from migrator.inventory.models import Project, Service, Team, Unit
from migrator.inventory.services import save_service
from migrator.rollout import approvals, ramps
from migrator.rollout.models import Flip, Ramp, RampState
from migrator.rollout.scopes import one_unit
from migrator.rollout.services import rollback
from tests.rollout.climbers import ANA, NOW, QUICK, again, begin, fresh, in_threads, observe, pass_time, raised


@pytest.fixture
def service(project: Project) -> Service:
    return save_service(project=project, name="main", legacy_url="http://l:1", candidate_url="http://c:1")


@pytest.fixture
def unit(service: Service) -> Unit:
    """In side by side, with evidence that carries it."""
    found = raised(service, "GET /users/{id}", Stage.SIDE_BY_SIDE, NOW)
    observe(found, NOW)
    return found


# ---------------------------------------------------------------------------- whoever answers for it


def test_tick__starter_who_lost_the_right__stops_in_words(unit: Unit, engineer: User) -> None:
    [ramp] = begin(unit, actor=person(user=engineer, project=unit.project, via=Via.PAGE))
    Membership.objects.filter(user=engineer).update(role=Role.VIEWER)
    ramps.tick(now=NOW)
    assert again(ramp).state == RampState.STOPPED
    assert again(ramp).ended_because == "engineer, who answers for it, may not flip any more."
    assert fresh(unit).position.candidate == 0


@pytest.mark.parametrize("at_home", [True, False])
def test_tick__token_that_was_revoked__stops(unit: Unit, at_home: bool) -> None:
    token = Token.objects.create(
        name="ci",
        prefix="x",
        digest="d",
        scope="operate",
        project=unit.project if at_home else None,
        created_at=NOW,
    )
    rights = console(name="x").rights
    [ramp] = begin(unit, actor=Actor(name="token ci", via=Via.API, rights=rights))
    assert ramps.tick(now=NOW).climbed == 1
    Token.objects.filter(pk=token.pk).update(revoked_at=NOW)
    pass_time(unit, NOW, 12)
    assert again(ramp).state == RampState.STOPPED


def test_start__engineer_of_one_team__raises_that_teams_units_only(
    service: Service, unit: Unit, stranger: User
) -> None:
    project = service.project
    team = Team.objects.create(project=project, name="web")
    Unit.objects.filter(pk=unit.pk).update(team=team)
    other = raised(service, "GET /b", Stage.SIDE_BY_SIDE, NOW)
    Membership.objects.create(user=stranger, project=project, team=team, role=Role.ENGINEER)
    actor = person(user=stranger, project=project, via=Via.PAGE)
    done = ramps.start(project=project, unit_ids=[unit.pk, other.pk], plan=QUICK, actor=actor, reason="", now=NOW)
    assert [ramp.unit_id for ramp in done.ramps] == [unit.pk]
    assert done.left[0].reason == "it is another team's: stranger may not flip it."
    assert ramps.tick(now=NOW).climbed == 1
    [theirs] = begin(other)
    ramps.pause(project=project, ramp_ids=[theirs.pk], actor=actor, now=NOW)
    assert "another team" in ramps.resume(project=project, ramp_ids=[theirs.pk], actor=actor, now=NOW).left[0].reason


def at_the_top(service: Service, actor: Actor) -> Ramp:
    """A ramp whose next step is cutover."""
    top = raised(service, "GET /top", Stage.CANARY, NOW, ALL)
    observe(top, NOW)
    return begin(top, plan=read_plan(steps="100, cutover", soak="0s"), actor=actor)[0]


def test_tick__cutover_takes_two__asks_once_and_is_done_when_approved(
    service: Service, engineer: User, owner: User
) -> None:
    project = service.project
    ramp = at_the_top(service, person(user=engineer, project=project, via=Via.PAGE))
    for _ in range(3):
        assert ramps.tick(now=NOW).climbed == 0
    approval = Approval.objects.get()
    assert (approval.asker, approval.headline) == (
        "engineer",
        "GET /top: canary, candidate 100 %, mirror 100 % → cutover, candidate 100 %, mirror 100 %",
    )
    assert again(ramp).waiting.startswith("Waits for a second person: GET /top")
    approvals.approve(approval=approval, actor=person(user=owner, project=project, via=Via.PAGE), now=NOW)
    for _ in range(2):
        ramps.tick(now=NOW)
    assert (fresh(ramp.unit).stage, again(ramp).state) == (Stage.CUTOVER, RampState.DONE)


def test_tick__cutover_is_refused__pauses_and_asks_no_more(service: Service, engineer: User, owner: User) -> None:
    project = service.project
    ramp = at_the_top(service, person(user=engineer, project=project, via=Via.PAGE))
    ramps.tick(now=NOW)
    boss = person(user=owner, project=project, via=Via.PAGE)
    approvals.refuse(approval=Approval.objects.get(), actor=boss, now=NOW, note="Not before Monday.")
    for _ in range(3):
        ramps.tick(now=NOW)
    assert again(ramp).state == RampState.PAUSED
    assert again(ramp).waiting == "The step was not approved: it is refused by owner. Not before Monday."
    assert Approval.objects.count() == 1
    monday = NOW + timedelta(days=7)
    observe(ramp.unit, monday)
    ramps.resume(project=project, ramp_ids=[ramp.pk], actor=boss, now=monday)
    ramps.tick(now=monday)
    assert Approval.objects.order_by("pk").values_list("asker", "state").last() == ("owner", "open")


def test_resume__by_somebody_else__makes_them_answer_for_it(unit: Unit, engineer: User, owner: User) -> None:
    [ramp] = begin(unit, actor=person(user=engineer, project=unit.project, via=Via.PAGE))
    project = unit.project
    ramps.pause(project=project, ramp_ids=[ramp.pk], actor=ANA, now=NOW)
    ramps.resume(project=project, ramp_ids=[ramp.pk], actor=person(user=owner, project=project, via=Via.PAGE), now=NOW)
    Membership.objects.filter(user=engineer).delete()
    assert ramps.tick(now=NOW).climbed == 1
    assert Flip.objects.latest("pk").actor == "owner"


# ------------------------------------------------------------------------------------ at the same time


@pytest.mark.django_db(transaction=True)
def test_tick__four_tickers_at_once__each_step_is_taken_once(service: Service) -> None:
    units = [raised(service, f"GET /u{at}", Stage.SIDE_BY_SIDE, NOW) for at in range(12)]
    for each in units:
        observe(each, NOW)
    begin(*units)
    done = in_threads(*[lambda: ramps.tick(now=NOW)] * 4)
    assert not [each for each in done if isinstance(each, Exception)], done
    assert sum(each.climbed for each in done) == 12
    assert Flip.objects.filter(via=Via.RAMP).count() == 12
    assert set(Ramp.objects.values_list("step", flat=True)) == {1}


@pytest.mark.django_db(transaction=True)
def test_tick__at_once_with_two_tickers__keeps_the_limit(service: Service) -> None:
    units = [raised(service, f"GET /u{at}", Stage.SIDE_BY_SIDE, NOW) for at in range(8)]
    for each in units:
        observe(each, NOW)
    begin(*units, plan=read_plan(steps="1, 5", at_once="3"))
    in_threads(*[lambda: ramps.tick(now=NOW)] * 3)
    assert Flip.objects.filter(via=Via.RAMP).count() == 3


@pytest.mark.django_db(transaction=True)
def test_start__twice_at_once__is_one_ramp_and_one_reason(unit: Unit) -> None:
    done = in_threads(*[lambda: begin(unit)] * 4)
    assert Ramp.objects.count() == 1
    assert sum(isinstance(each, ramps.NoneReady) for each in done) == 3


@pytest.mark.django_db(transaction=True)
def test_rollback__while_ramps_climb__always_wins(service: Service) -> None:
    """Whatever the order in which the two get the lock, the unit is down in the end and its ramp does not raise it."""
    units = [raised(service, f"GET /u{at}", Stage.CANARY, NOW, 50) for at in range(6)]
    for each in units:
        observe(each, NOW)
    begun = begin(*units)

    def take_down() -> None:
        for each in units:
            rollback(project=service.project, scope=one_unit(each), actor=ANA, now=NOW)

    def climb() -> None:
        for _ in range(6):
            ramps.tick(now=NOW)

    done = in_threads(take_down, climb, climb)
    assert not [each for each in done if isinstance(each, Exception)], done
    ramps.tick(now=NOW)
    ramps.tick(now=NOW)
    assert {fresh(each).position.candidate for each in units} == {0}
    assert {again(ramp).state for ramp in begun} == {RampState.COOLING}


@pytest.mark.django_db(transaction=True)
def test_pause__while_ramps_climb__ends_in_no_deadlock_and_stands_still(service: Service) -> None:
    units = [raised(service, f"GET /u{at}", Stage.SIDE_BY_SIDE, NOW) for at in range(6)]
    for each in units:
        observe(each, NOW)
    begun = begin(*units)
    ids = [ramp.pk for ramp in begun]
    pause = ramps.pause
    done = in_threads(
        lambda: [ramps.tick(now=NOW) for _ in range(5)],
        lambda: pause(project=service.project, ramp_ids=ids, actor=ANA, now=NOW),
        lambda: [ramps.tick(now=NOW) for _ in range(5)],
    )
    assert not [each for each in done if isinstance(each, Exception)], done
    assert {again(ramp).state for ramp in begun} == {RampState.PAUSED}
    before = Flip.objects.count()
    ramps.tick(now=NOW)
    assert Flip.objects.count() == before
