"""The ledger checked by itself: whoever tampers with it is told of, not found out when somebody happens to look."""

from datetime import datetime

import structlog

from migrator.inventory.models import Project
from migrator.rollout.chain import check
from migrator.rollout.matters import open_matters
from migrator.telling.models import Event, Severity
from migrator.telling.services import tell

log = structlog.get_logger()


def check_all(*, now: datetime) -> int:
    """Check every ledger, and tell of each that was tampered with, once. Returns how many there are."""
    broken = 0
    for project in Project.objects.all():
        found = check(project=project)
        if found.sound:
            continue
        broken += 1
        log.error("ledger.tampered", project=project.slug, faults=len(found.faults))
        key = f"ledger:{project.slug}"
        if key not in open_matters(keys=[key], project=project):
            tell(
                project=project,
                event=Event.LEDGER,
                severity=Severity.CRITICAL,
                title=f"The ledger of {project.name} was tampered with",
                sentence=found.sentence,
                path=f"/p/{project.slug}/ledger/check",
                key=key,
                now=now,
            )
    return broken
