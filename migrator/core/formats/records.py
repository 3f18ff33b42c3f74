"""Bodies that carry several JSON values, rewritten as the one JSON array that they amount to.

So the readers of JSON serve for them too, with all they know about numbers and repeated keys.
A line is addressed by its index among the lines that are not blank, an event by its index among the
events, both from 0: `$[3].price`, `$[0].data.price`.
"""

import re
from json.encoder import encode_basestring_ascii as quoted
from typing import Final

from migrator.core.body import Document, parse
from migrator.core.formats.bounds import NODES, STRUCTURE_BYTES
from migrator.core.formats.media import MediaType

BOM: Final = b"\xef\xbb\xbf"
_BLANK: Final = b" \t\r"
_LINE_END = re.compile(r"\r\n|\n|\r")
_MILLISECONDS = re.compile(r"0|[1-9][0-9]{0,8}")


def read_lines(data: bytes, media: MediaType) -> Document | None:
    """Newline-delimited JSON as an array of its lines, None where a line is no JSON value.

    Blank lines and record separators (RFC 7464) separate lines like the ends of lines do.
    """
    rows = [row for row in data.removeprefix(BOM).replace(b"\x1e", b"\n").split(b"\n") if row.strip(_BLANK)]
    document = parse(b"[" + b",".join(rows) + b"]")
    # A line such as `1,2` is two members: then the members are not the lines.
    if document is None or type(document.value) is not list or len(document.value) != len(rows):
        return None
    return document


def looks_like_lines(data: bytes) -> bool:
    """Whether several lines each begin as an object or an array does."""
    rows = [row for row in data[:4_096].removeprefix(BOM).split(b"\n", 3)[:3] if row.strip(_BLANK)]
    return len(rows) > 1 and all(row.lstrip(_BLANK)[:1] in (b"{", b"[") for row in rows)


def read_events(data: bytes, media: MediaType) -> Document | None:
    """Server-sent events as an array of `{"event", "data", "id", "retry"}`, None where they are not UTF-8.

    Data that is JSON is compared as JSON. Comments and fields that clients pass over are left out, as
    is the event's name where it is the usual one. What a client would drop because no blank line
    follows it is marked as `unfinished`.
    """
    try:
        text = data.removeprefix(BOM).decode() if len(data) <= STRUCTURE_BYTES else None
    except ValueError:
        text = None
    if text is None:
        return None
    events: list[bytes] = []
    fields: list[tuple[str, str]] = []
    rows = _LINE_END.split(text)
    for row in rows[:-1]:
        if row:
            fields += _field(row)
        elif fields:
            events.append(_event(fields))
            fields = []
    fields += _field(rows[-1])
    if fields:
        events.append(_event([*fields, ("unfinished", "")]))
    return parse(b"[" + b",".join(events) + b"]") if 0 < len(events) <= NODES else None


def _field(row: str) -> list[tuple[str, str]]:
    name, _, value = row.partition(":")
    return [(name, value.removeprefix(" "))] if name in ("event", "data", "id", "retry") else []


def _event(fields: list[tuple[str, str]]) -> bytes:
    """One event as a JSON object. Lines of data are joined; of the other fields the last one holds."""
    last = dict(fields)
    members: list[bytes] = []
    if last.get("event", "message") not in ("", "message"):
        members.append(b'"event":' + quoted(last["event"]).encode())
    if "data" in last:
        members.append(b'"data":' + embedded("\n".join([value for name, value in fields if name == "data"]).encode()))
    if "id" in last:
        members.append(b'"id":' + quoted(last["id"]).encode())
    if "retry" in last:
        retry = last["retry"]
        members.append(b'"retry":' + (retry if _MILLISECONDS.fullmatch(retry) else quoted(retry)).encode())
    if "unfinished" in last:
        members.append(b'"unfinished":true')
    return b"{" + b",".join(members) + b"}"


def embedded(data: bytes) -> bytes:
    """UTF-8 as a JSON value: itself where it is JSON, a string where it is not."""
    if b"\0" not in data and not data.startswith(BOM) and parse(data) is not None:
        return data
    return quoted(data.decode("utf-8", "backslashreplace")).encode()
