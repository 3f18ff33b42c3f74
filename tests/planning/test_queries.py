"""The burn-up: what ledger and inventory say about days gone by."""

from datetime import date, datetime, timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext

from migrator.core.stages import Stage
from migrator.inventory.models import Project, Service, Unit
from migrator.inventory.services import create_team, create_unit, save_service
from migrator.observations.models import Resolution, Rollup, Traffic
from migrator.planning.queries import Slice, burn_up, prospect, traffic
from migrator.rollout.scopes import one_unit
from migrator.rollout.services import Change, flip, rollback
from tests.planning.conftest import ACTOR, NOW, History, days_ago, finished, move


def test_burn_up__of_a_unit_that_climbs__counts_it_where_it_stood_each_day(project: Project, history: History) -> None:
    history("GET /a", 5, {3: Stage.SHADOW, 1: Stage.SIDE_BY_SIDE})
    found = burn_up(project=project, now=NOW, days=6)
    assert found.days[0] == date(2026, 11, 15)
    assert found.days[-1] == NOW.date()
    assert found.scope == (0, 1, 1, 1, 1, 1, 1)
    assert found.counts[Stage.BACKLOG] == (0, 1, 1, 0, 0, 0, 0)
    assert found.counts[Stage.SHADOW] == (0, 0, 0, 1, 1, 0, 0)
    assert found.counts[Stage.SIDE_BY_SIDE] == (0, 0, 0, 0, 0, 1, 1)


def test_burn_up__of_moves_before_the_span__begins_with_them(project: Project, history: History) -> None:
    history("GET /a", 100, {50: Stage.SHADOW})
    found = burn_up(project=project, now=NOW, days=2)
    assert found.counts[Stage.SHADOW] == (1, 1, 1)
    assert found.counts[Stage.BACKLOG] == (0, 0, 0)


def test_burn_up__of_two_moves_on_one_day__counts_the_end_of_the_day(project: Project, history: History) -> None:
    history("GET /a", 3, {1.2: Stage.SHADOW, 1.1: Stage.SIDE_BY_SIDE})
    found = burn_up(project=project, now=NOW, days=3)
    assert found.counts[Stage.SIDE_BY_SIDE] == (0, 0, 1, 1)
    assert set(found.counts[Stage.SHADOW]) == {0}


def test_burn_up__of_a_rollback__goes_down_again(project: Project, history: History) -> None:
    unit = history("GET /a", 9, {8: Stage.SHADOW, 7: Stage.SIDE_BY_SIDE, 6: Stage.CANARY, 5: Stage.CUTOVER})
    rollback(project=project, scope=one_unit(unit), actor=ACTOR, now=days_ago(2))
    found = burn_up(project=project, now=NOW, days=6)
    assert found.moved == (0, 1, 1, 1, 0, 0, 0)
    assert found.left == 1


def test_burn_up__of_a_flip_of_shares_alone__counts_nothing_twice(project: Project, history: History) -> None:
    unit = history("GET /a", 3, {2: Stage.SHADOW})
    change = Change(unit_id=unit.pk, version=unit.version, mirror=5_000)
    flip(project=project, changes=[change], actor=ACTOR, reason="x", now=days_ago(1))
    assert burn_up(project=project, now=NOW, days=3).counts[Stage.SHADOW] == (0, 1, 1, 1)


def test_burn_up__of_a_unit_that_went__leaves_scope_on_that_day_and_stays_in_history(
    project: Project, history: History
) -> None:
    unit = history("GET /a", 5, {4: Stage.SHADOW})
    Unit.objects.filter(pk=unit.pk).update(gone_at=days_ago(2))
    found = burn_up(project=project, now=NOW, days=5)
    assert found.scope == (1, 1, 1, 0, 0, 0)
    assert found.counts[Stage.SHADOW] == (0, 1, 1, 0, 0, 0)


def test_burn_up__sliced__counts_those_units_alone_and_unknown_names_none(project: Project, history: History) -> None:
    core = create_team(project=project, name="core")
    history("GET /a", 3, {1: Stage.SHADOW}, team=core)
    history("GET /b", 3, service=save_service(project=project, name="other"))
    counted = {
        units: burn_up(project=project, now=NOW, days=3, units=units).scope[-1]
        for units in (
            Slice(),
            Slice(team="core"),
            Slice(service="other"),
            Slice(service="main", team="core"),
            Slice(service="other", team="core"),
            Slice(kind="field"),
            Slice(team="none"),
        )
    }
    assert list(counted.values()) == [2, 1, 1, 1, 0, 0, 0]


def test_burn_up__of_another_project__is_not_mixed_in(project: Project, history: History, stranger: object) -> None:
    history("GET /a", 3, {1: Stage.SHADOW})
    assert burn_up(project=Project.objects.get(slug="elsewhere"), now=NOW).scope[-1] == 0


