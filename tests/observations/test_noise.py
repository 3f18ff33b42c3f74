"""Noise in reports becomes rules that expire; how mismatches were looked into is counted per unit."""

from datetime import timedelta

import pytest

from migrator.access.rights import console
from migrator.core.wire import NoiseCount, Outcome, Proof, Side
from migrator.observations import ruling
from migrator.observations.models import Rule, SelfCheck
from migrator.observations.noise import make_rules, proofs_of
from migrator.observations.retention import retain
from migrator.observations.services import drain
from migrator.observations.specs import specs_of
from tests.observations.conftest import NOW, report, tally

pytestmark = pytest.mark.django_db(transaction=True)


def asked(unit, times, *noise, side=Side.CANDIDATE, **changes):
    """A tally of nothing but so many self-checks, with (shape, kind, count) of what disagreed."""
    counts = tuple(NoiseCount(side=side, shape=shape, kind=kind, count=count) for shape, kind, count in noise)
    nothing = {"outcomes": {}, "legacy_latency": {}, "candidate_latency": {}, "subjects": (), "paths": ()}
    return tally(unit, noise_pairs={side: times}, noise=counts, **{**nothing, "mismatching_subjects": (), **changes})


def counted(append, redis_client, *tallies, seq=1, now=NOW):
    append(report(seq, *tallies))
    drain(now=now, patience_s=5, client=redis_client)


def rules(project):
    return {(spec.path, str(spec.kind)): spec for spec in specs_of(project=project)}


def test_noise__seen_often__becomes_rules_of_the_unit_that_expire(project, unit, append, redis_client):
    counted(append, redis_client, asked(unit, 10, ("$.at", "value", 10), ("$.items", "order", 4)))
    counted(append, redis_client, asked(unit, 10, ("$.id", "value", 3), side=Side.LEGACY), seq=2)
    epoch = unit.evidence_epoch
    assert make_rules(now=NOW) == 3
    found = rules(project)
    assert set(found) == {("$.at", "ignore"), ("$.items", "unordered"), ("$.id", "ignore")}
    assert all(spec.noise and spec.unit == unit.pk for spec in found.values())
    row = Rule.objects.get(path="$.at")
    assert row.expires_at - NOW <= timedelta(days=1)
    assert (row.author, row.reason) == ("Noise", "Asked twice, candidate disagreed with itself 10 of 10 times.")
    unit.refresh_from_db()
    assert unit.evidence_epoch > epoch
    assert make_rules(now=NOW) == 0


@pytest.mark.parametrize(
    ("times", "what"),
    [
        (2, ("$.at", "value", 2)),
        (1_000, ("$.at", "value", 40)),
        (10, ("status", "status", 10)),
        (0, ("$.at", "value", 9)),
    ],
)
def test_noise__seen_once_in_a_while_or_a_failure__makes_no_rule(project, unit, append, redis_client, times, what):
    counted(append, redis_client, asked(unit, times, what))
    assert make_rules(now=NOW) == 0
    assert rules(project) == {}


def test_noise__of_a_whole_body__is_left_to_people(project, unit, append, redis_client):
    counted(append, redis_client, asked(unit, 10, ("body", "body", 10), ("$", "value", 10)))
    assert make_rules(now=NOW) == 0


def test_noise__that_lasts__keeps_its_rule_and_its_evidence(project, unit, append, redis_client):
    counted(append, redis_client, asked(unit, 10, ("$.at", "value", 10)))
    make_rules(now=NOW)
    unit.refresh_from_db()
    before, rule = unit.evidence_epoch, Rule.objects.get()
    later = NOW + timedelta(hours=20)
    seconds = int(later.timestamp()) // 10 * 10
    counted(append, redis_client, asked(unit, 10, ("$.at", "value", 10), window=seconds), seq=2, now=later)
    version = project.version
    assert make_rules(now=later) == 0
    unit.refresh_from_db()
    project.refresh_from_db()
    assert Rule.objects.get().expires_at > rule.expires_at + timedelta(hours=19)
    assert (unit.evidence_epoch, project.version > version) == (before, True)


def test_noise__that_has_gone__lets_its_rule_expire(project, unit, append, redis_client):
    counted(append, redis_client, asked(unit, 10, ("$.at", "value", 10)))
    make_rules(now=NOW)
    later = NOW + timedelta(days=1, hours=2)
    assert ruling.expire_due(now=later) == 1
    assert make_rules(now=later) == 0
    assert rules(project) == {}


def test_noise__whose_rule_a_person_took_back__is_left_alone(project, unit, append, redis_client):
    counted(append, redis_client, asked(unit, 10, ("$.at", "value", 10)))
    make_rules(now=NOW)
    ruling.revoke_rule(rule=Rule.objects.get(), actor=console(name="ada"), now=NOW)
    assert make_rules(now=NOW) == 0
    assert rules(project) == {}


def test_noise__of_a_strange_unit_or_more_than_was_asked__is_not_believed(project, unit, append, redis_client):
    lie = asked(unit, 4, ("$.at", "value", 4_000))
    counted(append, redis_client, lie, asked(unit, 9, ("$.x", "value", 9), evidence_epoch=99))
    assert sorted(SelfCheck.objects.values_list("shape", "count")) == [("", 4), ("$.at", 4)]


def test_noise__of_a_repeated_report__counts_once(project, unit, append, redis_client):
    for _ in range(2):
        counted(append, redis_client, asked(unit, 4, ("$.at", "value", 4)))
    assert sorted(SelfCheck.objects.values_list("shape", "count")) == [("", 4), ("$.at", 4)]


def test_self_checks__after_days__are_forgotten(project, unit, append, redis_client):
    counted(append, redis_client, asked(unit, 4, ("$.at", "value", 4)))
    retain(now=NOW + timedelta(days=3))
    assert not SelfCheck.objects.exists()


def test_proofs__of_the_present_evidence__are_added_up(project, unit, append, redis_client):
    outcomes = {Outcome.MISMATCH: 2, Outcome.INCOMPARABLE: 8}
    proofs = {Proof.CONFIRMED: 2, Proof.LAGGED: 7, Proof.MOVED: 1}
    counted(append, redis_client, tally(unit, outcomes=outcomes, proofs=proofs))
    counted(append, redis_client, tally(unit, outcomes=outcomes, proofs=proofs), seq=2)
    assert proofs_of(unit=unit) == {Proof.CONFIRMED: 4, Proof.LAGGED: 14, Proof.MOVED: 2}
    ruling.start_afresh(unit_ids=[unit.pk], now=NOW, version=1)
    unit.refresh_from_db()
    assert proofs_of(unit=unit) == {}
