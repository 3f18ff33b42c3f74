"""Reads of ledger and data planes, as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from migrator.core.stages import Direction, Position, Stage
from migrator.core.wire import Version
from migrator.inventory.models import Project
from migrator.rollout.models import DataPlane, Flip
from migrator.rollout.scopes import Scope, units_of

LIVE_FOR = timedelta(seconds=20)
"""A data plane that was heard within this time is live: it reports every few seconds, traffic or not."""
FORGET_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Convergence:
    """Who obeys a version. Committed is a fact of the database; effective is a fact of the data planes."""

    version: Version
    live: int
    confirmed: int
    waiting: tuple[str, ...]
    """Live data planes that still apply an older table."""
    silent: tuple[str, ...]
    """Data planes not heard for a while: nobody knows what they do."""
    held: tuple[str, ...] = ()
    """Live data planes that hold legacy for some units whatever the table says: their own switch, a signed override."""
    leaving_out: tuple[str, ...] = ()
    """Live data planes that leave a candidate out for some units, because it fails."""

    @property
    def effective(self) -> bool:
        """Every live data plane confirmed, and there is one. No data plane is not a yes."""
        return self.live > 0 and not self.waiting

    @property
    def sentence(self) -> str:
        if not self.live:
            return "Committed. No data plane is connected, so nothing obeys yet."
        if self.effective:
            sentence = f"Effective on all {self.live} data planes." if self.live > 1 else "Effective on the data plane."
        else:
            sentence = f"Committed. Served by {self.confirmed} of {self.live}; waiting for {_named(self.waiting)}."
        return sentence + self.lower

    @property
    def lower(self) -> str:
        """Which data planes go below what is committed, in sentences; empty where none does."""
        held = f" Held at legacy, some of it or all: {_named(self.held)}." if self.held else ""
        left = f" The candidate is left out, for some units: {_named(self.leaving_out)}." if self.leaving_out else ""
        return held + left


def convergence(*, project: Project, now: datetime, version: Version | None = None) -> Convergence:
    """Which live data planes apply `version` or a newer one; the project's present version where none is named."""
    goal = version or Version(epoch=project.epoch, number=project.version)
    planes = DataPlane.objects.filter(project=project, last_seen_at__gte=now - FORGET_AFTER)
    live = [plane for plane in planes if plane.last_seen_at >= now - LIVE_FOR]
    waiting = tuple(plane.source for plane in live if plane.applied < goal)
    return Convergence(
        version=goal,
        live=len(live),
        confirmed=len(live) - len(waiting),
        waiting=waiting,
        silent=tuple(plane.source for plane in planes if plane.last_seen_at < now - LIVE_FOR),
        held=tuple(plane.source for plane in live if plane.forced_legacy or plane.overrides),
        leaving_out=tuple(plane.source for plane in live if plane.left_out),
    )


def _named(sources: Sequence[str]) -> str:
    """The first five."""
    more = f" and {len(sources) - 5} more" if len(sources) > 5 else ""
    return ", ".join(sources[:5]) + more


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the ledger."""

    id: int
    at: datetime
    actor: str
    user_id: int | None
    via: str
    reason: str
    direction: Direction
    override: bool
    unit_id: int
    unit_key: str
    unit_version: int
    before: Position
    after: Position
    version: Version
    evidence: Mapping[str, Any]
    link: int | None
    """Number of the chain's link that seals it; None where it is older than the chain."""

    @property
    def moves(self) -> bool:
        """Whether more than the mirror changed."""
        return (self.before.stage, self.before.candidate) != (self.after.stage, self.after.candidate)


def ledger(
    *,
    project: Project,
    unit_id: int | None = None,
    direction: str = "",
    search: str = "",
    older_than: int | None = None,
    limit: int = 50,
) -> list[Entry]:
    """Newest first; `older_than` is the id of the last entry before. `search` finds actor, reason and unit key."""
    flips = Flip.objects.filter(project=project).select_related("unit", "entry")
    if unit_id is not None:
        flips = flips.filter(unit_id=unit_id)
    if direction:
        flips = flips.filter(direction=direction)
    if search:
        flips = flips.filter(Q(actor__icontains=search) | Q(reason__icontains=search) | Q(unit__key__icontains=search))
    if older_than is not None:
        flips = flips.filter(pk__lt=older_than)
    return [entry_of(flip) for flip in flips[:limit]]


