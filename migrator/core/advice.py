"""What is worth saying about rules before they are saved: what they do, whether they go too far, and
whether they stand in each other's way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from migrator.core.forms import safe_expression
from migrator.core.overlap import holds_everything, open_steps, overlap
from migrator.core.paths import HEADER, LINE, STATUS
from migrator.core.rules import ANY_HEADER, SWEEPING, WHOLE, Rule, ready, speaks_about
from migrator.core.wire import Form, RuleKind, RuleSpec

_EXAMPLES: Final = ("Ada Lovelace", "2024-01-02T03:04:05Z", "17", "/a/b?c=d")
_FORMS: Final = {
    Form.INSTANT: "Two times that mean the same instant are no difference, whatever their format",
    Form.NUMBER: "1 and 1.0 are no difference",
    Form.CASE: "Letters' case makes no difference",
    Form.PERCENT: "Percent-encoding makes no difference",
    Form.ZEROS: "Zeros that end a decimal make no difference",
    Form.LIST: "A value and a list of nothing but it are no difference",
    Form.WHITESPACE: "Blanks make no difference",
    Form.NULL: "A null and nothing at all are no difference",
}


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two rules that cannot both hold, by their ids."""

    one: int
    other: int
    sentence: str


def explain(spec: RuleSpec) -> str:
    """A rule as a sentence for people."""
    return f"{_said(spec)} {_where(spec)}{_scope(spec)}."


def hides_everything(spec: RuleSpec) -> str | None:
    """Why a rule leaves nothing to compare, as a sentence; None where it does not.

    Raises PathRefused or RuleRefused for a rule that cannot be understood.
    """
    rule = ready(spec)
    if spec.kind is RuleKind.TOLERANCE and (spec.relative or 0) >= 1:
        return "Any two numbers of one sign lie within a relative tolerance of 1: it tolerates everything."
    if spec.form is Form.PATTERN and spec.kind is RuleKind.NORMALISE and _swallows(spec):
        return "Its pattern replaces whole texts: any two of them would be equal."
    if spec.kind not in SWEEPING:
        return None
    done = "accepts" if spec.kind is RuleKind.ACCEPT else "hides"
    if spec.path in WHOLE:
        return f"It {done} the whole body: nothing of it would be compared."
    if spec.path == ANY_HEADER:
        return f"It {done} every header."
    if rule.query is None:
        return None
    if holds_everything(rule.query):
        return f"{spec.path} means everything in a body: it {done} the whole of it."
    if open_steps(rule.query) == ("data",):
        return f"$.data is all that a GraphQL answer carries: it {done} the whole of it."
    return None


def contradictions(specs: Sequence[RuleSpec]) -> tuple[Contradiction, ...]:
    """Pairs of rules about common places that cannot both hold.

    Raises PathRefused or RuleRefused for a rule that cannot be understood.
    """
    rules = [ready(spec) for spec in specs]
    found = []
    for one, other in combinations(rules, 2):
        if not _scopes_meet(one.spec, other.spec):
            continue
        sentence = _shadowed(one, other) or _shadowed(other, one) or _clash(one, other)
        if sentence is not None:
            found.append(Contradiction(one.spec.id, other.spec.id, sentence))
    return tuple(found)


def _shadowed(ignoring: Rule, other: Rule) -> str | None:
    """Why a rule never gets a say: another ignores all its places."""
    if ignoring.spec.kind is not RuleKind.IGNORE or other.spec.kind is RuleKind.IGNORE or not _within(other, ignoring):
        return None
    return (
        f"{ignoring.spec.path} is ignored, so the rule that should "
        f"{_VERBS[other.spec.kind]} {other.spec.path} never applies."
    )


_VERBS: Final = {
    RuleKind.TOLERANCE: "tolerate small differences at",
    RuleKind.UNORDERED: "compare without order",
    RuleKind.NORMALISE: "normalise",
    RuleKind.MAP: "map",
    RuleKind.ACCEPT: "accept",
}


