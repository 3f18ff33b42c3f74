"""From a request's path to the template of its endpoint: `/users/42/posts` -> `/users/{id}/posts`.

Traffic that no spec describes is offered as endpoints, so a template must be one that requests match
again: a parameter stands for a whole segment, and all are named alike, so that two requests of one
endpoint (`/things/42`, `/things/5f1c0a9b2e`) give one template. A word that merely contains a digit
(`v2`, `ipv4`, `top-10-tips`) is no identifier: better one endpoint too many than two in one.
"""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from migrator.core.detectors import detects

PARAMETER: Final = "{id}"
REST: Final = "*"
MAX_TEMPLATE: Final = 400
"""Characters. Longer paths end in a wildcard."""
MAX_SEGMENTS: Final = 20
MAX_WORD: Final = 64
"""Characters of a segment that is still taken for a word."""

_IDENTIFIER: Final = re.compile(
    r"[-+]?\d+(?:[,;:]\d+)*"  # 42, and lists of numbers: 1,2,3
    r"|-?\d+(?:\.\d+)?(?:,-?\d+(?:\.\d+)?)+"  # coordinates: 52.52,13.4
    r"|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"  # UUID
    r"|(?:0x)?(?=[a-fA-F]*\d)[0-9a-fA-F]{8,}"  # digests and object ids
    r"|\d{4}-\d\d(?:-\d\d(?:[T ].*)?)?"  # dates and times
    r"|\d{4,}-[a-z].*"  # 12345-title-of-the-thing
    r"|[^@\s]+@[^@\s]+\.[^@\s]+"  # mail addresses
)
_MEANINGFUL: Final = re.compile(r"[{}*]")
"""Characters that would mean something in a template."""
_EXTENSION: Final = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,4}$")
_PIECES: Final = re.compile(r"[^A-Za-z0-9]+")
_SWITCH: Final = re.compile(r"(?<=\d)(?=[A-Za-z])|(?<=[A-Za-z])(?=\d)")
_RANDOM_LENGTH: Final = 8
_RANDOM_SWITCHES: Final = 3


def infer_template(path: str) -> str:
    """The template of a path as sent, without its query: segments that look like identifiers become `{id}`.

    Everything else stays byte for byte, so that the request matches. What has no path of its own (`*`)
    gives `/*`.
    """
    if not path.startswith("/"):
        return f"/{REST}"
    segments = path.partition("?")[0].split("/")[1:]
    parts = [PARAMETER if is_identifier(segment) else segment for segment in segments[:MAX_SEGMENTS]]
    template = "/" + "/".join(parts)
    if len(segments) <= MAX_SEGMENTS and len(template) <= MAX_TEMPLATE:
        return template
    return f"{template[: MAX_TEMPLATE - 2].rpartition('/')[0]}/{REST}"


@lru_cache(maxsize=8_192)
def is_identifier(segment: str) -> bool:
    """Whether a segment of a path names one record rather than a kind: a number, a UUID, a digest, a date, a token.

    A file is judged without its extension: `/photos/1234.jpg` is one of many, `/logo.png` is one.
    """
    text = unquote(segment)
    if len(text) > MAX_WORD or _MEANINGFUL.search(text) or _IDENTIFIER.fullmatch(text) or detects(segment):
        return True
    stem = _EXTENSION.sub("", text)
    return _IDENTIFIER.fullmatch(stem) is not None or any(map(_is_random, _PIECES.split(stem)))


def _is_random(piece: str) -> bool:
    """Whether letters and digits alternate as in `9s6XKzkNRiz8i3`, and never in words people write."""
    if len(piece) < _RANDOM_LENGTH:
        return False
    return len(_SWITCH.findall(piece)) >= _RANDOM_SWITCHES or _IDENTIFIER.fullmatch(piece) is not None
