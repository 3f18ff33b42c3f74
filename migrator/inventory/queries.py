"""Reads of the inventory, as plain data. Lists page by key, so that page 2,000 costs what page 1 costs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

from django.db.models import Count, Max, Min, Q, QuerySet
from django.db.models.functions import Coalesce

from migrator.core.stages import Operation, Position, Scrutiny, Stage
from migrator.inventory.models import Kind, ObservedEndpoint, Project, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which units a list shows. Empty means all of them."""

    search: str = ""
    """Part of a key, in any case."""
    stage: str = ""
    service: str = ""
    team: str = ""
    kind: str = ""
    risk: str = ""

    @property
    def is_empty(self) -> bool:
        return not any(getattr(self, part.name) for part in fields(self))

    def as_query(self) -> Q:
        exact = {
            "stage": self.stage,
            "service__name": self.service,
            "team__name": self.team,
            "kind": self.kind,
            "risk": self.risk,
        }
        query = Q(**{name: value for name, value in exact.items() if value})
        return query & Q(key__icontains=self.search) if self.search else query


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRow:
    """One unit as lists show it."""

    id: int
    key: str
    kind: str
    operation: Operation
    position: Position
    service: str
    team: str
    parent_id: int | None
    contested: bool
    """Two services claim to own its data."""
    risk: str = ""
    irreversible: bool = False
    """What it did cannot be taken back."""
    children: int = 0
    """Fields under it."""

    @property
    def is_compared(self) -> bool:
        """Whether its stage looks at more than the status."""
        return self.position.rung.scrutiny is Scrutiny.BODIES

    @property
    def name(self) -> str:
        """A field's path without its endpoint, an endpoint's key as it is."""
        return self.key.rpartition(" ")[2] if self.parent_id else self.key


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A stretch of a list. `after` is the key to go on from; None at the end."""

    units: tuple[UnitRow, ...]
    after: str | None


def matching_units(
    *, project: Project, wanted: Wanted, after: str = "", limit: int = 50, condition: Q | None = None
) -> Page:
    """Units of every kind that a filter finds, in the order of their keys; of them those that meet the condition."""
    return _page(_tracked(project).filter(wanted.as_query(), condition or Q()), after, limit)


def wanted_units(*, project: Project, wanted: Wanted) -> QuerySet[Unit]:
    """All units that a filter finds, for whoever does something with them."""
    return _tracked(project).filter(wanted.as_query())


def top_units(*, project: Project, after: str = "", limit: int = 50) -> Page:
    """Endpoints, and fields that stand under none, in the order of their keys."""
    return _page(_tracked(project).filter(parent__isnull=True), after, limit)


def fields_of(*, parents: Sequence[int], limit: int = 500) -> dict[int, list[UnitRow]]:
    """The fields under some endpoints, by endpoint: at most `limit` over all of them."""
    found: dict[int, list[UnitRow]] = {}
    if parents:
        units = Unit.objects.tracked().filter(parent__in=parents).select_related("service", "team")
        for unit in units.order_by("key")[:limit]:
            found.setdefault(unit.parent_id or 0, []).append(unit_row(unit))
    return found


def unit_row(unit: Unit, *, children: int = 0) -> UnitRow:
    """A unit, with service and team loaded, as plain data."""
    return UnitRow(
        id=unit.pk,
        key=unit.key,
        kind=unit.kind,
        operation=Operation(unit.operation),
        position=unit.position,
        service=unit.service.name,
        team=unit.team.name if unit.team else "",
        parent_id=unit.parent_id,
        contested=unit.contested_by_id is not None,
        risk=unit.risk,
        irreversible=unit.irreversible,
        children=children,
    )


def runbooks_of(*, unit_ids: Collection[int]) -> dict[int, str]:
    """Where it is written what to do about some units, by unit: `Unit.runbook_in_force`. Units without one left out."""
    rows = Unit.objects.filter(pk__in=unit_ids).values_list("pk", "runbook", "parent__runbook", "service__runbook")
    return {pk: found for pk, *named in rows.order_by() if (found := next(filter(None, named), ""))}


WITHOUT_RUNBOOK: Final = Q(runbook="", service__runbook="") & (Q(parent__isnull=True) | Q(parent__runbook=""))
"""Units about which nobody wrote down what to do."""


def stage_counts(*, project: Project) -> dict[Stage, int]:
    """How many units stand on each stage, in the order of the ladder; from an index alone."""
    counted = Unit.objects.tracked().filter(project=project).values_list("stage").annotate(number=Count("pk"))
    numbers = dict(counted.order_by())
    return {stage: numbers.get(stage.value, 0) for stage in Stage}


def choices(*, project: Project) -> Mapping[str, list[str]]:
    """What lists can be filtered by: names of services and teams."""
    return {
        "services": list(project.services.values_list("name", flat=True)),
        "teams": list(project.teams.values_list("name", flat=True)),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An endpoint that traffic showed and no unit covers."""

    id: int
    key: str
    service: str
    count: int
    first_seen_at: datetime
    last_seen_at: datetime


