"""Will it end in time? The forecast beside the burn-up that it is made from, and how good forecasts were."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from migrator.core.forecast import Forecast, NoForecast, Stream, forecast
from migrator.core.queues import Plan
from migrator.core.stages import RANK, Stage
from migrator.core.teams import of_one_project, together
from migrator.inventory.models import Project, Unit
from migrator.planning.models import PastForecast, Phase
from migrator.planning.queries.burn_up import BurnUp, burn_up, burn_up_of
from migrator.planning.queries.history import history
from migrator.planning.queries.plans import people_of
from migrator.planning.queries.slices import Measure, Slice
from migrator.planning.queries.teams import WEEKS, TeamsPast, teams_from, teams_past, teams_past_of
from migrator.planning.remembered import remembered

MOST_DRAWN: Final = 200
"""Past forecasts on one chart: a forecast is kept each day, and years of them would be most of the page."""
A_WEEK_AGO: Final = timedelta(days=8)
"""So far back one read tells what was forecast: whoever asks what changed since Monday needs no other."""
LOOK_BACK: Final = A_WEEK_AGO.days + WEEKS * 7
"""Days of history that forecasts of today and of the week before draw from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """Where it stands and when it ends."""

    found: BurnUp
    """At least as many days as the forecast draws from."""
    forecast: Forecast | NoForecast
    """The end of the last team."""
    whole: Stream
    """The work of all teams as if it were one's."""
    past: TeamsPast | None = None
    """What the forecast of teams was drawn from: it tells of the week before, too."""
    is_of_teams: bool = False
    """Whether several teams have something left."""
    lent: frozenset[str] = frozenset()
    """Teams that finished too little to have a pace of their own, as in core.queues."""

    @property
    def if_shared(self) -> Forecast | None:
        """When it would end if everybody worked on whatever is left; None where that is no other question."""
        return _shared(self.whole, self.found.days[-1]) if self.is_of_teams else None

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
    units = units or Slice()
    found, past = looked_back(
        project=project, today=now.date(), units=units, days=days, measure=measure, done_stage=done_stage
    )
    return forecast_of(project=project, found=found, units=units, today=now.date(), past=past)


def looked_back(
    *,
    project: Project,
    today: date,
    units: Slice,
    days: int | None = LOOK_BACK,
    measure: Measure = Measure.UNITS,
    done_stage: Stage = Stage.CUTOVER,
) -> tuple[BurnUp, TeamsPast | None]:
    """The burn-up, as far back as a forecast draws from or farther, and how it went team by team: from one read.

    None for units as they were tagged then: whose they are now, nobody asked; and where nothing is left.
    """
    read = history(
        project=project,
        units=units,
        measure=measure,
        done_stage=done_stage,
        first=None if days is None else today - timedelta(days=max(days, LOOK_BACK)),
        teams_from=None if units.as_then else teams_from(today - A_WEEK_AGO),
    )
    found = burn_up_of(read, today=today)
    return found, teams_past_of(read, earliest=today - A_WEEK_AGO) if _is_of_teams(found, units) else None


def _is_of_teams(found: BurnUp, units: Slice) -> bool:
    return found.left > 0 and not units.as_then


def _past_of(project: Project, found: BurnUp, units: Slice, today: date) -> TeamsPast | None:
    """Read by itself, for whoever asks of a day that nobody read."""
    if not _is_of_teams(found, units):
        return None
    measure, done_stage = found.measure, found.done_stage
    return teams_past(project=project, units=units, measure=measure, done_stage=done_stage, earliest=today)


def forecast_of(
    *, project: Project, found: BurnUp, units: Slice, today: date, past: TeamsPast | None = None, fanned: bool = True
) -> Prospect:
    """The forecast as of the last day of a burn-up that reaches back as far as a forecast draws from.

    `past` is what was read before for the same units, if it tells of that day.
    """
    past = past or _past_of(project, found, units, today)
    whole, plan = queues_of(project=project, found=found, today=today, past=past)
    if plan is None:
        made = remembered(Forecast, forecast, stream=whole, today=today, fanned=fanned)
        return Prospect(found=found, whole=whole, forecast=made, past=past)
    made = remembered(Forecast, together, plan=plan, whole=whole, today=today, fanned=fanned)
    is_of_teams = len(plan.teams) > 1
    return Prospect(found=found, whole=whole, forecast=made, past=past, is_of_teams=is_of_teams, lent=plan.lent)


