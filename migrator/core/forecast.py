"""When will it be done? Whole weeks of the past, drawn again and again.

Each run lives through a future made of past weeks. Three things are not known and are drawn anew for each run,
because leaving them out makes forecasts that are far too sure of themselves:

- how typical each past week is: weights over the weeks from a Dirichlet(1, …, 1) distribution (the Bayesian
  bootstrap, Rubin 1981), not each week alike;
- how much more scope each finished unit uncovers: Gamma(added + 1/2) / done, the posterior of a Poisson rate
  under Jeffreys' prior;
- whether the pace changes, and how fast: see core.trend. Real work slows down, because what is easy is done first.

A unit that regressed counts against its week. Weeks without a finished unit are weeks like others.
"""

import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from operator import mul
from typing import Final, Protocol

from migrator.core import trend

LEAST_WEEKS: Final = 6
"""Fewer weeks of work say nothing about the next ones."""
DRAWN_WEEKS: Final = 26
"""Weeks that are drawn from: what was half a year ago says little about now."""
MOST_WEEKS: Final = max(trend.WINDOWS)
"""Weeks that are looked at: whether a pace falls is seen in a year."""
RUNS: Final = 1_000
"""The standard error of what is 85 % sure is then 1.1 %."""
FAN_POINTS: Final = 52
HORIZON: Final = 520
"""Weeks. A run that is not over in ten years counts as never over."""
MORE: Final = 26
"""Weeks that are drawn on at once where a run needs more: how many changes no future, only how long it takes."""
SEED: Final = 20
"""The same history gives the same forecast: it moves when the work does, not when a page is loaded again."""
_SEEDS_APART: Final = 1_000_003
"""So that no run of one team shares its dice with a run of another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """What one whole week brought, in units or in points of effort."""

    done: float
    """Finished, less what was taken back."""
    added: float
    """Scope that came in, less what was cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Work as a forecast needs it: what is left, and what the last weeks brought, oldest first."""

    left: float
    weeks: tuple[Week, ...]
    grain: float = 1.0
    """How large one unit is: 1 where units are counted, their mean effort where points are."""
    told: Week = Week(done=0.0, added=0.0)
    """What others finished and what it uncovered, counted as experience of its own: see core.teams."""
    teams: int = 1
    """Teams at work beside each other, this one among them: see core.trend."""
    pace: tuple[float, ...] = ()
    """By what the weeks to come are multiplied, week by week; the last one holds on. Empty: nothing changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fan:
    """Where the work stands at the end of one week to come: quantiles over the runs, of what is done from now on."""

    weeks: int
    low: float
    middle: float
    high: float
    scope: float
    """Scope that was uncovered from now on, in the median run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Dates by which all is done, each with its certainty; None where so many runs do not end within ten years."""

    start: date
    p50: date | None
    p85: date | None
    p95: date | None
    weeks_used: int
    finish: tuple[float, ...]
    """Weeks until the end in each run, ascending; infinity where it did not end."""
    fan: tuple[Fan, ...]
    falls: float = 0.0
    """Share of the runs whose end came later because the pace has been falling."""
    rose: float = 0.0
    """Share of the runs whose end came earlier because the pace has risen."""

    def chance(self, deadline: date) -> float:
        """Share of the runs that are over on that day."""
        weeks = (deadline - self.start).days / 7
        return bisect_left(self.finish, weeks + 1e-9) / len(self.finish)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoForecast:
    """Why no date can be given. Said instead of a line that means nothing."""

    reason: str


def forecast(
    *, stream: Stream, today: date, runs: int = RUNS, seed: int = SEED, fanned: bool = True
) -> Forecast | NoForecast:
    """Live through the future `runs` times. `today` is the last day that the weeks cover.

    The same question has the same answer. Whoever needs dates alone does without the fan.
    """
    why = why_not(stream)
    if why:
        return NoForecast(reason=why)
    return summed_up(runs=futures(stream=stream, runs=runs, seed=seed), whole=stream, today=today, fanned=fanned)


def summed_up(*, runs: Sequence["Run"], whole: Stream, today: date, fanned: bool = True) -> Forecast:
    """The forecast that these runs come to. `whole` is all the work that they live through."""
    finish, slopes = sorted(run.end for run in runs), [run.slope for run in runs]
    return Forecast(
        start=today,
        p50=_day(today, quantile(finish, 0.50)),
        p85=_day(today, quantile(finish, 0.85)),
        p95=_day(today, quantile(finish, 0.95)),
        weeks_used=len(recent(whole.weeks)),
        finish=tuple(finish),
        fan=_fan(runs, whole, until=quantile(finish, 0.95)) if fanned else (),
        falls=sum(slope < 0 for slope in slopes) / len(runs),
        rose=sum(slope > 0 for slope in slopes) / len(runs),
    )


