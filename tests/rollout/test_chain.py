"""Tamper evidence: whatever is done to the ledger behind the door's back is found."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from migrator.access.rights import Actor, console
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Service, Unit
from migrator.inventory.services import create_unit, save_service
from migrator.ledger.models import Entry
from migrator.ledger.services import record
from migrator.rollout.auditing import check_all
from migrator.rollout.chain import anchor, check
from migrator.rollout.history import Wanted, every_line, lines
from migrator.rollout.models import Flip
from migrator.rollout.scopes import Scope
from migrator.rollout.services import Change, flip, rollback
from migrator.telling.models import Message

ANA = console(name="ana")


@pytest.fixture
def units(project: Project) -> list[Unit]:
    service = save_service(project=project, name="users")
    return [_unit(project, service, key) for key in ("GET /a", "GET /b", "GET /c")]


def _unit(project: Project, service: Service, key: str) -> Unit:
    return create_unit(project=project, service=service, key=key, kind="endpoint", now=timezone.now())


def _to(project: Project, units: list[Unit], stage: Stage, *, actor: Actor = ANA, **wanted: int) -> None:
    for unit in units:
        unit.refresh_from_db()
    changes = [Change(unit_id=unit.pk, version=unit.version, stage=stage, **wanted) for unit in units]
    flip(project=project, changes=changes, actor=actor, reason="try", now=timezone.now(), override=True)


@pytest.fixture
def ledger(project: Project, units: list[Unit]) -> Project:
    """Three units on their way up, one alone, and all of them down again; a note of another kind in between."""
    _to(project, units, Stage.SHADOW)
    _to(project, units, Stage.SIDE_BY_SIDE, mirror=10_000)
    _to(project, units[:1], Stage.CANARY, candidate=500)
    body = {"share": 0.25, "whole": 1.0, "large": 1e17, "ünï": ["\u2028", None]}
    record(project=project, kind="settings", actor=ANA, now=timezone.now(), body=body, reason="why not")
    rollback(project=project, scope=Scope(everything=True), actor=ANA, now=timezone.now())
    return project


def _as_intruder(statement: str, *parameters: object) -> None:
    """What somebody with the database's own rights can do: the triggers do not see it."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what the door promised until the commit is checked now
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, parameters)
        cursor.execute("SET LOCAL session_replication_role = origin")


def test_check__untouched__is_sound_and_counts(ledger: Project) -> None:
    found = check(project=ledger)
    assert found.sound, found.faults
    assert (found.links, found.flips, found.unsealed) == (5, 8, 0)
    assert "5 links and 8 flips" in found.sentence


def _edit_flip() -> None:
    _as_intruder("UPDATE rollout_flip SET actor = 'ben' WHERE to_stage = 'canary'")


def _edit_evidence() -> None:
    _as_intruder("UPDATE rollout_flip SET evidence = '{}' WHERE to_stage = 'canary'")


def _edit_link() -> None:
    _as_intruder("UPDATE ledger_entry SET reason = 'an order from above' WHERE kind = 'settings'")


def _delete_flip() -> None:
    _as_intruder("DELETE FROM rollout_flip WHERE id = (SELECT max(id) FROM rollout_flip WHERE to_stage = 'shadow')")


def _delete_flips_of_a_link() -> None:
    _as_intruder("DELETE FROM rollout_flip WHERE to_stage = 'canary'")


def _delete_link() -> None:
    _as_intruder("DELETE FROM ledger_entry WHERE kind = 'settings'")


def _reorder_links() -> None:
    _as_intruder("UPDATE ledger_entry SET number = 100 WHERE number = 2")
    _as_intruder("UPDATE ledger_entry SET number = 2 WHERE number = 3")
    _as_intruder("UPDATE ledger_entry SET number = 3 WHERE number = 100")


def _move_flip_to_another_link() -> None:
    _as_intruder(
        "UPDATE rollout_flip SET entry_id = (SELECT id FROM ledger_entry WHERE number = 1) WHERE to_stage = 'canary'"
    )


def _forge_flip() -> None:
    """A copy of a real one, under no link."""
    columns = [f.column for f in Flip._meta.concrete_fields if f.column not in ("id", "unit_version", "entry_id")]
    names = ", ".join(columns)
    _as_intruder(
        f"INSERT INTO rollout_flip ({names}, unit_version) "
        f"SELECT {names}, 99 FROM rollout_flip WHERE to_stage = 'canary'"
    )


