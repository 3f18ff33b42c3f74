"""Approvals and freezes, as the three people use them."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from migrator.access.models import Approval
from migrator.access.rights import Via, console, person
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Unit
from migrator.inventory.services import create_unit, save_service
from migrator.rollout import approvals
from migrator.rollout.freezes import freeze
from migrator.rollout.models import Freeze
from migrator.rollout.services import Change
from tests.api.conftest import climb


@pytest.fixture
def unit(project: Project) -> Unit:
    service = save_service(project=project, name="main")
    made = create_unit(project=project, service=service, key="GET /a", kind="endpoint", now=timezone.now())
    return climb(made, Stage.CANARY)


@pytest.fixture
def asked(unit: Unit, engineer: User, owner: User) -> Approval:
    """The engineer wants the cutover, and the owner could let it happen."""
    return approvals.ask(
        project=unit.project,
        change=Change(unit_id=unit.pk, version=unit.version, stage=Stage.CUTOVER),
        actor=person(user=engineer, project=unit.project, via=Via.PAGE),
        reason="clean for a week",
        now=timezone.now(),
    )


def test_approvals__of_another__offer_the_word_and_carry_it_out_where_the_door_lets_it(
    asked: Approval, client: Client, owner: User
) -> None:
    client.force_login(owner)
    page = client.get("/p/shop/approvals").content.decode()
    assert "1 request waits for your word." in page
    assert "clean for a week" in page
    answer = client.post(f"/p/shop/approvals/{asked.pk}", {"verb": "approve"}, follow=True).content.decode()
    assert "the gate holds GET /a" in answer, "an approval is no evidence"
    asked.refresh_from_db()
    assert asked.state == "open"


def test_approvals__of_ones_own__offer_to_withdraw_only(asked: Approval, client: Client, engineer: User) -> None:
    client.force_login(engineer)
    page = client.get("/p/shop/approvals").content.decode()
    assert "Withdraw" in page
    assert "Approve, and do it" not in page
    client.post(f"/p/shop/approvals/{asked.pk}", {"verb": "approve"})
    asked.refresh_from_db()
    assert asked.state == "open"
    client.post(f"/p/shop/approvals/{asked.pk}", {"verb": "withdraw"})
    asked.refresh_from_db()
    assert asked.state == "withdrawn"


def test_approvals__refused__stand_among_the_decided_with_the_note(
    asked: Approval, client: Client, owner: User
) -> None:
    client.force_login(owner)
    client.post(f"/p/shop/approvals/{asked.pk}", {"verb": "refuse", "note": "not before Monday"})
    page = client.get("/p/shop/approvals").content.decode()
    assert "Nothing waits for a second person." in page
    assert "not before Monday" in page


def test_freezes__made_on_the_page__stand_until_they_are_lifted(unit: Unit, client: Client, oncall: User) -> None:
    client.force_login(oncall)
    told = {"service": "main", "reason": "database maintenance", "ends_at": "2099-01-01T10:00"}
    page = client.post("/p/shop/freezes/new", told, follow=True).content.decode()
    assert "main does not climb: database maintenance." in page
    [made] = Freeze.objects.all()
    client.post(f"/p/shop/freezes/{made.pk}/lift")
    assert "Nothing is frozen" in client.get("/p/shop/freezes").content.decode()


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"reason": ""}, "Say why"),
        ({"reason": "x", "unit": "GET /nowhere"}, "No unit GET /nowhere is tracked here"),
        ({"reason": "x", "service": "nowhere"}, "There is no service nowhere here"),
        ({"reason": "x", "ends_at": "2001-01-01T00:00"}, "A freeze ends after it begins"),
        ({"reason": "x", "ends_at": "soon"}, "Enter a valid date/time"),
    ],
)
def test_freezes__that_cannot_be__say_so_beside_the_control_and_keep_what_was_typed(
    unit: Unit, client: Client, oncall: User, told: dict[str, str], words: str
) -> None:
    client.force_login(oncall)
    answer = client.post("/p/shop/freezes/new", told)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert not Freeze.objects.exists()


def test_freezes__seen_by_a_viewer__say_who_may(unit: Unit, client: Client, viewer: User, oncall: User) -> None:
    freeze(project=unit.project, actor=console(name="ana"), reason="hold", now=timezone.now(), unit=unit)
    client.force_login(viewer)
    page = client.get("/p/shop/freezes").content.decode()
    assert "GET /a does not climb: hold." in page
    assert "oncall (on-call)" in page
    assert client.post("/p/shop/freezes/new", {"reason": "x"}).status_code == 403


def test_night__after_a_rollback__freezes_everything_for_eight_hours(unit: Unit, client: Client, oncall: User) -> None:
    client.force_login(oncall)
    client.post("/p/shop/freezes/night")
    [made] = Freeze.objects.all()
    assert made.ends_at is not None
    assert timedelta(hours=7, minutes=59) < made.ends_at - timezone.now() <= timedelta(hours=8)
