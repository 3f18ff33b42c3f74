"""What an answer's bytes say: content codings undone within a bound, JSON recognised by itself.

The Content-Type header is a claim. Whether a body is JSON is decided by reading it.
"""

import codecs
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import brotli
import msgspec
import orjson
from xxhash import xxh3_64_hexdigest

from migrator.core import exact
from migrator.core.paths import Steps

DECODED_BYTES: Final = 16 * 2**20
"""What a compressed body may unfold to. Beyond it lies a bomb."""
EXACT_BYTES: Final = 4 * 2**20
"""What the exact reader, a hundred times slower than the fast one, is asked to read."""


class Content(StrEnum):
    """What a body turned out to be."""

    EMPTY = "empty"
    """No byte at all, as for HEAD, 204 and 304."""
    JSON = "json"
    """A JSON document, whatever the header says."""
    HTML = "html"
    """A page."""
    XML = "xml"
    """An XML document."""
    TEXT = "text"
    """UTF-8 without control characters."""
    BINARY = "binary"
    """Anything else."""


@dataclass(frozen=True, slots=True)
class Body:
    """A body with its content codings undone, as far as that was possible."""

    data: bytes
    problem: str | None = None
    """Why it could not be decoded, in words. `data` is then what a client would be left with."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A body that is compared as a whole: by what it is, its size in bytes and its hash."""

    content: Content
    size: int
    digest: str
    problem: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A parsed JSON body."""

    value: Any
    source: bytes = b""
    plain: bool = True
    """Read by the fast parser: no NaN in it, so that the fast writer can be trusted with it."""
    duplicates: tuple[Steps, ...] = ()
    """Places of keys that came twice. The fast parser does not notice them."""


def undo_codings(data: bytes, codings: str, limit: int = DECODED_BYTES) -> Body:
    """Decode a body by its Content-Encoding, last coding first, holding at most `limit` bytes."""
    for coding in reversed([name.strip().lower() for name in codings.split(",") if name.strip()]):
        if coding == "identity" or not data:
            continue
        undo = _CODINGS.get(coding)
        if undo is None:
            return Body(data, f"content coding {coding[:40]!r} is not known")
        body = undo(data, limit)
        if body.problem is not None:
            return body
        data = body.data
    return Body(data)


def _gunzip(data: bytes, limit: int) -> Body:
    """All members of a gzip body."""
    parts: list[bytes] = []
    room = limit
    while data:
        engine = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        body = _inflate(engine, data, room)
        parts.append(body.data)
        room -= len(body.data)
        if body.problem is not None:
            whole = not parts[0] and room == limit
            return Body(data if whole else b"".join(parts), body.problem.format(coding="gzip", limit=limit))
        data = engine.unused_data.lstrip(b"\0")
    return Body(b"".join(parts))


def _undeflate(data: bytes, limit: int) -> Body:
    """Deflate as the standard says (with zlib's frame), or bare as some servers send it."""
    body = _inflate(zlib.decompressobj(), data, limit)
    if body.problem is not None and not body.data:
        body = _inflate(zlib.decompressobj(wbits=-zlib.MAX_WBITS), data, limit)
    if body.problem is None:
        return body
    return Body(body.data or data, body.problem.format(coding="deflate", limit=limit))


def _inflate(engine: "zlib._Decompress", data: bytes, room: int) -> Body:
    try:
        unfolded = engine.decompress(data, room + 1)
    except zlib.error:
        return Body(b"", "it is declared as {coding} and is none")
    if len(unfolded) > room:
        return Body(unfolded[:room], "its {coding} unfolds to more than {limit} bytes")
    return Body(unfolded, None if engine.eof else "its {coding} ends early")


def _unbrotli(data: bytes, limit: int) -> Body:
    engine = brotli.Decompressor()
    try:
        unfolded = engine.process(data, output_buffer_limit=limit + 1)
        while len(unfolded) <= limit and not engine.can_accept_more_data():
            unfolded += engine.process(b"", output_buffer_limit=limit + 1 - len(unfolded))
    except brotli.error:
        return Body(data, "it is declared as br and is none")
    if len(unfolded) > limit:
        return Body(unfolded[:limit], f"its br unfolds to more than {limit} bytes")
    return Body(unfolded, None if engine.is_finished() else "its br ends early")


_CODINGS: Final[Mapping[str, Callable[[bytes, int], Body]]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _undeflate,
    "br": _unbrotli,
}

_DIGITS: Final = bytes(ord("0") if chr(byte) in "0123456789." else ord(" ") for byte in range(256))
"""Maps what numbers are made of to `0` and all else to a blank."""
_STARTS: Final = frozenset(b'{["-0123456789tfnNI')
_EXACT_DECODER: Final = msgspec.json.Decoder(float_hook=exact.number)


def parse(data: bytes, charset: str | None = None) -> Document | None:
    """The JSON document that these bytes are, or None. `charset` is what the header claims, if anything."""
    start = data[:64].lstrip()[:1] or data.lstrip()[:1]
    if not start or (start[0] not in _STARTS and start[0] not in b"\0\xef\xfe\xff"):
        return None
    try:
        if _has_long_number(data):
            return Document(_EXACT_DECODER.decode(data), data)
        return Document(orjson.loads(data), data)
    except (ValueError, RecursionError):
        return parse_exactly(data, charset)


def parse_exactly(data: bytes, charset: str | None = None) -> Document | None:
    """As parse(), by the exact reader: slow, and it notices keys that come twice."""
    text = _text(data, charset) if len(data) <= EXACT_BYTES else None
    if text is None:
        return None
    try:
        value, duplicates = exact.read(text)
    except exact.NotJson:
        return None
    return Document(value, data, plain=False, duplicates=duplicates)


def _has_long_number(data: bytes) -> bool:
    """Whether there may be a number that a double or 64 bits cannot hold.

    Such a number has 18 characters in a row that are digits or a point, so every fourth byte, four
    times in a row, is one too. Looking at those alone takes a tenth of the time of parsing; a false
    alarm only means the slower decoder.
    """
    return b"0000" in data[::4].translate(_DIGITS)


def _text(data: bytes, charset: str | None) -> str | None:
    for name in filter(None, (json.detect_encoding(data), charset)):
        try:
            return data.decode(name)
        except (LookupError, ValueError):
            continue
    return None


def repeats(document: Document) -> tuple[Steps, ...]:
    """Where the document names a key twice in one object. Costs a slow reading where that is not known yet."""
    read = parse_exactly(document.source) if document.plain else document
    return read.duplicates if read is not None else ()


def blob(body: Body, document: Document | None = None) -> Blob:
    """What is left to say about a body whose inside is not compared."""
    content = Content.JSON if document is not None else sniff(body.data)
    return Blob(content, len(body.data), xxh3_64_hexdigest(body.data), body.problem)


def sniff(data: bytes) -> Content:
    """What kind of body this is, by its first bytes. JSON is recognised by parse(), not here."""
    start = data[:512].lstrip().lower()
    if not start:
        return Content.TEXT if data else Content.EMPTY
    if start.startswith((b"<!doctype html", b"<html")):
        return Content.HTML
    if start.startswith((b"<?xml", b"<")) and b">" in start:
        return Content.XML
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(data[:512])
    except UnicodeDecodeError:
        return Content.BINARY
    return Content.BINARY if any(letter < " " and letter not in "\t\n\r\f" for letter in text) else Content.TEXT
