"""Ramps in people's hands: started for one unit or for hundreds, paused, resumed, hurried and stopped.

What they do by themselves between two hands is `climbing.tick()`. Whoever starts or resumes a ramp answers for it:
its flips bear their name, and need their right at the moment of the flip.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from django.db import transaction

from migrator.access.rights import Actor, Right, demand
from migrator.core.ramp import Plan, PlanRefused, check, duration, soak_of, step_after
from migrator.core.ramp_text import as_record
from migrator.core.stages import RANK, SAFE_STAGE, Operation, Stage, percent
from migrator.inventory import versions
from migrator.inventory.models import Project, Unit
from migrator.rollout.climbing import Ticked, tick
from migrator.rollout.models import Ramp, RampState
from migrator.rollout.ramp_records import plan_of, record

__all__ = ["Done", "Left", "Preview", "Ticked", "pause", "preview", "resume", "skip_wait", "start", "stop", "tick"]

MOST: Final = 10_000
"""Units of one start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """One unit that nothing was done for, and why."""

    unit_id: int
    key: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a start would do."""

    ready: tuple[Unit, ...]
    left: tuple[Left, ...]

    @property
    def sentence(self) -> str:
        told = f"{_units(len(self.ready))} would climb by {'itself' if len(self.ready) == 1 else 'themselves'}"
        return f"{told}; {len(self.left):,} left out." if self.left else f"{told}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was done. Those left out are as they were."""

    ramps: tuple[Ramp, ...]
    left: tuple[Left, ...]
    batch: UUID | None = None


class NoneReady(ValueError):
    """Nothing was started: not one unit could be, or not all of them where all were wanted."""

    def __init__(self, left: Sequence[Left]) -> None:
        self.left = tuple(left)
        first = f" {left[0].key}: {left[0].reason}" if left else " Name at least one unit."
        more = f" And {len(left) - 1:,} more." if len(left) > 1 else ""
        super().__init__(f"Not started.{first}{more}")


# -------------------------------------------------------------------------------------------- start


def preview(*, project: Project, unit_ids: Sequence[int], plan: Plan, actor: Actor | None = None) -> Preview:
    """Which of these units could begin such a ramp now, and why the others could not; for this actor, where one is
    named. Raises PlanRefused.
    """
    check(plan)
    wanted = list(dict.fromkeys(unit_ids))
    if len(wanted) > MOST:
        raise PlanRefused("units", f"At most {MOST:,} units are started together, not {len(wanted):,}.")
    units = Unit.objects.filter(project=project).select_related("service", "team", "project").in_bulk(wanted)
    busy = dict(Ramp.objects.filter(ended_at__isnull=True, unit__in=units).values_list("unit_id", "starter"))
    ready: list[Unit] = []
    left: list[Left] = []
    for pk in wanted:
        unit = units.get(pk)
        reason = "it is not tracked here." if unit is None else _why_not(unit, plan, busy.get(pk))
        if unit is not None and actor is not None and not actor.may_with(unit, Right.FLIP):
            reason = f"it is another team's: {actor.name} may not flip it."
        if unit is not None and not reason:
            ready.append(unit)
        else:
            left.append(Left(unit_id=pk, key=unit.key if unit else f"unit {pk}", reason=reason))
    return Preview(ready=tuple(ready), left=tuple(left))


def _why_not(unit: Unit, plan: Plan, climbed_by: str | None) -> str:
    """Why a unit cannot begin this plan; empty where it can."""
    position = unit.position
    if unit.gone_at is not None:
        return "it is tracked no more."
    if climbed_by is not None:
        return f"it climbs already, started by {climbed_by}. Stop that ramp first."
    if RANK[position.stage] > RANK[Stage.CUTOVER]:
        return f"it stands in {position.rung.label.lower()}: there is nothing to climb."
    if RANK[position.stage] < RANK[SAFE_STAGE]:
        return f"it stands in {position.rung.label.lower()}: take it to side by side first, so that evidence flows."
    if step_after(plan=plan, position=position) >= len(plan.steps):
        return f"it stands at {percent(position.candidate)} %, which is where the plan ends or beyond."
    if unit.operation == Operation.WRITE and not unit.sister:
        return "it is a write without sister datastores: nothing compares it, so evidence cannot carry it up."
    return ""


