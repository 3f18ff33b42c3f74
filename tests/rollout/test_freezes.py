"""Freezes: who may, until when, alerts that flap, and what is kept of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from migrator.access.rights import Forbidden, Via, console, machine, person
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Service, Unit
from migrator.inventory.services import Invalid, save_service
from migrator.ledger.models import Entry, Kind
from migrator.rollout.chain import check
from migrator.rollout.freezes import REASON, blocking, freeze, lift, lift_key, listed, standing
from migrator.rollout.models import Freeze
from migrator.telling.models import Event, Message
from tests.rollout.climbers import in_threads, raised

NOW = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ANA = console(name="ana")
ALERT = machine(name="alert disk", via=Via.ALERT)


@pytest.fixture
def service(project: Project) -> Service:
    return save_service(project=project, name="main", legacy_url="http://l:1", candidate_url="http://c:1")


@pytest.fixture
def unit(service: Service) -> Unit:
    return raised(service, "GET /users/{id}", Stage.SHADOW, NOW)


def stop(project: Project, **options: Any) -> Freeze:
    return freeze(**{"project": project, "actor": ANA, "reason": "Black Friday.", "now": NOW} | options)


def test_freeze__on_call__may_and_lifts_what_others_froze(project: Project, oncall: User) -> None:
    actor = person(user=oncall, project=project, via=Via.PAGE)
    frozen = stop(project, actor=actor)
    assert [each.pk for each in standing(project=project, now=NOW)] == [frozen.pk]
    ended = lift(freeze=stop(project), actor=actor, now=NOW + HOUR)
    assert (ended.lifted_by, ended.lifted_at) == ("oncall", NOW + HOUR)


def test_freeze__viewer__may_not(project: Project, viewer: User) -> None:
    actor = person(user=viewer, project=project, via=Via.PAGE)
    with pytest.raises(Forbidden):
        stop(project, actor=actor)
    frozen = stop(project)
    with pytest.raises(Forbidden):
        lift(freeze=frozen, actor=actor, now=NOW)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"ends_at": NOW}, "ends_at"),
        ({"ends_at": NOW - HOUR}, "ends_at"),
        ({"begins_at": NOW + 2 * HOUR, "ends_at": NOW + HOUR}, "ends_at"),
        ({"reason": " \0"}, "reason"),
        ({"reason": "x" * (REASON + 1)}, "reason"),
    ],
)
def test_freeze__that_makes_no_sense__is_refused_at_its_field(options: Any, field: str, project: Project) -> None:
    with pytest.raises(Invalid) as refused:
        stop(project, **options)
    assert refused.value.field == field
    assert not Freeze.objects.exists()


def test_freeze__of_service_and_unit__is_refused(unit: Unit) -> None:
    with pytest.raises(Invalid):
        stop(unit.project, unit=unit, service=unit.service)


def test_freeze__begun_in_the_past__begins_now(project: Project) -> None:
    assert stop(project, begins_at=NOW - HOUR).begins_at == NOW


def test_lift__again__is_harmless_and_says_it_once(project: Project) -> None:
    frozen = stop(project)
    for hours in (1, 2):
        ended = lift(freeze=frozen, actor=ANA, now=NOW + hours * HOUR)
        assert ended.lifted_at == NOW + HOUR
    assert Entry.objects.filter(kind=Kind.FREEZE).count() == 2


def test_freeze__is_sealed_and_told_and_its_end_resolves_it(unit: Unit) -> None:
    frozen = stop(unit.project, unit=unit)
    lift(freeze=frozen, actor=ANA, now=NOW + HOUR)
    first, last = Entry.objects.filter(kind=Kind.FREEZE).order_by("pk")
    assert (first.unit, first.reason, first.body["lifted"]) == (unit, "Black Friday.", False)
    assert last.body["lifted"]
    begun, over = Message.objects.filter(event=Event.FREEZE).order_by("pk")
    assert begun.sentence == "ana: Black Friday."
    assert (begun.key, begun.resolves, over.key, over.resolves) == (over.key, False, begun.key, True)
    assert check(project=unit.project).sound


# ------------------------------------------------------------------------------ alerts that flap


def test_key__asked_again_while_it_stands__is_the_same_freeze(project: Project) -> None:
    frozen = {stop(project, actor=ALERT, key="disk", now=NOW + timedelta(seconds=at)).pk for at in range(20)}
    assert len(frozen) == 1
    assert Entry.objects.filter(kind=Kind.FREEZE).count() == 1


def test_key__flaps__each_time_it_comes_back_it_holds(project: Project) -> None:
    for at in range(5):
        now = NOW + at * HOUR
        stop(project, actor=ALERT, key="disk", now=now)
        assert len(standing(project=project, now=now)) == 1
        assert lift_key(project=project, key="disk", actor=ALERT, now=now) is not None
        assert standing(project=project, now=now) == []
    assert lift_key(project=project, key="disk", actor=ALERT, now=NOW) is None


def test_key__of_a_freeze_whose_time_is_over__is_free_again(project: Project) -> None:
    first = stop(project, actor=ALERT, key="disk", ends_at=NOW + HOUR)
    again = stop(project, actor=ALERT, key="disk", now=NOW + HOUR)
    assert again.pk != first.pk
    first.refresh_from_db()
    assert (first.lifted_at, first.lifted_by) == (NOW + HOUR, "its time was over")


def test_key__of_another_alert__is_another_freeze(project: Project) -> None:
    stop(project, actor=ALERT, key="disk")
    stop(project, actor=ALERT, key="memory")
    lift_key(project=project, key="disk", actor=ALERT, now=NOW)
    assert [each.key for each in standing(project=project, now=NOW)] == ["memory"]


@pytest.mark.django_db(transaction=True)
def test_key__from_many_at_once__is_one_freeze(project: Project) -> None:
    found = in_threads(*[lambda: stop(project, actor=ALERT, key="disk").pk] * 5)
    assert len(set(found)) == 1
    assert Freeze.objects.count() == 1


# ---------------------------------------------------------------------------------------- reads


def test_listed__what_stands_and_what_comes_before_what_is_over(project: Project) -> None:
    over = stop(project, ends_at=NOW + HOUR)
    now = NOW + 2 * HOUR
    standing_one = stop(project, now=now)
    to_come = stop(project, now=now, begins_at=now + HOUR)
    assert [each.pk for each in listed(project=project, now=now)] == [to_come.pk, standing_one.pk, over.pk]
    assert [each.pk for each in standing(project=project, now=now)] == [standing_one.pk]


def test_blocking__several__tells_the_one_that_ends_last_in_two_queries_at_most(unit: Unit) -> None:
    stop(unit.project, ends_at=NOW + HOUR)
    longest = stop(unit.project, service=unit.service, ends_at=NOW + 3 * HOUR)
    stop(unit.project, unit=unit, ends_at=NOW + 2 * HOUR)
    with CaptureQueriesContext(connection) as captured:
        assert blocking(units=[unit], now=NOW)[unit.pk] == longest
    assert len(captured) <= 2
    endless = stop(unit.project, unit=unit)
    assert blocking(units=[unit], now=NOW)[unit.pk] == endless
