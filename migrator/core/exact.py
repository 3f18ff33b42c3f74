"""JSON without loss: what the fast parser refuses or rounds off.

`read()` takes documents of any depth, integers of any size, decimals beyond a double, NaN and
Infinity, lone surrogates, raw control characters, and says which keys came twice. `marks()` gives
every container a fingerprint that tells 1, 1.0 and true apart, `literal()` writes a value as plain
ASCII. Nothing here recurses, so no document can exhaust the stack.
"""

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from json import JSONDecoder
from json.decoder import scanstring  # type: ignore[attr-defined]  # the C scanner, unknown to typeshed
from json.encoder import encode_basestring_ascii
from math import isfinite
from typing import Any, Final

from migrator.core.paths import Step, Steps

DOUBLE_DIGITS: Final = 17
"""A double is written in at most so many digits. More are the work of somebody who counts exactly."""
INTEGER_DIGITS: Final = 4_300
"""Python turns no longer literal into an int."""

_BLANK = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORDS: Final = {
    "true": True,
    "false": False,
    "null": None,
    "NaN": float("nan"),
    "Infinity": float("inf"),
    "-Infinity": float("-inf"),
}
_WORD = re.compile("|".join(_WORDS))
_NONE: Final = object()


class Written:
    """A number that no type holds, known only by how it is written."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Written) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


class NotJson(ValueError):
    """The text is no JSON document, even read with patience."""


class _Repeated(Exception):
    """An object names a key twice."""


def read(text: str) -> tuple[Any, tuple[Steps, ...]]:
    """The document, and the places of keys that an object names twice (the last one holds).

    The standard library's scanner is asked first: it is ten times faster, but cannot say where a key
    came twice and cannot go deep.

    Raises NotJson.
    """
    try:
        return _SCANNER.decode(text), ()
    except (_Repeated, RecursionError):
        reader = _Reader(text)
        return reader.document(), tuple(reader.duplicates)
    except ValueError as error:
        raise NotJson(str(error))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Repeated
    return members


def number(literal: str) -> int | float | Decimal | Written:
    """A JSON number with nothing rounded off: a float only where a double was meant."""
    match = _NUMBER.fullmatch(literal)
    if match is None:
        raise NotJson(literal)
    if match[1] is None and match[2] is None:
        return int(literal) if len(literal) < INTEGER_DIGITS else Written(literal)
    digits = literal.lower().partition("e")[0].replace(".", "").lstrip("-0")
    if len(digits) <= DOUBLE_DIGITS and isfinite(double := float(literal)):
        return double
    try:
        return Decimal(literal)
    except InvalidOperation:
        return Written(literal)


_SCANNER: Final = JSONDecoder(object_pairs_hook=_once, parse_float=number, parse_int=number, strict=False)


class _Reader:
    """A JSON reader with a stack of its own."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.open: list[dict[str, Any] | list[Any]] = []
        self.steps: list[Step] = []
        """Where in each open container the value being read belongs."""
        self.duplicates: list[Steps] = []

    def document(self) -> Any:
        while True:
            value = self._begin()
            while value is not _NONE:
                if not self.open:
                    return self._end(value)
                self._place(value)
                value = self._continue()

    def _begin(self) -> Any:
        """A whole value; _NONE where a container was opened and its first member comes next."""
        mark = self._peek()
        if mark == '"':
            return self._string()
        if mark not in "{[":
            return self._scalar()
        self.at += 1
        container: dict[str, Any] | list[Any] = {} if mark == "{" else []
        if self._peek() == ("}" if mark == "{" else "]"):
            self.at += 1
            return container
        self.open.append(container)
        self.steps.append(0 if mark == "[" else self._key())
        return _NONE

    def _place(self, value: Any) -> None:
        container, step = self.open[-1], self.steps[-1]
        if isinstance(container, list):
            container.append(value)
            return
        if step in container:
            self.duplicates.append(tuple(self.steps))
        container[str(step)] = value

    def _continue(self) -> Any:
        """After a member: _NONE where another follows, else the container that is now whole."""
        container = self.open[-1]
        mark = self._peek()
        self.at += 1
        if mark == ",":
            self.steps[-1] = len(container) if isinstance(container, list) else self._key()
            return _NONE
        if mark != ("]" if isinstance(container, list) else "}"):
            raise NotJson(f"character {self.at}")
        self.steps.pop()
        return self.open.pop()

    def _key(self) -> str:
        if self._peek() != '"':
            raise NotJson(f"character {self.at}")
        key = self._string()
        if self._peek() != ":":
            raise NotJson(f"character {self.at}")
        self.at += 1
        return key

    def _string(self) -> str:
        try:
            value, self.at = scanstring(self.text, self.at + 1, False)
        except ValueError as error:
            raise NotJson(str(error))
        return str(value)

    def _scalar(self) -> Any:
        if (match := _NUMBER.match(self.text, self.at)) is not None:
            self.at = match.end()
            return number(match[0])
        if (match := _WORD.match(self.text, self.at)) is None:
            raise NotJson(f"character {self.at}")
        self.at = match.end()
        return _WORDS[match[0]]

    def _peek(self) -> str:
        match = _BLANK.match(self.text, self.at)
        self.at = match.end() if match else self.at
        if self.at >= len(self.text):
            raise NotJson("it ends early")
        return self.text[self.at]

    def _end(self, value: Any) -> Any:
        if self.text[self.at :].strip(" \t\n\r"):
            raise NotJson(f"more follows at character {self.at}")
        return value


