"""Adding a link to a project's chain, in the transaction of what it records."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from django.db import transaction

from migrator.access.rights import Actor
from migrator.inventory import versions
from migrator.inventory.models import Project, Unit
from migrator.ledger.models import Entry

NOTHING: Final = "0" * 64
"""What the first link of a chain names as the one before it."""


def record(
    *,
    project: Project,
    kind: str,
    actor: Actor,
    now: datetime,
    body: Mapping[str, Any],
    unit: Unit | None = None,
    reason: str = "",
) -> Entry:
    """Add one link. `body` is plain JSON. Must run inside the transaction that changes what it tells of.

    The project's row is locked, so links follow each other whoever writes them.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("record() must share a transaction with what it records")
    versions.lock(project_id=project.pk)
    last = Entry.objects.filter(project=project).order_by("-number").first()
    entry = Entry(
        project=project,
        number=last.number + 1 if last else 1,
        at=now,
        actor=actor.name,
        user_id=actor.user_id,
        via=actor.via,
        kind=kind,
        unit=unit,
        reason=reason.replace("\0", ""),
        body=orjson.loads(canonical(body)),
        previous=last.digest if last else NOTHING,
    )
    entry.digest = digest_of(entry)
    entry.save(force_insert=True)
    return entry


def digest_of(entry: Entry) -> str:
    """SHA-256 of a link's content, the digest of the link before included."""
    content = {
        "project": entry.project_id,
        "number": entry.number,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": entry.actor,
        "user": entry.user_id,
        "via": str(entry.via),
        "kind": str(entry.kind),
        "unit": entry.unit_id,
        "reason": entry.reason,
        "body": entry.body,
        "previous": entry.previous,
    }
    return hashlib.sha256(canonical(content)).hexdigest()


def canonical(content: Mapping[str, Any]) -> bytes:
    """The one way to write content down: JSON with sorted keys, as it comes back from the database."""
    return orjson.dumps(_plain(content), option=orjson.OPT_SORT_KEYS)


def _plain(value: Any) -> Any:
    """As PostgreSQL gives it back: it keeps no difference between 1 and 1.0, or 10000000000000000 and 1e16."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return str(value) if isinstance(value, str) else value
