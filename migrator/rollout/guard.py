"""The guard: looks at every unit that serves callers, every few seconds, and takes back what is proven to harm.

It needs the database and nothing else. It judges without a lock and acts under the project's: whoever else rolls
back in that moment, a person or a second guard, leaves it nothing to do. It only ever goes down.

Who calls it: Celery's beat, the standby in the data plane server, and `manage.py guard`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Final

import structlog
from django.db import DatabaseError, connection, transaction
from django.db.models import Exists, OuterRef, Q, prefetch_related_objects
from django.db.models.functions import Mod

from migrator.access.rights import Via, machine
from migrator.core.gate import Word
from migrator.core.policy import Automatic
from migrator.gates.queries import Judgement, judgements, perhaps_harmful
from migrator.inventory import versions
from migrator.inventory.models import Project, Unit
from migrator.ledger.models import Kind
from migrator.ledger.services import record
from migrator.observations.models import Standing
from migrator.rollout import pulse as pulses
from migrator.rollout.matters import open_matters
from migrator.rollout.scopes import Scope
from migrator.rollout.services import rollback
from migrator.telling.models import Event, Severity
from migrator.telling.services import tell

ACTOR: Final = machine(name="guard", via=Via.GUARD)
SIFTED: Final = 2_000
"""Units whose counts are looked at together: as long as judging a chunk in full takes."""
CHUNK: Final = 500
"""Units judged together; whoever is found harmful is taken back before the next are judged."""
IN_TURN: Final = 300
"""Units without anything bad in their counts that are judged at one look."""
TURN_S: Final = 3
"""Seconds for which one part of them has its turn: about one look."""
ONE_BY_ONE: Final = 20
"""Up to so many harmful units of one project are rolled back each for its own reason; more go together."""
PATIENCE_MS: Final = 10_000
"""A guard that hangs in a transaction loses its locks after this."""
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look found. `mine` is False where another guard was looking, or has just looked."""

    mine: bool
    serving: int = 0
    judged: int = 0
    rolled_back: int = 0
    """Units that were taken down, those that came along included."""
    suggested: int = 0
    took_ms: float = 0.0


def look(*, holder: str, now: datetime, name: str = pulses.REGULAR, unless_within_s: float = 0.0) -> Look:
    """Judge every unit that serves callers and shows anything bad; act as its policy says; show the pulse.

    `now` is what verdicts and entries are dated with. Lease and pulse go by the database's clock alone. With
    `unless_within_s` a look that was done so lately, by whomever, is enough.
    """
    if unless_within_s and pulses.age_of(name=name) < unless_within_s:
        return Look(mine=False)
    if not pulses.take_lease(holder=holder):
        return Look(mine=False)
    began = monotonic()
    try:
        done = _look(holder, now)
    finally:
        pulses.drop_lease(holder=holder)
    took_ms = (monotonic() - began) * 1_000
    pulses.beat(name=name, holder=holder, looked_at=done.serving, took_ms=took_ms, now=now)
    return Look(
        mine=True,
        serving=done.serving,
        judged=done.judged,
        rolled_back=done.rolled_back,
        suggested=done.suggested,
        took_ms=took_ms,
    )


def stand_by(*, holder: str) -> Look:
    """What a second guard does every few seconds: looks where the first is silent, and says so where it stays so."""
    silence = pulses.silence_s()
    if silence <= pulses.LATE_S:
        return Look(mine=False)
    now = pulses.database_now()
    done = look(holder=holder, now=now, name=pulses.STANDBY)
    if silence > pulses.DEAD_S and pulses.alarm_if_dead(now=now):
        log.error("guard.silent", silence_s=round(silence, 1), standby=holder)
    return done


# ------------------------------------------------------------------------------------------ judging


def _look(holder: str, now: datetime) -> Look:
    serving = Unit.objects.serving_candidate().count()
    judged = rolled_back = suggested = 0
    for units in _chunks(suspects(now=now), SIFTED):
        doubtful = _doubtful(units, now)
        judged += len(units) - len(doubtful)
        for chunk in _chunks(doubtful, CHUNK):
            known = judged_apart(chunk, now)
            judged += len(known)
            harmful = [unit for unit in chunk if unit.pk in known and known[unit.pk].verdict.word is Word.ROLLBACK]
            prefetch_related_objects(harmful, "project", "service")
            down, told = _act(harmful, known, now)
            rolled_back, suggested = rolled_back + down, suggested + told
            pulses.keep_lease(holder=holder)
        pulses.keep_lease(holder=holder)
    return Look(mine=True, serving=serving, judged=judged, rolled_back=rolled_back, suggested=suggested)


def _doubtful(units: Sequence[Unit], now: datetime) -> Sequence[Unit]:
    """Those that a full judgement may find harmful: most units are cleared by their counts alone."""
    try:
        return perhaps_harmful(units=units, now=now)
    except DatabaseError:
        raise
    except Exception:
        log.exception("guard.units_uncleared", units=len(units))
        return units


