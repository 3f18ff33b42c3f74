"""Changes of a part of what stands in the plan: two people who saw the same may change it, and both changes stay."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from migrator.access.rights import Actor, Right, demand
from migrator.inventory import versions
from migrator.planning.models import Milestone, Phase
from migrator.planning.services import Row, as_it_stands, save_phase, set_milestone

OF_PHASE: Final = ("name", "deadline", "done_at", "description", "position")
OF_MILESTONE: Final = ("name", "due", "share", "phase", "service", "team")


@transaction.atomic
def change_phase(*, phase: Phase, actor: Actor, now: datetime, changes: Mapping[str, Any], reason: str = "") -> Phase:
    """Change some of a phase; what `changes` does not name stays as it is now. Raises Forbidden, or Invalid."""
    demand(actor=actor, right=Right.MANAGE)
    versions.lock(project_id=phase.project_id)
    wanted = _standing_parts(phase, OF_PHASE) | dict(changes)
    return save_phase(project=phase.project, phase=phase, actor=actor, now=now, reason=reason, **wanted)


@transaction.atomic
def change_milestone(
    *, milestone: Milestone, actor: Actor, now: datetime, changes: Mapping[str, Any], reason: str = ""
) -> Milestone:
    """Change some of a mini-deadline; what `changes` does not name stays as it is now. Raises Forbidden, or Invalid."""
    demand(actor=actor, right=Right.MANAGE)
    versions.lock(project_id=milestone.project_id)
    wanted = _standing_parts(milestone, OF_MILESTONE) | dict(changes)
    return set_milestone(project=milestone.project, milestone=milestone, actor=actor, now=now, reason=reason, **wanted)


def _standing_parts(row: Row, names: tuple[str, ...]) -> dict[str, Any]:
    """Read with the project's row locked: nobody changes it between this and the write."""
    found = as_it_stands(row)
    return {name: getattr(found, name) for name in names}
