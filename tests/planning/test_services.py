"""The plan's verbs: who may, what the ledger keeps, and what is refused in words."""

from datetime import date, timedelta
from typing import Any

import pytest

from migrator.access.models import Role
from migrator.access.rights import RIGHTS, Actor, Forbidden, Via
from migrator.inventory.models import Project, Service, Unit
from migrator.inventory.queries import Wanted
from migrator.inventory.services import Invalid, create_project, create_team, create_unit, save_service
from migrator.ledger.models import Entry, Kind
from migrator.planning import services
from migrator.planning.models import Baseline, Capacity, Dependency, Effort, EffortSource, Phase, PhaseUnit
from migrator.planning.queries import plan_of, ring
from tests.planning.conftest import ACTOR, NOW, History, days_ago, finished

ENGINEER = Actor(name="eve", via=Via.API, rights=RIGHTS[Role.ENGINEER])
VIEWER = Actor(name="vic", via=Via.API, rights=RIGHTS[Role.VIEWER])
BY: dict[str, Any] = {"actor": ACTOR, "now": NOW}


def last_entry() -> Entry:
    return Entry.objects.filter(kind=Kind.PLAN).latest("pk")


# -------------------------------------------------------------------------------------- phases


def test_phase__saved_and_changed__is_in_the_ledger_with_what_was(project: Project) -> None:
    phase = services.save_phase(project=project, name="mvp", deadline=date(2027, 1, 1), reason="agreed", **BY)
    assert (last_entry().body["before"], last_entry().reason) == (None, "agreed")
    services.save_phase(project=project, phase=phase, name="mvp", deadline=date(2027, 3, 1), **BY)
    body = last_entry().body
    assert (body["before"]["deadline"], body["after"]["deadline"]) == ("2027-01-01", "2027-03-01")
    seen = Entry.objects.count()
    services.save_phase(project=project, phase=phase, name="mvp", deadline=date(2027, 3, 1), **BY)
    assert Entry.objects.count() == seen, "nothing changed, so nothing is told"


def test_phases__added_one_by_one__stand_in_that_order_and_stay_there(project: Project) -> None:
    first, second = (services.save_phase(project=project, name=name, **BY) for name in ("mvp", "endgame"))
    services.save_phase(project=project, phase=first, name="minimum", **BY)
    assert [(phase.name, phase.position) for phase in Phase.objects.all()] == [("minimum", 0), ("endgame", 1)]
    assert second.position == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "mvp"}, "name"),
        ({"name": "a", "done_at": "canary"}, "done_at"),
        ({"name": "a", "position": -1}, "position"),
    ],
)
def test_phase__that_cannot_be__is_refused_by_field(project: Project, wrong: dict[str, Any], field: str) -> None:
    services.save_phase(project=project, name="mvp", **BY)
    with pytest.raises(Invalid) as refused:
        services.save_phase(project=project, **wrong, **BY)
    assert refused.value.field == field


def test_phase__removed__leaves_its_units_and_its_trace(project: Project, history: History) -> None:
    unit = history("GET /a", 9)
    phase = services.save_phase(project=project, name="mvp", **BY)
    services.assign(project=project, phase=phase, unit_ids=[unit.pk], **BY)
    services.remove_phase(phase=phase, reason="merged", **BY)
    assert not Phase.objects.exists()
    assert Unit.objects.tracked().filter(pk=unit.pk).exists()
    assert (last_entry().body["before"]["units"], last_entry().body["after"]) == (1, None)


# ---------------------------------------------------------------------------------- assignments


