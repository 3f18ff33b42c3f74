"""Will it end in time? The forecast beside the burn-up that it is made from, and how good forecasts were."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from migrator.core.forecast import MOST_WEEKS, Forecast, NoForecast, Stream, forecast
from migrator.core.stages import Stage
from migrator.inventory.models import Project
from migrator.planning.models import PastForecast, Phase
from migrator.planning.queries.burn_up import BurnUp, burn_up
from migrator.planning.queries.slices import Measure, Slice, mean_effort

LOOK_BACK: Final = (MOST_WEEKS + 1) * 7
"""Days of history that a forecast draws from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """Where it stands and when it ends."""

    found: BurnUp
    """At least as many days as the forecast draws from."""
    forecast: Forecast | NoForecast

    @property
    def chance(self) -> float | None:
        """Of making the deadline; None without a forecast or a deadline."""
        if isinstance(self.forecast, NoForecast) or self.found.deadline is None:
            return None
        return self.forecast.chance(self.found.deadline)

    @property
    def reason(self) -> str:
        """Why there is no forecast; empty where there is one."""
        return self.forecast.reason if isinstance(self.forecast, NoForecast) else ""


def prospect(
    *,
    project: Project,
    now: datetime,
    units: Slice | None = None,
    days: int | None = 90,
    measure: Measure = Measure.UNITS,
    done_stage: Stage = Stage.CUTOVER,
) -> Prospect:
    """Burn-up and forecast from one read. `days` is what will be shown; None is the whole history."""
    wanted = None if days is None else max(days, LOOK_BACK)
    found = burn_up(project=project, now=now, units=units, days=wanted, measure=measure, done_stage=done_stage)
    grain = mean_effort(project=project) if measure is Measure.EFFORT else 1.0
    stream = Stream(left=max(0.0, found.left), weeks=found.weeks, grain=grain)
    return Prospect(found=found, forecast=forecast(stream=stream, today=found.days[-1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What one past forecast said, and what came of it."""

    day: date
    scope: int
    done: int
    p50: date | None
    p85: date | None
    p95: date | None
    chance: float | None
    held: bool | None
    """Whether all was done by the 85 % date; None while nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """How good the forecasts of a project were. Rates are fractions, None where nothing can be said yet."""

    kept: tuple[Kept, ...]
    """Newest first."""
    ended: date | None
    """When all was done; None while it is not."""

    @property
    def judged(self) -> tuple[Kept, ...]:
        return tuple(each for each in self.kept if each.held is not None)

    @property
    def coverage(self) -> float | None:
        """Share of the judged forecasts whose 85 % date held."""
        judged = self.judged
        return sum(bool(each.held) for each in judged) / len(judged) if judged else None


def record(*, project: Project, now: datetime, phase: Phase | None = None) -> Record:
    """Past forecasts held against what happened. One whose 85 % date is over and whose work is not, did not hold."""
    rows = list(PastForecast.objects.filter(project=project, phase=phase))
    units = Slice(phase=phase.name) if phase else Slice()
    found = burn_up(project=project, now=now, units=units, days=None, done_stage=_done_stage(phase))
    ended = _ended(found)
    return Record(kept=tuple(_kept(row, ended, now.date()) for row in rows), ended=ended)


def _done_stage(phase: Phase | None) -> Stage:
    return Stage(phase.done_at) if phase else Stage.CUTOVER


def _ended(found: BurnUp) -> date | None:
    """The day since which nothing is left."""
    if not found.scope[-1] or found.left > 0:
        return None
    left = [scope - done for scope, done in zip(found.scope, found.done, strict=True)]
    last_open = max((at for at, count in enumerate(left) if count > 0), default=-1)
    return found.days[min(last_open + 1, len(left) - 1)]


def _kept(row: PastForecast, ended: date | None, today: date) -> Kept:
    held = None
    if row.p85 is not None:
        if ended is not None and ended >= row.day:
            held = ended <= row.p85
        elif ended is None and today > row.p85:
            held = False
    return Kept(
        day=row.day, scope=row.scope, done=row.done, p50=row.p50, p85=row.p85, p95=row.p95, chance=row.chance, held=held
    )
