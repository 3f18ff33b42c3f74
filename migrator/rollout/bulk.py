"""Moving many units one way: what each of them would do, and why some would stay. Carried out by `services.flip`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from migrator.access.rights import Actor, Right
from migrator.core.stages import Direction, Position, Stage, TransitionRefused, check_transition, settle
from migrator.gates.queries import judgements
from migrator.inventory.models import Project, Unit
from migrator.rollout.barriers import Climb, barriers

MOST: Final = 1_000
"""Units that are looked over at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """One unit, where it would go, and why it would not. `version` is the one that was looked at."""

    unit_id: int
    key: str
    version: int
    before: Position
    after: Position
    skipped: str = ""
    """Why it stays; empty where it goes."""


def look_over(
    *, project: Project, unit_ids: Sequence[int], stage: Stage, actor: Actor, now: datetime
) -> list[Prospect]:
    """What moving these units to a stage would do, in the order of their keys. Units of other projects are left out."""
    units = Unit.objects.tracked().filter(project=project, pk__in=list(unit_ids)[:MOST])
    found = list(units.select_related("service", "team", "project").order_by("key"))
    targets = {unit.pk: settle(current=unit.position, stage=stage) for unit in found}
    refused = {unit.pk: _refusal(unit, targets[unit.pk], actor) for unit in found}
    open_ones = [unit for unit in found if not refused[unit.pk]]
    blocked = _blocked(project, open_ones, targets, actor, now)
    return [
        Prospect(
            unit_id=unit.pk,
            key=unit.key,
            version=unit.version,
            before=unit.position,
            after=targets[unit.pk],
            skipped=refused[unit.pk] or blocked.get(unit.pk, ""),
        )
        for unit in found
    ]


def _refusal(unit: Unit, target: Position, actor: Actor) -> str:
    """What the ladder or the actor's rights say against it; empty where they say nothing."""
    if target == unit.position:
        return "It stands there already."
    if not actor.may_with(unit, Right.FLIP):
        return f"{actor.name} may not flip it: it is another team's."
    try:
        check_transition(current=unit.position, target=target, legacy_deployed=unit.service.legacy_deployed)
    except TransitionRefused as refusal:
        return refusal.message
    return ""


def _blocked(
    project: Project, units: Sequence[Unit], targets: dict[int, Position], actor: Actor, now: datetime
) -> dict[int, str]:
    """The first barrier in the way of each unit that goes up, in words."""
    rising = [unit for unit in units if _rises(unit, targets[unit.pk])]
    if not rising:
        return {}
    judged = judgements(units=rising, now=now)
    climbs = [Climb(unit=unit, target=targets[unit.pk], judgement=judged[unit.pk]) for unit in rising]
    found = barriers(project=project, climbs=climbs, actor=actor, now=now)
    return {pk: each[0].message.removeprefix("Not applied: ") for pk, each in found.items()}


def _rises(unit: Unit, target: Position) -> bool:
    way = check_transition(current=unit.position, target=target, legacy_deployed=unit.service.legacy_deployed)
    return way is Direction.FORWARD
