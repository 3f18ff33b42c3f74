"""Which units a rollback takes down: one, one with its relatives, a service, a project."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from migrator.inventory.models import Project, Service, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What to roll back. Exactly one part is set; `everything` is the whole project."""

    unit_ids: tuple[int, ...] = ()
    service: Service | None = None
    everything: bool = False

    def __post_init__(self) -> None:
        if sum((bool(self.unit_ids), self.service is not None, self.everything)) != 1:
            raise ValueError("a scope names units, a service or everything")


def one_unit(unit: Unit) -> Scope:
    return Scope(unit_ids=(unit.pk,))


def units_in(*, project: Project, scope: Scope) -> list[Unit]:
    """The units of a scope with whatever must come along, locked until the end of the transaction.

    A field's answer is served whole by its endpoint, so the endpoint comes along, and so do the
    endpoint's other fields: none may claim a share that its endpoint no longer gives.
    """
    moving = units_of(project=project, scope=scope).select_related("service")
    return list(moving.select_for_update(of=("self",)).order_by("pk"))


def units_of(*, project: Project, scope: Scope) -> QuerySet[Unit]:
    """The same units for looking only: pages say what a rollback would take along."""
    units = Unit.objects.tracked().filter(project=project).exclude(stage="backlog")
    if scope.service is not None:
        return units.filter(service=scope.service)
    return units.filter(_family(scope.unit_ids)) if scope.unit_ids else units


def _family(unit_ids: Sequence[int]) -> Q:
    """The units, the endpoints that carry them, and all fields of any of these endpoints."""
    endpoints = set(unit_ids)
    endpoints |= set(Unit.objects.filter(pk__in=unit_ids, parent__isnull=False).values_list("parent_id", flat=True))
    return Q(pk__in=endpoints) | Q(parent_id__in=endpoints)
