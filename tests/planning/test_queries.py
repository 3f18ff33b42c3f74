"""The burn-up: what ledger and inventory say about days gone by."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from migrator.access.rights import console
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Service, Unit
from migrator.inventory.services import create_team, create_unit, save_service
from migrator.observations.models import Resolution, Rollup, Traffic
from migrator.planning.queries import Slice, burn_up, traffic
from migrator.rollout.scopes import one_unit
from migrator.rollout.services import Change, flip, rollback

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ACTOR = console(name="test")
History = Callable[..., Unit]


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


@pytest.fixture
def service(project: Project) -> Service:
    return save_service(project=project, name="main")


@pytest.fixture
def history(service: Service) -> History:
    """`history("GET /a", 9, {5: Stage.SHADOW})`: a unit added nine days ago, in shadow since five days."""

    def made(key: str, added: float, moves: dict[float, Stage] | None = None, **options: object) -> Unit:
        unit = create_unit(
            project=service.project, key=key, kind="endpoint", now=days_ago(added), **({"service": service} | options)
        )
        for days, stage in (moves or {}).items():
            unit.refresh_from_db()
            change = Change(unit_id=unit.pk, version=unit.version, stage=stage)
            flip(
                project=unit.project,
                changes=[change],
                actor=ACTOR,
                reason="x",
                now=days_ago(days),
                override=True,
            )
        unit.refresh_from_db()
        return unit

    return made


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
    assert asked == [3, 3]


CLIMB = [Stage.SHADOW, Stage.SIDE_BY_SIDE, Stage.CANARY, Stage.CUTOVER]


def test_no_forecast__of_a_short_history__says_how_much_is_missing(project: Project, history: History) -> None:
    history("GET /a", 30, {29 - step: stage for step, stage in enumerate(CLIMB)})
    history("GET /b", 30)
    found = burn_up(project=project, now=NOW)
    assert found.weeks_of_finished_work == 3
    assert "needs 6 weeks" in found.no_forecast
    assert "there are 3" in found.no_forecast


def test_no_forecast__of_a_long_history__points_at_the_pace(project: Project, history: History) -> None:
    history("GET /a", 80, {79 - step: stage for step, stage in enumerate(CLIMB)})
    history("GET /b", 80)
    assert "pace" in burn_up(project=project, now=NOW).no_forecast


def test_no_forecast__with_nothing_left__says_so(project: Project, history: History) -> None:
    history("GET /a", 80, {79 - step: stage for step, stage in enumerate(CLIMB)})
    assert "Nothing is left" in burn_up(project=project, now=NOW).no_forecast


def test_pace__of_the_last_four_weeks__stands_beside_what_the_deadline_asks(project: Project, history: History) -> None:
    for number in range(4):
        history(f"GET /{number}", 40, {20 - number - step / 10: stage for step, stage in enumerate(CLIMB)})
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
