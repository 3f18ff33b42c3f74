"""The units in removal as a list: what can be deleted first, then what is nearest to it.

A proof rests on a dozen queries, so a long list cannot be ordered by proofs. It is ordered, narrowed and counted by how
each proof stood when the watch last looked, once a minute, and says when that was. Whatever is shown is proven
anew: the counts are put right by it, and what no longer is what was asked for is left out.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Count, F, Func, Q, QuerySet, When
from django.db.models.functions import Coalesce

from migrator.core.stages import Stage
from migrator.inventory.models import Project, Unit
from migrator.removal.models import LastLook
from migrator.removal.proof import WAITS
from migrator.removal.queries import Case, cases_of

READY: Final = "ready"
"""What `waits` is where only units are wanted that can be deleted now."""
UNKNOWN: Final = len(WAITS) + 1
"""The rank of units that were not looked at since they came to removal: after all others."""
_Parts = Sequence[str]
_PART_OF: Final = {word: name for name, word in WAITS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a page of the list ends."""

    rank: int
    """Parts of the proof that were open."""
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How many units in removal wait for what."""

    total: int
    ready: int
    """Whose proof is complete."""
    waiting: Mapping[str, int]
    """By what they wait for, the most first. A unit may wait for several things."""
    unknown: int
    """Not looked at yet since they came to removal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A page of the list, and how all of it stands."""

    cases: tuple[Case, ...]
    after: Place | None
    """Where the next page begins; None at the end."""
    standing: Standing
    looked_at: datetime | None
    """When what is not on this page was looked at; None where nobody has looked yet."""


def listing(
    *, project: Project, now: datetime, search: str = "", waits: str = "", after: Place | None = None, limit: int = 50
) -> Listing:
    """Units in removal whose key holds `search` and which wait for `waits`: READY or a word of WAITS; empty for all."""
    units = _marked(project)
    found = units.filter(_asked(waits), key__icontains=search)
    if after is not None:
        found = found.filter(Q(rank__gt=after.rank) | Q(rank=after.rank, key__gt=after.key))
    rows = list(found.select_related("service", "team").order_by("rank", "key")[: limit + 1])
    shown = rows[:limit]
    cases = list(cases_of(units=shown, now=now).values())
    looked = LastLook.objects.filter(project=project).first()
    return Listing(
        cases=tuple(sorted((case for case in cases if _is_asked(case, waits)), key=_rank)),
        after=Place(rank=shown[-1].rank, key=shown[-1].key) if len(rows) > limit else None,
        standing=_standing(units, [unit.marked for unit in shown], cases),
        looked_at=looked.at if looked else None,
    )


def _marked(project: Project) -> QuerySet[Any]:
    """The units in removal, each with the parts of its proof that were open: None where that is not known."""
    of_this_stay = Q(proof_mark__stage_since=Coalesce("stage_since", "added_at"))
    parts = ArrayField(models.CharField(max_length=40))
    marked = models.Case(When(of_this_stay, then=F("proof_mark__open_parts")), default=None, output_field=parts)
    many = Func(F("marked"), function="cardinality", output_field=models.IntegerField())
    units = Unit.objects.tracked().filter(project=project, stage=Stage.REMOVAL)
    return units.annotate(marked=marked, rank=Coalesce(many, UNKNOWN))


def _asked(waits: str) -> Q:
    """What narrows the list: who was not looked at yet may be meant as well."""
    if not waits:
        return Q()
    meant = Q(rank=0) if waits == READY else Q(marked__contains=[_PART_OF.get(waits, waits)])
    return meant | Q(rank=UNKNOWN)


def _is_asked(case: Case, waits: str) -> bool:
    return not waits or (case.proof.complete if waits == READY else waits in case.proof.waits_for)


def _rank(case: Case) -> tuple[int, str]:
    return len(case.proof.open_parts), case.unit.key


def _standing(units: QuerySet[Any], marked: Iterable[_Parts | None], shown: Iterable[Case]) -> Standing:
    """How all units stood when they were looked at, but those that are shown, `marked` so, as they stand now."""
    rows = units.order_by().values_list("marked").annotate(units=Count("pk"))
    stand = Counter({_key(parts): number for parts, number in rows})
    stand.subtract(map(_key, marked))
    stand.update(case.proof.open_parts for case in shown)
    waiting = {WAITS[part]: sum(stand[parts] for parts in stand if parts and part in parts) for part in WAITS}
    ordered = sorted(waiting, key=lambda word: -waiting[word])
    return Standing(
        total=stand.total(),
        ready=stand[()],
        waiting={word: waiting[word] for word in ordered if waiting[word]},
        unknown=stand[None],
    )


def _key(parts: _Parts | None) -> tuple[str, ...] | None:
    return None if parts is None else tuple(parts)
