"""Waivers: who may sign, for what, until when, and what ends them."""

from datetime import timedelta

import pytest

from migrator.access.rights import Forbidden
from migrator.core.gate import WAIVABLE, Pass
from migrator.core.policy import FourEyes
from migrator.gates.layers import LayerKind
from migrator.gates.models import Waiver
from migrator.gates.queries import judgements
from migrator.gates.services import NeedsSecondPerson, Target, set_layer
from migrator.gates.waivers import LONGEST, StaleWaiver, apply_waiver, revoke, sign, waived, waivers_of
from migrator.inventory.models import Unit
from migrator.inventory.services import Invalid, record_deploy
from migrator.ledger.models import Entry, Kind
from migrator.telling.models import Message
from tests.gates.conftest import ALONE, NOW, acting, arrive, count

pytestmark = pytest.mark.django_db
WEEK = timedelta(days=7)


def waive(unit, *gates, actor=ALONE, until=NOW + WEEK, now=NOW, **changes):
    usual = {"reason": "two calls a day", "seen_version": unit.version}
    return sign(unit=unit, gates=gates or ["mismatches"], expires_at=until, actor=actor, now=now, **usual | changes)


@pytest.mark.parametrize(
    ("changes", "field", "told"),
    [
        ({"gates": []}, "gates", "at least one"),
        ({"gates": ["moon"]}, "gates", "no gate 'moon'"),
        ({"gates": ["completeness"]}, "gates", "cannot be waived"),
        ({"gates": ["mismatches", "critical paths"]}, "gates", "critical paths cannot be waived"),
        ({"reason": "  \0 "}, "reason", "says why"),
        ({"reason": "x" * 1_001}, "reason", "1,000"),
        ({"expires_at": None}, "expires_at", "A waiver ends"),
        ({"expires_at": NOW}, "expires_at", "in the future"),
        ({"expires_at": NOW + LONGEST + timedelta(seconds=1)}, "expires_at", "90 days"),
    ],
)
def test_waiver__that_may_not_be__is_refused_by_its_field(unit, changes, field, told):
    usual = {"gates": ["mismatches"], "reason": "rare", "expires_at": NOW + WEEK}
    with pytest.raises(Invalid, match=told) as refused:
        sign(unit=unit, actor=ALONE, now=NOW, seen_version=unit.version, **usual | changes)

    assert refused.value.field == field
    assert not Waiver.objects.exists()


@pytest.mark.parametrize("who", ["viewer", "oncall", "engineer"])
def test_waiver__without_the_right__is_forbidden(project, unit, request, who):
    signed = waive(unit)
    actor = acting(request.getfixturevalue(who), project)

    with pytest.raises(Forbidden):
        waive(unit, actor=actor)
    with pytest.raises(Forbidden):
        revoke(waiver=signed, actor=actor, now=NOW)
    assert waived(units=[unit], now=NOW)


def test_waiver__signed_over_a_unit_that_moved__is_refused(unit):
    with pytest.raises(StaleWaiver, match="is at version 0; you saw version 7"):
        waive(unit, seen_version=7)


def test_waiver__in_force__lets_its_gate_alone_pass(project, unit):
    arrive(project)
    count(unit, match=40)
    before = judgements(units=[unit], now=NOW)[unit.pk].verdict
    waive(unit, "mismatches")
    after = judgements(units=[unit], now=NOW)[unit.pk].verdict

    gate = next(gate for gate in after.gates if gate.name == "mismatches")
    assert (before.promotes, after.promotes) == (False, True)
    assert gate.result is Pass.WAIVED
    assert gate.reason.endswith("Waived by ana until 11 Mar 2026: two calls a day.")


def test_waiver__of_something_else__does_not_help(project, unit):
    arrive(project)
    count(unit, match=40)
    waive(unit, *(name for name in WAIVABLE if name != "mismatches"))

    assert not judgements(units=[unit], now=NOW)[unit.pk].verdict.promotes


def test_waiver__of_mismatches_that_are_proven_harm__does_not_help(project, unit):
    arrive(project)
    count(unit, match=100, mismatch=900)
    waive(unit, "mismatches")

    assert not judgements(units=[unit], now=NOW)[unit.pk].verdict.promotes


def test_waiver__without_observations__does_not_promote(unit):
    waive(unit, *WAIVABLE)

    assert not judgements(units=[unit], now=NOW)[unit.pk].verdict.promotes