def if_shared(*, project: Project, now: datetime, units: Slice, measure: Measure, done_stage: Stage) -> Forecast | None:
    """When it would end if everybody worked on whatever is left; None where that cannot be said.

    It is what `prospect` says of it, for whoever has the plan and wants nothing else.
    """
    found = burn_up(project=project, now=now, units=units, days=LOOK_BACK, measure=measure, done_stage=done_stage)
    return _shared(_as_one(found), now.date())


def _shared(whole: Stream, today: date) -> Forecast | None:
    made = remembered(Forecast, forecast, stream=whole, today=today, fanned=False)
    return made if isinstance(made, Forecast) else None


def _as_one(found: BurnUp) -> Stream:
    """What is left and how it went lately, as if all teams were one."""
    return Stream(left=max(0.0, found.left), weeks=found.weeks[-WEEKS:], grain=found.grain)


def queues_of(*, project: Project, found: BurnUp, today: date, past: TeamsPast | None) -> tuple[Stream, Plan | None]:
    """What is left and how it went lately: of all teams as if they were one, and team by team where there is a past."""
    whole = _as_one(found)
    if past is None or whole.left <= 0:
        return whole, None
    teams, lent = of_one_project(past.streams(on=today))
    if not teams:  # what was left was finished between the two reads
        return whole, None
    people = people_of(project=project, today=today)
    return whole, Plan(pieces=(), teams=teams, people=people, lent=lent)


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
    def drawn(self) -> tuple[Kept, ...]:
        """Those with a date, newest first; of more than a chart can show, some at even distances."""
        dated = tuple(each for each in self.kept if each.p85)
        return dated[:: max(1, -(-len(dated) // MOST_DRAWN))]

    @property
    def coverage(self) -> float | None:
        """Share of the judged forecasts whose 85 % date held."""
        judged = self.judged
        return sum(bool(each.held) for each in judged) / len(judged) if judged else None


def record(*, project: Project, now: datetime, phase: Phase | None = None) -> Record:
    """Past forecasts held against what happened. One whose 85 % date is over and whose work is not, did not hold."""
    rows = PastForecast.objects.filter(project=project, phase=phase).order_by("-day").values(*SAID)
    ended = _ended(project, phase, now)
    kept = (Kept(**row, held=_held(row["day"], row["p85"], ended, now.date())) for row in rows)
    return Record(kept=tuple(kept), ended=ended)


def _ended(project: Project, phase: Phase | None, now: datetime) -> date | None:
    """The day since which nothing is left. One open unit tells that there is none, without the history."""
    units = Slice(phase=phase.name) if phase else Slice()
    done_stage = Stage(phase.done_at) if phase else Stage.CUTOVER
    undone = [stage for stage in RANK if RANK[stage] < RANK[done_stage]]
    known = Unit.objects.tracked().filter(units.of_units(project), project=project, added_at__lte=now)
    if known.filter(stage__in=undone).exists():
        return None
    found = burn_up(project=project, now=now, units=units, days=None, done_stage=done_stage)
    if not found.scope[-1] or found.left > 0:
        return None
    left = [scope - done for scope, done in zip(found.scope, found.done, strict=True)]
    last_open = max((at for at, count in enumerate(left) if count > 0), default=-1)
    return found.days[min(last_open + 1, len(left) - 1)]


SAID: Final = ("day", "scope", "done", "p50", "p85", "p95", "chance")


def _held(said: date, p85: date | None, ended: date | None, today: date) -> bool | None:
    """Whether all was done by the 85 % date of what was said on that day; None while nobody knows."""
    if p85 is None:
        return None
    if ended is not None:
        return ended <= p85 if ended >= said else None
    return False if today > p85 else None