def offers(*, project: Project, limit: int = 20) -> list[Offer]:
    """Endpoints to track, the busiest first."""
    seen = ObservedEndpoint.objects.filter(project=project, dismissed_at__isnull=True).select_related("service")
    return [
        Offer(
            id=each.pk,
            key=each.key,
            service=each.service.name if each.service else "",
            count=each.count,
            first_seen_at=each.first_seen_at,
            last_seen_at=each.last_seen_at,
        )
        for each in seen[:limit]
    ]


def _tracked(project: Project) -> QuerySet[Unit]:
    return Unit.objects.tracked().filter(project=project).select_related("service", "team")


def _page(units: QuerySet[Unit], after: str, limit: int) -> Page:
    """One more than the page is read, to know whether there is a next one without counting."""
    rows = list(units.filter(key__gt=after).order_by("key")[: limit + 1])
    shown = rows[:limit]
    children = _children([unit.pk for unit in shown if unit.kind == Kind.ENDPOINT])
    return Page(
        units=tuple(unit_row(unit, children=children.get(unit.pk, 0)) for unit in shown),
        after=shown[-1].key if len(rows) > limit else None,
    )


def _children(parents: Sequence[int]) -> dict[int, int]:
    if not parents:
        return {}
    counted = Unit.objects.tracked().filter(parent__in=parents).values_list("parent").annotate(number=Count("pk"))
    return dict(counted.order_by())


def serving_counts(*, project: Project) -> dict[Stage, int]:
    """How many units the candidate answers for and can still be taken back, by stage; stages without any left out."""
    counted = Unit.objects.serving_candidate().filter(project=project).values_list("stage").annotate(number=Count("pk"))
    numbers = dict(counted.order_by())
    return {stage: numbers[stage.value] for stage in Stage if stage.value in numbers}


def canaries(*, project: Project, limit: int = 20) -> list[UnitRow]:
    """Endpoints that the candidate answers a share of, the last changed first.

    Fields stand under their endpoint, as `children`; where only fields are in canary, the first stands for them.
    """
    serving = Unit.objects.serving_candidate().filter(project=project, stage=Stage.CANARY)
    families = serving.annotate(endpoint=Coalesce("parent_id", "pk")).values_list("endpoint")
    newest = families.annotate(changed=Max("table_version"), units=Count("pk"), field=Min("pk"))
    found = {row[0]: row for row in newest.order_by("-changed", "endpoint")[:limit]}
    heads = serving.filter(Q(pk__in=found) | Q(pk__in=[row[3] for row in found.values()]))
    by_id = heads.select_related("service", "team").in_bulk()
    return [
        unit_row(by_id.get(endpoint) or by_id[field], children=units - 1)
        for endpoint, _, units, field in found.values()
    ]
