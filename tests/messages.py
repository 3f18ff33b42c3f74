"""The texts of the interface, read from their sources, and a language made of them in which each text is marked.

GNU gettext is not needed: templates are compiled by Django, Python is parsed, and the catalogue is written here.
"""

import ast
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.template import Origin, Template
from django.template.base import Node
from django.template.engine import Engine
from django.templatetags.i18n import BlockTranslateNode, TranslateNode

ROOT: Final = Path(__file__).resolve().parent.parent
TEMPLATES: Final = ROOT / "templates"
DASHBOARDS: Final = ROOT / "dashboards"
OPENED, CLOSED = "⟦", "⟧"
_PLAIN: Final = ("_", "gettext", "gettext_lazy", "gettext_noop")
_IN_A_FILTER: Final = re.compile(r'_\("((?:[^"\\]|\\.)*)"\)')


@dataclass(frozen=True, slots=True, order=True)
class Text:
    """One message: in one form, or in two where it counts."""

    singular: str
    plural: str = ""
    context: str = ""

    @property
    def forms(self) -> tuple[str, ...]:
        return (self.singular, self.plural) if self.plural else (self.singular,)


def templates() -> list[Path]:
    return sorted(path for path in TEMPLATES.rglob("*") if path.suffix in (".html", ".svg"))


def modules() -> list[Path]:
    return sorted(DASHBOARDS.rglob("*.py"))


def texts() -> set[Text]:
    """Every text of the interface."""
    found = {text for path in templates() for text in _of_template(path)}
    return found | {text for path in modules() for text in _of_module(path)}


def _of_template(path: Path) -> Iterator[Text]:
    source = path.read_text()
    for match in _IN_A_FILTER.finditer(source):
        yield Text(match[1].replace("%", "%%"))
    name = str(path.relative_to(TEMPLATES))
    compiled = Template(source, Origin(name), name, Engine.get_default())
    for node in _nodes(compiled, TranslateNode):
        literal = node.filter_expression.var.literal  # type: ignore[attr-defined]
        if literal is not None:
            yield Text(str(literal).replace("%", "%%"))
    for node in _nodes(compiled, BlockTranslateNode):
        singular, _ = node.render_token_list(node.singular)  # type: ignore[attr-defined]
        plural, _ = node.render_token_list(node.plural)  # type: ignore[attr-defined]
        yield Text(singular, plural)


def _nodes(compiled: Template, kind: type[Node]) -> list[Node]:
    return [found for node in compiled.nodelist for found in node.get_nodes_by_type(kind)]


def _of_module(path: Path) -> Iterator[Text]:
    for call in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
            continue
        said = [each.value for each in call.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
        if call.func.id in _PLAIN and len(said) == 1:
            yield Text(said[0])
        elif call.func.id == "ngettext" and len(said) == 2:
            yield Text(said[0], plural=said[1])
        elif call.func.id == "pgettext" and len(said) == 2:
            yield Text(said[1], context=said[0])


# ------------------------------------------------------------------------ a language made of them


def write_marked(folder: Path, language: str) -> None:
    """A compiled catalogue under `folder` in which every text stands in brackets."""
    place = folder / language / "LC_MESSAGES"
    place.mkdir(parents=True)
    (place / "django.mo").write_bytes(_compiled({_key(text): _marked(text) for text in texts()} | _header()))


def _header() -> dict[bytes, bytes]:
    head = "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\n"
    return {b"": head.encode()}


def _key(text: Text) -> bytes:
    key = "\0".join(text.forms)
    return f"{text.context}\4{key}".encode() if text.context else key.encode()


def _marked(text: Text) -> bytes:
    return "\0".join(f"{OPENED}{form}{CLOSED}" for form in text.forms).encode()


def _compiled(messages: dict[bytes, bytes]) -> bytes:
    """The file format that gettext reads: a header, a table of keys, a table of texts, then both, ended by zeros."""
    ordered = sorted(messages.items())
    start = 28 + 16 * len(ordered)
    tables: list[bytes] = []
    strings = b""
    for side in (0, 1):
        for pair in ordered:
            tables.append(struct.pack("<II", len(pair[side]), start + len(strings)))
            strings += pair[side] + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(ordered), 28, 28 + 8 * len(ordered), 0, start)
    return head + b"".join(tables) + strings
