"""What is counted beside outcomes: shapes, callers, costs; and replays, which are counted beside everything."""

from datetime import timedelta

import pytest

from migrator.core.histograms import cost_bucket, mean_cost
from migrator.core.tally import unpack_sketch
from migrator.core.wire import MOST_CALLERS, REPLAY, CauseCount, Finding, Outcome, Sample, Side
from migrator.inventory.models import Unit
from migrator.observations.models import (
    Arrival,
    KeptSample,
    MismatchGroup,
    Replayed,
    ReportSource,
    Rollup,
    Standing,
    Traffic,
)
from migrator.observations.queries import evidence_of
from migrator.observations.retention import retain
from migrator.observations.services import fold_batch
from tests.observations.conftest import NOW, entries, report, tally

pytestmark = pytest.mark.django_db
COSTS = {"legacy_cost": {0: 2, cost_bucket(4): 8}, "candidate_cost": {cost_bucket(100): 10}}


def fold(*reports, shard=0, now=NOW):
    fold_batch(shard=shard, entries=entries(*reports), now=now)


def test_fold__shapes_callers_and_costs__add_up_in_standing_and_in_hours_and_days(unit):
    one = tally(unit, shapes=(1, 2), callers={"ios": 4, "web": 6}, **COSTS)
    other = tally(unit, shapes=(2, 3), callers={"ios": 1}, **COSTS)
    fold(report(1, one))
    fold(report(2, other))

    rows = {row.resolution: row for row in Rollup.objects.all()}
    for row in (Standing.objects.get(), rows[3_600], rows[86_400]):
        assert unpack_sketch(row.shapes) == (1, 2, 3)
        assert row.callers == {"ios": 5, "web": 6}
        assert mean_cost(row.legacy_cost) == pytest.approx(3.2, rel=0.01)
        assert mean_cost(row.candidate_cost) == pytest.approx(100, rel=0.01)
    assert (bytes(rows[60].shapes), rows[60].callers) == (b"", {})
    assert sum(rows[60].legacy_cost.values()) == 20


def test_fold__kinds_of_caller_beyond_what_is_kept__are_counted_together(unit):
    for seq in range(1, 9):
        fold(report(seq, tally(unit, callers={f"k{seq}-{n}": 1 for n in range(10)})))

    for row in (Standing.objects.get(), Rollup.objects.get(resolution=86_400)):
        assert len(row.callers) == MOST_CALLERS + 1
        assert (sum(row.callers.values()), row.callers["…"]) == (80, 30)
        assert row.callers["k1-0"] == 1


@pytest.mark.parametrize(
    "lie",
    [
        {"callers": {"ios": 11}},
        {"callers": {"ios": 6, "web": 5}},
        {"legacy_cost": {-1: 1}},
        {"candidate_cost": {10**6: 1}},
        {"legacy_cost": {0: 11}},
        {"shapes": (-1,)},
        {"shapes": tuple(range(11))},
        {"subjects": tuple(range(11))},
    ],
)
def test_fold__parts_that_cannot_be__are_refused_and_counted(unit, lie):
    fold(report(1, tally(unit, **lie)))
    assert not Standing.objects.exists()
    assert ReportSource.objects.get().refused == 10


def test_fold__replayed_pairs__are_counted_apart_and_nowhere_else(unit, name_field):
    sent_again = tally(unit, replayed=True)
    field = tally(name_field, replayed=True, paths=(), outcomes={Outcome.MATCH: 7, Outcome.SKIPPED: 3})
    fold(report(1, sent_again, field, sent=0, kind=REPLAY))

    row = Replayed.objects.get(unit_id=unit.pk)
    assert (row.pairs, row.bad, row.evidence_epoch, row.last_at) == (10, 2, 0, NOW)
    assert (unpack_sketch(row.subjects), unpack_sketch(row.mismatching_subjects)) == (tuple(range(1, 11)), (1, 2))
    assert Replayed.objects.get(unit_id=name_field.pk).pairs == 7
    for table in (Standing, Rollup, Traffic, MismatchGroup):
        assert not table.objects.exists()
    assert {(row.sent, row.committed, row.stray) for row in Arrival.objects.all()} == {(0, 0, 0)}
    assert evidence_of(units=[unit], now=NOW)[unit.pk].pairs == 0


def test_fold__replays_of_several_batches_epochs_and_shards__add_up_and_stay_apart(unit):
    fold(report(1, tally(unit, replayed=True), kind=REPLAY))
    fold(report(2, tally(unit, replayed=True, subjects=(99,), outcomes={Outcome.MATCH: 10}), kind=REPLAY))
    fold(report(1, tally(unit, replayed=True), kind=REPLAY, source="replay-2"), shard=1)
    Unit.objects.update(evidence_epoch=1)
    fold(report(3, tally(Unit.objects.get(pk=unit.pk), replayed=True), kind=REPLAY))

    found = {(row.evidence_epoch, row.shard): row for row in Replayed.objects.all()}
    assert {key: (row.pairs, row.bad) for key, row in found.items()} == {
        (0, 0): (20, 2),
        (0, 1): (10, 2),
        (1, 0): (10, 2),
    }
    assert len(unpack_sketch(found[0, 0].subjects)) == 11


def test_fold__replay_that_comes_again__counts_once(unit):
    again = report(1, tally(unit, replayed=True), kind=REPLAY)
    fold(again, again)
    fold(again)
    assert Replayed.objects.get().pairs == 10


def test_fold__replay_beside_traffic__leaves_completeness_of_the_traffic_alone(unit):
    fold(report(1, tally(unit), sent=20))
    huge = {Outcome.MATCH: 100_000}
    fold(report(1, tally(unit, replayed=True, outcomes=huge, subjects=()), kind=REPLAY, source="replay-1", sent=0))

    assert evidence_of(units=[unit], now=NOW)[unit.pk].completeness == 0.5


def test_fold__samples_of_a_replay__make_no_groups(unit):
    sample = Sample(
        unit=unit.pk,
        evidence_epoch=0,
        at=NOW.timestamp(),
        outcome=Outcome.MISMATCH,
        served=Side.LEGACY,
        method="GET",
        path="/users/1",
        findings=(Finding(path="$.a", shape="$.a", kind="value"),),
    )
    fold(report(1, samples=(sample,), kind=REPLAY))
    assert not MismatchGroup.objects.exists()
    assert not KeptSample.objects.exists()


def test_fold__replayed_tally_that_cannot_be__is_refused(unit):
    cause = CauseCount(places=(9,), count=1)
    fold(report(1, tally(unit, replayed=True, evidence_epoch=7), tally(unit, replayed=True, causes=(cause,))))
    assert not Replayed.objects.exists()


def test_retain__what_was_replayed_long_ago__goes(unit):
    fold(report(1, tally(unit, replayed=True), kind=REPLAY))
    retain(now=NOW + timedelta(days=399))
    assert Replayed.objects.exists()
    retain(now=NOW + timedelta(days=401))
    assert not Replayed.objects.exists()