@transaction.atomic
def start(
    *,
    project: Project,
    unit_ids: Sequence[int],
    plan: Plan,
    actor: Actor,
    reason: str,
    now: datetime,
    all_or_none: bool = False,
) -> Done:
    """Let units climb by themselves: those that can, or, with `all_or_none`, all or none.

    Raises Forbidden, PlanRefused, or NoneReady where nothing was started.
    """
    _demand_somewhere(actor)
    # Two starts at once queue up here, so that the second sees what the first began.
    versions.lock(project_id=project.pk)
    seen = preview(project=project, unit_ids=unit_ids, plan=plan, actor=actor)
    if not seen.ready or (all_or_none and seen.left):
        raise NoneReady(seen.left)
    batch, reason = uuid4(), reason.replace("\0", "")[:1_000]
    ramps = Ramp.objects.bulk_create([_new(unit, plan, batch, actor, reason, now) for unit in seen.ready])
    record(
        project=project,
        ramps=ramps,
        act="start",
        actor=actor,
        now=now,
        reason=reason,
        batch=str(batch),
        plan=as_record(plan),
    )
    return Done(ramps=tuple(ramps), left=seen.left, batch=batch)


def _demand_somewhere(actor: Actor) -> None:
    """Raise Forbidden unless the actor may flip something here, be it one team's units."""
    if not any(Right.FLIP in rights for rights in actor.team_rights.values()):
        demand(actor=actor, right=Right.FLIP)


def _new(unit: Unit, plan: Plan, batch: UUID, actor: Actor, reason: str, now: datetime) -> Ramp:
    return Ramp(
        project_id=unit.project_id,
        unit=unit,
        batch=batch,
        plan=as_record(plan),
        step=step_after(plan=plan, position=unit.position),
        step_since=now,
        seen_version=unit.version,
        waiting="Begins with the next tick.",
        reason=reason,
        started_by_id=actor.user_id,
        starter=actor.name,
        started_via=actor.via,
        started_at=now,
    )


# ------------------------------------------------------------------------------------------- change


def pause(*, project: Project, ramp_ids: Sequence[int], actor: Actor, now: datetime, reason: str = "") -> Done:
    """Stop the clocks. Units stay where they are and the guard goes on watching. Raises Forbidden."""
    demand(actor=actor, right=Right.ROLL_BACK)

    def paused(ramp: Ramp) -> str:
        if ramp.state != RampState.RUNNING:
            return f"it is {ramp.get_state_display()}."
        ramp.state, ramp.next_at = RampState.PAUSED, None
        ramp.waiting = f"{actor.name} paused it. {keeps_running(ramp.unit)}"
        return ""

    return _change(project, ramp_ids, actor, now, reason, "pause", paused)


def resume(*, project: Project, ramp_ids: Sequence[int], actor: Actor, now: datetime, reason: str = "") -> Done:
    """Go on from where the units stand. Whoever resumes answers for it from now on. Raises Forbidden."""
    _demand_somewhere(actor)

    def resumed(ramp: Ramp) -> str:
        why_not = _why_not_raised(ramp, actor) or _why_not_resumed(ramp, now)
        if why_not:
            return why_not
        if ramp.state == RampState.COOLING or ramp.seen_version != ramp.unit.version:
            # The unit stands elsewhere: what it soaked there says nothing about here.
            ramp.step = step_after(plan=plan_of(ramp), position=ramp.unit.position)
            ramp.soaked_s, ramp.seen_version = 0.0, ramp.unit.version
        ramp.state, ramp.waiting, ramp.next_at = RampState.RUNNING, "Goes on with the next tick.", None
        ramp.step_since, ramp.looked_at = now, now
        ramp.started_by_id, ramp.starter, ramp.started_via = actor.user_id, actor.name, actor.via
        return ""

    return _change(project, ramp_ids, actor, now, reason, "resume", resumed)


