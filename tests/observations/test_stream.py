"""The stream behind its position."""

import pytest

from migrator.observations import stream
from migrator.observations.models import StreamPosition
from migrator.observations.queries import evidence_of
from migrator.observations.services import drain, drain_shard
from tests.observations.conftest import NOW, report, tally

pytestmark = pytest.mark.django_db


def test_drain__stream_behind_the_position__is_trimmed_and_nothing_else(unit, append, redis_client):
    append(report(1, tally(unit)), report(2, tally(unit)))
    drain_shard(client=redis_client, shard=0, now=NOW)
    append(report(3, tally(unit)))

    assert redis_client.xlen(stream.key_of(0)) == 1
    assert drain(now=NOW, patience_s=5) == 1
    assert evidence_of(units=[unit], now=NOW)[unit.pk].received == 30


def test_drain__redis_that_lost_its_data_and_has_a_slower_clock__is_read_from_its_start(unit, append, redis_client):
    append(report(1, tally(unit)))
    drain(now=NOW, patience_s=5)
    StreamPosition.objects.filter(shard=0).update(last_id=f"{2**52}-0")
    redis_client.flushdb()
    append(report(1, tally(unit)), report(2, tally(unit)))

    drain(now=NOW, patience_s=5)

    assert evidence_of(units=[unit], now=NOW)[unit.pk].received == 20


def test_drain__more_than_one_batch__folds_all_of_it(unit, append, redis_client):
    append(*(report(seq, tally(unit)) for seq in range(1, stream.BATCH + 100)))

    assert drain(now=NOW, patience_s=20) == stream.BATCH + 99
    assert evidence_of(units=[unit], now=NOW)[unit.pk].received == 10 * (stream.BATCH + 99)


def test_drain__fewer_shards_than_before__still_empties_the_old_ones(unit, append, redis_client):
    append(report(1, tally(unit)), shard=9)
    StreamPosition.objects.create(shard=9)

    assert drain(now=NOW, patience_s=5) == 1


def test_evicts__policy_that_throws_out__is_named(redis_client):
    assert stream.evicts(redis_client) is None
