"""HTTP/1.1 as bytes: where a head ends, what it says, where its body ends. No I/O.

A proxy must read a message exactly as the service behind it does, or two requests can be made to look
like one. So this reader takes what RFC 9112 spells out and refuses the rest: a grammar of allowed
bytes, one regular expression per line kind. Header lines are kept as they were sent, to be sent on
byte for byte. tests/sdk/test_framing.py holds it against llhttp: what llhttp refuses, this refuses.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from migrator.core.routing import METHOD_OVERRIDES

MAX_HEAD_BYTES: Final = 65_536
MAX_FIELDS: Final = 256
MAX_CHUNK_LINE: Final = 4_096
CHUNKED: Final = -1
"""Framing of a body that ends with an empty chunk. Framings from 0 upwards are lengths in bytes."""
UNTIL_CLOSE: Final = -2
"""Framing of an answer that ends when its connection does."""

_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_TEXT: Final = rb"[\t -~\x80-\xff]"
_REQUEST_LINE: Final = re.compile(rb"(" + _TOKEN + rb"{1,40}) ([!-~\x80-\xff]+) HTTP/1\.([01])")
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: " + _TEXT + rb"*)?")
_FIELDS: Final = re.compile(rb"(?:" + _TOKEN + rb"++:" + _TEXT + rb"*+\r\n)*+")
_LENGTH: Final = re.compile(rb"[0-9]{1,18}")
_CHUNK_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;" + _TEXT + rb"*)?")
_TOKEN_BYTES: Final = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

OVERRIDES: Final = frozenset(name.encode() for name in METHOD_OVERRIDES)
NOTABLE: Final = frozenset(
    {
        b"connection",
        b"content-length",
        b"expect",
        b"host",
        b"transfer-encoding",
        b"upgrade",
        b"x-forwarded-for",
        b"x-migrator-shadow",
        *OVERRIDES,
    }
)
"""Headers that change what a proxy does. Found once while reading, so that nobody searches for them again."""

Fields = list[tuple[bytes, bytes]]
"""Header lines in order: the name in lower case, and the whole line as sent, without its line end."""


class MalformedError(ValueError):
    """The bytes are not HTTP/1.1 as RFC 9112 spells it. `status` is what a server answers to it."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class RequestHead:
    """A request's first line and headers."""

    method: bytes
    target: bytes
    minor: int
    """0 for HTTP/1.0, 1 for HTTP/1.1."""
    fields: Fields
    notable: dict[bytes, list[bytes]]
    framing: int
    keep_alive: bool


@dataclass(slots=True)
class ResponseHead:
    """An answer's first line and headers."""

    line: bytes
    status: int
    fields: Fields
    notable: dict[bytes, list[bytes]]
    framing: int
    keep_alive: bool


def value_of(field: tuple[bytes, bytes]) -> bytes:
    """A header's value without the white space around it."""
    name, line = field
    return line[len(name) + 1 :].strip(b" \t")


def values_of(fields: Fields, name: bytes) -> list[bytes]:
    """Every value of a header, in order. `name` in lower case."""
    return [value_of(field) for field in fields if field[0] == name]


def parse_request(data: bytes) -> tuple[RequestHead, int] | None:
    """The request head at the start of `data` and its length in bytes; None where more bytes are needed.

    Raises MalformedError with the status to answer: 400, 431 for too much head, 501 for a body coding we do not know.
    """
    parts = _head(data)
    if parts is None:
        return None
    line, fields, notable, length = parts
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise MalformedError("The request line is malformed")
    method, target, minor = match.groups()
    version = 1 if minor == b"1" else 0
    hosts = len(notable.get(b"host", ()))
    if hosts > 1 or (version and not hosts):
        raise MalformedError("A request carries exactly one Host header")
    framing = _request_framing(notable, version)
    return RequestHead(method, target, version, fields, notable, framing, _keeps_alive(notable, version)), length


