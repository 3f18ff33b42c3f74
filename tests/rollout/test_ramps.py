"""Ramps: what starts, what each tick does, who may, what stops them, and that two tickers never step twice."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from migrator.access.rights import Forbidden, Via, machine, person
from migrator.core.ramp import Plan, PlanRefused
from migrator.core.ramp_text import read_plan
from migrator.core.stages import ALL, Stage
from migrator.inventory.models import Project, Service, Unit
from migrator.inventory.services import save_service
from migrator.ledger.models import Entry, Kind
from migrator.rollout import ramp_queries, ramps
from migrator.rollout.models import Flip, Freeze, Ramp, RampState
from migrator.rollout.scopes import one_unit
from migrator.rollout.services import rollback
from migrator.telling.models import Event, Message
from tests.rollout.climbers import ANA, NOW, QUICK, again, begin, fresh, observe, pass_time, raised, set_by_hand


@pytest.fixture
def service(project: Project) -> Service:
    return save_service(project=project, name="main", legacy_url="http://l:1", candidate_url="http://c:1")


@pytest.fixture
def unit(service: Service) -> Unit:
    """In side by side, with evidence that carries it."""
    found = raised(service, "GET /users/{id}", Stage.SIDE_BY_SIDE, NOW)
    observe(found, NOW)
    return found


# ------------------------------------------------------------------------------------------- start


def test_start__hundreds_of_units__is_one_entry_and_few_queries(
    service: Service, django_assert_max_num_queries: Any
) -> None:
    units = [raised(service, f"GET /u{at}", Stage.SIDE_BY_SIDE, NOW) for at in range(120)]
    with django_assert_max_num_queries(12):
        begun = begin(*units)
    assert len({ramp.batch for ramp in begun}) == 1
    entry = Entry.objects.get(kind=Kind.RAMP)
    assert (entry.actor, entry.body["act"], len(entry.body["units"])) == ("ana", "start", 120)


def test_start__units_that_cannot_climb__are_left_out_each_with_its_reason(service: Service, unit: Unit) -> None:
    begin(unit)
    cases: dict[int, str] = {
        unit.pk: "it climbs already, started by ana",
        raised(service, "GET /new", Stage.BACKLOG, NOW).pk: "backlog: take it to side by side first",
        raised(service, "GET /dark", Stage.SHADOW, NOW).pk: "shadow: take it to side by side first",
        raised(service, "GET /half", Stage.CANARY, NOW, 2_500).pk: "25 %, which is where the plan ends",
        raised(service, "GET /all", Stage.CUTOVER, NOW).pk: "100 %, which is where the plan ends",
        raised(service, "POST /w", Stage.CANARY, NOW, 100, operation="write").pk: "a write without sister",
        999_999: "not tracked here",
    }
    gone = raised(service, "GET /gone", Stage.SIDE_BY_SIDE, NOW)
    Unit.objects.filter(pk=gone.pk).update(gone_at=NOW)
    cases[gone.pk] = "tracked no more"
    able = raised(service, "GET /able", Stage.CANARY, NOW, 100)
    seen = ramps.preview(project=service.project, unit_ids=[*cases, able.pk], plan=QUICK)
    assert {left.unit_id: cases[left.unit_id] in left.reason for left in seen.left} == dict.fromkeys(cases, True)
    assert [ready.pk for ready in seen.ready] == [able.pk]
    assert seen.sentence == "1 unit would climb by itself; 8 left out."
    done = ramps.start(project=service.project, unit_ids=[*cases, able.pk], plan=QUICK, actor=ANA, reason="", now=NOW)
    assert [ramp.unit_id for ramp in done.ramps] == [able.pk]
    assert done.ramps[0].step == 1  # 1 % is behind it already


def test_start__all_or_none__starts_none_where_one_cannot(service: Service, unit: Unit) -> None:
    dark = raised(service, "GET /dark", Stage.SHADOW, NOW)
    with pytest.raises(ramps.NoneReady, match="GET /dark: it stands in shadow"):
        ramps.start(
            project=service.project, unit_ids=[unit.pk, dark.pk], plan=QUICK, actor=ANA, reason="", now=NOW,
            all_or_none=True,
        )  # fmt: skip
    assert not Ramp.objects.exists()


def test_start__the_same_unit_twice_in_one_call__is_one_ramp(unit: Unit) -> None:
    done = ramps.start(project=unit.project, unit_ids=[unit.pk] * 3, plan=QUICK, actor=ANA, reason="", now=NOW)
    assert len(done.ramps) == 1


def test_start__nothing_or_too_much__is_refused(unit: Unit) -> None:
    with pytest.raises(ramps.NoneReady, match="Name at least one unit"):
        ramps.start(project=unit.project, unit_ids=[], plan=QUICK, actor=ANA, reason="", now=NOW)
    with pytest.raises(PlanRefused, match="At most 10,000 units"):
        ramps.preview(project=unit.project, unit_ids=range(10_001), plan=QUICK)


def test_start__a_unit_of_another_project__is_left_out(unit: Unit, stranger: User) -> None:
    elsewhere = Project.objects.get(slug="elsewhere")
    with pytest.raises(ramps.NoneReady, match="not tracked here"):
        ramps.start(project=elsewhere, unit_ids=[unit.pk], plan=QUICK, actor=ANA, reason="", now=NOW)


def test_verbs__without_the_right__are_refused(unit: Unit, viewer: User, oncall: User) -> None:
    [ramp] = begin(unit)
    project, ids = unit.project, [ramp.pk]
    on_call = person(user=oncall, project=project, via=Via.PAGE)
    nobody = person(user=viewer, project=project, via=Via.PAGE)
    for verb in (ramps.pause, ramps.resume, ramps.stop, ramps.skip_wait):
        with pytest.raises(Forbidden):
            verb(project=project, ramp_ids=ids, actor=nobody, now=NOW)
    with pytest.raises(Forbidden):
        begin(unit, actor=on_call)
    assert ramps.pause(project=project, ramp_ids=ids, actor=on_call, now=NOW).ramps
    with pytest.raises(Forbidden):
        ramps.resume(project=project, ramp_ids=ids, actor=on_call, now=NOW)


# -------------------------------------------------------------------------------------------- tick


def test_tick__the_evidence_carries_it__climbs_step_by_step_to_the_end_and_tells(unit: Unit) -> None:
    [ramp] = begin(unit)
    assert ramps.tick(now=NOW).climbed == 1
    assert fresh(unit).position.candidate == 100
    entry = Flip.objects.filter(unit=unit).latest("pk")
    assert (entry.actor, entry.via) == ("ana", Via.RAMP)
    assert entry.reason.startswith("Ramp to 1 %: 0 of 20,000")
    now = pass_time(unit, NOW, 11)
    assert fresh(unit).position.candidate == 500
    pass_time(unit, now, 11)
    assert fresh(unit).position.candidate == 2_500
    ended = again(ramp)
    assert (ended.state, ended.ended_because) == (
        RampState.DONE,
        "The plan 1 → 5 → 25 % is done: it stands at canary, candidate 25 %, mirror 100 %.",
    )
    assert Message.objects.get(event=Event.RAMP).title == "The ramp of GET /users/{id} is up"


def test_tick__many_times_in_one_moment__takes_one_step(unit: Unit) -> None:
    [ramp] = begin(unit)
    for _ in range(5):
        ramps.tick(now=NOW)
    assert again(ramp).step == 1
    assert fresh(unit).position.candidate == 100


@pytest.mark.parametrize("evidence", [False, True])
def test_tick__soak__counts_only_while_evidence_flows(unit: Unit, evidence: bool) -> None:
    [ramp] = begin(unit)
    ramps.tick(now=NOW)
    pass_time(unit, NOW, 40, evidence=evidence)
    assert (again(ramp).step > 1) is evidence


def test_tick__few_pairs__soaks_up_to_the_newest_and_no_further(unit: Unit) -> None:
    [ramp] = begin(unit)
    ramps.tick(now=NOW)
    observe(unit, NOW + timedelta(minutes=2))
    for minutes in (2, 5, 9, 30):
        ramps.tick(now=NOW + timedelta(minutes=minutes))
    assert again(ramp).soaked_s == 120
    observe(unit, NOW + timedelta(days=3))  # a data plane whose clock is ahead
    ramps.tick(now=NOW + timedelta(minutes=31))
    assert again(ramp).soaked_s == 120


@pytest.mark.parametrize("jump", [timedelta(days=3), timedelta(days=-3)])
def test_tick__clock_jumps__never_steps_early(unit: Unit, jump: timedelta) -> None:
    [ramp] = begin(unit)
    ramps.tick(now=NOW)
    observe(unit, NOW + jump)
    ramps.tick(now=NOW + jump)
    ramps.tick(now=NOW + jump)
    assert (again(ramp).step, fresh(unit).position.candidate) == (1, 100)
    assert again(ramp).soaked_s <= 300


def test_tick__no_evidence__waits_in_words_and_is_told_once_a_day(unit: Unit) -> None:
    other = raised(unit.service, "GET /quiet", Stage.SIDE_BY_SIDE, NOW)
    [ramp] = begin(other)
    ramps.tick(now=NOW)
    assert again(ramp).waiting.startswith("Waits for evidence before 1 %: ")
    for hours in (23, 25, 26, 50):
        ramps.tick(now=NOW + timedelta(hours=hours))
    assert Message.objects.filter(event=Event.RAMP).count() == 1
    assert fresh(other).position.candidate == 0


def test_tick__frozen__waits_and_goes_on_when_the_freeze_ends(unit: Unit) -> None:
    [ramp] = begin(unit)
    freeze = Freeze.objects.create(
        project=unit.project, reason="Release night.", made_by="ben", made_at=NOW, begins_at=NOW
    )
    ramps.tick(now=NOW)
    assert again(ramp).waiting == "Frozen: Release night (ben), until somebody lifts it."
    Freeze.objects.filter(pk=freeze.pk).update(lifted_at=NOW)
    assert ramps.tick(now=NOW).climbed == 1


def test_tick__at_most_two_at_once__begins_two_and_the_next_when_one_is_up(service: Service) -> None:
    units = [raised(service, f"GET /u{at}", Stage.SIDE_BY_SIDE, NOW) for at in range(4)]
    for each in units:
        observe(each, NOW)
    begun = begin(*units, plan=read_plan(steps="1, 5", soak="1m", at_once="2"))
    assert ramps.tick(now=NOW).climbed == 2
    assert "2 units of its service climb, at most 2 may at once" in again(begun[2]).waiting
    ramps.stop(project=service.project, ramp_ids=[begun[0].pk], actor=ANA, now=NOW)
    assert ramps.tick(now=NOW).climbed == 1


def test_tick__one_unit_that_the_door_refuses__holds_up_no_other(service: Service, unit: Unit) -> None:
    other = raised(service, "GET /b", Stage.SIDE_BY_SIDE, NOW)
    observe(other, NOW)
    begun = begin(unit, other, plan=read_plan(steps="5"))
    # The door alone knows of this: the unit was rolled back by itself before the ramp began, and cools down.
    set_by_hand(other, NOW, stage=Stage.CANARY, candidate=100)
    rollback(project=service.project, scope=one_unit(other), actor=machine(name="guard", via=Via.GUARD), now=NOW)
    Ramp.objects.filter(pk=begun[1].pk).update(seen_version=fresh(other).version)
    ticked = ramps.tick(now=NOW)
    assert ticked.climbed in (1, 2)
    assert fresh(unit).position.candidate == 500


def test_tick__its_plan_cannot_be_read__pauses_and_says_so(unit: Unit) -> None:
    [ramp] = begin(unit)
    Ramp.objects.filter(pk=ramp.pk).update(plan={"steps": [{"candidate": "many"}]})
    ramps.tick(now=NOW)
    assert again(ramp).state == RampState.PAUSED
    assert "This plan cannot be read" in again(ramp).waiting
    done = ramps.resume(project=unit.project, ramp_ids=[ramp.pk], actor=ANA, now=NOW)
    assert "cannot be read" in done.left[0].reason


def test_tick__unit_that_is_gone__ends_the_ramp(unit: Unit) -> None:
    [ramp] = begin(unit)
    Unit.objects.filter(pk=unit.pk).update(gone_at=NOW)
    ramps.tick(now=NOW)
    assert (again(ramp).state, again(ramp).ended_because) == (RampState.STOPPED, "Its unit is tracked no more.")


def test_tick__a_thousand_ramps__costs_few_queries(service: Service, django_assert_max_num_queries: Any) -> None:
    units = [raised(service, f"GET /u{at}", Stage.SIDE_BY_SIDE, NOW) for at in range(200)]
    begin(*units)
    with django_assert_max_num_queries(20):
        assert ramps.tick(now=NOW).looked == 200


# ------------------------------------------------------------------------------ others at the unit


def test_tick__after_a_rollback__cools_down_and_nothing_climbs_by_itself_again(unit: Unit) -> None:
    [ramp] = begin(unit)
    ramps.tick(now=NOW)
    guard = machine(name="guard", via=Via.GUARD)
    rollback(project=unit.project, scope=one_unit(unit), actor=guard, now=NOW, reason="3 of 60 differ.")
    ramps.tick(now=NOW)
    cooled = again(ramp)
    assert (cooled.state, cooled.step) == (RampState.COOLING, 0)
    assert cooled.waiting == "guard rolled it back from canary, candidate 1 %, mirror 100 %: 3 of 60 differ."
    assert "cools down" in Message.objects.get(event=Event.RAMP).title
    pass_time(unit, NOW + timedelta(days=2), 30)
    assert fresh(unit).position.candidate == 0


def test_resume__after_a_rollback__waits_for_the_cool_down_and_begins_anew(unit: Unit) -> None:
    [ramp] = begin(unit)
    ramps.tick(now=NOW)
    rollback(project=unit.project, scope=one_unit(unit), actor=ANA, now=NOW)
    ramps.tick(now=NOW)
    early = ramps.resume(project=unit.project, ramp_ids=[ramp.pk], actor=ANA, now=NOW + timedelta(minutes=59))
    assert early.left[0].reason == "it cools down for another 60 seconds after its rollback."
    later = NOW + timedelta(minutes=61)
    assert ramps.resume(project=unit.project, ramp_ids=[ramp.pk], actor=ANA, now=later).ramps
    observe(unit, later)
    ramps.tick(now=later)
    assert fresh(unit).position.candidate == 100


def test_tick__raised_by_hand_within_the_plan__goes_on_from_there(unit: Unit) -> None:
    [ramp] = begin(unit)
    ramps.tick(now=NOW)
    set_by_hand(unit, NOW, candidate=700)
    ramps.tick(now=NOW)
    assert (again(ramp).step, again(ramp).state) == (2, RampState.RUNNING)
    pass_time(unit, NOW, 12)
    assert fresh(unit).position.candidate == 2_500


def test_tick__raised_by_hand_beyond_the_plan__is_done(unit: Unit) -> None:
    [ramp] = begin(unit)
    set_by_hand(unit, NOW, stage=Stage.CANARY, candidate=6_000)
    ramps.tick(now=NOW)
    ramps.tick(now=NOW)
    assert again(ramp).state == RampState.DONE


def test_tick__lowered_by_hand__pauses_and_says_by_whom(unit: Unit) -> None:
    [ramp] = begin(unit)
    ramps.tick(now=NOW)
    now = pass_time(unit, NOW, 11)
    set_by_hand(unit, now, candidate=200)
    ramps.tick(now=now)
    assert again(ramp).state == RampState.PAUSED
    assert again(ramp).waiting.startswith("setup set canary, candidate 2 %, mirror 100 % by hand.")


def test_tick__only_the_mirror_changes__goes_on(unit: Unit) -> None:
    [ramp] = begin(unit)
    ramps.tick(now=NOW)
    set_by_hand(unit, NOW, mirror=5_000)
    ramps.tick(now=NOW)
    assert (again(ramp).state, again(ramp).seen_version) == (RampState.RUNNING, fresh(unit).version)


# ---------------------------------------------------------------------------------- pause and others


def test_pause__says_what_keeps_running__and_stands_still_until_resumed(unit: Unit) -> None:
    [ramp] = begin(unit)
    ramps.tick(now=NOW)
    ramps.pause(project=unit.project, ramp_ids=[ramp.pk], actor=ANA, now=NOW, reason="lunch")
    assert again(ramp).waiting == "ana paused it. The guard goes on watching; the unit stays at 1 %."
    now = pass_time(unit, NOW, 30)
    assert again(ramp).step == 1
    ramps.resume(project=unit.project, ramp_ids=[ramp.pk], actor=ANA, now=now)
    pass_time(unit, now, 11)
    assert again(ramp).step == 2


def test_skip_wait__takes_the_next_step_but_not_without_evidence(unit: Unit) -> None:
    [ramp] = begin(unit)
    ramps.tick(now=NOW)
    ramps.skip_wait(project=unit.project, ramp_ids=[ramp.pk], actor=ANA, now=NOW)
    observe(unit, NOW, match=10)
    ramps.tick(now=NOW)
    assert again(ramp).step == 1
    observe(unit, NOW)
    ramps.tick(now=NOW)
    assert again(ramp).step == 2


def test_stop__many__is_one_entry_and_leaves_those_that_ended(service: Service, unit: Unit) -> None:
    other = raised(service, "GET /b", Stage.SIDE_BY_SIDE, NOW)
    begun = begin(unit, other)
    ids = [ramp.pk for ramp in begun]
    ramps.stop(project=service.project, ramp_ids=ids[:1], actor=ANA, now=NOW)
    done = ramps.stop(project=service.project, ramp_ids=ids, actor=ANA, now=NOW, reason="enough")
    assert [ramp.pk for ramp in done.ramps] == ids[1:]
    assert done.left[0].reason == "it is stopped."
    assert Entry.objects.filter(kind=Kind.RAMP, body__act="stop").count() == 2
    assert begin(unit)  # an ended ramp is no obstacle


def test_queries__what_pages_show__is_in_words(service: Service, unit: Unit) -> None:
    other = raised(service, "GET /b", Stage.SIDE_BY_SIDE, NOW)
    begun = begin(unit, other)
    ramps.tick(now=NOW)
    ramps.pause(project=service.project, ramp_ids=[begun[1].pk], actor=ANA, now=NOW)
    assert ramp_queries.sentence(ramp_queries.counts(project=service.project)) == (
        "1 unit climbs by itself; 1 waits for you."
    )
    assert ramp_queries.sentence({"paused": 2}) == "No unit climbs by itself; 2 wait for you."
    assert ramp_queries.sentence({"running": 2_000}) == "2,000 units climb by themselves."
    row = ramp_queries.latest_ramp(unit_id=unit.pk)
    assert row is not None
    assert row.picture == "1 % taken; next 5 %; then 25 %"


def test_plan__all_the_way__is_what_people_get_by_default(unit: Unit) -> None:
    [ramp] = begin(unit, plan=Plan())
    assert [step["candidate"] for step in ramp.plan["steps"]] == [100, 500, 2_500, 5_000, ALL]
