"""What people write for each other: remarks on a unit, and the note for whoever is on call next."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar

from migrator.access.rights import Actor, Right, demand
from migrator.inventory.models import Project, Unit
from migrator.inventory.services import Invalid
from migrator.rollout.models import Comment, HandOver

LONGEST: Final = 4_000
AGAIN: Final = timedelta(minutes=10)
"""The same words by the same person within this time were sent twice, not said twice."""
TAKEN: Final = "On it."
"""The comment by which somebody takes a unit's trouble on: others see who, and need not ask."""
TAKEN_FOR: Final = timedelta(hours=12)
Remark = TypeVar("Remark", Comment, HandOver)


def comment(*, unit: Unit, text: str, actor: Actor, now: datetime) -> Comment:
    """Say something about a unit. Raises Forbidden, or Invalid."""
    demand(actor=actor, right=Right.ROLL_BACK, units=[unit])
    told = _told(text)
    if (sent := _sent_again(unit.comments.first(), actor, told, now)) is not None:
        return sent
    return Comment.objects.create(unit=unit, user_id=actor.user_id, author=actor.name, at=now, text=told)


def hand_over(*, project: Project, text: str, actor: Actor, now: datetime) -> HandOver:
    """Leave a note for whoever is on call next. Raises Forbidden, or Invalid."""
    demand(actor=actor, right=Right.ROLL_BACK)
    told = _told(text)
    if (sent := _sent_again(project.hand_overs.first(), actor, told, now)) is not None:
        return sent
    return HandOver.objects.create(project=project, user_id=actor.user_id, author=actor.name, at=now, text=told)


def take_on(*, unit: Unit, actor: Actor, now: datetime) -> Comment:
    """Say that somebody looks into a unit's trouble; said again, it is said once. Raises Forbidden."""
    standing = takers(unit_ids=[unit.pk], now=now).get(unit.pk)
    if standing is not None and standing.author == actor.name:
        return standing
    return comment(unit=unit, text=TAKEN, actor=actor, now=now)


def takers(*, unit_ids: Sequence[int], now: datetime) -> dict[int, Comment]:
    """Who took on which unit last, by unit id."""
    said = Comment.objects.filter(unit__in=unit_ids, text=TAKEN, at__gte=now - TAKEN_FOR)
    return {each.unit_id: each for each in said.order_by("unit_id", "-id").distinct("unit_id")}


def comments_of(*, unit: Unit, limit: int = 20) -> list[Comment]:
    """The newest first."""
    return list(unit.comments.all()[:limit])


def newest_hand_over(*, project: Project) -> HandOver | None:
    return project.hand_overs.first()


def _sent_again(newest: Remark | None, actor: Actor, told: str, now: datetime) -> Remark | None:
    """The newest remark, where it is this very one: on a bad line people press twice."""
    if newest is None or (newest.author, newest.text) != (actor.name, told) or now - newest.at > AGAIN:
        return None
    return newest


def _told(text: str) -> str:
    told = text.replace("\0", "").strip()
    if not 0 < len(told) <= LONGEST:
        raise Invalid("text", f"Write something, in at most {LONGEST:,} characters.")
    return told
