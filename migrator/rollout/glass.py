"""Breaking the glass: a person goes through what stands in the way, by a second factor, and everybody hears of it.

Neither the ladder nor the proof of removal gives way. Going down needs no glass: nothing stands there.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from migrator.access import second_factor
from migrator.access.rights import Actor, Right, demand
from migrator.inventory.models import Project, Unit
from migrator.inventory.services import Invalid
from migrator.ledger.models import Kind
from migrator.ledger.services import record
from migrator.rollout.models import Flip
from migrator.rollout.services import Change, flip, words
from migrator.telling.models import Event, Severity
from migrator.telling.services import tell


def break_glass(
    *, project: Project, changes: Sequence[Change], user: Any, actor: Actor, code: str, reason: str, now: datetime
) -> list[Flip]:
    """Move units whatever freeze, cool-down, second person or gate is in the way; all or none.

    Takes a code of the user's second factor, which is spent even where the door then refuses. Call it outside of a
    transaction. Raises Forbidden, Invalid without a reason, second_factor.WrongCode, and what `flip` raises.
    """
    if not reason.strip():
        raise Invalid("reason", "Breaking the glass needs a reason: everybody is told.")
    units = Unit.objects.filter(project=project, pk__in=[change.unit_id for change in changes])
    demand(actor=actor, right=Right.FLIP, units=list(units))
    if actor.user_id is None or user.pk != actor.user_id:
        raise Invalid("code", "Only a person with a second factor breaks the glass, not a program.")
    second_factor.verify(user=user, code=code, now=now)
    with transaction.atomic():
        flips = flip(project=project, changes=changes, actor=actor, reason=reason, now=now, break_glass=True)
        forced = [each for each in flips if each.override]
        if forced:
            _tell(project, forced, actor, reason, now)
    return flips


def _tell(project: Project, forced: Sequence[Flip], actor: Actor, reason: str, now: datetime) -> None:
    first, more = forced[0], len(forced) - 1
    moved = f"{first.unit.key}: {words(first.before)} → {words(first.after)}{f' and {more:,} more' if more else ''}"
    body = {"headline": f"broke the glass: {moved}", "units": [each.unit_id for each in forced]}
    unit = None if more else first.unit
    record(project=project, kind=Kind.OVERRIDE, actor=actor, now=now, body=body, unit=unit, reason=reason)
    tell(
        project=project,
        event=Event.BREAK_GLASS,
        severity=Severity.CRITICAL,
        title=f"{actor.name} broke the glass: {first.unit.key}",
        sentence=f"{moved}. {actor.name}: {reason}",
        path=f"/p/{project.slug}/units/{first.unit_id}",
        now=now,
        unit=unit,
    )