def test_assign__by_a_filter__moves_units_and_keeps_who_and_why(project: Project, service: Service) -> None:
    other = save_service(project=project, name="other")
    for number in range(5):
        create_unit(project=project, service=other, key=f"GET /o/{number}", kind="endpoint", now=days_ago(9))
    create_unit(project=project, service=service, key="GET /m", kind="endpoint", now=days_ago(9))
    mvp, rest = (services.save_phase(project=project, name=name, **BY) for name in ("mvp", "rest"))
    done = services.assign(project=project, phase=rest, wanted=Wanted(), **BY)
    assert (done.added, done.removed, done.already) == (6, 0, 0)
    done = services.assign(project=project, phase=mvp, wanted=Wanted(service="other"), reason="it is first", **BY)
    assert (done.added, done.removed, done.already) == (5, 5, 0)
    row = PhaseUnit.objects.filter(phase=mvp).first()
    assert row is not None
    assert (row.added_by, row.reason, row.added_at) == (ACTOR.name, "it is first", NOW)
    assert PhaseUnit.objects.filter(phase=rest, removed_at=NOW, removed_by=ACTOR.name).count() == 5
    again = services.assign(project=project, phase=mvp, wanted=Wanted(service="other"), **BY)
    assert (again.added, again.removed, again.already) == (0, 0, 5)
    out = services.assign(project=project, phase=None, wanted=Wanted(search="/o/"), **BY)
    assert (out.added, out.removed) == (0, 5)


@pytest.fixture
def family(project: Project, service: Service) -> list[Unit]:
    """An endpoint with three fields."""
    made = [create_unit(project=project, service=service, key="GET /u", kind="endpoint", now=days_ago(9))]
    for field in "abc":
        key = f"GET /u $.{field}"
        made.append(
            create_unit(project=project, service=service, key=key, kind="field", parent=made[0], now=days_ago(9))
        )
    return made


def phases_of(units: list[Unit]) -> list[str]:
    rows = PhaseUnit.objects.filter(removed_at__isnull=True, unit__in=units).values_list("unit", "phase__name")
    return [dict(rows).get(unit.pk, "") for unit in units]


def test_assign__of_an_endpoint_by_id__takes_its_fields_along(project: Project, family: list[Unit]) -> None:
    mvp, rest = (services.save_phase(project=project, name=name, **BY) for name in ("mvp", "rest"))
    done = services.assign(project=project, phase=mvp, unit_ids=[family[0].pk], **BY)
    assert (done.added, done.removed, done.already) == (4, 0, 0)
    done = services.assign(project=project, phase=rest, unit_ids=[family[0].pk], **BY)
    assert (done.added, done.removed, done.already) == (4, 4, 0)
    assert phases_of(family) == ["rest"] * 4
    services.assign(project=project, phase=None, unit_ids=[family[0].pk], **BY)
    assert phases_of(family) == [""] * 4


def test_assign__of_an_endpoint_by_id__leaves_fields_that_somebody_put_elsewhere(
    project: Project, family: list[Unit]
) -> None:
    mvp, rest, late = (services.save_phase(project=project, name=name, **BY) for name in ("mvp", "rest", "late"))
    services.assign(project=project, phase=late, unit_ids=[family[1].pk], **BY)
    assert phases_of(family) == ["", "late", "", ""], "a field moves alone"
    for phase, name in ((mvp, "mvp"), (rest, "rest"), (rest, "rest"), (None, "")):
        services.assign(project=project, phase=phase, unit_ids=[family[0].pk], **BY)
        assert phases_of(family) == [name, "late", name, name]


def test_assign__of_an_endpoint_and_one_of_its_fields__takes_that_one_wherever_it_was(
    project: Project, family: list[Unit]
) -> None:
    mvp, late = (services.save_phase(project=project, name=name, **BY) for name in ("mvp", "late"))
    services.assign(project=project, phase=late, unit_ids=[family[1].pk, family[2].pk], **BY)
    services.assign(project=project, phase=mvp, unit_ids=[family[0].pk, family[1].pk], **BY)
    assert phases_of(family) == ["mvp", "mvp", "late", "mvp"]


def test_assign__by_a_filter__means_what_it_finds(project: Project, family: list[Unit]) -> None:
    mvp = services.save_phase(project=project, name="mvp", **BY)
    services.assign(project=project, phase=mvp, wanted=Wanted(kind="endpoint"), **BY)
    assert phases_of(family) == ["mvp", "", "", ""]


def test_assign__of_ids_that_are_not_there__changes_nothing(project: Project, history: History) -> None:
    unit = history("GET /a", 9)
    phase = services.save_phase(project=project, name="mvp", **BY)
    for ids in ([unit.pk, 999_999], []):
        with pytest.raises(Invalid):
            services.assign(project=project, phase=phase, unit_ids=ids, **BY)
    assert not PhaseUnit.objects.exists()


