"""Policies laid together: which layers reach a unit, in which order, and where each setting comes from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final

from django.db.models import Q

from migrator.core.policy import Policy, layered
from migrator.gates.models import PolicyLayer
from migrator.inventory.models import Project, Unit


class LayerKind(StrEnum):
    """What a layer is about. The later wins over the earlier."""

    PROJECT = "project"
    SERVICE = "service"
    TEAM = "team"
    OPERATION = "operation"
    """Reads, or writes."""
    RISK = "risk"
    """A class of risk that units carry, such as `money`."""
    UNIT = "unit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What one layer sets."""

    kind: LayerKind
    of: str
    """The service's or team's name, `read` or `write`, the risk, the unit's key; the project's slug."""
    settings: Mapping[str, Any]
    version: int
    id: int | None = None
    """None for the project's own."""
    unit_id: int | None = None
    reason: str = ""
    changed_by: str = ""
    changed_at: Any = None

    @property
    def headline(self) -> str:
        return "the project" if self.kind is LayerKind.PROJECT else f"{self.kind} {self.of}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where one setting of an effective policy comes from."""

    name: str
    value: Any
    layer: Layer | None
    """None where no layer names it: the built-in value."""
    overrides: tuple[Layer, ...] = ()
    """Layers that name it too and lose, the strongest last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """One unit's policy, setting by setting."""

    policy: Policy
    layers: tuple[Layer, ...]
    origins: tuple[Origin, ...]


def policy_of(*, project: Project) -> Policy:
    """What the project itself demands, before any layer."""
    return layered([project.policy])


def policies_of(*, units: Sequence[Unit]) -> dict[int, Policy]:
    """The policy of each unit by its id, from two queries however many units there are."""
    reach = layers_of(units=units)
    known: dict[tuple[int | None, ...], Policy] = {}
    found = {}
    for unit in units:
        # Most units stand under the same few layers: those are laid together once.
        which = (unit.project_id, *(layer.id for layer in reach[unit.pk]))
        if which not in known:
            known[which] = layered(layer.settings for layer in reach[unit.pk])
        found[unit.pk] = known[which]
    return found


def effective(*, unit: Unit) -> Effective:
    """One unit's policy with the origin of each setting."""
    layers = layers_of(units=[unit])[unit.pk]
    policy = layered(layer.settings for layer in layers)
    return Effective(policy=policy, layers=layers, origins=origins(policy=policy, layers=layers))


def origins(*, policy: Policy, layers: Sequence[Layer]) -> tuple[Origin, ...]:
    """Each setting of `policy` in the order in which it is declared, with the layer that set it."""
    found = []
    for name in (field.name for field in fields(Policy)):
        setting = [layer for layer in layers if name in layer.settings]
        winner = setting.pop() if setting else None
        found.append(Origin(name=name, value=getattr(policy, name), layer=winner, overrides=tuple(setting)))
    return tuple(found)


def layers_of(*, units: Sequence[Unit]) -> dict[int, tuple[Layer, ...]]:
    """The layers that reach each unit, the weakest first, the project's own always among them."""
    projects = {project.pk: own_layer(project) for project in _projects(units)}
    rows: dict[tuple[int, LayerKind, Any], Layer] = {}
    reaching = Q(unit__isnull=True) | Q(unit__in=[unit.pk for unit in units])
    for row in _rows().filter(reaching, project__in=projects):
        rows[row.project_id, kind_of(row), _target(row)] = layer_of(row)
    if not rows:  # the usual case, and the guard asks for ten thousand units every few seconds
        return {unit.pk: (projects[unit.project_id],) for unit in units}
    return {
        unit.pk: (
            projects[unit.project_id],
            *(rows[key] for kind, what in _places(unit) if (key := (unit.project_id, kind, what)) in rows),
        )
        for unit in units
    }


def layers_in(*, project: Project) -> list[Layer]:
    """All layers of a project but its own, the weakest kind first, each kind by name."""
    found = [layer_of(row) for row in _rows().filter(project=project)]
    return sorted(found, key=lambda layer: (_RANK[layer.kind], layer.of))


def own_layer(project: Project) -> Layer:
    """The project's own policy as a layer."""
    return Layer(
        kind=LayerKind.PROJECT, of=project.slug, settings=project.policy, version=project.policy_version, id=None
    )


def layer_of(row: PolicyLayer) -> Layer:
    """A row as plain data."""
    kind = kind_of(row)
    return Layer(
        kind=kind,
        of=str(getattr(row, kind)),
        settings=row.settings,
        version=row.version,
        id=row.pk,
        unit_id=row.unit_id,
        reason=row.reason,
        changed_by=row.changed_by,
        changed_at=row.changed_at,
    )


def kind_of(row: PolicyLayer) -> LayerKind:
    """Which of its targets is set: the database sees to it that exactly one is."""
    return next(kind for kind in _COLUMNS if getattr(row, _COLUMNS[kind]))


_COLUMNS: Final = {
    LayerKind.SERVICE: "service_id",
    LayerKind.TEAM: "team_id",
    LayerKind.OPERATION: "operation",
    LayerKind.RISK: "risk",
    LayerKind.UNIT: "unit_id",
}
_RANK: Final = {kind: rank for rank, kind in enumerate(LayerKind)}


def _places(unit: Unit) -> Iterable[tuple[LayerKind, Any]]:
    """Where a unit stands, the weakest kind first."""
    return ((kind, getattr(unit, "pk" if kind is LayerKind.UNIT else column)) for kind, column in _COLUMNS.items())


def _target(row: PolicyLayer) -> Any:
    return getattr(row, _COLUMNS[kind_of(row)])


def _rows() -> Any:
    return PolicyLayer.objects.select_related("service", "team", "unit")


def _projects(units: Sequence[Unit]) -> Iterable[Project]:
    return Project.objects.filter(pk__in={unit.project_id for unit in units})
