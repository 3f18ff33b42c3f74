"""Identifiers that differ by nature, as long as each stands for exactly one of the other side's.

Within one pair of answers, legacy's 17 may be the candidate's `a9f`: everywhere, and nobody else's. A
value that also occurs unchanged stands for itself.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from migrator.core.automaton import Automaton, State
from migrator.core.jsonpath import Query
from migrator.core.paths import Steps
from migrator.core.rules import is_identifier

_Name = tuple[str, Any]
"""A value with its type: 1 is not true."""


def consistent(pairs: Sequence[tuple[Any, Any]], control: Sequence[Any], candidate: Sequence[Any]) -> list[bool]:
    """Which of these differing pairs fit one mapping.

    `control` and `candidate` are all identifiers of both sides, those that did not differ included: they
    stand for themselves. Of the rest, the mapping is what most pairs agree on; of equals, what came first.
    """
    named = [(_name(left), _name(right)) for left, right in pairs]
    claims = Counter(named)
    kept = Counter(map(_name, control)) - Counter(left for left, _ in named)
    kept &= Counter(map(_name, candidate)) - Counter(right for _, right in named)
    forth = {name: name for name in kept}
    back = dict(forth)
    for (left, right), _ in sorted(claims.items(), key=lambda claim: -claim[1]):
        if left not in forth and right not in back:
            forth[left], back[right] = right, left
    return [forth.get(left) == right for left, right in named]


def identifiers(query: Query, document: Any) -> list[Any]:
    """The identifiers that a path selects in a document."""
    automaton = _tracker(query)
    found: list[Any] = []
    stack: list[tuple[Any, State, Steps]] = [(document, automaton.start, ())]
    while stack:
        value, state, steps = stack.pop()
        if state.here and is_identifier(value) and (not query.contextual or query.selects(steps, document)):
            found.append(value)
        if not state.alive or not isinstance(value, (dict, list)):
            continue
        for step, inner in _members(value, state.names):
            after = automaton.move(state, step)
            if after.alive or after.here:
                stack.append((inner, after, (*steps, step) if query.contextual else ()))
    return found


def _members(
    value: dict[str, Any] | list[Any], names: tuple[str, ...] | None
) -> Iterable[tuple[str, Any]] | Iterable[tuple[int, Any]]:
    if isinstance(value, list):
        return enumerate(value)
    return value.items() if names is None else [(name, value[name]) for name in names if name in value]


@lru_cache(maxsize=256)
def _tracker(query: Query) -> Automaton:
    return Automaton([query])


def _name(value: Any) -> _Name:
    return type(value).__name__, value