def _why_not_raised(ramp: Ramp, actor: Actor) -> str:
    return "" if actor.may_with(ramp.unit, Right.FLIP) else f"it is another team's: {actor.name} may not flip it."


def _why_not_resumed(ramp: Ramp, now: datetime) -> str:
    if ramp.state not in (RampState.PAUSED, RampState.COOLING):
        return f"it is {ramp.get_state_display()}."
    if ramp.state == RampState.COOLING and ramp.next_at is not None and now < ramp.next_at:
        left = duration((ramp.next_at - now).total_seconds())
        return f"it cools down for another {left} after its rollback."
    try:
        plan_of(ramp)
    except PlanRefused as refused:
        return refused.message
    return ""


def skip_wait(*, project: Project, ramp_ids: Sequence[int], actor: Actor, now: datetime, reason: str = "") -> Done:
    """Let the rest of the soak be. The evidence, hours and freezes are asked all the same. Raises Forbidden."""
    _demand_somewhere(actor)

    def skipped(ramp: Ramp) -> str:
        if ramp.state != RampState.RUNNING or not actor.may_with(ramp.unit, Right.FLIP):
            return _why_not_raised(ramp, actor) or f"it is {ramp.get_state_display()}."
        # A tick that looked before this must not write over it: it compares when the ramp was looked at.
        ramp.soaked_s, ramp.looked_at = float(soak_of(plan=plan_of(ramp), step=ramp.step)), now
        ramp.waiting, ramp.next_at = f"{actor.name} skipped the rest of the soak.", None
        return ""

    return _change(project, ramp_ids, actor, now, reason, "skip wait", skipped)


def stop(*, project: Project, ramp_ids: Sequence[int], actor: Actor, now: datetime, reason: str = "") -> Done:
    """End ramps for good. Units stay where they are and the guard goes on watching. Raises Forbidden."""
    demand(actor=actor, right=Right.ROLL_BACK)

    def stopped(ramp: Ramp) -> str:
        ramp.state, ramp.waiting, ramp.next_at = RampState.STOPPED, "", None
        ramp.ended_at, ramp.ended_because = now, (reason or f"{actor.name} stopped it.")[:500]
        return ""

    return _change(project, ramp_ids, actor, now, reason, "stop", stopped)


@transaction.atomic
def _change(
    project: Project,
    ramp_ids: Sequence[int],
    actor: Actor,
    now: datetime,
    reason: str,
    act: str,
    apply: Callable[[Ramp], str],
) -> Done:
    """Change those that can be, in one transaction with one entry. `apply` returns why not, or nothing."""
    reason = reason.replace("\0", "")[:1_000]
    versions.lock(project_id=project.pk)
    rows = Ramp.objects.select_for_update(of=("self",)).filter(project=project, pk__in=list(ramp_ids))
    changed: list[Ramp] = []
    left: list[Left] = []
    for ramp in rows.select_related("unit__service", "project").order_by("pk"):
        why_not = f"it is {ramp.get_state_display()}." if ramp.ended_at else apply(ramp)
        if why_not:
            left.append(Left(unit_id=ramp.unit_id, key=ramp.unit.key, reason=why_not))
        else:
            ramp.changed_by = actor.name
            changed.append(ramp)
    Ramp.objects.bulk_update(changed, _CHANGED, batch_size=500)
    record(project=project, ramps=changed, act=act, actor=actor, now=now, reason=reason)
    return Done(ramps=tuple(changed), left=tuple(left))


_CHANGED: Final = (
    *("state", "waiting", "next_at", "step", "step_since", "looked_at", "soaked_s", "seen_version"),
    *("started_by", "starter", "started_via", "ended_at", "ended_because", "changed_by"),
)


def keeps_running(unit: Unit) -> str:
    """What goes on while a ramp stands still."""
    share = percent(unit.candidate_bp)
    return f"The guard goes on watching; the unit stays at {share} %."


def _units(number: int) -> str:
    return f"{number:,} unit{'s' if number != 1 else ''}"
