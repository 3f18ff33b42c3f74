"""What people write for each other: remarks on a unit, and the note for whoever is on call next."""

from datetime import datetime
from typing import Final

from migrator.access.rights import Actor, Right, demand
from migrator.inventory.models import Project, Unit
from migrator.inventory.services import Invalid
from migrator.rollout.models import Comment, HandOver

LONGEST: Final = 4_000


def comment(*, unit: Unit, text: str, actor: Actor, now: datetime) -> Comment:
    """Say something about a unit. Raises Forbidden, or Invalid."""
    demand(actor=actor, right=Right.ROLL_BACK, units=[unit])
    return Comment.objects.create(unit=unit, user_id=actor.user_id, author=actor.name, at=now, text=_told(text))


def hand_over(*, project: Project, text: str, actor: Actor, now: datetime) -> HandOver:
    """Leave a note for whoever is on call next. Raises Forbidden, or Invalid."""
    demand(actor=actor, right=Right.ROLL_BACK)
    return HandOver.objects.create(project=project, user_id=actor.user_id, author=actor.name, at=now, text=_told(text))


def comments_of(*, unit: Unit, limit: int = 20) -> list[Comment]:
    """The newest first."""
    return list(unit.comments.all()[:limit])


def newest_hand_over(*, project: Project) -> HandOver | None:
    return project.hand_overs.first()


def _told(text: str) -> str:
    told = text.replace("\0", "").strip()
    if not 0 < len(told) <= LONGEST:
        raise Invalid("text", f"Write something, in at most {LONGEST:,} characters.")
    return told
