"""Many paths followed at once.

Ten rules are held against every difference of a pair, so their paths are compiled into one automaton
whose moves are worked out when they are first made and remembered: a place is then found in as many
steps as it has, however many rules there are. Where only the document can tell whether a path selects
(`Query.contextual`), the automaton answers in favour, and the caller asks the path itself.
"""

from collections.abc import Sequence
from typing import Final

from migrator.core.jsonpath import Query, Segment
from migrator.core.paths import Step, Steps

REMEMBERED: Final = 512
"""Moves that one state keeps, and states that an automaton keeps."""
_Item = tuple[int, int]
"""A path's number and the segment before which it stands. Behind its last: at its place; one further: under it."""


class State:
    """Where all paths stand at one place."""

    __slots__ = ("alive", "counts", "here", "items", "moves", "names", "over")

    def __init__(self, items: frozenset[_Item], queries: Sequence[Query]) -> None:
        self.items = items
        self.moves: dict[Step | type, State] = {}
        self.here = tuple(sorted(number for number, at in items if at == len(queries[number].segments)))
        """Paths that select this place."""
        self.over = tuple(sorted({number for number, at in items if at >= len(queries[number].segments)}))
        """Paths that select this place or one above it."""
        waiting = [queries[number].segments[at] for number, at in items if at < len(queries[number].segments)]
        self.alive = bool(waiting)
        """Some path may select a place under this one."""
        self.counts = any(selector.counts for segment in waiting for selector in segment.selectors)
        """One index of an array here is not like another."""
        self.names = _only_names(waiting)
        """The only names by which a path goes on from here, None where there may be others."""


def _only_names(waiting: Sequence[Segment]) -> tuple[str, ...] | None:
    if any(segment.deep for segment in waiting):
        return None
    witnesses = [selector.witness for segment in waiting for selector in segment.selectors]
    names = tuple(dict.fromkeys(step for step in witnesses if isinstance(step, str)))
    known = all(isinstance(step, int) or step in names for step in witnesses)
    return names if known else None


class Automaton:
    """The paths of one set of rules. Grows while it is used, within bounds; threads may share it."""

    def __init__(self, queries: Sequence[Query]) -> None:
        self._queries = queries
        self._states: dict[frozenset[_Item], State] = {}
        self._spelt = frozenset(
            selector.witness for query in queries for segment in query.segments for selector in segment.selectors
        )
        """Names that some path spells out. To the paths, all others are one."""
        self.start = self._state(frozenset((number, 0) for number in range(len(queries))))

    def at(self, steps: Steps) -> State:
        state = self.start
        for step in steps:
            state = self.move(state, step)
        return state

    def move(self, state: State, step: Step) -> State:
        """Where the paths stand one step further."""
        key: Step | type = step
        if isinstance(step, str):
            key = step if step in self._spelt else str
        elif isinstance(step, int) and not state.counts:
            key = int
        after = state.moves.get(key)
        if after is None:
            after = self._state(frozenset(self._after(state, step)))
            if len(state.moves) < REMEMBERED:
                state.moves[key] = after
        return after

    def _after(self, state: State, step: Step) -> list[_Item]:
        items: list[_Item] = []
        for number, at in state.items:
            segments = self._queries[number].segments
            if at >= len(segments):
                items.append((number, len(segments) + 1))
                continue
            if segments[at].deep:
                items.append((number, at))
            if segments[at].may(step):
                items.append((number, at + 1))
        return items

    def _state(self, items: frozenset[_Item]) -> State:
        state = self._states.get(items)
        if state is None:
            state = State(items, self._queries)
            if len(self._states) < REMEMBERED:
                self._states[items] = state
        return state
