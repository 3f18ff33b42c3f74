"""What changed since a day: what was finished, what fell back, what came into scope, and what the forecast was."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import F, Q

from migrator.core.forecast import Forecast
from migrator.core.stages import LADDER, RANK, Stage
from migrator.inventory.models import Project
from migrator.planning.models import PastForecast
from migrator.planning.queries.burn_up import BurnUp
from migrator.planning.queries.flips import flips_of
from migrator.planning.queries.forecasts import Prospect, forecast_of
from migrator.planning.queries.slices import Measure, Slice


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """The time from the beginning of a day (UTC) until now. Units and points as the burn-up counts them."""

    day: date
    finished: int
    """Units that became done, as often as they did."""
    regressed: int
    """Units that were done and went back."""
    added: float
    gone: float
    p85_then: date | None
    p85_now: date | None
    chance_then: float | None
    chance_now: float | None


def since(*, project: Project, found: Prospect, units: Slice, day: date, until: datetime | None = None) -> Since:
    """What happened from that day on, and until then where somebody says so.

    The forecast of then is what was kept then, else it is made from what was known. `found` must reach back to the
    day before; what lies before it is not known.
    """
    finished, regressed = _crossings(project, units, found.found.done_stage, day, until)
    then = day - timedelta(days=1)
    p85, chance = _kept(project, then) if _is_kept(found, units) else (None, None)
    if p85 is None:
        p85, chance = _made_anew(project, found, units, then)
    now = found.forecast if isinstance(found.forecast, Forecast) else None
    first = found.found.days[0]
    offset = max(0, (day - first).days)
    return Since(
        day=day,
        finished=finished,
        regressed=regressed,
        added=sum(found.found.added[offset:]),
        gone=sum(found.found.gone[offset:]),
        p85_then=p85,
        p85_now=now.p85 if now else None,
        chance_then=chance,
        chance_now=found.chance,
    )


def _crossings(project: Project, units: Slice, done_stage: Stage, day: date, until: datetime | None) -> tuple[int, int]:
    """How often units became done, and how often they ceased to be: the flips that the burn-up counts, too."""
    done = [rung.stage for rung in LADDER if RANK[rung.stage] >= RANK[done_stage]]
    start = datetime.combine(day, time(), tzinfo=UTC)
    flips = flips_of(project=project, units=units).filter(at__gte=start)
    flips = flips.exclude(from_stage=F("to_stage")).filter(Q() if until is None else Q(at__lte=until))
    up, down = Q(to_stage__in=done) & ~Q(from_stage__in=done), Q(from_stage__in=done) & ~Q(to_stage__in=done)
    return flips.filter(up).count(), flips.filter(down).count()


def _is_kept(found: Prospect, units: Slice) -> bool:
    """Whether what is kept each day is a forecast of the same: all units, counted, done from cutover on."""
    seen = found.found
    return units.is_everything and seen.measure is Measure.UNITS and seen.done_stage is Stage.CUTOVER


def _kept(project: Project, day: date) -> tuple[date | None, float | None]:
    """What was forecast for the whole project at most a week before the end of that day."""
    rows = PastForecast.objects.filter(project=project, phase=None, day__lte=day, day__gt=day - timedelta(days=7))
    row = rows.order_by("-day").first()
    return (row.p85, row.chance) if row else (None, None)


def _made_anew(project: Project, found: Prospect, units: Slice, day: date) -> tuple[date | None, float | None]:
    """The forecast from what was known on that day: the ledger does not change, so neither does this."""
    then = _until(found.found, day)
    if then is None:
        return None, None
    past = found.past if found.past and found.past.earliest <= day else None
    made = forecast_of(project=project, found=then, units=units, today=day, past=past, fanned=False)
    return (made.forecast.p85, made.chance) if isinstance(made.forecast, Forecast) else (None, None)


def _until(found: BurnUp, day: date) -> BurnUp | None:
    """The burn-up as it stood at the end of that day; None where that lies before its first day."""
    length = (day - found.days[0]).days + 1
    if length < 1:
        return None
    return replace(
        found,
        days=found.days[:length],
        counts={stage: counts[:length] for stage, counts in found.counts.items()},
        added=found.added[:length],
        gone=found.gone[:length],
    )
