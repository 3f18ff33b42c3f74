"""What is kept as time goes by, how good forecasts were, how work flows, and what stands along the time axis."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from migrator.access.rights import Via
from migrator.core.stages import Operation, Stage
from migrator.inventory.importers.spec import Format, Spec, UnitSpec
from migrator.inventory.models import Project, Service, Unit
from migrator.inventory.queries import Wanted
from migrator.ledger import scoping
from migrator.ledger.models import Entry, Kind
from migrator.planning import services
from migrator.planning.keeping import count_days, keep_forecasts
from migrator.planning.models import Counted, PastForecast, PhaseUnit
from migrator.planning.queries import (
    Slice,
    Tagged,
    burn_up,
    events,
    oldest_stuck,
    record,
    scope_changes,
    time_in_stage,
)
from migrator.planning.tasks import count_days as count_task
from migrator.planning.tasks import keep_forecasts as keep_task
from migrator.rollout.freezes import freeze
from migrator.rollout.scopes import one_unit
from migrator.rollout.services import Change, flip, rollback
from tests.planning.conftest import ACTOR, NOW, History, days_ago, finished

SPAN = {"since": days_ago(60), "until": NOW + timedelta(seconds=1)}


def test_forecasts__kept_twice_a_day__are_kept_once_for_project_and_phase(project: Project, history: History) -> None:
    for number in range(10):
        history(f"GET /{number}", 90, finished(80 - 7 * number))
    unit = history("GET /left", 90)
    phase = services.save_phase(project=project, name="mvp", actor=ACTOR, now=NOW)
    services.save_phase(project=project, name="empty", actor=ACTOR, now=NOW)
    services.assign(project=project, phase=phase, unit_ids=[unit.pk], actor=ACTOR, now=NOW)
    assert keep_forecasts(now=NOW) == 2
    assert keep_forecasts(now=NOW + timedelta(hours=3)) == 0
    assert keep_forecasts(now=NOW + timedelta(days=1)) == 2
    whole = PastForecast.objects.get(phase=None, day=NOW.date())
    assert (whole.scope, whole.done) == (11, 10)
    assert whole.p50 is not None
    assert PastForecast.objects.get(phase=phase, day=NOW.date()).p50 is None


def test_tasks__run_twice__leave_the_same(project: Project, history: History) -> None:
    history("GET /a", 9, finished(5))
    for _ in range(2):
        count_task()
        keep_task()
    assert Counted.objects.count() == PastForecast.objects.count() == 1
    assert count_days() == []


def past(project: Project, day: date, p85: date | None) -> None:
    PastForecast.objects.create(project=project, day=day, scope=2, done=0, p50=day, p85=p85, p95=p85)


def test_record__of_forecasts__says_which_held(project: Project, history: History) -> None:
    history("GET /a", 90, finished(60))
    history("GET /b", 90, finished(20))
    ended = days_ago(20).date()
    past(project, days_ago(70).date(), ended - timedelta(days=1))
    past(project, days_ago(50).date(), ended + timedelta(days=9))
    past(project, days_ago(40).date(), ended)
    past(project, days_ago(30).date(), None)
    found = record(project=project, now=NOW)
    assert found.ended == ended
    assert [each.held for each in found.kept] == [None, True, True, False]
    assert found.coverage == 2 / 3


def test_record__of_a_project_that_goes_on__judges_only_what_is_over(project: Project, history: History) -> None:
    history("GET /a", 90)
    past(project, days_ago(70).date(), days_ago(1).date())
    past(project, days_ago(50).date(), NOW.date())
    assert [each.held for each in record(project=project, now=NOW).kept] == [None, False]
    assert record(project=project, now=days_ago(20)).coverage is None


# ---------------------------------------------------------------------------------------- flow


def test_time_in_stage__of_units__is_the_median_of_those_that_left_it(project: Project, history: History) -> None:
    for number, stayed in enumerate((1, 2, 6)):
        history(f"GET /{number}", 20, {10: Stage.SHADOW, 10 - stayed: Stage.SIDE_BY_SIDE})
    found = {each.stage: each for each in time_in_stage(project=project, now=NOW)}
    assert set(found) == {Stage.BACKLOG, Stage.SHADOW}
    assert (found[Stage.SHADOW].left, found[Stage.SHADOW].median_days) == (3, 2.0)
    assert found[Stage.BACKLOG].median_days == 10.0


def test_oldest_stuck__endpoints_in_motion__come_first_by_how_long_they_stand(
    project: Project, history: History
) -> None:
    history("GET /new", 20, {2: Stage.SHADOW})
    history("GET /old", 20, {15: Stage.SHADOW})
    history("GET /backlog", 20)
    history("Thing.name", 20, {18: Stage.SHADOW}, kind="field")
    assert [each.key for each in oldest_stuck(project=project)] == ["GET /old", "GET /new"]


# ---------------------------------------------------------------------------------------- pins


def spec(*keys: str) -> Spec:
    units = tuple(UnitSpec(key=key, kind="endpoint", operation=Operation.READ) for key in keys)
    return Spec(title="shop v2", format=Format.OPENAPI, units=units, counts={})


def imported(project: Project, service: Service, days: float, *keys: str, reason: str = "") -> None:
    scoping.import_specs(
        project=project, service=service, specs=[spec(*keys)], actor=ACTOR, now=days_ago(days), reason=reason
    )


def test_scope__changed_by_imports_and_by_hand__says_who_and_why(project: Project, service: Service) -> None:
    imported(project, service, 30, "GET /a", "GET /b", reason="the first document")
    imported(project, service, 20, "GET /a", "GET /c", "GET /d")
    scoping.create_unit(
        project=project, service=service, key="GET /hand", kind="endpoint", actor=ACTOR, now=days_ago(5), reason="found"
    )
    imported(project, service, 3, "GET /a", "GET /c", "GET /d")
    found = scope_changes(project=project, **SPAN)
    assert [(each.added, each.gone) for each in found] == [(2, 0), (2, 1), (1, 0)]
    assert [each.why for each in found] == ["the first document", "spec of main: 2 added, 1 gone", "found"]
    assert {each.who for each in found} == {ACTOR.name}
    assert all(each.link for each in found)
    assert Entry.objects.filter(kind=Kind.SCOPE).count() == 3, "an import that changed nothing says nothing"


def test_scope__sliced__counts_those_units_alone(project: Project, service: Service, history: History) -> None:
    imported(project, service, 30, "GET /a", "GET /b")
    history("Thing.name", 10, kind="field")
    found = scope_changes(project=project, units=Slice(kind="field"), **SPAN)
    assert [(each.added, each.who, each.link) for each in found] == [(1, "", None)]
    assert scope_changes(project=project, units=Slice(team="nobody"), **SPAN) == []


def test_scope__of_a_phase__is_what_came_into_it(project: Project, history: History) -> None:
    units = [history(f"GET /{number}", 90) for number in range(3)]
    phase = services.save_phase(project=project, name="mvp", actor=ACTOR, now=days_ago(40))
    ids = [unit.pk for unit in units]
    services.assign(project=project, phase=phase, unit_ids=ids, actor=ACTOR, now=days_ago(30), reason="planning day")
    services.assign(project=project, phase=None, unit_ids=ids[:1], actor=ACTOR, now=days_ago(10), reason="cut")
    found = scope_changes(project=project, units=Slice(phase="mvp"), **SPAN)
    assert [(each.added, each.gone, each.why) for each in found] == [(3, 0, "planning day"), (0, 1, "cut")]


def test_scope__of_a_phase_whose_units_went_from_the_inventory__says_which_import_took_them(
    project: Project, service: Service
) -> None:
    imported(project, service, 50, "GET /a", "GET /b", "GET /c", "GET /d")
    phase = services.save_phase(project=project, name="mvp", actor=ACTOR, now=days_ago(40))
    by: dict[str, Any] = {"project": project, "actor": ACTOR}
    services.assign(phase=phase, wanted=Wanted(), now=days_ago(30), reason="planning day", **by)
    cut = [Unit.objects.get(key="GET /d").pk]
    services.assign(phase=None, unit_ids=cut, now=days_ago(25), reason="cut", **by)
    imported(project, service, 20, "GET /a", reason="v2 drops them")
    imported(project, service, 10, "GET /a", "GET /b", reason="v3 needs one")
    for tagged in Tagged:
        phased = Slice(phase="mvp", tagged=tagged)
        found = scope_changes(project=project, units=phased, **SPAN)
        assert [(each.added, each.gone, each.why) for each in found] == [
            (4, 0, "planning day"), (0, 1, "cut"), (0, 2, "v2 drops them"), (1, 0, "v3 needs one"),
        ]  # fmt: skip
        assert {each.who for each in found} == {ACTOR.name}
        assert all(each.link for each in found)
    drawn = burn_up(project=project, now=NOW, days=60, units=Slice(phase="mvp", tagged=Tagged.THEN))
    assert sum(each.added - each.gone for each in found) == drawn.scope[-1] == 2
    late = Unit.objects.get(key="GET /c")
    PhaseUnit.objects.filter(unit=late).update(removed_at=days_ago(5))
    again = scope_changes(project=project, units=Slice(phase="mvp"), **SPAN)
    assert again == found, "a unit leaves once"


def test_events__of_a_project__are_what_moved_many_or_went_back(
    project: Project, service: Service, history: History
) -> None:
    units = [history(f"GET /{number}", 50) for number in range(12)]
    changes = [Change(unit_id=unit.pk, version=unit.version, stage=Stage.SHADOW) for unit in units]
    flip(project=project, changes=changes, actor=ACTOR, reason="all of them", now=days_ago(20))
    single = Unit.objects.get(pk=units[0].pk)
    change = Change(unit_id=single.pk, version=single.version, stage=Stage.SIDE_BY_SIDE)
    flip(project=project, changes=[change], actor=ACTOR, reason="one", now=days_ago(19))
    freeze(project=project, actor=ACTOR, reason="release week", now=days_ago(10))
    found = events(project=project, **SPAN)
    assert [(each.kind, each.units, each.why) for each in found] == [
        ("flip", 12, "all of them"),
        ("freeze", 0, "release week"),
    ]
    assert found[0].headline == "12 units to Shadow"
    assert found[1].headline == "Shop: frozen"


def test_events__more_than_have_room__leave_out_the_least_important(
    project: Project, service: Service, history: History
) -> None:
    unit = history("GET /a", 50)
    for number in range(210):
        scoping.scope(project=project, actor=ACTOR, now=days_ago(9), added=1, gone=0, headline=str(number))
    unit = history("GET /b", 50, {8: Stage.SHADOW, 7: Stage.SIDE_BY_SIDE, 6: Stage.CANARY})
    rollback(project=project, scope=one_unit(unit), actor=replace(ACTOR, via=Via.PAGE), now=days_ago(5))
    found = events(project=project, **SPAN)
    assert len(found) == 200
    assert found[-1].kind == "rollback"
    assert found[-1].headline == f"{unit.key} to Side by side"
