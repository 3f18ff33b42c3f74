"""What stands along the time axis of a chart: changes of scope with who and why, and what else moved many units."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Case, Count, F, IntegerField, Q, QuerySet, Value, When
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce, NullIf

from migrator.core.stages import LADDER, RANK, Stage
from migrator.inventory.models import Absence, Project, Unit
from migrator.ledger.models import Entry, Kind
from migrator.planning.models import PhaseUnit
from migrator.planning.queries.slices import Slice, ids
from migrator.rollout.models import Flip

MOST: Final = 200
BULK: Final = 10
"""A flip of fewer units is no event for a whole chart, unless it goes back."""
IMPORTANT: Final = (Kind.ROLLBACK, Kind.SCOPE, Kind.FREEZE, Kind.FLIP, Kind.POLICY)
"""The most important first, where not all have room."""


# --------------------------------------------------------------------------------------- scope


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeStep:
    """Units that came into scope, and units that left it, at one moment."""

    at: datetime
    added: int
    gone: int
    who: str
    """Empty where the ledger does not know."""
    why: str
    link: int | None
    """Number of the ledger's link that tells of it."""


_Moment = tuple[datetime, Kind]
"""When the scope changed, and which kind of link tells of it."""
_Source = tuple[Kind, str, str, QuerySet[Any]]
"""The kind of link; whether it is `added` or `gone`; the column with the moment; rows, one for each unit."""


@dataclass(slots=True)
class _Sizes:
    added: int = 0
    gone: int = 0


def scope_changes(*, project: Project, since: datetime, until: datetime, units: Slice | None = None) -> list[ScopeStep]:
    """Changes of the scope from `since` until before `until`, oldest first; of more than 200 the largest."""
    units = units or Slice()
    found: dict[_Moment, _Sizes] = {}
    for kind, which, moment, rows in _of_phase(project, units) if units.phase else _of_inventory(project, units):
        recent = rows.filter(**{f"{moment}__gte": since, f"{moment}__lt": until}).values_list(moment)
        for at, number in recent.annotate(number=Count("*")).order_by("-number", moment)[:MOST]:
            sizes = found.setdefault((at, kind), _Sizes())
            setattr(sizes, which, getattr(sizes, which) + number)
    largest = sorted(found, key=lambda each: -(found[each].added + found[each].gone))[:MOST]
    told = _links(project, largest)
    return [_step(each[0], found[each], told.get(each)) for each in sorted(largest)]


def _of_inventory(project: Project, units: Slice) -> Iterable[_Source]:
    chosen = Unit.objects.filter(units.of_units(project), project=project)
    away = Absence.objects.filter(units.of_units(project, "unit__"), unit__project=project)
    return (
        (Kind.SCOPE, "added", "added_at", chosen),
        (Kind.SCOPE, "gone", "gone_at", chosen),
        (Kind.SCOPE, "gone", "gone_at", away),
        (Kind.SCOPE, "added", "back_at", away),
    )


def _of_phase(project: Project, units: Slice) -> Iterable[_Source]:
    """What people put into the phase and took out, and what specs took from the inventory while it was in there."""
    phases = ids(project.phases.filter(name=units.phase))
    tags = Slice(service=units.service, team=units.team, kind=units.kind).of_units(project, "unit__")
    chosen = PhaseUnit.objects.filter(tags, phase__in=phases)
    taken_out = Q(unit__gone_at__isnull=True) | Q(removed_at__lte=F("unit__gone_at"))
    lost = Q(removed_at__isnull=True) | Q(removed_at__gt=F("unit__gone_at"))
    inside = Q(unit__phases__phase__in=phases, unit__phases__added_at__lte=F("gone_at"))
    stays = Q(unit__phases__removed_at__isnull=True) | Q(unit__phases__removed_at__gt=F("back_at"))
    away = Absence.objects.filter(tags & inside & stays)
    return (
        (Kind.PLAN, "added", "added_at", chosen),
        (Kind.PLAN, "gone", "removed_at", chosen.filter(taken_out)),
        (Kind.SCOPE, "gone", "unit__gone_at", chosen.filter(lost, added_at__lt=F("unit__gone_at"))),
        (Kind.SCOPE, "gone", "gone_at", away),
        (Kind.SCOPE, "added", "back_at", away),
    )


def _links(project: Project, moments: Sequence[_Moment]) -> Mapping[_Moment, Entry]:
    """What the ledger tells of these moments: a change and its link bear the same one."""
    kinds = {kind: [at for at, each in moments if each == kind] for _, kind in moments}
    rows = (Entry.objects.filter(project=project, kind=kind, at__in=ats) for kind, ats in kinds.items())
    return {(entry.at, Kind(entry.kind)): entry for found in rows for entry in found}


def _step(at: datetime, sizes: _Sizes, entry: Entry | None) -> ScopeStep:
    return ScopeStep(
        at=at,
        added=sizes.added,
        gone=sizes.gone,
        who=entry.actor if entry else "",
        why=(entry.reason or str(entry.body.get("headline", ""))) if entry else "",
        link=entry.number if entry else None,
    )


# -------------------------------------------------------------------------------------- events


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """Something that moved many units, or kept them from moving."""

    at: datetime
    kind: str
    """A kind of the ledger."""
    headline: str
    who: str
    why: str
    units: int
    """How many moved; 0 where none did."""
    link: int


def events(*, project: Project, since: datetime, until: datetime) -> list[Pin]:
    """Rollbacks, changes of scope, freezes, flips in bulk and policies, oldest first.

    At most 200: the most important kinds first, in each the largest.
    """
    flips = Cast(NullIf(KT("body__flips"), Value("")), IntegerField())
    rows = Entry.objects.filter(project=project, at__gte=since, at__lt=until)
    # A link of one unit names it: all other links of flips are of several.
    rows = rows.filter(~Q(kind=Kind.FLIP) | Q(unit__isnull=True), kind__in=IMPORTANT)
    weight = Case(*(When(kind=kind, then=Value(at)) for at, kind in enumerate(IMPORTANT)), output_field=IntegerField())
    sized = rows.annotate(weight=weight, size=Coalesce(flips, Value(0)))
    chosen = sized.filter(~Q(kind=Kind.FLIP) | Q(size__gte=BULK)).order_by("weight", "-size", "-at")[:MOST]
    found = sorted(chosen.select_related("unit"), key=lambda entry: (entry.at, entry.number))
    goals = _goals(entry.pk for entry in found if entry.kind in (Kind.FLIP, Kind.ROLLBACK))
    return [_pin(entry, goals.get(entry.pk)) for entry in found]


def _goals(entries: Iterable[int]) -> Mapping[int, tuple[Stage, int]]:
    """Where the flips of each link led: the stage of most of them, and how many there were."""
    rows = Flip.objects.filter(entry__in=list(entries)).values_list("entry_id", "to_stage")
    found: dict[int, tuple[Stage, int]] = {}
    for entry, stage, number in rows.annotate(number=Count("*")).order_by("-number"):
        first, before = found.get(entry, (Stage(stage), 0))
        found[entry] = (first, before + number)
    return found


def _pin(entry: Entry, goal: tuple[Stage, int] | None) -> Pin:
    stage, size = goal or (None, 0)
    what = entry.unit.key if entry.unit else f"{size:,} units"
    headline = (
        f"{what} to {LADDER[RANK[stage]].label}" if stage else str(entry.body.get("headline") or Kind(entry.kind).label)
    )
    return Pin(
        at=entry.at,
        kind=entry.kind,
        headline=headline,
        who=entry.actor,
        why=entry.reason,
        units=size,
        link=entry.number,
    )
