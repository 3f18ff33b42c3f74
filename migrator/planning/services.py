"""Verbs that write the plan. Each is recorded: who promised what, when, and why it was promised anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import isfinite
from typing import Any, Final, TypeVar

from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet

from migrator.access.rights import Actor, Right, demand
from migrator.core.queues import Cycle
from migrator.core.stages import Stage
from migrator.inventory import versions
from migrator.inventory.models import Project, Service, Team, Unit
from migrator.inventory.queries import Wanted, wanted_units
from migrator.inventory.services import Invalid
from migrator.ledger.models import Kind
from migrator.ledger.services import record
from migrator.planning import counting
from migrator.planning.families import with_fields
from migrator.planning.models import (
    DONE_STAGES,
    Baseline,
    Capacity,
    Dependency,
    Effort,
    EffortSource,
    Milestone,
    Phase,
    PhaseUnit,
)
from migrator.planning.queries import Slice, prospect
from migrator.planning.queries.rings import ring_with
from migrator.planning.texts import kept, line

BATCH: Final = 1_000
REASON: Final = 1_000
LAST_POSITION: Final = 32_767
WORDS: Final = (EffortSource.SPEC, EffortSource.LINES, EffortSource.HAND)
"""Whose word counts more, the last one most."""
_JOIN: Final = (
    "INSERT INTO planning_phaseunit (phase_id, unit_id, added_at, added_by, reason, removed_by)"
    " SELECT %s, chosen.id, %s, %s, %s, '' FROM ({query}) AS chosen"
    " ON CONFLICT (unit_id) WHERE removed_at IS NULL DO NOTHING"
)
"""Who is in the phase stays in it, by the index of `a_unit_is_in_one_phase`: asked as a subquery of the units,
PostgreSQL may look through all of them for each one where it has not counted them yet.
"""
Row = TypeVar("Row", Phase, Milestone)
MOST_POINTS: Final = 1_000_000.0
MOST_PEOPLE: Final = 10_000.0


# --------------------------------------------------------------------------------------- phases


@transaction.atomic
def save_phase(
    *,
    project: Project,
    name: str,
    actor: Actor,
    now: datetime,
    phase: Phase | None = None,
    deadline: date | None = None,
    done_at: str = Stage.CUTOVER,
    description: str | None = None,
    position: int | None = None,
    reason: str = "",
) -> Phase:
    """Make a phase, or change one: it keeps what is None, but for its deadline. Raises Forbidden, or Invalid naming
    the field.
    """
    demand(actor=actor, right=Right.MANAGE)
    told = line("name", name, most=100)
    if done_at not in DONE_STAGES:
        raise Invalid("done_at", f"done_at is {' or '.join(DONE_STAGES)}.")
    if position is not None and not 0 <= position <= LAST_POSITION:
        raise Invalid("position", f"position is a whole number from 0 to {LAST_POSITION:,}.")
    versions.lock(project_id=project.pk)
    made = as_it_stands(phase) if phase else Phase(project=project, position=project.phases.count())
    before = _of_phase(made) if phase else None
    made.name, made.deadline, made.done_at = told, deadline, done_at
    made.description = made.description if description is None else kept(description)[:500]
    made.position = made.position if position is None else position
    try:
        with transaction.atomic():
            made.save()
    except IntegrityError:
        raise Invalid("name", f"{project} has a phase {told} already.") from None
    if (after := _of_phase(made)) != before:
        _record(project, f"phase {told} {'changed' if before else 'made'}", actor, now, reason, before, after)
    return made


def as_it_stands(row: Row) -> Row:
    """The same as it is now. Asked with the project's row locked. Raises Invalid where it is gone."""
    try:
        row.refresh_from_db()
    except ObjectDoesNotExist:
        raise Invalid("name", f"Somebody took {row.name} out of the plan meanwhile.") from None
    return row