def parse_response(data: bytes, *, method: bytes) -> tuple[ResponseHead, int] | None:
    """The answer head at the start of `data` and its length; None where more bytes are needed.

    `method` is the request's: an answer to HEAD has no body, whatever its headers say.
    Raises MalformedError.
    """
    parts = _head(data)
    if parts is None:
        return None
    line, fields, notable, length = parts
    status, minor = _status(line)
    framing = _response_framing(notable, status, method)
    alive = framing != UNTIL_CLOSE and _keeps_alive(notable, minor)
    return ResponseHead(line, status, fields, notable, framing, alive), length


def promises_body(head: ResponseHead) -> bool:
    """Whether an answer's headers speak of a body, even where its status or method says that none follows.

    Services that send it all the same exist. Who reads on finds it where the next answer should begin.
    """
    return b"transfer-encoding" in head.notable or head.notable.get(b"content-length", [b"0"]) != [b"0"]


def connection_options(notable: dict[bytes, list[bytes]]) -> frozenset[bytes]:
    """The tokens of all Connection headers, in lower case."""
    values = notable.get(b"connection")
    if values is None:
        return frozenset()
    return _tokens(values[0] if len(values) == 1 else b",".join(values))


@lru_cache(maxsize=256)
def _tokens(value: bytes) -> frozenset[bytes]:
    return frozenset(token.strip().lower() for token in value.split(b","))


@lru_cache(maxsize=256)
def _status(line: bytes) -> tuple[int, int]:
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise MalformedError("The status line is malformed")
    return int(match[2]), int(match[1])


def _head(data: bytes) -> tuple[bytes, Fields, dict[bytes, list[bytes]], int] | None:
    end = data.find(b"\r\n\r\n", 0, MAX_HEAD_BYTES)
    if end < 0:
        _refuse_early(data)
        return None
    start = data.find(b"\r\n", 0, end + 2)
    if _FIELDS.fullmatch(data, start + 2, end + 2) is None:
        raise MalformedError("A header line is malformed")
    block = data[start + 2 : end]
    # Hot: three heads for each request. What is rare is looked for once in all lines, not in each.
    fields = [(line[: line.index(b":")].lower(), line) for line in block.split(b"\r\n")] if block else []
    notable: dict[bytes, list[bytes]] = {}
    for name, line in fields:
        if name in NOTABLE:
            notable.setdefault(name, []).append(line[len(name) + 1 :].strip(b" \t"))
    if b"_" in block:
        _note_disguised(fields, notable)
    if len(fields) > MAX_FIELDS:
        raise MalformedError("Too many header lines", status=431)
    return data[:start], fields, notable, end + 4


def _note_disguised(fields: Fields, notable: dict[bytes, list[bytes]]) -> None:
    """Note method overrides spelled with `_`: servers that hand headers on as variables make no difference."""
    for name, line in fields:
        if b"_" in name and (dashed := name.replace(b"_", b"-")) in OVERRIDES:
            notable.setdefault(dashed, []).append(line)


def _refuse_early(data: bytes) -> None:
    """Refuse what can no longer become a head, rather than wait for its end for ever."""
    if len(data) >= MAX_HEAD_BYTES:
        raise MalformedError("The head is too large", status=431)
    if data and data[0] not in _TOKEN_BYTES:
        raise MalformedError("The first line is malformed")
    if data.count(b"\n") != data.count(b"\r\n"):
        raise MalformedError("A line ends without a carriage return")


def _request_framing(notable: dict[bytes, list[bytes]], version: int) -> int:
    codings, lengths = notable.get(b"transfer-encoding"), notable.get(b"content-length")
    if codings is None:
        return 0 if lengths is None else _length(lengths)
    if lengths is not None or not version:
        raise MalformedError("Transfer-Encoding next to Content-Length, or in HTTP/1.0")
    if len(codings) > 1:
        raise MalformedError("More than one Transfer-Encoding header")
    if codings[0].lower() != b"chunked":
        raise MalformedError("The only Transfer-Encoding known here is chunked", status=501)
    return CHUNKED


