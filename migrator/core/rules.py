"""What a project has settled about differences: the one definition of equality.

`compile_rules()` makes of what travels (wire.RuleSpec) something that comparison can ask at every
difference. The same object answers for what is stored about differences (`foresee`), so that a page
shows what a rule hides without a second opinion about it.

At one place the rules are asked in a fixed order: ignore, unordered, normalise, tolerance, map, and
accept last, so that only what still differs counts as accepted.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from migrator.core.automaton import Automaton, State
from migrator.core.exact import mark, marks
from migrator.core.forms import Normaliser, PatternRefused, near, normaliser
from migrator.core.instants import ZoneRefused
from migrator.core.jsonpath import Query, compile_path
from migrator.core.paths import BODY, HEADER, LINE, STATUS, PathRefused, Steps, covers_place, parse_shape
from migrator.core.walk import ABSENT, Kind
from migrator.core.wire import Form, RuleKind, RuleSpec

ANY_HEADER: Final = f"{HEADER}*"
WHOLE: Final = ("$", BODY)
"""Paths of the whole body, be it a document or not."""
SWEEPING: Final = frozenset({RuleKind.IGNORE, RuleKind.ACCEPT})
"""Kinds that also speak about everything under their place."""
_VALUES: Final = frozenset({Kind.VALUE, Kind.TYPE, Kind.NUMBER_FORM, Kind.MISSING, Kind.EXTRA, Kind.HEADER})
_KINDS_AT: Final = {
    STATUS: SWEEPING,
    BODY: SWEEPING,
    LINE: frozenset(RuleKind) - {RuleKind.MAP},
    HEADER: frozenset(RuleKind) - {RuleKind.MAP},
}
_NEEDED: Final = {
    RuleKind.TOLERANCE: ("absolute", "relative", "seconds"),
    RuleKind.NORMALISE: ("form",),
}


class RuleRefused(ValueError):
    """A rule that means nothing. `field` names the input that must change."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class Effect(Enum):
    """What the rules make of a difference."""

    NONE = "none"
    HIDDEN = "hidden"
    """It is none."""
    MAPPED = "mapped"
    """It is none if the pair maps its identifiers one to one: known at the end."""
    ACCEPTED = "accepted"
    """The candidate is right."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the rules make of one difference, and which of them."""

    effect: Effect
    rules: tuple[int, ...] = ()
    otherwise: "Ruling | None" = None
    """What holds of a mapped difference whose pair maps it to two."""
    query: Query | None = None
    """Where the identifiers of a mapped difference stand."""


