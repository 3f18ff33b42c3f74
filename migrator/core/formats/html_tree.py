"""HTML as it is written, read in one pass and never refused: what browsers forgive is forgiven.

An element that another one implies to be over is closed, elements without content need no end, an end
without a beginning is passed over. Elements that browsers add on their own (tbody, a missing body) are
not added. White space in a run of text is one blank, and none at its ends; to the letter in pre,
textarea, script and style. Comments mean nothing.
"""

import html
import re
from typing import Any, Final

from migrator.core.body import Document
from migrator.core.formats.bounds import STRUCTURE_BYTES, TooLarge
from migrator.core.formats.media import MediaType
from migrator.core.formats.text import decoded
from migrator.core.formats.tree import Tree

DOCTYPE: Final = "#doctype"

_BLANKS: Final = " \t\n\f\r"
_RUN = re.compile(rf"[{_BLANKS}]+")
_BEGIN = re.compile(rf"<([A-Za-z][^{_BLANKS}/>]*)")
_END = re.compile(rf"</([A-Za-z][^{_BLANKS}/>]*)")
_BETWEEN = re.compile(rf"[{_BLANKS}/]*")
_NAME = re.compile(rf"[^{_BLANKS}/>][^{_BLANKS}/>=]*")
_VALUE = re.compile(rf"[{_BLANKS}]*=[{_BLANKS}]*(?:\"([^\"]*)\"|'([^']*)'|([^{_BLANKS}>\"'][^{_BLANKS}>]*))?")

_ALONE: Final = frozenset(("html", "head", "body"))
_EMPTY: Final = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr")
)
_RAW: Final = frozenset(("script", "style"))
_KEEPING: Final = frozenset(("pre", "textarea", "script", "style"))
_FOREIGN: Final = ("svg", "math")
_BLOCKS: Final = (
    *("address", "article", "aside", "blockquote", "details", "div", "dl", "fieldset", "figure", "footer", "form"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "main", "nav", "ol", "p", "pre", "section", "table", "ul"),
)
_OVER: Final[dict[str, frozenset[str]]] = {
    **dict.fromkeys(_BLOCKS, frozenset(("p",))),
    "li": frozenset(("li", "p")),
    "dt": frozenset(("dt", "dd", "p")),
    "dd": frozenset(("dt", "dd", "p")),
    "option": frozenset(("option",)),
    "optgroup": frozenset(("option", "optgroup")),
    "td": frozenset(("td", "th", "p")),
    "th": frozenset(("td", "th", "p")),
    "tr": frozenset(("tr", "td", "th", "p")),
    "tbody": frozenset(("thead", "tbody", "tr", "td", "th", "p")),
    "tfoot": frozenset(("thead", "tbody", "tr", "td", "th", "p")),
    "body": frozenset(("head",)),
}
"""What an element implies to be over, if it is the innermost that is open."""


def read_html(data: bytes, media: MediaType) -> Document | None:
    """The elements as a document (`tree`), None where there is none, or too much, or no text."""
    text = decoded(data, media) if len(data) <= STRUCTURE_BYTES else None
    if text is None:
        return None
    try:
        value = _Reader(text.replace("\r\n", "\n").removeprefix("\ufeff")).read()
    except TooLarge:
        return None
    return Document(value) if any(name[0] != "#" for name in value) else None


class _Reader:
    """One pass through a page. Every step moves on, and what is searched for in vain is searched for once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tree = Tree(normalised=_collapsed, alone=_ALONE)
        self._doctype: str | None = None

    def read(self) -> dict[str, Any]:
        text, at = self._text, 0
        while at < len(text):
            bracket = text.find("<", at)
            if bracket < 0:
                bracket = len(text)
            if bracket > at:
                self._tree.text(_unescaped(text[at:bracket]))
            at = self._markup(bracket) if bracket < len(text) else bracket
        value = self._tree.finish()
        if self._doctype is not None:
            value[DOCTYPE] = self._doctype
        return value

    def _markup(self, at: int) -> int:
        """Read what begins with this `<`. Returns where it ends."""
        if (match := _BEGIN.match(self._text, at)) is not None:
            return self._begin(match[1].lower(), match.end())
        if (match := _END.match(self._text, at)) is not None:
            self._end(match[1].lower())
            return self._after(">", match.end())
        if self._text.startswith("<!--", at):
            return self._after("-->", at + 4)
        if self._text.startswith(("<!", "<?", "</"), at):
            return self._declaration(at)
        self._tree.text("<")
        return at + 1

    def _after(self, sought: str, at: int) -> int:
        """Past the next of these, or at the end of the page."""
        found = self._text.find(sought, at)
        return len(self._text) if found < 0 else found + len(sought)

    def _declaration(self, at: int) -> int:
        end = self._after(">", at)
        written = self._text[at:end]
        if written[:9].lower() == "<!doctype":
            self._doctype = _collapsed(written[9:].rstrip(">")).lower()
        return end

    def _begin(self, name: str, at: int) -> int:
        attributes: dict[str, str] = {}
        while True:
            blank = _BETWEEN.match(self._text, at)
            at = blank.end() if blank is not None else at
            if at >= len(self._text):
                return at  # a tag that does not end is none
            if self._text[at] == ">":
                break
            at = self._attribute(attributes, at)
        self._open(name, attributes, ended=self._text[at - 1] == "/")
        return self._raw(name, at + 1) if name in _RAW else at + 1

    def _attribute(self, attributes: dict[str, str], at: int) -> int:
        match = _NAME.match(self._text, at)
        assert match is not None
        value = _VALUE.match(self._text, match.end())
        written = "" if value is None else value[1] or value[2] or value[3] or ""
        attributes.setdefault(match[0].lower(), _unescaped(written))
        return match.end() if value is None else value.end()

    def _open(self, name: str, attributes: dict[str, str], *, ended: bool) -> None:
        over = _OVER.get(name)
        while over is not None and self._tree.current in over:
            self._tree.close()
        self._tree.open(name, attributes, keeps=name in _KEEPING)
        if name in _EMPTY or (ended and (name in _FOREIGN or any(map(self._tree.is_open, _FOREIGN)))):
            self._tree.close()

    def _end(self, name: str) -> None:
        """Close the innermost open element of this name and all that lies in it."""
        if not self._tree.is_open(name):
            return
        while self._tree.current != name:
            self._tree.close()
        self._tree.close()

    def _raw(self, name: str, at: int) -> int:
        """The content of an element in which nothing is markup but its own end."""
        end = re.compile(rf"</{name}(?=[{_BLANKS}/>])", re.IGNORECASE).search(self._text, at)
        stop = end.start() if end is not None else len(self._text)
        if stop > at:
            self._tree.text(self._text[at:stop])
        return stop


def _collapsed(text: str) -> str:
    return _RUN.sub(" ", text).strip(" ")


def _unescaped(text: str) -> str:
    try:
        return html.unescape(text) if "&" in text else text
    except ValueError:  # a character reference of thousands of digits
        return text