def why_not(stream: Stream) -> str:
    """Why nobody can say when this ends, in a sentence; empty where somebody can."""
    if stream.left <= 0:
        return "Nothing is left to forecast: all of it is done."
    weeks = worked(stream.weeks)
    if not any(week.done > 0 for week in weeks):
        return "No forecast: nothing was finished yet."
    if len(weeks) < LEAST_WEEKS:
        told = "1 week" if len(weeks) == 1 else f"{len(weeks)} weeks"
        return f"No forecast yet: it needs {LEAST_WEEKS} weeks since the first unit was finished; there are {told}."
    if sum(week.done for week in recent(stream.weeks)) <= 0:
        return f"No forecast: in {len(recent(stream.weeks))} weeks nothing was finished that was not taken back."
    return ""


def worked(weeks: Sequence[Week]) -> Sequence[Week]:
    """The weeks since something was finished for the first time."""
    first = next((at for at, week in enumerate(weeks) if week.done > 0), len(weeks))
    return weeks[first:]


def recent(weeks: Sequence[Week]) -> Sequence[Week]:
    """The weeks that are drawn from."""
    return worked(weeks)[-DRAWN_WEEKS:]


@dataclass(frozen=True, slots=True)
class _Past:
    """What all runs draw from."""

    dones: list[float]
    finished: float
    uncovered: float
    slopes: list[float]
    """What the pace could change by, a week."""
    odds: list[float]
    """Of those slopes, added up."""
    tempos: list[list[float]]
    """By what the weeks to come are multiplied at each of those slopes; empty where nothing changes."""
    first: int
    """Weeks to draw at first: so many that a straight line ends within them."""
    climbs: bool
    """Whether no week took back more than it finished: then what is done is the most that was done until then."""


class Run(Protocol):
    """One future of some work, or of the work of several."""

    @property
    def wanted(self) -> float:
        """What is left, with all that it uncovers; infinity where it never ends."""

    @property
    def end(self) -> float:
        """Weeks until all of it is done; infinity where it never is."""

    @property
    def slope(self) -> float:
        """By which part of itself the pace changes each week, as this run believes."""

    def of_wanted(self, weeks: Sequence[int]) -> list[float]:
        """What is done of it after each of so many whole weeks, ascending, one at least."""


