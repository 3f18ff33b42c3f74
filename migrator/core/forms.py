"""Ways of writing a value that mean nothing, taken out; and how far two values lie apart.

`normaliser()` makes of a rule a function from a value to what is compared instead of it. Values that it
does not understand come back as they are: two of them are then as different as they were.
"""

import re
import warnings
from collections.abc import Callable
from datetime import datetime, tzinfo
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from re import _parser as grammar  # type: ignore[attr-defined]  # how Python itself reads an expression
from typing import Any, Final
from urllib.parse import unquote

from migrator.core.exact import Written
from migrator.core.instants import instant, zone_named
from migrator.core.walk import ABSENT
from migrator.core.wire import Form, RuleSpec

LONGEST_SEARCHED: Final = 1_000
"""Characters of a string in which a pattern is looked for. Longer ones are compared as they are."""
MOST_REPETITIONS: Final = 4
"""Repetitions without end that one pattern may have: each multiplies the time that a search may take."""
_DECIMAL = re.compile(r"(-?\d+)\.(\d*?)0*")
_NUMERIC = re.compile(r"-?\d{1,40}(?:\.\d{1,40})?")
_REPETITION = re.compile(r"(?<!\\)[*+]|,\}")
_EXACT: Final = Context(prec=100, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
_NUMBERS: Final = (int, float, Decimal)
Normaliser = Callable[[Any], Any]


class PatternRefused(ValueError):
    """No regular expression, or one that could keep a data plane busy for ever."""


def normaliser(spec: RuleSpec) -> Normaliser:
    """What a normalising rule does to a value. Raises PatternRefused or instants.ZoneRefused."""
    if spec.form is Form.INSTANT:
        return _to_instant(None if spec.zone is None else zone_named(spec.zone))
    if spec.form is Form.PATTERN:
        expression, replacement = safe_expression(spec.pattern or ""), spec.replacement
        return _on_text(
            lambda text: expression.sub(lambda _: replacement, text) if len(text) <= LONGEST_SEARCHED else text
        )
    return _SIMPLE[spec.form or Form.NUMBER]


def safe_expression(pattern: str) -> re.Pattern[str]:
    """The compiled expression. Raises PatternRefused, also for what may take exponential time."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what Python will read differently one day is refused
            expression, tree = re.compile(pattern), grammar.parse(pattern)
    except (re.error, RecursionError, OverflowError, FutureWarning, DeprecationWarning) as error:
        raise PatternRefused(f"{pattern[:80]!r} is no regular expression: {error}.")
    if not pattern or expression.match(""):
        raise PatternRefused("A pattern that matches nothing at all would be found between any two letters.")
    if _explodes(tree, inside=False):
        raise PatternRefused(
            "A repetition inside a repetition, or a choice inside one, can take for ever. Say it flat."
        )
    if len(_REPETITION.findall(pattern)) > MOST_REPETITIONS:
        raise PatternRefused(f"A pattern has at most {MOST_REPETITIONS} repetitions without end (* and +).")
    return expression


def _explodes(tree: Any, *, inside: bool) -> bool:
    """Whether a repetition without end holds another one or a choice, or the expression looks back at a group."""
    for operation, argument in tree:
        name = str(operation)
        repeats = name in ("MAX_REPEAT", "MIN_REPEAT") and argument[1] > 1
        if name.startswith("GROUPREF") or (inside and (repeats or name == "BRANCH")):
            return True
        if any(_explodes(part, inside=inside or repeats) for part in _parts(argument)):
            return True
    return False


def _parts(argument: Any) -> list[Any]:
    """The expressions inside one part of an expression."""
    if isinstance(argument, grammar.SubPattern):
        return [argument]
    return [part for each in argument for part in _parts(each)] if isinstance(argument, (list, tuple)) else []


def _on_text(change: Callable[[str], str]) -> Normaliser:
    return lambda value: change(value) if isinstance(value, str) else value


def _to_instant(zone: tzinfo | None) -> Normaliser:
    def normalise(value: Any) -> Any:
        found = instant(value, zone)
        return value if found is None else found

    return normalise


def _number(value: Any) -> Any:
    return value if isinstance(value, bool) or not isinstance(value, _NUMBERS) else Decimal(str(value))


def _without_zeros(text: str) -> str:
    match = _DECIMAL.fullmatch(text)
    return text if match is None else f"{match[1]}.{match[2]}".rstrip(".")


def _single(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


_SIMPLE: Final[dict[Form, Normaliser]] = {
    Form.NUMBER: _number,
    Form.CASE: _on_text(str.casefold),
    Form.PERCENT: _on_text(lambda text: unquote(text, errors="surrogateescape")),
    Form.ZEROS: _on_text(_without_zeros),
    Form.LIST: _single,
    Form.WHITESPACE: _on_text(lambda text: " ".join(text.split())),
    Form.NULL: lambda value: ABSENT if value is None else value,
}


def near(spec: RuleSpec, left: Any, right: Any) -> bool:
    """Whether two values lie within what a tolerance allows. It does not matter which is which."""
    if spec.seconds is not None and _apart(left, right, spec.seconds):
        return True
    one, other = amount(left), amount(right)
    if one is None or other is None or isinstance(left, str) is not isinstance(right, str):
        return False
    allowed = Decimal(str(spec.absolute or 0.0))
    if spec.relative:
        greater = max(one.copy_abs(), other.copy_abs())
        allowed = max(allowed, _EXACT.multiply(Decimal(str(spec.relative)), greater))
    wanted = spec.absolute is not None or spec.relative is not None
    return wanted and _EXACT.subtract(one, other).copy_abs() <= allowed


def amount(value: Any) -> Decimal | None:
    """The number that a value is, or that its text writes."""
    if isinstance(value, str):
        return Decimal(value) if _NUMERIC.fullmatch(value) else None
    if isinstance(value, (bool, Written)) or not isinstance(value, _NUMBERS):
        return None
    number = Decimal(str(value))
    return number if number.is_finite() else None


def _apart(left: Any, right: Any, seconds: float) -> bool:
    one = left if isinstance(left, datetime) else instant(left)
    other = right if isinstance(right, datetime) else instant(right)
    if isinstance(one, datetime) and isinstance(other, datetime):
        return abs((one - other).total_seconds()) <= seconds
    if isinstance(one, Decimal) and isinstance(other, Decimal):
        return abs(one - other) <= Decimal(str(seconds))
    return False
