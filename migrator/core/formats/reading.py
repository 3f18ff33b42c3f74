"""Two bodies read in the format that both of them have: claimed, or seen from how they begin.

JSON comes first, whatever is claimed, but for lines of JSON: one line alone would pass for a document.
What both sides' structure cannot be read from is compared as text, and what is no text as a whole.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from migrator.core.body import Content, Document, parse, sniff
from migrator.core.formats.forms import read_form, read_multipart
from migrator.core.formats.html_tree import read_html
from migrator.core.formats.media import Format, MediaType
from migrator.core.formats.records import looks_like_lines, read_events, read_lines
from migrator.core.formats.text import read_text
from migrator.core.formats.xml_tree import read_xml

Reader = Callable[[bytes, MediaType], Document | None]

_READERS: Final[Mapping[Format, Reader]] = {
    Format.LINES: read_lines,
    Format.EVENTS: read_events,
    Format.FORM: read_form,
    Format.MULTIPART: read_multipart,
    Format.XML: read_xml,
    Format.HTML: read_html,
}
MARKUP: Final = frozenset((Format.XML, Format.HTML))


@dataclass(slots=True, eq=False)
class Piece:
    """A body with its codings undone, and what its header claims. Not frozen: two are made for every pair."""

    data: bytes
    media: MediaType


@dataclass(slots=True, eq=False)
class Reading:
    """What two bodies turned out to be."""

    control: Document | None = None
    candidate: Document | None = None
    """Both, one or none: what can be read of a pair that has no format in common is what is JSON in it."""
    format: Format | None = None
    """None for JSON."""
    lines: tuple[Document, Document] | None = None
    """The lines of two texts."""


def read_pair(control: Piece, candidate: Piece) -> Reading:
    """Read two bodies that differ. Never raises."""
    claimed = _claimed(control, candidate)
    if claimed is Format.LINES and (reading := _as(claimed, control, candidate)) is not None:
        return reading
    one, other = read_json(control), read_json(candidate)
    if one is not None and other is not None:
        return Reading(one, other)
    for each in _formats(claimed, control, candidate):
        if (reading := _as(each, control, candidate)) is not None:
            return reading
    if one is None and other is None and _of_one_kind(control, candidate):
        left, right = read_text(control.data, control.media), read_text(candidate.data, candidate.media)
        if left is not None and right is not None:
            return Reading(lines=(left, right))
    return Reading(one, other)


def read_one(piece: Piece) -> Document | None:
    """The document in one body, None where it has no structure. Never raises."""
    if piece.media.format is Format.LINES and (document := read_lines(piece.data, piece.media)) is not None:
        return document
    if (document := read_json(piece)) is not None:
        return document
    for each in filter(None, (piece.media.format, _seen(piece.data))):
        if (document := _READERS[each](piece.data, piece.media)) is not None:
            return document
    return None


def read_json(piece: Piece) -> Document | None:
    """The JSON document in a body, None where there is none."""
    document = parse(piece.data)
    if document is None and piece.media.charset is not None:
        return parse(piece.data, piece.media.charset)
    return document


def _as(format_: Format, control: Piece, candidate: Piece) -> Reading | None:
    reader = _READERS[format_]
    left = reader(control.data, control.media)
    right = reader(candidate.data, candidate.media) if left is not None else None
    return None if left is None or right is None else Reading(left, right, format_)


def _claimed(control: Piece, candidate: Piece) -> Format | None:
    """The format that both sides claim, or one of them while the other claims nothing."""
    one, other = control.media.format, candidate.media.format
    if one is other:
        return one
    if not candidate.media.name:
        return one
    return None if control.media.name else other


def _formats(claimed: Format | None, control: Piece, candidate: Piece) -> Iterator[Format]:
    """The formats to try, each once. Lines that are claimed were tried before."""
    if claimed is not None and claimed is not Format.LINES:
        yield claimed
    for seen in dict.fromkeys((_seen(control.data), _seen(candidate.data))):
        if seen is not None and seen is not claimed:
            yield seen


def _seen(data: bytes) -> Format | None:
    """The format that a body begins like."""
    if looks_like_lines(data):
        return Format.LINES
    return _SEEN.get(sniff(data))


_SEEN: Final = {Content.XML: Format.XML, Content.HTML: Format.HTML}


def _of_one_kind(control: Piece, candidate: Piece) -> bool:
    """Whether lines of the two can stand for each other: a page and a word are better told apart as a whole."""
    return sniff(control.data) is sniff(candidate.data)