def entry_of(flip: Flip) -> Entry:
    """A row of the ledger as plain data."""
    return Entry(
        id=flip.pk,
        at=flip.at,
        actor=flip.actor,
        user_id=flip.user_id,
        via=flip.via,
        reason=flip.reason,
        direction=Direction(flip.direction),
        override=flip.override,
        unit_id=flip.unit_id,
        unit_key=flip.unit.key,
        unit_version=flip.unit_version,
        before=flip.before,
        after=flip.after,
        version=Version(epoch=flip.epoch, number=flip.version),
        evidence=flip.evidence,
        link=flip.entry.number if flip.entry else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """One data plane as its last report left it."""

    source: str
    kind: str
    applied: Version
    behind: int
    """Versions between what it applies and what is committed."""
    live: bool
    forced_legacy: bool
    left_out: tuple[str, ...]
    """Keys of units whose candidate it leaves out, because it fails or hangs."""
    overrides: tuple[str, ...]
    """Ids of the signed overrides that it obeys."""
    first_seen_at: datetime
    last_seen_at: datetime


def data_planes(*, project: Project, now: datetime) -> list[Plane]:
    """Every data plane heard within a day: the live ones first, and of them whoever lags most."""
    goal = Version(epoch=project.epoch, number=project.version)
    rows = DataPlane.objects.filter(project=project, last_seen_at__gte=now - FORGET_AFTER)
    planes = [
        Plane(
            source=row.source,
            kind=row.kind,
            applied=row.applied,
            behind=max(0, goal.number - row.applied_number) if row.applied_epoch == goal.epoch else goal.number,
            live=row.last_seen_at >= now - LIVE_FOR,
            forced_legacy=row.forced_legacy,
            left_out=tuple(row.left_out),
            overrides=tuple(row.overrides),
            first_seen_at=row.first_seen_at,
            last_seen_at=row.last_seen_at,
        )
        for row in rows
    ]
    return sorted(planes, key=lambda plane: (not plane.live, -plane.behind, plane.source))


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a rollback would take down, before it is done."""

    serving: int
    """Units that the candidate answers for, wholly or in part."""
    units: tuple[tuple[int, str, Position], ...]
    """The first of them: id, key, where they stand."""
    stuck: int
    """Units that cannot go back: removed ones, and removal without a running legacy."""
    writes: int
    """How many of `serving` write: what the candidate has written stays where it was written."""


def preview(*, project: Project, scope: Scope, limit: int = 10) -> Preview:
    """What a rollback of this scope would take down now."""
    moving = units_of(project=project, scope=scope)
    answered = moving.filter(candidate_bp__gt=0)
    stuck = Q(stage=Stage.REMOVED) | Q(stage=Stage.REMOVAL, service__legacy_deployed=False)
    going = answered.exclude(stuck)
    first = going.order_by("-candidate_bp", "key")[:limit]
    return Preview(
        serving=going.count(),
        units=tuple((unit.pk, unit.key, unit.position) for unit in first),
        stuck=answered.filter(stuck).count(),
        writes=going.filter(operation="write").count(),
    )


def last_change(*, project: Project, scope: Scope) -> Entry | None:
    """The newest line of the ledger about any unit that a rollback of this scope would take along."""
    units = units_of(project=project, scope=scope).values("pk")
    flips = Flip.objects.filter(project=project, unit__in=units).select_related("unit", "entry")
    newest = flips.order_by("-id").first()
    return entry_of(newest) if newest else None


def last_heard(*, project: Project) -> datetime | None:
    """When any data plane last reported; None where none ever did."""
    newest = DataPlane.objects.filter(project=project).order_by("-last_seen_at").first()
    return newest.last_seen_at if newest else None


def last_entries(*, unit_ids: Sequence[int]) -> dict[int, Entry]:
    """The newest line of the ledger of each unit, by unit id."""
    newest = (
        Flip.objects.filter(unit__in=unit_ids)
        .order_by("unit_id", "-id")
        .distinct("unit_id")
        .select_related("unit", "entry")
    )
    return {flip.unit_id: entry_of(flip) for flip in newest}
