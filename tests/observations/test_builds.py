"""Builds seen in answers: evidence starts afresh with a new one, once, and says which old one still answers."""

from datetime import datetime, timedelta
from threading import Thread

import pytest
from django.db import connection

from migrator.core.wire import SeenBuild as Seen
from migrator.core.wire import Side
from migrator.inventory.models import Deploy, Unit
from migrator.inventory.services import create_project, record_deploy, save_service
from migrator.ledger.models import Entry
from migrator.observations.builds import MOST_IN_BUSY, take_note
from migrator.observations.models import DeadLetter, SeenBuild
from migrator.observations.queries.builds import stale_builds
from migrator.observations.services import drain, fold_batch
from tests.observations.conftest import NOW, entries, report, tally

pytestmark = pytest.mark.django_db


class Reports:
    """One report after the other, each about the builds that it saw."""

    def __init__(self) -> None:
        self.seq = 0

    def fold(self, *builds: str, at: datetime = NOW, side: Side = Side.CANDIDATE, service: str = "api") -> int:
        """Returns for how many builds evidence started afresh."""
        self.seq += 1
        told = tuple(Seen(service=service, side=side, build=build, last_seen=at.timestamp()) for build in builds)
        fold_batch(shard=0, entries=entries(report(self.seq, builds=told)), now=at)
        return take_note(now=at)


@pytest.fixture
def reports() -> Reports:
    return Reports()


def epoch(unit: Unit) -> int:
    return Unit.objects.get(pk=unit.pk).evidence_epoch


def minutes(count: float) -> datetime:
    return NOW + timedelta(minutes=count)


def test_build__first_of_a_side__is_what_was_counted_so_far(unit, reports):
    assert reports.fold("1") == 0
    assert reports.fold("a", side=Side.LEGACY) == 0
    assert (epoch(unit), Deploy.objects.count()) == (0, 0)


def test_build__another_one__starts_evidence_afresh_once_as_a_deploy_does(unit, reports):
    reports.fold("1")

    assert reports.fold("2", at=minutes(1)) == 1
    assert [reports.fold("2", at=minutes(n)) for n in (1, 2, 3)] == [0, 0, 0]

    assert epoch(unit) == 1
    deploy = Deploy.objects.get()
    assert (deploy.service, deploy.side, deploy.build, deploy.at) == (unit.service, "candidate", "2", minutes(1))
    assert Entry.objects.get(kind="deploy").body["build"] == "2"


def test_build__after_answers_that_named_none__is_another_one(unit, reports):
    reports.fold("")
    assert reports.fold("1", at=minutes(1)) == 1
    assert reports.fold("", at=minutes(2)) == 0
    assert epoch(unit) == 1


def test_build__that_a_pipeline_told_of__is_no_news_when_it_answers(unit, reports):
    reports.fold("1")
    record_deploy(service=unit.service, side="candidate", build="2", now=minutes(1))
    assert reports.fold("1", "2", at=minutes(2)) == 0
    assert epoch(unit) == 1


def test_build__report_of_it_that_comes_again__changes_nothing(unit, reports):
    reports.fold("1")
    told = report(9, builds=(Seen(service="api", side=Side.CANDIDATE, build="2", last_seen=NOW.timestamp()),))
    for _ in range(3):
        fold_batch(shard=0, entries=entries(told, told), now=NOW)
        take_note(now=NOW)
    assert (epoch(unit), Deploy.objects.count()) == (1, 1)


def test_build__of_which_a_worker_died_before_taking_note__is_taken_note_of_by_the_next_drain(
    unit, reports, redis_client
):
    reports.fold("1")
    told = report(9, builds=(Seen(service="api", side=Side.CANDIDATE, build="2", last_seen=NOW.timestamp()),))
    fold_batch(shard=0, entries=entries(told), now=NOW)
    assert epoch(unit) == 0

    drain(now=NOW, patience_s=5, client=redis_client)
    assert epoch(unit) == 1


def test_build__pairs_that_came_with_its_first_report__are_of_the_evidence_before(unit, reports):
    reports.fold("1")
    told = (Seen(service="api", side=Side.CANDIDATE, build="2", last_seen=NOW.timestamp()),)
    fold_batch(shard=0, entries=entries(report(9, tally(unit), builds=told)), now=NOW)
    take_note(now=NOW)
    assert epoch(unit) == 1
    assert Unit.objects.get(pk=unit.pk).evidence_since == NOW


