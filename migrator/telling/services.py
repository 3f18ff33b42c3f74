"""Saying something: into the outbox, in the transaction of what is told."""

from datetime import datetime

from migrator.inventory.models import Project, Unit
from migrator.telling.models import Message


def tell(
    *,
    project: Project,
    event: str,
    severity: str,
    title: str,
    sentence: str,
    path: str,
    now: datetime,
    unit: Unit | None = None,
    key: str = "",
    resolves: bool = False,
) -> Message:
    """Put a message into the outbox. Nothing is sent before the transaction commits, and then it cannot be lost.

    `key` names the matter, so that a channel tells it once and closes it when a message `resolves` it; without one
    the event and the unit are the matter. `path` is the page where somebody can act, `/p/shop/units/12`.
    """
    return Message.objects.create(
        project=project,
        unit=unit,
        event=event,
        severity=severity,
        key=key or f"{event}:{unit.pk if unit else project.slug}",
        resolves=resolves,
        title=title[:300],
        sentence=sentence[:2_000],
        path=path,
        at=now,
    )
