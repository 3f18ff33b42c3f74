"""Reads of what was observed."""

from datetime import timedelta

import pytest

from migrator.core.wire import Finding, Observed, Outcome, PathCount, Sample, Side
from migrator.inventory.models import Kind, ObservedEndpoint
from migrator.inventory.services import change_settings, create_unit
from migrator.observations.causes import GROUPS_OF_UNIT, SAMPLES_OF_GROUP
from migrator.observations.models import KeptSample, MismatchGroup, Rollup
from migrator.observations.queries import (
    Metric,
    TooManyPoints,
    evidence_between,
    evidence_of,
    groups,
    lag,
    series,
    sources,
    standings,
    traffic_share,
    usual_step,
)
from migrator.observations.retention import retain
from migrator.observations.services import drain, fold_batch
from tests.observations.conftest import NOW, WINDOW, entries, report, tally

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def fold(*reports, now=NOW):
    fold_batch(shard=0, entries=entries(*reports), now=now)


def sample(unit, *, at=float(WINDOW), control="string(3) #a", shape="$.name", outcome=Outcome.MISMATCH):
    finding = Finding(path=shape, shape=shape, kind="value", control=control, candidate="null")
    found = (finding,) if outcome is Outcome.MISMATCH else ()
    return Sample(
        unit=unit.pk,
        evidence_epoch=unit.evidence_epoch,
        at=at,
        outcome=outcome,
        served=Side.LEGACY,
        method="GET",
        path="/users/{id}",
        findings=found,
    )


def test_evidence_of__a_thousand_units__takes_two_queries(project, service, django_assert_num_queries):
    units = [
        create_unit(project=project, service=service, key=f"GET /{n}", kind=Kind.ENDPOINT, now=NOW) for n in range(50)
    ]
    fold(report(1, *(tally(unit) for unit in units), sent=500))

    with django_assert_num_queries(2):
        found = evidence_of(units=units, now=NOW)
    assert {evidence.pairs for evidence in found.values()} == {10}


def test_evidence_of__unit_never_seen__says_so(unit):
    evidence = evidence_of(units=[unit], now=NOW)[unit.pk]

    assert (evidence.pairs, evidence.completeness, evidence.last_at) == (0, None, None)


def test_series__minutes_with_a_gap__has_a_point_for_each_and_none_in_the_gap(unit):
    earlier = tally(unit, window=WINDOW - 120, outcomes={Outcome.MATCH: 10}, paths=())
    fold(report(1, tally(unit), earlier))

    points = series(unit=unit, metric="mismatch_rate", start=NOW - timedelta(minutes=3), end=NOW, step_s=60)

    assert [(point.value, point.samples) for point in points] == [(None, 0), (0.0, 10), (None, 0), (0.2, 10)]


def test_series__latency__is_the_candidates(unit):
    fold(report(1, tally(unit)))

    [point] = series(unit=unit, metric=Metric.LATENCY_P99, start=NOW, end=NOW + timedelta(minutes=1), step_s=3_600)

    assert point.value == pytest.approx(0.01 * 1.02**199.5)


def test_series__too_many_points__names_a_step_that_would_do(unit):
    with pytest.raises(TooManyPoints, match="Take a step of"):
        series(unit=unit, metric="pairs", start=NOW - timedelta(days=90), end=NOW, step_s=60)


def test_usual_step__reaches_back_only_in_windows_that_are_kept():
    assert usual_step(start=NOW - HOUR, end=NOW, now=NOW) == 60
    assert usual_step(start=NOW - timedelta(days=3), end=NOW - timedelta(days=3) + HOUR, now=NOW) == 3_600
    assert usual_step(start=NOW - timedelta(days=90), end=NOW, now=NOW) == 86_400


def test_evidence_between__part_of_the_time__counts_that_part(unit):
    fold(report(1, tally(unit), tally(unit, window=WINDOW - 7_200)))

    part = evidence_between(unit=unit, start=NOW - HOUR, end=NOW, now=NOW)

    assert (part.pairs, part.subjects, part.mismatching_subjects) == (10, 10, 2)


def test_groups__differences_of_two_causes__the_more_frequent_first(unit):
    paths = (PathCount(shape="$.name", kind="value", count=2), PathCount(shape="status", kind="value", count=1))
    fold(
        report(
            1, tally(unit, paths=paths), samples=(sample(unit), sample(unit, at=WINDOW + 1.0, control="string(4) #b"))
        )
    )

    first, second = groups(unit=unit)

    assert (first.path, first.kind, first.count, first.share) == ("$.name", "value", 2, 0.2)
    assert [each.sample.findings[0].control for each in first.samples] == ["string(4) #b", "string(3) #a"]
    assert second.samples == ()


def test_groups__candidate_that_failed__is_a_group_of_its_own(unit):
    failing = tally(unit, outcomes={Outcome.CANDIDATE_ERROR: 10}, paths=())
    fold(report(1, failing, samples=(sample(unit, outcome=Outcome.CANDIDATE_ERROR),)))

    [group] = groups(unit=unit)

    assert (group.path, group.kind, group.count, len(group.samples)) == ("answer", "candidate_error", 10, 1)