def test_burn_up__of_many_units__asks_as_few_queries_as_of_one(project: Project, history: History) -> None:
    asked = []
    for number in range(2):
        for index in range(1 + 5 * number):
            history(f"GET /{number}/{index}", 3, {2: Stage.SHADOW, 1: Stage.SIDE_BY_SIDE})
        with CaptureQueriesContext(connection) as queries:
            burn_up(project=project, now=NOW)
        asked.append(len(queries))
    assert asked == [8, 8]


def test_burn_up__of_a_unit_finished_and_reopened_ten_times__follows_every_turn(
    project: Project, history: History
) -> None:
    unit = history("GET /a", 25, finished(22))
    for turn in range(10):
        move(unit, Stage.CANARY, days_ago(20 - 2 * turn))
        move(unit, Stage.CUTOVER, days_ago(19 - 2 * turn))
    found = burn_up(project=project, now=NOW, days=24)
    assert found.scope == (1,) * 25
    assert found.moved == (0, 0, 1, 1, *(0, 1) * 10, 1)


def test_burn_up__without_any_unit__is_empty_and_says_so(project: Project) -> None:
    found = prospect(project=project, now=NOW, days=None)
    assert set(found.found.scope) == {0}
    assert (found.found.left, found.found.pace) == (0, None)
    assert found.chance is None
    assert found.reason == "Nothing is left to forecast: all of it is done."


def test_burn_up__of_one_day__has_no_pace_and_no_forecast(project: Project, history: History) -> None:
    history("GET /a", 0.1)
    found = prospect(project=project, now=NOW, days=None)
    assert found.found.days == (NOW.date(),)
    assert found.found.scope == (1,)
    assert (found.found.pace, found.found.weeks) == (None, ())
    assert "nothing was finished yet" in found.reason


def test_burn_up__of_all_days__begins_with_the_first_thing_that_happened(project: Project, history: History) -> None:
    history("GET /a", 400, {350: Stage.SHADOW})
    found = burn_up(project=project, now=NOW, days=None)
    assert found.days[0] == days_ago(400).date()
    assert found.counts[Stage.BACKLOG][0] == 1
    assert found.last(10) == burn_up(project=project, now=NOW, days=10)


def test_prospect__of_a_short_history__says_how_much_is_missing(project: Project, history: History) -> None:
    history("GET /a", 30, finished(25))
    history("GET /b", 30)
    found = prospect(project=project, now=NOW)
    assert "needs 6 weeks" in found.reason
    assert "there are 4 weeks" in found.reason


def test_prospect__of_a_steady_history__gives_dates_and_a_chance(project: Project, history: History) -> None:
    for number in range(12):
        history(f"GET /{number}", 90, finished(84 - 7 * number))
    history("GET /left", 90)
    project.deadline = NOW.date() + timedelta(weeks=30)
    found = prospect(project=project, now=NOW)
    assert not found.reason
    assert found.chance is not None
    assert found.chance > 0.9


def test_prospect__with_nothing_left__says_so(project: Project, history: History) -> None:
    history("GET /a", 80, finished(79))
    assert "Nothing is left" in prospect(project=project, now=NOW).reason


def test_pace__of_the_last_four_weeks__stands_beside_what_the_deadline_asks(project: Project, history: History) -> None:
    for number in range(4):
        history(f"GET /{number}", 40, finished(20 - number))
    history("GET /left", 40)
    project.deadline = NOW.date() + timedelta(days=7)
    found = burn_up(project=project, now=NOW)
    assert (found.left, found.pace, found.pace_needed) == (1, 1, 1)


def test_traffic__of_a_project__is_the_candidates_share_per_day_and_none_without_requests(project: Project) -> None:
    for days, received, served in ((1, 100, 25), (0, 50, 50)):
        for shard in (0, 1):
            Traffic.objects.create(
                project=project, resolution=Resolution.DAY, window_start=midnight(days), shard=shard,
                received=received, served_candidate=served,
            )  # fmt: skip
    found = traffic(project=project, now=NOW, days=2)
    assert [(seen.received, seen.share) for seen in found] == [(0, None), (200, 0.25), (100, 1.0)]


def test_traffic__of_a_service__counts_requests_once_though_their_fields_count_too(
    project: Project, service: Service, history: History
) -> None:
    endpoint = history("GET /a", 3)
    other = history("GET /b", 3, service=save_service(project=project, name="other"))
    field = create_unit(project=project, service=service, key="GET /a $.x", kind="field", now=NOW)
    for unit, match in ((endpoint, 10), (field, 10), (other, 70)):
        Rollup.objects.create(
            unit=unit, resolution=Resolution.DAY, window_start=midnight(0), evidence_epoch=0, shard=0,
            match=match, skipped=10, served_candidate=5,
        )  # fmt: skip
    found = traffic(project=project, now=NOW, days=0, units=Slice(service="main"))
    assert [(seen.received, seen.served_candidate, seen.share) for seen in found] == [(20, 5, 0.25)]


def midnight(days: int) -> datetime:
    return days_ago(days).replace(hour=0)
