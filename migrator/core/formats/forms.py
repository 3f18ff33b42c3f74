"""Bodies as forms send them: names and values, or parts. The order of different names means nothing.

A field is addressed by its name, `$.city`; where the name comes several times, by its index too,
`$.tag[1]`. A part with a file name or a type is `$.photo.filename`, `.type` and `.content`.
"""

from collections.abc import Iterator
from json.encoder import encode_basestring_ascii as quoted
from urllib.parse import unquote_to_bytes

from xxhash import xxh3_64_hexdigest

from migrator.core.body import Document, parse
from migrator.core.formats.bounds import NODES, STRUCTURE_BYTES
from migrator.core.formats.media import MediaType, media_type
from migrator.core.formats.records import embedded
from migrator.core.formats.text import decoded


def read_form(data: bytes, media: MediaType) -> Document | None:
    """`application/x-www-form-urlencoded`, None where it is none or too large.

    Bytes that are not UTF-8 are kept as lone surrogates, so that no two different values become one.
    """
    if len(data) > STRUCTURE_BYTES or data.count(b"&") > NODES or b"\n" in data.strip() or b"\0" in data:
        return None
    fields: dict[str, list[str]] = {}
    for pair in data.strip().split(b"&"):
        if pair:
            name, _, value = pair.partition(b"=")
            fields.setdefault(_plain(name), []).append(_plain(value))
    return Document({name: values[0] if len(values) == 1 else values for name, values in fields.items()})


def _plain(written: bytes) -> str:
    return unquote_to_bytes(written.replace(b"+", b" ")).decode("utf-8", "surrogateescape")


def read_multipart(data: bytes, media: MediaType) -> Document | None:
    """Parts by their names, or as an array where they have none; None where the last boundary is missing.

    The boundary itself means nothing: it is another one in every answer.
    """
    boundary = media.parameters.get("boundary") or _first_boundary(data)
    if not boundary or len(data) > STRUCTURE_BYTES:
        return None
    _, *parts = (b"\r\n" + data).split(b"\r\n--" + boundary.encode("latin-1", "replace"))
    if not 0 < len(parts) <= NODES or not parts[-1].startswith(b"--"):
        return None
    read = [_Part(part) for part in parts[:-1]]
    if media.name != "multipart/form-data":
        return parse(b"[" + b",".join(part.described() for part in read) + b"]")
    return parse(b"{" + b",".join(_members(read)) + b"}")


def _first_boundary(data: bytes) -> str:
    """What the first line says that the boundary is."""
    line = data[:80].partition(b"\r\n")[0]
    return line[2:].decode("latin-1") if line.startswith(b"--") else ""


def _members(parts: list["_Part"]) -> Iterator[bytes]:
    named: dict[str, list[bytes]] = {}
    for part in parts:
        named.setdefault(part.name, []).append(part.written())
    for name, values in named.items():
        value = values[0] if len(values) == 1 else b"[" + b",".join(values) + b"]"
        yield quoted(name).encode() + b":" + value


class _Part:
    """One part: what its headers say, and its content."""

    def __init__(self, part: bytes) -> None:
        head, _, self.content = part.partition(b"\r\n\r\n")
        headers: dict[str, str] = {}
        for line in head.decode("utf-8", "backslashreplace").split("\r\n"):
            name, _, value = line.partition(":")
            headers.setdefault(name.strip().lower(), value.strip())
        disposition = media_type(headers.get("content-disposition", "")).parameters
        self.name = disposition.get("name", "")
        self.filename = disposition.get("filename")
        self.type = media_type(headers["content-type"]) if "content-type" in headers else None

    def written(self) -> bytes:
        """A field as its text, a file as an object."""
        if self.filename is None and self.type is None:
            return self._content()
        return self.described()

    def described(self) -> bytes:
        """The part as a JSON object."""
        members = [b'"content":' + self._content()]
        if self.filename is not None:
            members.append(b'"filename":' + quoted(self.filename).encode())
        if self.type is not None:
            members.append(b'"type":' + quoted(self.type.name).encode())
        return b"{" + b",".join(members) + b"}"

    def _content(self) -> bytes:
        """JSON where it is declared to be, text where it can be read, else size in bytes and hash."""
        text = decoded(self.content, self.type or MediaType())
        if text is None:
            return b'{"bytes":%d,"hash":"%s"}' % (len(self.content), xxh3_64_hexdigest(self.content).encode())
        if self.type is not None and self.type.is_json:
            return embedded(text.encode())
        return quoted(text).encode()
