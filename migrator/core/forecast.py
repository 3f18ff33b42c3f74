"""When will it be done? Whole weeks of the past, drawn again and again.

Each run lives through a future made of past weeks. Two things are not known and are drawn anew for each run,
because leaving them out makes forecasts that are far too sure of themselves:

- how typical each past week is: weights over the weeks from a Dirichlet(1, …, 1) distribution (the Bayesian
  bootstrap, Rubin 1981), not each week alike;
- how much more scope each finished unit uncovers: Gamma(added + 1/2) / done, the posterior of a Poisson rate
  under Jeffreys' prior.

A unit that regressed counts against its week. Weeks without a finished unit are weeks like others.
"""

import math
import random
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from typing import Final

LEAST_WEEKS: Final = 6
"""Fewer weeks of work say nothing about the next ones."""
MOST_WEEKS: Final = 26
"""Weeks that are drawn from: what was half a year ago says little about now."""
RUNS: Final = 1_000
"""The standard error of what is 85 % sure is then 1.1 %."""
FAN_POINTS: Final = 52
HORIZON: Final = 520
"""Weeks. A run that is not over in ten years counts as never over."""
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

    def chance(self, deadline: date) -> float:
        """Share of the runs that are over on that day."""
        weeks = (deadline - self.start).days / 7
        return bisect_left(self.finish, weeks + 1e-9) / len(self.finish)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoForecast:
    """Why no date can be given. Said instead of a line that means nothing."""

    reason: str


def forecast(*, stream: Stream, today: date, runs: int = RUNS, seed: int = SEED) -> Forecast | NoForecast:
    """Live through the future `runs` times. `today` is the last day that the weeks cover."""
    why = _why_not(stream)
    if why:
        return NoForecast(reason=why)
    courses = futures(stream=stream, runs=runs, seed=seed)
    finish = sorted(course.reached(course.wanted) for course in courses)
    return Forecast(
        start=today,
        p50=_day(today, quantile(finish, 0.50)),
        p85=_day(today, quantile(finish, 0.85)),
        p95=_day(today, quantile(finish, 0.95)),
        weeks_used=len(recent(stream.weeks)),
        finish=tuple(finish),
        fan=_fan(courses, stream, until=quantile(finish, 0.95)),
    )


def _why_not(stream: Stream) -> str:
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
    return worked(weeks)[-MOST_WEEKS:]


@dataclass(frozen=True, slots=True)
class _Past:
    """What all runs draw from."""

    dones: list[float]
    finished: float
    uncovered: float
    pace: tuple[float, ...]
    first: int
    """Weeks to draw at first: so many that a straight line ends within them."""


class Course:
    """One run: what is done at the end of each week to come, drawn as far as somebody looks, at most ten years.

    It counts the most that was done until then: what a bad week takes back was done once, and its date stays.
    """

    __slots__ = ("_dice", "_done", "_past", "_sum", "_weights", "wanted")

    def __init__(self, stream: Stream, past: _Past, dice: random.Random) -> None:
        self._past, self._dice = past, dice
        self._weights = list(accumulate(dice.expovariate(1.0) for _ in past.dones))
        growth = dice.gammavariate(past.uncovered + 0.5, 1.0) / past.finished
        self.wanted = _wanted(stream, growth, dice.gauss(0.0, 1.0))
        """What is left and what it uncovers, and what that uncovers; infinity where it never ends."""
        self._done: list[float] = []
        self._sum = 0.0

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

    def of_wanted(self, weeks: int) -> float:
        """What is done of what is wanted after so many whole weeks, one at least."""
        if weeks > len(self._done) and self._done and self._done[-1] >= self.wanted:
            return self.wanted
        while weeks > len(self._done) and self._extend():
            pass
        return min(self.wanted, self._done[min(weeks, len(self._done)) - 1])

    def _extend(self) -> bool:
        """Draw as many weeks again. False at the end of all time."""
        had, pace = len(self._done), self._past.pace
        if had >= HORIZON:
            return False
        weeks = min(HORIZON - had, had or self._past.first)
        drawn = self._dice.choices(self._past.dones, cum_weights=self._weights, k=weeks)
        if pace:
            drawn = [done * pace[min(had + week, len(pace) - 1)] for week, done in enumerate(drawn)]
        sums = list(accumulate(drawn, initial=self._sum))
        self._sum = sums[-1]
        self._done += accumulate([max(sums[1], self._done[-1]) if had else sums[1], *sums[2:]], max)
        return True


def futures(*, stream: Stream, runs: int, seed: int) -> list[Course]:
    """The runs. The same seed draws the same weeks, however much is left: so two plans are compared run by run."""
    weeks = recent(stream.weeks)
    # What came in the very first week is what the work began with: nothing of it was uncovered by what was done.
    later = worked(stream.weeks)[1:][-MOST_WEEKS:]
    if not any(week.done > 0 for week in later):
        later = weeks
    past = _Past(
        dones=[week.done for week in weeks],
        finished=sum(max(0.0, week.done) for week in later),
        uncovered=max(0.0, sum(week.added for week in later)),
        pace=stream.pace,
        first=_straight(stream),
    )
    return [Course(stream, past, random.Random(seed * _SEEDS_APART + run)) for run in range(runs)]


def _straight(stream: Stream) -> int:
    """Weeks that a straight line asks for, half a year at least and ten years at most."""
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


def _fan(courses: Sequence[Course], stream: Stream, *, until: float) -> tuple[Fan, ...]:
    last = math.ceil(until) + 1 if math.isfinite(until) else min(HORIZON, 3 * _straight(stream))
    wanted = quantile(sorted(course.wanted for course in courses), 0.5)
    growth = 1.0 - stream.left / wanted  # of what is done, the part that was not known today
    points = []
    step = max(1, math.ceil(last / FAN_POINTS))
    for week in [*range(step - 1, last - 1, step), last - 1]:
        reached = sorted(course.of_wanted(week + 1) for course in courses)
        middle = quantile(reached, 0.5)
        points.append(
            Fan(
                weeks=week + 1,
                low=quantile(reached, 0.15),
                middle=middle,
                high=quantile(reached, 0.85),
                scope=max(0.0, middle) * growth,
            )
        )
    return tuple(points)
