"""Where in an answer something is: paths, their shapes, and patterns over them.

A path is a tuple of steps: a name in an object, an index in an array, or EVERY for "all of them".
Written out it reads like RFC 9535: `$.items[3].price`, `$['odd key']`. Its shape leaves open what
changes from answer to answer, so that one cause has one name: `$.items[*].price`. Names that are data
rather than schema (identifiers, addresses, dates as keys) are left open too: they would give every
record a shape of its own, and would carry personal data out of the data plane.

Beside documents there are other places: `status` (whose path says so where its class changes:
`status:2xx→5xx`), `body`, `body:line` (path `body:line[12]`, counted from 0) and `header:<name>`, which
may go on to name a part of the header: `header:set-cookie[session]@secure`.
"""

import re
from enum import Enum
from functools import lru_cache
from typing import Final

from migrator.core.detectors import names_secret

STATUS: Final = "status"
BODY: Final = "body"
LINE: Final = f"{BODY}:line"
HEADER: Final = "header:"
LONGEST: Final = 2_000
"""Characters of a written path. Longer ones end in an ellipsis."""


class Wildcard(Enum):
    """The step that stands for every member."""

    EVERY = "*"

    def __str__(self) -> str:
        return self.value


EVERY: Final = Wildcard.EVERY
Step = str | int | Wildcard
Steps = tuple[Step, ...]

_PLAIN = re.compile(r"[A-Za-z_\u0080-\ud7ff\ue000-\U0010ffff][0-9A-Za-z_\u0080-\ud7ff\ue000-\U0010ffff]*")
_DATA = re.compile(r".+@|.*\d{5}|[\d.:+-]+$|\d{4}-\d\d|.{65}|[0-9A-Fa-f-]{16,}$", re.DOTALL)
_UNSAFE = re.compile(r"['\\\x00-\x1f\x7f\ud800-\udfff]")
_NAMED = {"'": "\\'", "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPED = {written[1]: character for character, written in _NAMED.items()}
_STEP = re.compile(
    r"\.(?P<name>[A-Za-z_\u0080-\U0010ffff][0-9A-Za-z_\u0080-\U0010ffff]*)"
    r"|(?P<every>\.\*|\[\*\])"
    r"|\[(?P<index>0|[1-9]\d{0,15})\]"
    r"|\['(?P<quoted>(?:[^'\\]|\\u[0-9a-fA-F]{4}|\\['\\bfnrt])*)'\]"
)
_MEMBER = re.compile(r"\[[^\]]*\]")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))")


class PathRefused(ValueError):
    """A path that is none, or of a form that is not supported. The message says where it stops making sense."""


def render(steps: Steps) -> str:
    """`("items", 3, "odd key")` -> `$.items[3]['odd key']`, printable whatever the names contain."""
    return clip("$" + "".join([_name(step)[0] if isinstance(step, str) else f"[{step}]" for step in steps]))


def shape_of(steps: Steps) -> str:
    """The path with indexes and names that are data left open: `$.items[*].price`, `$.users[*].name`."""
    return clip("$" + "".join([_name(step)[1] if isinstance(step, str) else "[*]" for step in steps]))


def is_data(name: str) -> bool:
    """Whether an object's key looks like a value (an identifier, an address, a date) and not like a schema's name."""
    return _DATA.match(name) is not None or names_secret(name)


@lru_cache(maxsize=4_096)
def parse_path(path: str) -> Steps:
    """The steps of a written path or pattern. Names, indexes and wildcards are supported.

    Raises PathRefused for filters, slices, unions, descendants and for what is no path at all.
    """
    if not path.startswith("$"):
        raise PathRefused(f"A path starts with $, not {path[:1]!r}.")
    steps: list[Step] = []
    at = 1
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            raise PathRefused(f"At character {at}, {path[at : at + 20]!r}: only names, [index] and * are supported.")
        steps.append(_step(match))
        at = match.end()
    return tuple(steps)


def covers(pattern: str, shape: str) -> bool:
    """Whether a difference of this shape lies at or under the pattern. `$` covers every document, `body` included."""
    if not pattern.startswith("$"):
        return covers_place(pattern, shape)
    if not shape.startswith("$"):
        return pattern == "$" and covers_place(BODY, shape)
    wanted, steps = parse_path(pattern), parse_shape(shape)
    return len(wanted) <= len(steps) and all(map(admits, wanted, steps))


def covers_place(pattern: str, place: str) -> bool:
    """Whether a place outside of documents is the one that the pattern names, or a part of it.

    `header:set-cookie` covers `header:set-cookie[session]@secure`, and so does `header:set-cookie[*]@secure`.
    """
    if "[*]" in pattern:
        place = _MEMBER.sub("[*]", place)
    return place.startswith(pattern) and place[len(pattern) : len(pattern) + 1] in ("", "[", "@", ":")


def status_path(control: int, candidate: int) -> str:
    """The path of two statuses that differ: `status` within a class, `status:2xx→5xx` from one to another."""
    if control // 100 == candidate // 100:
        return STATUS
    return f"{STATUS}:{control // 100}xx→{candidate // 100}xx"


def admits(wanted: Step, step: Step) -> bool:
    """Whether a step of a pattern admits a step of a path or shape. An open step may be any of them."""
    return wanted == step or wanted is EVERY or (step is EVERY and (isinstance(wanted, int) or is_data(wanted)))


def parse_shape(shape: str) -> Steps:
    """The steps of a path or shape that this module wrote, as far as they were kept where it was too long."""
    if len(shape) < LONGEST:
        return parse_path(shape)
    at = 1
    while (match := _STEP.match(shape, at)) is not None and match.end() < len(shape):
        at = match.end()
    return parse_path(shape[:at])


def clip(text: str, longest: int = LONGEST) -> str:
    """The text, cut to what may travel, with an ellipsis where something is left out."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _step(match: re.Match[str]) -> Step:
    if match["every"]:
        return EVERY
    if match["index"]:
        return int(match["index"])
    if match["name"]:
        return match["name"]
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else _ESCAPED[found[2]], match["quoted"])


def _name(name: str) -> tuple[str, str]:
    """A name as a path writes it and as a shape does. Long ones are data, and too large to be remembered."""
    return _short_name(name) if len(name) <= 64 else (_quoted(clip(name)), "[*]")


@lru_cache(maxsize=4_096)
def _short_name(name: str) -> tuple[str, str]:
    written = f".{name}" if _PLAIN.fullmatch(name) else _quoted(name)
    return written, "[*]" if is_data(name) else written


def _quoted(name: str) -> str:
    return f"['{_UNSAFE.sub(_escape, name)}']"


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return _NAMED.get(character) or f"\\u{ord(character):04x}"
