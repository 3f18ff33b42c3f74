"""Reads that do less work say what the whole read says."""

from dataclasses import replace
from datetime import timedelta

import pytest

from migrator.core.forecast import Forecast
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Team, Unit
from migrator.inventory.services import create_team
from migrator.planning.counting import count
from migrator.planning.models import PastForecast, Phase, PhaseUnit
from migrator.planning.queries import Measure, Slice, Tagged, burn_up, prospect, record
from migrator.planning.queries.forecasts import LOOK_BACK, forecast_of
from migrator.planning.queries.since import since
from migrator.planning.services import set_effort
from tests.planning.conftest import ACTOR, NOW, History, days_ago, finished


@pytest.fixture
def ants(project: Project) -> Team:
    return create_team(project=project, name="ants")


@pytest.fixture
def lived(project: Project, history: History, ants: Team) -> list[Unit]:
    """Twenty units of two teams that were finished one a week, and some that are not."""
    bees = create_team(project=project, name="bees")
    phase = Phase.objects.create(project=project, name="first")
    units = []
    for number in range(20):
        moves = finished(7 * (number + 1)) if number < 14 else {30 - number: Stage.SHADOW}
        unit = history(f"GET /{number}", 160, moves, team=(ants, bees)[number % 2])
        PhaseUnit.objects.create(phase=phase, unit=unit, added_at=days_ago(160), added_by="x")
        units.append(unit)
    set_effort(project=project, points={unit.pk: 1.5 for unit in units[::3]}, actor=ACTOR, now=NOW)
    return units


@pytest.mark.parametrize("measure", Measure)
@pytest.mark.parametrize(
    "units",
    [Slice(), Slice(team="ants"), Slice(team="ants", tagged=Tagged.THEN), Slice(phase="first"), Slice(kind="endpoint")],
)
@pytest.mark.parametrize("counted", [False, True])
def test_burn_up__of_the_last_days__is_the_end_of_the_whole(
    project: Project, lived: object, units: Slice, measure: Measure, counted: bool
) -> None:
    if counted:
        count(project=project)
    whole = burn_up(project=project, now=NOW, units=units, measure=measure, days=None)
    late = burn_up(project=project, now=NOW, units=units, measure=measure, days=30)
    for stage, series in late.counts.items():
        assert series == pytest.approx(whole.last(30).counts[stage]), stage
    assert (late.added, late.gone) == (whole.last(30).added, whole.last(30).gone)


@pytest.mark.parametrize("units", [Slice(), Slice(team="ants"), Slice(phase="first")])
def test_since__told_from_what_today_was_read_from__is_what_a_read_of_its_own_tells(
    project: Project, lived: object, units: Slice
) -> None:
    found = prospect(project=project, now=NOW, units=units)
    assert found.past is not None
    for days in (2, 5, 7, 20):
        day = NOW.date() - timedelta(days=days)
        alone = since(project=project, found=replace(found, past=None), units=units, day=day)
        assert since(project=project, found=found, units=units, day=day) == alone
        assert alone.p85_then is not None


def test_record__while_a_unit_is_open__has_no_end_and_reads_no_history(
    project: Project, lived: list[Unit], django_assert_max_num_queries: object
) -> None:
    PastForecast.objects.create(
        project=project, day=NOW.date() - timedelta(days=90), scope=20, done=2, p85=NOW.date() - timedelta(days=9)
    )
    with django_assert_max_num_queries(2):  # type: ignore[operator]
        held = record(project=project, now=NOW)
    assert held.ended is None
    assert [each.held for each in held.kept] == [False]
    Unit.objects.filter(pk__in=[unit.pk for unit in lived[14:]]).update(gone_at=days_ago(3))
    assert record(project=project, now=NOW).ended == NOW.date() - timedelta(days=3)


def test_forecast__of_what_is_finished_between_two_reads__is_a_forecast_all_the_same(
    project: Project, lived: list[Unit]
) -> None:
    """The burn-up saw units open that the teams' queues do not know any more."""
    found = burn_up(project=project, now=NOW, days=LOOK_BACK)
    Unit.objects.filter(project=project).exclude(stage=Stage.CUTOVER).update(gone_at=NOW)
    seen = forecast_of(project=project, found=found, units=Slice(), today=NOW.date())
    assert isinstance(seen.forecast, Forecast)
    assert not seen.is_of_teams
