"""What each team has left and what it finished: the past that futures of teams are drawn from. Days are UTC's.

As tagged now: the whole past of a unit is its present team's, so that what a team finished was work like what it has
left. Added up over the teams it is the burn-up, week by week.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django.db.models import Count, F, FloatField, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce, TruncDate

from migrator.core.forecast import MOST_WEEKS, Stream, Week
from migrator.core.queues import NOBODY
from migrator.core.stages import RANK, Stage
from migrator.inventory.models import Absence, Project, Unit
from migrator.planning.queries.burn_up import stage_at
from migrator.planning.queries.slices import Measure, Slice
from migrator.rollout.models import Flip

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


def teams_past(
    *, project: Project, units: Slice, measure: Measure, done_stage: Stage, earliest: date, grain: float
) -> TeamsPast:
    """The last half year, a few grouped reads.

    `earliest` is the first day as of which somebody asks; `grain` is 1, or the mean effort where points are measured.
    """
    return _Reading(project, units, measure, done_stage, earliest, grain).read()


class _Reading:
    def __init__(
        self, project: Project, units: Slice, measure: Measure, done_stage: Stage, earliest: date, grain: float
    ) -> None:
        self._project, self._units = project, units
        self._done = [stage for stage in RANK if RANK[stage] >= RANK[done_stage]]
        self._by_effort = measure is Measure.EFFORT
        self._mean = grain
        self._names = names_of(project)
        self._earliest = earliest
        first = earliest - timedelta(days=7 * WEEKS - 1)
        self._since = datetime.combine(first, time(), tzinfo=UTC)

    def read(self) -> TeamsPast:
        done: dict[str, Counter[date]] = defaultdict(Counter)
        added: dict[str, Counter[date]] = defaultdict(Counter)
        for team, day, was_done, number in self._came_and_went():
            added[self._names[team]][day] += number  # type: ignore[assignment]  # points are no whole numbers
            if was_done:
                done[self._names[team]][day] += number  # type: ignore[assignment]
        for team, day, number in self._crossed():
            done[self._names[team]][day] += number  # type: ignore[assignment]
        return TeamsPast(left=self._left(), done=done, added=added, grain=self._mean, earliest=self._earliest)

    def _left(self) -> dict[str, float]:
        units = Unit.objects.tracked().filter(self._units.of_units(self._project), project=self._project)
        rows = units.exclude(stage__in=self._done).values_list("team_id").annotate(size=self._size()).order_by()
        return {self._names[team]: float(size) for team, size in rows}

    def _crossed(self) -> Iterator[tuple[int | None, date, float]]:
        """(team, day, how much became done); negative where it ceased to be."""
        flips = Flip.objects.filter(self._units.of_units(self._project, "unit__"), project=self._project)
        crossing = Q(to_stage__in=self._done) ^ Q(from_stage__in=self._done)
        # What keeps its stage cannot cross: said for the database, whose index of stage changes leaves it out.
        moved = flips.exclude(from_stage=F("to_stage")).filter(crossing)
        for team, day, after, number in self._per_day(moved, "at", "to_stage", unit="unit__"):
            yield team, day, number if after in self._done else -number

    def _came_and_went(self) -> Iterator[tuple[int | None, date, bool, float]]:
        """(team, day, whether it was done, how much)."""
        units = Unit.objects.filter(self._units.of_units(self._project), project=self._project)
        away = Absence.objects.filter(self._units.of_units(self._project, "unit__"), unit__project=self._project)
        stood = away.annotate(stood=stage_at("gone_at"))
        for team, day, number in self._per_day(units, "added_at"):
            yield team, day, False, number
        for sign, rows in (
            (-1, self._per_day(units, "gone_at", "stage")),
            (-1, self._per_day(stood, "gone_at", "stood", unit="unit__")),
            (1, self._per_day(stood, "back_at", "stood", unit="unit__")),
        ):
            for team, day, stage, number in rows:
                yield team, day, stage in self._done, sign * number

    def _per_day(self, rows: QuerySet[Any], moment: str, *by: str, unit: str = "") -> Iterator[tuple[Any, ...]]:
        dated = rows.filter(**{f"{moment}__gte": self._since}).annotate(day=TruncDate(moment, tzinfo=UTC))
        grouped = dated.values_list(f"{unit}team_id", "day", *by).annotate(size=self._size(unit))
        yield from grouped.order_by()

    def _size(self, unit: str = "") -> Any:
        if not self._by_effort:
            return Count("*")
        points = Coalesce(F(f"{unit}effort__points"), Value(self._mean), output_field=FloatField())
        return Sum(points)


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
