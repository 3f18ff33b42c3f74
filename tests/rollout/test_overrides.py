"""Signed overrides: written without a database, entries of the ledger with one, counted once."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from migrator.core.override import OverrideRefused, decode_signed, read, sign
from migrator.core.stages import Stage
from migrator.core.wire import RoutingTable, SignedOverride, UnitRoute, Upstreams, Version, encode
from migrator.inventory.models import Project, Service, Unit
from migrator.inventory.services import save_service
from migrator.ledger.models import Entry, Kind
from migrator.rollout import overrides
from migrator.rollout.models import CarriedOut, Flip
from migrator.telling.models import Event, Message
from tests.api.conftest import climb, new_unit

HOME = Path(__file__).resolve().parents[2]
KEY = "GET /users/{id}"


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.OVERRIDES_DIR = tmp_path / "overrides"
    return tmp_path / "overrides"


@pytest.fixture
def service(project: Project) -> Service:
    return save_service(project=project, name="main")


@pytest.fixture
def unit(service: Service) -> Unit:
    return climb(new_unit(service, KEY), Stage.CANARY)


def issued(
    *units: str, services: tuple[str, ...] = (), project: str = "shop", **more: Any
) -> tuple[SignedOverride, Path]:
    options = {"author": "ada", "reason": "wrong names", "now": timezone.now(), **more}
    _, path = overrides.issue(project=project, units=units, services=services, **options)
    return decode_signed(path.read_bytes()), path


def adopt(signed: SignedOverride, **more: Any) -> CarriedOut:
    return overrides.adopt(**{"signed": signed, "project": "shop", "source": "gw-1/0", "now": timezone.now(), **more})


def test_adopt__an_override__rolls_back_records_and_tells_once(unit: Unit) -> None:
    signed, _ = issued(KEY)
    first, again = adopt(signed), adopt(signed, source="gw-2/0")
    unit.refresh_from_db()
    assert (unit.stage, unit.candidate_bp) == ("side_by_side", 0)
    flip = Flip.objects.filter(unit=unit).first()
    assert flip is not None
    assert (flip.actor, flip.via, first.rolled_back) == ("ada", "override", 1)
    assert "wrong names" in flip.reason
    assert (again.pk, again.source) == (first.pk, "gw-1/0")
    assert Entry.objects.filter(kind=Kind.OVERRIDE).count() == 1
    assert Message.objects.filter(event=Event.OVERRIDE).count() == 1
    unit.project.refresh_from_db()
    assert overrides.adopted(now=timezone.now()) == {"shop": {first.pk: Version(epoch=1, number=unit.project.version)}}


def test_adopt__of_a_service_and_of_names_that_nobody_knows__does_what_it_can(unit: Unit, project: Project) -> None:
    other = climb(new_unit(save_service(project=project, name="other"), "GET /other"), Stage.CANARY)
    signed, _ = issued("GET /unknown", services=("main", "nobody"))
    assert adopt(signed).rolled_back == 1
    other.refresh_from_db()
    assert other.stage == "canary"
    assert Entry.objects.get(kind=Kind.OVERRIDE).body["unknown"] == ["GET /unknown", "nobody"]


def test_adopt__of_everything__takes_all_of_this_project_alone(unit: Unit, stranger: Any) -> None:
    elsewhere = save_service(project=Project.objects.get(slug="elsewhere"), name="main")
    theirs = climb(new_unit(elsewhere, KEY), Stage.CANARY)
    adopt(issued("*")[0])
    unit.refresh_from_db()
    theirs.refresh_from_db()
    assert (unit.stage, theirs.stage) == ("side_by_side", "canary")


@pytest.mark.parametrize("wrong", ["forged", "expired", "other project", "no project", "raised"])
def test_adopt__of_what_is_no_order__is_refused_and_changes_nothing(unit: Unit, stranger: Any, wrong: str) -> None:
    signed, _ = issued(KEY)
    now = timezone.now()
    attempts: dict[str, dict[str, Any]] = {
        "forged": {"signed": sign(override=read(signed), secret="somebody else's")},
        "expired": {"signed": signed, "now": now + timedelta(days=2)},
        "other project": {"signed": signed, "project": "elsewhere"},
        "no project": {"signed": issued(KEY, project="nowhere")[0], "project": "nowhere"},
        "raised": {"signed": replace(signed, document=signed.document.replace('"id"', '"candidate":10000,"id"'))},
    }
    before = Flip.objects.count()
    with pytest.raises(OverrideRefused):
        adopt(**attempts[wrong])
    assert (Flip.objects.count(), CarriedOut.objects.count()) == (before, 0)


def test_adopt_waiting__a_directory__adopts_the_good_sets_aside_the_bad_and_empties(unit: Unit, folder: Path) -> None:
    issued(KEY)
    (folder / "bad.json").write_text("{}")
    (folder / "half.draft").write_text("{")
    assert overrides.adopt_waiting(now=timezone.now()) == 1
    assert sorted(path.name for path in folder.iterdir()) == ["bad.refused", "half.draft"]
    assert overrides.adopt_waiting(now=timezone.now()) == 0


def test_adopt__after_units_climbed_again__an_old_copy_changes_nothing(unit: Unit) -> None:
    signed, _ = issued(KEY)
    adopt(signed)
    unit.refresh_from_db()
    climb_again(unit)
    adopt(signed)
    unit.refresh_from_db()
    assert unit.stage == "canary"


def climb_again(unit: Unit) -> None:
    call_command(
        "flip", str(unit.pk), "--stage", "canary", "--candidate-percent", "5", "--reason", "again", "--override"
    )


# ------------------------------------------------------------------------------------ the command


def manage(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A process of its own, as on a host in trouble."""
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "migrator.settings", **environment}
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=HOME, env=env, capture_output=True, text=True, timeout=60)


