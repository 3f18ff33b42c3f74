"""Which units of an inventory their observations make worth finding, as conditions on units."""

from datetime import datetime
from functools import reduce
from operator import add
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum
from django.db.models.expressions import Combinable

from migrator.core.wire import BAD_OUTCOMES, PAIR_OUTCOMES
from migrator.inventory.models import Project
from migrator.observations.models import Standing


def differing(*, project: Project, above: bool, rate: float) -> Q:
    """Units whose pairs of the present evidence differ more often than `rate`, a fraction, or less often.

    Without pairs neither is true of a unit. Few units differ at all, so for `above` they are found first; nearly all
    differ less often, so for the other each unit of the list is asked in turn, until a page is full.
    """
    present = Standing.objects.filter(evidence_epoch=F("unit__evidence_epoch"))
    limit = F("pairs") * rate
    if not above:
        return Q(Exists(_summed(present.filter(unit=OuterRef("pk"))).filter(pairs__gt=0, bad__lt=limit)))
    bad = Q(*[(f"{outcome}__gt", 0) for outcome in BAD_OUTCOMES], _connector=Q.OR)
    some = present.filter(unit__project=project, unit__in=Standing.objects.filter(bad).values("unit_id"))
    return Q(pk__in=_summed(some).filter(pairs__gt=0, bad__gt=limit).values("unit_id"))


def _summed(standings: QuerySet[Standing]) -> QuerySet[Any]:
    """Over the shards of each unit."""
    return standings.values("unit_id").annotate(pairs=Sum(_sum(PAIR_OUTCOMES)), bad=Sum(_sum(BAD_OUTCOMES)))


def unseen_since(*, moment: datetime) -> Q:
    """Units of which no request was seen since."""
    return ~Q(Exists(Standing.objects.filter(unit=OuterRef("pk"), last_seen_at__gte=moment)))


def _sum(outcomes: tuple[str, ...] | list[str]) -> Combinable:
    return reduce(add, (F(str(outcome)) for outcome in outcomes))
