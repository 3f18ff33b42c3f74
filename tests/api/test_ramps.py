"""Ramps and the guard over REST, and on the command line."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from migrator.core.stages import Stage
from migrator.inventory.models import Service, Unit
from migrator.rollout import guard
from migrator.rollout.models import Ramp
from migrator.rollout.pulse import database_now
from tests.api.conftest import Caller, climb, errors, new_unit

RAMPS = "projects/shop/ramps/"


@pytest.fixture
def ready(unit: Unit) -> Unit:
    return climb(unit, Stage.SIDE_BY_SIDE)


def started(admin: Caller, **body: Any) -> Any:
    answer = admin("POST", RAMPS, body)
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_ramps__started__are_listed_and_changed(admin: Caller, ready: Unit) -> None:
    told = started(admin, units=[ready.pk, 999], steps="1, 5, cutover", soak="1h", reason="go")
    assert (told["started"], told["sentence"]) == (1, "1 started, 1 left out.")
    assert told["left"] == [{"unit": 999, "key": "unit 999", "reason": "it is not tracked here."}]
    [row] = admin.get(RAMPS)["results"]
    assert (row["plan"], row["state"], row["starter"]) == ("1 → 5 % → cutover", "running", "token admin")
    assert [step["mark"] for step in row["steps"]] == ["next", "ahead", "ahead"]
    paused = admin("POST", f"ramps/{row['id']}/pause/", {"reason": "lunch"}).json()
    assert paused["waiting"] == "token admin paused it. The guard goes on watching; the unit stays at 0 %."
    assert admin("POST", f"ramps/{row['id']}/pause/").status_code == 409
    assert admin("POST", f"ramps/{row['id']}/resume/").json()["state"] == "running"
    assert admin("POST", f"ramps/{row['id']}/skip-wait/").status_code == 200
    assert admin("POST", f"ramps/{row['id']}/stop/").json()["state"] == "stopped"
    assert admin.get(RAMPS)["results"] == []
    assert len(admin.get(f"{RAMPS}?state=all")["results"]) == 1
    assert len(admin.get(f"{RAMPS}?state=stopped&search=users")["results"]) == 1


def test_ramps__by_a_filter__dry_run_starts_none(admin: Caller, ready: Unit, service: Service) -> None:
    new_unit(service, "GET /other")
    told = admin("POST", RAMPS, {"service": "main", "dry_run": True}).json()
    assert (told["started"], len(told["left"])) == (1, 1)
    assert told["sentence"] == "1 unit would climb by itself; 1 left out."
    assert not Ramp.objects.exists()
    assert started(admin, service="main", stage="side_by_side")["started"] == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "units"),
        ({"units": []}, "units"),
        ({"units": [1], "service": "main"}, "units"),
        ({"units": "all"}, "units"),
        ({"units": [2**70]}, "units.0"),
        ({"search": "x", "steps": "5, 1"}, "steps"),
        ({"search": "x", "steps": "5, \x00"}, "steps"),
        ({"search": "x", "soak": "soon"}, "soak"),
        ({"search": "x", "zone": "Moon/Sea", "days": "mon"}, "working_hours"),
        ({"search": "x", "at_once": 0}, "at_once"),
        ({"search": "x", "percent": 5}, "percent"),
        ({"search": "x", "stage": "moon"}, "stage"),
    ],
)
def test_ramps__bad_input__names_the_field(admin: Caller, ready: Unit, body: dict[str, Any], field: str) -> None:
    answer = admin("POST", RAMPS, body)
    assert answer.status_code == 400
    assert field in errors(answer)
    assert not Ramp.objects.exists()


def test_ramps__none_can_climb__422_with_each_reason(admin: Caller, unit: Unit) -> None:
    answer = admin("POST", RAMPS, {"units": [unit.pk]})
    assert answer.status_code == 422
    assert "take it to side by side first" in errors(answer)["units"]


def test_guard__before_and_after_a_look__says_so(admin: Caller, ready: Unit) -> None:
    assert admin.get("projects/shop/guard/")["is_late"] is True
    guard.look(holder="test", now=database_now())
    told = admin.get("projects/shop/guard/")
    assert (told["is_late"], told["holder"]) == (False, "test")


# ---------------------------------------------------------------------------------------- the command


def run(*arguments: Any) -> str:
    out = io.StringIO()
    call_command(*map(str, arguments), stdout=out, stderr=out)
    return out.getvalue()


def test_command__start_list_pause_resume_stop__tell_what_they_did(ready: Unit) -> None:
    assert run("ramp", "start", ready.key, "--steps", "1, 5", "--dry-run").endswith(
        "1 unit would climb by itself. Plan: 1 → 5 %. Nothing was started.\n"
    )
    assert run("ramp", "start", ready.key, "--steps", "1, 5") == "Started: 1 (1 → 5 %). Left out: 0.\n"
    assert run("ramp", "list").startswith("1 unit climbs by itself.\nGET /users/{id}: 1 → 5 %; running;")
    assert "The guard goes on watching; the unit stays at 0 %." in run("ramp", "pause", ready.key)
    assert "Changed: 1. Left: 0." in run("ramp", "resume", "--all")
    assert "Changed: 1. Left: 0." in run("ramp", "stop", ready.pk)


@pytest.mark.parametrize(
    "arguments",
    [
        ("start",),
        ("start", "GET /users/{id}", "--service", "main"),
        ("start", "GET /nowhere"),
        ("start", "GET /users/{id}", "--steps", "5, 1"),
        ("start", "GET /users/{id}", "--at-once", "x"),
        ("start", "--search", "zzz"),
        ("pause",),
        ("pause", "GET /users/{id}"),
        ("resume", "--all", "GET /users/{id}"),
    ],
)
def test_command__bad_input__is_one_line_and_exit_code_2(ready: Unit, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError) as refused:
        run("ramp", *arguments)
    assert refused.value.returncode == 2
    assert "\n" not in str(refused.value)