@transaction.atomic
def remove_phase(*, phase: Phase, actor: Actor, now: datetime, reason: str = "") -> None:
    """Take a phase out of the plan, with its scope, milestones and baselines. Its units stay. Raises Forbidden."""
    demand(actor=actor, right=Right.MANAGE)
    units = phase.members.filter(removed_at__isnull=True).count()
    _record(phase.project, f"phase {phase.name} removed", actor, now, reason, _of_phase(phase) | {"units": units}, None)
    phase.delete()


def _of_phase(phase: Phase) -> dict[str, Any]:
    deadline = phase.deadline.isoformat() if phase.deadline else None
    return {
        "name": phase.name,
        "deadline": deadline,
        "done_at": str(phase.done_at),
        "description": phase.description,
        "position": phase.position,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """What an assignment did, in units."""

    added: int
    removed: int
    already: int


@transaction.atomic
def assign(
    *,
    project: Project,
    phase: Phase | None,
    actor: Actor,
    now: datetime,
    wanted: Wanted | None = None,
    unit_ids: Sequence[int] | None = None,
    fields_follow: bool = True,
    reason: str = "",
) -> Assigned:
    """Put units into a phase, or, with None, out of whichever they are in: by the inventory's filter, or by id.

    A unit is in one phase at a time; where it was is kept, so that the scope of each phase has a history. Endpoints
    that are named by id take their fields along, unless `fields_follow` is false (`families.with_fields`).
    """
    demand(actor=actor, right=Right.MANAGE)
    versions.lock(project_id=project.pk)
    units = wanted_units(project=project, wanted=wanted or Wanted()) if unit_ids is None else _units(project, unit_ids)
    if unit_ids is not None and fields_follow:
        units = with_fields(units=units)
    chosen = units.order_by().values("pk")
    standing = PhaseUnit.objects.filter(unit__in=chosen, removed_at__isnull=True)
    already = standing.filter(phase=phase).count() if phase else 0
    left = standing.exclude(phase=phase).update(removed_at=now, removed_by=actor.name)
    joined = _join(phase, units, actor, now, reason) if phase else 0
    where = f"into phase {phase.name}" if phase else "out of their phases"
    after = {"phase": phase.name if phase else None, "added": joined, "removed": left}
    if joined or left:
        _record(project, f"{joined or left:,} units {where}", actor, now, reason, None, after)
    return Assigned(added=joined, removed=left, already=already)


def _join(phase: Phase, units: QuerySet[Unit], actor: Actor, now: datetime, reason: str) -> int:
    """One statement, whatever the number of units. None of them is in another phase any more."""
    query, parameters = units.order_by().values("id").query.sql_with_params()
    told = kept(reason)[:REASON]
    with connection.cursor() as cursor:
        cursor.execute(_JOIN.format(query=query), [phase.pk, now, actor.name, told, *parameters])
        return int(cursor.rowcount)


def _units(project: Project, unit_ids: Sequence[int]) -> QuerySet[Unit]:
    if not unit_ids:
        raise Invalid("units", "Name at least one unit.")
    units = Unit.objects.tracked().filter(project=project, pk__in=list(unit_ids))
    if missing := set(unit_ids) - set(units.values_list("pk", flat=True)):
        raise Invalid("units", f"No unit {min(missing)} is tracked here.")
    return units


# ----------------------------------------------------------------------------------- milestones


@transaction.atomic
def set_milestone(
    *,
    project: Project,
    name: str,
    due: date,
    actor: Actor,
    now: datetime,
    milestone: Milestone | None = None,
    phase: Phase | None = None,
    service: Service | None = None,
    team: Team | None = None,
    share: float = 1.0,
    reason: str = "",
) -> Milestone:
    """A mini-deadline for a phase, a service or a team. Raises Forbidden, or Invalid naming the field."""
    demand(actor=actor, right=Right.MANAGE)
    if not (isfinite(share) and 0 < share <= 1):
        raise Invalid("share", "share is a part of the units, above 0 and at most 1 (all of them).")
    versions.lock(project_id=project.pk)
    made = as_it_stands(milestone) if milestone else Milestone(project=project)
    before = _of_milestone(made) if milestone else None
    made.name, made.due, made.share = line("name", name, most=200), due, share
    made.phase, made.service, made.team = phase, service, team
    made.set_by, made.set_at, made.reason = actor.name, now, kept(reason)[:REASON]
    made.save()
    _record(project, f"milestone {made.name} on {due.isoformat()}", actor, now, reason, before, _of_milestone(made))
    return made


@transaction.atomic
def remove_milestone(*, milestone: Milestone, actor: Actor, now: datetime, reason: str = "") -> None:
    demand(actor=actor, right=Right.MANAGE)
    headline = f"milestone {milestone.name} removed"
    _record(milestone.project, headline, actor, now, reason, _of_milestone(milestone), None)
    milestone.delete()


def _of_milestone(milestone: Milestone) -> dict[str, Any]:
    return {
        "name": milestone.name,
        "due": milestone.due.isoformat(),
        "share": milestone.share,
        "phase": milestone.phase.name if milestone.phase else None,
        "service": milestone.service.name if milestone.service else None,
        "team": milestone.team.name if milestone.team else None,
    }


# ----------------------------------------------------------------------------- effort and people


@transaction.atomic
def set_effort(
    *,
    project: Project,
    points: Mapping[int, float],
    actor: Actor,
    now: datetime,
    source: str = EffortSource.HAND,
    lines: Mapping[int, int] | None = None,
    reason: str = "",
) -> int:
    """How much work units are, by their ids. A count leaves alone what a better source said (`WORDS`).

    Returns how many have other points now. Raises Forbidden, or Invalid naming the field.
    """
    units = _units(project, list(points))
    demand(actor=actor, right=Right.EDIT, units=list(units.only("pk", "team_id")))
    _check_points(points, source)
    versions.lock(project_id=project.pk)
    changed = _other_points(points, EffortSource(source))
    counting.reweigh(project=project, before=changed, after={pk: points[pk] for pk in changed})
    counted = lines or {}
    rows = [
        Effort(unit_id=pk, points=points[pk], source=source, lines=counted.get(pk), set_by=actor.name, set_at=now)
        for pk in changed
    ]
    columns = ["points", "source", "lines", "set_by", "set_at"]
    Effort.objects.bulk_create(
        rows, batch_size=BATCH, update_conflicts=True, unique_fields=["unit"], update_fields=columns
    )
    if changed:
        after = {"units": len(rows), "points": sum(points[pk] for pk in changed), "source": str(source)}
        before = {"points": sum(filter(None, changed.values()))}
        _record(project, f"effort of {len(rows):,} units", actor, now, reason, before, after)
    return len(rows)


def _check_points(points: Mapping[int, float], source: str) -> None:
    for pk, each in points.items():
        if not (isfinite(each) and 0 < each <= MOST_POINTS):
            wanted = f"a number above 0, at most {MOST_POINTS:,.0f}"
            raise Invalid("points", f"The effort of unit {pk} is {wanted}, not {each:g}.")
    if source not in EffortSource.values:
        raise Invalid("source", f"source is one of {', '.join(EffortSource.values)}.")


def _other_points(points: Mapping[int, float], source: EffortSource) -> dict[int, float | None]:
    """Units that this source may estimate and that have other points yet: what they have, None for nothing."""
    known = Effort.objects.filter(unit__in=list(points)).values_list("unit_id", "points", "source")
    standing = {pk: (had, EffortSource(by)) for pk, had, by in known}
    return {
        pk: standing[pk][0] if pk in standing else None
        for pk in points
        if pk not in standing
        or (WORDS.index(standing[pk][1]) <= WORDS.index(source) and standing[pk] != (points[pk], source))
    }


@transaction.atomic
def set_capacity(*, team: Team, people: float, since: date, actor: Actor, now: datetime, reason: str = "") -> Capacity:
    """How many people a team has from a day on. Raises Forbidden, or Invalid naming the field."""
    demand(actor=actor, right=Right.MANAGE)
    if not (isfinite(people) and 0 <= people <= MOST_PEOPLE):
        raise Invalid("people", f"people is a number from 0 to {MOST_PEOPLE:,.0f}; halves are possible.")
    before = Capacity.objects.filter(team=team, since__lte=since).order_by("-since").first()
    made, _ = Capacity.objects.update_or_create(
        team=team, since=since, defaults={"people": people, "set_by": actor.name, "reason": kept(reason)[:REASON]}
    )
    headline = f"{team.name} has {people:g} people from {since.isoformat()} on"
    was = {"people": before.people} if before else None
    _record(team.project, headline, actor, now, reason, was, {"team": team.name, "people": people})
    return made


# --------------------------------------------------------------------------------- dependencies


@transaction.atomic
def add_dependency(*, unit: Unit, needs: Unit, actor: Actor, now: datetime, reason: str = "") -> Dependency:
    """`unit` waits until `needs` is done. Asking again is harmless. Raises Forbidden, or Invalid naming the ring."""
    demand(actor=actor, right=Right.EDIT, units=[unit])
    if unit.project_id != needs.project_id:
        raise Invalid("needs", f"{needs.key} is another project's.")
    if unit.pk == needs.pk:
        raise Invalid("needs", "Nothing needs itself.")
    versions.lock(project_id=unit.project_id)
    if ring := ring_with(unit=unit, needs=needs):
        raise Invalid("needs", f"{Cycle(ring)} Take one of them out.")
    made, is_new = Dependency.objects.get_or_create(
        unit=unit, needs=needs, defaults={"set_by": actor.name, "set_at": now}
    )
    if is_new:
        after = {"unit": unit.key, "needs": needs.key}
        _record(unit.project, f"{unit.key} needs {needs.key}", actor, now, reason, None, after, unit=unit)
    return made


@transaction.atomic
def remove_dependency(*, dependency: Dependency, actor: Actor, now: datetime, reason: str = "") -> None:
    demand(actor=actor, right=Right.EDIT, units=[dependency.unit])
    unit, needs = dependency.unit, dependency.needs
    before = {"unit": unit.key, "needs": needs.key}
    _record(unit.project, f"{unit.key} needs {needs.key} no more", actor, now, reason, before, None, unit=unit)
    dependency.delete()


# ------------------------------------------------------------------------------------- baseline


@transaction.atomic
def set_baseline(*, project: Project, actor: Actor, now: datetime, reason: str, phase: Phase | None = None) -> Baseline:
    """Promise what stands now: scope, deadline and forecast. The first needs no reason, each later one does."""
    demand(actor=actor, right=Right.MANAGE)
    why = kept(reason)[:REASON]
    versions.lock(project_id=project.pk)
    if not why and Baseline.objects.filter(project=project, phase=phase).exists():
        raise Invalid("reason", "There is a baseline already. Say why it is promised anew.")
    units = Slice(phase=phase.name) if phase else Slice()
    found = prospect(project=project, now=now, units=units, done_stage=Stage(phase.done_at) if phase else Stage.CUTOVER)
    dates = {name: getattr(found.forecast, name, None) for name in ("p50", "p85")}
    made = Baseline.objects.create(
        project=project,
        phase=phase,
        at=now,
        set_by=actor.name,
        reason=why,
        scope=round(found.found.scope[-1]),
        done=round(found.found.done[-1]),
        deadline=found.found.deadline,
        **dates,
    )
    after = {"scope": made.scope, "done": made.done, "deadline": made.deadline and made.deadline.isoformat()}
    after |= {name: day and day.isoformat() for name, day in dates.items()}
    headline = f"baseline{f' of {phase.name}' if phase else ''}: {made.scope:,} units"
    _record(project, headline, actor, now, why, None, after)
    return made


def _record(
    project: Project,
    headline: str,
    actor: Actor,
    now: datetime,
    reason: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    unit: Unit | None = None,
) -> None:
    body = {"headline": headline[:300], "before": before, "after": after}
    record(project=project, kind=Kind.PLAN, actor=actor, now=now, body=body, unit=unit, reason=reason[:REASON])