def _within(inner: Rule, outer: Rule) -> bool:
    """Whether all places of one rule lie at or under those of the other."""
    if inner.query is None or outer.query is None:
        return speaks_about(outer.spec.path, inner.spec.path)
    if inner.query.text == outer.query.text or not outer.query.segments:
        return True
    steps = open_steps(inner.query)
    return steps is not None and outer.query.surely_covers(steps, under=True)


def _clash(one: Rule, other: Rule) -> str | None:
    first, second = one.spec, other.spec
    kinds = {first.kind, second.kind}
    if not _meet(one, other):
        return None
    where = first.path if first.path == second.path else f"{first.path} and {second.path}, which share places,"
    if kinds == {RuleKind.UNORDERED} and first.key != second.key:
        return f"Members of {where} cannot find each other by {_key(first)} and by {_key(second)} at once."
    if kinds == {RuleKind.TOLERANCE} and _bounds(first) != _bounds(second):
        return f"At {where} two tolerances hold: {_bounds(first)} and {_bounds(second)}. The wider one wins."
    instants = first.form is second.form is Form.INSTANT and kinds == {RuleKind.NORMALISE}
    if instants and first.zone != second.zone:
        return (
            f"Times at {where} are taken to be in {first.zone or 'no zone'} and in {second.zone or 'no zone'} at once."
        )
    if kinds == {RuleKind.MAP, RuleKind.TOLERANCE}:
        return f"What stands at {where} is an identifier to one rule and a quantity to the other."
    return None


def _meet(one: Rule, other: Rule) -> bool:
    if one.query is None or other.query is None:
        first, second = one.spec.path, other.spec.path
        return speaks_about(first, second) or speaks_about(second, first)
    return overlap(one.query, other.query)


def _scopes_meet(one: RuleSpec, other: RuleSpec) -> bool:
    units = one.unit is None or other.unit is None or one.unit == other.unit
    return units and (one.service is None or other.service is None or one.service == other.service)


def _swallows(spec: RuleSpec) -> bool:
    expression = safe_expression(spec.pattern or "")
    return len({expression.sub(lambda _: spec.replacement, text) for text in _EXAMPLES}) == 1


def _said(spec: RuleSpec) -> str:
    if spec.kind is RuleKind.TOLERANCE:
        return f"Values may lie {_bounds(spec)} apart"
    if spec.kind is RuleKind.UNORDERED:
        return "Order means nothing" + (f", members found by {_key(spec)}," if spec.key else "")
    if spec.kind is RuleKind.NORMALISE and spec.form is Form.PATTERN:
        return f"What matches {spec.pattern} makes no difference"
    if spec.kind is RuleKind.NORMALISE and spec.form is not None:
        return _FORMS[spec.form] + (f", those without a zone being in {spec.zone}," if spec.zone else "")
    return {
        RuleKind.IGNORE: "Nothing is compared",
        RuleKind.MAP: "Each identifier of legacy stands for one of the candidate's",
        RuleKind.ACCEPT: "The candidate is right",
    }.get(spec.kind, "Nothing is said")


def _where(spec: RuleSpec) -> str:
    if spec.path in WHOLE:
        return "in the body"
    if spec.path == STATUS:
        return "in the status"
    if spec.path == LINE:
        return "in the lines of a text"
    if spec.path == ANY_HEADER:
        return "in all headers"
    if spec.path.startswith(HEADER):
        return f"in the header {spec.path.removeprefix(HEADER)}"
    return f"at {spec.path}" + (" and under it" if spec.kind in SWEEPING else "")


def _scope(spec: RuleSpec) -> str:
    if spec.unit is not None:
        return " of this unit"
    return f" of {spec.service}" if spec.service is not None else " of all endpoints"


def _key(spec: RuleSpec) -> str:
    return f"their {spec.key}" if spec.key else "being equal"


def _bounds(spec: RuleSpec) -> str:
    parts = [
        f"{spec.absolute:g}" if spec.absolute is not None else "",
        f"{spec.relative * 100:g} %" if spec.relative is not None else "",
        f"{spec.seconds:g} seconds" if spec.seconds is not None else "",
    ]
    return " or ".join(filter(None, parts))
