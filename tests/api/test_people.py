"""What people ask of each other over the API: a second person's word, a freeze, a remark, a broken glass."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from migrator.access import second_factor
from migrator.access.models import Approval, SecondFactor
from migrator.access.tokens import create_token, find_token
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Service, Unit
from migrator.rollout.models import Flip
from migrator.telling.models import Event, Message
from tests.api.conftest import Caller, climb, errors, new_unit
from tests.dashboards.conftest import observe
from tests.rollout.climbers import in_threads

CUTOVER = {"stage": "cutover", "reason": "a year of waiting"}


@pytest.fixture
def unit(service: Service) -> Unit:
    """In canary, proven safe."""
    unit = climb(new_unit(service, "GET /users/{id}"), Stage.CANARY)
    observe(unit, match=50_000)
    return unit


def as_person(user: User) -> Caller:
    client = Client()
    client.force_login(user)
    return Caller(client=client)


def ask(caller: Caller, unit: Unit, **more: Any) -> Any:
    return caller("POST", f"units/{unit.pk}/approvals/", CUTOVER | {"version": unit.version} | more)


# ------------------------------------------------------------------------------------ approvals


def test_flip__that_takes_two__422_says_how_to_ask(unit: Unit, engineer: User, owner: User) -> None:
    answer = as_person(engineer)("POST", f"units/{unit.pk}/flip/", CUTOVER | {"version": unit.version})

    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (422, "urn:migrator:problem:approval-needed")
    assert (problem["subject"], problem["ask"]) == ("cutover", f"/api/v1/units/{unit.pk}/approvals/")
    assert as_person(engineer)("POST", problem["ask"], CUTOVER | {"version": unit.version}).status_code == 201


def test_approval__asked_by_one_given_by_another__is_carried_out(unit: Unit, engineer: User, owner: User) -> None:
    asked = ask(as_person(engineer), unit).json()
    assert (asked["state"], asked["asker"], asked["key"]) == ("open", "engineer", "GET /users/{id}")
    given = as_person(owner)("POST", f"approvals/{asked['id']}/approve/", {"note": "read the evidence"})

    assert given.json() | {"state": "approved", "decider": "owner", "note": "read the evidence"} == given.json()
    unit.refresh_from_db()
    entry = Flip.objects.latest("pk")
    assert (unit.stage, entry.actor, entry.evidence["approved_by"]) == ("cutover", "engineer", "owner")
    listed = as_person(owner).get("projects/shop/approvals/?state=approved")["results"]
    assert [each["id"] for each in listed] == [asked["id"]]


def test_approval__given_to_oneself_or_by_a_program__403(
    unit: Unit, engineer: User, owner: User, admin: Caller
) -> None:
    path = f"approvals/{ask(as_person(engineer), unit).json()['id']}/approve/"

    assert [as_person(engineer)("POST", path).status_code, admin("POST", path).status_code] == [403, 403]
    unit.refresh_from_db()
    assert unit.stage == "canary"


def test_approval__of_a_unit_that_moved__409_and_void(unit: Unit, engineer: User, owner: User, admin: Caller) -> None:
    asked = ask(as_person(engineer), unit).json()
    admin("POST", f"units/{unit.pk}/flip/", {"mirror_percent": 7, "version": unit.version, "reason": "meanwhile"})
    answer = as_person(owner)("POST", f"approvals/{asked['id']}/approve/")

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:migrator:problem:not-open")
    assert "Ask again" in answer.json()["detail"]
    assert Approval.objects.get().state == "void"


def test_approval__refused_or_withdrawn__is_over(unit: Unit, engineer: User, owner: User) -> None:
    first = ask(as_person(engineer), unit).json()["id"]
    refused = as_person(owner)("POST", f"approvals/{first}/refuse/", {"note": "not before Monday"}).json()
    second = ask(as_person(engineer), unit).json()["id"]
    withdrawn = as_person(engineer)("POST", f"approvals/{second}/withdraw/").json()

    assert (refused["state"], refused["note"], withdrawn["state"]) == ("refused", "not before Monday", "withdrawn")
    assert as_person(owner)("POST", f"approvals/{second}/approve/").status_code == 409


def test_approval__of_another_project__is_not_there(unit: Unit, engineer: User, owner: User, stranger: User) -> None:
    asked = ask(as_person(engineer), unit).json()["id"]

    assert as_person(stranger)("POST", f"approvals/{asked}/approve/").status_code == 404


def test_policy__that_takes_two__is_asked_for_where_the_caller_wants_that(
    unit: Unit, engineer: User, owner: User, project: Project
) -> None:
    body = {"settings": {"alpha": 0.01}, "version": project.policy_version, "reason": "stricter"}
    kept_back = as_person(owner)("PATCH", "projects/shop/policy/", body)
    assert (kept_back.status_code, Approval.objects.count()) == (409, 0)
    assert "?ask=true" in kept_back.json()["detail"]

    asked = as_person(owner)("PATCH", "projects/shop/policy/?ask=true", body)
    assert (asked.status_code, asked.json()["subject"], asked.json()["reason"]) == (202, "policy", "stricter")
    assert as_person(engineer)("POST", f"approvals/{asked.json()['id']}/approve/").status_code == 200
    assert Project.objects.get(pk=project.pk).policy == {"alpha": 0.01}


# -------------------------------------------------------------------------------------- freezes


def test_freeze__made_by_on_call__stops_the_climb_until_it_is_lifted(unit: Unit, oncall: User, engineer: User) -> None:
    ends = (timezone.now() + timedelta(hours=8)).isoformat()
    made = as_person(oncall)("POST", "projects/shop/freezes/", {"unit": unit.pk, "reason": "night", "ends_at": ends})
    assert (made.status_code, made.json()["what"], made.json()["made_by"]) == (201, "GET /users/{id}", "oncall")
    wanted = {"candidate_percent": 10, "version": unit.version, "reason": "on"}

    held = as_person(engineer)("POST", f"units/{unit.pk}/flip/", wanted)
    assert (held.status_code, held.json()["type"]) == (422, "urn:migrator:problem:frozen")
    lifted = as_person(oncall)("POST", f"freezes/{made.json()['id']}/lift/", {"reason": "seen"})
    assert lifted.json()["lifted_by"] == "oncall"
    assert as_person(engineer)("POST", f"units/{unit.pk}/flip/", wanted).status_code == 200
    assert as_person(oncall).get("projects/shop/freezes/?standing=true")["results"] == []
    assert len(as_person(oncall).get("projects/shop/freezes/?standing=false")["results"]) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": "x", "service": "nowhere"}, "service"),
        ({"reason": "x", "unit": 99_999_999}, "unit"),
        ({"reason": "x", "ends_at": "2020-01-01T00:00:00Z"}, "ends_at"),
        ({"reason": "x", "ends_at": "9999-12-31T23:59:59Z"}, "ends_at"),
        ({"reason": " "}, "reason"),
        ({}, "reason"),
    ],
)
def test_freeze__that_cannot_be__400_names_the_field(unit: Unit, admin: Caller, body: Any, field: str) -> None:
    answer = admin("POST", "projects/shop/freezes/", body)

    assert (answer.status_code, list(errors(answer))) == (400, [field])


# -------------------------------------------------------------------------------------- remarks


def test_remarks__on_a_unit_and_for_who_comes_next__are_listed_newest_first(unit: Unit, oncall: User) -> None:
    caller = as_person(oncall)
    for text in ("slow since noon", "fixed"):
        assert caller("POST", f"units/{unit.pk}/comments/", {"text": text}).status_code == 201
    caller("POST", "projects/shop/hand-over/", {"text": "watch orders"})

    said = caller.get(f"units/{unit.pk}/comments/")["results"]
    assert [(each["author"], each["text"]) for each in said] == [("oncall", "fixed"), ("oncall", "slow since noon")]
    assert [each["text"] for each in caller.get("projects/shop/hand-over/")["results"]] == ["watch orders"]


def test_comments__of_another_unit__are_not_among_them(unit: Unit, service: Service, oncall: User) -> None:
    other = new_unit(service, "GET /orders")
    as_person(oncall)("POST", f"units/{other.pk}/comments/", {"text": "elsewhere"})

    assert as_person(oncall).get(f"units/{unit.pk}/comments/")["results"] == []


# ---------------------------------------------------------------------------------------- glass


def code_now(factor: SecondFactor) -> str:
    step = int(timezone.now().timestamp()) // second_factor.STEP_S
    return second_factor.code_at(secret=factor.secret, step=step)


@pytest.fixture
def held(service: Service) -> Unit:
    """In side by side, with nothing known: the gate holds."""
    return climb(new_unit(service, "GET /orders"), Stage.SIDE_BY_SIDE)


def through(unit: Unit, caller: Caller, **more: Any) -> Any:
    body = {"stage": "canary", "candidate_percent": 1, "version": unit.version, "reason": "legacy burns"}
    return caller("POST", f"units/{unit.pk}/flip/", body | {"break_glass": True} | more)


def test_glass__broken_with_a_code__moves_and_tells_everybody_and_spends_the_code(held: Unit, engineer: User) -> None:
    factor = second_factor.enrol(user=engineer, now=timezone.now())
    SecondFactor.objects.update(confirmed_at=timezone.now())
    code = code_now(factor)

    assert through(held, as_person(engineer), code=code).status_code == 200
    entry = Flip.objects.latest("pk")
    assert (entry.override, entry.evidence["broke_the_glass"]) == (True, True)
    assert Message.objects.filter(event=Event.BREAK_GLASS, severity="critical").count() == 1
    held.refresh_from_db()
    again = through(held, as_person(engineer), code=code, stage="canary", candidate_percent=2)
    assert (again.status_code, list(errors(again))) == (422, ["code"])


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "try"}])
def test_glass__wrong_codes__are_counted_whatever_else_is_sent(
    held: Unit, engineer: User, headers: dict[str, str]
) -> None:
    factor = second_factor.enrol(user=engineer, now=timezone.now())
    SecondFactor.objects.update(confirmed_at=timezone.now())
    wrong = "000000" if code_now(factor) != "000000" else "111111"
    body = {"stage": "canary", "version": held.version, "reason": "x", "break_glass": True, "code": wrong}
    for _ in range(3):
        as_person(engineer)("POST", f"units/{held.pk}/flip/", body, headers=headers)

    assert SecondFactor.objects.get().failures == 3


def test_glass__a_program__does_not_break_it(held: Unit, admin: Caller) -> None:
    answer = through(held, admin, code="123456")

    assert (answer.status_code, list(errors(answer))) == (400, ["code"])


# ------------------------------------------------------------------------------------ many units


def test_flip_many__all_can__is_one_version(service: Service, admin: Caller) -> None:
    units = [new_unit(service, f"GET /u{at}") for at in range(3)]
    changes = [{"unit": each.pk, "version": 0, "stage": "shadow", "mirror_percent": 10} for each in units]
    answer = admin("POST", "projects/shop/flip/", {"changes": changes, "reason": "begin"}).json()

    assert answer["flipped"] == 3
    assert len({each["version"] for each in answer["flips"]}) == 1
    assert {each["after"]["mirror_percent"] for each in answer["flips"]} == {10}


@pytest.mark.parametrize(
    ("second", "status"),
    [({"version": 5, "stage": "shadow"}, 409), ({"version": 0, "stage": "canary"}, 422), ({"version": 0}, 400)],
)
def test_flip_many__one_cannot__none_moves(
    service: Service, admin: Caller, second: dict[str, Any], status: int
) -> None:
    one, two = new_unit(service, "GET /a"), new_unit(service, "GET /b")
    changes = [{"unit": one.pk, "version": 0, "stage": "shadow"}, {"unit": two.pk} | second]

    assert admin("POST", "projects/shop/flip/", {"changes": changes, "reason": "x"}).status_code == status
    assert not Flip.objects.exists()


def test_flip_many__a_unit_twice_or_of_another_project__is_refused(
    service: Service, admin: Caller, stranger: User
) -> None:
    mine = {"unit": new_unit(service, "GET /a").pk, "version": 0, "stage": "shadow"}
    twice = admin("POST", "projects/shop/flip/", {"changes": [mine, mine], "reason": "x"})
    elsewhere = admin("POST", "projects/elsewhere/flip/", {"changes": [mine], "reason": "x"})

    assert (twice.status_code, "named again" in json.dumps(twice.json())) == (400, True)
    assert elsewhere.status_code == 404
    assert not Flip.objects.exists()


# ----------------------------------------------------------------------------------- sent again


def keyed(caller: Caller, path: str, body: Any, key: str = "k1") -> Any:
    return caller("POST", path, body, headers={"Idempotency-Key": key})


def test_key__the_same_call_again__does_nothing_and_is_answered_the_same(unit: Unit, admin: Caller) -> None:
    body = {"candidate_percent": 10, "version": unit.version, "reason": "on"}
    first = keyed(admin, f"units/{unit.pk}/flip/", body)
    again = keyed(admin, f"units/{unit.pk}/flip/", body)

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert Flip.objects.filter(unit=unit, to_candidate_bp=1_000).count() == 1


@pytest.mark.django_db(transaction=True)
def test_key__sent_several_times_at_once__happens_once(unit: Unit, admin: Caller) -> None:
    body = {"candidate_percent": 10, "version": unit.version, "reason": "on"}

    def send() -> Any:
        return keyed(Caller(admin.token), f"units/{unit.pk}/flip/", body)

    answers = in_threads(*[send] * 4)
    assert [answer.status_code for answer in answers] == [200] * 4
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert Flip.objects.filter(unit=unit, to_candidate_bp=1_000).count() == 1


def test_key__with_another_body_or_address__422_and_nothing_moves(unit: Unit, admin: Caller) -> None:
    body = {"candidate_percent": 10, "version": unit.version, "reason": "on"}
    keyed(admin, f"units/{unit.pk}/flip/", body)
    before = Flip.objects.count()
    other = keyed(admin, f"units/{unit.pk}/flip/", body | {"candidate_percent": 20, "version": unit.version + 1})
    wanted = {"unit": unit.pk, "candidate_percent": 10, "version": unit.version}
    elsewhere = keyed(admin, "projects/shop/flip/", {"changes": [wanted], "reason": "on"})

    assert (other.status_code, elsewhere.status_code) == (422, 422)
    assert other.json()["type"] == "urn:migrator:problem:idempotency-key-used"
    assert Flip.objects.count() == before


def test_key__of_another_caller_or_after_a_day__is_another_call(
    unit: Unit, admin: Caller, engineer: User, with_token: Callable[..., Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"units/{unit.pk}/rollback/"
    assert keyed(admin, path, {}).json()["rolled_back"] == 1
    assert keyed(as_person(engineer), path, {}).json()["rolled_back"] == 0
    assert keyed(admin, path, {}).json()["rolled_back"] == 1, "as it was answered before"
    later = timezone.now() + timedelta(days=1, minutes=1)
    monkeypatch.setattr("migrator.api.idempotency.timezone.now", lambda: later)
    assert keyed(admin, path, {}).json()["rolled_back"] == 0


@pytest.mark.parametrize("key", ["k1", "x" * 201, "a\x01b"])
@pytest.mark.parametrize("path", ["units/{unit}/rollback/", "projects/shop/rollback/"])
def test_rollback__under_a_key_of_another_call_or_none__is_carried_out(
    key: str, path: str, unit: Unit, admin: Caller
) -> None:
    keyed(admin, f"units/{unit.pk}/flip/", {"candidate_percent": 10, "version": unit.version, "reason": "on"})
    answer = keyed(admin, path.format(unit=unit.pk), {}, key=key)

    assert (answer.status_code, answer.json()["rolled_back"]) == (200, 1)
    unit.refresh_from_db()
    assert unit.candidate_bp == 0
    assert Flip.objects.filter(unit=unit, direction="back").count() == 1


def test_rollback__under_its_own_key_after_somebody_raised_it_again__takes_it_down_again(
    unit: Unit, admin: Caller
) -> None:
    path = f"units/{unit.pk}/rollback/"
    first = keyed(admin, path, {})
    assert keyed(admin, path, {}).json() == first.json(), "a retry on a bad line is answered the same"
    up = {"stage": "canary", "candidate_percent": 5, "override": True, "reason": "it was nothing"}
    assert admin("POST", f"units/{unit.pk}/flip/", up | {"version": fresh_version(unit)}).status_code == 200

    again = keyed(admin, path, {})
    assert (again.status_code, again.json()["rolled_back"]) == (200, 1)
    unit.refresh_from_db()
    assert unit.candidate_bp == 0


def fresh_version(unit: Unit) -> int:
    return Unit.objects.values_list("version", flat=True).get(pk=unit.pk)


def test_key__of_what_was_refused__may_be_sent_again(unit: Unit, admin: Caller, oncall: User) -> None:
    body = {"candidate_percent": 10, "version": unit.version, "reason": "on"}
    frozen = as_person(oncall)("POST", "projects/shop/freezes/", {"reason": "wait"}).json()["id"]
    assert keyed(admin, f"units/{unit.pk}/flip/", body).status_code == 422
    as_person(oncall)("POST", f"freezes/{frozen}/lift/")

    assert keyed(admin, f"units/{unit.pk}/flip/", body).status_code == 200


@pytest.mark.parametrize("key", ["x" * 201, "a\x01b"])
def test_key__that_is_none__400(unit: Unit, admin: Caller, key: str) -> None:
    body = {"candidate_percent": 10, "version": unit.version, "reason": "on"}
    answer = keyed(admin, f"units/{unit.pk}/flip/", body, key=key)

    assert (answer.status_code, list(errors(answer))) == (400, ["Idempotency-Key"])


# --------------------------------------------------------------------------------- token owners


def test_approval__asked_by_a_token__is_not_its_owners_to_give(
    unit: Unit, engineer: User, owner: User, project: Project
) -> None:
    secret = create_token(name="ci", scope="operate", now=timezone.now(), project=project, owner_id=engineer.pk)
    asked = ask(Caller(secret), unit).json()
    assert asked["asker"] == "token ci of engineer"

    refused = as_person(engineer)("POST", f"approvals/{asked['id']}/approve/")
    assert refused.status_code == 403
    assert "Your own token asked for this (token ci of engineer)" in refused.json()["detail"]
    assert Caller(secret)("POST", f"approvals/{asked['id']}/approve/").status_code == 403

    assert as_person(owner)("POST", f"approvals/{asked['id']}/approve/").json()["state"] == "approved"
    assert Flip.objects.order_by("-pk")[0].actor == "token ci of engineer"


def test_create_token__with_an_owner__is_theirs(engineer: User, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("create_token", "ci", scope="operate", owner="engineer")
    call_command("create_token", "host", scope="operate")

    owners = [find_token(secret=line, now=timezone.now()).owner for line in capsys.readouterr().out.split()]
    assert owners == [engineer, None]
    with pytest.raises(CommandError, match="--owner: there is no account nobody"):
        call_command("create_token", "x", scope="read", owner="nobody")