def _response_framing(notable: dict[bytes, list[bytes]], status: int, method: bytes) -> int:
    if status < 200 or status in (204, 304) or method == b"HEAD":
        return 0
    codings, lengths = notable.get(b"transfer-encoding"), notable.get(b"content-length")
    if codings is not None:
        # A length beside it is ignored, as RFC 9112 §6.3 has it: the coding is what the sender obeyed.
        if [coding.lower() for coding in codings] != [b"chunked"]:
            raise MalformedError("The only Transfer-Encoding known here is chunked")
        return CHUNKED
    if lengths is None:
        return UNTIL_CLOSE
    return _length(lengths[:1] if len(set(lengths)) == 1 else lengths)


def _length(values: list[bytes]) -> int:
    if len(values) > 1 or _LENGTH.fullmatch(values[0]) is None:
        raise MalformedError("Content-Length is malformed or given twice")
    return int(values[0])


def _keeps_alive(notable: dict[bytes, list[bytes]], minor: int) -> bool:
    if b"connection" not in notable:
        return minor == 1
    options = connection_options(notable)
    return b"close" not in options and (minor == 1 or b"keep-alive" in options)


class Body:
    """Cuts one body out of a stream of bytes and takes its framing off."""

    __slots__ = ("_held", "_in_data", "_left", "_trailing", "done", "framing", "rest", "trailers")

    def __init__(self, framing: int) -> None:
        self.framing = framing
        self.done = framing == 0
        self.rest = b""
        """What follows the body's end in the bytes fed last."""
        self.trailers = b""
        """Trailer lines of a chunked body, each with its line end."""
        self._left = max(framing, 0)
        self._held = b""
        self._in_data = False
        self._trailing = False

    def feed(self, data: bytes) -> bytes:
        """The part of `data` that is body. Sets `done` and `rest` at the body's end.

        Raises MalformedError.
        """
        if self.framing == CHUNKED:
            return self._dechunk(data)
        if self.framing == UNTIL_CLOSE:
            return data
        if len(data) < self._left:
            self._left -= len(data)
            return data
        cut, self._left, self.done = self._left, 0, True
        self.rest = data[cut:]
        return data[:cut] if self.rest else data

    def _dechunk(self, data: bytes) -> bytes:
        pieces: list[bytes] = []
        data, self._held = self._held + data, b""
        at = 0
        while at < len(data) and not self.done:
            if self._in_data:
                before, at = at, self._chunk_data(data, at, pieces)
                if at == before:
                    break
                continue
            end = data.find(b"\r\n", at)
            if end < 0:
                if len(data) - at > MAX_CHUNK_LINE:
                    raise MalformedError("A chunk's size line is too long")
                break
            self._chunk_line(data[at:end])
            at = end + 2
        if self.done:
            self.rest = data[at:]
        else:
            self._held = data[at:]
        return b"".join(pieces)

    def _chunk_data(self, data: bytes, at: int, pieces: list[bytes]) -> int:
        """Take chunk bytes, then the line end behind them. Returns where to go on: `at` itself where bytes lack."""
        if self._left:
            piece = data[at : at + self._left]
            pieces.append(piece)
            self._left -= len(piece)
            return at + len(piece)
        ending = data[at : at + 2]
        if not b"\r\n".startswith(ending):
            raise MalformedError("A chunk does not end where its size says")
        if len(ending) < 2:
            return at
        self._in_data = False
        return at + 2

    def _chunk_line(self, line: bytes) -> None:
        if self._trailing:
            self._trailer(line)
            return
        match = _CHUNK_LINE.fullmatch(line)
        if match is None:
            raise MalformedError("A chunk's size line is malformed")
        self._left = int(match[1], 16)
        self._in_data, self._trailing = self._left > 0, self._left == 0

    def _trailer(self, line: bytes) -> None:
        if not line:
            self.done = True
            return
        self.trailers += line + b"\r\n"
        if _FIELDS.fullmatch(line + b"\r\n") is None or len(self.trailers) > MAX_HEAD_BYTES:
            raise MalformedError("A trailer line is malformed")
