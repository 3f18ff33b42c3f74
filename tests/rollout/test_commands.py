"""`manage.py flip` and `manage.py rollback`: what people type, and what they are told."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from migrator.access.models import Approval, SecondFactor
from migrator.access.rights import console
from migrator.access.second_factor import STEP_S, code_at, enrol
from migrator.core.stages import ALL, Stage
from migrator.inventory.models import Project, Service, Unit
from migrator.inventory.services import save_service
from migrator.rollout.freezes import freeze
from migrator.rollout.models import Flip
from migrator.rollout.services import Change, flip
from tests.api.conftest import climb, new_unit

HOME = Path(__file__).resolve().parents[2]
KEY = "GET /users/{id}"


@pytest.fixture
def service(project: Project) -> Service:
    return save_service(project=project, name="main")


@pytest.fixture
def unit(service: Service) -> Unit:
    return new_unit(service, KEY)


@pytest.fixture
def twin(stranger: User) -> Unit:
    """The same key in another project, in canary."""
    other = save_service(project=Project.objects.get(slug="elsewhere"), name="main")
    return climb(new_unit(other, KEY), Stage.CANARY)


def run(*arguments: Any) -> str:
    out = io.StringIO()
    call_command(*map(str, arguments), stdout=out, stderr=out)
    return out.getvalue()


def refused(*arguments: Any) -> CommandError:
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    assert "\n" not in str(caught.value)
    return caught.value


def test_flip__by_key__moves_and_tells_from_where_to_where(unit: Unit) -> None:
    told = run("flip", KEY, "--stage", "shadow", "--mirror-percent", "12.34", "--reason", "try")
    assert told == f"{KEY}: backlog, candidate 0 %, mirror 0 % -> shadow, candidate 0 %, mirror 12.34 %\n"
    entry = Flip.objects.get()
    assert (entry.via, entry.reason, entry.to_mirror_bp) == ("command", "try", 1234)
    assert entry.actor


def test_flip__by_id__moves(unit: Unit) -> None:
    run("flip", unit.pk, "--stage", "shadow", "--reason", "try")
    unit.refresh_from_db()
    assert unit.stage == "shadow"


def test_flip__to_where_it_is__says_so(unit: Unit) -> None:
    climb(unit, Stage.SHADOW)
    assert "already shadow" in run("flip", KEY, "--stage", "shadow", "--reason", "try")
    assert Flip.objects.count() == 1


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--stage", "Canary"], "side_by_side"),
        (["--mirror-percent", "100.001"], "--mirror-percent"),
        (["--candidate-percent", "five"], "--candidate-percent"),
        (["--candidate-percent", "NaN"], "--candidate-percent"),
        (["--candidate-percent", "-1"], "--candidate-percent"),
        (["--candidate-percent", "1e999999999"], "--candidate-percent"),
        ([], "--stage"),
        (["--stage", "shadow", "--project", "none"], "shop"),
        (["--stage", "shadow", "--reason", " "], "--reason"),
    ],
)
def test_flip__with_bad_input__exit_2_in_one_line(unit: Unit, arguments: list[str], word: str) -> None:
    error = refused("flip", KEY, "--reason", "try", *arguments)
    assert error.returncode == 2
    assert word in str(error)
    assert not Flip.objects.exists()


def test_flip__without_a_reason__exit_2(unit: Unit) -> None:
    assert refused("flip", KEY, "--stage", "shadow").returncode == 2


@pytest.mark.parametrize("name", ["GET /nothing", "999999", "9" * 40])
def test_flip__of_an_unknown_unit__exit_2(unit: Unit, name: str) -> None:
    assert refused("flip", name, "--stage", "shadow", "--reason", "try").returncode == 2


def test_flip__of_a_key_in_two_projects__exit_2_asks_for_the_project(unit: Unit, twin: Unit) -> None:
    error = refused("flip", KEY, "--stage", "shadow", "--reason", "try")
    assert error.returncode == 2
    assert "elsewhere, shop" in str(error) or "shop, elsewhere" in str(error)
    assert "--project" in str(error)
    run("flip", KEY, "--stage", "shadow", "--reason", "try", "--project", "shop")
    unit.refresh_from_db()
    assert unit.stage == "shadow"


def test_flip__that_the_ladder_refuses__exit_1(unit: Unit) -> None:
    error = refused("flip", KEY, "--stage", "canary", "--reason", "try")
    assert error.returncode == 1
    assert "comes shadow" in str(error)


def test_flip__that_the_gate_holds__exit_1_unless_overridden(unit: Unit) -> None:
    climb(unit, Stage.SIDE_BY_SIDE)
    wanted = ("flip", KEY, "--stage", "canary", "--candidate-percent", "1", "--reason", "try")
    error = refused(*wanted)
    assert error.returncode == 1
    assert "gate" in str(error)
    assert "canary, candidate 1 %" in run(*wanted, "--override")


@pytest.fixture
def ready_for_cutover(unit: Unit, owner: User, engineer: User) -> Unit:
    climb(unit, Stage.CANARY)
    now = timezone.now()
    change = Change(unit_id=unit.pk, version=unit.version, candidate=ALL)
    flip(project=unit.project, changes=[change], actor=console(name="test"), reason="x", now=now, override=True)
    return unit


def test_flip__that_takes_two__exit_1_and_is_asked_for(ready_for_cutover: Unit) -> None:
    wanted = ("flip", KEY, "--stage", "cutover", "--reason", "time")
    error = refused(*wanted)
    assert error.returncode == 1
    assert "takes a second person. Ask for approval" in str(error)
    assert run(*wanted, "--ask").startswith(f"Asked: {KEY}: canary, candidate 100 %")
    assert Approval.objects.get().state == "open"
    error = refused("flip", KEY, "--candidate-percent", "50", "--reason", "down", "--ask")
    assert (error.returncode, "nobody's approval" in str(error)) == (2, True)


def test_flip__while_frozen__exit_1_unless_the_glass_is_broken(ready_for_cutover: Unit, engineer: User) -> None:
    now = timezone.now()
    freeze(project=ready_for_cutover.project, actor=console(name="ana"), reason="Monday", now=now)
    wanted = ("flip", KEY, "--stage", "cutover", "--reason", "Legacy burns")
    assert "frozen" in str(refused(*wanted, "--override"))
    glass = ("--break-glass", "engineer", "--code")
    assert "no second factor" in str(refused(*wanted, *glass, "123456"))
    factor = enrol(user=engineer, now=now)
    SecondFactor.objects.update(confirmed_at=now)
    assert "wrong" in str(refused(*wanted, *glass, "000000"))
    code = code_at(secret=factor.secret, step=int(now.timestamp()) // STEP_S)
    assert "-> cutover" in run(*wanted, *glass, code)
    entry = Flip.objects.first()
    assert entry is not None
    assert (entry.actor, entry.via, entry.evidence["broke_the_glass"]) == ("engineer", "command", True)


@pytest.mark.parametrize("name", ["nobody", "viewer"])
def test_flip__glass_broken_by_whom_it_is_not_for__is_refused(ready_for_cutover: Unit, viewer: User, name: str) -> None:
    error = refused("flip", KEY, "--stage", "cutover", "--reason", "x", "--break-glass", name, "--code", "1")
    assert error.returncode == (2 if name == "nobody" else 1)


def test_rollback__of_a_unit__repeats_harmlessly(unit: Unit) -> None:
    climb(unit, Stage.CUTOVER)
    assert "Rolled back: 1. Left: 0." in run("rollback", KEY)
    assert "Rolled back: 0. Left: 0." in run("rollback", KEY)
    unit.refresh_from_db()
    assert (unit.stage, unit.candidate_bp) == ("side_by_side", 0)


def test_rollback__to_a_lower_stage__goes_there_with_its_reason(unit: Unit) -> None:
    climb(unit, Stage.CANARY)
    run("rollback", unit.pk, "--stage", "backlog", "--reason", "harm")
    entry = Flip.objects.first()
    assert entry is not None
    assert (entry.to_stage, entry.reason, entry.via) == ("backlog", "harm", "command")


def test_rollback__of_a_removed_unit__exit_1_says_why(unit: Unit) -> None:
    climb(unit, Stage.REMOVED)
    assert refused("rollback", KEY).returncode == 1


def test_rollback__of_a_service__leaves_other_services(unit: Unit, project: Project) -> None:
    there = climb(new_unit(save_service(project=project, name="other"), "GET /there"), Stage.CANARY)
    climb(unit, Stage.CANARY)
    assert "Rolled back: 1." in run("rollback", "--service", "main")
    there.refresh_from_db()
    assert there.stage == "canary"


def test_rollback__of_all__in_the_only_project__needs_no_name(unit: Unit) -> None:
    climb(unit, Stage.CANARY)
    assert "Rolled back: 1." in run("rollback", "--all")


def test_rollback__of_all__with_several_projects__asks_which(unit: Unit, twin: Unit) -> None:
    climb(unit, Stage.CANARY)
    for scope in (["--all"], ["--service", "main"]):
        error = refused("rollback", *scope)
        assert error.returncode == 2
        assert "--project" in str(error)
    assert "Rolled back: 1." in run("rollback", "--all", "--project", "shop")
    twin.refresh_from_db()
    assert twin.stage == "canary"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        [KEY, "--all"],
        ["--service", "main", "--all"],
        ["--service", "none"],
        [KEY, "--stage", "canary"],
        [KEY, "--stage", "nowhere"],
        ["--all", "--project", "none"],
        ["GET /nothing"],
    ],
)
def test_rollback__of_an_unclear_scope__exit_2_and_nothing_moved(unit: Unit, arguments: list[str]) -> None:
    climb(unit, Stage.CANARY)
    assert refused("rollback", *arguments).returncode == 2
    unit.refresh_from_db()
    assert unit.stage == "canary"


def test_rollback__of_all__before_there_is_a_project__exit_2(db: None) -> None:
    assert "no project" in str(refused("rollback", "--all"))


def manage(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A process of its own, as on a host in trouble."""
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "migrator.settings", **environment}
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=HOME, env=env, capture_output=True, text=True, timeout=60)


@pytest.mark.django_db(transaction=True)
def test_rollback__without_redis__works_with_the_database_alone(unit: Unit, settings: LazySettings) -> None:
    climb(unit, Stage.CUTOVER)
    before, _, options = os.environ["DATABASE_URL"].partition("?")
    name = connection.settings_dict["NAME"]
    url = f"{before.rpartition('/')[0]}/{name}{'?' + options if options else ''}"
    done = manage("rollback", "--all", DATABASE_URL=url, REDIS_URL="redis://127.0.0.1:1")
    assert (done.returncode, done.stderr) == (0, "")
    unit.refresh_from_db()
    assert unit.stage == "side_by_side"
