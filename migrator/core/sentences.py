"""A cause as a sentence: what differs, and how."""

from collections.abc import Sequence
from typing import Final

from migrator.core.paths import HEADER, STATUS, PathRefused, parse_shape, render
from migrator.core.places import ARROW
from migrator.core.walk import Kind

NAMED: Final = 3
"""Places that a sentence names. Of more it says how many there are."""
_ARTICLES: Final = {"array": "an array", "object": "an object", "null": "null", "number": "a number"}


def sentence(*, shapes: Sequence[str], kind: str, pattern: str = "", whole: bool = False) -> str:
    """`$.price is a number in legacy, a string in the candidate`. `whole`: every member of these objects."""
    return f"{places_said(shapes, whole=whole)} {_happened(kind, pattern, many=len(shapes) > 1 and not whole)}."


def places_said(shapes: Sequence[str], *, whole: bool = False) -> str:
    """The places of a cause: `$.a`, `$.a, $.b and 3 more`, `Every value under $.args and $.headers`."""
    if whole and len(shapes) > 1:
        return f"Every value under {listed(sorted({_parent(shape) for shape in shapes}))}"
    if shapes[0] == "answer":
        return "The candidate"
    return listed([_named(shape) for shape in shapes])


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b, c and 4 more`."""
    shown, rest = names[:NAMED], len(names) - NAMED
    if rest > 0:
        return f"{', '.join(shown)} and {rest} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _happened(kind: str, pattern: str, *, many: bool) -> str:
    left, arrow, right = pattern.partition(ARROW)
    told = _TOLD_MANY if many else _TOLD
    if arrow and kind == Kind.STATUS:
        return f"is {left} in legacy, {right} in the candidate"
    if arrow:
        return f"{'are' if many else 'is'} {_a(left)} in legacy, {_a(right)} in the candidate"
    form = pattern.partition(", ")[2]
    if kind == Kind.VALUE and form:
        return f"{'differ' if many else 'differs'} in {form} only" if form != "same instant" else _INSTANT[many]
    return told.get(kind, "differ" if many else "differs")


_INSTANT: Final = ("is the same instant, written differently", "are the same instants, written differently")
_TOLD: Final[dict[str, str]] = {
    Kind.MISSING: "is missing in the candidate",
    Kind.EXTRA: "is in the candidate only",
    Kind.TYPE: "has another type in the candidate",
    Kind.VALUE: "has another value in the candidate",
    Kind.NUMBER_FORM: "is the same number in another form",
    Kind.ORDER: "has the same members in another order",
    Kind.LENGTH: "has another length in the candidate",
    Kind.DUPLICATE: "is named twice on one side",
    "candidate_error": "failed where legacy answered",
}
_TOLD_MANY: Final[dict[str, str]] = {
    Kind.MISSING: "are missing in the candidate",
    Kind.EXTRA: "are in the candidate only",
    Kind.TYPE: "have other types in the candidate",
    Kind.VALUE: "have other values in the candidate",
    Kind.NUMBER_FORM: "are the same numbers in another form",
    Kind.ORDER: "have the same members in another order",
    Kind.LENGTH: "have other lengths in the candidate",
    Kind.DUPLICATE: "are named twice on one side",
}


def _a(what: str) -> str:
    word, _, rest = what.partition(" ")
    bare = word.rstrip(",")
    return f"{_ARTICLES.get(bare, f'a {bare}')}{word[len(bare) :]}{' ' if rest else ''}{rest}"


def _named(shape: str) -> str:
    if shape == STATUS:
        return "The status"
    if shape.startswith(HEADER):
        return f"The header {shape.removeprefix(HEADER)}"
    return "The body" if shape in ("$", "body") else shape


def _parent(shape: str) -> str:
    try:
        parent = parse_shape(shape)[:-1]
    except PathRefused:  # the writer of the shape was not ours
        return shape
    return render(parent) if parent else "the body"