UNRULED: Final = Ruling(Effect.NONE)


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A rule made ready. `query` is None for places outside of documents."""

    spec: RuleSpec
    query: Query | None
    normalise: Normaliser | None


@dataclass(frozen=True, slots=True)
class Foresight:
    """What a rule would do to a stored difference, of which place and kind are known and values are not."""

    rule: int
    effect: Effect
    certain: bool
    """False where it depends on the values, or on the rest of the document."""


Pair = tuple[Any, Any]
"""The parsed bodies of control and candidate."""


class Panel:
    """The rules that speak about one place, in the order in which they are asked."""

    __slots__ = ("accept", "forms", "ignore", "maps", "near", "unordered")

    def __init__(self, here: Sequence[Rule], over: Sequence[Rule]) -> None:
        def of(kind: RuleKind, rules: Sequence[Rule]) -> list[Rule]:
            return [rule for rule in rules if rule.spec.kind is kind]

        self.ignore = of(RuleKind.IGNORE, over)
        self.accept = of(RuleKind.ACCEPT, over)
        self.unordered = of(RuleKind.UNORDERED, here)
        self.forms = of(RuleKind.NORMALISE, here)
        self.near = of(RuleKind.TOLERANCE, here)
        self.maps = of(RuleKind.MAP, here)

    def rule(self, kind: Kind, left: Any, right: Any, applies: Callable[[Rule], bool]) -> Ruling:
        """`applies` says of a rule that only the document can place whether it is meant."""
        for rule in self.ignore:
            if applies(rule):
                return Ruling(Effect.HIDDEN, (rule.spec.id,))
        if kind in (Kind.ORDER, Kind.HEADER):
            for rule in self.unordered:
                if applies(rule) and (kind is Kind.ORDER or _same_members(left, right)):
                    return Ruling(Effect.HIDDEN, (rule.spec.id,))
        ruling = self._of_values(left, right, applies) if kind in _VALUES else UNRULED
        if ruling.effect is Effect.HIDDEN:
            return ruling
        accepted = next((Ruling(Effect.ACCEPTED, (rule.spec.id,)) for rule in self.accept if applies(rule)), UNRULED)
        return accepted if ruling is UNRULED else Ruling(ruling.effect, ruling.rules, accepted, ruling.query)

    def _of_values(self, left: Any, right: Any, applies: Callable[[Rule], bool]) -> Ruling:
        used: list[int] = []
        for rule in self.forms:
            if not applies(rule) or rule.normalise is None:
                continue
            before, (left, right) = (left, right), (rule.normalise(left), rule.normalise(right))
            if left is not before[0] or right is not before[1]:
                used.append(rule.spec.id)
                if same(left, right):
                    return Ruling(Effect.HIDDEN, tuple(used))
        for rule in self.near:
            if near(rule.spec, left, right) and applies(rule):
                return Ruling(Effect.HIDDEN, (*used, rule.spec.id))
        if self.maps and is_identifier(left) and is_identifier(right):
            for rule in self.maps:
                if applies(rule):
                    return Ruling(Effect.MAPPED, (rule.spec.id,), query=rule.query)
        return UNRULED


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rules:
    """The rules of one endpoint, ready to be asked. Made by compile_rules()."""

    rules: tuple[Rule, ...] = ()
    expired: tuple[int, ...] = ()
    """Rules left out because their time is over."""
    until: float | None = None
    """When the next of them expires, seconds since the epoch: compile them again then."""
    _inside: tuple[Rule, ...] = ()
    _automaton: Automaton | None = None
    _panels: dict[State, Panel] | None = None
    _places: dict[str, Panel] | None = None

    def __bool__(self) -> bool:
        return bool(self.rules)

    def at(self, place: str, kind: Kind, left: Any, right: Any) -> Ruling:
        """What the rules say about a difference outside of documents: `status`, `header:…`, `body`, `body:…`."""
        if self._places is None:
            return UNRULED
        panel = self._places.get(place)
        if panel is None:
            speaking = [rule for rule in self.rules if speaks_about(rule.spec.path, place)]
            panel = Panel(speaking, speaking)
            if len(self._places) < 1_024:
                self._places[place] = panel
        return panel.rule(kind, left, right, _yes)

    def inside(self, steps: Steps, kind: Kind, left: Any, right: Any, documents: Pair) -> Ruling:
        """What the rules say about a difference between the two documents."""
        if self._automaton is None:
            return UNRULED
        state = self._automaton.at(steps)
        if not state.over:
            return UNRULED
        document = documents[kind is Kind.EXTRA]
        return self.panel(state).rule(kind, left, right, lambda rule: applies_at(rule, steps, document))

    def state_at(self, steps: Steps) -> State | None:
        return None if self._automaton is None else self._automaton.at(steps)

    def inner(self, state: State, step: str | int) -> State:
        assert self._automaton is not None
        return self._automaton.move(state, step)

    def panel(self, state: State) -> Panel:
        assert self._panels is not None
        panel = self._panels.get(state)
        if panel is None:
            rules = self._inside
            panel = Panel([rules[number] for number in state.here], [rules[number] for number in state.over])
            if len(self._panels) < 1_024:
                self._panels[state] = panel
        return panel

    def foresee(self, shape: str, kind: Kind) -> tuple[Foresight, ...]:
        """What each rule would do to differences of this shape and kind, in the order in which they are asked."""
        steps = parse_shape(shape) if shape.startswith("$") else None
        found = [foreseen(rule, shape, steps, kind) for rule in sorted(self.rules, key=_order)]
        return tuple(each for each in found if each is not None)


NO_RULES: Final = Rules()


def compile_rules(
    specs: Iterable[RuleSpec],
    *,
    now: float,
    units: Collection[int] | None = None,
    service: str | None = None,
) -> Rules:
    """Make rules ready: those of the project, of `service` and of `units`, without those that expired.

    `units` are an endpoint and its fields; None takes the rules of all units and services. `now` is in
    seconds since the epoch.

    Raises PathRefused or RuleRefused for the first rule that cannot be understood.
    """
    meant = [spec for spec in specs if units is None or in_scope(spec, units, service)]
    expired = tuple(spec.id for spec in meant if is_expired(spec, now))
    rules = tuple(ready(spec) for spec in meant if not is_expired(spec, now))
    if not rules:
        return Rules(expired=expired)
    inside = tuple(rule for rule in rules if rule.query is not None)
    return Rules(
        rules=rules,
        expired=expired,
        until=min((rule.spec.expires_at for rule in rules if rule.spec.expires_at is not None), default=None),
        _inside=inside,
        _automaton=Automaton([rule.query for rule in inside if rule.query is not None]) if inside else None,
        _panels={},
        _places={},
    )


def in_scope(spec: RuleSpec, units: Collection[int], service: str | None) -> bool:
    """Whether a rule is meant for these units of this service."""
    return (spec.unit is None or spec.unit in units) and (spec.service is None or spec.service == service)


def is_expired(spec: RuleSpec, now: float) -> bool:
    return spec.expires_at is not None and spec.expires_at <= now


def ready(spec: RuleSpec) -> Rule:
    """One rule, checked and compiled. Raises PathRefused for its path, RuleRefused for anything else."""
    document = spec.path.startswith("$") or spec.path == BODY
    query = compile_path("$" if spec.path == BODY else spec.path) if document else None
    if query is None or spec.path == BODY:
        _check_place(spec)
    needed = _NEEDED.get(spec.kind, ())
    if needed and all(getattr(spec, name) is None for name in needed):
        raise RuleRefused(needed[0], f"A rule of kind {spec.kind} needs {' or '.join(needed)}.")
    try:
        return Rule(spec, query, normaliser(spec) if spec.kind is RuleKind.NORMALISE else None)
    except PatternRefused as refusal:
        raise RuleRefused("pattern", str(refusal))
    except ZoneRefused as refusal:
        raise RuleRefused("zone", str(refusal))


def _check_place(spec: RuleSpec) -> None:
    header = spec.path.startswith(HEADER) and len(spec.path) > len(HEADER)
    allowed = _KINDS_AT.get(HEADER if header else spec.path) if header or spec.path != HEADER else None
    if allowed is None:
        raise PathRefused(
            f"{spec.path[:80]!r} is no place. Write $… for a path into a body, status, header:<name>, {BODY} or {LINE}."
        )
    name = spec.path.partition("[")[0].partition("@")[0]  # what follows names a part of the header
    if header and name != name.lower():
        raise PathRefused(f"Header names are written in lower case here: {name.lower()[:80]!r}.")
    if spec.kind not in allowed:
        raise RuleRefused("kind", f"A rule of kind {spec.kind} says nothing about {spec.path[:80]!r}.")


def speaks_about(path: str, place: str) -> bool:
    """Whether a rule's path means a place outside of documents."""
    if path in WHOLE:
        return place == BODY or place.startswith(f"{BODY}:")
    return covers_place(path, place) or (path == ANY_HEADER and place.startswith(HEADER))