def test_waiver__over__holds_no_more(unit):
    waive(unit, until=NOW + timedelta(hours=1))

    assert waived(units=[unit], now=NOW + timedelta(minutes=59))
    assert waived(units=[unit], now=NOW + timedelta(hours=1)) == {}


def test_waiver__revoked__holds_no_more_and_twice_is_once(project, unit):
    signed = waive(unit)
    for _ in range(2):
        taken = revoke(waiver=signed, actor=ALONE, now=NOW + timedelta(minutes=1), reason="found it")

    assert (taken.revoked_by, waived(units=[unit], now=NOW + timedelta(minutes=2))) == ("ana", {})
    assert Entry.objects.filter(kind=Kind.WAIVER).count() == 2
    assert [each.state for each in waivers_of(project=project, now=NOW, all_of_them=True)] == ["revoked"]


@pytest.mark.parametrize("side", ["legacy", "candidate"])
def test_waiver__before_a_deploy__holds_no_more(project, service, unit, side):
    waive(unit)
    record_deploy(service=service, side=side, build="42", now=NOW + timedelta(minutes=1))

    assert waived(units=[unit], now=NOW + timedelta(minutes=2)) == {}
    listed = waivers_of(project=project, now=NOW + timedelta(minutes=2), all_of_them=True)
    assert [each.state for each in listed] == ["ended by a deploy"]
    assert waivers_of(project=project, now=NOW + timedelta(minutes=2)) == []


def test_waiver__after_a_deploy__holds(service, unit):
    record_deploy(service=service, side="candidate", build="42", now=NOW - timedelta(minutes=1))
    waive(unit)

    assert waived(units=[unit], now=NOW)


def test_waiver__signed__is_sealed_and_told(unit):
    signed = waive(unit, "mismatches", "weekly cycle")
    entry = Entry.objects.get(kind=Kind.WAIVER)

    assert (entry.unit, entry.reason, entry.body["gates"]) == (unit, "two calls a day", ["mismatches", "weekly cycle"])
    assert entry.body["waiver"] == signed.pk
    assert Message.objects.get().path == f"/p/shop/units/{unit.pk}"


def test_waivers__of_many_units__are_read_at_once(new_unit, django_assert_num_queries):
    units = [new_unit(f"GET /{number}") for number in range(5)]
    for unit in units[:3]:
        waive(unit)

    with django_assert_num_queries(2):
        found = waived(units=units, now=NOW)
    assert set(found) == {unit.pk for unit in units[:3]}


# --------------------------------------------------------------------------------- second person


def test_waiver__with_a_second_person_there__waits_for_one(project, unit, two):
    with pytest.raises(NeedsSecondPerson) as needed:
        waive(unit, actor=acting(two[0], project))

    assert (needed.value.subject, needed.value.unit, needed.value.seen_version) == (FourEyes.WAIVER, unit, 0)
    assert not Waiver.objects.exists()
    assert not Entry.objects.exists()


def test_waiver__approved__is_what_was_asked_for(project, unit, two):
    owner = acting(two[0], project)
    with pytest.raises(NeedsSecondPerson) as needed:
        waive(unit, "latency ratio", actor=owner)
    signed = apply_waiver(
        unit=unit, wanted=needed.value.wanted, seen_version=0, actor=owner, approver="engineer", now=NOW
    )

    assert (signed.signed_by, signed.approved_by, signed.gates) == ("owner", "engineer", ["latency ratio"])
    assert signed.expires_at == NOW + WEEK


def test_waiver__approved_too_late__is_refused(project, unit, two):
    owner = acting(two[0], project)
    with pytest.raises(NeedsSecondPerson) as needed:
        waive(unit, actor=owner)
    asked = {"wanted": needed.value.wanted, "seen_version": 0, "actor": owner, "approver": "engineer"}

    with pytest.raises(Invalid, match="in the future"):
        apply_waiver(unit=unit, now=NOW + timedelta(days=8), **asked)
    moved = Unit.objects.get(pk=unit.pk)
    with pytest.raises(StaleWaiver):
        apply_waiver(unit=moved, now=NOW, **asked | {"seen_version": 1})


def test_waiver__where_the_units_policy_asks_for_nobody__takes_one(project, unit, two):
    owner = acting(two[0], project)
    set_layer(
        project=project, target=Target(kind=LayerKind.UNIT, of=str(unit.pk)), settings={"four_eyes": ["cutover"]},
        seen_version=0, actor=owner, now=NOW, approver="engineer",
    )  # fmt: skip

    assert waive(unit, actor=owner).signed_by == "owner"