def judged_apart(units: Sequence[Unit], now: datetime) -> dict[int, Judgement]:
    """Verdicts of these units. One that cannot be judged is left out, and takes no other along."""
    try:
        return judgements(units=units, now=now)
    except DatabaseError:
        raise
    except Exception:
        if len(units) == 1:
            log.exception("guard.unit_unjudged", unit=units[0].pk)
            return {}
        halves = units[: len(units) // 2], units[len(units) // 2 :]
        return {pk: judged for half in halves for pk, judged in judged_apart(half, now).items()}


def suspects(*, now: datetime) -> list[Unit]:
    """Units to judge at this look: those whose present counts show anything bad, who serve most first, and in turn a
    part of the others, for harm that counts alone do not show (slowness).

    Up to `IN_TURN` serving units all of them are judged at every look.
    """
    counted = Standing.objects.filter(unit=OuterRef("pk"), evidence_epoch=OuterRef("evidence_epoch"))
    seen = Unit.objects.serving_candidate().annotate(
        bad=Exists(counted.filter(Q(mismatch__gt=0) | Q(candidate_error__gt=0)))
    )
    others = seen.filter(Exists(counted), bad=False)
    parts = -(-others.count() // IN_TURN)
    turn = int(now.timestamp() // TURN_S) % parts if parts else 0
    units = seen.filter(bad=True) if not parts else seen.alias(part=Mod("pk", parts)).filter(Q(bad=True) | Q(part=turn))
    return list(units.order_by("-bad", "-candidate_bp", "pk"))


def _chunks(units: Sequence[Unit], most: int) -> Iterator[Sequence[Unit]]:
    for start in range(0, len(units), most):
        yield units[start : start + most]


# ------------------------------------------------------------------------------------------- acting


def _act(units: Sequence[Unit], known: Mapping[int, Judgement], now: datetime) -> tuple[int, int]:
    """Roll back or tell, project by project: one that fails holds up no other."""
    down = told = 0
    for project in {unit.project_id: unit.project for unit in units}.values():
        mine = [unit for unit in units if unit.project_id == project.pk]
        try:
            down += _take_back([u for u in mine if _asks(known[u.pk], Automatic.ACT)], project, known, now)
            told += _suggest([u for u in mine if _asks(known[u.pk], Automatic.SUGGEST)], project, known, now)
        except DatabaseError:
            log.exception("guard.failed", project=project.slug, units=len(mine))
    return down, told


def _asks(judgement: Judgement, automatic: Automatic) -> bool:
    return judgement.policy.automatic is automatic


def _take_back(units: Sequence[Unit], project: Project, known: Mapping[int, Judgement], now: datetime) -> int:
    """Each for its own reason, or many together: what matters then is the time."""
    groups = [[unit] for unit in units] if len(units) <= ONE_BY_ONE else [list(units)]
    return sum(_roll_back(group, project, known, now) for group in groups)


@transaction.atomic
def _roll_back(units: Sequence[Unit], project: Project, known: Mapping[int, Judgement], now: datetime) -> int:
    _hold_locks_briefly()
    versions.lock(project_id=project.pk)
    units = _as_judged(units)
    if not units:
        return 0
    because = known[units[0].pk].verdict.reason
    reason = because if len(units) == 1 else f"{len(units):,} units harm at once. {units[0].key}: {because}"
    done = rollback(
        project=project, scope=Scope(unit_ids=tuple(u.pk for u in units)), actor=ACTOR, now=now, reason=reason[:1_000]
    )
    moved = {flip.unit_id: flip for flip in done.flips}
    for unit in units:
        if unit.pk in moved:
            _record_and_tell(unit, known[unit.pk], moved[unit.pk].unit_version, now)
    log.warning("guard.rolled_back", project=project.slug, units=len(done.flips), because=because)
    return len(done.flips)


def _hold_locks_briefly() -> None:
    """A process that is stopped in the middle must not hold the project's lock against people."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = {PATIENCE_MS}")


def _as_judged(units: Sequence[Unit]) -> list[Unit]:
    """Those that still stand where they were judged. Whoever moved since is judged anew by the next look."""
    now_at = {unit.pk: unit for unit in Unit.objects.serving_candidate().filter(pk__in=[u.pk for u in units])}
    return [unit for unit in units if unit.pk in now_at and now_at[unit.pk].evidence_epoch == unit.evidence_epoch]


def _record_and_tell(unit: Unit, judgement: Judgement, unit_version: int, now: datetime) -> None:
    """The whole evidence into the ledger, beside the counts that the flip carries; and people are told."""
    reason = judgement.verdict.reason
    body = {"act": "rollback", "unit_version": unit_version, "evidence": judgement.as_record()}
    record(project=unit.project, kind=Kind.GUARD, actor=ACTOR, now=now, body=body, unit=unit, reason=reason[:1_000])
    tell(
        project=unit.project,
        unit=unit,
        event=Event.ROLLED_BACK,
        severity=Severity.CRITICAL,
        key=f"rolled_back:{unit.pk}:{unit_version}",
        title=f"Rolled back by the guard: {unit.key}",
        sentence=reason,
        path=f"/p/{unit.project.slug}/oncall/{unit.pk}",
        now=now,
    )


@transaction.atomic
def _suggest(units: Sequence[Unit], project: Project, known: Mapping[int, Judgement], now: datetime) -> int:
    """Tell once for each matter that a person should roll back."""
    if not units:
        return 0
    _hold_locks_briefly()
    versions.lock(project_id=project.pk)
    told = open_matters(keys=[harm_key(unit) for unit in units], project=project)
    fresh = [unit for unit in units if harm_key(unit) not in told]
    for unit in fresh:
        tell(
            project=project,
            unit=unit,
            event=Event.HARM,
            severity=Severity.CRITICAL,
            key=harm_key(unit),
            title=f"Roll back {unit.key}",
            sentence=known[unit.pk].verdict.reason,
            path=f"/p/{project.slug}/oncall/{unit.pk}",
            now=now,
        )
    return len(fresh)


def harm_key(unit: Unit) -> str:
    """The matter of a unit that people should roll back."""
    return f"guard:harm:{unit.pk}"


def pulse() -> pulses.Beat:
    """When the guard looked last: for pages, metrics and the doctor."""
    return pulses.pulse()
