"""What becomes of a ramp, written down: its row, its entry in the ledger, and whom to tell."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import transaction

from migrator.access.rights import Actor, Via, console, machine, person, program_named
from migrator.core.ramp import Plan
from migrator.core.ramp_text import of_record
from migrator.inventory import versions
from migrator.inventory.models import Project
from migrator.ledger import services as ledger
from migrator.ledger.models import Kind
from migrator.rollout.models import Ramp, RampState
from migrator.telling.models import Event, Severity
from migrator.telling.services import tell

MACHINE: Final = machine(name="ramp", via=Via.RAMP)
"""Who pauses, cools and ends ramps by itself. It has no right to flip upwards: that takes the starter's."""
_TOLD: Final = {
    RampState.DONE: (Severity.INFO, "is up"),
    RampState.STOPPED: (Severity.WARNING, "climbs no more"),
    RampState.COOLING: (Severity.WARNING, "cools down"),
    RampState.PAUSED: (Severity.WARNING, "pauses"),
}


def plan_of(ramp: Ramp) -> Plan:
    """Raises PlanRefused where what is kept is no plan."""
    return of_record(ramp.plan)


def starter_of(ramp: Ramp, *, now: datetime) -> Actor:
    """Whoever answers for a ramp, with the rights of now: none where their account or token is gone."""
    nobody = Actor(name=ramp.starter, via=Via.RAMP, rights=frozenset(), user_id=ramp.started_by_id)
    if ramp.started_by is not None:
        return person(user=ramp.started_by, project=ramp.project, via=Via.RAMP)
    if ramp.started_via == Via.API:
        return program_named(name=ramp.starter, project=ramp.project, via=Via.RAMP, now=now)
    if ramp.started_via == Via.COMMAND:
        return Actor(name=ramp.starter, via=Via.RAMP, rights=console(name=ramp.starter).rights)
    return nobody


def record(
    *, project: Project, ramps: Sequence[Ramp], act: str, actor: Actor, now: datetime, reason: str, **more: object
) -> None:
    """One entry in the ledger for one ramp or for hundreds, in the transaction that changes them."""
    if not ramps:
        return
    body = {"act": act, "ramps": [ramp.pk for ramp in ramps], "units": [ramp.unit_id for ramp in ramps], **more}
    unit = ramps[0].unit if len(ramps) == 1 else None
    ledger.record(project=project, kind=Kind.RAMP, actor=actor, now=now, body=body, unit=unit, reason=reason)


def turn(*, ramp: Ramp, state: RampState, because: str, now: datetime, next_at: datetime | None = None) -> None:
    """Pause, cool, stop or finish a ramp that is locked, by itself; with its entry, and told to people."""
    ramp.state, ramp.waiting, ramp.next_at, ramp.changed_by = state, because[:500], next_at, MACHINE.name
    if state in (RampState.DONE, RampState.STOPPED):
        ramp.ended_at, ramp.ended_because, ramp.waiting = now, because[:500], ""
    ramp.save()
    record(project=ramp.project, ramps=[ramp], act=state.value, actor=MACHINE, now=now, reason=because)
    severity, what = _TOLD[state]
    tell_of(ramp=ramp, severity=severity, title=f"The ramp of {ramp.unit.key} {what}", sentence=because, now=now)


def tell_of(*, ramp: Ramp, severity: str, title: str, sentence: str, now: datetime, key: str = "") -> None:
    """Say something about a ramp, with the unit's page as the place to act."""
    tell(
        project=ramp.project,
        unit=ramp.unit,
        event=Event.RAMP,
        severity=severity,
        key=key or f"ramp:{ramp.pk}:{ramp.state}:{ramp.step}:{now.timestamp():.0f}",
        title=title,
        sentence=sentence,
        path=f"/p/{ramp.project.slug}/units/{ramp.unit_id}",
        now=now,
    )


def held(*, ramps: Sequence[Ramp]) -> set[int]:
    """Lock these rows, and say which of them are as they were found. Rows that others hold are left to them."""
    rows = Ramp.objects.select_for_update(skip_locked=True, of=("self",)).filter(pk__in=[ramp.pk for ramp in ramps])
    found = {row.pk: (row.state, row.step, row.seen_version) for row in rows.order_by("pk")}
    return {ramp.pk for ramp in ramps if found.get(ramp.pk) == (ramp.state, ramp.step, ramp.seen_version)}


@transaction.atomic
def turn_if_held(*, ramp: Ramp, state: RampState, because: str, now: datetime) -> bool:
    """The same for a ramp that is not locked, where it still is as it was found."""
    versions.lock(project_id=ramp.project_id)
    if not held(ramps=[ramp]):
        return False
    turn(ramp=ramp, state=state, because=because, now=now)
    return True
