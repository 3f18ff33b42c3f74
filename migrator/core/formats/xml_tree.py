"""XML, read by expat. Nothing outside the body is ever fetched, and entities are not declared here.

A body that declares entities of its own is not read: it could unfold to a thousand times its size,
and what services answer has no need of it.
"""

from typing import Any, Final
from xml.parsers import expat

from migrator.core.body import Document
from migrator.core.formats.bounds import STRUCTURE_BYTES, TooLarge
from migrator.core.formats.media import MediaType
from migrator.core.formats.tree import Tree

CHUNK: Final = 64 * 2**10
"""Bytes that expat is given at once: only between them can it be stopped."""
_DECLARATIONS: Final = tuple("<!ENTITY".encode(charset) for charset in ("ascii", "utf-16-le", "utf-16-be"))
_XML_NAMESPACE: Final = "http://www.w3.org/XML/1998/namespace"


class _Refused(Exception):
    """The body declares entities."""


def read_xml(data: bytes, media: MediaType) -> Document | None:
    """The elements as a document (`tree`), None where it is not well-formed, too large, or declares entities.

    White space is taken off both ends of a text, and kept where `xml:space="preserve"` says so.
    """
    if len(data) > STRUCTURE_BYTES or any(declaration in data for declaration in _DECLARATIONS):
        return None
    for charset in (None, media.charset):
        try:
            return Document(_Reader(charset).read(data))
        except (TooLarge, _Refused):
            return None
        except (expat.ExpatError, LookupError, ValueError, TypeError):
            if media.charset is None:
                return None
    return None


class _Reader:
    """One run of expat."""

    def __init__(self, charset: str | None) -> None:
        self._tree = Tree(normalised=lambda text: text.strip(" \t\r\n"), one_root=True)
        self._parser = parser = expat.ParserCreate(charset, " ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.SkippedEntityHandler = self._skipped
        parser.EntityDeclHandler = self._declared

    def read(self, data: bytes) -> dict[str, Any]:
        for at in range(0, len(data), CHUNK):
            self._parser.Parse(data[at : at + CHUNK], False)
        self._parser.Parse(b"", True)
        return self._tree.finish()

    def _start(self, written: str, attributes: dict[str, str]) -> None:
        namespace, _, name = written.rpartition(" ")
        named = {_attribute(written): value for written, value in attributes.items()}
        self._tree.open(name, named, namespace=namespace, keeps=named.get("xml:space") == "preserve")

    def _end(self, written: str) -> None:
        self._tree.close()

    def _text(self, text: str) -> None:
        self._tree.text(text)

    def _skipped(self, name: str, is_parameter: bool) -> None:
        if not is_parameter:
            self._tree.text(f"&{name};")

    def _declared(self, *declaration: object) -> None:
        raise _Refused


def _attribute(written: str) -> str:
    """`href`; `{http://www.w3.org/1999/xlink}href`; `xml:lang`."""
    namespace, _, name = written.rpartition(" ")
    if not namespace:
        return name
    return f"xml:{name}" if namespace == _XML_NAMESPACE else f"{{{namespace}}}{name}"
