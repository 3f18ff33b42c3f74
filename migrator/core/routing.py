"""What to do with one request: who answers, and who else is asked.

`build_table()` turns a routing table into a Routes object that finds the unit of a request;
`decide()` says what happens to it. Both are pure: dice are thrown by the caller, so that every data
plane that passes `core/vectors` decides alike. `decide()` runs on every request of a live service,
so it allocates nothing: all decisions that exist were made when this module was imported.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from migrator.core.bucketing import bucket
from migrator.core.stages import ALL, RUNGS, Operation, Scrutiny, Stage
from migrator.core.wire import Anonymous, Manners, RoutingTable, RuleSpec, Side, UnitRoute, Upstreams, Version

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
METHOD_OVERRIDES: Final = frozenset(("x-http-method-override", "x-http-method", "x-method-override"))
"""Headers by which frameworks turn one method into another. They never make a write mirrorable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What happens to one request."""

    serve: Side
    """Who answers the caller."""
    mirror: Side | None
    """Who else receives the request, after the caller has been served."""
    reason: str
    """Why, in words that a page or a log can show."""

    @property
    def alone(self) -> "Decision":
        """The same without a mirror."""
        return Decision(serve=self.serve, mirror=None, reason=self.reason)


def _decisions(reason: str) -> dict[tuple[Side, bool], Decision]:
    return {
        (serve, mirrored): Decision(serve=serve, mirror=serve.other if mirrored else None, reason=reason)
        for serve in Side
        for mirrored in (False, True)
    }


_BY_STAGE: Final = {stage: _decisions(RUNGS[stage].label) for stage in Stage}
_PARAMETER: Final = re.compile(r"\{[^{}]*\}")
NO_UNIT: Final = Decision(serve=Side.LEGACY, mirror=None, reason="No unit matches")
"""What happens to a request that belongs to no unit: legacy, untouched."""


@dataclass(frozen=True, slots=True)
class Route:
    """A unit prepared for deciding. Shares in basis points."""

    unit: UnitRoute
    scrutiny: Scrutiny
    candidate: int
    mirror: int
    cohort: str | None
    mirrors_reads_only: bool
    legacy: tuple[Decision, Decision]
    """Legacy answers: alone, and mirrored to the candidate."""
    candidate_answers: tuple[Decision, Decision]


def prepare(unit: UnitRoute) -> Route:
    """Everything about a unit that need not be worked out again for each request."""
    rung, decisions = RUNGS[unit.stage], _BY_STAGE[unit.stage]
    return Route(
        unit=unit,
        scrutiny=rung.scrutiny,
        candidate=unit.candidate,
        mirror=unit.mirror,
        cohort=unit.cohort,
        mirrors_reads_only=not unit.sister or rung.candidate[1] > 0,
        legacy=(decisions[Side.LEGACY, False], decisions[Side.LEGACY, True]),
        candidate_answers=(decisions[Side.CANDIDATE, False], decisions[Side.CANDIDATE, True]),
    )


def decide(
    route: Route, subject: str | None, dice: int, *, repeatable: bool, opted_in: bool = False, random: bool = True
) -> Decision:
    """Who answers this request, and who else is asked.

    `subject` is the sticky key, None for an anonymous request: those throw dice, or stay with legacy
    where `random` is False. `dice` is a fresh number from 0 to 99,999,999; its low digits choose the
    mirror, its high digits the side of anonymous requests, so the two choices are independent.
    `repeatable` says that the request may be executed twice (see `is_repeatable`); `opted_in` that
    it carries `X-Migrator-Shadow: 1`.

    A write is executed on one side only. The one exception is a unit declared `sister` while
    legacy answers everybody: then the candidate may be called too.
    """
    candidate = route.candidate
    if candidate == 0:
        serve = route.legacy
    elif candidate == ALL:
        serve = route.candidate_answers
    elif subject is not None:
        serve = route.candidate_answers if bucket(subject, route.cohort) < candidate else route.legacy
    else:
        serve = route.candidate_answers if random and dice // ALL < candidate else route.legacy
    if not repeatable and route.mirrors_reads_only:
        return serve[0]
    if dice % ALL < route.mirror or (opted_in and route.scrutiny):
        return serve[1]
    return serve[0]


def is_repeatable(*, method: str, operation: Operation, headers: Iterable[str], graphql_query: bool = False) -> bool:
    """Whether executing this request twice harms nobody.

    `headers` are the lower-case names of the request's headers: a method override makes any request a
    write. A unit declared to write is never repeatable, whatever its method. `graphql_query` is the
    answer to whether the body is a GraphQL query and nothing else.
    """
    if operation is Operation.WRITE or not METHOD_OVERRIDES.isdisjoint(headers):
        return False
    return method in SAFE_METHODS or graphql_query


@dataclass(slots=True)
class Node:
    """One step of the path trie."""

    literal: dict[str, "Node"] = field(default_factory=dict)
    patterns: dict[str, tuple[re.Pattern[str], "Node"]] = field(default_factory=dict)
    """Segments of which a part is a parameter: `{id}.json`."""
    parameter: "Node | None" = None
    wildcard: dict[str, Route] = field(default_factory=dict)
    """`/files/*`: methods of templates that end here and swallow the rest of the path."""
    ends: dict[str, Route] = field(default_factory=dict)
    """Methods of templates that end exactly here."""


@dataclass(slots=True)
class Routes:
    """A routing table made ready: replaced whole in one assignment, never changed in place."""

    project: str
    version: Version
    manners: Manners
    services: dict[str, Upstreams]
    units: dict[int, Route]
    by_key: dict[str, Route]
    fields: dict[int, tuple[Route, ...]]
    """Endpoint id -> the fields that its answer carries."""
    root: Node
    contested: bool = False
    """Two units have one place in the trie: `GET /users/{id}` and `GET /users/{name}`. The greater id has it."""
    rules: tuple[RuleSpec, ...] = ()
    rules_version: int = 0
    override_key: str = ""

    @property
    def anonymous_is_random(self) -> bool:
        return self.manners.anonymous is Anonymous.RANDOM

    def match(self, *, method: str, path: str) -> Route | None:
        """The unit of a request, or None. `path` is without its query, as sent.

        Precedence: a literal segment before one with a parameter in it (`{id}.json`, the one with more
        literal text first), before a parameter, before a wildcard; decided from the left, with a step
        back where the better branch ends in nothing. HEAD is found under GET where no unit names it.
        Segments are compared as sent; a trailing slash is a segment of its own.
        """
        found = _walk(self.root, path.split("/")[1:], 0, method)
        return found if found is not None or method != "HEAD" else _walk(self.root, path.split("/")[1:], 0, "GET")


def build_table(table: RoutingTable, *, previous: Routes | None = None) -> Routes:
    """Make a table ready for use. With `since` set, it is laid over `previous`, which stays as it is.

    Laying over costs as much as there are changes, not as there are units: a flip a second among
    100,000 units must not hold up the requests of those who obey it.

    Raises ValueError where a partial table does not continue `previous`.
    """
    if table.since is None:
        return _build(table, Routes(table.project, table.version, table.manners, {}, {}, {}, {}, Node()), table.units)
    if previous is None or previous.version != table.since:
        raise ValueError(f"changes since {table.since} do not continue {previous and previous.version}")
    if not previous.contested:
        return _build(table, previous, table.units)
    units = {unit_id: route.unit for unit_id, route in previous.units.items()} | {unit.id: unit for unit in table.units}
    return build_table(replace(table, since=None, units=tuple(units.values())))


def _build(table: RoutingTable, base: Routes, changes: Sequence[UnitRoute]) -> Routes:
    units, by_key, trie = dict(base.units), dict(base.by_key), _Trie(base.root)
    for unit in changes:
        route = units.pop(unit.id, None)
        if route is not None:
            by_key.pop(route.unit.key, None)
            trie.remove(route)
    routes = [prepare(unit) for unit in changes if not unit.gone]
    for route in routes:
        units[route.unit.id] = by_key[route.unit.key] = route
        trie.add(route)
    return Routes(
        project=table.project,
        version=table.version,
        manners=table.manners,
        services={service.name: service for service in table.services},
        units=units,
        by_key=by_key,
        fields=_children(base, changes, routes),
        root=trie.root,
        contested=trie.contested,
        rules=table.rules,
        rules_version=table.rules_version,
        override_key=table.override_key,
    )


def _children(base: Routes, changes: Sequence[UnitRoute], routes: Iterable[Route]) -> dict[int, tuple[Route, ...]]:
    """The fields of each endpoint after these changes, of which `routes` are those that are not gone."""
    changed = {unit.id for unit in changes}
    before = {base.units[unit_id].unit.parent for unit_id in changed if unit_id in base.units}
    touched: dict[int, list[Route]] = {
        parent: [child for child in base.fields.get(parent, ()) if child.unit.id not in changed]
        for parent in {*before, *(unit.parent for unit in changes)}
        if parent is not None
    }
    for route in routes:
        if route.unit.parent is not None:
            touched[route.unit.parent].append(route)
    return base.fields | {parent: tuple(children) for parent, children in touched.items()}


def endpoint_of(key: str) -> tuple[str, str] | None:
    """`GET /users/{id}` -> ("GET", "/users/{id}"); None for keys that are no endpoint of their own."""
    method, space, template = key.partition(" ")
    return (method, template) if space and template.startswith("/") and " " not in template else None


def field_path(key: str) -> str | None:
    """`GET /users/{id} $.first_name` -> `$.first_name`; None for other keys."""
    path = key.rpartition(" ")[2]
    return path if path.startswith("$") else None


class _Trie:
    """A path trie that is being changed. Nodes of the one that it grew from are copied before they are touched."""

    def __init__(self, root: Node) -> None:
        self._own: set[int] = set()
        self.root = self._owned(root)
        self.contested = False

    def add(self, route: Route) -> None:
        """Let an endpoint's key lead to it. Keys that are no endpoint have no place here."""
        for method, ends in self._places(route):
            holder = ends.get(method)
            self.contested |= holder is not None
            if holder is None or holder.unit.id < route.unit.id:
                ends[method] = route

    def remove(self, route: Route) -> None:
        for method, ends in self._places(route):
            if ends.get(method) is route:
                del ends[method]

    def _places(self, route: Route) -> Iterator[tuple[str, dict[str, Route]]]:
        """The method of an endpoint and the node's dictionary that holds it; nothing for other units."""
        endpoint = endpoint_of(route.unit.key)
        if endpoint is None:
            return
        node = self.root
        for segment in endpoint[1].split("/")[1:]:
            if segment == "*":
                yield endpoint[0], node.wildcard
                return
            node = self._next(node, segment)
        yield endpoint[0], node.ends

    def _next(self, node: Node, segment: str) -> Node:
        literal = _PARAMETER.split(segment)
        if len(literal) == 1:
            following = node.literal[segment] = self._owned(node.literal.get(segment))
        elif not any(literal):
            following = node.parameter = self._owned(node.parameter)
        else:
            following = self._pattern(node, literal)
        return following

    def _pattern(self, node: Node, literal: list[str]) -> Node:
        """A segment of which a part is a parameter, named by its literal text, so that {id}.json and
        {name}.json are one; longest first.
        """
        name = "\0".join(literal)
        if name in node.patterns:
            pattern, known = node.patterns[name]
            following = self._owned(known)
            node.patterns[name] = (pattern, following)
        else:
            following = self._owned(None)
            node.patterns[name] = (re.compile("[^/]+?".join(map(re.escape, literal))), following)
            node.patterns = dict(sorted(node.patterns.items(), key=lambda item: (-len(item[0]), item[0])))
        return following

    def _owned(self, node: Node | None) -> Node:
        if node is not None and id(node) in self._own:
            return node
        if node is None:
            own = Node()
        else:
            own = Node(
                literal=dict(node.literal),
                patterns=dict(node.patterns),
                parameter=node.parameter,
                wildcard=dict(node.wildcard),
                ends=dict(node.ends),
            )
        self._own.add(id(own))
        return own


def _walk(node: Node, segments: list[str], at: int, method: str) -> Route | None:
    if at == len(segments):
        return node.ends.get(method)
    segment = segments[at]
    literal = node.literal.get(segment)
    found = _walk(literal, segments, at + 1, method) if literal is not None else None
    if found is None and node.patterns:
        for pattern, following in node.patterns.values():
            if found is None and pattern.fullmatch(segment):
                found = _walk(following, segments, at + 1, method)
    if found is None and node.parameter is not None and segment:
        found = _walk(node.parameter, segments, at + 1, method)
    return node.wildcard.get(method) if found is None else found


def fallback(stage: Stage) -> Side:
    """Who answers where no table was ever seen: legacy until cutover, the candidate after."""
    return Side.CANDIDATE if RUNGS[stage].candidate[0] == ALL else Side.LEGACY
