"""What is torn down: what we can see, and what only a person can say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Count, Q

from migrator.core.stages import Operation, Stage
from migrator.inventory.models import Kind, Unit
from migrator.observations.models import Rule
from migrator.removal.models import TearDown


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something outside our sight that a person ticks with their name."""

    what: str
    sentence: str
    of_service: bool = False


ROUTE: Final = Item(what="deployment", sentence="Legacy's deployment has no entry for it: route, job, permission.")
STORE: Final = Item(what="sister-stores", sentence="Its sister datastores and their change streams are gone.")
MIRROR: Final = Item(
    what="mirroring",
    sentence="What was set up to mirror the service's traffic outside of here is gone.",
    of_service=True,
)
ITEMS: Final = {item.what: item for item in (ROUTE, STORE, MIRROR)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One line of a unit's checklist."""

    item: Item
    done_by: str = ""
    done_at: datetime | None = None

    @property
    def done(self) -> bool:
        return self.done_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gear:
    """What still hangs on a unit."""

    mirrored: bool
    sister: bool
    rules: int
    """Rules in force that name it and nothing else."""
    ticks: tuple[Tick, ...]
    service_in_use: bool
    """Other units of its service are still on their way: what serves them all stays."""

    @property
    def missing(self) -> tuple[Tick, ...]:
        return tuple(tick for tick in self.ticks if not tick.done)


def gear_of(*, units: Sequence[Unit]) -> dict[int, Gear]:
    """What hangs on each unit, by unit id, from three queries."""
    ids, services = [unit.pk for unit in units], {unit.service_id for unit in units}
    rules = dict(
        Rule.objects.active().filter(unit_id__in=ids).order_by().values_list("unit_id").annotate(count=Count("id"))
    )
    ticked = {
        (row.unit_id, row.service_id, row.what): row
        for row in TearDown.objects.filter(Q(unit_id__in=ids) | Q(service_id__in=services))
    }
    busy = set(
        Unit.objects.tracked()
        .filter(service_id__in=services)
        .exclude(stage__in=[Stage.REMOVAL, Stage.REMOVED])
        .order_by()
        .values_list("service_id", flat=True)
        .distinct()
    )
    return {
        unit.pk: Gear(
            mirrored=unit.mirror_bp > 0,
            sister=unit.sister,
            rules=rules.get(unit.pk, 0),
            ticks=tuple(_tick(unit, item, ticked) for item in items_of(unit, service_in_use=unit.service_id in busy)),
            service_in_use=unit.service_id in busy,
        )
        for unit in units
    }


def items_of(unit: Unit, *, service_in_use: bool) -> list[Item]:
    """What a person must say of a unit. A field has no deployment and no store of its own: its endpoint has."""
    items = [] if service_in_use else [MIRROR]
    if unit.kind == Kind.FIELD:
        return items
    return [ROUTE, *([STORE] if unit.operation == Operation.WRITE else []), *items]


def _tick(unit: Unit, item: Item, ticked: Mapping[tuple[int | None, int | None, str], TearDown]) -> Tick:
    row = ticked.get((None, unit.service_id, item.what) if item.of_service else (unit.pk, None, item.what))
    if row is None or _is_of_before(unit, item, row):
        return Tick(item=item)
    return Tick(item=item, done_by=row.done_by, done_at=row.done_at)


def _is_of_before(unit: Unit, item: Item, row: TearDown) -> bool:
    """A word given before the unit came back from removal once says nothing about this time."""
    if item.of_service or unit.stage == Stage.REMOVED or unit.stage_since is None:
        return False
    return row.done_at < unit.stage_since
