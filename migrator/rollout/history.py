"""The ledger as a whole: every link of a project's chain, with the flips that it seals."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from migrator.inventory.models import Project
from migrator.ledger.models import Entry as Link
from migrator.rollout.models import Flip
from migrator.rollout.queries import Entry, entry_of

FLIPS_SHOWN: Final = 30
"""Flips of one link that a list shows; their number is told."""
CHUNK: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One link: what somebody did in one moment."""

    number: int
    at: datetime
    actor: str
    via: str
    kind: str
    label: str
    reason: str
    unit_id: int | None
    unit_key: str
    body: Mapping[str, Any]
    digest: str
    flips: tuple[Entry, ...]
    """Its flips, or the first of them."""
    count: int
    """How many flips it seals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to look for. Empty parts ask nothing; `direction` is one of core.stages.Direction."""

    kind: str = ""
    direction: str = ""
    search: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def asks_something(self) -> bool:
        return self != Wanted()


def lines(*, project: Project, wanted: Wanted, older_than: int | None = None, limit: int = 50) -> list[Line]:
    """Newest first. `older_than` is the number of the last line before."""
    links = _found(project, wanted)
    if older_than is not None:
        links = links.filter(number__lt=older_than)
    return _with_flips(list(links.select_related("unit").order_by("-number")[:limit]), most=FLIPS_SHOWN)


def every_line(*, project: Project, wanted: Wanted) -> Iterator[Line]:
    """All of them with all of their flips, oldest first, a few hundred at a time: for an export."""
    after = 0
    while True:
        links = _found(project, wanted).filter(number__gt=after).select_related("unit").order_by("number")[:CHUNK]
        found = _with_flips(list(links), most=None)
        yield from found
        if len(found) < CHUNK:
            return
        after = found[-1].number


def _found(project: Project, wanted: Wanted) -> QuerySet[Link]:
    links = Link.objects.filter(project=project)
    sealed = Flip.objects.filter(entry=OuterRef("pk"))
    if wanted.kind:
        links = links.filter(kind=wanted.kind)
    if wanted.direction:
        links = links.filter(Exists(sealed.filter(direction=wanted.direction)))
    if wanted.since:
        links = links.filter(at__gte=wanted.since)
    if wanted.until:
        links = links.filter(at__lt=wanted.until)
    if wanted.search:
        told = Q(actor__icontains=wanted.search) | Q(reason__icontains=wanted.search)
        named = Q(unit__key__icontains=wanted.search) | Exists(sealed.filter(unit__key__icontains=wanted.search))
        links = links.filter(told | named)
    return links


def _with_flips(links: list[Link], *, most: int | None) -> list[Line]:
    flips: dict[int, list[Entry]] = {}
    rows = Flip.objects.filter(entry__in=[link.pk for link in links]).select_related("unit", "entry")
    if most is not None:
        place = Window(RowNumber(), partition_by=F("entry"), order_by="unit__key")
        rows = rows.annotate(place=place).filter(place__lte=most)
    for flip in rows.order_by("entry", "unit__key"):
        flips.setdefault(flip.entry_id or 0, []).append(entry_of(flip))
    return [_line(link, tuple(flips.get(link.pk, ()))) for link in links]


def _line(link: Link, flips: tuple[Entry, ...]) -> Line:
    return Line(
        number=link.number,
        at=link.at,
        actor=link.actor,
        via=link.via,
        kind=link.kind,
        label=link.get_kind_display(),
        reason=link.reason,
        unit_id=link.unit_id,
        unit_key=link.unit.key if link.unit else "",
        body=link.body,
        digest=link.digest,
        flips=flips,
        count=link.body.get("flips", 0) if flips else 0,
    )
