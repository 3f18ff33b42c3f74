"""Units with evidence, for ramps and the guard: how each came to stand where it stands is of no interest there."""

from datetime import datetime, timedelta
from typing import Any

from migrator.access.rights import console
from migrator.core.stages import ALL, LADDER, RANK, Stage
from migrator.inventory.models import Kind, Service, Unit
from migrator.inventory.services import create_unit
from migrator.observations.models import Arrival, Resolution, Standing
from migrator.rollout.services import Change, flip

SETUP = console(name="setup")
SAFE = 20_000
"""Clean pairs that satisfy the usual policy."""


def raised(service: Service, key: str, stage: Stage, now: datetime, candidate: int | None = None, **more: Any) -> Unit:
    """A unit that climbed to this stage step by step, gates overridden."""
    unit = create_unit(project=service.project, service=service, key=key, kind=Kind.ENDPOINT, now=now, **more)
    for rung in LADDER[1 : RANK[stage] + 1]:
        wanted: dict[str, Any] = {"mirror": ALL} if rung.stage is Stage.SHADOW else {}
        set_by_hand(unit, now, stage=rung.stage, candidate=candidate if rung.stage is stage else None, **wanted)
    return fresh(unit)


def set_by_hand(unit: Unit, now: datetime, **wanted: Any) -> Unit:
    """A flip as whoever owns the host may make it."""
    change = Change(unit_id=unit.pk, version=fresh(unit).version, **wanted)
    flip(project=unit.project, changes=[change], actor=SETUP, reason="by hand", now=now, override=True)
    return fresh(unit)


def fresh(unit: Unit) -> Unit:
    return Unit.objects.select_related("project", "service").get(pk=unit.pk)


def observe(unit: Unit, now: datetime, *, match: int = SAFE, mismatch: int = 0, age_s: float = 0.0) -> None:
    """The evidence of the unit's present epoch: complete, and as old as said."""
    unit, at = fresh(unit), now - timedelta(seconds=age_s)
    Standing.objects.update_or_create(
        unit_id=unit.pk,
        shard=0,
        defaults={
            "evidence_epoch": unit.evidence_epoch,
            "match": match,
            "mismatch": mismatch,
            "first_at": at - timedelta(minutes=5),
            "last_at": at,
            "last_seen_at": at,
        },
    )
    for resolution in (Resolution.MINUTE, Resolution.HOUR):
        start = datetime.fromtimestamp(now.timestamp() // resolution * resolution, tz=now.tzinfo)
        Arrival.objects.get_or_create(
            project=unit.project, resolution=resolution, shard=0, window_start=start,
            defaults={"sent": 100, "committed": 100},
        )  # fmt: skip
