"""What verdicts ask of evidence besides counts: days, shares, minutes, critical paths, the way back, expiry."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from migrator.core import tally
from migrator.core.evidence import Minute, Returning, Shares
from migrator.core.gate import Word
from migrator.core.policy import Policy
from migrator.core.wire import Outcome
from migrator.gates.queries import judgements
from migrator.inventory.models import Deploy, Service, Unit
from migrator.inventory.services import change_settings
from migrator.observations.models import MismatchGroup, Replayed, Resolution, SeenBuild
from migrator.observations.queries import evidence_of
from tests.gates.conftest import NOW, arrive, canary, count, window

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STICKY = {"subject_source": "header", "subject_name": "x-user"}


def ask(unit, *, now=NOW, **demands):
    """The unit's evidence under a policy with these demands."""
    return evidence_of(units=[unit], now=now, policies={unit.pk: Policy(**demands)})[unit.pk]


def sketch(*numbers):
    return tally.pack_sketch(sorted(numbers))


# ---------------------------------------------------------------------------------------- sums


def test_evidence__of_several_shards__counts_a_caller_once(unit):
    count(unit, match=6, subjects=sketch(1, 2, 3), mismatching_subjects=sketch(3), shapes=sketch(9))
    count(
        unit, shard=1, match=4, mismatch=2, subjects=sketch(3, 4), mismatching_subjects=sketch(3, 4), shapes=sketch(9)
    )
    found = ask(unit)

    assert (found.pairs, found.bad) == (12, 2)
    assert (found.subjects, found.mismatching_subjects, found.request_shapes) == (4, 2, 1)


@pytest.mark.parametrize("callers", [0, 1, 511, 512, 700])
def test_evidence__of_one_shard__estimates_callers_like_the_whole_sketch(unit, callers):
    hashes = tally.smallest({tally.subject_hash(str(number)) for number in range(callers)})
    count(unit, match=callers + 1, subjects=tally.pack_sketch(hashes))

    assert ask(unit).subjects == tally.estimate(hashes)


def test_evidence__of_an_earlier_epoch__does_not_count(unit):
    count(unit, match=5)
    unit.evidence_epoch += 1

    assert ask(unit).pairs == 0


def test_evidence__by_kind_of_caller_and_cost__is_added_up(unit):
    count(unit, match=3, callers={"ios": 2, "web": 1}, legacy_cost={"0": 3}, candidate_cost={"0": 3})
    count(unit, shard=1, match=1, callers={"ios": 1})
    found = ask(unit)

    assert (found.callers, found.legacy_cost, found.candidate_cost) == ({"ios": 3, "web": 1}, 0.0, 0.0)
    assert ask(Unit(pk=0, project=unit.project, service=unit.service)).legacy_cost is None


# --------------------------------------------------------------------------------------- expiry


def test_evidence__older_than_the_policy_allows__counts_no_more(unit):
    count(unit, match=1_000, mismatch=7, first_at=NOW - 20 * DAY)
    for age, pairs in ((0, 3), (6, 5), (7, 400), (15, 592)):
        window(unit, NOW - age * DAY, Resolution.DAY, match=pairs, subjects=sketch(*range(pairs % 500)))
    found = ask(unit, evidence_days=7)

    assert (found.outcomes[Outcome.MATCH], found.bad, found.subjects) == (8, 0, 5)
    assert found.first_at == datetime(2026, 2, 26, tzinfo=UTC).timestamp()
    assert found.last_at == NOW.timestamp()
    assert ask(unit, evidence_days=21).pairs == 1_007


def test_evidence__expired_by_the_hour__is_exact_where_hours_are_kept(unit):
    count(unit, match=100, first_at=NOW - 3 * DAY)
    window(unit, NOW, Resolution.DAY, match=1)
    window(unit, NOW - DAY, Resolution.DAY, match=50)
    window(unit, NOW - DAY + HOUR, Resolution.HOUR, match=20)
    window(unit, NOW - DAY - HOUR, Resolution.HOUR, match=30)
    window(unit, NOW - HOUR, Resolution.HOUR, match=1)

    assert ask(unit, evidence_days=1).pairs == 21


