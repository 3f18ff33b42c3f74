"""What data planes say of themselves, written down; and told to people where a candidate is left out.

A gateway is several processes, `gw-1/0`, `gw-1/1` …: to people they are one data plane, and one episode of one unit
on one data plane is one matter, which begins once and ends once.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from migrator.inventory.models import Unit
from migrator.rollout.models import DataPlane
from migrator.telling.models import Event, Severity
from migrator.telling.services import tell

BATCH: Final = 500
SILENT: Final = timedelta(minutes=1)
"""What a process left out before it fell silent is no longer held against its candidate."""
MOST_TOLD: Final = 20
"""Units that are told of at once. A page lists all."""
UPDATED: Final = (
    "kind",
    "boot",
    "applied_epoch",
    "applied_number",
    "forced_legacy",
    "left_out",
    "overrides",
    "last_seen_at",
)
Place = tuple[int, str]
"""Project id and data plane, without the number of its process."""


@transaction.atomic
def note(*, rows: Sequence[DataPlane], now: datetime) -> None:
    """Write what processes said of themselves, new rows or not, and tell what they began or ceased to leave out."""
    known = DataPlane.objects.filter(project__in={row.project_id for row in rows}).exclude(left_out=[])
    before = {(row.project_id, row.source): row for row in known}
    DataPlane.objects.bulk_create(
        rows,
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["project", "source"],
        update_fields=list(UPDATED),
    )
    after = before | {(row.project_id, row.source): row for row in rows if row.left_out}
    for row in rows:
        if not row.left_out:
            after.pop((row.project_id, row.source), None)
    silent = [row for row in after.values() if row.last_seen_at < now - SILENT]
    if silent:
        DataPlane.objects.filter(pk__in=[row.pk for row in silent]).update(left_out=[])
        after = {name: row for name, row in after.items() if row not in silent}
    if before or after:
        _tell_changes(_by_place(before.values()), _by_place(after.values()), now=now)


def place_of(source: str, kind: str) -> str:
    """`gw-1/0` of a gateway -> `gw-1`."""
    return source.rpartition("/")[0] or source if kind == "gateway" else source


def _by_place(rows: Iterable[DataPlane]) -> dict[Place, set[str]]:
    found: dict[Place, set[str]] = {}
    for row in rows:
        found.setdefault((row.project_id, place_of(row.source, row.kind)), set()).update(row.left_out)
    return found


def _tell_changes(before: dict[Place, set[str]], after: dict[Place, set[str]], *, now: datetime) -> None:
    for place in {**before, **after}:
        then, today = before.get(place, set()), after.get(place, set())
        for keys, over in ((today - then, False), (then - today, True)):
            if keys:
                _tell(place, keys, over=over, now=now)


def _tell(place: Place, keys: set[str], *, over: bool, now: datetime) -> None:
    project_id, plane = place
    units = Unit.objects.filter(project=project_id, key__in=keys).select_related("project").order_by("-candidate_bp")
    for unit in units[:MOST_TOLD]:
        said = (
            f"The candidate answers {unit.key} on {plane} again."
            if over
            else f"{plane} leaves the candidate out for {unit.key}, because it fails or hangs. Legacy answers there; "
            f"in the plan the candidate has {unit.candidate_bp / 100:g} % of it."
        )
        tell(
            project=unit.project,
            unit=unit,
            event=Event.LEFT_OUT,
            severity=Severity.INFO if over else Severity.WARNING,
            title=f"{unit.key}: {'the candidate is back' if over else 'the candidate is left out'} on {plane}",
            sentence=said,
            path=f"/p/{unit.project.slug}/units/{unit.pk}",
            now=now,
            key=f"left_out:{unit.pk}:{plane}",
            resolves=over,
        )