def applies_at(rule: Rule, steps: Steps, document: Any) -> bool:
    """Whether a rule that the automaton found at a place is meant there."""
    query = rule.query
    if query is None or not query.contextual:
        return True
    return query.covers(steps, document) if rule.spec.kind in SWEEPING else query.selects(steps, document)


def foreseen(rule: Rule, shape: str, steps: Steps | None, kind: Kind) -> Foresight | None:
    """What one rule would do to differences of a shape and kind; None where it says nothing about them."""
    sweeping = rule.spec.kind in SWEEPING
    if steps is None or rule.query is None:
        if not speaks_about(rule.spec.path, shape):
            return None
        sure = True
    elif rule.query.may_cover(steps, under=sweeping):
        sure = rule.query.surely_covers(steps, under=sweeping)
    else:
        return None
    if rule.spec.kind is RuleKind.ACCEPT:
        return Foresight(rule.spec.id, Effect.ACCEPTED, sure)
    if rule.spec.kind is RuleKind.UNORDERED and kind not in (Kind.ORDER, Kind.HEADER):
        return None
    if not sweeping and rule.spec.kind is not RuleKind.UNORDERED and kind not in _VALUES:
        return None
    settled = sweeping or kind is Kind.ORDER or (kind is Kind.NUMBER_FORM and rule.spec.form is Form.NUMBER)
    return Foresight(rule.spec.id, Effect.HIDDEN, sure and settled)


_ORDER: Final = (
    RuleKind.IGNORE,
    RuleKind.UNORDERED,
    RuleKind.NORMALISE,
    RuleKind.TOLERANCE,
    RuleKind.MAP,
    RuleKind.ACCEPT,
)


def _order(rule: Rule) -> int:
    return _ORDER.index(rule.spec.kind)


def _yes(rule: Rule) -> bool:
    return True


def same(left: Any, right: Any) -> bool:
    """Whether two normalised values are equal, to the last digit."""
    if left is right:
        return True
    if type(left) is not type(right):
        return False
    if isinstance(left, (dict, list)):
        return mark(left, marks(left)) == mark(right, marks(right))
    return bool(left == right)


def is_identifier(value: Any) -> bool:
    """Whether a value can stand for something: a text or a whole number."""
    return isinstance(value, str) or type(value) is int


def _same_members(left: Any, right: Any) -> bool:
    """Whether two header values list the same."""
    if left is ABSENT or right is ABSENT:
        return False
    one, other = ([part.strip() for part in str(value).split(",")] for value in (left, right))
    return Counter(one) == Counter(other)