class Course:
    """One run: what is done at the end of each week to come, drawn as far as somebody looks, at most ten years.

    It counts the most that was done until then: what a bad week takes back was done once, and its date stays.
    """

    __slots__ = ("_dice", "_done", "_past", "_sum", "_tempo", "_total", "_weights", "slope", "wanted")

    def __init__(self, stream: Stream, past: _Past, dice: random.Random) -> None:
        self._past, self._dice = past, dice
        *self._weights, self._total = accumulate([-math.log(1.0 - dice.random()) for _ in past.dones])
        growth = dice.gammavariate(past.uncovered + 0.5, 1.0) / past.finished
        self.wanted = _wanted(stream, growth, dice.gauss(0.0, 1.0))
        """What is left and what it uncovers, and what that uncovers; infinity where it never ends."""
        believed = bisect_right(past.odds, dice.random())
        self.slope, self._tempo = past.slopes[believed], past.tempos[believed]
        self._done: list[float] = []
        self._sum = 0.0

    @property
    def end(self) -> float:
        return self.reached(self.wanted)

    def reached(self, goal: float) -> float:
        """Weeks until so much is done; infinity where the run does not get there."""
        if not math.isfinite(goal):
            return math.inf
        while not self._done or self._done[-1] < goal:
            if not self._extend():
                return math.inf
        week = bisect_left(self._done, goal)
        before = self._done[week - 1] if week else 0.0
        step = self._done[week] - before
        return week + ((goal - before) / step if step > 0 else 0.0)

    def done_by(self, moment: float) -> float:
        """What is done so many weeks from now; after ten years nothing more."""
        week = math.floor(moment)
        while week >= len(self._done):
            if not self._extend():
                return self._done[-1]
        before = self._done[week - 1] if week else 0.0
        return before + (self._done[week] - before) * (moment - week)

    def worked_off(self, start: float, size: float) -> float:
        """When so much is done by whoever begins at `start` (weeks); infinity where the run does not reach so far."""
        if not (start < math.inf and size < math.inf):
            return math.inf
        return max(start, self.reached(self.done_by(start) + size))

    def of_wanted(self, weeks: Sequence[int]) -> list[float]:
        """What is done of what is wanted after each of so many whole weeks, ascending, one at least."""
        while weeks[-1] > len(self._done) and not self._is_over() and self._extend():
            pass
        wanted, done, last = self.wanted, self._done, len(self._done)
        if weeks[-1] > last:
            weeks = [min(week, last) for week in weeks]
        reached = [done[week - 1] for week in weeks]
        over = bisect_left(reached, wanted)
        return reached[:over] + [wanted] * (len(reached) - over)

    def _is_over(self) -> bool:
        return bool(self._done) and self._done[-1] >= self.wanted

    def _extend(self) -> bool:
        """Draw more weeks. False at the end of all time."""
        had, past = len(self._done), self._past
        if had >= HORIZON:
            return False
        weeks = min(HORIZON - had, max(MORE, had // 4) if had else past.first)
        drawn, tempo = self._drawn(weeks), self._tempo
        sums = list(accumulate(map(mul, drawn, tempo[had : had + weeks]) if tempo else drawn, initial=self._sum))
        self._sum = sums[-1]
        if past.climbs:
            self._done += sums[1:]
        else:
            self._done += accumulate([max(sums[1], self._done[-1]) if had else sums[1], *sums[2:]], max)
        return True

    def _drawn(self, weeks: int) -> list[float]:
        """As random.choices() draws them, in less time: a forecast consists of hundreds of thousands of these."""
        dones, weights, total, throw = self._past.dones, self._weights, self._total, self._dice.random
        return [dones[bisect_right(weights, throw() * total)] for _ in range(weeks)]


def futures(*, stream: Stream, runs: int, seed: int) -> list[Course]:
    """The runs. The same seed draws the same weeks, however much is left: so two plans are compared run by run."""
    weeks, own = recent(stream.weeks), experience(stream.weeks)
    lived = [week.done for week in worked(stream.weeks)]
    seen = trend.slopes(dones=lived, grain=stream.grain, teams=stream.teams)
    past = _Past(
        dones=[week.done for week in weeks],
        finished=own.done + stream.told.done,
        uncovered=own.added + stream.told.added,
        slopes=[each.a_week for each in seen],
        odds=list(accumulate(each.share for each in seen[:-1])),
        tempos=[_tempo(stream.pace, each.a_week, len(weeks)) for each in seen],
        first=straight_weeks(stream),
        climbs=all(week.done >= 0 for week in weeks),
    )
    return [Course(stream, past, random.Random(seed * _SEEDS_APART + run)) for run in range(runs)]


def _tempo(pace: tuple[float, ...], a_week: float, drawn: int) -> list[float]:
    """What is planned and what is believed: by what the weeks to come are multiplied. Empty: nothing changes."""
    believed = trend.tempo(a_week=a_week, drawn=drawn, horizon=HORIZON)
    if not pace:
        return believed
    planned = [*pace, *pace[-1:] * (HORIZON - len(pace))]
    return list(map(mul, planned, believed)) if believed else planned


def experience(weeks: Sequence[Week]) -> Week:
    """All that was finished in the weeks that are drawn from, and the scope that it uncovered."""
    # What came in the very first week is what the work began with: nothing of it was uncovered by what was done.
    later = worked(weeks)[1:][-DRAWN_WEEKS:]
    if not any(week.done > 0 for week in later):
        later = recent(weeks)
    uncovered = sum(week.added for week in later)
    return Week(done=sum(max(0.0, week.done) for week in later), added=max(0.0, uncovered))


def straight_weeks(stream: Stream) -> int:
    """Weeks that a straight line asks for, half a year at least and ten years at most: about what each run draws."""
    dones = [week.done for week in recent(stream.weeks)]
    mean = sum(dones) / max(1, len(dones))
    return HORIZON if mean <= 0 else min(HORIZON, max(26, math.ceil(stream.left / mean)))


def _wanted(stream: Stream, growth: float, luck: float) -> float:
    """What is left with all that it uncovers. Each unit uncovers Poisson(growth) more, and so does each of those:

    a branching process, whose total progeny (Otter 1949; Borel-Tanner distribution) has the mean left / (1 - growth)
    and the variance left * growth / (1 - growth)^3. `luck` is a draw from the standard normal distribution.
    """
    if growth >= 1.0:
        return math.inf
    spread = math.sqrt(stream.left * stream.grain * growth / (1.0 - growth) ** 3)
    return max(stream.left, stream.left / (1.0 - growth) + luck * spread)


def quantile(ascending: Sequence[float], q: float) -> float:
    """The smallest value that at least this share of the runs does not exceed."""
    return ascending[min(len(ascending) - 1, math.ceil(q * len(ascending)) - 1)]


def _day(today: date, weeks: float) -> date | None:
    if not math.isfinite(weeks) or weeks > HORIZON:
        return None
    # Whatever is left today is done tomorrow at the earliest.
    return today + timedelta(days=max(1, math.ceil(weeks * 7 - 1e-9)))


def _fan(runs: Sequence[Run], whole: Stream, *, until: float) -> tuple[Fan, ...]:
    last = math.ceil(until) + 1 if math.isfinite(until) else min(HORIZON, 3 * straight_weeks(whole))
    wanted = quantile(sorted(run.wanted for run in runs), 0.5)
    growth = 1.0 - whole.left / wanted  # of what is done, the part that was not known today
    step = max(1, math.ceil(last / FAN_POINTS))
    weeks = [*range(step, last, step), last]
    rows = zip(*(run.of_wanted(weeks) for run in runs), strict=True)
    return tuple(_fan_at(week, sorted(row), growth) for week, row in zip(weeks, rows, strict=True))


def _fan_at(week: int, reached: Sequence[float], growth: float) -> Fan:
    middle = quantile(reached, 0.5)
    return Fan(
        weeks=week,
        low=quantile(reached, 0.15),
        middle=middle,
        high=quantile(reached, 0.85),
        scope=max(0.0, middle) * growth,
    )