def marks(document: Any) -> dict[int, bytes]:
    """The fingerprint of every container in the document by its id(). Equal marks: equal to the last digit."""
    containers = []
    stack = [document]
    while stack:
        value = stack.pop()
        if isinstance(value, (dict, list)):
            containers.append(value)
            stack.extend(value.values() if isinstance(value, dict) else value)
    known: dict[int, bytes] = {}
    for container in reversed(containers):  # children come after their parents, so that here they come before
        known[id(container)] = _fingerprint(container, known)
    return known


def mark(value: Any, known: dict[int, bytes]) -> bytes:
    """The fingerprint of any value of a document whose `marks()` are known."""
    if isinstance(value, (dict, list)):
        return known[id(value)]
    if isinstance(value, str):
        return b'"' + value.encode("utf-8", "surrogatepass")
    return f"{type(value).__name__} {value}".encode()


def _fingerprint(container: dict[str, Any] | list[Any], known: dict[int, bytes]) -> bytes:
    digest = blake2b(type(container).__name__.encode(), digest_size=16)
    if isinstance(container, list):
        parts = [mark(value, known) for value in container]
    else:
        parts = [part for name in sorted(container) for part in (mark(name, known), mark(container[name], known))]
    for part in parts:
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.digest()


def literal(value: Any, longest: int) -> str:
    """The value as JSON in plain ASCII, ended by an ellipsis after `longest` characters.

    What cannot be stored as text (lone surrogates, control characters) is escaped, what JSON has no
    word for is written as Python's json does: NaN, Infinity.
    """
    parts: list[str] = []
    room = longest
    for part in _tokens(value):
        parts.append(part)
        room -= len(part)
        if room < 0:
            return "".join(parts)[: longest - 1] + "…"
    return "".join(parts)


def _tokens(value: Any) -> Iterator[str]:
    """The pieces of the written value. Members wait on a stack beside the punctuation that goes between them."""
    stack: list[tuple[str, Any]] = [("", value)]
    while stack:
        before, value = stack.pop()
        yield before
        if value is _NONE:
            continue
        if not isinstance(value, (dict, list)):
            yield scalar(value)
            continue
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        yield opening
        stack.append((closing, _NONE))
        stack.extend(reversed(list(_members(value))))


def _members(container: dict[str, Any] | list[Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(container, list):
        yield from ((", " if at else "", member) for at, member in enumerate(container))
    else:
        for at, (name, member) in enumerate(container.items()):
            yield (f"{', ' if at else ''}{scalar(name)}: ", member)


def scalar(value: Any) -> str:
    """A string, number, boolean or null as JSON writes it, in plain ASCII."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not isfinite(value):
        return "NaN" if value != value else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    return str(value)
