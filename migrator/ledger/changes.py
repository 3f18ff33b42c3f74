"""Changes of the inventory that the ledger must know of: made and recorded in one transaction."""

from datetime import datetime
from typing import Any

from django.db import transaction

from migrator.access.rights import Actor
from migrator.inventory import services as inventory
from migrator.inventory.models import Deploy, Project, Service
from migrator.ledger.models import Kind
from migrator.ledger.services import record


@transaction.atomic
def deploy(*, service: Service, side: str, build: str, actor: Actor, now: datetime, reason: str = "") -> Deploy:
    """One side of a service runs another build: its units' evidence starts afresh. Raises inventory's Invalid."""
    before = Deploy.objects.filter(service=service, side=side).values_list("build", flat=True).first()
    made = inventory.record_deploy(service=service, side=side, build=build, now=now)
    body = {"headline": f"{service.name}, {side}: {build}", "service": service.name, "side": side, "build": build}
    record(
        project=service.project, kind=Kind.DEPLOY, actor=actor, now=now, body=body | {"before": before}, reason=reason
    )
    return made


@transaction.atomic
def settings(*, project: Project, actor: Actor, now: datetime, **changes: Any) -> Project:
    """Change a project's names, deadline or manners. Raises inventory's Invalid."""
    before = {name: _plain(getattr(project, name)) for name in changes}
    changed = inventory.change_settings(project=project, **changes)
    after = {name: _plain(getattr(changed, name)) for name in changes}
    if after != before:
        body = {"headline": ", ".join(sorted(changes)), "before": before, "after": after}
        record(project=project, kind=Kind.SETTINGS, actor=actor, now=now, body=body)
    return changed


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def scope(
    *,
    project: Project,
    actor: Actor,
    now: datetime,
    added: int,
    gone: int,
    headline: str,
    reason: str = "",
    **more: Any,
) -> None:
    """The scope grew or shrank: who, why and by how many units. Must share the transaction of the change."""
    if added or gone:
        body = {"headline": headline, "added": added, "gone": gone, **more}
        record(project=project, kind=Kind.SCOPE, actor=actor, now=now, body=body, reason=reason)
