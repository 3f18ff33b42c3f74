"""Rules as people read them: what each says, what it hides, and whether it is still worth having."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Max, Q, QuerySet, Sum

from migrator.core.advice import explain
from migrator.inventory.models import Project
from migrator.observations.models import MismatchGroup, Rule, RuleHit
from migrator.observations.specs import spec_of

UNUSED_AFTER: Final = timedelta(days=14)
"""A rule that hid nothing for so long is named."""
BROAD_PLACES: Final = 10
BROAD_KINDS: Final = 3
"""A rule that settled so many places, or so many kinds of difference, is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitHits:
    """In how many pairs of a unit a rule hid something, over the last days."""

    unit_id: int
    unit_key: str
    pairs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFigures:
    """A rule and what it does."""

    id: int
    kind: str
    path: str
    parameters: dict[str, object]
    sentence: str
    unit_id: int | None
    unit_key: str | None
    service: str | None
    reason: str
    author: str
    created_at: datetime
    expires_at: datetime
    state: str
    """`in force`, `expired` or `revoked`."""
    revoked_by: str
    revoked_reason: str
    groups: int
    """Mismatch groups that it settled."""
    pairs: int
    """In which it hid something over the last days."""
    units: tuple[UnitHits, ...]
    last_hit_at: datetime | None
    unused: bool
    """In force for 14 days, and hid nothing in the last 14."""
    over_broad: str | None
    """Why it seems to hide more than one thing; None where it does not."""


def rules_of(*, project: Project, now: datetime, all_of_them: bool = False, days: int = 7) -> list[RuleFigures]:
    """The rules in force, or all that ever were, newest first."""
    rows = Rule.objects.filter(project=project) if all_of_them else Rule.objects.active().filter(project=project)
    return rule_figures(rows.order_by("-pk"), now=now, days=days)


def rule_figures(rules: QuerySet[Rule], *, now: datetime, days: int = 7) -> list[RuleFigures]:
    """Rules with what they hide, in their order, from four queries."""
    chosen = list(rules.select_related("service", "unit"))
    ids = [rule.pk for rule in chosen]
    hits = _hits(ids, since=now - timedelta(days=days))
    last = dict(RuleHit.objects.filter(rule_id__in=ids).values_list("rule_id").annotate(at=Max("last_at")).order_by())
    settled = _settled(ids)
    return [_figures(rule, hits[rule.pk], last.get(rule.pk), settled.get(rule.pk, (0, 0)), now) for rule in chosen]


def _figures(
    rule: Rule, hits: Sequence[UnitHits], last: datetime | None, settled: tuple[int, int], now: datetime
) -> RuleFigures:
    in_force = rule.revoked_at is None and rule.expired_at is None
    quiet_since = max(rule.created_at, last or rule.created_at)
    return RuleFigures(
        id=rule.pk,
        kind=rule.kind,
        path=rule.path,
        parameters=rule.parameters,
        sentence=explain(spec_of(rule)),
        unit_id=rule.unit_id,
        unit_key=rule.unit.key if rule.unit else None,
        service=rule.service.name if rule.service else None,
        reason=rule.reason,
        author=rule.author,
        created_at=rule.created_at,
        expires_at=rule.expires_at,
        state="in force" if in_force else "revoked" if rule.revoked_at else "expired",
        revoked_by=rule.revoked_by,
        revoked_reason=rule.revoked_reason,
        groups=settled[0],
        pairs=sum(each.pairs for each in hits),
        units=tuple(hits),
        last_hit_at=last,
        unused=in_force and now - quiet_since >= UNUSED_AFTER,
        over_broad=_breadth(*settled) if in_force else None,
    )


def _breadth(places: int, kinds: int) -> str | None:
    if places >= BROAD_PLACES:
        return f"It settles {places} places at once. Are they one thing?"
    if kinds >= BROAD_KINDS:
        return f"It settles {kinds} kinds of difference at once. Are they one thing?"
    return None


def _hits(rule_ids: Sequence[int], *, since: datetime) -> dict[int, list[UnitHits]]:
    rows = RuleHit.objects.filter(rule_id__in=rule_ids, day__gte=since.date())
    sums = rows.values_list("rule_id", "unit_id", "unit__key").annotate(pairs=Sum("count")).order_by("-pairs")
    found: dict[int, list[UnitHits]] = defaultdict(list)
    for rule, unit, key, pairs in sums:
        found[rule].append(UnitHits(unit_id=unit, unit_key=key, pairs=pairs))
    return found


def _settled(rule_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Places and kinds that each rule settled."""
    rows = MismatchGroup.objects.filter(Q(rule_id__in=rule_ids)).values_list("rule_id").order_by()
    counted = rows.annotate(places=Count("shape", distinct=True), kinds=Count("kind", distinct=True))
    return {rule: (places, kinds) for rule, places, kinds in counted}