def away(port: int, folder: Path) -> dict[str, str]:
    return {
        "DATABASE_URL": f"postgresql://x@127.0.0.1:{port}/x",
        "REDIS_URL": "redis://127.0.0.1:1",
        "OVERRIDES_DIR": str(folder),
    }


def remember(folder: Path) -> None:
    """The table that a front kept on this host."""
    route = UnitRoute(id=7, key=KEY, service="main", stage=Stage.CANARY, candidate=500)
    services = (Upstreams(name="main", legacy_url="http://a", candidate_url="http://b"),)
    table = RoutingTable(project="shop", version=Version(number=42), services=services, units=(route,))
    overrides.remember(project="shop", table=encode(table))


def test_rollback__without_a_database__leaves_a_signed_override_and_says_what_it_is(
    free_port: int, folder: Path
) -> None:
    remember(folder)
    done = manage("rollback", KEY, "--reason", "wrong names", **away(free_port, folder))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("NOT COMMITTED TO THE LEDGER YET")
    (path,) = folder.glob("*.json")
    assert str(path) in done.stdout
    assert "STATE_DIR/overrides/" in done.stdout
    order = read(decode_signed(path.read_bytes()))
    assert (order.units, order.project, order.reason, order.version) == (
        (KEY,),
        "shop",
        "wrong names",
        Version(number=42),
    )
    assert order.expires_at - order.issued_at == pytest.approx(86_400)


@pytest.mark.parametrize(
    ("arguments", "units", "services", "said"),
    [
        (["--all"], ("*",), (), "every unit"),
        (["--service", "main"], (), ("main",), "main"),
        (["7"], (KEY,), (), KEY),
        (["GET /misspelt"], ("GET /misspelt",), (), "has none such"),
        (["--all", "--stage", "backlog"], ("*",), (), "--stage backlog is not part of it"),
    ],
)
def test_rollback__without_a_database__names_what_it_was_given(
    free_port: int, folder: Path, arguments: list[str], units: tuple[str, ...], services: tuple[str, ...], said: str
) -> None:
    remember(folder)
    done = manage("rollback", *arguments, "--hours", "2", **away(free_port, folder))
    assert done.returncode == 0, done.stderr
    assert said in done.stdout
    (path,) = folder.glob("*.json")
    order = read(decode_signed(path.read_bytes()))
    assert (order.units, order.services) == (units, services)
    assert order.expires_at - order.issued_at == pytest.approx(7_200)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--all"], "say which project"),
        (["7", "--project", "shop"], "name the unit by its key"),
        (["--all", "--project", "../shop"], "no project's slug"),
        (["--all", "--project", "shop", "--hours", "never"], "--hours"),
        (["--all", "--project", "shop", "--hours", "1000"], "--hours"),
        (["--all", KEY], "Name one of"),
    ],
)
def test_rollback__without_a_database_and_without_a_table__asks_for_what_it_needs(
    free_port: int, folder: Path, arguments: list[str], said: str
) -> None:
    done = manage("rollback", *arguments, **away(free_port, folder))
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(folder.glob("*.json"))


def test_rollback__without_a_database_and_where_nothing_can_be_written__says_what_is_left(free_port: int) -> None:
    done = manage("rollback", "--all", "--project", "shop", **away(free_port, Path("/proc/nowhere")))
    assert done.returncode == 1
    assert "force_legacy" in done.stderr


def test_rollback__with_a_database_and_sign__does_both(unit: Unit, folder: Path) -> None:
    call_command("rollback", KEY, "--sign")
    unit.refresh_from_db()
    assert unit.stage == "side_by_side"
    assert overrides.adopt_waiting(now=timezone.now()) == 1
    assert CarriedOut.objects.get().rolled_back == 0


def test_overrides_command__lists_and_adopts(unit: Unit, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("overrides")
    assert "Nothing waits" in capsys.readouterr().out
    issued(KEY, now=datetime.now(UTC))
    (folder / "bad.json").write_text(json.dumps({"document": "{}", "signature": ""}))
    call_command("overrides", "--adopt")
    said = capsys.readouterr().out
    assert f"shop, {KEY}, by ada" in said
    assert "bad.json: refused" in said
    assert "Adopted: 1." in said
