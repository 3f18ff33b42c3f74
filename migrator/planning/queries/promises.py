"""What was promised for which day, how far it is, and how likely it is kept."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from typing import Final

from migrator.core.forecast import Forecast, NoForecast, Stream, forecast
from migrator.core.queues import Plan
from migrator.core.stages import Stage
from migrator.core.teams import chance_of_part, together
from migrator.inventory.models import Project
from migrator.planning.models import Milestone, Phase
from migrator.planning.queries.burn_up import BurnUp
from migrator.planning.queries.forecasts import looked_back, queues_of
from migrator.planning.queries.slices import Slice
from migrator.planning.remembered import remembered

MOST: Final = 50
"""Promises that are weighed: the next ones first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """The deadline of the project or of a phase, or a milestone, in units."""

    kind: str
    """`project`, `phase` or `milestone`."""
    id: int
    name: str
    due: date
    scope: float
    """So many must be done."""
    done: float
    chance: float | None
    """Of being kept, a fraction; 1 once it is, 0 when its day is over. None where nothing can be said."""
    reason: str = ""
    """Why nothing can be said."""

    @property
    def is_kept(self) -> bool:
        return self.done >= self.scope - 1e-9


@dataclass(frozen=True, slots=True)
class _Asked:
    kind: str
    id: int
    name: str
    due: date
    share: float
    units: Slice
    done_stage: Stage


def promises(*, project: Project, now: datetime) -> list[Promise]:
    """Every deadline and milestone, by its day; of more than fifty those that are next, then the last ones."""
    asked = sorted(_asked(project), key=lambda each: (each.due < now.date(), each.due))[:MOST]

    @cache
    def seen(units: Slice, done_stage: Stage) -> _Seen:
        found, past = looked_back(project=project, today=now.date(), units=units, done_stage=done_stage)
        return _Seen(found, *queues_of(project=project, found=found, today=now.date(), past=past))

    return [_weighed(each, seen(each.units, each.done_stage)) for each in sorted(asked, key=lambda each: each.due)]


@dataclass(frozen=True, slots=True)
class _Seen:
    found: BurnUp
    whole: Stream
    plan: Plan | None

    def chance(self, asked: _Asked, left: float) -> float | NoForecast:
        """Of so much being done on the day it is due."""
        today = self.found.days[-1]
        if self.plan is None:
            return _of(remembered(Forecast, forecast, stream=self.whole, today=today, fanned=False), asked.due)
        if asked.share < 1.0:
            weeks = (asked.due - today).days / 7
            return remembered(float, chance_of_part, plan=self.plan, whole=self.whole, part=left, weeks=weeks)
        made = remembered(Forecast, together, plan=self.plan, whole=self.whole, today=today, fanned=False)
        return _of(made, asked.due)


def _of(made: Forecast | NoForecast, due: date) -> float | NoForecast:
    return made.chance(due) if isinstance(made, Forecast) else made


def _asked(project: Project) -> list[_Asked]:
    found = []
    if project.deadline:
        found.append(_Asked("project", project.pk, project.name, project.deadline, 1.0, Slice(), Stage.CUTOVER))
    for phase in Phase.objects.filter(project=project, deadline__isnull=False):
        if phase.deadline:
            units, done = Slice(phase=phase.name), Stage(phase.done_at)
            found.append(_Asked("phase", phase.pk, phase.name, phase.deadline, 1.0, units, done))
    for each in Milestone.objects.filter(project=project).select_related("phase", "service", "team"):
        units = Slice(
            phase=each.phase.name if each.phase else "",
            service=each.service.name if each.service else "",
            team=each.team.name if each.team else "",
        )
        done = Stage(each.phase.done_at) if each.phase else Stage.CUTOVER
        found.append(_Asked("milestone", each.pk, each.name, each.due, each.share, units, done))
    return found


def _weighed(asked: _Asked, seen: _Seen) -> Promise:
    today, wanted = seen.found.days[-1], asked.share * seen.found.scope[-1]
    promise = Promise(
        kind=asked.kind,
        id=asked.id,
        name=asked.name,
        due=asked.due,
        scope=wanted,
        done=seen.found.done[-1],
        chance=None,
    )
    if not wanted:
        return replace(promise, reason="Nothing is in its scope.")
    if promise.is_kept:
        return replace(promise, chance=1.0)
    if asked.due <= today:
        return replace(promise, chance=0.0)
    chance = seen.chance(asked, wanted - promise.done)
    return replace(promise, reason=chance.reason) if isinstance(chance, NoForecast) else replace(promise, chance=chance)
