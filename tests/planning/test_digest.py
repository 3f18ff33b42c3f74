"""The week in a few sentences: what it says, on which day, and never twice."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User

from migrator.access.rights import console
from migrator.core.stages import LADDER, Stage
from migrator.inventory.models import Kind, Project, Service, Unit
from migrator.inventory.services import create_unit, save_service
from migrator.planning.digest import digest, tell_week
from migrator.rollout.scopes import one_unit
from migrator.rollout.services import Change, flip, rollback
from migrator.telling.models import Event, Message

MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
LAST = MONDAY.date() - timedelta(days=7)
Grow = Callable[..., Unit]


@pytest.fixture
def grow(project: Project) -> Grow:
    """`grow("GET /a", Stage.CUTOVER, at)`: a unit that was tracked long ago and got there at one moment."""
    service = save_service(project=project, name="users")
    return lambda key, stage, at: _grown(project, service, key, stage, at)


def _grown(project: Project, service: Service, key: str, stage: Stage, at: datetime) -> Unit:
    added = datetime(2026, 9, 1, tzinfo=UTC)
    unit = create_unit(project=project, service=service, key=key, kind=Kind.ENDPOINT, now=added)
    for rung in LADDER[1:]:
        version = Unit.objects.values_list("version", flat=True).get(pk=unit.pk)
        change = Change(unit_id=unit.pk, version=version, stage=rung.stage)
        flip(project=project, changes=[change], actor=console(name="setup"), reason="", override=True, now=at)
        if rung.stage is stage:
            break
    return Unit.objects.get(pk=unit.pk)


def test_digest__a_week_with_everything__says_what_happened(project: Project, grow: Grow) -> None:
    grow("GET /old", Stage.CUTOVER, MONDAY - timedelta(days=30))
    grow("GET /new", Stage.CUTOVER, MONDAY - timedelta(days=3))
    stuck = grow("GET /stuck", Stage.SIDE_BY_SIDE, MONDAY - timedelta(days=40))
    bad = grow("GET /bad", Stage.CANARY, MONDAY - timedelta(days=2))
    rollback(project=project, scope=one_unit(bad), actor=console(name="ana"), now=MONDAY - timedelta(days=1))
    Unit.objects.filter(pk=stuck.pk).update(stage_since=MONDAY - timedelta(days=40))

    told = digest(project=project, monday=LAST, now=MONDAY)

    assert "1 done; 2 of 4 in all." in told
    assert "Scope: unchanged." in told
    assert "No forecast" in told, "six weeks are needed"
    assert "Rolled back: GET /bad." in told
    assert "Oldest: GET /stuck, 40 days in side by side." in told


def test_digest__nothing_in_scope__is_empty(project: Project) -> None:
    assert digest(project=project, monday=LAST, now=MONDAY) == ""


def test_tell_week__asked_again_and_again__tells_once(project: Project, grow: Grow) -> None:
    grow("GET /new", Stage.CUTOVER, MONDAY - timedelta(days=3))

    assert [tell_week(now=MONDAY + timedelta(hours=hour)) for hour in (0, 1, 5)] == [1, 0, 0]
    message = Message.objects.get(event=Event.WEEKLY)
    assert message.title == "Shop: week 47"
    assert message.path == "/p/shop/burndown"


def test_tell_week__a_week_later__tells_again(project: Project, grow: Grow) -> None:
    grow("GET /new", Stage.CUTOVER, MONDAY - timedelta(days=3))

    assert tell_week(now=MONDAY) == tell_week(now=MONDAY + timedelta(days=7)) == 1


@pytest.mark.parametrize(
    "moment", [MONDAY - timedelta(minutes=1), MONDAY + timedelta(days=1), MONDAY + timedelta(days=5)]
)
def test_tell_week__not_on_monday_from_eight_on__is_silent(moment: datetime, project: Project, grow: Grow) -> None:
    grow("GET /new", Stage.CUTOVER, MONDAY - timedelta(days=3))

    assert tell_week(now=moment) == 0


def test_tell_week__simulated_or_empty__is_silent(project: Project, grow: Grow, superuser: User) -> None:
    grow("GET /new", Stage.CUTOVER, MONDAY - timedelta(days=3))
    Project.objects.filter(pk=project.pk).update(simulated=True)

    assert tell_week(now=MONDAY) == 0
