"""The plan as queues of teams: who has what left, at what pace, waiting for whom."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from migrator.core.forecast import Stream
from migrator.core.queues import Piece, Plan
from migrator.core.stages import RANK, Stage
from migrator.core.teams import of_one_project
from migrator.inventory.models import Project, Unit
from migrator.planning.models import Capacity, Dependency
from migrator.planning.queries.slices import Measure, Slice, Tagged, mean_effort
from migrator.planning.queries.teams import names_of, teams_past


def plan_of(
    *,
    project: Project,
    now: datetime,
    units: Slice | None = None,
    measure: Measure = Measure.UNITS,
    done_stage: Stage = Stage.CUTOVER,
) -> Plan:
    """What is left of these units, as tagged now, per team, with the pace of the last weeks. Units that others wait for
    are pieces of their own; what these wait for elsewhere is part of their plan.

    A team that finished too little to have a pace is lent the mean of those that have one; `Plan.lent` names it.
    """
    return _Reading(project, now, units or Slice(), measure, done_stage).plan()


def people_of(*, project: Project, today: date) -> dict[str, float]:
    """How many each team has on that day, where somebody said so."""
    rows = Capacity.objects.filter(team__project=project, since__lte=today).order_by("team_id", "-since")
    return {row.team.name: row.people for row in rows.distinct("team_id").select_related("team")}


@dataclass(frozen=True, slots=True)
class _Link:
    """An open unit that waits or is waited for."""

    key: str
    team: str
    size: float
    needs: tuple[int, ...]
    """What is not done of it."""


class _Reading:
    def __init__(self, project: Project, now: datetime, units: Slice, measure: Measure, done_stage: Stage) -> None:
        self._project, self._today, self._units = project, now.date(), replace(units, tagged=Tagged.NOW)
        self._measure, self._done_stage = measure, done_stage
        self._done = [stage for stage in RANK if RANK[stage] >= RANK[done_stage]]
        self._by_effort = measure is Measure.EFFORT
        self._mean = mean_effort(project=project) if self._by_effort else 1.0
        self._names = names_of(project)

    def plan(self) -> Plan:
        own, chained = self._chained()
        teams, lent = of_one_project(self._streams([link for pk, link in chained.items() if pk not in own]))
        left = {team: stream.left for team, stream in teams.items()}
        people = people_of(project=self._project, today=self._today)
        idle = frozenset() if self._units.by_tags else frozenset(t for t in people if t not in teams)
        pieces = tuple(self._pieces(left, chained))
        return Plan(pieces=pieces, teams=teams, people=people, lent=lent, idle=idle)

    def _streams(self, elsewhere: Sequence[_Link]) -> dict[str, Stream]:
        """What each team has left. Who also has what these units wait for works at the pace of all it ever did."""
        streams = self._past(self._units)
        others = self._past(Slice()) if elsewhere else {}
        nothing = Stream(left=0.0, weeks=())
        for link in elsewhere:
            left = streams.get(link.team, nothing).left + link.size
            streams[link.team] = replace(others.get(link.team, nothing), left=left)
        return streams

    def _past(self, units: Slice) -> dict[str, Stream]:
        past = teams_past(
            project=self._project,
            units=units,
            measure=self._measure,
            done_stage=self._done_stage,
            earliest=self._today,
        )
        return past.streams(on=self._today)

    def _chained(self) -> tuple[set[int], dict[int, _Link]]:
        """Open units that wait or are waited for, of the slice and of what it waits for; and which are the slice's."""
        pairs = list(Dependency.objects.filter(unit__project=self._project).values_list("unit_id", "needs_id"))
        units = Unit.objects.tracked().filter(project=self._project, pk__in={pk for pair in pairs for pk in pair})
        rows = units.exclude(stage__in=self._done)
        named = rows.values_list("pk", "key", "team_id", "effort__points")
        found = {pk: (key, team, points) for pk, key, team, points in named}
        needs: dict[int, list[int]] = defaultdict(list)
        for unit, needed in pairs:
            if unit in found and needed in found:
                needs[unit].append(needed)
        own = set(rows.filter(self._units.of_units(self._project)).values_list("pk", flat=True)) & found.keys()
        links = {pk: self._link(*found[pk], needs[pk]) for pk in _reached(own, needs)}
        return own, links

    def _link(self, key: str, team: int | None, points: float | None, needs: Sequence[int]) -> _Link:
        return _Link(key, self._names[team], (points or self._mean) if self._by_effort else 1.0, tuple(needs))

    def _pieces(self, left: Mapping[str, float], chained: Mapping[int, _Link]) -> Iterable[Piece]:
        taken: Counter[str] = Counter()
        for link in chained.values():
            taken[link.team] += link.size  # type: ignore[assignment]  # points are no whole numbers
            needs = tuple(chained[need].key for need in link.needs)
            yield Piece(id=link.key, team=link.team, size=link.size, needs=needs)
        for team, size in left.items():
            rest = size - taken[team]
            if rest > 1e-9 * max(1.0, size):
                yield Piece(id=f"the rest of {team}", team=team, size=rest)


def _reached(own: set[int], needs: Mapping[int, Sequence[int]]) -> list[int]:
    """These and all that they wait for, one behind the other."""
    reached, waiting = set(own), sorted(own)
    for unit in waiting:
        new = [need for need in needs.get(unit, ()) if need not in reached]
        reached.update(new)
        waiting += new
    return waiting
