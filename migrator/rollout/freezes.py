"""Not now: nothing climbs in a project, a service or a unit for a while. Going down is never frozen.

A maintenance window, a hold that an alert asks for, and a person's hesitation are the same row.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import F, Q, QuerySet

from migrator.access.rights import Actor, Right, demand
from migrator.inventory import versions
from migrator.inventory.models import Project, Service, Unit
from migrator.inventory.services import Invalid
from migrator.ledger.models import Kind
from migrator.ledger.services import record
from migrator.rollout.models import Freeze
from migrator.telling.models import Event, Severity
from migrator.telling.services import tell

REASON: Final = 1_000
"""Longest reason, in characters."""


@transaction.atomic
def freeze(
    *,
    project: Project,
    actor: Actor,
    reason: str,
    now: datetime,
    service: Service | None = None,
    unit: Unit | None = None,
    begins_at: datetime | None = None,
    ends_at: datetime | None = None,
    key: str = "",
) -> Freeze:
    """Keep things from climbing, from now or `begins_at`, until `ends_at` or until somebody lifts it.

    `key` names the alert that asks: while its freeze stands, asking again gives the same one, so an alert may
    flap as it likes. Raises Forbidden without the right, and Invalid naming the field.
    """
    demand(actor=actor, right=Right.FREEZE, units=[unit] if unit else [])
    reason, begins_at = _reason(reason), max(begins_at or now, now)
    if ends_at is not None and ends_at <= begins_at:
        raise Invalid("ends_at", "A freeze ends after it begins, and not in the past.")
    if service is not None and unit is not None:
        raise Invalid("unit", "Freeze a service or a unit, not both; neither means the whole project.")
    versions.lock(project_id=project.pk)
    standing_already = _of_key(project, key, now) if key else None
    if standing_already is not None:
        return standing_already
    made = Freeze.objects.create(
        project=project, service=service, unit=unit, key=key, reason=reason, made_by=actor.name, made_at=now,
        begins_at=begins_at, ends_at=ends_at,
    )  # fmt: skip
    _seal_and_tell(made, actor, now, verb="frozen", reason=reason)
    return made


@transaction.atomic
def lift(*, freeze: Freeze, actor: Actor, now: datetime, reason: str = "") -> Freeze:
    """End a freeze now. Lifting it again is harmless. Raises Forbidden without the right."""
    demand(actor=actor, right=Right.FREEZE, units=[freeze.unit] if freeze.unit else [])
    versions.lock(project_id=freeze.project_id)
    lifted = Freeze.objects.filter(pk=freeze.pk, lifted_at__isnull=True).update(lifted_at=now, lifted_by=actor.name)
    ended = Freeze.objects.select_related("project", "service", "unit").get(pk=freeze.pk)
    if lifted:
        _seal_and_tell(ended, actor, now, verb="free again", reason=reason)
    return ended


def lift_key(*, project: Project, key: str, actor: Actor, now: datetime, reason: str = "") -> Freeze | None:
    """End the freeze that an alert asked for; None where it has none."""
    found = Freeze.objects.filter(project=project, key=key, lifted_at__isnull=True).first()
    return lift(freeze=found, actor=actor, now=now, reason=reason) if found else None


def standing(*, project: Project, now: datetime) -> list[Freeze]:
    """The freezes in force, the newest first."""
    return list(_in_force(Freeze.objects.filter(project=project), now).select_related("project", "service", "unit"))


def listed(*, project: Project, now: datetime, past: int = 20) -> list[Freeze]:
    """Those in force and those to come, then the last that are over, each the newest first."""
    all_of_it = Freeze.objects.filter(project=project).select_related("project", "service", "unit")
    over = Q(lifted_at__isnull=False) | Q(ends_at__lte=now)
    return [*all_of_it.exclude(over), *all_of_it.filter(over)[:past]]


def blocking(*, units: Sequence[Unit], now: datetime) -> dict[int, Freeze]:
    """The freeze that keeps each unit from climbing, by the unit's id; the one that ends last where several do.

    A field is frozen with its endpoint: the endpoint serves its answer. One query.
    """
    frozen: dict[Any, Freeze] = {}
    projects = {unit.project_id for unit in units}
    for each in _in_force(Freeze.objects.filter(project__in=projects), now).select_related(
        "project", "service", "unit"
    ):
        place = _place(each)
        frozen[place] = _later(frozen[place], each) if place in frozen else each
    found: dict[int, Freeze] = {}
    for unit in units if frozen else ():
        places = ("project", unit.project_id), ("service", unit.service_id), ("unit", unit.pk), ("unit", unit.parent_id)
        for held in (frozen[place] for place in places if place in frozen):
            found[unit.pk] = _later(found[unit.pk], held) if unit.pk in found else held
    return found


def _in_force(freezes: QuerySet[Freeze], now: datetime) -> QuerySet[Freeze]:
    open_end = Q(ends_at__isnull=True) | Q(ends_at__gt=now)
    return freezes.filter(open_end, lifted_at__isnull=True, begins_at__lte=now)


def _place(freeze: Freeze) -> tuple[str, int | None]:
    if freeze.unit_id:
        return "unit", freeze.unit_id
    return ("service", freeze.service_id) if freeze.service_id else ("project", freeze.project_id)


def _later(one: Freeze, other: Freeze) -> Freeze:
    """The one that ends last; no end is the last of all."""
    if one.ends_at is None or other.ends_at is None:
        return one if one.ends_at is None else other
    return one if one.ends_at >= other.ends_at else other


def _of_key(project: Project, key: str, now: datetime) -> Freeze | None:
    """The freeze of an alert that still stands. One whose time is over makes room: its key is free again."""
    mine = Freeze.objects.filter(project=project, key=key, lifted_at__isnull=True)
    mine.filter(ends_at__lte=now).update(lifted_at=F("ends_at"), lifted_by="its time was over")
    return mine.select_related("project", "service", "unit").first()


def _reason(reason: str) -> str:
    told = reason.replace("\0", "").strip()
    if not 0 < len(told) <= REASON:
        raise Invalid("reason", f"Say why, in at most {REASON:,} characters: whoever meets the freeze reads it.")
    return told


def _seal_and_tell(freeze: Freeze, actor: Actor, now: datetime, *, verb: str, reason: str) -> None:
    body = {
        "headline": f"{freeze.what}: {verb}",
        "freeze": freeze.pk, "what": freeze.what, "unit": freeze.unit_id, "service": freeze.service_id,
        "begins_at": freeze.begins_at.isoformat(), "ends_at": freeze.ends_at and freeze.ends_at.isoformat(),
        "key": freeze.key, "lifted": freeze.lifted_at is not None,
    }  # fmt: skip
    record(project=freeze.project, kind=Kind.FREEZE, actor=actor, now=now, body=body, unit=freeze.unit, reason=reason)
    tell(
        project=freeze.project,
        event=Event.FREEZE,
        severity=Severity.INFO,
        title=f"{freeze.what}: {verb}",
        sentence=f"{actor.name}: {reason}" if reason else f"{actor.name} lifted the freeze.",
        path=f"/p/{freeze.project.slug}/freezes",
        now=now,
        unit=freeze.unit,
        key=f"freeze:{freeze.pk}",
        resolves=freeze.lifted_at is not None,
    )
