"""One run of teams that wait for each other, event by event: a piece ends, others become ready, teams begin them.

A piece is called by its rank here, the most urgent one by 0: this is what a plan spends its time with, some hundred
times for each of its pieces.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Final

from migrator.core.forecast import Course

NOTHING: Final = -1
"""In place of a piece."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """How one run went."""

    end: float
    ends: Mapping[str, float]
    """When each team ended, in weeks."""
    path: tuple[str, ...]
    on_path: frozenset[str]
    """Teams on the critical path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """What is the same in every run: the pieces, in the order of their ranks, and who follows whom."""

    ids: Sequence[str]
    teams: Sequence[str]
    sizes: Sequence[float]
    followers: Sequence[Sequence[int]]
    needs: Sequence[int]
    """How many others each one needs."""
    left: Mapping[str, float]
    """By team: what its pieces come to, more than nothing."""


@dataclass(slots=True)
class _Desk:
    """Where one team works in one run: what it could begin with, and what it is at, since when."""

    course: Course
    stretch: float
    """What uncovered scope does to the size of its pieces."""
    ready: list[int] = field(default_factory=list)
    at: int = NOTHING
    size: float = 0.0
    since: float = 0.0
    until: float = 0.0

    def left_at(self, moment: float) -> float:
        """What is left to do of the piece that it is at."""
        return max(0.0, self.size - (self.course.done_by(moment) - self.course.done_by(self.since)))


class Life:
    """One run, event by event: a piece ends, others become ready, teams that were free begin."""

    __slots__ = ("_because", "_board", "_desk_of", "_desks", "_done", "_ending", "_open", "_rest")

    def __init__(self, board: Board, courses: Mapping[str, Course]) -> None:
        self._board = board
        self._desks = {team: _Desk(course, course.wanted / board.left[team]) for team, course in courses.items()}
        self._desk_of = [self._desks.get(team) for team in board.teams]
        self._open = list(board.needs)
        self._rest: dict[int, float] = {}
        """What is left of pieces that were put aside, in the course's measure."""
        self._ending: list[tuple[float, int]] = []
        self._done: dict[int, float] = {}
        self._because: dict[int, int] = {}

    def live(self) -> Lived:
        ending, desk_of = self._ending, self._desk_of
        for piece, needs in enumerate(self._board.needs):
            if not needs and (desk := desk_of[piece]) is not None:
                heappush(desk.ready, piece)
        for desk in self._desks.values():
            self._begin(desk, 0.0, NOTHING)
        while ending:
            moment, piece = heappop(ending)
            desk = desk_of[piece]
            if desk is not None and desk.at == piece and desk.until == moment:  # else it was put aside meanwhile
                self._end(piece, desk)
        return self._summed_up()

    def _begin(self, desk: _Desk, moment: float, because: int) -> None:
        """Take up the most urgent piece, unless the team is at one that is not put aside for it."""
        if not desk.ready or (desk.at != NOTHING and not self._put_aside(desk, moment)):
            return
        piece = heappop(desk.ready)
        size = self._rest[piece] if piece in self._rest else self._board.sizes[piece] * desk.stretch
        end = desk.course.worked_off(moment, size)
        desk.at = NOTHING
        if end == math.inf:
            return
        desk.at, desk.size, desk.since, desk.until = piece, size, moment, end
        # Taken up again it hangs on what it hung on first: its team was at work all the time.
        self._because.setdefault(piece, because)
        heappush(self._ending, (end, piece))

    def _put_aside(self, desk: _Desk, moment: float) -> bool:
        """What nobody waits for gives way to what somebody waits for."""
        followers = self._board.followers
        if followers[desk.at] or not followers[desk.ready[0]]:
            return False
        self._rest[desk.at] = desk.left_at(moment)
        heappush(desk.ready, desk.at)
        return True

    def _end(self, piece: int, desk: _Desk) -> None:
        moment = self._done[piece] = desk.until
        desk.at = NOTHING
        woken = [desk]
        for after in self._board.followers[piece]:
            self._open[after] -= 1
            if not self._open[after] and (other := self._desk_of[after]) is not None:
                heappush(other.ready, after)
                woken.append(other)
        for each in woken:
            self._begin(each, moment, piece)

    def _summed_up(self) -> Lived:
        board, teams = self._board, self._board.teams
        wanted = Counter(teams)
        ends = dict.fromkeys(wanted, 0.0)
        count = Counter([teams[piece] for piece in self._done])
        for piece, moment in self._done.items():
            ends[teams[piece]] = moment  # they ended in this order
        ends |= {team: math.inf for team, number in wanted.items() if count[team] < number}
        end = max(ends.values(), default=0.0)
        path = self._path() if math.isfinite(end) else self._undone()
        named = tuple(board.ids[piece] for piece in path)
        return Lived(end=end, ends=ends, path=named, on_path=frozenset(teams[piece] for piece in path))

    def _path(self) -> list[int]:
        path: list[int] = []
        last = next(reversed(self._done), NOTHING)
        while last != NOTHING:
            path.append(last)
            last = self._because[last]
        return path

    def _undone(self) -> list[int]:
        """What the end hangs on where there is none: pieces that nothing but their own team keeps from being done."""
        return [piece for piece, needs in enumerate(self._open) if not needs and piece not in self._done]
