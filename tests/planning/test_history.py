"""The one read behind burn-up, forecast and plan: whose work it is, and what a phase that lost units had."""

from datetime import timedelta

import pytest
from django.db import connection

from migrator.core.stages import Stage
from migrator.inventory.models import Project, Unit
from migrator.inventory.services import create_team
from migrator.planning.counting import count
from migrator.planning.models import Phase, PhaseUnit
from migrator.planning.queries import Measure, Slice, Tagged, burn_up
from migrator.planning.queries.history import at_one_moment
from migrator.planning.queries.teams import teams_past
from migrator.planning.services import set_effort
from tests.planning.conftest import ACTOR, NOW, History, days_ago, finished, move, retagged


@pytest.mark.parametrize("measure", Measure)
@pytest.mark.parametrize("units", [Slice(), Slice(kind="endpoint")])
def test_teams_past__of_units_that_changed_their_team__is_their_present_teams(
    project: Project, history: History, units: Slice, measure: Measure
) -> None:
    ants, bees = (create_team(project=project, name=name) for name in ("ants", "bees"))
    given = history("GET /given", 60, finished(40), team=ants)
    freed = history("GET /freed", 60, finished(30), team=ants)
    taken = history("GET /taken", 60, finished(20))
    history("GET /kept", 60, finished(10), team=ants)
    field = history("Thing.f", 60, finished(15), team=ants, kind="field")
    set_effort(project=project, points={given.pk: 3.0, field.pk: 5.0}, actor=ACTOR, now=NOW)
    asked = {"project": project, "units": units, "measure": measure, "done_stage": Stage.CUTOVER}

    def told() -> dict[str, dict[int, float]]:
        found = teams_past(**asked, earliest=NOW.date())  # type: ignore[arg-type]
        return {
            team: {(NOW.date() - day).days: size for day, size in days.items() if size}
            for team, days in found.done.items()
            if any(days.values())
        }

    count(project=project)
    retagged(given, days_ago(5), team=bees)
    retagged(given, days_ago(4), team=ants)
    retagged(given, days_ago(3), team=bees)
    retagged(freed, days_ago(25), team=None)
    retagged(taken, days_ago(5), team=bees)
    counted = told()
    count(project=project)
    for unit in (given, freed, taken):
        unit.refresh_from_db()

    assert counted == told()
    large, one = (3.0, 4.0) if measure is Measure.EFFORT else (1, 1)
    expected = {"bees": {40: large, 20: one}, "(no team)": {30: one}, "ants": {10: one}}
    if not units.kind:
        expected["ants"][15] = 5.0 if measure is Measure.EFFORT else 1
    assert counted == expected


def test_burn_up__of_a_phase_of_then__counts_nobody_who_was_gone_before(project: Project, history: History) -> None:
    phase = Phase.objects.create(project=project, name="first")
    here, gone = history("GET /here", 60, finished(40)), history("GET /gone", 60)
    Unit.objects.filter(pk=gone.pk).update(gone_at=days_ago(30))
    for unit, added in ((here, 50), (gone, 20)):
        PhaseUnit.objects.create(phase=phase, unit=unit, added_at=days_ago(added), added_by="x")
    found = burn_up(project=project, now=NOW, units=Slice(phase="first", tagged=Tagged.THEN), days=55)
    assert found.scope == (0,) * 5 + (1,) * 51


def test_burn_up__of_a_moment_that_is_over__leaves_out_what_came_since(project: Project, history: History) -> None:
    unit = history("GET /a", 30, {20: Stage.SHADOW})
    then = burn_up(project=project, now=days_ago(10))
    move(unit, Stage.SIDE_BY_SIDE, days_ago(5))
    assert burn_up(project=project, now=days_ago(10)) == then
    count(project=project)
    assert burn_up(project=project, now=days_ago(10)) == then
    assert burn_up(project=project, now=NOW).last(15).counts[Stage.SHADOW] == (1,) * 10 + (0,) * 6


@pytest.mark.django_db(transaction=True)
def test_reading__while_somebody_writes__sees_one_moment(project: Project) -> None:
    deadline = (NOW + timedelta(days=1)).date()
    with at_one_moment():
        assert not Unit.objects.exists()
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_isolation")
            assert cursor.fetchone() == ("repeatable read",)
    Project.objects.filter(pk=project.pk).update(deadline=deadline)
    project.refresh_from_db()
    assert project.deadline == deadline, "writing goes on afterwards"
