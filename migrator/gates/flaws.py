"""What is wrong with a policy in its project: demands that no evidence can ever meet, or that any evidence meets."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from migrator.core.case import DAY_S
from migrator.core.policy import Flaw, flaws, layered
from migrator.core.wire import Manners
from migrator.gates.layers import Layer
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
    pace = evidence_of(units=[unit], now=now)[unit.pk].independent_rate(now=now.timestamp())
    per_day = None if pace is None else pace * DAY_S
    return flaws_of(project=unit.project, layers=layers, pairs_per_day=per_day)
