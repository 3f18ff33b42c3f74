"""The single door. Every change of a stage or a share, by whoever and from wherever, passes here.

`flip()` moves units, up or down. `rollback()` only ever takes them down: it asks no gate, no approval
and no version, and repeating it is harmless. Both do all of their work in one transaction:

1. lock the project's row, so that changes queue up and their versions are in order;
2. lock the units and work out where each one goes, refusing what the ladder or a barrier (rollout.barriers) refuses;
3. raise the project's version: the commit is the publication, and wakes the waiting data planes;
4. write one ledger entry for each unit, with the evidence of that moment, and move the units by them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from migrator.access.rights import Actor, Right, demand
from migrator.core.stages import (
    Direction,
    Position,
    Stage,
    TransitionRefused,
    check_transition,
    rolled_back,
    settle,
)
from migrator.gates.queries import Judgement, judgements
from migrator.inventory import versions
from migrator.inventory.models import Project, Unit
from migrator.observations.queries import NOTHING_SEEN, standings
from migrator.rollout.barriers import Barrier, Climb, GateHolds, NeedsApproval, Refused, barriers
from migrator.rollout.chain import seal
from migrator.rollout.models import Flip
from migrator.rollout.scopes import Scope, units_in

__all__ = [
    "Barrier",
    "Change",
    "GateHolds",
    "NeedsApproval",
    "NotAllowed",
    "Refused",
    "Rollback",
    "Stale",
    "Unknown",
    "flip",
    "rollback",
    "words",
]

BATCH = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What somebody wants of one unit. None leaves a part as it is. Shares in basis points."""

    unit_id: int
    version: int
    """The unit's version that they saw."""
    stage: Stage | None = None
    candidate: int | None = None
    mirror: int | None = None


class Unknown(LookupError):
    """A unit that this project does not track, or no longer. Nothing was changed."""

    def __init__(self, unit_ids: Iterable[int]) -> None:
        self.unit_ids = sorted(unit_ids)
        super().__init__(f"Not applied: no unit {', '.join(map(str, self.unit_ids[:5]))} is tracked here.")


class Stale(Refused):
    """Somebody else changed the unit since: both values are told, nothing is overwritten."""

    def __init__(self, unit: Unit, *, last: Flip | None, wanted: Position, seen: int) -> None:
        who = f"{last.actor} set" if last else "it now has"
        super().__init__(unit, f"Not applied: {unit.key} changed since you looked; {who} {words(unit.position)}.")
        self.last = last
        self.wanted = wanted
        self.seen = seen


class NotAllowed(Refused):
    """The ladder refuses the move. `field` names the input to change."""

    def __init__(self, unit: Unit, refusal: TransitionRefused) -> None:
        super().__init__(unit, f"Not applied: {refusal.message}")
        self.field = refusal.field


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """What a rollback did. Repeating it finds nothing left to do."""

    flips: list[Flip]
    left: list[Refused]
    """Units that cannot go back, each with its reason: removed ones, and removal without a running legacy."""


@dataclass(frozen=True, slots=True)
class _Move:
    unit: Unit
    target: Position
    direction: Direction
    evidence: dict[str, Any]
    override: bool = False


@transaction.atomic
def flip(
    *,
    project: Project,
    changes: Sequence[Change],
    actor: Actor,
    reason: str,
    now: datetime,
    override: bool = False,
    break_glass: bool = False,
    approver: str = "",
) -> list[Flip]:
    """Move units, one or a thousand, all or none.

    Raises Forbidden (no right), Unknown, Stale, NotAllowed or a Barrier (rollout.barriers: Frozen, CoolingDown,
    NeedsProof, NeedsApproval, GateHolds); then nothing has changed. `override` passes a cool-down and the gate.
    `break_glass` passes whatever is not the ladder or the proof of removal: whoever calls this has asked for a second
    factor. `approver` is the second person who let it happen. A change that leaves a unit where it is makes no entry.
    """
    versions.lock(project_id=project.pk)
    wanted = {change.unit_id: change for change in changes}
    units = _lock_units(project, wanted)
    demand(actor=actor, right=Right.FLIP, units=units)
    if override:
        demand(actor=actor, right=Right.OVERRIDE, units=units)
    if missing := wanted.keys() - {unit.pk for unit in units}:
        raise Unknown(missing)
    climbs = [_climb(unit, wanted[unit.pk], judged) for unit, judged in _judged(units, now)]
    passed = _pass_barriers(
        project, climbs, actor=actor, now=now, override=override, break_glass=break_glass, approved=bool(approver)
    )
    signed: dict[str, Any] = {"approved_by": approver} if approver else {}
    forced = {"broke_the_glass": True} if break_glass else {}
    moves = [
        _Move(
            climb.unit,
            climb.target,
            climb.direction,
            climb.judgement.as_record() | signed | (forced if climb.unit.pk in passed else {}),
            override=climb.unit.pk in passed,
        )
        for climb in climbs
        if climb.target != climb.unit.position
    ]
    return _write(project, moves, actor=actor, reason=reason, now=now)


def _judged(units: Sequence[Unit], now: datetime) -> list[tuple[Unit, Judgement]]:
    known = judgements(units=units, now=now)
    return [(unit, known[unit.pk]) for unit in units]


def _pass_barriers(
    project: Project,
    climbs: Sequence[Climb],
    *,
    actor: Actor,
    now: datetime,
    override: bool,
    break_glass: bool,
    approved: bool,
) -> frozenset[int]:
    """Raise the first barrier that nothing passes. Returns the units of which one was passed by force."""
    forced = set()
    for found in barriers(project=project, climbs=climbs, actor=actor, now=now).values():
        for barrier in found:
            if approved and isinstance(barrier, NeedsApproval):
                continue
            by_force = (override and barrier.yields_to_override) or (break_glass and barrier.yields_to_glass)
            if not by_force:
                raise barrier
            forced.add(barrier.unit.pk)
    return frozenset(forced)


