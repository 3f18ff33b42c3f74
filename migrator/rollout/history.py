"""The ledger as a whole: every link of a project's chain with the flips that it seals, and flips that none seals."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    BigIntegerField,
    Count,
    Exists,
    F,
    Func,
    IntegerField,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Value,
    Window,
)
from django.db.models.functions import Lag, RowNumber

from migrator.core.stages import Direction
from migrator.inventory.models import Project
from migrator.ledger.models import Entry as Link
from migrator.ledger.models import Kind
from migrator.rollout.models import Flip
from migrator.rollout.queries import Entry, entry_of

FLIPS_SHOWN: Final = 30
"""Flips of one link that a list shows; their number is told."""
CHUNK: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One link: what somebody did in one moment. Or flips of one moment that no link seals."""

    number: int | None
    """None where no link seals it."""
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
    newest: int = 0
    oldest: int = 0
    """The greatest and the least id of its flips, where no link seals them: the next page goes on below the least."""
    forged: bool = False
    """Whether its flips came after the first that a link seals, and have no link nevertheless."""


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
    yield from reversed(unsealed_lines(project=project, wanted=wanted, most=None))
    after = 0
    while True:
        links = _found(project, wanted).filter(number__gt=after).select_related("unit").order_by("number")[:CHUNK]
        found = _with_flips(list(links), most=None)
        yield from found
        if len(found) < CHUNK:
            return
        after = found[-1].number or 0


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


# ------------------------------------------------------------------------------------ unsealed


def unsealed_lines(
    *,
    project: Project,
    wanted: Wanted,
    older_than: int | None = None,
    limit: int | None = None,
    most: int | None = FLIPS_SHOWN,
) -> list[Line]:
    """Flips that no link seals, because they are older than the chain; those of one version are one line.

    Newest first. `older_than` is the `oldest` of the last line before; `most` flips of a line come with it.
    """
    flips = _unsealed(project, wanted)
    if older_than is not None:
        flips = flips.filter(pk__lt=older_than)
    found = _presses(flips, limit)
    if not found:
        return []
    first, known = _first_sealed(project), _flips_of(found, flips, most=most)
    return [
        _unsealed_line(tuple(known[press.oldest]), press, forged=first is not None and press.newest > first)
        for press in found
    ]


@dataclass(frozen=True, slots=True)
class _Press:
    """Flips of one version that stand beside each other. Those of one press do: a project is locked while it flips."""

    newest: int
    oldest: int
    count: int


def _presses(flips: QuerySet[Flip], limit: int | None) -> list[_Press]:
    """Newest first. The database reads no further than the end of the last of them."""
    newest_first = F("pk").desc()
    changes = flips.annotate(
        newer=Window(Lag("pk"), order_by=newest_first),
        newer_epoch=Window(Lag("epoch", default=-1), order_by=newest_first),
        newer_version=Window(Lag("version", default=-1), order_by=newest_first),
        place=Window(RowNumber(), order_by=newest_first),
    ).exclude(newer_epoch=F("epoch"), newer_version=F("version"))
    begun = [*changes.order_by("-pk").values_list("pk", "newer", "place")[: None if limit is None else limit + 1]]
    ended = [
        _Press(newest, oldest=later, count=place_later - place)
        for (newest, _newer, place), (_newest, later, place_later) in pairwise(begun)
    ]
    if not begun or len(ended) == limit:
        return ended
    newest = begun[-1][0]
    last = flips.filter(pk__lte=newest).aggregate(oldest=Min("pk"), count=Count("pk"))
    return [*ended, _Press(newest, last["oldest"], last["count"])]


def _first_sealed(project: Project) -> int | None:
    """The least id of a flip that a link seals, found through the first link that seals one."""
    sealing = Link.objects.filter(Exists(Flip.objects.filter(entry=OuterRef("pk"))), project=project)
    first = sealing.filter(kind__in=(Kind.FLIP, Kind.ROLLBACK)).order_by("number").values("pk")[:1]
    least: int | None = Flip.objects.filter(entry=first).aggregate(least=Min("pk"))["least"]
    return least


def _flips_of(presses: Sequence[_Press], flips: QuerySet[Flip], *, most: int | None) -> dict[int, list[Entry]]:
    """The flips of each press, by the least id that it has."""
    ends = [press.oldest for press in reversed(presses)]
    flips = flips.filter(pk__range=(ends[0], presses[0].newest))
    if most is not None:
        edges = Value(ends, output_field=ArrayField(BigIntegerField()))
        press = Func(F("pk"), edges, function="width_bucket", output_field=IntegerField())
        flips = flips.annotate(place=Window(RowNumber(), partition_by=press, order_by="unit__key"))
        flips = flips.filter(place__lte=most)
    known: dict[int, list[Entry]] = {}
    for flip in flips.select_related("unit", "entry").order_by("unit__key"):
        known.setdefault(ends[bisect_right(ends, flip.pk) - 1], []).append(entry_of(flip))
    return known


def _unsealed(project: Project, wanted: Wanted) -> QuerySet[Flip]:
    flips = Flip.objects.filter(project=project, entry__isnull=True)
    if wanted.kind == Kind.ROLLBACK:
        flips = flips.filter(direction=Direction.BACK)
    elif wanted.kind == Kind.FLIP:
        flips = flips.exclude(direction=Direction.BACK)
    elif wanted.kind:
        return flips.none()
    if wanted.direction:
        flips = flips.filter(direction=wanted.direction)
    if wanted.since:
        flips = flips.filter(at__gte=wanted.since)
    if wanted.until:
        flips = flips.filter(at__lt=wanted.until)
    if wanted.search:
        told = Q(actor__icontains=wanted.search) | Q(reason__icontains=wanted.search)
        flips = flips.filter(told | Q(unit__key__icontains=wanted.search))
    return flips


def _unsealed_line(flips: tuple[Entry, ...], press: _Press, *, forged: bool) -> Line:
    first = flips[0]
    kind = Kind.ROLLBACK if all(flip.direction is Direction.BACK for flip in flips) else Kind.FLIP
    return Line(
        number=None,
        at=first.at,
        actor=first.actor,
        via=first.via,
        kind=kind,
        label=str(kind.label),
        reason=first.reason,
        unit_id=first.unit_id if press.count == 1 else None,
        unit_key=first.unit_key if press.count == 1 else "",
        body={},
        digest="",
        flips=flips,
        count=press.count,
        newest=press.newest,
        oldest=press.oldest,
        forged=forged,
    )


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
