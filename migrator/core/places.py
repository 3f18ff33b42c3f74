"""Where two answers differ, as it is counted: path shape, kind, and what happened to the value.

A pattern says of a difference what its values have in common with those of other pairs, and nothing of the values
themselves: `number → string`, `string → string, case`, `string → array of it`, `200 → 500`. Two differences at one
place with two patterns are two causes; forty at forty places with one pattern may well be one.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from migrator.core.collecting import Comparison, Difference
from migrator.core.exact import Written
from migrator.core.forms import Normaliser, normaliser
from migrator.core.jsonpath import NOTHING, member
from migrator.core.paths import Step, Steps, parse_shape
from migrator.core.tally import Place
from migrator.core.walk import ABSENT, Kind
from migrator.core.wire import Form, RuleKind, RuleSpec

ARROW: Final = " → "
LONGEST_TEXT: Final = 256
"""Characters of a string that is tried in other forms. A longer one is no date and no number."""
_TRIED: Final = (Form.INSTANT, Form.CASE, Form.WHITESPACE, Form.PERCENT, Form.ZEROS)
_SAID: Final = {
    Form.INSTANT: "same instant",
    Form.CASE: "case",
    Form.WHITESPACE: "blanks",
    Form.PERCENT: "percent-encoding",
    Form.ZEROS: "trailing zeros",
}
_FORMS: Final[dict[Form, Normaliser]] = {
    form: normaliser(RuleSpec(id=0, kind=RuleKind.NORMALISE, path="$", form=form)) for form in _TRIED
}


def places(comparison: Comparison) -> tuple[Place, ...]:
    """Each place of the differences once. Those that the comparison only counts come without a pattern."""
    ways = [(difference, pattern_of(difference)) for difference in comparison.differences]
    partly = _partly(ways, comparison)
    found: dict[tuple[str, str, str], bool] = {}
    for difference, pattern in ways:
        key = (difference.shape, str(difference.kind), pattern)
        found[key] = found.get(key, True) and (difference.path, pattern) not in partly
    seen = {key[:2] for key in found}
    rest = [Place(shape, str(kind)) for shape, kind in comparison.shapes if (shape, str(kind)) not in seen]
    return (*(Place(*key, whole) for key, whole in found.items()), *rest)


def pattern_of(difference: Difference) -> str:
    """What happened to the value, in words that hold for other values too."""
    left, right, kind = difference.control, difference.candidate, difference.kind
    if kind is Kind.STATUS:
        return f"{left}{ARROW}{right}"
    if left is ABSENT or right is ABSENT:
        return type_of(right if left is ABSENT else left) if kind is not Kind.HEADER else ""
    if kind is Kind.TYPE:
        return f"{type_of(left)}{ARROW}{_turned(left, right)}"
    if kind is Kind.VALUE:
        form = form_between(left, right)
        return f"{type_of(left)}, {_SAID[form]}" if form else type_of(left)
    return ""


def form_between(left: Any, right: Any) -> Form | None:
    """The way of writing that alone tells these two texts apart; None where there is none."""
    if not (isinstance(left, str) and isinstance(right, str) and max(len(left), len(right)) <= LONGEST_TEXT):
        return None
    return next((form for form in _TRIED if _FORMS[form](left) == _FORMS[form](right)), None)


def type_of(value: Any) -> str:
    """The JSON type of a value, in one word."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int | float | Decimal | Written):
        return "number"
    return "array" if isinstance(value, list) else "object" if isinstance(value, dict) else "body"


def is_turned(pattern: str) -> bool:
    """Whether a pattern tells what became of the value: the same at two places is then hardly chance."""
    return ARROW in pattern or ", " in pattern


def _turned(left: Any, right: Any) -> str:
    """The type that a value turned into, and whether it is still in there."""
    if isinstance(right, list) and right == [left]:
        return "array of it"
    if isinstance(left, list) and left == [right]:
        return f"{type_of(right)} out of it"
    if isinstance(left, str) is not isinstance(right, str) and _as_text(left) == _as_text(right):
        return f"{type_of(right)} of the same"
    if _FORMS[Form.INSTANT](left) == _FORMS[Form.INSTANT](right):
        return f"{type_of(right)}, {_SAID[Form.INSTANT]}"
    return type_of(right)


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _partly(ways: Iterable[tuple[Difference, str]], comparison: Comparison) -> set[tuple[str, str]]:
    """(path, pattern) of the differences beside which some member of the same object did not differ so."""
    beside: dict[tuple[Steps, Kind, str], dict[Step, str]] = defaultdict(dict)
    partly = set()
    for difference, pattern in ways:
        steps = parse_shape(difference.path) if difference.path.startswith("$") else ()
        if steps and isinstance(steps[-1], str):
            beside[steps[:-1], difference.kind, pattern][steps[-1]] = difference.path
        else:
            partly.add((difference.path, pattern))
    for (parent, kind, pattern), members in beside.items():
        if len(members) < _size(comparison, parent, candidate=kind is Kind.EXTRA):
            partly.update((path, pattern) for path in members.values())
    return partly


def _size(comparison: Comparison, parent: Steps, *, candidate: bool) -> float:
    """How many members the object at `parent` has; infinitely many where nobody knows."""
    document = (comparison.documents or (None, None))[candidate]
    container: Any = NOTHING if document is None else document.value
    for step in parent:
        container = member(container, step)
    return len(container) if isinstance(container, Mapping) else float("inf")
