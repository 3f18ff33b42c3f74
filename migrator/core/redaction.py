"""What of a difference may leave the data plane.

Samples show paths, types, lengths and a short hash that lets equal values be seen as equal. The
values themselves leave only for places that a project allows. So do the values in a request's path
and query, and object keys that are data rather than names.

Whatever is allowed, what looks like a secret or like personal data (`detectors`) is not shown, nor are the
values of headers that open doors, nor those in the query of an address in a header.

What a project allows is written as patterns: `$.price` for single values there, `$.order..*` for
everything at or under a path, `$..*` for every document, `header:location`, `path:id`, `query:page`.
"""

import re
from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any, Final
from urllib.parse import unquote

from xxhash import xxh64_hexdigest

from migrator.core.body import Blob
from migrator.core.comparison import Comparison, Difference
from migrator.core.detectors import SCANNED, detects, names_secret
from migrator.core.exact import Written, literal
from migrator.core.paths import LONGEST, STATUS, PathRefused, clip, covers, is_data, parse_shape, render
from migrator.core.places import pattern_of
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
_TELLING_NOTHING: Final = re.compile(
    r"header:(?:content-type@.*|etag@weak|(?:allow|vary|connection|cache-control)(?:\[[^*\]]+\])?"
    r"|set-cookie\[[^\]]*\]@(?:secure|httponly|samesite|max-age|expires))"
)
"""Parts of headers of which the same holds."""
_CREDENTIALS: Final = re.compile(
    r"header:(?:set-cookie2?|cookie2?|authorization|proxy-authorization|(?:www|proxy)-authenticate"
    r"|authentication-info|x-(?:[a-z]+-)?(?:api-?key|auth|csrf|session|token)[a-z-]*)(?:[\[@:].*)?"
)
"""Headers whose values open doors. They are never shown."""
_ADDRESSES: Final = re.compile(r"header:(?:location|content-location|link|refresh|referer)(?:[\[@:].*)?")
"""Headers whose values are addresses."""
_QUERY: Final = re.compile(r"[?#][^>;,\s\"]*")
_SINGLE: Final = (str, int, float, Decimal, Written, type(None))


def findings(comparison: Comparison, value_paths: Sequence[str], limit: int = FINDINGS) -> tuple[Finding, ...]:
    """The first `limit` differences as a sample may show them."""
    return tuple(finding(difference, value_paths) for difference in comparison.differences[:limit])


def finding(difference: Difference, value_paths: Sequence[str]) -> Finding:
    """One difference: what it shows of a value depends on `value_paths`."""
    place = difference.shape
    open_place = any(permits_whole(pattern, place) for pattern in value_paths) and not detects(difference.path)
    return Finding(
        path=clip(difference.path if open_place else safe_path(difference.path)),
        shape=clip(place),
        kind=str(difference.kind),
        control=_shown(difference.control, difference.kind, place, value_paths),
        candidate=_shown(difference.candidate, difference.kind, place, value_paths),
        pattern=pattern_of(difference),
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
        whole = clip(path + mark + query)
        if not detects(whole):
            return whole
    shown = _by_template(path, template, allowed) if template is not None else _by_look(path)
    return clip(shown + mark + "&".join(_parameter(pair, allowed) for pair in query.split("&")))


def safe_text(text: str) -> str:
    """A text that may be shown, or its token where it holds a secret."""
    return token(text) if detects(text) else text


def _shown(value: Any, kind: Kind, shape: str, value_paths: Sequence[str]) -> str | None:
    if value is ABSENT:
        return None
    if isinstance(value, Blob):
        return clip(token(value))
    single = isinstance(value, _SINGLE)
    form = kind is Kind.NUMBER_FORM
    if _is_harmless(shape) or kind is Kind.DUPLICATE:
        return _disclosed(value, shape, form=form)
    if _CREDENTIALS.fullmatch(shape):
        return token(value)
    if any((permits if single else permits_whole)(pattern, shape) for pattern in value_paths):
        return _disclosed(value, shape, form=form)
    return token(value, form=form)


def _disclosed(value: Any, shape: str, *, form: bool) -> str:
    """A value that may be shown, unless it holds a secret."""
    if isinstance(value, str) and _ADDRESSES.fullmatch(shape):
        value = _QUERY.sub(lambda found: found[0][0] + HIDDEN, value)
    written = literal(value, SCANNED)
    if detects(written) or (isinstance(value, str) and detects(value)):
        return token(value, form=form)
    return clip(written)


def _is_harmless(shape: str) -> bool:
    return shape in _HARMLESS or _TELLING_NOTHING.fullmatch(shape) is not None


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
        shown.append(wanted if hidden or at >= len(segments) or names_secret(segments[at]) else segments[at])
    return "/".join(shown)


def _by_look(path: str) -> str:
    return "/".join(
        "{…}" if is_data(unquote(segment)) or names_secret(segment) else segment for segment in path.split("/")
    )


def _parameter(pair: str, allowed: Collection[str]) -> str:
    name, equals, value = pair.partition("=")
    if f"query:{name}" in allowed and not detects(pair):
        return pair
    shown = HIDDEN if is_data(unquote(name)) or names_secret(name) else name
    if not equals:
        return shown
    return f"{shown}={HIDDEN if value else ''}"