# --------------------------------------------------------------------- milestones and baselines


def test_milestone__set_moved_and_removed__is_told_each_time(project: Project) -> None:
    team = create_team(project=project, name="ants")
    made = services.set_milestone(project=project, name="half", due=date(2027, 1, 1), team=team, share=0.5, **BY)
    moved = services.set_milestone(project=project, milestone=made, name="half", due=date(2027, 2, 1), team=team, **BY)
    assert (moved.pk, moved.due) == (made.pk, date(2027, 2, 1))
    assert last_entry().body["before"]["due"] == "2027-01-01"
    services.remove_milestone(milestone=moved, **BY)
    assert last_entry().body["after"] is None
    assert not project.milestones.exists()


@pytest.mark.parametrize("share", [0.0, -1.0, 1.1, float("nan")])
def test_milestone__of_no_share__is_refused(project: Project, share: float) -> None:
    with pytest.raises(Invalid) as refused:
        services.set_milestone(project=project, name="x", due=date(2027, 1, 1), share=share, **BY)
    assert refused.value.field == "share"


def test_baseline__set_anew__asks_why_and_keeps_the_one_before(project: Project, history: History) -> None:
    for number in range(10):
        history(f"GET /{number}", 90, finished(80 - 7 * number))
    history("GET /left", 90)
    project.deadline = NOW.date() + timedelta(days=99)
    first = services.set_baseline(project=project, reason="", **BY)
    assert (first.scope, first.done, first.deadline) == (11, 10, project.deadline)
    assert first.p50 is not None
    assert first.p85 is not None
    with pytest.raises(Invalid) as refused:
        services.set_baseline(project=project, reason=" ", **BY)
    assert refused.value.field == "reason"
    services.set_baseline(project=project, reason="two teams came", **BY)
    assert Baseline.objects.count() == 2
    phase = services.save_phase(project=project, name="mvp", **BY)
    assert services.set_baseline(project=project, phase=phase, reason="", **BY).scope == 0


# ----------------------------------------------------------------------------- people and effort


def test_capacity__over_time__counts_from_its_day_on(project: Project, history: History) -> None:
    team = create_team(project=project, name="ants")
    history("GET /a", 9, team=team)
    for days, people in ((-90, 4), (-10, 2.5), (30, 9)):
        services.set_capacity(team=team, people=people, since=NOW.date() + timedelta(days=days), **BY)
    assert plan_of(project=project, now=NOW).people == {"ants": 2.5}
    assert plan_of(project=project, now=NOW + timedelta(days=31)).people == {"ants": 9}
    services.set_capacity(team=team, people=3, since=NOW.date() - timedelta(days=10), reason="Ida came", **BY)
    assert Capacity.objects.count() == 3
    assert plan_of(project=project, now=NOW).people == {"ants": 3}
    for people in (-1, float("nan"), 1e9):
        with pytest.raises(Invalid):
            services.set_capacity(team=team, people=people, since=NOW.date(), **BY)


def test_effort__by_hand__is_not_overwritten_by_a_count(project: Project, history: History) -> None:
    one, two = history("GET /a", 9), history("GET /b", 9)
    units = {one.pk: 3.0, two.pk: 4.0}
    assert services.set_effort(project=project, points=units, source=EffortSource.SPEC, **BY) == 2
    assert services.set_effort(project=project, points={one.pk: 8.0}, **BY) == 1
    lines = {one.pk: 500, two.pk: 700}
    done = services.set_effort(
        project=project, points={one.pk: 5.0, two.pk: 7.0}, source=EffortSource.LINES, lines=lines, **BY
    )
    assert done == 1
    found = {row.unit_id: (row.points, row.source, row.lines) for row in Effort.objects.all()}
    assert found == {one.pk: (8.0, "hand", None), two.pk: (7.0, "lines", 700)}
    assert services.set_effort(project=project, points=units, source=EffortSource.SPEC, **BY) == 0


