"""Teams that wait for each other: when each is done, what holds the end up, and what another plan would bring.

The work is cut into pieces, each of one team; a piece may need others. In each run every team has a future of its
own (core.forecast), works on one piece at a time, first on what others wait for longest, and waits where what it
needs is not done. What nobody waits for is put aside for what somebody does. The end of a run is the end of its last
piece; the pieces that it hung on, one by one back to today, are that run's critical path (Kelley & Walker 1959).
"""

import math
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from migrator.core.forecast import SEED, Course, Stream, futures, quantile, straight_weeks
from migrator.core.lives import Board, Life, Lived

TEAM_RUNS: Final = 400
"""Runs of the queues: each is dearer than one of a single stream."""
LEAST_RUNS: Final = 150
"""Of plans with many pieces: the standard error of what is 85 % sure is then 3 %."""
STEPS: Final = 100_000
"""Pieces to be lived through in all runs: more would take more than a second."""
LONG: Final = 50_000
"""Steps that take a quarter of a second, with the moves that are tried."""
STEPS_A_RUN: Final = 10
"""What one future of a team costs before its first week, in steps; a step is what a piece costs."""
WEEKS_A_STEP: Final = 14
SURE: Final = 0.85
NOBODY: Final = ""
"""The team of what no team owns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of what is left that one team does in one go: a unit that others need, or all that nobody waits for."""

    id: str
    team: str
    size: float
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is left, cut into pieces, and how each team has worked."""

    pieces: tuple[Piece, ...]
    teams: Mapping[str, Stream]
    """By name; `left` is what the team's pieces come to."""
    people: Mapping[str, float] = field(default_factory=dict)
    lent: frozenset[str] = frozenset()
    """Teams that finished too little to have a pace of their own: theirs is the mean of the others'."""
    idle: frozenset[str] = frozenset()
    """Teams with people and nothing left to do anywhere."""


