"""The API's handle on the door: what it takes, how it refuses, and the way back."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from migrator.access.rights import console
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Service, Unit
from migrator.inventory.services import save_service
from migrator.rollout.models import Flip
from migrator.rollout.services import Change
from migrator.rollout.services import flip as flip_all
from tests.api.conftest import Caller, climb, errors, new_unit


def flip(caller: Caller, unit: Unit, **body: Any) -> Any:
    return caller("POST", f"units/{unit.pk}/flip/", {"version": unit.version, "reason": "try", **body})


def test_flip__to_the_next_stage__answers_unit_and_entry(admin: Caller, unit: Unit) -> None:
    answer = flip(admin, unit, stage="shadow", mirror_percent=12.34)
    told = answer.json()
    assert answer.status_code == 200
    assert (told["unit"]["stage"], told["unit"]["mirror_percent"], told["unit"]["version"]) == ("shadow", 12.34, 1)
    assert told["flip"]["before"] == {"stage": "backlog", "candidate_percent": 0, "mirror_percent": 0}
    assert told["flip"]["after"] == {"stage": "shadow", "candidate_percent": 0, "mirror_percent": 12.34}
    assert (told["flip"]["actor"], told["flip"]["via"], told["flip"]["reason"]) == ("token admin", "api", "try")
    unit.refresh_from_db()
    assert unit.mirror_bp == 1234


def test_flip__by_a_person__names_the_person(engineer: User, unit: Unit, client: Client) -> None:
    client.force_login(engineer)
    body = {"stage": "shadow", "version": 0, "reason": "try"}
    client.post(f"/api/v1/units/{unit.pk}/flip/", body, content_type="application/json")
    entry = Flip.objects.get()
    assert (entry.actor, entry.user, entry.via) == ("engineer", engineer, "api")


def test_flip__that_changes_nothing__makes_no_entry(admin: Caller, unit: Unit) -> None:
    climb(unit, Stage.SHADOW)
    told = flip(admin, unit, mirror_percent=100).json()
    assert told["flip"] is None
    assert told["unit"]["version"] == unit.version


@pytest.mark.parametrize(
    ("sent", "stored"), [("0.29", 29), ("1.13", 113), ("99.99", 9_999), ("100", 10_000), ("1e1", 1_000), ("0.57", 57)]
)
def test_percentage__with_two_decimals__is_stored_exactly(admin: Caller, unit: Unit, sent: str, stored: int) -> None:
    climb(unit, Stage.SHADOW)
    admin("POST", f"units/{unit.pk}/flip/", f'{{"mirror_percent": {sent}, "version": 1, "reason": "x"}}')
    unit.refresh_from_db()
    assert unit.mirror_bp == stored


def test_percentage__each_there_is__comes_back_as_it_was_sent(admin: Caller, unit: Unit) -> None:
    climb(unit, Stage.SHADOW)
    for sent in (0.01, 0.07, 0.58, 4.35, 8.2, 33.33, 57.29, 99.99):
        unit.refresh_from_db()
        assert flip(admin, unit, mirror_percent=sent).json()["unit"]["mirror_percent"] == sent


@pytest.mark.parametrize("field", ["candidate_percent", "mirror_percent"])
@pytest.mark.parametrize(
    "sent",
    ["100.001", "100.01", "-1", "-0.01", "0.001", '"5"', '"5 %"', "true", "false", "null", "[5]", "{}", "1e400"],
)
def test_percentage__that_is_none__400_names_field_and_remedy(admin: Caller, unit: Unit, field: str, sent: str) -> None:
    climb(unit, Stage.SHADOW)
    answer = admin("POST", f"units/{unit.pk}/flip/", f'{{"{field}": {sent}, "version": 1, "reason": "x"}}')
    assert answer.status_code == 400
    assert field in errors(answer)[field]
    unit.refresh_from_db()
    assert unit.version == 1


@pytest.mark.parametrize("sent", ["NaN", "Infinity", "-Infinity"])
def test_percentage__that_json_does_not_know__400_names_the_field(admin: Caller, unit: Unit, sent: str) -> None:
    answer = admin("POST", f"units/{unit.pk}/flip/", f'{{"mirror_percent": {sent}, "version": 0, "reason": "x"}}')
    assert answer.status_code == 400
    assert "finite number" in errors(answer)["mirror_percent"]


@pytest.mark.parametrize(
    ("change", "field", "word"),
    [
        ({"stage": "Canary"}, "stage", "backlog, shadow, side_by_side, canary, cutover, removal, removed"),
        ({"stage": None}, "stage", "stage"),
        ({"stage": ["shadow"]}, "stage", "no stage"),
        ({"reason": ""}, "reason", "reason"),
        ({"reason": "   "}, "reason", "reason"),
        ({"reason": "x" * 1_001}, "reason", "1000"),
        ({"reason": "\ud800"}, "reason", "surrogate"),
        ({"version": -1}, "version", "version"),
        ({"version": "new"}, "version", "version"),
        ({"version": 2**70}, "version", "version"),
        ({"percentage": 5}, "percentage", "Known: stage, candidate_percent"),
        ({"override": "perhaps"}, "override", "override"),
    ],
)
def test_flip__with_bad_input__400_names_field_and_remedy(
    admin: Caller, unit: Unit, change: dict[str, Any], field: str, word: str
) -> None:
    answer = flip(admin, unit, **{"stage": "shadow"} | change)
    assert answer.status_code == 400
    assert word in errors(answer)[field]
    assert not Flip.objects.exists()


@pytest.mark.parametrize("left_out", ["version", "reason"])
def test_flip__without_what_it_needs__400_names_it(admin: Caller, unit: Unit, left_out: str) -> None:
    body = {"stage": "shadow", "version": 0, "reason": "x"}
    del body[left_out]
    assert left_out in errors(admin("POST", f"units/{unit.pk}/flip/", body))


def test_flip__that_names_no_change__400(admin: Caller, unit: Unit) -> None:
    assert "stage" in flip(admin, unit).json()["detail"]


def test_flip__of_a_stale_version__409_with_both_values_and_who(admin: Caller, unit: Unit) -> None:
    climb(unit, Stage.SHADOW)
    answer = flip(admin, unit, mirror_percent=3, version=0)
    problem = answer.json()
    assert answer.status_code == 409
    assert problem["type"] == "urn:migrator:problem:stale"
    assert problem["yours"] == {"stage": "shadow", "candidate_percent": 0, "mirror_percent": 3, "version": 0}
    theirs = problem["theirs"]
    assert (theirs["stage"], theirs["mirror_percent"], theirs["version"]) == ("shadow", 100, 1)
    assert (theirs["by"], theirs["reason"]) == ("test", "climb")
    assert theirs["at"].endswith("Z")
    unit.refresh_from_db()
    assert (unit.mirror_bp, unit.version) == (10_000, 1)


def test_flip__that_skips_a_step__422_says_what_comes_next(admin: Caller, unit: Unit) -> None:
    answer = flip(admin, unit, stage="canary", override=True)
    assert answer.status_code == 422
    assert "after backlog comes shadow" in errors(answer)["stage"]


def test_flip__with_a_share_that_the_stage_does_not_take__422_names_it(admin: Caller, unit: Unit) -> None:
    answer = flip(admin, unit, stage="shadow", candidate_percent=5)
    assert answer.status_code == 422
    assert "not 5 %" in errors(answer)["candidate_percent"]


def test_flip__that_the_gate_holds__422_with_each_reason(admin: Caller, unit: Unit) -> None:
    climb(unit, Stage.SIDE_BY_SIDE)
    answer = flip(admin, unit, stage="canary", candidate_percent=1)
    problem = answer.json()
    assert answer.status_code == 422
    assert problem["verdict"] == "inconclusive"
    assert {gate["name"]: gate["result"] for gate in problem["gates"]}["mismatches"] == "no_data"
    assert "mismatches" in errors(answer)


def test_flip__that_overrides_the_gate__is_for_admins(
    admin: Caller, unit: Unit, with_token: Callable[..., Caller]
) -> None:
    climb(unit, Stage.SIDE_BY_SIDE)
    wanted = {"stage": "canary", "candidate_percent": 1, "override": True}
    refused = flip(with_token("operate"), unit, **wanted)
    assert refused.status_code == 403
    assert "admin" in refused.json()["detail"]
    done = flip(admin, unit, **wanted)
    assert done.status_code == 200
    assert done.json()["flip"]["override"] is True


def test_flip__of_a_unit_that_is_gone__404(admin: Caller, unit: Unit) -> None:
    Unit.objects.update(gone_at=timezone.now())
    assert flip(admin, unit, stage="shadow").status_code == 404


def test_rollback__of_a_unit__takes_its_fields_along_and_repeats_harmlessly(admin: Caller, service: Service) -> None:
    endpoint = climb(new_unit(service, "GET /users/{id}"), Stage.CANARY)
    field = climb(new_unit(service, "GET /users/{id} $.name", "field"), Stage.CANARY)
    told = admin("POST", f"units/{endpoint.pk}/rollback/", {"reason": "harm"}).json()
    assert (told["unit"]["stage"], told["unit"]["candidate_percent"]) == ("side_by_side", 0)
    assert told["rolled_back"] == 2
    assert {entry["unit"] for entry in told["flips"]} == {endpoint.pk, field.pk}
    again = admin("POST", f"units/{endpoint.pk}/rollback/", {"reason": "harm"})
    assert (again.status_code, again.json()["rolled_back"]) == (200, 0)


@pytest.mark.parametrize("body", [None, {}, {"reason": ""}, {"stage": "shadow"}, {"stage": "backlog", "reason": "x"}])
def test_rollback__with_little_said__is_done(admin: Caller, unit: Unit, body: Any) -> None:
    climb(unit, Stage.CUTOVER)
    answer = admin("POST", f"units/{unit.pk}/rollback/", body)
    assert answer.status_code == 200
    unit.refresh_from_db()
    assert unit.stage == (body or {}).get("stage", "side_by_side")


def test_rollback__to_a_stage_where_the_candidate_answers__422(admin: Caller, unit: Unit) -> None:
    climb(unit, Stage.CUTOVER)
    answer = admin("POST", f"units/{unit.pk}/rollback/", {"stage": "canary"})
    assert answer.status_code == 422
    assert "stage" in errors(answer)


def test_rollback__of_a_removed_unit__is_told_as_left(admin: Caller, unit: Unit) -> None:
    climb(unit, Stage.REMOVED)
    told = admin("POST", f"units/{unit.pk}/rollback/", {}).json()
    assert (told["rolled_back"], told["left_count"]) == (0, 1)
    assert told["left"][0]["key"] == unit.key


def test_rollback__of_everything__takes_all_units_of_this_project_alone(
    admin: Caller, service: Service, stranger: User
) -> None:
    mine = [climb(new_unit(service, f"GET /{number}"), Stage.CANARY) for number in range(3)]
    other = save_service(project=Project.objects.get(slug="elsewhere"), name="main")
    theirs = climb(new_unit(other, "GET /0"), Stage.CANARY)
    assert admin("POST", "projects/shop/rollback/", {}).json()["rolled_back"] == 3
    stages = dict(Unit.objects.values_list("pk", "stage"))
    assert {stages[unit.pk] for unit in mine} == {"side_by_side"}
    assert stages[theirs.pk] == "canary"


def test_rollback__of_units_named__leaves_the_others_and_reports_strangers(
    admin: Caller, service: Service, stranger: User
) -> None:
    first, second = (climb(new_unit(service, f"GET /{number}"), Stage.CANARY) for number in range(2))
    other = save_service(project=Project.objects.get(slug="elsewhere"), name="main")
    foreign = climb(new_unit(other, "GET /0"), Stage.CANARY)
    told = admin("POST", "projects/shop/rollback/", {"units": [first.pk, foreign.pk]}).json()
    assert told["rolled_back"] == 1
    assert [left["unit"] for left in told["left"]] == [foreign.pk]
    stages = dict(Unit.objects.values_list("pk", "stage"))
    assert (stages[first.pk], stages[second.pk], stages[foreign.pk]) == ("side_by_side", "canary", "canary")


def test_rollback__of_a_service__leaves_the_others(admin: Caller, service: Service) -> None:
    here = climb(new_unit(service, "GET /here"), Stage.CANARY)
    there = climb(new_unit(save_service(project=service.project, name="other"), "GET /there"), Stage.CANARY)
    assert admin("POST", "projects/shop/rollback/", {"service": "main"}).json()["rolled_back"] == 1
    stages = dict(Unit.objects.values_list("pk", "stage"))
    assert (stages[here.pk], stages[there.pk]) == ("side_by_side", "canary")


@pytest.mark.parametrize(
    "body",
    [{"units": []}, {"units": "all"}, {"units": [0]}, {"units": [1], "service": "main"}, {"service": "no"}, {"al": 1}],
)
def test_rollback__of_an_unclear_scope__400_and_nothing_moved(admin: Caller, unit: Unit, body: Any) -> None:
    climb(unit, Stage.CANARY)
    assert admin("POST", "projects/shop/rollback/", body).status_code == 400
    unit.refresh_from_db()
    assert unit.stage == "canary"


def test_rollback__of_many__shows_the_first_and_counts_all(admin: Caller, service: Service) -> None:
    changes = [
        Change(unit_id=new_unit(service, f"GET /{number}").pk, version=0, stage=Stage.SHADOW) for number in range(105)
    ]
    flip_all(project=service.project, changes=changes, actor=console(name="test"), reason="x", now=timezone.now())
    told = admin("POST", "projects/shop/rollback/", {"stage": "backlog"}).json()
    assert (told["rolled_back"], len(told["flips"])) == (105, 100)


def test_ledger__filtered_and_paged__newest_first(admin: Caller, service: Service) -> None:
    first, second = (climb(new_unit(service, f"GET /{number}"), Stage.CANARY) for number in range(2))
    entries = admin.get("projects/shop/flips/")["results"]
    assert [entry["id"] for entry in entries] == sorted((entry["id"] for entry in entries), reverse=True)
    assert {entry["unit"] for entry in admin.get(f"projects/shop/flips/?unit={first.pk}")["results"]} == {first.pk}
    assert len(admin.get("projects/shop/flips/?stage=canary")["results"]) == 2
    assert len(admin.get("projects/shop/flips/?direction=back")["results"]) == 0
    assert len(admin.get("projects/shop/flips/?since=2100-01-01T00:00:00Z")["results"]) == 0
    page = admin.get("projects/shop/flips/?page_size=4")
    assert [entry["unit"] for entry in admin.get(page["next"])["results"]] == [first.pk] * 2
    assert second.pk in {entry["unit"] for entry in page["results"]}


def test_ledger__of_many_entries__asked_with_as_few_queries_as_of_one(admin: Caller, service: Service) -> None:
    admin.get("projects/shop/flips/")
    counts = []
    for number in range(2):
        for index in range(1 + 5 * number):
            climb(new_unit(service, f"GET /{number}/{index}"), Stage.CANARY)
        with CaptureQueriesContext(connection) as queries:
            admin.get("projects/shop/flips/")
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_failure_of_ours__becomes_a_problem_without_a_traceback(
    admin: Caller, unit: Unit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: Any) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr("migrator.api.views.flips.flip", broken)
    answer = flip(admin, unit, stage="shadow")
    assert answer.status_code == 500
    assert "secret" not in json.dumps(answer.json())
    errors(answer)
