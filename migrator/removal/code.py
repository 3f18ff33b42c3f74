"""What scans found of units in the registered repositories."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db import connection
from django.db.models import Count, QuerySet

from migrator.inventory.models import Unit
from migrator.removal.models import Reference, Repository, Scan
from migrator.removal.naming import fingerprint_of

_KNEW: Final = """
    SELECT id, ARRAY(SELECT print FROM unnest(looked_for) AS print WHERE print = ANY(%s::bigint[]))
    FROM removal_scan WHERE id = ANY(%s)
"""
"""A scan looks for 100,000 units and few are asked about: these are hashed, those only read through."""
BULKY: Final = "looked_for"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The newest scan that counts of one required repository; None where there is none."""

    repository: Repository
    scan: Scan | None
    knew: frozenset[int] = frozenset()
    """Fingerprints of the units asked about that it looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What the newest scans say of one unit."""

    references: Mapping[str, int] = field(default_factory=dict)
    """Lines found, by repository. Repositories without any are left out."""
    commits: Mapping[str, str] = field(default_factory=dict)
    """The commit that was looked through, by repository."""
    unscanned: tuple[str, ...] = ()
    """Repositories that were never scanned on their branch."""
    stale: tuple[str, ...] = ()
    """Those whose newest scan is too old."""
    unaware: tuple[str, ...] = ()
    """Those whose newest scan did not look for this unit under all of its names."""
    repositories: int = 0

    @property
    def total(self) -> int:
        return sum(self.references.values())


def sightings_of(*, units: Sequence[Unit], days: Mapping[int, int], now: datetime) -> dict[int, Sighting]:
    """What is known of references to each unit, by unit id, from four queries. A scan older than `days` is stale."""
    prints = {unit.pk: fingerprint_of(unit) for unit in units}
    looks = newest_looks(project_ids={unit.project_id for unit in units}, prints=list(prints.values()))
    scans = [look.scan.pk for project in looks.values() for look in project if look.scan]
    rows = (
        Reference.objects.filter(scan_id__in=scans, unit_id__in=list(prints))
        .order_by()
        .values_list("unit_id", "scan_id")
        .annotate(lines=Count("id"))
    )
    lines = {(unit_id, scan_id): count for unit_id, scan_id, count in rows}
    return {
        unit.pk: _sighting(
            looks.get(unit.project_id, []), unit.pk, prints[unit.pk], lines, now - timedelta(days=days[unit.pk])
        )
        for unit in units
    }


def newest_looks(*, project_ids: set[int], prints: Sequence[int]) -> dict[int, list[Look]]:
    """For each project its required repositories with the newest scan that counts, by name."""
    repositories = list(Repository.objects.filter(project_id__in=project_ids, required=True))
    scans = {scan.repository_id: scan for scan in newest_scans(repositories)}
    with connection.cursor() as cursor:
        cursor.execute(_KNEW, [list(prints), [scan.pk for scan in scans.values()]])
        knew = {scan_id: frozenset(known) for scan_id, known in cursor.fetchall()}
    found: dict[int, list[Look]] = {}
    for repository in repositories:
        scan = scans.get(repository.pk)
        look = Look(repository=repository, scan=scan, knew=knew[scan.pk] if scan else frozenset())
        found.setdefault(repository.project_id, []).append(look)
    return found


def newest_scans(repositories: Sequence[Repository]) -> QuerySet[Scan]:
    """The newest scan that counts of each of these repositories."""
    return Scan.objects.filter(repository__in=repositories).counting().newest().defer(BULKY)


def _sighting(
    looks: Sequence[Look], unit_id: int, mark: int, lines: Mapping[tuple[int, int], int], oldest: datetime
) -> Sighting:
    scanned = [(look, look.scan) for look in looks if look.scan is not None]
    return Sighting(
        references={
            look.repository.name: count for look, scan in scanned if (count := lines.get((unit_id, scan.pk), 0))
        },
        commits={look.repository.name: scan.commit for look, scan in scanned},
        unscanned=tuple(look.repository.name for look in looks if look.scan is None),
        stale=tuple(look.repository.name for look, scan in scanned if scan.at < oldest),
        unaware=tuple(look.repository.name for look, _ in scanned if mark not in look.knew),
        repositories=len(looks),
    )