def test_evidence__all_of_it_expired__is_none(unit):
    count(unit, match=1_000, first_at=NOW - 90 * DAY, last_at=NOW - 80 * DAY)
    found = ask(unit)

    assert (found.pairs, found.first_at, found.last_at) == (0, None, None)


# ----------------------------------------------------------------------------------------- days


def test_days__compared__are_those_of_the_week_within_the_window(unit):
    for age in range(4):
        window(unit, NOW - age * DAY, Resolution.DAY, match=1)
    window(unit, NOW - 4 * DAY, Resolution.DAY, not_sampled=9)
    window(unit, NOW - 40 * DAY, Resolution.DAY, match=1)
    found = ask(unit, weekly_cycle=True)

    assert found.weekdays == {2, 1, 0, 6}
    assert found.month_end, "1 March was a Sunday"


def test_days__of_a_month_without_its_end__say_so(unit):
    for age in (0, 1):
        window(unit, NOW - age * DAY, Resolution.DAY, match=1)

    assert not ask(unit, month_end=True).month_end


def test_days__nobody_asked_for__are_not_read(unit):
    window(unit, NOW, Resolution.DAY, match=1)

    assert ask(unit).weekdays == frozenset()


# --------------------------------------------------------------------------------------- shares


def test_share__of_requests_without_a_key__counts_each_since_it_was_set(unit):
    canary(unit, 1_000, since=timedelta(minutes=30))
    window(unit, NOW - timedelta(minutes=40), match=500)
    window(unit, NOW - timedelta(minutes=30), match=500)
    window(unit, NOW - timedelta(minutes=29), match=90, not_sampled=10, served_candidate=12)
    window(unit, NOW, match=100, served_candidate=8)

    assert ask(unit).share == Shares(configured=1_000, received=200, served_candidate=20)


def test_share__set_long_ago__is_that_of_the_last_day(unit):
    canary(unit, 1_000, since=timedelta(days=9))
    window(unit, NOW - 2 * DAY, Resolution.HOUR, match=5_000)
    window(unit, NOW - HOUR, Resolution.HOUR, match=100, served_candidate=9)

    assert ask(unit).share == Shares(configured=1_000, received=100, served_candidate=9)


@pytest.mark.parametrize("share", [0, 10_000])
def test_share__of_all_or_nothing__is_not_checked(unit, share):
    canary(unit, share)
    window(unit, NOW - HOUR, Resolution.HOUR, match=100)

    assert ask(unit).share is None


def test_share__of_a_field__is_its_endpoints(unit, new_unit):
    field = canary(new_unit("GET /users/{id} $.name"), 500)
    window(field, NOW - HOUR, Resolution.HOUR, match=100)

    assert field.parent_id == unit.pk
    assert ask(field).share is None


@pytest.mark.parametrize(
    ("served", "expected"),
    [(0, Shares(configured=500, received=900, served_candidate=0, subjects=80)), (450, None)],
)
def test_share__of_sticky_callers__is_told_only_where_the_candidate_answers_nobody(unit, served, expected):
    change_settings(project=unit.project, manners=STICKY)
    canary(unit, 500)
    window(unit, NOW - HOUR, Resolution.HOUR, match=900, served_candidate=served, subjects=sketch(*range(80)))

    assert ask(unit).share == expected


def test_share__of_anonymous_callers_that_legacy_answers__says_nothing(unit):
    change_settings(project=unit.project, manners=STICKY | {"anonymous": "legacy"})
    canary(unit, 500)
    window(unit, NOW - HOUR, Resolution.HOUR, match=900, subjects=sketch(*range(80)))

    assert ask(unit).share is None


def test_share__of_few_sticky_callers_with_a_heavy_one__never_holds(unit):
    """One of twelve callers sends half of the traffic and belongs to the candidate: 50 % where 10 % is set."""
    change_settings(project=unit.project, manners=STICKY)
    canary(unit, 1_000)
    arrive(unit.project)
    count(unit, match=40_000, subjects=sketch(*range(12)))
    window(unit, NOW - HOUR, Resolution.HOUR, match=40_000, served_candidate=20_000, subjects=sketch(*range(12)))
    judged = judgements(units=[unit], now=NOW)[unit.pk]

    assert "share of traffic" not in [gate.name for gate in judged.verdict.gates]


