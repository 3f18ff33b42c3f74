"""Which units are worth a look, out of a hundred thousand, from their standings alone.

Units come as families, an endpoint with its fields: whoever looks at one of them looks at all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import add

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import F, Min, Q, QuerySet, Sum
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from migrator.core.stages import ALL, Stage
from migrator.core.wire import BAD_OUTCOMES, PAIR_OUTCOMES
from migrator.inventory.models import Project
from migrator.observations.models import MismatchGroup, Standing

CLEAN_PAIRS_PER_BAD_ONE = 10
"""What one bad pair costs in the order of the proven; where a tenth differs nothing is. The verdict is the gate's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Units of one endpoint that were found, the endpoint itself first if it is among them."""

    endpoint_id: int
    """The unit's own id where it belongs to no endpoint."""
    unit_ids: tuple[int, ...]


def most_harmed(*, project: Project, limit: int = 50) -> list[Family]:
    """Families whose callers meet the candidate and whose pairs differed, the most differing first."""
    return _ranked(_differing(project).filter(unit__candidate_bp__gt=0), _sum(BAD_OUTCOMES), limit)


def most_differing(*, project: Project, limit: int = 50) -> list[Family]:
    """The same where legacy still answers everyone: nobody is harmed, and nothing may move forward."""
    return _ranked(_differing(project).filter(unit__candidate_bp=0), _sum(BAD_OUTCOMES), limit)


def most_proven(*, project: Project, limit: int = 50) -> list[Family]:
    """Families that could be moved forward, those with the most pairs and the fewest bad ones first."""
    waiting = Q(unit__stage=Stage.SIDE_BY_SIDE) | Q(unit__stage=Stage.CANARY, unit__candidate_bp__lt=ALL)
    weight = _sum(PAIR_OUTCOMES) - CLEAN_PAIRS_PER_BAD_ONE * _sum(BAD_OUTCOMES)
    return _ranked(_present(project).filter(waiting, last_at__isnull=False), weight, limit)


def wrong_since(*, unit_ids: Sequence[int]) -> dict[int, datetime]:
    """When the first difference of the present evidence was seen, by unit id."""
    groups = MismatchGroup.objects.filter(unit__in=unit_ids, evidence_epoch=F("unit__evidence_epoch"))
    first = groups.values_list("unit_id").annotate(first=Min("first_seen_at"))
    return dict(first.order_by())


def _present(project: Project) -> QuerySet[Standing]:
    """Standings of tracked units in the evidence epoch that counts now."""
    return Standing.objects.filter(
        unit__project=project, unit__gone_at__isnull=True, evidence_epoch=F("unit__evidence_epoch")
    ).exclude(unit__stage=Stage.REMOVED)


def _differing(project: Project) -> QuerySet[Standing]:
    bad = Q(*[(f"{outcome}__gt", 0) for outcome in BAD_OUTCOMES], _connector=Q.OR)
    return _present(project).filter(bad)


def _sum(outcomes: Sequence[str]) -> Combinable:
    return reduce(add, (F(str(outcome)) for outcome in outcomes))


def _ranked(rows: QuerySet[Standing], weight: Combinable, limit: int) -> list[Family]:
    """Families by the sum of some counters, greatest first, as far as it is more than zero."""
    summed = (
        rows.annotate(endpoint=Coalesce("unit__parent_id", "unit_id"))
        .values_list("endpoint")
        .annotate(weight=Sum(weight), units=ArrayAgg("unit_id"))
    )
    return [
        Family(endpoint_id=endpoint, unit_ids=tuple(sorted(set(units), key=lambda pk: (pk != endpoint, pk))))
        for endpoint, _, units in summed.filter(weight__gt=0).order_by("-weight", "endpoint")[:limit]
    ]