@pytest.mark.django_db(transaction=True)
def test_build__noted_by_two_workers_at_once__is_deployed_once(unit, reports):
    reports.fold("1")
    told = report(9, builds=(Seen(service="api", side=Side.CANDIDATE, build="2", last_seen=NOW.timestamp()),))
    fold_batch(shard=0, entries=entries(told), now=NOW)

    def work() -> None:
        take_note(now=NOW)
        connection.close()

    workers = [Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (epoch(unit), Deploy.objects.count()) == (1, 1)


def test_build__former_one_alone_for_ten_minutes__is_the_present_one_again(unit, reports):
    reports.fold("1")
    reports.fold("2", at=minutes(1))
    assert reports.fold("1", at=minutes(10)) == 0
    assert stale_builds([unit.service], minutes(10)) != {}

    assert reports.fold("1", at=minutes(12)) == 1
    assert epoch(unit) == 2
    assert stale_builds([unit.service], minutes(12)) == {}


def test_build__told_by_a_pipeline_before_it_answers__is_waited_for(unit, reports):
    reports.fold("1")
    record_deploy(service=unit.service, side="candidate", build="2", now=minutes(1))
    assert reports.fold("1", at=minutes(60)) == 0
    assert (
        "build 1 still answers; 2 is the one deployed last"
        in stale_builds([unit.service], minutes(60))[unit.service_id]
    )


def test_stale_builds__rolling_deploy__say_so_until_the_old_one_is_gone_for_two_minutes(unit, reports):
    reports.fold("1")
    reports.fold("1", "2", at=minutes(1))

    words = stale_builds([unit.service], minutes(2))
    assert words == {unit.service_id: "The candidate's build 1 still answers; 2 is the one deployed last."}
    assert stale_builds([unit.service_id], minutes(2)) == words
    reports.fold("2", at=minutes(3.5))
    assert stale_builds([unit.service], minutes(3.5)) == {}


def test_stale_builds__of_both_sides_and_of_unnamed_ones__name_sides_and_no_unnamed(unit, reports):
    for side in Side:
        reports.fold("", "1", side=side)
        reports.fold("", "1", "2", "3", "4", "5", at=minutes(1), side=side)

    words = stale_builds([unit.service], minutes(1))[unit.service_id]
    assert words.startswith("The candidate's build 1, 2, 3 and 1 more still answer; 5 is the one deployed last.")
    assert "The legacy's build" in words


def test_stale_builds__where_nothing_was_seen_or_all_is_as_told__are_none(unit, reports):
    assert stale_builds([unit.service], NOW) == {}
    reports.fold("1")
    assert stale_builds([unit.service], NOW) == {}
    assert stale_builds([], NOW) == {}


def test_build__of_a_header_that_names_something_else__stops_starting_afresh_and_is_said(unit, reports):
    for number in range(MOST_IN_BUSY + 20):
        reports.fold(f"request-{number:04}", at=minutes(number / 10))

    assert SeenBuild.objects.count() == MOST_IN_BUSY
    assert epoch(unit) == MOST_IN_BUSY - 1
    assert "names something else" in stale_builds([unit.service], minutes(4))[unit.service_id]


def test_build__of_a_service_of_another_project_or_of_none__is_not_believed(unit, reports):
    elsewhere = create_project(slug="elsewhere", name="Elsewhere", now=NOW)
    save_service(project=elsewhere, name="theirs")
    reports.fold("1", service="theirs")
    reports.fold("1", service="nothing")
    reports.fold("1", service="api\x00")
    reports.fold("1\x00", at=NOW)
    assert [row.build for row in SeenBuild.objects.all()] == ["1\\u0000"]
    assert not DeadLetter.objects.exists()


def test_build__seen_by_a_clock_that_is_wrong__is_seen_now_at_the_latest_and_not_hours_ago(unit, reports):
    seen = [NOW + timedelta(days=400), NOW - timedelta(hours=2)]
    told = tuple(
        Seen(service="api", side=Side.CANDIDATE, build=str(n), last_seen=at.timestamp()) for n, at in enumerate(seen)
    )
    fold_batch(shard=0, entries=entries(report(1, builds=told)), now=NOW)
    assert [(row.build, row.last_seen_at) for row in SeenBuild.objects.all()] == [("0", NOW)]


def test_build__that_goes_on_answering__is_written_down_now_and_then(unit, reports):
    for second in (0, 3, 6, 12):
        reports.fold("1", at=NOW + timedelta(seconds=second))
    assert SeenBuild.objects.get().last_seen_at == NOW + timedelta(seconds=12)
    assert SeenBuild.objects.get().first_seen_at == NOW
    with_no_news = SeenBuild.objects.get().looked_at
    assert with_no_news == NOW + timedelta(seconds=12)
