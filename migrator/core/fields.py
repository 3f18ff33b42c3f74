"""Which fields of an endpoint a comparison speaks about.

A field is a path in its endpoint's answer: `$.first_name`, `$.articles[*].slug`. Every comparison in
which it occurs counts for it: it differed, or it did not. The paths of an endpoint's fields are
compiled once, so that looking costs only what lies on them, not the whole document.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from migrator.core.body import Document
from migrator.core.comparison import Answer, Comparison, document
from migrator.core.paths import BODY, EVERY, PathRefused, Step, admits, covers_place, parse_path, parse_shape
from migrator.core.routing import Route, field_path
from migrator.core.tally import FieldResult
from migrator.core.wire import Outcome


@dataclass(slots=True)
class _Node:
    """One step that paths of fields have in common."""

    inner: dict[Step, "_Node"] = field(default_factory=dict)
    ends: list[int] = field(default_factory=list)
    """The fields whose path ends here."""


class FieldIndex:
    """The fields of one endpoint, ready to be looked for."""

    def __init__(self, fields: Iterable[tuple[int, str]]) -> None:
        """`fields` are identifiers and paths. Raises PathRefused for a path that is not supported."""
        self._root = _Node()
        for identifier, path in fields:
            node = self._root
            for step in parse_path(path):
                node = node.inner.setdefault(step, _Node())
            node.ends.append(identifier)

    def __bool__(self) -> bool:
        return bool(self._root.inner or self._root.ends)

    def occurring(self, *documents: Document | None) -> frozenset[int]:
        """The fields that have a value, be it null, in any of the documents."""
        values = [parsed.value for parsed in documents if parsed is not None]
        found: list[int] = []
        if values:
            _look(self._root, values, found)
        return frozenset(found)

    def results(self, comparison: Comparison, control: Answer) -> dict[int, bool]:
        """Each field that the pair says something about -> whether it differed.

        `control` is the answer that was compared: where both sides sent equal bytes, it is parsed here.
        A field differs where a difference lies at or under its path, or above it while it occurs in
        either document. Of a pair that was not compared to its end, only fields that differ are told.
        """
        documents = comparison.documents or (document(control),)
        differing = {identifier for shape, _ in comparison.shapes for identifier in self._touched(shape)}
        unknown = comparison.partial or comparison.unfinished
        return {
            identifier: identifier in differing
            for identifier in self.occurring(*documents)
            if identifier in differing or not unknown
        }

    def _touched(self, shape: str) -> Iterator[int]:
        """The fields at, above and under the place of a difference."""
        whole = covers_place(BODY, shape)
        if not whole and not shape.startswith("$"):
            return
        nodes = [self._root]
        for step in parse_shape(shape) if not whole else ():
            yield from chain.from_iterable(node.ends for node in nodes)
            nodes = list(_followed(nodes, step))
        for node in nodes:
            yield from _under(node)


def index_of(fields: Iterable[Route]) -> FieldIndex:
    """The fields of one endpoint, ready to be looked for. Those whose path is not understood are left out."""
    paths: list[tuple[int, str]] = []
    for route in fields:
        path = field_path(route.unit.key)
        if path is not None and _understood(path):
            paths.append((route.unit.id, path))
    return FieldIndex(paths)


def results_of(
    fields: Iterable[Route], index: FieldIndex, *, comparison: Comparison, control: Answer
) -> list[FieldResult]:
    """What a pair says about each of these fields of its endpoint that occurs in it. `index` is of all of them."""
    results = index.results(comparison, control)
    return [
        FieldResult(
            route.unit.id,
            route.unit.evidence_epoch,
            Outcome.MISMATCH if results[route.unit.id] else Outcome.MATCH,
        )
        for route in fields
        if route.unit.id in results
    ]


def _understood(path: str) -> bool:
    try:
        FieldIndex([(0, path)])
    except PathRefused:
        return False
    return True


def _followed(nodes: list[_Node], step: Step) -> Iterator[_Node]:
    for node in nodes:
        for wanted, inner in node.inner.items():
            if admits(wanted, step):
                yield inner


def _under(node: _Node) -> Iterator[int]:
    yield from node.ends
    for inner in node.inner.values():
        yield from _under(inner)


def _look(node: _Node, values: list[Any], found: list[int]) -> None:
    """Follow the paths through all values that stand at this step, at least one."""
    found += node.ends
    for step, inner in node.inner.items():
        reached = _reach(step, values, first=not inner.inner)
        if reached:
            _look(inner, reached, found)


def _reach(step: Step, values: list[Any], *, first: bool) -> list[Any]:
    """The values one step further. `first` asks only whether there is one: the path goes no further."""
    further: Iterable[Any]
    if isinstance(step, str):
        further = (value[step] for value in values if type(value) is dict and step in value)
    elif step is EVERY:
        further = chain.from_iterable(map(_members, values))
    else:
        further = (value[step] for value in values if type(value) is list and step < len(value))
    if not first:
        return list(further)
    return [value for value, _ in zip(further, range(1), strict=False)]


def _members(value: Any) -> Iterable[Any]:
    if type(value) is list:
        return value
    return value.values() if type(value) is dict else ()
