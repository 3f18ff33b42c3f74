"""The plan as queues of teams: who has what left, at what pace, waiting for whom."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime

from django.db.models import QuerySet

from migrator.core.queues import Piece, Plan
from migrator.core.stages import RANK, Stage
from migrator.core.teams import of_one_project
from migrator.inventory.models import Project, Unit
from migrator.planning.models import Capacity, Dependency
from migrator.planning.queries.slices import Measure, Slice, mean_effort
from migrator.planning.queries.teams import names_of, teams_past


def plan_of(
    *,
    project: Project,
    now: datetime,
    phase: str = "",
    measure: Measure = Measure.UNITS,
    done_stage: Stage = Stage.CUTOVER,
) -> Plan:
    """What is left, per team, with the pace of the last weeks. Units that others wait for are pieces of their own.

    A team that finished too little to have a pace is lent the mean of those that have one; `Plan.lent` names it.
    """
    return _Reading(project, now, Slice(phase=phase), measure, done_stage).plan()


def people_of(*, project: Project, today: date) -> dict[str, float]:
    """How many each team has on that day, where somebody said so."""
    rows = Capacity.objects.filter(team__project=project, since__lte=today).order_by("team_id", "-since")
    return {row.team.name: row.people for row in rows.distinct("team_id").select_related("team")}


class _Reading:
    def __init__(self, project: Project, now: datetime, units: Slice, measure: Measure, done_stage: Stage) -> None:
        self._project, self._today, self._units = project, now.date(), units
        self._measure, self._done_stage = measure, done_stage
        self._done = [stage for stage in RANK if RANK[stage] >= RANK[done_stage]]
        self._by_effort = measure is Measure.EFFORT
        self._mean = mean_effort(project=project) if self._by_effort else 1.0
        self._names = names_of(project)

    def plan(self) -> Plan:
        past = teams_past(
            project=self._project,
            units=self._units,
            measure=self._measure,
            done_stage=self._done_stage,
            earliest=self._today,
            grain=self._mean,
        )
        teams, lent = of_one_project(past.streams(on=self._today))
        left = {team: stream.left for team, stream in teams.items()}
        pieces = tuple(self._pieces(left, self._chained()))
        people = people_of(project=self._project, today=self._today)
        idle = frozenset() if self._units.by_tags else frozenset(t for t in people if t not in teams)
        return Plan(pieces=pieces, teams=teams, people=people, lent=lent, idle=idle)

    def _open(self) -> QuerySet[Unit]:
        units = Unit.objects.tracked().filter(self._units.of_units(self._project), project=self._project)
        return units.exclude(stage__in=self._done)

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
            if rest > 1e-9 * max(1.0, size):
                yield Piece(id=f"the rest of {team}", team=team, size=rest)
