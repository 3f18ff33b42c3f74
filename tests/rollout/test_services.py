"""The single door: what it writes, what it refuses, and what the database refuses without it."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.models import F

from migrator.access.rights import Actor, Forbidden, Via, console, person
from migrator.core.stages import Direction, Stage, TransitionRefused
from migrator.inventory.models import Kind, Project, Service, Unit
from migrator.inventory.services import create_unit, record_deploy, save_service
from migrator.rollout.models import Flip
from migrator.rollout.scopes import Scope, one_unit
from migrator.rollout.services import Change, GateHolds, NotAllowed, Stale, Unknown, flip, rollback

NOW = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
ADMIN = console(name="ada")
LIFE = (Stage.SHADOW, Stage.SIDE_BY_SIDE, Stage.CANARY, Stage.CUTOVER, Stage.REMOVAL, Stage.REMOVED)


@pytest.fixture
def service(project: Project) -> Service:
    return save_service(project=project, name="main", legacy_url="http://l:1", candidate_url="http://c:1")


@pytest.fixture
def unit(service: Service) -> Unit:
    return new_unit(service, "GET /users/{id}")


def new_unit(service: Service, key: str, kind: str = Kind.ENDPOINT) -> Unit:
    return create_unit(project=service.project, service=service, key=key, kind=kind, now=NOW)


def fresh(unit: Unit) -> Unit:
    return Unit.objects.get(pk=unit.pk)


def move(unit: Unit, actor: Actor = ADMIN, *, override: bool = True, **wanted: object) -> list[Flip]:
    change = Change(unit_id=unit.pk, version=fresh(unit).version, **wanted)  # type: ignore[arg-type]
    return flip(project=unit.project, changes=[change], actor=actor, reason="test", now=NOW, override=override)


def raise_to(unit: Unit, stage: Stage, **last: object) -> Unit:
    """Climb the ladder rung by rung."""
    for rung in LIFE[: LIFE.index(stage) + 1]:
        # What ends without the proof that removal takes is a made-up past.
        actor = replace(ADMIN, via=Via.SIMULATION) if rung is Stage.REMOVED else ADMIN
        move(unit, actor, stage=rung, **(last if rung is stage else {}))
    return fresh(unit)


def test_flip__one_step__writes_unit_and_ledger_and_publishes(unit: Unit) -> None:
    before = Project.objects.get(pk=unit.project_id).version
    [entry] = move(unit, stage=Stage.SHADOW, mirror=2_500)
    unit = fresh(unit)
    assert (unit.stage, unit.candidate_bp, unit.mirror_bp, unit.version) == ("shadow", 0, 2_500, 1)
    assert (entry.from_stage, entry.to_stage, entry.to_mirror_bp, entry.unit_version) == ("backlog", "shadow", 2_500, 1)
    assert (entry.actor, entry.via, entry.direction) == ("ada", Via.COMMAND, Direction.FORWARD)
    assert entry.version == unit.table_version == Project.objects.get(pk=unit.project_id).version == before + 1


def test_flip__a_thousand_units__share_one_version_and_few_queries(
    service: Service, django_assert_max_num_queries: object
) -> None:
    units = [new_unit(service, f"GET /u{at}") for at in range(1_000)]
    changes = [Change(unit_id=unit.pk, version=0, stage=Stage.SHADOW) for unit in units]
    with django_assert_max_num_queries(25):  # type: ignore[operator]
        flips = flip(project=service.project, changes=changes, actor=ADMIN, reason="all", now=NOW)
    assert len(flips) == 1_000
    assert len({entry.version for entry in flips}) == 1


def test_flip__one_of_many_is_stale__changes_none(service: Service) -> None:
    first, second = new_unit(service, "GET /a"), new_unit(service, "GET /b")
    changes = [
        Change(unit_id=first.pk, version=0, stage=Stage.SHADOW),
        Change(unit_id=second.pk, version=7, stage=Stage.SHADOW),
    ]
    with pytest.raises(Stale):
        flip(project=service.project, changes=changes, actor=ADMIN, reason="", now=NOW)
    assert fresh(first).stage == "backlog"
    assert not Flip.objects.exists()


def test_flip__a_unit_that_is_gone__is_refused_and_changes_none(service: Service) -> None:
    here, gone = new_unit(service, "GET /here"), new_unit(service, "GET /gone")
    Unit.objects.filter(pk=gone.pk).update(gone_at=NOW)
    changes = [Change(unit_id=unit.pk, version=0, stage=Stage.SHADOW) for unit in (here, gone)]
    with pytest.raises(Unknown, match=f"no unit {gone.pk} is tracked"):
        flip(project=service.project, changes=changes, actor=ADMIN, reason="", now=NOW)
    assert fresh(here).stage == "backlog"


def test_flip__stale_version__tells_both_values_and_who(unit: Unit) -> None:
    move(unit, stage=Stage.SHADOW, mirror=300)
    with pytest.raises(Stale, match="ada set shadow, candidate 0 %, mirror 3 %") as refused:
        flip(
            project=unit.project,
            changes=[Change(unit_id=unit.pk, version=0, stage=Stage.SHADOW, mirror=500)],
            actor=ADMIN,
            reason="",
            now=NOW,
        )
    assert refused.value.wanted.mirror == 500
    assert refused.value.unit.mirror_bp == 300


def test_flip__without_evidence__the_gate_holds_and_an_override_is_recorded(unit: Unit) -> None:
    raise_to(unit, Stage.SIDE_BY_SIDE)
    with pytest.raises(GateHolds) as held:
        move(unit, stage=Stage.CANARY, candidate=500, override=False)
    assert held.value.verdict.gates
    assert fresh(unit).stage == "side_by_side"
    [entry] = move(unit, stage=Stage.CANARY, candidate=500)
    assert entry.override
    assert entry.evidence["verdict"] == "inconclusive"


def test_flip__down_within_canary__asks_no_gate(unit: Unit) -> None:
    raise_to(unit, Stage.CANARY, candidate=5_000)
    [entry] = move(unit, candidate=100, override=False)
    assert entry.direction == Direction.BACK
    assert not entry.override


def test_flip__two_rungs__is_refused_in_words(unit: Unit) -> None:
    with pytest.raises(NotAllowed, match="after backlog comes shadow") as refused:
        move(unit, stage=Stage.CANARY)
    assert refused.value.field == "stage"


def test_flip__nothing_changes__makes_no_entry_and_no_version(unit: Unit) -> None:
    move(unit, stage=Stage.SHADOW)
    version = Project.objects.get(pk=unit.project_id).version
    assert move(unit, stage=Stage.SHADOW) == []
    assert Project.objects.get(pk=unit.project_id).version == version


def test_flip__what_is_compared_changes__evidence_starts_afresh(unit: Unit) -> None:
    epochs = [raise_to(unit, Stage.SHADOW).evidence_epoch]
    for stage in (Stage.SIDE_BY_SIDE, Stage.CANARY):
        move(unit, stage=stage)
        epochs.append(fresh(unit).evidence_epoch)
    assert epochs == [1, 2, 2]
    record_deploy(service=unit.service, side="candidate", build="b2", now=NOW)
    assert fresh(unit).evidence_epoch == 3


@pytest.mark.parametrize(
    ("who", "may_flip", "may_roll_back"),
    [("owner", True, True), ("engineer", True, True), ("oncall", False, True), ("viewer", False, False)],
)
def test_door__roles__on_call_only_goes_down(
    request: pytest.FixtureRequest, unit: Unit, who: str, may_flip: bool, may_roll_back: bool
) -> None:
    raise_to(unit, Stage.CANARY, candidate=100)
    user: User = request.getfixturevalue(who)
    actor = person(user=user, project=unit.project, via=Via.PAGE)
    if may_flip:
        assert move(unit, actor, mirror=100, override=False)
    else:
        with pytest.raises(Forbidden, match="Who may"):
            move(unit, actor, mirror=100, override=False)
    if may_roll_back:
        assert rollback(project=unit.project, scope=one_unit(unit), actor=actor, now=NOW).flips
    else:
        with pytest.raises(Forbidden):
            rollback(project=unit.project, scope=one_unit(unit), actor=actor, now=NOW)


def test_door__stranger__has_no_right(unit: Unit, stranger: User) -> None:
    actor = person(user=stranger, project=unit.project, via=Via.PAGE)
    with pytest.raises(Forbidden):
        move(unit, actor, stage=Stage.SHADOW)


def test_door__engineer__may_not_override(unit: Unit, engineer: User) -> None:
    with pytest.raises(Forbidden, match="override a gate"):
        move(unit, person(user=engineer, project=unit.project, via=Via.PAGE), stage=Stage.SHADOW)


@pytest.mark.parametrize("stage", [Stage.SHADOW, Stage.SIDE_BY_SIDE, Stage.CANARY, Stage.CUTOVER, Stage.REMOVAL])
def test_rollback__from_every_stage__nobody_meets_the_candidate(unit: Unit, stage: Stage) -> None:
    raise_to(unit, stage)
    rollback(project=unit.project, scope=one_unit(unit), actor=ADMIN, now=NOW)
    assert fresh(unit).candidate_bp == 0
    assert fresh(unit).stage in ("shadow", "side_by_side")


def test_rollback__again__finds_nothing_to_do(unit: Unit) -> None:
    raise_to(unit, Stage.CUTOVER)
    assert len(rollback(project=unit.project, scope=one_unit(unit), actor=ADMIN, now=NOW).flips) == 1
    assert rollback(project=unit.project, scope=one_unit(unit), actor=ADMIN, now=NOW).flips == []


def test_rollback__of_a_field__takes_its_endpoint_and_its_siblings_but_no_stranger(service: Service) -> None:
    endpoint = new_unit(service, "GET /users/{id}")
    name = new_unit(service, "GET /users/{id} $.name", Kind.FIELD)
    mail = new_unit(service, "GET /users/{id} $.mail", Kind.FIELD)
    other = new_unit(service, "GET /posts/{id}")
    for each in (endpoint, name, mail, other):
        raise_to(each, Stage.CANARY, candidate=1_000)
    assert name.parent_id == endpoint.pk
    done = rollback(project=service.project, scope=one_unit(name), actor=ADMIN, now=NOW)
    assert {entry.unit_id for entry in done.flips} == {endpoint.pk, name.pk, mail.pk}
    assert fresh(other).candidate_bp == 1_000


def test_rollback__everything__leaves_removed_ones_and_says_so(service: Service) -> None:
    gone, moving = new_unit(service, "GET /gone"), new_unit(service, "GET /moving")
    raise_to(gone, Stage.REMOVED)
    raise_to(moving, Stage.CUTOVER)
    done = rollback(project=service.project, scope=Scope(everything=True), actor=ADMIN, now=NOW)
    assert [entry.unit_id for entry in done.flips] == [moving.pk]
    assert [refused.unit.pk for refused in done.left] == [gone.pk]


def test_rollback__one_service__leaves_the_others(service: Service, project: Project) -> None:
    second = save_service(project=project, name="second")
    mine, theirs = new_unit(service, "GET /mine"), new_unit(second, "GET /theirs")
    for each in (mine, theirs):
        raise_to(each, Stage.CANARY, candidate=1)
    rollback(project=project, scope=Scope(service=service), actor=ADMIN, now=NOW)
    assert (fresh(mine).candidate_bp, fresh(theirs).candidate_bp) == (0, 1)


def test_rollback__removal_without_legacy__is_left_with_the_reason(unit: Unit) -> None:
    raise_to(unit, Stage.REMOVAL)
    save_service(project=unit.project, name="main", legacy_deployed=False)
    done = rollback(project=unit.project, scope=one_unit(unit), actor=ADMIN, now=NOW)
    assert done.flips == []
    assert "nothing to go back to" in done.left[0].message


def test_rollback__to_a_stage_that_serves__is_refused(unit: Unit) -> None:
    raise_to(unit, Stage.CUTOVER)
    with pytest.raises(TransitionRefused):
        rollback(project=unit.project, scope=one_unit(unit), actor=ADMIN, now=NOW, stage=Stage.CANARY)


# --------------------------------------------------------------- what the database refuses


@pytest.mark.parametrize(
    "write",
    [
        {"stage": "shadow"},
        {"candidate_bp": 1, "stage": "canary"},
        {"version": 5},
        {"mirror_bp": 1, "stage": "shadow", "version": F("version") + 1},
    ],
)
@pytest.mark.django_db(transaction=True)
def test_database__position_without_its_flip__is_refused_at_commit(unit: Unit, write: dict[str, object]) -> None:
    with pytest.raises(IntegrityError, match="without a flip"), transaction.atomic():
        Unit.objects.filter(pk=unit.pk).update(**write)
    assert fresh(unit).stage == "backlog"


@pytest.mark.parametrize(
    ("stage", "candidate", "mirror"), [("shadow", 1, 0), ("cutover", 9_999, 0), ("canary", 10_001, 0)]
)
def test_database__shares_that_the_stage_does_not_allow__are_refused(
    unit: Unit, stage: str, candidate: int, mirror: int
) -> None:
    with pytest.raises(IntegrityError, match="unit_shares_of"), transaction.atomic():
        Unit.objects.filter(pk=unit.pk).update(stage=stage, candidate_bp=candidate, mirror_bp=mirror)


def test_database__unit_born_elsewhere_than_in_the_backlog__is_refused(service: Service) -> None:
    with pytest.raises(IntegrityError, match="start in the backlog"), transaction.atomic():
        Unit.objects.create(
            project=service.project, service=service, key="GET /x", kind="endpoint", stage="shadow", added_at=NOW
        )


def test_database__ledger_entry_changed_or_deleted__is_refused(unit: Unit) -> None:
    [entry] = move(unit, stage=Stage.SHADOW)
    with pytest.raises(IntegrityError, match="only grows"), transaction.atomic():
        Flip.objects.filter(pk=entry.pk).update(actor="nobody")
    with pytest.raises(IntegrityError, match="only grows"), transaction.atomic():
        Flip.objects.filter(pk=entry.pk).delete()


@pytest.mark.django_db(transaction=True)
def test_flip__many_at_once__versions_are_whole_and_no_edit_is_lost(unit: Unit) -> None:
    move(unit, stage=Stage.SHADOW)
    applied, refused = [], []

    def writer(at: int) -> None:
        for _ in range(5):
            try:
                applied.extend(move(unit, mirror=at))
            except Stale as stale:
                refused.append(stale)
        connection.close()

    threads = [threading.Thread(target=writer, args=(at,)) for at in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    versions = sorted(entry.version for entry in Flip.objects.all())
    assert versions == list(range(versions[0], versions[0] + len(versions)))
    assert len(applied) + 1 == len(versions) == fresh(unit).version


def test_flip__in_the_past__is_dated_there(unit: Unit) -> None:
    then = NOW - timedelta(days=90)
    [entry] = flip(
        project=unit.project,
        changes=[Change(unit_id=unit.pk, version=0, stage=Stage.SHADOW)],
        actor=ADMIN,
        reason="history",
        now=then,
    )
    assert entry.at == fresh(unit).stage_since == then
