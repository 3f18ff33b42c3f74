"""The plan as queues of teams: who has what left, at what pace, waiting for whom."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django.db.models import Count, F, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce

from migrator.core.forecast import MOST_WEEKS, Stream, Week
from migrator.core.queues import NOBODY, Piece, Plan
from migrator.core.stages import LADDER, RANK, Stage
from migrator.inventory.models import Project, Unit
from migrator.planning.models import Capacity, Dependency
from migrator.planning.queries.slices import Measure, Slice, mean_effort
from migrator.rollout.models import Flip

NOBODYS: Final = "(no team)"
"""How the work of units without a team is called."""


def plan_of(
    *,
    project: Project,
    now: datetime,
    phase: str = "",
    measure: Measure = Measure.UNITS,
    done_stage: Stage = Stage.CUTOVER,
) -> Plan:
    """What is left, per team, with the pace of the last weeks. Units that others wait for are pieces of their own."""
    return _Reading(project, now, Slice(phase=phase), measure, done_stage).plan()


class _Reading:
    def __init__(self, project: Project, now: datetime, units: Slice, measure: Measure, done_stage: Stage) -> None:
        self._project, self._today, self._units = project, now.date(), units
        self._done = [rung.stage for rung in LADDER if RANK[rung.stage] >= RANK[done_stage]]
        self._by_effort = measure is Measure.EFFORT
        self._mean = mean_effort(project=project) if self._by_effort else 1.0
        self._names: dict[int | None, str] = {team.pk: team.name for team in project.teams.all()} | {None: NOBODYS}
        since = self._today - timedelta(days=7 * MOST_WEEKS - 1)
        self._since = datetime.combine(since, time(), tzinfo=UTC)

    def plan(self) -> Plan:
        left = self._left()
        chained = self._chained()
        weeks = self._weeks()
        teams = {
            team: Stream(left=points, weeks=weeks.get(team, ()), grain=self._mean)
            for team, points in left.items()
            if points > 0
        }
        return Plan(pieces=tuple(self._pieces(left, chained)), teams=teams, people=self.people())

    def people(self) -> dict[str, float]:
        """How many each team has today, where somebody said so."""
        rows = Capacity.objects.filter(team__project=self._project, since__lte=self._today).order_by(
            "team_id", "-since"
        )
        return {row.team.name: row.people for row in rows.distinct("team_id").select_related("team")}

    def _open(self) -> QuerySet[Unit]:
        units = Unit.objects.tracked().filter(self._units.of_units(self._project), project=self._project)
        return units.exclude(stage__in=self._done)

    def _size(self, unit: str = "") -> Any:
        if not self._by_effort:
            return Count("*")
        return Sum(Coalesce(F(f"{unit}effort__points"), Value(self._mean)))

    def _left(self) -> dict[str, float]:
        rows = self._open().values_list("team_id").annotate(size=self._size()).order_by()
        return {self._names[team]: float(size) for team, size in rows}

    def _chained(self) -> dict[int, tuple[str, str, float, tuple[int, ...]]]:
        """Open units that wait or are waited for: key, team, size, and what they need that is not done."""
        pairs = list(Dependency.objects.filter(unit__project=self._project).values_list("unit_id", "needs_id"))
        inside = {pk for pair in pairs for pk in pair}
        rows = self._open().filter(pk__in=inside).values_list("pk", "key", "team_id", "effort__points")
        found = {pk: (key, team, points) for pk, key, team, points in rows}
        needs: dict[int, list[int]] = defaultdict(list)
        for unit, needed in pairs:
            if unit in found and needed in found:
                needs[unit].append(needed)
        return {
            pk: (key, self._names[team], (points or self._mean) if self._by_effort else 1.0, tuple(needs[pk]))
            for pk, (key, team, points) in found.items()
        }

    def _pieces(
        self, left: Mapping[str, float], chained: Mapping[int, tuple[str, str, float, tuple[int, ...]]]
    ) -> Iterable[Piece]:
        taken: Counter[str] = Counter()
        for key, team, size, needs in chained.values():
            taken[team] += size  # type: ignore[assignment]  # points are no whole numbers
            yield Piece(id=key, team=team, size=size, needs=tuple(chained[need][0] for need in needs))
        for team, size in left.items():
            rest = size - taken[team]
            if rest > 1e-9:
                yield Piece(id=f"the rest of {team}", team=team, size=rest)

    def _weeks(self) -> dict[str, tuple[Week, ...]]:
        """What each team finished and what came to it, week by week, oldest first."""
        done: dict[str, Counter[int]] = defaultdict(Counter)
        added: dict[str, Counter[int]] = defaultdict(Counter)
        for team, day, number in self._finished():
            done[team][self._week(day)] += number  # type: ignore[assignment]
        for team, day, number in self._came():
            added[team][self._week(day)] += number  # type: ignore[assignment]
        return {team: self._as_weeks(done[team], added[team]) for team in {*done, *added}}

    def _as_weeks(self, done: Mapping[int, float], added: Mapping[int, float]) -> tuple[Week, ...]:
        return tuple(Week(done=done.get(at, 0), added=added.get(at, 0)) for at in range(MOST_WEEKS - 1, -1, -1))

    def _week(self, day: date) -> int:
        """How many whole weeks ago, 0 is the one that ends today."""
        return (self._today - day).days // 7

    def _finished(self) -> Iterable[tuple[str, date, float]]:
        flips = Flip.objects.filter(self._units.of_units(self._project, "unit__"), project=self._project)
        flips = flips.filter(at__gte=self._since, at__date__lte=self._today).exclude(from_stage=F("to_stage"))
        up = Q(to_stage__in=self._done) & ~Q(from_stage__in=self._done)
        down = Q(from_stage__in=self._done) & ~Q(to_stage__in=self._done)
        for which, sign in ((up, 1), (down, -1)):
            rows = flips.filter(which).values_list("unit__team_id", "at__date").annotate(size=self._size("unit__"))
            for team, day, size in rows.order_by():
                yield self._names[team], day, sign * float(size)

    def _came(self) -> Iterable[tuple[str, date, float]]:
        units = Unit.objects.filter(self._units.of_units(self._project), project=self._project)
        for moment, sign in (("added_at", 1), ("gone_at", -1)):
            recent = units.filter(**{f"{moment}__gte": self._since})
            rows: Sequence[Any] = (
                recent.values_list("team_id", f"{moment}__date").annotate(size=self._size()).order_by()  # type: ignore[assignment]
            )
            for team, day, size in rows:
                yield self._names[team], day, sign * float(size)


def unnamed(team: str) -> bool:
    """Whether this is the work of nobody's team."""
    return team in (NOBODY, NOBODYS)
