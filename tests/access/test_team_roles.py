"""Roles in one team: going up is the team's, going down is everybody's."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from migrator.access.models import Membership, Role
from migrator.access.rights import Actor, Forbidden, Right, Via, person
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Service, Team, Unit
from migrator.inventory.services import save_service
from migrator.rollout.scopes import Scope, one_unit
from migrator.rollout.services import Change, flip, rollback
from tests.rollout.climbers import fresh, observe, raised

NOW = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)


@pytest.fixture
def service(project: Project) -> Service:
    return save_service(project=project, name="main", legacy_url="http://l:1", candidate_url="http://c:1")


@pytest.fixture
def teams(project: Project) -> tuple[Team, Team]:
    return Team.objects.create(project=project, name="mine"), Team.objects.create(project=project, name="theirs")


@pytest.fixture
def units(service: Service, teams: tuple[Team, Team]) -> tuple[Unit, Unit]:
    """One of each team, in canary and safe."""
    found = []
    for team in teams:
        unit = raised(service, f"GET /{team.name}", Stage.CANARY, NOW, 500)
        Unit.objects.filter(pk=unit.pk).update(team=team)
        observe(unit, NOW)
        found.append(fresh(unit))
    return found[0], found[1]


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("eve")


def in_team(user: User, team: Team, role: Role = Role.ENGINEER) -> Actor:
    Membership.objects.create(user=user, project=team.project, team=team, role=role)
    return person(user=user, project=team.project, via=Via.PAGE)


def push(*units: Unit, actor: Actor, override: bool = False) -> None:
    changes = [Change(unit_id=unit.pk, version=fresh(unit).version, candidate=2_500) for unit in units]
    flip(project=units[0].project, changes=changes, actor=actor, reason="up", now=NOW, override=override)


def test_engineer_of_one_team__flips_its_units_and_no_others(
    user: User, teams: tuple[Team, Team], units: tuple[Unit, Unit]
) -> None:
    actor = in_team(user, teams[0])
    with pytest.raises(Forbidden, match="eve may not flip"):
        push(units[1], actor=actor)
    with pytest.raises(Forbidden):
        push(*units, actor=actor)
    push(units[0], actor=actor)
    assert [fresh(unit).candidate_bp for unit in units] == [2_500, 500]


def test_engineer_of_one_team__takes_anything_down(
    user: User, teams: tuple[Team, Team], units: tuple[Unit, Unit]
) -> None:
    actor = in_team(user, teams[0])
    rollback(project=units[1].project, scope=one_unit(units[1]), actor=actor, now=NOW)
    rollback(project=units[1].project, scope=Scope(everything=True), actor=actor, now=NOW)
    assert [fresh(unit).candidate_bp for unit in units] == [0, 0]


def test_unit_of_no_team__is_not_flipped_by_a_team(
    user: User, teams: tuple[Team, Team], units: tuple[Unit, Unit]
) -> None:
    Unit.objects.filter(pk=units[0].pk).update(team=None)
    with pytest.raises(Forbidden):
        push(units[0], actor=in_team(user, teams[0]))


def test_override__is_asked_of_the_team_too(user: User, teams: tuple[Team, Team], units: tuple[Unit, Unit]) -> None:
    with pytest.raises(Forbidden, match="override"):
        push(units[0], actor=in_team(user, teams[0]), override=True)
    Membership.objects.update(role=Role.ADMIN)
    push(units[0], actor=person(user=user, project=teams[0].project, via=Via.PAGE), override=True)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ON_CALL])
def test_lesser_role_in_a_team__flips_nothing(
    role: Role, user: User, teams: tuple[Team, Team], units: tuple[Unit, Unit]
) -> None:
    actor = in_team(user, teams[0], role)
    with pytest.raises(Forbidden):
        push(units[0], actor=actor)
    assert actor.may(Right.SEE)
    assert actor.may(Right.ROLL_BACK) == (role is Role.ON_CALL)


def test_roles_together__are_what_each_gives(user: User, teams: tuple[Team, Team], units: tuple[Unit, Unit]) -> None:
    in_team(user, teams[0])
    Membership.objects.create(user=user, project=teams[0].project, role=Role.VIEWER)
    actor = in_team(user, teams[1], Role.ON_CALL)
    assert actor.at(units[0]).may(Right.FLIP)
    assert not actor.at(units[1]).may(Right.FLIP)
    assert not actor.may(Right.MANAGE)


def test_whole_project__engineer_beside_a_team__flips_all(
    engineer: User, teams: tuple[Team, Team], units: tuple[Unit, Unit]
) -> None:
    push(*units, actor=in_team(engineer, teams[0], Role.VIEWER))


def test_inactive__has_no_role_in_any_team(user: User, teams: tuple[Team, Team]) -> None:
    in_team(user, teams[0])
    user.is_active = False
    actor = person(user=user, project=teams[0].project, via=Via.PAGE)
    assert not actor.rights
    assert not actor.team_rights


def test_membership__one_role_per_person_and_place(user: User, teams: tuple[Team, Team]) -> None:
    for place in ({"team": teams[0]}, {}):
        Membership.objects.create(user=user, project=teams[0].project, role=Role.VIEWER, **place)
        with pytest.raises(IntegrityError), transaction.atomic():
            Membership.objects.create(user=user, project=teams[0].project, role=Role.ADMIN, **place)
