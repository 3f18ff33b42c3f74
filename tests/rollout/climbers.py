"""Units with evidence, for ramps and the guard: how each came to stand where it stands is of no interest there."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from migrator.access.rights import Actor, console
from migrator.core.ramp import Plan
from migrator.core.ramp_text import read_plan
from migrator.core.stages import ALL, LADDER, RANK, Stage
from migrator.inventory.models import Kind, Service, Unit
from migrator.inventory.services import create_unit
from migrator.observations.models import Arrival, Resolution, Standing
from migrator.rollout import ramps
from migrator.rollout.models import Ramp
from migrator.rollout.services import Change, flip

NOW = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
ANA = console(name="ana")
QUICK = read_plan(steps="1, 5, 25", soak="10m")
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


def begin(*units: Unit, plan: Plan = QUICK, actor: Actor = ANA, now: datetime = NOW) -> list[Ramp]:
    done = ramps.start(
        project=units[0].project, unit_ids=[u.pk for u in units], plan=plan, actor=actor, reason="go", now=now
    )
    return list(done.ramps)


def again(ramp: Ramp) -> Ramp:
    return Ramp.objects.get(pk=ramp.pk)


def pass_time(unit: Unit, start: datetime, minutes: float, *, evidence: bool = True) -> datetime:
    """Tick once a minute while evidence arrives, or does not."""
    for at in range(1, int(minutes) + 1):
        now = start + timedelta(minutes=at)
        if evidence:
            observe(unit, now)
        ramps.tick(now=now)
    return start + timedelta(minutes=minutes)


def in_threads(*works: Callable[[], Any]) -> list[Any]:
    """Run these at once, each on a connection of its own. Returns what they returned or raised."""
    found: list[Any] = [None] * len(works)
    ready = threading.Barrier(len(works))

    def run(at: int, work: Callable[[], Any]) -> None:
        try:
            ready.wait(10)
            found[at] = work()
        except Exception as error:
            found[at] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(at, work)) for at, work in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found
