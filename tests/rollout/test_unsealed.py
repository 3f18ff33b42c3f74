"""Flips from before sealing began: no link vouches for them, and nobody overlooks them."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.utils import timezone

from migrator.access.rights import console
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Unit
from migrator.inventory.services import create_unit, save_service
from migrator.ledger.models import Entry
from migrator.rollout.history import Wanted, every_line, lines, unsealed_lines
from migrator.rollout.models import Flip
from migrator.rollout.services import Change, flip

ANA = console(name="ana")


def climb(project: Project, units: list[Unit], stage: Stage) -> None:
    for unit in units:
        unit.refresh_from_db()
    changes = [Change(unit_id=unit.pk, version=unit.version, stage=stage) for unit in units]
    flip(project=project, changes=changes, actor=ANA, reason=f"to {stage}", now=timezone.now(), override=True)


def unseal(*numbers: int) -> None:
    """As flips of an installation stand that is older than the chain."""
    links = list(Entry.objects.filter(number__in=numbers).values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE rollout_flip SET entry_id = NULL WHERE entry_id = ANY(%s)", [links])
        cursor.execute("DELETE FROM ledger_entry WHERE id = ANY(%s)", [links])
        cursor.execute("SET LOCAL session_replication_role = origin")


@pytest.fixture
def ledger(project: Project) -> Project:
    """Two units to shadow, then to side by side, one of them to canary: the first two without a link."""
    service = save_service(project=project, name="users")
    units = [
        create_unit(project=project, service=service, key=key, kind="endpoint", now=timezone.now())
        for key in ("GET /a", "GET /b")
    ]
    climb(project, units, Stage.SHADOW)
    climb(project, units, Stage.SIDE_BY_SIDE)
    climb(project, units[:1], Stage.CANARY)
    unseal(1, 2)
    return project


def test_unsealed_lines__older_than_the_chain__are_one_for_each_press_newest_first(ledger: Project) -> None:
    found = unsealed_lines(project=ledger, wanted=Wanted())

    assert [(line.number, line.count, line.reason) for line in found] == [
        (None, 2, "to side_by_side"),
        (None, 2, "to shadow"),
    ]
    assert [flip.unit_key for flip in found[0].flips] == ["GET /a", "GET /b"]
    assert not any(line.forged for line in found)


def test_unsealed_lines__page_after_page__come_once_each(ledger: Project) -> None:
    [first] = unsealed_lines(project=ledger, wanted=Wanted(), limit=1)
    [second] = unsealed_lines(project=ledger, wanted=Wanted(), limit=1, older_than=first.oldest)

    assert (first.reason, second.reason) == ("to side_by_side", "to shadow")
    assert unsealed_lines(project=ledger, wanted=Wanted(), older_than=second.oldest) == []


def test_unsealed_lines__of_a_large_press__carry_the_first_and_count_all(ledger: Project) -> None:
    found = unsealed_lines(project=ledger, wanted=Wanted(), most=1)

    assert [(len(line.flips), line.count) for line in found] == [(1, 2), (1, 2)]


def test_unsealed_lines__after_the_first_sealed_flip__are_called_forged(ledger: Project) -> None:
    climb(ledger, [Unit.objects.get(key="GET /b")], Stage.CANARY)
    unseal(4)

    assert [line.forged for line in unsealed_lines(project=ledger, wanted=Wanted())] == [True, False, False]


def test_unsealed_lines__forged_under_an_old_version__stand_apart_from_what_that_version_flipped(
    ledger: Project,
) -> None:
    climb(ledger, [Unit.objects.get(key="GET /b")], Stage.CANARY)
    unseal(4)
    oldest = Flip.objects.earliest("pk")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "UPDATE rollout_flip SET version = %s, epoch = %s WHERE id = (SELECT max(id) FROM rollout_flip)",
            [oldest.version, oldest.epoch],
        )
        cursor.execute("SET LOCAL session_replication_role = origin")
    found = unsealed_lines(project=ledger, wanted=Wanted(), most=1)

    assert [(line.count, line.forged) for line in found] == [(1, True), (2, False), (2, False)]
    assert [line.flips[0].unit_key for line in found] == ["GET /b", "GET /a", "GET /a"]


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (Wanted(kind="flip"), 2),
        (Wanted(kind="rollback"), 0),
        (Wanted(kind="settings"), 0),
        (Wanted(direction="forward"), 2),
        (Wanted(search="SHADOW"), 1),
        (Wanted(search="get /b"), 2),
        (Wanted(since=datetime(2020, 1, 1, tzinfo=UTC)), 2),
        (Wanted(until=datetime(2020, 1, 1, tzinfo=UTC)), 0),
    ],
)
def test_unsealed_lines__searched__only_what_was_asked_for(ledger: Project, wanted: Wanted, count: int) -> None:
    assert len(unsealed_lines(project=ledger, wanted=wanted)) == count


def test_every_line__exported__begins_with_what_no_link_seals(ledger: Project) -> None:
    found = list(every_line(project=ledger, wanted=Wanted(kind="flip", search="get /a")))

    assert [line.number for line in found] == [None, None, 3]
    assert [line.reason for line in found[:2]] == ["to shadow", "to side_by_side"]
    assert len(lines(project=ledger, wanted=Wanted(search="get /a"))) == 1