@transaction.atomic
def rollback(
    *,
    project: Project,
    scope: Scope,
    actor: Actor,
    now: datetime,
    reason: str = "",
    stage: Stage | None = None,
) -> Rollback:
    """Take units down to side by side with candidate 0 %, or to a lower stage that is named.

    A field takes its endpoint along, because its answer is served whole; an endpoint takes its fields.
    Never refused for a version, a gate or an approval. Raises Forbidden without the right, and
    TransitionRefused where `stage` is no stage to roll back to.
    """
    demand(actor=actor, right=Right.ROLL_BACK)
    versions.lock(project_id=project.pk)
    units = units_in(project=project, scope=scope)
    moves: list[_Move] = []
    left: list[Refused] = []
    # Counts alone: nobody waits for a verdict on the way down, not with ten thousand units either.
    known = standings(unit_ids=[unit.pk for unit in units])
    for unit in units:
        target = rolled_back(current=unit.position, stage=stage)
        try:
            direction = _direction(unit, target)
        except NotAllowed as refused:
            left.append(refused)
            continue
        if target != unit.position:
            moves.append(_Move(unit, target, direction, known.get(unit.pk, NOTHING_SEEN).as_record()))
    flips = _write(project, moves, actor=actor, reason=reason or "Rolled back", now=now)
    return Rollback(flips=flips, left=left)


def _lock_units(project: Project, ids: Iterable[int]) -> list[Unit]:
    units = Unit.objects.tracked().filter(project=project, pk__in=list(ids))
    return list(units.select_related("service").select_for_update(of=("self",)).order_by("pk"))


def _climb(unit: Unit, change: Change, judgement: Judgement) -> Climb:
    """Where one unit goes, or why not."""
    target = settle(current=unit.position, stage=change.stage, candidate=change.candidate, mirror=change.mirror)
    if change.version != unit.version:
        last = unit.flips.first()
        raise Stale(unit, last=last, wanted=target, seen=change.version)
    direction = _direction(unit, target)
    return Climb(unit=unit, target=target, judgement=judgement, direction=direction)


def _direction(unit: Unit, target: Position) -> Direction:
    try:
        return check_transition(current=unit.position, target=target, legacy_deployed=unit.service.legacy_deployed)
    except TransitionRefused as refusal:
        raise NotAllowed(unit, refusal) from None


def _write(project: Project, moves: Sequence[_Move], *, actor: Actor, reason: str, now: datetime) -> list[Flip]:
    if not moves:
        return []
    version = versions.advance(project_id=project.pk)
    reason = reason.replace("\0", "")  # the one character that PostgreSQL keeps in no text
    entries = [_entry(move, project=project, version=version, actor=actor, reason=reason, now=now) for move in moves]
    back = all(move.direction is Direction.BACK for move in moves)
    seal(project=project, flips=entries, actor=actor, reason=reason, back=back, now=now)
    flips = Flip.objects.bulk_create(entries, batch_size=BATCH)
    _move_units(flips, afresh=[_compares_otherwise(move) for move in moves])
    return flips


def _entry(move: _Move, *, project: Project, version: int, actor: Actor, reason: str, now: datetime) -> Flip:
    before = move.unit.position
    return Flip(
        project=project,
        unit=move.unit,
        at=now,
        actor=actor.name,
        user_id=actor.user_id,
        via=actor.via,
        reason=reason,
        direction=move.direction,
        override=move.override,
        from_stage=before.stage,
        from_candidate_bp=before.candidate,
        from_mirror_bp=before.mirror,
        to_stage=move.target.stage,
        to_candidate_bp=move.target.candidate,
        to_mirror_bp=move.target.mirror,
        unit_version=move.unit.version + 1,
        epoch=project.epoch,
        version=version,
        evidence=move.evidence,
    )


def _compares_otherwise(move: _Move) -> bool:
    """Whether what is compared changes: then what was counted so far says nothing about it."""
    return move.unit.position.rung.scrutiny != move.target.rung.scrutiny


def _move_units(flips: Sequence[Flip], *, afresh: Sequence[bool]) -> None:
    """Put the units where their ledger entries say: one statement, whether they are one or fifty thousand."""
    with connection.cursor() as cursor:
        cursor.execute(_MOVE_UNITS, [[flip.pk for flip in flips], list(afresh)])


_MOVE_UNITS = """
UPDATE inventory_unit unit SET
    stage = flip.to_stage,
    candidate_bp = flip.to_candidate_bp,
    mirror_bp = flip.to_mirror_bp,
    version = flip.unit_version,
    table_version = flip.version,
    stage_since = CASE WHEN flip.to_stage = flip.from_stage THEN unit.stage_since ELSE flip.at END,
    share_since = CASE WHEN flip.to_candidate_bp = flip.from_candidate_bp THEN unit.share_since ELSE flip.at END,
    evidence_epoch = unit.evidence_epoch + moved.afresh::int,
    evidence_since = CASE WHEN moved.afresh THEN flip.at ELSE unit.evidence_since END
FROM unnest(%s::bigint[], %s::boolean[]) AS moved(flip_id, afresh)
JOIN rollout_flip flip ON flip.id = moved.flip_id
WHERE unit.id = flip.unit_id
"""


def words(position: Position) -> str:
    """A position as people say it: `canary, candidate 5 %, mirror 100 %`."""
    return (
        f"{position.rung.label.lower()}, candidate {position.candidate / 100:g} %, mirror {position.mirror / 100:g} %"
    )