def test_share__of_no_sticky_caller_where_many_should_be__holds(unit):
    change_settings(project=unit.project, manners=STICKY)
    canary(unit, 1_000)
    arrive(unit.project)
    callers = sketch(*(number * 2**54 for number in range(400)))
    count(unit, match=40_000, subjects=callers)
    window(unit, NOW - HOUR, Resolution.HOUR, match=40_000, subjects=callers)
    judged = judgements(units=[unit], now=NOW)[unit.pk]

    assert {gate.name: gate.result for gate in judged.verdict.gates}["share of traffic"] == "fail"
    assert not judged.verdict.promotes


# -------------------------------------------------------------------------------------- minutes


def test_minutes__of_an_hour_with_something_bad__begin_with_it(unit):
    count(unit, match=400, mismatch=3)
    window(unit, NOW - timedelta(minutes=95), mismatch=1)  # before the last whole hour
    window(unit, NOW - timedelta(minutes=50), match=100)
    window(
        unit, NOW - timedelta(minutes=40), match=98, mismatch=1, candidate_error=1, not_sampled=100, served_candidate=20
    )
    window(unit, NOW - timedelta(minutes=40), shard=1, match=9, mismatch=1)
    window(unit, NOW - timedelta(minutes=39), not_sampled=50)
    window(unit, NOW - timedelta(minutes=1), match=100)
    start = int((NOW - timedelta(minutes=40)).timestamp()) // 60 * 60

    assert ask(unit).minutes == (
        Minute(start=start, pairs=110, bad=3, errors=1, calls=120),
        Minute(start=start + 39 * 60, pairs=100, bad=0, calls=100),
    )


def test_hours__before_the_minutes__tell_the_callers_from_then_until_now(unit):
    count(unit, match=400, mismatch=3, subjects=sketch(1, 2, 3, 4), mismatching_subjects=sketch(2, 4))
    hour = NOW.replace(minute=0, second=0)
    window(unit, hour - 30 * HOUR, Resolution.HOUR, mismatch=5, subjects=sketch(9), mismatching_subjects=sketch(9))
    window(unit, hour - 6 * HOUR, Resolution.HOUR, match=50, subjects=sketch(1, 2))
    window(
        unit,
        hour - 5 * HOUR,
        Resolution.HOUR,
        mismatch=2,
        match=8,
        subjects=sketch(1, 2),
        mismatching_subjects=sketch(2),
    )
    window(unit, hour - 3 * HOUR, Resolution.HOUR, match=7, subjects=sketch(2, 3))
    window(unit, hour, Resolution.HOUR, mismatch=1, subjects=sketch(4), mismatching_subjects=sketch(4))
    window(unit, hour, mismatch=1)
    told = [(each.pairs, each.bad, each.subjects, each.mismatching_subjects) for each in ask(unit).minutes]

    assert told == [(10, 2, 4, 2), (7, 0, 3, 1), (1, 1, 0, 0)]


def test_minutes__of_a_clean_unit__are_not_read(unit):
    count(unit, match=400)
    window(unit, NOW, match=10)

    assert ask(unit).minutes == ()


# ------------------------------------------------------------------------------- critical paths


def differ(unit, shape, number=1, **columns):
    usual = {"evidence_epoch": unit.evidence_epoch, "last_seen_at": NOW}
    MismatchGroup.objects.create(
        project=unit.project, unit=unit, cause=f"{shape}{columns}"[:32], shape=shape, kind="value", count=number,
        total=number, first_seen_at=NOW, raised_at=NOW, **usual | columns,
    )  # fmt: skip


def test_critical__mismatches_at_or_under_the_path__are_counted(unit):
    for shape in ("$.price", "$.price.amount", "$.prices", "$.items[*].sku", "status"):
        differ(unit, shape)
    found = ask(unit, critical_paths=("$.price", "$.items[*].sku", "$.never", "status", "$[", "body"))

    assert found.critical == {"$.price": 2, "$.items[*].sku": 1, "status": 1}


