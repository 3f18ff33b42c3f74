"""What reports add up to."""

from datetime import timedelta

import pytest

from migrator.core.wire import Outcome
from migrator.inventory.models import Kind, Unit
from migrator.inventory.services import create_project, create_unit, save_service
from migrator.observations.models import DeadLetter, ReportSource, Rollup
from migrator.observations.queries import evidence_of, standings
from migrator.observations.services import fold_batch
from tests.observations.conftest import NOW, WINDOW, entries, report, tally

pytestmark = pytest.mark.django_db


def evidence(unit: Unit, now=NOW):
    return evidence_of(units=[unit], now=now)[unit.pk]


def test_fold__two_reports_of_one_unit__adds_counts_and_keeps_callers_distinct(unit):
    fold_batch(shard=0, entries=entries(report(1, tally(unit)), report(2, tally(unit))), now=NOW)

    seen = evidence(unit)

    assert seen.outcomes[Outcome.MATCH] == 16
    assert seen.outcomes[Outcome.MISMATCH] == 4
    assert (seen.subjects, seen.mismatching_subjects) == (10, 2)
    assert seen.completeness == 1.0
    assert seen.legacy_latency.p50 == pytest.approx(0.01 * 1.02**99.5)
    assert seen.last_at == NOW.timestamp()


def test_fold__batch_after_batch__adds_to_what_is_stored(unit):
    for seq in (1, 2, 3):
        fold_batch(shard=0, entries=entries(report(seq, tally(unit))), now=NOW)

    assert evidence(unit).received == 30
    assert {(row.resolution, row.match) for row in Rollup.objects.all()} == {(60, 24), (3600, 24), (86400, 24)}


def test_fold__two_shards__readers_add_them_up(unit):
    fold_batch(shard=0, entries=entries(report(1, tally(unit))), now=NOW)
    fold_batch(shard=1, entries=entries(report(1, tally(unit), source="gw-2/0")), now=NOW)

    assert evidence(unit).received == 20
    assert standings(unit_ids=[unit.pk])[unit.pk].pairs == 20


def test_fold__report_that_comes_again__counts_once(unit):
    first = report(1, tally(unit))
    fold_batch(shard=0, entries=entries(first, first), now=NOW)
    fold_batch(shard=0, entries=entries(first), now=NOW)

    assert evidence(unit).received == 10
    assert ReportSource.objects.get().repeated == 2


def test_fold__later_epoch__evidence_starts_afresh(unit):
    fold_batch(shard=0, entries=entries(report(1, tally(unit))), now=NOW)
    Unit.objects.update(evidence_epoch=1, evidence_since=NOW)
    unit.refresh_from_db()
    assert evidence(unit).received == 0

    late = report(2, tally(unit, evidence_epoch=0), tally(unit, outcomes={Outcome.MATCH: 10}, paths=()))
    fold_batch(shard=0, entries=entries(late), now=NOW)

    assert evidence(unit).outcomes[Outcome.MATCH] == 10
    assert evidence(unit).mismatch_rate == 0.0


@pytest.mark.parametrize(
    "lie",
    [
        {"evidence_epoch": 1},
        {"window": WINDOW + 2 * 86_400},
        {"window": WINDOW - 8 * 86_400},
        {"outcomes": {Outcome.MATCH: 2**53}},
        {"served_candidate": 11},
        {"legacy_latency": {-1: 1}},
        {"legacy_latency": {10**9: 1}},
        {"subjects": (-1,)},
        {"subjects": (2**64,)},
        {"subjects": tuple(range(600))},
    ],
)
def test_fold__tally_that_cannot_be__is_refused_and_counted(unit, lie):
    fold_batch(shard=0, entries=entries(report(1, tally(unit, **lie), tally(unit))), now=NOW)

    assert evidence(unit).received == 10
    assert ReportSource.objects.get().refused >= 10
    assert not DeadLetter.objects.exists()


def test_fold__units_that_are_not_the_projects__are_stray_and_leave_completeness_alone(unit, service):
    elsewhere = create_project(slug="elsewhere", name="Elsewhere", now=NOW)
    theirs = save_service(project=elsewhere, name="api")
    foreign = create_unit(project=elsewhere, service=theirs, key="GET /x", kind=Kind.ENDPOINT, now=NOW)
    gone = create_unit(project=unit.project, service=service, key="GET /gone", kind=Kind.ENDPOINT, now=NOW)
    Unit.objects.filter(pk=gone.pk).update(gone_at=NOW)
    strays = (foreign, gone, Unit(pk=10**6), Unit(pk=2**70), Unit(pk=-1))

    fold_batch(shard=0, entries=entries(report(1, tally(unit), *map(tally, strays), sent=60)), now=NOW)

    assert evidence(unit).received == 10
    assert evidence(unit).completeness == 1.0
    assert evidence(foreign).received == 0
    assert ReportSource.objects.get().stray == 50


def test_fold__field_beside_its_endpoint__is_counted_as_one_observation(unit, name_field):
    fold_batch(shard=0, entries=entries(report(1, tally(unit), tally(name_field, paths=()), sent=10)), now=NOW)

    assert evidence(name_field).received == 10
    assert ReportSource.objects.get().committed == 10


def test_fold__gap_in_the_sequence__shows_as_missing_until_it_is_closed(unit):
    fold_batch(shard=0, entries=entries(report(1, tally(unit)), report(3, tally(unit))), now=NOW)
    assert evidence(unit).completeness == pytest.approx(2 / 3)
    assert ReportSource.objects.get().committed_seq == 1

    fold_batch(shard=0, entries=entries(report(2, tally(unit))), now=NOW)
    assert evidence(unit).completeness == 1.0
    assert ReportSource.objects.get().committed_seq == 3


def test_fold__poison_among_good_reports__is_set_apart_and_the_rest_counts(unit):
    poison = entries(report(1, tally(unit)), report(2, source="gw\x00"), report(2, tally(unit)))
    poison[0:0] = [type(poison[0])("0-1", b"\xff garbage")]

    fold_batch(shard=0, entries=poison, now=NOW)

    assert evidence(unit).received == 20
    assert {letter.entry_id for letter in DeadLetter.objects.all()} == {"0-1", "2-0"}


def test_fold__clock_of_the_source_an_hour_fast__is_seen_now_at_the_latest(unit):
    fold_batch(shard=0, entries=entries(report(1, tally(unit, window=WINDOW + 3_600))), now=NOW)

    assert evidence(unit).last_at == NOW.timestamp()
    assert standings(unit_ids=[unit.pk])[unit.pk].last_seen_at == NOW


def test_evidence__completeness__looks_only_at_the_time_since_evidence_began(unit):
    fold_batch(shard=0, entries=entries(report(1, sent=1_000)), now=NOW - timedelta(hours=3))
    Unit.objects.update(evidence_since=NOW - timedelta(hours=1))
    unit.refresh_from_db()
    fold_batch(shard=0, entries=entries(report(2, tally(unit), sent=1_010)), now=NOW)

    assert evidence(unit).completeness == 1.0
