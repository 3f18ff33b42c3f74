"""A proof that completes, a hit or a reference that returns: noticed once, told, recorded, never moved."""

from datetime import timedelta

import pytest

from migrator.core.stages import Stage
from migrator.inventory.models import Project, Unit
from migrator.ledger.models import Entry, Kind
from migrator.observations.models import Arrival, Resolution
from migrator.removal.models import Reopening, Repository
from migrator.removal.watching import watch
from migrator.telling.models import Message
from tests.removal.conftest import DAY, NOW, AddUnit, count, fresh, move, prove, register, scan

HOUR = timedelta(hours=1)


@pytest.fixture
def unit(add_unit: AddUnit) -> Unit:
    return add_unit("GET /users/{id}")


def told() -> list[tuple[str, str, bool]]:
    rows = Message.objects.filter(event="removal").order_by("pk")
    return list(rows.values_list("severity", "title", "resolves"))


def recorded() -> list[str]:
    rows = Entry.objects.filter(kind=Kind.REMOVAL, actor="removal watch").order_by("number")
    return [entry.body["headline"] for entry in rows]


def test_watch__proof_that_becomes_complete__is_told_and_recorded_once(unit: Unit) -> None:
    watch(now=NOW)
    assert told() == []
    prove(unit)
    for _ in range(3):
        watch(now=NOW)
    assert told() == [("info", "GET /users/{id} can be deleted from legacy", True)]
    assert recorded() == ["Proof complete"]


def test_watch__legacy_called_again__tells_once_that_the_removal_is_open_again(unit: Unit) -> None:
    prove(unit)
    watch(now=NOW)
    count(unit, NOW - HOUR, not_sampled=7)
    for _ in range(3):
        watch(now=NOW)
    assert told()[1:] == [("warning", "The removal of GET /users/{id} is open again", False)]
    assert recorded() == ["Proof complete", "Proof open again"]
    assert "called 7 times" in Message.objects.order_by("-pk")[0].sentence
    assert fresh(unit).stage == Stage.REMOVAL


def test_watch__reference_that_returns_before_the_days_are_over__is_told_too(
    add_unit: AddUnit, project: Project
) -> None:
    unit = add_unit("GET /users/{id}", days=3)
    scan(register(project), unit)
    watch(now=NOW)
    scan(Repository.objects.get(), unit, at=NOW, lines=[(unit, "x")])
    watch(now=NOW)
    watch(now=NOW)
    assert [severity for severity, _, _ in told()] == ["warning"]


def test_watch__reference_that_was_always_there__is_nothing_new(unit: Unit, project: Project) -> None:
    scan(register(project), unit, lines=[(unit, "x")])
    watch(now=NOW)
    watch(now=NOW)
    assert told() == []


def test_watch__unit_that_came_back_from_removal_and_went_there_again__begins_afresh(unit: Unit) -> None:
    prove(unit)
    watch(now=NOW)
    Unit.objects.filter(pk=unit.pk).update(stage_since=NOW - HOUR)
    watch(now=NOW)
    assert len(told()) == 1


@pytest.fixture
def removed(unit: Unit) -> Unit:
    prove(unit)
    move(unit, Stage.REMOVED)
    Unit.objects.filter(pk=unit.pk).update(stage_since=NOW - 5 * DAY)
    watch(now=NOW)
    assert not Reopening.objects.exists()
    return fresh(unit)


def test_watch__hit_on_a_removed_unit__reopens_it_until_it_is_quiet_again(removed: Unit, project: Project) -> None:
    count(removed, NOW - HOUR, not_sampled=2)
    for _ in range(3):
        watch(now=NOW)
    reopening = Reopening.objects.get()
    assert "called 2 times" in reopening.why
    assert told()[-1] == ("critical", "GET /users/{id} is removed, and still needed", False)
    assert fresh(removed).stage == Stage.REMOVED

    later = NOW + 15 * DAY
    report_the_days_after(project)
    watch(now=later)
    assert Reopening.objects.get().closed_at == later
    assert told()[-1] == ("info", "GET /users/{id} is quiet again", True)
    assert recorded()[-2:] == ["Reopened after removal", "Closed again"]


def report_the_days_after(project: Project) -> None:
    midnight = NOW.replace(hour=0, minute=0)
    for ahead in range(1, 16):
        Arrival.objects.create(project=project, resolution=Resolution.DAY, window_start=midnight + ahead * DAY, shard=0)


def test_watch__reference_to_a_removed_unit__reopens_it_until_a_scan_is_clean(removed: Unit) -> None:
    repository = Repository.objects.get()
    scan(repository, removed, at=NOW, lines=[(removed, "x")])
    watch(now=NOW)
    assert Reopening.objects.standing().get().unit == removed
    scan(repository, removed, at=NOW)
    watch(now=NOW)
    assert not Reopening.objects.standing().exists()


def test_watch__removed_unit_of_which_nothing_is_reported__stays_closed(removed: Unit) -> None:
    Unit.objects.filter(pk=removed.pk).update(stage_since=NOW - HOUR, sister=True)
    watch(now=NOW)
    assert not Reopening.objects.exists()
