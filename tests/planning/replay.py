"""A past with everything in it that ever made a chart wrong, and its replay: every unit on every day, row by row."""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from migrator.core.stages import LADDER, RANK, Stage
from migrator.inventory.models import Absence, Project, TagChange, Unit
from migrator.inventory.services import create_team, create_unit, save_service
from migrator.planning.models import Phase, PhaseUnit
from migrator.planning.queries import Measure, Slice, Tagged
from migrator.planning.services import assign, save_phase, set_effort
from migrator.rollout.models import Flip
from tests.planning.conftest import ACTOR, move, retagged

DAYS: Final = 60
UNITS: Final = 14
TEAMS: Final = ("ants", "bees", "ülü/🐝 <b>")
SERVICES: Final = ("one", "two")
PHASES: Final = ("mvp", "end/game; DROP TABLE x --")
BORDERS: Final = (time(0), time(0, 0, 0, 1), time(23, 59, 59, 999_999), time(11, 30), time(3, 30), time(12))
"""Of UTC's days, of days in Auckland and in St. John's."""


class Past:
    """Made through the doors that people use; what is deterministic about it is its seed."""

    def __init__(self, project: Project, now: datetime, seed: int) -> None:
        self.project, self.now, self.dice = project, now, random.Random(seed)
        self.services = [save_service(project=project, name=name) for name in SERVICES]
        self.teams = [create_team(project=project, name=name) for name in TEAMS]
        begin = now - timedelta(days=DAYS)
        self.phases = [save_phase(project=project, name=name, actor=ACTOR, now=begin) for name in PHASES]
        self.units = [self._lived(number) for number in range(UNITS)]
        points = {unit.pk: 0.1 * (at + 1) for at, unit in enumerate(self.units[::2])}
        set_effort(project=project, points=points, actor=ACTOR, now=now)

    def _lived(self, number: int) -> Unit:
        key, kind = (f"GET /{number}", "endpoint") if number % 3 else (f"Thing.f{number}", "field")
        moments = self._moments()
        added = next(moments)
        unit = create_unit(
            project=self.project, service=self.dice.choice(self.services), team=self.dice.choice(self.teams), key=key,
            kind=kind, now=added,
        )  # fmt: skip
        self._assigned(unit, added)
        for at in moments:
            self.dice.choice((self._moved, self._moved, self._moved, self._retagged, self._assigned, self._away))(
                unit, at
            )
        if number % 6 == 5:
            Unit.objects.filter(pk=unit.pk).update(gone_at=self.now - timedelta(hours=1))
        return unit

    def _moments(self) -> Iterator[datetime]:
        """Some at the borders of days; each at least a day after the one before, so that an absence has room."""
        first = self.dice.randrange(2, DAYS // 2)
        for back in range(DAYS - first, 1, -self.dice.randrange(2, 5)):
            day = (self.now - timedelta(days=back)).astimezone(UTC).date()
            yield datetime.combine(day, self.dice.choice(BORDERS), tzinfo=UTC)

    def _moved(self, unit: Unit, at: datetime) -> None:
        unit.refresh_from_db()
        rank = RANK[Stage(unit.stage)]
        back = rank and self.dice.random() < 0.3
        if back or rank < RANK[Stage.CUTOVER]:
            move(unit, LADDER[self.dice.randrange(rank) if back else rank + 1].stage, at)

    def _retagged(self, unit: Unit, at: datetime) -> None:
        unit.refresh_from_db()
        team = self.dice.choice([team for team in self.teams if team.pk != unit.team_id])
        retagged(unit, at, team=team, service=self.dice.choice(self.services))

    def _assigned(self, unit: Unit, at: datetime) -> None:
        phase = self.dice.choice(self.phases)
        assign(project=self.project, phase=phase, unit_ids=[unit.pk], actor=ACTOR, now=at)

    def _away(self, unit: Unit, at: datetime) -> None:
        back = at + self.dice.choice((timedelta(minutes=5), timedelta(hours=14), timedelta(hours=30)))
        Absence.objects.create(unit=unit, gone_at=at, back_at=back)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One day's end."""

    stages: dict[Stage, float]
    scope: float


def by_unit(rows: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.unit_id].append(row)
    return found


class Replay:
    """The rows of the ledger and of the inventory's history, read once and looked at one by one."""

    def __init__(self, project: Project) -> None:
        self.units = list(Unit.objects.filter(project=project).select_related("team", "service", "effort"))
        self.flips = by_unit(Flip.objects.filter(project=project).order_by("unit_version"))
        self.tags = by_unit(TagChange.objects.filter(unit__project=project).order_by("at"))
        self.absences = by_unit(Absence.objects.filter(unit__project=project))
        self.members = by_unit(PhaseUnit.objects.filter(phase__project=project))
        self.phases = {phase.name: phase.pk for phase in Phase.objects.filter(project=project)}
        self.teams = {team.pk: team.name for team in project.teams.all()}
        self.services = {service.pk: service.name for service in project.services.all()}
        known = [unit.effort.points for unit in self.units if hasattr(unit, "effort")]
        self.mean = sum(known) / len(known) if known else 1.0

    def on(self, day: date, units: Slice, measure: Measure = Measure.UNITS) -> Replayed:
        end = datetime.combine(day + timedelta(days=1), time(), tzinfo=UTC)
        stages: dict[Stage, float] = dict.fromkeys((rung.stage for rung in LADDER), 0.0)
        for unit in self.units:
            if self._is_there(unit, end) and self._is_meant(unit, end, units):
                stages[self._stage(unit, end)] += self._weight(unit, measure)
        return Replayed(stages=stages, scope=sum(stages.values()))

    def _is_there(self, unit: Unit, end: datetime) -> bool:
        away = any(each.gone_at < end <= each.back_at for each in self.absences[unit.pk])
        return unit.added_at < end and not (unit.gone_at and unit.gone_at < end) and not away

    def _stage(self, unit: Unit, end: datetime) -> Stage:
        before = [flip for flip in self.flips[unit.pk] if flip.at < end]
        return Stage(before[-1].to_stage) if before else Stage.BACKLOG

    def _is_meant(self, unit: Unit, end: datetime, units: Slice) -> bool:
        team, service = unit.team_id, unit.service_id
        later = [change for change in self.tags[unit.pk] if change.at >= end]
        if later and units.tagged is Tagged.THEN and not units.phase:
            team, service = later[0].team_before, later[0].service_before
        return (
            (not units.team or self.teams.get(team or 0) == units.team)
            and (not units.service or self.services[service] == units.service)
            and (not units.kind or unit.kind == units.kind)
            and (not units.phase or self._is_in_phase(unit, end, units))
        )

    def _is_in_phase(self, unit: Unit, end: datetime, units: Slice) -> bool:
        rows = [row for row in self.members[unit.pk] if row.phase_id == self.phases[units.phase]]
        if units.tagged is Tagged.NOW:
            return any(row.removed_at is None for row in rows)
        return any(row.added_at < end and (row.removed_at is None or row.removed_at >= end) for row in rows)

    def _weight(self, unit: Unit, measure: Measure) -> float:
        if measure is Measure.UNITS:
            return 1.0
        return unit.effort.points if hasattr(unit, "effort") else self.mean