def _forge_link() -> None:
    """A link in the chain's name, put behind its end by somebody who does not know how it is hashed."""
    columns = [f.column for f in Entry._meta.concrete_fields if f.column not in ("id", "number", "previous")]
    names = ", ".join(columns)
    _as_intruder(
        f"INSERT INTO ledger_entry ({names}, number, previous) "
        f"SELECT {names}, 6, digest FROM ledger_entry WHERE number = 5"
    )


@pytest.mark.parametrize(
    "crime",
    [
        _edit_flip,
        _edit_evidence,
        _edit_link,
        _delete_flip,
        _delete_flips_of_a_link,
        _delete_link,
        _reorder_links,
        _move_flip_to_another_link,
        _forge_flip,
        _forge_link,
    ],
)
def test_check__tampered_with__says_so(ledger: Project, crime: Callable[[], None]) -> None:
    crime()
    found = check(project=ledger)
    assert not found.sound
    assert found.sentence.startswith("The ledger was tampered with: ")


def test_check__newest_links_cut_off__only_the_anchor_finds_it(ledger: Project) -> None:
    kept = anchor(project=ledger)
    assert check(project=ledger, kept=kept).sound
    newest = Entry.objects.order_by("-number")[0].pk
    _as_intruder("DELETE FROM rollout_flip WHERE entry_id = %s", newest)
    _as_intruder("DELETE FROM ledger_entry WHERE id = %s", newest)
    assert check(project=ledger).sound
    assert "the chain ends before it" in check(project=ledger, kept=kept).sentence


def test_check__rewritten_with_all_digests_made_anew__only_the_anchor_finds_it(ledger: Project) -> None:
    kept = anchor(project=ledger)
    assert kept is not None
    assert not check(project=ledger, kept=replace(kept, digest="0" * 64)).sound


def test_ledger__statement_without_the_door__is_refused(ledger: Project) -> None:
    with pytest.raises(Exception, match="the chain only grows"):
        Entry.objects.filter(number=1).update(reason="x")


def test_lines__everything__newest_first_with_their_flips(ledger: Project) -> None:
    found = lines(project=ledger, wanted=Wanted())
    assert [line.kind for line in found] == ["rollback", "settings", "flip", "flip", "flip"]
    assert [line.count for line in found] == [1, 0, 1, 3, 3]
    assert found[2].flips[0].unit_key == "GET /a"
    assert [line.number for line in lines(project=ledger, wanted=Wanted(), older_than=4)] == [3, 2, 1]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (Wanted(kind="settings"), [4]),
        (Wanted(direction="back"), [5]),
        (Wanted(search="/c"), [2, 1]),
        (Wanted(search="WHY NOT"), [4]),
        (Wanted(until=timezone.now() - timedelta(days=1)), []),
    ],
)
def test_lines__searched__only_what_was_asked_for(ledger: Project, wanted: Wanted, numbers: list[int]) -> None:
    assert [line.number for line in lines(project=ledger, wanted=wanted)] == numbers


def test_every_line__exported__oldest_first_and_whole(ledger: Project) -> None:
    found = list(every_line(project=ledger, wanted=Wanted()))
    assert [line.number for line in found] == [1, 2, 3, 4, 5]
    assert sum(len(line.flips) for line in found) == Flip.objects.count()


def test_command__sound_ledger__keeps_heads_and_holds_against_them(
    ledger: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("check_ledger", keep=tmp_path / "heads.json")
    call_command("check_ledger", project=ledger.slug, anchor=tmp_path / "heads.json")
    assert "shop: 5 links and 8 flips fit together." in capsys.readouterr().out


def test_command__edited_entry__says_which_and_exits_1(ledger: Project, capsys: pytest.CaptureFixture[str]) -> None:
    _edit_flip()
    with pytest.raises(SystemExit) as ended:
        call_command("check_ledger")
    assert ended.value.code == 1
    assert "A flip under link 3 was changed" in capsys.readouterr().out


def test_check_all__of_a_ledger_that_was_tampered_with__tells_of_it_once(ledger: Project) -> None:
    assert check_all(now=timezone.now()) == 0
    _edit_flip()
    assert [check_all(now=timezone.now()) for _ in range(2)] == [1, 1]
    [message] = Message.objects.filter(event="ledger")
    assert message.severity == "critical"
    assert "tampered" in message.sentence
