"""Saying something: into the outbox, in the transaction of what is told."""

import uuid
from datetime import datetime

from migrator.inventory.models import Project, Unit
from migrator.telling.models import MOMENTS, Message


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

    `key` names the matter, so that a channel tells it once and closes it when a message `resolves` it. Without one
    the event and the unit are the matter; what is over as soon as it happens (a flip, a rollback) is a matter of
    its own each time. `path` is the page where somebody can act, `/p/shop/units/12`.

    `title` says what is so from now on, also where it `resolves`: "The guard is back". It stands alone in subjects
    and lists, and nothing is put before it.
    """
    return Message.objects.create(
        project=project,
        unit=unit,
        event=event,
        severity=severity,
        key=(key or _matter(project, event, unit))[:200],
        resolves=resolves,
        title=_kept(title)[:300],
        sentence=_kept(sentence)[:2_000],
        path=path,
        at=now,
    )


def _matter(project: Project, event: str, unit: Unit | None) -> str:
    subject = f"{event}:{unit.pk if unit else project.slug}"
    return f"{subject}:{uuid.uuid4()}" if event in MOMENTS else subject


def _kept(text: str) -> str:
    """Without the one character that PostgreSQL keeps in no text."""
    return text.replace("\0", "")