def test_groups__later_epoch__counts_afresh_and_remembers_the_total(unit):
    fold(report(1, tally(unit)))
    type(unit).objects.update(evidence_epoch=1)
    unit.refresh_from_db()
    assert [(group.count, group.total) for group in groups(unit=unit)] == [(0, 2)]

    fold(report(2, tally(unit)), report(3, tally(unit, evidence_epoch=0)))
    assert [(group.count, group.total) for group in groups(unit=unit)] == [(2, 6)]


def test_groups__of_a_field__are_those_of_its_endpoint_under_its_path(unit, name_field):
    paths = tuple(PathCount(shape=shape, kind="value", count=1) for shape in ("$.name", "$.name.first", "$.age"))
    fold(report(1, tally(unit, paths=paths)))

    assert {group.path for group in groups(unit=name_field)} == {"$.name", "$.name.first"}


def test_samples__more_than_a_group_keeps__leave_the_newest(unit):
    for start in range(0, 30, 5):
        batch = [sample(unit, at=WINDOW - 100.0 + n, control=f"#{n}") for n in range(start, start + 5)]
        fold(report(start + 1, tally(unit), samples=tuple(batch)))

    assert KeptSample.objects.count() == SAMPLES_OF_GROUP
    assert {each.payload.count('"#0"') for each in KeptSample.objects.all()} == {0}


def test_samples__alike__are_kept_once(unit):
    fold(report(1, tally(unit), samples=(sample(unit),)))
    fold(report(2, tally(unit), samples=(sample(unit, at=WINDOW + 1.0),)))

    assert KeptSample.objects.count() == 1


def test_groups__more_causes_than_a_unit_keeps_apart__are_counted_together(unit):
    for seq in range(1, 8):
        paths = tuple(PathCount(shape=f"$.a{seq}_{n}", kind="value", count=1) for n in range(100))
        fold(report(seq, tally(unit, paths=paths)))

    assert MismatchGroup.objects.count() == GROUPS_OF_UNIT + 1
    assert MismatchGroup.objects.get(shape="…").total == 200


def test_groups__longest_shape_of_wide_characters__is_stored(unit):
    fold(report(1, tally(unit, paths=(PathCount(shape="$." + "𝄞" * 1_990, kind="value", count=1),))))

    assert groups(unit=unit)[0].path.endswith("𝄞")


def test_observed__endpoint_that_nobody_tracks__is_offered_once_and_counted(unit, service):
    seen = (
        Observed(service="api", method="GET", template="/orders/{id}", count=3),
        Observed(service="api", method="GET", template="/users/{id}", count=5),
        Observed(service="api", method="GET", template="/" + "x" * 1_000, count=1),
    )
    fold(report(1, observed=seen), report(2, observed=seen))

    [offered] = ObservedEndpoint.objects.all()
    assert (offered.key, offered.count, offered.service_id) == ("GET /orders/{id}", 6, service.pk)


def test_traffic_share__fields_beside_endpoints__counts_requests_once(project, unit, name_field):
    fold(report(1, tally(unit, served_candidate=4), tally(name_field, served_candidate=4, paths=())))

    assert traffic_share(project=project, start=NOW - HOUR, end=NOW, now=NOW).share == 0.4


def test_standings__unit_of_a_new_epoch__is_still_seen(unit):
    fold(report(1, tally(unit)))
    type(unit).objects.update(evidence_epoch=1)

    figures = standings(unit_ids=[unit.pk])[unit.pk]

    assert (figures.pairs, figures.mismatch_rate, figures.last_seen_at) == (0, None, NOW)


def test_sources__what_a_data_plane_lost__is_in_its_completeness(project, unit):
    fold(report(1, tally(unit), sent=20, dropped=10, passed=7))

    [source] = sources(project=project, now=NOW)

    assert (source.source, source.dropped, source.passed, source.completeness) == ("gw-1/0", 10, 7, 0.5)


def test_lag__reports_nobody_drained__are_counted_until_they_are(unit, append, redis_client):
    append(report(1, tally(unit)), b"garbage")
    before = lag(now=NOW, client=redis_client)
    drain(now=NOW, patience_s=5)
    after = lag(now=NOW, client=redis_client)

    assert (before.waiting, after.waiting, after.oldest_s, after.dead_letters) == (2, 0, None, 1)


@pytest.mark.parametrize(("days", "left"), [(1, 0), (30, 1)])
def test_retain__samples__go_when_the_project_says(unit, days, left):
    fold(report(1, tally(unit), samples=(sample(unit),)))
    change_settings(project=unit.project, policy={"sample_days": days})

    retain(now=NOW + timedelta(days=20))

    assert KeptSample.objects.count() == left


def test_retain__old_windows__go_and_days_stay(unit):
    fold(report(1, tally(unit), samples=(sample(unit),)))

    retain(now=NOW + timedelta(days=40))

    assert list(Rollup.objects.values_list("resolution", flat=True)) == [86_400]
    assert not KeptSample.objects.exists()
    assert retain(now=NOW + timedelta(days=40)) == 0
