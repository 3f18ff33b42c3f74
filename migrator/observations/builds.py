"""Builds that data planes saw answering: evidence starts afresh when another one appears.

1. Reports name the builds that answered lately. They are kept with the batch (`write_builds`).
2. After the drain, in a transaction of its own, it is decided of each whether it is news (`take_note`): a deploy
   holds the project's row, and a flip must not wait for a drain.

The second step follows from what is stored alone, so that a report that comes again, a crash in between, or
two workers at once change nothing. The first build that a side is ever seen with is no news: what was counted so far
was counted of it.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import transaction
from django.db.models import F, Q

from migrator.access.rights import console
from migrator.inventory.models import Deploy, Service
from migrator.ledger import changes
from migrator.observations.folding import Batch
from migrator.observations.models import SeenBuild
from migrator.observations.upsert import Target, upsert
from migrator.observations.writing import moment

AUTHOR: Final = "Builds"
REASON: Final = "Seen in its answers."
TOUCH: Final = timedelta(seconds=10)
"""A build that goes on answering is written down so often."""
GONE: Final = timedelta(minutes=2)
"""A build that was not seen for so long answers no more."""
RETURNED: Final = timedelta(minutes=10)
"""A former build that still answers so long after the present one was last seen is the present one again."""
BUSY: Final = timedelta(hours=1)
MOST_IN_BUSY: Final = 20
"""Builds of one side that may appear in that time. A header that names more is none that names builds."""

_SEEN = Target(
    table=SeenBuild._meta.db_table,
    key=("service_id", "side", "build"),
    kept=("looked_at",),
    least=("first_seen_at",),
    greatest=("last_seen_at",),
)

log = structlog.get_logger()

Place = tuple[int, str]
"""Service and side."""


def write_builds(batch: Batch, *, now: datetime) -> None:
    """Write down which builds answered. Those that are known and were written a moment ago are left alone."""
    services = _services(batch)
    known = {
        (row.service_id, row.side, row.build): row for row in SeenBuild.objects.filter(service__in=services.values())
    }
    young = Counter((row.service_id, row.side) for row in known.values() if row.first_seen_at > now - BUSY)
    rows = []
    for (project_id, name, side, build), (first, last) in sorted(batch.builds.items()):
        service = services.get((project_id, name))
        if service is None:
            continue
        row = known.get((service, side, build))
        if row is None and young[service, side] >= MOST_IN_BUSY:
            log.warning("build.left_out", service=name, side=side, reason="too many builds within an hour")
        elif row is None or row.last_seen_at + TOUCH <= moment(last):
            young[service, side] += row is None
            rows.append((service, str(side), build, None, moment(first), moment(last)))
    upsert(_SEEN, rows)


def take_note(*, now: datetime) -> int:
    """Let evidence start afresh for each build that is news. Returns how many were. Repeating it is harmless."""
    waiting = Q(looked_at__isnull=True) | Q(looked_at__lt=F("last_seen_at"))
    if not SeenBuild.objects.filter(waiting).exists():
        return 0
    with transaction.atomic():
        rows = list(SeenBuild.objects.select_for_update(skip_locked=True).filter(waiting).order_by("first_seen_at"))
        news = sum(_look(place, rows, now=now) for place in dict.fromkeys((row.service_id, row.side) for row in rows))
        SeenBuild.objects.filter(pk__in=[row.pk for row in rows]).update(looked_at=F("last_seen_at"))
    return news


def _look(place: Place, rows: Iterable[SeenBuild], *, now: datetime) -> int:
    """Decide about the builds of one side of a service that were seen since the last time."""
    service_id, side = place
    everything = list(SeenBuild.objects.filter(service=service_id, side=side))
    deploys = Deploy.objects.filter(service=service_id, side=side).order_by("-at", "-pk")
    deployed = list(deploys.values_list("build", flat=True))
    is_first = not deployed and all(row.looked_at is None for row in everything)
    news = 0
    for row in rows:
        if (row.service_id, row.side) != place or not row.build or is_first:
            continue
        never_seen = row.looked_at is None and row.build not in deployed
        if never_seen or _is_back(row, present_build(everything, deployed), everything):
            _deploy(row, now=now)
            deployed.insert(0, row.build)
            news += 1
    return news


def present_build(seen: Iterable[SeenBuild], deployed: Iterable[str]) -> str:
    """The build that a side should answer with: the one deployed last, else the one that was seen first of late.

    `deployed` is newest first. Empty where nobody ever named one.
    """
    last = next(iter(deployed), None)
    if last is not None:
        return last
    named = sorted((row for row in seen if row.build), key=lambda row: (row.first_seen_at, row.build))
    return named[-1].build if named else ""


def _is_back(row: SeenBuild, present: str, seen: Iterable[SeenBuild]) -> bool:
    """Whether a former build answers long after the present one fell silent. One not seen yet is still on its way."""
    if row.build == present:
        return False
    return any(other.build == present and row.last_seen_at - other.last_seen_at > RETURNED for other in seen)


def _deploy(row: SeenBuild, *, now: datetime) -> None:
    service = Service.objects.select_related("project").get(pk=row.service_id)
    log.info("build.appeared", service=service.name, side=row.side, build=row.build)
    changes.deploy(service=service, side=row.side, build=row.build, actor=console(name=AUTHOR), now=now, reason=REASON)


def _services(batch: Batch) -> dict[tuple[int, str], int]:
    projects, names = {key[0] for key in batch.builds}, {key[1] for key in batch.builds}
    found = Service.objects.filter(project__in=projects, name__in=names).values_list("project_id", "name", "pk")
    return {(project_id, name): pk for project_id, name, pk in found}
