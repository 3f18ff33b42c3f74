"""Which units are worth a look, out of a hundred thousand, from their standings alone."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import F, Min, Q, QuerySet, Sum

from migrator.core.stages import ALL, Stage
from migrator.core.wire import BAD_OUTCOMES, PAIR_OUTCOMES
from migrator.inventory.models import Project
from migrator.observations.models import MismatchGroup, Standing


def most_harmed(*, project: Project, limit: int = 50) -> list[int]:
    """Ids of units whose callers meet the candidate and whose pairs differed, the most differing first."""
    bad = [str(outcome) for outcome in BAD_OUTCOMES]
    differed = Q(*[(f"{column}__gt", 0) for column in bad], _connector=Q.OR)
    rows = _present(project).filter(differed, unit__candidate_bp__gt=0)
    return _ranked(rows, bad, limit)


def most_proven(*, project: Project, limit: int = 50) -> list[int]:
    """Ids of units that could be moved forward, those with the most pairs and none of them bad first."""
    pairs = [str(outcome) for outcome in PAIR_OUTCOMES]
    waiting = Q(unit__stage=Stage.SIDE_BY_SIDE) | Q(unit__stage=Stage.CANARY, unit__candidate_bp__lt=ALL)
    return _ranked(_present(project).filter(waiting, last_at__isnull=False), pairs, limit)


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


def _ranked(rows: QuerySet[Standing], columns: Sequence[str], limit: int) -> list[int]:
    """Unit ids by the sum of some counters, greatest first."""
    weight = sum((F(column) for column in columns[1:]), F(columns[0]))
    summed = rows.values_list("unit_id").annotate(weight=Sum(weight))
    return [unit_id for unit_id, _ in summed.order_by("-weight", "unit_id")[:limit]]