class Cycle(ValueError):
    """Pieces that need each other in a ring. `ring` names them in order."""

    def __init__(self, ring: Sequence[str]) -> None:
        self.ring = tuple(ring)
        super().__init__(f"These need each other in a ring: {' → '.join((*ring, ring[0]))}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamOutlook:
    """One team's part in the end."""

    team: str
    left: float
    p50: date | None
    p85: date | None
    due: date | None
    """Its mini-deadline: done by then, what comes after meets the target in 85 of 100 runs. None without a target."""
    critical: float
    """Share of the runs in which the end hung on this team."""
    stuck: str = ""
    """Why it never ends: nobody works there, or nothing was ever finished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """How a plan ends."""

    start: date
    finish: tuple[float, ...]
    """Weeks until the end in each run, ascending; infinity where it never ends."""
    teams: tuple[TeamOutlook, ...]
    """The one that the end hangs on most first."""
    critical: tuple[tuple[str, float], ...]
    """Pieces by the share of the runs in which the end hung on them."""

    @property
    def p50(self) -> date | None:
        return _day(self.start, quantile(self.finish, 0.50))

    @property
    def p85(self) -> date | None:
        return _day(self.start, quantile(self.finish, SURE))

    @property
    def p95(self) -> date | None:
        return _day(self.start, quantile(self.finish, 0.95))

    def chance(self, deadline: date) -> float:
        """Share of the runs that are over on that day."""
        return bisect_left(self.finish, (deadline - self.start).days / 7 + 1e-9) / len(self.finish)


Drawn = Mapping[str, Sequence[Course]]
"""The futures of teams, one for each run."""


def outlook(
    *,
    plan: Plan,
    today: date,
    target: date | None = None,
    runs: int | None = None,
    seed: int = SEED,
    drawn: Drawn | None = None,
) -> Outlook:
    """Live through the plan `runs` times, by itself as often as its size allows.

    `drawn` are futures that `draw()` has made already, for as many runs. Raises Cycle where pieces need each other
    in a ring. The same plan ends alike.
    """
    runs = runs or runs_of(plan)
    luck = draw(plan=plan, runs=runs, seed=seed) if drawn is None else drawn
    board = _board(plan)
    lived = [Life(board, {team: courses[run] for team, courses in luck.items()}).live() for run in range(runs)]
    return Outlook(
        start=today,
        finish=tuple(sorted(run.end for run in lived)),
        teams=_teams(plan, lived, today, target),
        critical=_shares((piece for run in lived for piece in run.path), runs=runs),
    )


def runs_of(plan: Plan, most: int = TEAM_RUNS, least: int = LEAST_RUNS, steps: int = STEPS) -> int:
    """How often a plan of this size is lived through."""
    return max(least, min(most, steps // max(1, len(plan.pieces))))


def takes_long(plan: Plan) -> bool:
    """Whether living through a plan, and through the moves that could help, takes longer than somebody waits."""
    steps = sum(STEPS_A_RUN + straight_weeks(stream) // WEEKS_A_STEP for stream in plan.teams.values())
    return runs_of(plan) * (len(plan.pieces) + steps) > LONG


def draw(*, plan: Plan, runs: int, seed: int = SEED, only: Collection[str] | None = None) -> Drawn:
    """Futures of the plan's teams, or of some of them. A team's luck is the same in every plan that it is part of."""
    working = _working(plan)
    luck = {team: seed + at for at, team in enumerate(sorted(plan.teams))}
    return {
        team: futures(stream=stream, runs=runs, seed=luck[team])
        for team, stream in working.items()
        if only is None or team in only
    }


def _working(plan: Plan) -> dict[str, Stream]:
    """The teams that get anywhere: with people, and with something ever finished."""
    return {
        team: stream
        for team, stream in plan.teams.items()
        if plan.people.get(team, 1.0) > 0 and sum(week.done for week in stream.weeks) > 0
    }


def by_urgency(pieces: Sequence[Piece]) -> list[Piece]:
    """Pieces so that each comes after what it needs; among those that could come, what others wait for longest first.

    Raises Cycle.
    """
    known = {piece.id: piece for piece in pieces}
    ways = _ways_behind(known, followers_of(pieces))
    rank = {pk: at for at, pk in enumerate(ways)}
    return sorted(pieces, key=lambda piece: (-ways[piece.id], -piece.size, rank[piece.id]))


def followers_of(pieces: Sequence[Piece]) -> dict[str, list[str]]:
    """By piece: which ones need it."""
    followers: dict[str, list[str]] = {piece.id: [] for piece in pieces}
    for piece in pieces:
        for need in set(piece.needs) & followers.keys():
            followers[need].append(piece.id)
    return followers


def _ways_behind(known: Mapping[str, Piece], followers: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """How much work waits behind each piece, along the longest way; in an order in which they could be done."""
    order = _topological(known, followers)
    way = dict.fromkeys(order, 0.0)
    for pk in reversed(order):
        way[pk] = max((way[after] + known[after].size for after in followers[pk]), default=0.0)
    return way


def _topological(known: Mapping[str, Piece], followers: Mapping[str, Sequence[str]]) -> list[str]:
    waiting = {pk: sum(need in known for need in piece.needs) for pk, piece in known.items()}
    ready = deque(pk for pk, count in waiting.items() if not count)
    order = []
    while ready:
        pk = ready.popleft()
        order.append(pk)
        for after in followers[pk]:
            waiting[after] -= 1
            if not waiting[after]:
                ready.append(after)
    if len(order) < len(known):
        raise Cycle(ring_among(known, [pk for pk, count in waiting.items() if count]))
    return order


def ring_among(known: Mapping[str, Piece], caught: Sequence[str]) -> list[str]:
    """One ring of those that wait for each other, as the reader would walk it."""
    inside, seen, at = set(caught), [], caught[0]
    while at not in seen:
        seen.append(at)
        at = next(need for need in known[at].needs if need in inside)
    return seen[seen.index(at) :]


def _board(plan: Plan) -> Board:
    order = by_urgency(plan.pieces)
    rank = {piece.id: at for at, piece in enumerate(order)}
    followers = followers_of(order)
    return Board(
        ids=[piece.id for piece in order],
        teams=[piece.team for piece in order],
        sizes=[piece.size for piece in order],
        followers=[[rank[after] for after in followers[piece.id]] for piece in order],
        needs=[len({need for need in piece.needs if need in rank}) for piece in order],
        left={team: max(stream.left, 1e-9) for team, stream in plan.teams.items()},
    )


# -------------------------------------------------------------------------------------- summed up


def _teams(plan: Plan, lived: Sequence[Lived], today: date, target: date | None) -> tuple[TeamOutlook, ...]:
    found = [_team(team, plan, lived, today, target) for team in plan.teams]
    return tuple(sorted(found, key=lambda each: (-each.critical, -each.left, each.team)))


def _team(team: str, plan: Plan, lived: Sequence[Lived], today: date, target: date | None) -> TeamOutlook:
    ends = sorted(run.ends.get(team, 0.0) for run in lived)
    after = sorted(run.end - run.ends.get(team, 0.0) for run in lived if team in run.on_path and math.isfinite(run.end))
    tail = quantile(after, SURE) if after else 0.0
    stream = plan.teams[team]
    return TeamOutlook(
        team=team,
        left=stream.left,
        p50=_day(today, quantile(ends, 0.50)),
        p85=_day(today, quantile(ends, SURE)),
        due=_earlier(target, tail) if target else None,
        critical=sum(team in run.on_path for run in lived) / len(lived),
        stuck=_stuck(team, plan),
    )


def _stuck(team: str, plan: Plan) -> str:
    if plan.teams[team].left <= 0:
        return ""
    if plan.people.get(team, 1.0) <= 0:
        return "Nobody works there."
    if sum(week.done for week in plan.teams[team].weeks) <= 0:
        return "Nothing was finished there yet, so nobody knows its pace."
    return ""


def _shares(names: Iterable[str], *, runs: int) -> tuple[tuple[str, float], ...]:
    counts = Counter(names)
    return tuple((name, count / runs) for name, count in sorted(counts.items(), key=lambda each: (-each[1], each[0])))


def _day(start: date, weeks: float) -> date | None:
    return start + timedelta(days=math.ceil(weeks * 7 - 1e-9)) if math.isfinite(weeks) else None


def _earlier(day: date, weeks: float) -> date:
    """So many weeks before; the first day that there is where it would lie before that."""
    return date.fromordinal(max(1, day.toordinal() - math.ceil(weeks * 7)))