def test_critical__of_an_earlier_epoch_or_too_old__does_not_count(unit):
    Unit.objects.filter(pk=unit.pk).update(evidence_epoch=1)
    unit.evidence_epoch = 1
    differ(unit, "$.price", evidence_epoch=0)
    differ(unit, "$.price", last_seen_at=NOW - 31 * DAY)

    assert ask(unit, critical_paths=("$.price",)).critical == {}


def test_critical__of_a_field__is_what_lies_under_it(unit, new_unit):
    field = new_unit("GET /users/{id} $.price")
    differ(unit, "$.price.amount")
    differ(unit, "$.name")

    assert ask(field, critical_paths=("$",)).critical == {"$": 1}


def test_critical__one_mismatch_of_a_serving_unit__rolls_back(unit):
    change_settings(project=unit.project, policy={"critical_paths": ["$.price"]})
    canary(unit, 500)
    arrive(unit.project)
    count(unit, match=100_000, mismatch=1)
    differ(unit, "$.price")

    assert judgements(units=[unit], now=NOW)[unit.pk].verdict.word is Word.ROLLBACK


# -------------------------------------------------------------------------------------- the way back


def test_returning__is_the_busiest_whole_minute_of_the_services_endpoints(unit, new_unit, service):
    other, field = new_unit("GET /orders"), new_unit("GET /users/{id} $.name")
    Service.objects.filter(pk=service.pk).update(legacy_capacity=25.0)
    for each in (unit, other, field):
        window(each, NOW - timedelta(minutes=2), match=600)
        window(each, NOW - timedelta(minutes=1), match=60)
        window(each, NOW, match=9_000)
        window(each, NOW - timedelta(minutes=9), match=9_000)

    assert ask(field).returning == Returning(needed=20.0, capacity=25.0)


def test_returning__where_nobody_said_what_legacy_can__is_none(unit):
    window(unit, NOW - timedelta(minutes=2), match=600)

    assert ask(unit).returning is None


# ------------------------------------------------------------------------------- builds and replays


def test_build__that_still_answers_after_a_deploy__is_told(unit, service):
    Deploy.objects.create(service=service, side="candidate", build="42", at=NOW - HOUR)
    for build, age in (("42", 1), ("41", 30), ("40", 3_600)):
        at = NOW - timedelta(seconds=age)
        SeenBuild.objects.create(service=service, side="candidate", build=build, first_seen_at=at, last_seen_at=at)

    assert "41" in ask(unit).stale_build
    assert "40" not in ask(unit).stale_build


def test_replay__of_the_present_epoch__counts_each_request_once(unit):
    common = {"unit": unit, "last_at": NOW}
    Replayed.objects.create(**common, evidence_epoch=0, shard=0, pairs=30, bad=9, subjects=sketch(1, 2), mismatching_subjects=sketch(2))  # fmt: skip # noqa: E501
    Replayed.objects.create(**common, evidence_epoch=0, shard=1, pairs=10, bad=0, subjects=sketch(2, 3))
    Replayed.objects.create(**common, evidence_epoch=7, shard=0, pairs=99, bad=99)
    found = ask(unit)

    assert (found.replay.pairs, found.replay.bad, found.replay.last_at) == (3, 1, NOW.timestamp())
    assert found.pairs == 0


# ------------------------------------------------------------------------------------- all at once


def test_judgements__of_many_units__take_a_fixed_number_of_queries(project, new_unit, django_assert_max_num_queries):
    change_settings(project=project, policy={"weekly_cycle": True, "critical_paths": ["$.a"]})
    Service.objects.update(legacy_capacity=9.0)
    units = [canary(new_unit(f"GET /{number}"), 500) for number in range(30)]
    arrive(project)
    for unit in units:
        count(unit, match=10, mismatch=1)
        window(unit, NOW - HOUR, Resolution.HOUR, match=11, served_candidate=1)

    with django_assert_max_num_queries(16):
        found = judgements(units=units, now=NOW)
    assert len(found) == 30


def test_evidence__of_policies_that_ask_for_nothing__equals_the_plain_one(unit):
    arrive(unit.project)
    count(unit, match=10)
    plain = evidence_of(units=[unit], now=NOW)[unit.pk]

    assert ask(unit) == replace(plain)
