"""When will the last team be done? Work does not flow to whoever has time: each team finishes what it owns.

So the end of the whole is the end of its last team, team by team as in core.forecast. A forecast that adds up their
paces promises it far too early: in simulated projects of two to six teams, dates that it called 85 % sure held in 24 to
70 of 100, and those of this one in 92 and 93. What the sum says is what would come true if people followed the work:
see `Forecast` of one stream, and core.what_if for moving them.

Teams that wait for each other end later still: core.queues lives through that, with the same luck.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from migrator.core.forecast import SEED, Course, Forecast, NoForecast, Stream, Week, experience, summed_up, why_not
from migrator.core.queues import TEAM_RUNS, Plan, draw

COURSES: Final = 6_000
"""Futures of teams to be drawn in all runs: more would take more than half a second."""
LEAST_RUNS: Final = 150
"""The standard error of what is 85 % sure is then 3 %."""
TOLD: Final = 40
"""Units. Between 20 and 60 of them, what is called 85 % sure holds in 91 to 94 of 100 simulated projects."""


def together(
    *, plan: Plan, whole: Stream, today: date, runs: int | None = None, seed: int = SEED, fanned: bool = True
) -> Forecast | NoForecast:
    """The end of the last team. `whole` is the work of all teams, also of those that are done."""
    reason = why_not(whole) or _nobody(plan)
    if reason:
        return NoForecast(reason=reason)
    runs = runs or max(LEAST_RUNS, min(TEAM_RUNS, COURSES // max(1, len(plan.teams))))
    drawn = draw(plan=plan, runs=runs, seed=seed)
    lived = [_Together(courses) for courses in zip(*drawn.values(), strict=True)]
    return summed_up(runs=lived, whole=whole, today=today, fanned=fanned)


def chance_of_part(
    *, plan: Plan, whole: Stream, part: float, weeks: float, runs: int = LEAST_RUNS, seed: int = SEED
) -> float | NoForecast:
    """Share of the runs in which so much of what is left is done in so many weeks, whoever did it."""
    reason = why_not(whole) or _nobody(plan)
    if reason:
        return NoForecast(reason=reason)
    drawn = draw(plan=plan, runs=runs, seed=seed)
    done = (sum(min(one.wanted, one.done_by(weeks)) for one in run) for run in zip(*drawn.values(), strict=True))
    enough: int = sum(each >= part - 1e-9 for each in done)
    return enough / runs


def _nobody(plan: Plan) -> str:
    """The team that keeps the whole from ever ending, in a sentence."""
    for team, stream in sorted(plan.teams.items()):
        if plan.people.get(team, 1.0) <= 0:
            return f"No forecast: nobody works in {team}, which has {stream.left:g} left."
        if why_not(stream):
            return f"No forecast: {team} has {stream.left:g} left and no pace of its own yet."
    return ""


@dataclass(frozen=True, slots=True)
class _Together:
    """One run of all teams."""

    courses: tuple[Course, ...]

    @property
    def wanted(self) -> float:
        return sum(course.wanted for course in self.courses)

    @property
    def end(self) -> float:
        return max(course.end for course in self.courses)

    @property
    def slope(self) -> float:
        return max(self.courses, key=lambda course: course.end).slope

    def of_wanted(self, weeks: Sequence[int]) -> list[float]:
        return list(map(sum, zip(*(course.of_wanted(weeks) for course in self.courses), strict=True)))


# ------------------------------------------------------------------- what teams learn from each other


def of_one_project(known: Mapping[str, Stream]) -> tuple[dict[str, Stream], frozenset[str]]:
    """The teams that have something left, and who of them works at a lent pace. `known` are all teams, done or not.

    A team that finished too little to have a pace works like the mean of those that have one. And how much scope a
    unit uncovers is alike in one project: each team knows it from its own units and, as if it had finished
    TOLD units more, from everybody's. Without that a few units of one team leave so much open that the end of the
    last team is called later than it comes.
    """
    busy = {team: stream for team, stream in known.items() if stream.left > 0}
    if len(known) < 2:
        return busy, frozenset()
    lenders = [stream for stream in known.values() if not why_not(replace(stream, left=1.0))]
    lent = frozenset(team for team, stream in busy.items() if lenders and why_not(stream))
    mean = _mean_weeks(lenders)
    told = _told(known.values())
    return {
        team: replace(stream, weeks=mean if team in lent else stream.weeks, told=told, teams=len(busy))
        for team, stream in busy.items()
    }, lent


def _told(streams: Iterable[Stream]) -> Week:
    """What TOLD units came to, in everybody's experience. None where nobody finished anything."""
    seen = [(experience(stream.weeks), stream.grain) for stream in streams]
    done, added = sum(each.done for each, _ in seen), sum(each.added for each, _ in seen)
    size = TOLD * max(grain for _, grain in seen) if done > 0 else 0.0
    return Week(done=size, added=size * added / done if done > 0 else 0.0)


def _mean_weeks(streams: Sequence[Stream]) -> tuple[Week, ...]:
    """Week by week, counted from the last one."""
    length = max((len(stream.weeks) for stream in streams), default=0)
    none = Week(done=0, added=0)
    rows = zip(*(((none,) * (length - len(each.weeks)) + each.weeks) for each in streams), strict=True)
    size = max(1, len(streams))
    return tuple(Week(done=sum(w.done for w in row) / size, added=sum(w.added for w in row) / size) for row in rows)
