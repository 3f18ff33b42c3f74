"""Lists of causes: mismatch groups, those that are one cause as one row, news first."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.contrib.auth import get_user_model
from django.db.models import Count, F, Q, QuerySet

from migrator.core.sentences import sentence
from migrator.inventory.models import Project, Unit
from migrator.observations.models import OPEN_STATUSES, MismatchGroup
from migrator.observations.queries.evidence import standings

MEMBERS_SHOWN: Final = 50
"""Places of one cause that a row names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One of the places that a cause is made of."""

    id: int
    path: str
    count: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseRow:
    """One cause in one unit. `id` is that of the group that stands for it; counts are those of its largest place."""

    id: int
    unit_id: int
    unit_key: str
    service: str
    sentence: str
    path: str
    """The shape of the first place: `$.items[*].price`, `status`, `header:location`, `answer` where there was none."""
    kind: str
    pattern: str
    members: tuple[Member, ...]
    places: int
    """How many places the cause has. `members` names the first of them."""
    whole: bool
    """The objects around changed, not single members of them."""
    status: str
    settled_as: str
    assignee: str | None
    rule_id: int | None
    present: bool
    """It was seen in the evidence that counts now."""
    count: int
    """Pairs of the present evidence that differ like this."""
    total: int
    """Pairs that ever did."""
    share: float | None
    """Of the present evidence's pairs."""
    raised_at: datetime
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which causes are asked for. What is left out does not matter; without statuses it is those that are open."""

    statuses: Sequence[str] = tuple(OPEN_STATUSES)
    unit_id: int | None = None
    service: str | None = None
    kind: str | None = None
    settled_as: str | None = None
    assignee_id: int | None = None
    unassigned: bool = False
    rule_id: int | None = None
    present: bool = False
    """Only those that the present evidence shows."""
    search: str = ""
    """Part of the path or of the unit's key."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a page of a list ends."""

    raised_at: datetime
    id: int


def mismatches(
    *, project: Project, wanted: Wanted | None = None, after: Mark | None = None, limit: int = 50
) -> list[CauseRow]:
    """The causes of a project, news first: new, back, or escalated lately. `after` is the mark of the last row seen."""
    rows = leaders(project=project, wanted=wanted or Wanted())
    if after is not None:
        later = Q(raised_at__lt=after.raised_at) | Q(raised_at=after.raised_at, pk__lt=after.id)
        rows = rows.filter(later, raised_at__lte=after.raised_at)
    return rows_of(rows.order_by("-raised_at", "-pk")[:limit])


def count_by_status(*, project: Project) -> dict[str, int]:
    """How many causes each status has."""
    rows = MismatchGroup.objects.filter(project=project, leader__isnull=True)
    return dict(rows.values_list("status").annotate(count=Count("pk")).order_by())


def leaders(*, project: Project, wanted: Wanted) -> QuerySet[MismatchGroup]:
    """The groups that stand for the causes that are asked for."""
    rows = MismatchGroup.objects.filter(project=project, leader__isnull=True)
    if wanted.statuses:
        rows = rows.filter(status__in=wanted.statuses)
    exact = {
        "unit_id": wanted.unit_id,
        "unit__service__name": wanted.service,
        "kind": wanted.kind,
        "settled_as": wanted.settled_as,
        "assignee_id": wanted.assignee_id,
        "rule_id": wanted.rule_id,
    }
    rows = rows.filter(**{name: value for name, value in exact.items() if value is not None})
    if wanted.unassigned:
        rows = rows.filter(assignee__isnull=True)
    if wanted.present:
        rows = rows.filter(evidence_epoch=F("unit__evidence_epoch"), count__gt=0)
    if wanted.search:
        rows = rows.filter(Q(shape__icontains=wanted.search) | Q(unit__key__icontains=wanted.search))
    return rows


def members_of(group: MismatchGroup) -> list[MismatchGroup]:
    """The groups of one cause, the one that stands for it first."""
    leader = group.leader_id or group.pk
    rows = MismatchGroup.objects.filter(Q(pk=leader) | Q(leader_id=leader)).order_by(
        F("leader_id").asc(nulls_first=True)
    )
    return list(rows.select_related("project", "unit"))


def rows_of(groups: Iterable[MismatchGroup]) -> list[CauseRow]:
    """Causes as plain data, in the order of the groups that stand for them: four queries, however many they are."""
    chosen = list(groups)
    units = _units(chosen)
    followers: dict[int, list[MismatchGroup]] = defaultdict(list)
    for row in MismatchGroup.objects.filter(leader_id__in=[each.pk for each in chosen]).order_by("pk"):
        followers[row.leader_id or 0].append(row)
    pairs = {pk: figures.pairs for pk, figures in standings(unit_ids=list(units)).items()}
    names = _names(each.assignee_id for each in chosen)
    return [
        _row(each, followers[each.pk], units[each.unit_id], pairs.get(each.unit_id, 0), names)
        for each in chosen
        if each.unit_id in units
    ]


def _row(
    group: MismatchGroup, followers: Sequence[MismatchGroup], unit: Unit, pairs: int, names: dict[int, str]
) -> CauseRow:
    groups = sorted([group, *followers], key=lambda each: each.shape)
    counts = [each.count if each.evidence_epoch == unit.evidence_epoch else 0 for each in groups]
    whole = len(groups) > 1 and all(each.whole == each.total for each in groups)
    return CauseRow(
        id=group.pk,
        unit_id=unit.pk,
        unit_key=unit.key,
        service=unit.service.name,
        sentence=sentence(shapes=[each.shape for each in groups], kind=group.kind, pattern=group.pattern, whole=whole),
        path=groups[0].shape,
        kind=group.kind,
        pattern=group.pattern,
        members=tuple(
            Member(id=each.pk, path=each.shape, count=count, total=each.total)
            for each, count in zip(groups[:MEMBERS_SHOWN], counts, strict=False)
        ),
        places=len(groups),
        whole=whole,
        status=group.status,
        settled_as=group.settled_as,
        assignee=None if group.assignee_id is None else names.get(group.assignee_id),
        rule_id=group.rule_id,
        present=max(counts) > 0,
        count=max(counts),
        total=max(each.total for each in groups),
        share=min(1.0, max(counts) / pairs) if pairs else None,
        raised_at=group.raised_at,
        first_seen_at=min(each.first_seen_at for each in groups),
        last_seen_at=max(each.last_seen_at for each in groups),
    )


def _units(groups: Sequence[MismatchGroup]) -> dict[int, Unit]:
    rows = Unit.objects.filter(pk__in={group.unit_id for group in groups}).select_related("service")
    return {unit.pk: unit for unit in rows}


def _names(user_ids: Iterable[int | None]) -> dict[int, str]:
    wanted = {pk for pk in user_ids if pk is not None}
    if not wanted:
        return {}
    return dict(get_user_model().objects.filter(pk__in=wanted).values_list("pk", "username"))