@pytest.mark.parametrize("points", [0.0, -1.0, float("nan"), float("inf"), 1e7])
def test_effort__that_is_none__is_refused(project: Project, history: History, points: float) -> None:
    with pytest.raises(Invalid) as refused:
        services.set_effort(project=project, points={history("GET /a", 9).pk: points}, **BY)
    assert refused.value.field == "points"


# --------------------------------------------------------------------------------- dependencies


def test_dependency__that_closes_a_ring__is_refused_with_the_ring(project: Project, history: History) -> None:
    one, two, three = (history(f"GET /{name}", 9) for name in "abc")
    services.add_dependency(unit=two, needs=one, **BY)
    services.add_dependency(unit=three, needs=two, **BY)
    for unit in (one, two):
        with pytest.raises(Invalid) as refused:
            services.add_dependency(unit=unit, needs=three, **BY)
    assert refused.value.field == "needs"
    assert "GET /b → GET /c" in refused.value.message
    with pytest.raises(Invalid, match="itself"):
        services.add_dependency(unit=one, needs=one, **BY)
    assert ring(project=project) == ""


def test_dependency__said_twice_and_taken_back__stands_once_and_then_not(project: Project, history: History) -> None:
    one, two = history("GET /a", 9), history("GET /b", 9)
    made = services.add_dependency(unit=two, needs=one, **BY)
    seen = Entry.objects.count()
    assert services.add_dependency(unit=two, needs=one, **BY) == made
    assert Entry.objects.count() == seen
    services.remove_dependency(dependency=made, **BY)
    assert not Dependency.objects.exists()
    services.add_dependency(unit=one, needs=two, **BY)


def test_dependency__on_another_projects_unit__is_refused(project: Project, history: History) -> None:
    elsewhere = create_project(slug="elsewhere", name="Elsewhere", now=NOW)
    service = save_service(project=elsewhere, name="main")
    theirs = create_unit(project=elsewhere, service=service, key="GET /x", kind="endpoint", now=NOW)
    with pytest.raises(Invalid, match="another project"):
        services.add_dependency(unit=history("GET /a", 9), needs=theirs, **BY)


def test_ring__that_came_past_the_door__is_named_for_its_phase(project: Project, history: History) -> None:
    one, two = history("GET /a", 9), history("GET /b", 9)
    for unit, needs in ((one, two), (two, one)):
        Dependency.objects.create(unit=unit, needs=needs, set_by="x", set_at=NOW)
    assert "GET /a" in ring(project=project)
    phase = services.save_phase(project=project, name="mvp", **BY)
    assert ring(project=project, phase="mvp") == ""
    services.assign(project=project, phase=phase, wanted=Wanted(), **BY)
    assert "ring" in ring(project=project, phase="mvp")


# --------------------------------------------------------------------------------------- rights


def test_verbs__without_the_right__are_refused_and_change_nothing(project: Project, history: History) -> None:
    unit, other = history("GET /a", 9), history("GET /b", 9)
    team = create_team(project=project, name="ants")
    before = Entry.objects.count()
    for act in (
        lambda: services.save_phase(project=project, name="x", actor=ENGINEER, now=NOW),
        lambda: services.assign(project=project, phase=None, wanted=Wanted(), actor=ENGINEER, now=NOW),
        lambda: services.set_milestone(project=project, name="x", due=NOW.date(), actor=ENGINEER, now=NOW),
        lambda: services.set_baseline(project=project, reason="", actor=ENGINEER, now=NOW),
        lambda: services.set_capacity(team=team, people=1, since=NOW.date(), actor=ENGINEER, now=NOW),
        lambda: services.set_effort(project=project, points={unit.pk: 1}, actor=VIEWER, now=NOW),
        lambda: services.add_dependency(unit=unit, needs=other, actor=VIEWER, now=NOW),
    ):
        with pytest.raises(Forbidden):
            act()
    assert Entry.objects.count() == before
    assert services.set_effort(project=project, points={unit.pk: 1}, actor=ENGINEER, now=NOW) == 1
    services.add_dependency(unit=unit, needs=other, actor=ENGINEER, now=NOW)
