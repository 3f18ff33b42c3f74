"""What is wrong with a policy in its project: demands that no evidence can ever meet, or that any evidence meets."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from migrator.core.case import DAY_S
from migrator.core.policy import Flaw, flaws, layered
from migrator.core.wire import Manners
from migrator.gates.layers import Layer, LayerKind, layers_of, own_layer
from migrator.inventory.models import Project, Unit
from migrator.observations.queries import evidence_of


def flaws_of(*, project: Project, layers: Sequence[Layer], pairs_per_day: float | None = None) -> tuple[Flaw, ...]:
    """What is wrong with these layers laid together, the weakest first. They are stored and shown all the same.

    `pairs_per_day` is what the one unit that they hold for brings; None where they hold for many.
    """
    manners = msgspec.convert(project.manners, Manners)
    return flaws(
        layered(layer.settings for layer in layers),
        names_callers=bool(manners.caller_header),
        names_costs=bool(manners.cost_header),
        pairs_per_day=pairs_per_day,
    )


def flaws_of_unit(*, unit: Unit, layers: Sequence[Layer], now: datetime) -> tuple[Flaw, ...]:
    """The same of one unit's layers, held against the traffic that it has: some demands only rare units never meet."""
    return flaws_of(project=unit.project, layers=layers, pairs_per_day=_paces([unit], now)[unit.pk])


def flaws_added(*, project: Project, layers: Sequence[Layer], now: datetime) -> dict[int, tuple[Flaw, ...]]:
    """What each layer makes wrong that is right without it, by the layer's id. Those of units know their traffic."""
    own = own_layer(project)
    units = Unit.objects.filter(project=project, pk__in=[layer.unit_id for layer in layers if layer.unit_id])
    known = list(units.select_related("project"))
    stacks, paces = layers_of(units=known), _paces(known, now)
    found = {}
    for layer in layers:
        pace = paces.get(layer.unit_id or 0)
        stack = stacks.get(layer.unit_id or 0, (own, layer)) if layer.kind is LayerKind.UNIT else (own, layer)
        without = flaws_of(project=project, layers=[each for each in stack if each != layer], pairs_per_day=pace)
        with_it = flaws_of(project=project, layers=stack, pairs_per_day=pace)
        found[layer.id or 0] = tuple(flaw for flaw in with_it if flaw not in without)
    return found


def _paces(units: Sequence[Unit], now: datetime) -> dict[int, float | None]:
    """Independent pairs per day of each unit, None where nobody knows yet."""
    found = evidence_of(units=units, now=now)
    paces = {unit.pk: found[unit.pk].independent_rate(now=now.timestamp()) for unit in units}
    return {pk: None if pace is None else pace * DAY_S for pk, pace in paces.items()}
