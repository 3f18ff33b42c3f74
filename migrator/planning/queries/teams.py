"""What each team has left and what it finished: the past that futures of teams are drawn from. Days are UTC's.

As tagged now: the whole past of a unit is its present team's, so that what a team finished was work like what it has
left. Added up over the teams it is the burn-up, week by week.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from migrator.core.forecast import MOST_WEEKS, Stream, Week
from migrator.core.queues import NOBODY
from migrator.core.stages import RANK, Stage
from migrator.inventory.models import Project
from migrator.planning.queries.history import History, history
from migrator.planning.queries.slices import Measure, Slice

NOBODYS: Final = "(no team)"
"""How the work of units without a team is called."""
WEEKS: Final = MOST_WEEKS + 1
"""The first of them tells how the work began."""
DUST: Final = 9
"""Decimals of points: what is smaller came of adding them up."""
Days = Mapping[str, Mapping[date, float]]
"""How much on which day, by team."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamsPast:
    """All teams with anything in scope, and nobody's, as they stand now and as they came there."""

    left: Mapping[str, float]
    """What is not done, now."""
    done: Days
    """Finished, less what was taken back."""
    added: Days
    """Scope that came, less what went."""
    grain: float
    """How large one unit is, as in core.forecast."""
    earliest: date
    """The first day as of which it can tell."""

    def streams(self, *, on: date) -> dict[str, Stream]:
        """What each team had left at the end of that day, and its weeks until then. Also teams that are done."""
        return {team: self._stream(team, on) for team in sorted({*self.left, *self.done, *self.added})}

    def _stream(self, team: str, on: date) -> Stream:
        done, added = self.done.get(team, {}), self.added.get(team, {})
        since = _after(done, on) - _after(added, on)
        left = round(self.left.get(team, 0.0) + since, DUST)
        return Stream(left=max(0.0, left), weeks=_weeks(done, added, on), grain=self.grain)


def _after(days: Mapping[date, float], on: date) -> float:
    return sum(number for day, number in days.items() if day > on)


def _weeks(done: Mapping[date, float], added: Mapping[date, float], on: date) -> tuple[Week, ...]:
    """Whole weeks that end on that day, oldest first."""
    sums = [[0.0, 0.0] for _ in range(WEEKS)]
    for at, days in enumerate((done, added)):
        for day, number in days.items():
            ago = (on - day).days // 7
            if 0 <= ago < WEEKS:
                sums[WEEKS - 1 - ago][at] += number
    return tuple(Week(done=round(each[0], DUST), added=round(each[1], DUST)) for each in sums)


def teams_past(*, project: Project, units: Slice, measure: Measure, done_stage: Stage, earliest: date) -> TeamsPast:
    """The last half year. `earliest` is the first day as of which somebody asks."""
    since = teams_from(earliest)
    read = history(project=project, units=units, measure=measure, done_stage=done_stage, first=since, teams_from=since)
    return teams_past_of(read, earliest=earliest)


def teams_past_of(read: History, *, earliest: date) -> TeamsPast:
    """The same from what was read before, of teams from `teams_from(earliest)` on."""
    done: dict[str, Counter[date]] = defaultdict(Counter)
    added: dict[str, Counter[date]] = defaultdict(Counter)
    left: Counter[str] = Counter()
    names, since = names_of(read.project), teams_from(earliest)
    ends = {stage for stage in RANK if RANK[stage] >= RANK[read.done_stage]}
    for (team, stage), size in read.stands.items():
        if stage not in ends:
            left[names[team]] += size  # type: ignore[assignment]  # points are no whole numbers
    for move in read.moves:
        became = (move.after in ends) - (move.before in ends)
        came = (move.before is None) - (move.after is None)
        if became and move.day >= since:
            done[names[move.team]][move.day] += became * move.size  # type: ignore[assignment]
        if came and move.day >= since:
            added[names[move.team]][move.day] += came * move.size  # type: ignore[assignment]
    return TeamsPast(left=left, done=done, added=added, grain=read.grain, earliest=earliest)


def teams_from(earliest: date) -> date:
    """The first day of the weeks that a forecast as of that day draws from."""
    return earliest - timedelta(days=7 * WEEKS - 1)


def names_of(project: Project) -> dict[int | None, str]:
    """Teams by their ids, and under None what the work of nobody's team is called: like no team there is."""
    names: dict[int | None, str] = {team.pk: team.name for team in project.teams.all()}
    nobodys = NOBODYS
    while nobodys in names.values():
        nobodys = f"({nobodys})"
    return names | {None: nobodys}


def unnamed(team: str) -> bool:
    """Whether this is the work of nobody's team."""
    return team in (NOBODY, NOBODYS)
