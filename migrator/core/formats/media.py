"""What a Content-Type claims: the type, its parameters, and the format that goes with it."""

import codecs
import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final

LONGEST: Final = 4_000
"""Characters of a header's value that are read."""

_PARAMETER = re.compile(r';[ \t]*([^=;" \t]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^;]*))', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class Format(StrEnum):
    """How the inside of a body is written. JSON is recognised by reading it, before any claim is asked."""

    LINES = "lines"
    """One JSON value on each line, or after each record separator."""
    EVENTS = "events"
    """Server-sent events."""
    FORM = "form"
    """Names and values as a browser's form sends them."""
    MULTIPART = "multipart"
    """Parts with headers of their own."""
    XML = "xml"
    """One element with all that lies in it."""
    HTML = "html"
    """A page or a piece of one."""


@dataclass(frozen=True, slots=True)
class MediaType:
    """A Content-Type, read."""

    name: str = ""
    """`text/html`, in lower case; empty where nothing is claimed."""
    parameters: dict[str, str] = field(default_factory=dict)
    """By lower-case name; quotes taken off, letters' case kept."""
    format: Format | None = None
    """The format that the name stands for. None for JSON, for text, and for what is not known."""

    @property
    def charset(self) -> str | None:
        """The charset that is claimed, where it is one that bodies are written in."""
        return _charset(self.parameters.get("charset", ""))

    @property
    def is_json(self) -> bool:
        return self.name == "application/json" or self.name.endswith("+json")


@lru_cache(maxsize=512)
def media_type(value: str) -> MediaType:
    """Read a Content-Type. Never raises: of what makes no sense, what does is kept."""
    value = value[:LONGEST]
    parameters: dict[str, str] = {}
    for name, quoted, bare in _PARAMETER.findall(value):
        parameters.setdefault(name.lower(), _ESCAPED.sub(r"\1", quoted) if quoted else bare.strip())
    name = value.partition(";")[0].strip().lower()
    return MediaType(name, parameters, _format(name))


@lru_cache(maxsize=256)
def _charset(claim: str) -> str | None:
    try:
        name = codecs.lookup(claim.strip()).name if claim else None
    except (LookupError, ValueError):
        return None
    return None if name in _NO_CHARSETS else name


def _format(name: str) -> Format | None:
    if name in _FORMATS:
        return _FORMATS[name]
    if name.startswith("multipart/"):
        return Format.MULTIPART
    return Format.XML if name.endswith("+xml") else None


_NO_CHARSETS: Final = frozenset(("idna", "punycode", "undefined", "unicode_escape", "raw-unicode-escape"))
"""Codecs for other ends, some of which take very long with a large text."""
_LINES: Final = ("x-ndjson", "ndjson", "jsonl", "x-jsonl", "jsonlines", "x-jsonlines", "json-seq", "stream+json")
_FORMATS: Final = {
    **{f"application/{name}": Format.LINES for name in _LINES},
    "text/x-ndjson": Format.LINES,
    "text/event-stream": Format.EVENTS,
    "application/x-www-form-urlencoded": Format.FORM,
    "application/xml": Format.XML,
    "text/xml": Format.XML,
    "text/html": Format.HTML,
}
