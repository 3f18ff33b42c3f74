"""What stands in the way of going up: each alone, in order, what passes it, and that nothing stands in the way down."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from migrator.access.models import Membership, Role
from migrator.access.rights import Actor, Via, console, machine, person
from migrator.core.stages import ALL, LADDER, RANK, Direction, Stage
from migrator.gates.queries import judgements
from migrator.inventory.models import Kind, Project, Service, Team, Unit
from migrator.inventory.services import create_unit, save_service
from migrator.rollout.barriers import Climb, CoolingDown, Frozen, GateHolds, NeedsApproval, NeedsProof, barriers
from migrator.rollout.chain import check
from migrator.rollout.freezes import freeze, lift
from migrator.rollout.models import Flip
from migrator.rollout.scopes import one_unit
from migrator.rollout.services import Change, flip, rollback
from tests.rollout.climbers import fresh, in_threads, observe, raised

NOW = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ANA = console(name="ana")
GUARD = machine(name="guard", via=Via.GUARD)
ALERT = machine(name="alert disk", via=Via.ALERT)


@pytest.fixture
def service(project: Project) -> Service:
    return save_service(project=project, name="main", legacy_url="http://l:1", candidate_url="http://c:1")


@pytest.fixture
def unit(service: Service) -> Unit:
    """In canary with 5 %, and proven safe."""
    found = raised(service, "GET /users/{id}", Stage.CANARY, NOW, 500)
    observe(found, NOW)
    return found


@pytest.fixture
def two(owner: User, engineer: User) -> tuple[User, User]:
    """A project in which somebody can be asked."""
    return owner, engineer


def push(unit: Unit, actor: Actor = ANA, *, now: datetime = NOW, wanted: Any = None, **options: Any) -> list[Flip]:
    """A flip, to 25 % where nothing else is wanted."""
    change = Change(unit_id=unit.pk, version=fresh(unit).version, **(wanted or {"candidate": 2_500}))
    return flip(project=unit.project, changes=[change], actor=actor, reason="test", now=now, **options)


def take_down(unit: Unit, actor: Actor, now: datetime = NOW) -> None:
    rollback(project=unit.project, scope=one_unit(unit), actor=actor, now=now)


def policy(project: Project, **settings: Any) -> None:
    Project.objects.filter(pk=project.pk).update(policy=settings)


# ------------------------------------------------------------------------------------- freezes


@pytest.mark.parametrize("of", ["project", "service", "unit"])
def test_frozen__project_service_or_unit__does_not_climb_until_it_is_over(of: str, unit: Unit) -> None:
    target: Any = {"service": {"service": unit.service}, "unit": {"unit": unit}}.get(of, {})
    frozen = freeze(project=unit.project, actor=ANA, reason="Black Friday", now=NOW, ends_at=NOW + HOUR, **target)

    with pytest.raises(Frozen, match=r"is frozen until 2 Nov 2026, 04:00 UTC .ana: Black Friday\)"):
        push(unit, override=True)
    assert fresh(unit).candidate_bp == 500
    lift(freeze=frozen, actor=ANA, now=NOW)
    assert push(unit)


def test_frozen__once_it_is_over__climbs_again(unit: Unit) -> None:
    freeze(project=unit.project, actor=ANA, reason="x", now=NOW, ends_at=NOW + HOUR)
    observe(unit, NOW + HOUR)
    assert push(unit, now=NOW + HOUR)


def test_frozen__another_service_or_unit__does_not_matter(unit: Unit, project: Project) -> None:
    other = save_service(project=project, name="other", legacy_url="http://l:1", candidate_url="http://c:1")
    freeze(project=project, actor=ANA, reason="x", now=NOW, service=other)
    freeze(project=project, actor=ANA, reason="x", now=NOW, unit=raised(other, "GET /b", Stage.BACKLOG, NOW))

    assert push(unit)


def test_frozen__later__does_not_matter_yet(unit: Unit) -> None:
    freeze(project=unit.project, actor=ANA, reason="x", now=NOW, begins_at=NOW + HOUR)
    assert push(unit)
    with pytest.raises(Frozen, match="until somebody lifts it"):
        push(unit, now=NOW + HOUR, wanted={"candidate": 9_000})


def test_frozen__endpoint__holds_its_fields(unit: Unit, service: Service) -> None:
    field = create_unit(
        project=unit.project, service=service, key=f"{unit.key} $.name", kind=Kind.FIELD, parent=unit, now=NOW
    )
    freeze(project=unit.project, actor=ANA, reason="x", now=NOW, unit=unit)

    with pytest.raises(Frozen) as frozen:
        push(field, wanted={"stage": Stage.SHADOW})
    assert frozen.value.unit == field


# ----------------------------------------------------------------------------------- cool-downs


@pytest.mark.parametrize("actor", [GUARD, ALERT], ids=["guard", "alert"])
def test_cooling_down__after_what_nobody_asked_for__takes_its_time_or_an_override(actor: Actor, unit: Unit) -> None:
    take_down(unit, actor)
    observe(unit, NOW)
    canary = {"stage": Stage.CANARY, "candidate": 100}

    with pytest.raises(CoolingDown, match=f"{actor.name} rolled .* back at 2 Nov 2026, 03:00 UTC; it cools down until"):
        push(unit, wanted=canary)
    [entry] = push(unit, wanted=canary, override=True)
    assert entry.override


def test_cooling_down__is_over_after_the_policys_time(unit: Unit, project: Project) -> None:
    policy(project, cool_down_s=60)
    take_down(unit, GUARD)
    for seconds in (59, 60):
        now = NOW + timedelta(seconds=seconds)
        observe(unit, now)
        if seconds < 60:
            with pytest.raises(CoolingDown):
                push(unit, now=now, wanted={"stage": Stage.CANARY})
        else:
            assert push(unit, now=now, wanted={"stage": Stage.CANARY})


def test_cooling_down__after_a_persons_rollback__is_not_asked(unit: Unit) -> None:
    take_down(unit, ANA)
    observe(unit, NOW)
    assert push(unit, wanted={"stage": Stage.CANARY})


def test_cooling_down__of_another_unit__does_not_matter(unit: Unit, service: Service) -> None:
    other = raised(service, "GET /b", Stage.CANARY, NOW, 500)
    take_down(other, GUARD)
    assert push(unit)


# ---------------------------------------------------------------------------------------- proof


def test_needs_proof__to_removed__nothing_passes_it(unit: Unit) -> None:
    for stage in (Stage.CUTOVER, Stage.REMOVAL):
        push(unit, wanted={"stage": stage}, override=True)
    for force in ({}, {"override": True}, {"break_glass": True}, {"approver": "ben"}):
        with pytest.raises(NeedsProof, match="is not proven to be without use"):
            push(unit, wanted={"stage": Stage.REMOVED}, **force)
    assert fresh(unit).stage == Stage.REMOVAL


# ------------------------------------------------------------------------------------ approvals


def at(service: Service, stage: Stage) -> Unit:
    """Proven safe wherever it stands."""
    policy(service.project, four_eyes=[])
    found = raised(service, f"GET /{stage}", stage, NOW, ALL if stage is Stage.CANARY else None)
    policy(service.project)
    observe(found, NOW)
    return fresh(found)


@pytest.mark.parametrize(
    ("stage", "to"), [(Stage.CANARY, Stage.CUTOVER), (Stage.CUTOVER, Stage.REMOVAL), (Stage.REMOVAL, Stage.REMOVED)]
)
def test_needs_approval__where_the_policy_names_the_step_and_somebody_is_there(
    stage: Stage, to: Stage, service: Service, owner: User
) -> None:
    unit = at(service, stage)
    [climb] = climbs_of([unit], to)
    asked: Any = {"project": service.project, "climbs": [climb], "actor": ANA, "now": NOW}
    assert NeedsApproval not in kinds(barriers(**asked).get(unit.pk, ()))

    second = User.objects.create_user("second")
    Membership.objects.create(user=second, project=service.project, role=Role.ENGINEER)
    [needed] = [each for each in barriers(**asked)[unit.pk] if isinstance(each, NeedsApproval)]
    assert needed.subject.value == to.value
    policy(service.project, four_eyes=[])
    [climb] = climbs_of([unit], to)
    assert NeedsApproval not in kinds(barriers(**asked | {"climbs": [climb]}).get(unit.pk, ()))


def test_needs_approval__for_more_traffic__is_not_asked(unit: Unit, two: Any) -> None:
    assert push(unit)


def test_needs_approval__one_person_with_two_roles__is_one_person(
    service: Service, engineer: User, project: Project
) -> None:
    unit = at(service, Stage.CANARY)
    team = Team.objects.create(project=project, name="web")
    Membership.objects.create(user=engineer, project=project, team=team, role=Role.ENGINEER)

    assert push(unit, wanted={"stage": Stage.CUTOVER})


def test_needs_approval__the_second_person_is_of_another_team__asks_nobody(
    service: Service, engineer: User, project: Project
) -> None:
    mine, theirs = (Team.objects.create(project=project, name=name) for name in ("mine", "theirs"))
    unit = at(service, Stage.CANARY)
    Unit.objects.filter(pk=unit.pk).update(team=mine)
    colleague = User.objects.create_user("colleague")
    role = Membership.objects.create(user=colleague, project=project, team=theirs, role=Role.ENGINEER)
    [climb] = climbs_of([fresh(unit)], Stage.CUTOVER)
    asked: Any = {"project": project, "climbs": [climb], "actor": ANA, "now": NOW}
    assert barriers(**asked) == {}

    role.team = mine
    role.save()
    assert kinds(barriers(**asked)[unit.pk]) == [NeedsApproval]


def test_needs_approval__an_override__does_not_pass_it(service: Service, two: Any) -> None:
    unit = at(service, Stage.CANARY)
    with pytest.raises(NeedsApproval, match=r"takes a second person\. Ask for approval"):
        push(unit, wanted={"stage": Stage.CUTOVER}, override=True)
    [entry] = push(unit, wanted={"stage": Stage.CUTOVER}, approver="ben")
    assert entry.evidence["approved_by"] == "ben"


# ---------------------------------------------------------------------------------- the last one


def test_gate_holds__without_evidence__an_override_passes(unit: Unit) -> None:
    observe(unit, NOW, match=10)
    with pytest.raises(GateHolds) as held:
        push(unit)
    assert held.value.verdict.gates
    assert push(unit, override=True)[0].override


# ------------------------------------------------------------------------------- all in their order


def climbs_of(units: list[Unit], stage: Stage) -> list[Climb]:
    judged = judgements(units=units, now=NOW)
    target = LADDER[RANK[stage]]
    return [
        Climb(
            unit=unit,
            target=replace(
                unit.position, stage=stage, candidate=target.candidate[1], mirror=min(ALL, target.mirror[1])
            ),
            judgement=judged[unit.pk],
        )
        for unit in units
    ]


def kinds(found: Any) -> list[type]:
    return [type(each) for each in found]


def test_barriers__all_at_once__are_told_in_order(service: Service, two: Any) -> None:
    unit = raised(service, "GET /a", Stage.CANARY, NOW, ALL)
    take_down(unit, GUARD)
    push(unit, wanted={"stage": Stage.CANARY, "candidate": 9_000}, override=True)
    freeze(project=unit.project, actor=ANA, reason="x", now=NOW)
    [climb] = climbs_of([fresh(unit)], Stage.CUTOVER)

    found = barriers(project=unit.project, climbs=[climb], actor=ANA, now=NOW)
    assert kinds(found[unit.pk]) == [Frozen, CoolingDown, NeedsApproval, GateHolds]
    over = found[unit.pk]
    assert [each.kind for each in over if each.yields_to_override] == ["cooling-down", "gate-holds"]
    assert all(each.yields_to_glass for each in over)
    with pytest.raises(Frozen):
        push(unit, wanted={"stage": Stage.CUTOVER}, override=True)
    [entry] = push(unit, wanted={"stage": Stage.CUTOVER}, break_glass=True)
    assert entry.override
    assert entry.evidence["broke_the_glass"]


def test_break_glass__nothing_was_in_the_way__is_no_broken_glass(unit: Unit) -> None:
    [entry] = push(unit, break_glass=True)
    assert not entry.override
    assert "broke_the_glass" not in entry.evidence


def test_break_glass__one_of_two_met_something__is_told_of_that_one(unit: Unit, service: Service) -> None:
    held = raised(service, "GET /held", Stage.CANARY, NOW, 100)
    changes = [Change(unit_id=each.pk, version=fresh(each).version, candidate=2_500) for each in (unit, held)]
    flips = flip(project=unit.project, changes=changes, actor=ANA, reason="x", now=NOW, break_glass=True)

    assert {each.unit_id: "broke_the_glass" in each.evidence for each in flips} == {unit.pk: False, held.pk: True}


@pytest.mark.parametrize(
    "wanted", [{"mirror": 100}, {"candidate": 100}, {"stage": Stage.SIDE_BY_SIDE}, {"stage": Stage.BACKLOG}]
)
def test_barriers__sideways_and_down__are_never_asked(wanted: Any, unit: Unit, two: Any) -> None:
    take_down(unit, GUARD)
    push(unit, wanted={"stage": Stage.CANARY, "candidate": 500}, override=True)
    freeze(project=unit.project, actor=ANA, reason="x", now=NOW)

    [entry] = push(unit, wanted=wanted)
    assert entry.direction != Direction.FORWARD
    assert not entry.override


def test_barriers__down_from_removal_to_cutover__takes_nobodys_approval(service: Service, two: Any) -> None:
    unit = at(service, Stage.REMOVAL)
    freeze(project=unit.project, actor=ANA, reason="x", now=NOW)
    assert push(unit, wanted={"stage": Stage.CUTOVER})


def test_barriers__a_made_up_history__has_nobody_to_ask(service: Service, two: Any) -> None:
    unit = at(service, Stage.CANARY)
    push(unit, replace(ANA, via=Via.SIMULATION), wanted={"stage": Stage.CUTOVER})
    assert fresh(unit).stage == Stage.CUTOVER


def test_barriers__of_a_thousand__cost_a_handful_of_queries(service: Service, two: Any) -> None:
    def queries(count: int) -> int:
        start = Unit.objects.count()
        keys = [f"GET /u{start + at}" for at in range(count)]
        for key in keys:
            create_unit(project=service.project, service=service, key=key, kind=Kind.ENDPOINT, now=NOW)
        changes = [
            Change(unit_id=pk, version=0, stage=Stage.SHADOW)
            for pk in Unit.objects.filter(key__in=keys).values_list("pk", flat=True)
        ]
        with CaptureQueriesContext(connection) as captured:
            assert len(flip(project=service.project, changes=changes, actor=ANA, reason="all", now=NOW)) == count
        return len(captured)

    few = queries(10)
    assert few < 30
    assert queries(1_000) <= few + 2


def test_barriers__one_of_many_is_held__none_moves_and_it_is_named(service: Service, unit: Unit) -> None:
    held = raised(service, "GET /held", Stage.CANARY, NOW, 100)
    changes = [Change(unit_id=each.pk, version=fresh(each).version, candidate=2_500) for each in (unit, held)]
    with pytest.raises(GateHolds, match="GET /held"):
        flip(project=unit.project, changes=changes, actor=ANA, reason="x", now=NOW)
    assert fresh(unit).candidate_bp == 500


# ----------------------------------------------------------------------- all in the same second


def promote(unit: Unit, seen: int, actor: Actor, share: int) -> list[Flip]:
    change = Change(unit_id=unit.pk, version=seen, candidate=share)
    return flip(project=unit.project, changes=[change], actor=actor, reason="up", now=NOW)


@pytest.mark.django_db(transaction=True)
def test_same_second__two_engineers_and_the_guard__down_wins_and_the_ledger_is_whole(
    service: Service, two: tuple[User, User]
) -> None:
    people = [person(user=user, project=service.project, via=Via.PAGE) for user in two]
    for round_ in range(4):
        unit = raised(service, f"GET /round/{round_}", Stage.CANARY, NOW, 500)
        observe(unit, NOW)
        seen = fresh(unit).version

        outcome = in_threads(
            partial(promote, unit, seen, people[0], 1_000),
            partial(promote, unit, seen, people[1], 2_000),
            partial(rollback, project=unit.project, scope=one_unit(unit), actor=GUARD, now=NOW),
        )
        assert fresh(unit).position.stage == Stage.SIDE_BY_SIDE
        assert fresh(unit).candidate_bp == 0
        assert len(outcome[2].flips) == 1
        won = [each for each in outcome[:2] if isinstance(each, list)]
        lost = [each for each in outcome[:2] if not isinstance(each, list)]
        assert len(won) <= 1
        assert {type(each).__name__ for each in lost} <= {"Stale", "CoolingDown"}
        flips = list(Flip.objects.filter(unit=unit).order_by("unit_version"))
        assert [each.unit_version for each in flips] == list(range(1, fresh(unit).version + 1))
        assert [each.before for each in flips[1:]] == [each.after for each in flips[:-1]]
        assert len(flips) == seen + 1 + len(won)
        with pytest.raises(CoolingDown):
            observe(unit, NOW)
            push(unit, people[0], wanted={"stage": Stage.CANARY})
    assert check(project=service.project).sound
