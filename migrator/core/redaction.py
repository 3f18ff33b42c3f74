"""What of a difference may leave the data plane.

Samples show paths, types, lengths and a short hash that lets equal values be seen as equal. The
values themselves leave only for places that a project allows. So do the values in a request's path
and query, and object keys that are data rather than names.

What a project allows is written as patterns: `$.price` for single values there, `$.order..*` for
everything at or under a path, `$..*` for every document, `header:location`, `path:id`, `query:page`.
"""

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any, Final

from xxhash import xxh64_hexdigest

from migrator.core.body import Blob
from migrator.core.comparison import Comparison, Difference
from migrator.core.exact import Written, literal
from migrator.core.paths import LONGEST, STATUS, PathRefused, clip, covers, is_data, parse_shape, render
from migrator.core.walk import ABSENT, Kind
from migrator.core.wire import Finding

FINDINGS: Final = 20
"""Differences that a sample shows."""
EVERYTHING: Final = "$..*"
HIDDEN: Final = "…"
"""Stands for the value of a query parameter."""
_UNDER: Final = "..*"
_HARMLESS: Final = frozenset({STATUS, "header:content-type"})
"""Places whose values say nothing about a person."""
_SINGLE: Final = (str, int, float, Decimal, Written, type(None))


def findings(comparison: Comparison, value_paths: Sequence[str], limit: int = FINDINGS) -> tuple[Finding, ...]:
    """The first `limit` differences as a sample may show them."""
    return tuple(finding(difference, value_paths) for difference in comparison.differences[:limit])


def finding(difference: Difference, value_paths: Sequence[str]) -> Finding:
    """One difference: what it shows of a value depends on `value_paths`."""
    place = difference.shape
    open_place = any(permits_whole(pattern, place) for pattern in value_paths)
    return Finding(
        path=clip(difference.path if open_place else safe_path(difference.path)),
        shape=clip(place),
        kind=str(difference.kind),
        control=_shown(difference.control, difference.kind, place, value_paths),
        candidate=_shown(difference.candidate, difference.kind, place, value_paths),
    )


def permits(pattern: str, shape: str) -> bool:
    """Whether a pattern of what may be shown covers this shape. A pattern that is none permits nothing."""
    if pattern == EVERYTHING:
        return True
    if pattern.endswith(_UNDER):
        return _covers(pattern.removesuffix(_UNDER), shape)
    return _covers(pattern, shape) and (
        not shape.startswith("$") or len(parse_shape(pattern)) == len(parse_shape(shape))
    )


def permits_whole(pattern: str, shape: str) -> bool:
    """Whether the pattern also permits what lies inside an object or array at this shape."""
    return pattern.endswith(_UNDER) and permits(pattern, shape)


def token(value: Any, *, form: bool = False) -> str:
    """What is said about a value that is not shown: `string(12) #a1b2c3`, `number`, `null`, `array(3)`.

    The hash has no key: equal strings have equal hashes everywhere, and short ones can be guessed.
    `form` tells integers from decimals, which is all that a difference of number form is about.
    """
    if isinstance(value, str):
        return f"string({len(value)}) #{xxh64_hexdigest(value.encode('utf-8', 'surrogatepass'))[:6]}"
    if value is None or isinstance(value, bool):
        return literal(value, LONGEST)
    if isinstance(value, list):
        return f"array({len(value)})"
    if isinstance(value, dict):
        return f"object({len(value)})"
    if isinstance(value, Blob):
        return _blob_token(value)
    if not form:
        return "number"
    return "integer" if isinstance(value, int) else "decimal"


def safe_path(path: str) -> str:
    """The path with object keys that are data replaced by their tokens."""
    if not path.startswith("$"):
        return path
    return render(tuple(token(step) if isinstance(step, str) and is_data(step) else step for step in parse_shape(path)))


def redact_path(target: bytes, template: str | None, allowed: Collection[str] = ()) -> str:
    """A request's path and query without the values in them: `/users/{id}?page=…`.

    `target` is what stood in the request line. `template` is the endpoint's; without one, segments
    that look like data are hidden. `allowed` may name `path:id` and `query:page`, or `$..*` for all.
    """
    path, mark, query = target.decode("ascii", "backslashreplace").partition("?")
    if EVERYTHING in allowed:
        return clip(path + mark + query)
    shown = _by_template(path, template, allowed) if template is not None else _by_look(path)
    return clip(shown + mark + "&".join(_parameter(pair, allowed) for pair in query.split("&")))


def _shown(value: Any, kind: Kind, shape: str, value_paths: Sequence[str]) -> str | None:
    if value is ABSENT:
        return None
    if isinstance(value, Blob):
        return clip(token(value))
    single = isinstance(value, _SINGLE)
    if shape in _HARMLESS or kind is Kind.DUPLICATE:
        return literal(value, LONGEST)
    if any((permits if single else permits_whole)(pattern, shape) for pattern in value_paths):
        return literal(value, LONGEST)
    return token(value, form=kind is Kind.NUMBER_FORM)


def _covers(pattern: str, shape: str) -> bool:
    try:
        return covers(pattern, shape)
    except PathRefused:
        return False


def _blob_token(value: Blob) -> str:
    if not value.size:
        return "empty"
    problem = f", {value.problem}" if value.problem else ""
    return f"{value.content}, {value.size} bytes{problem} #{value.digest[:6]}"


def _by_template(path: str, template: str, allowed: Collection[str]) -> str:
    shown = []
    segments = path.split("/")
    for at, wanted in enumerate(template.split("/")):
        if wanted == "*":
            shown.append("*")
            break
        hidden = wanted.startswith("{") and f"path:{wanted.strip('{}')}" not in allowed
        shown.append(wanted if hidden or at >= len(segments) else segments[at])
    return "/".join(shown)


def _by_look(path: str) -> str:
    return "/".join("{…}" if is_data(segment) else segment for segment in path.split("/"))


def _parameter(pair: str, allowed: Collection[str]) -> str:
    name, equals, value = pair.partition("=")
    if f"query:{name}" in allowed:
        return pair
    if not equals:
        return HIDDEN if is_data(name) else name
    return f"{HIDDEN if is_data(name) else name}={HIDDEN if value else ''}"
