"""From bytes to plain data, whatever a file holds: JSON, YAML, or the text of a GraphQL schema.

The content decides, not the file's name. YAML is read without its types: every scalar stays the text
that was written, so `on`, `1.10` and `2018-01-01` are no surprises, and no tag can construct anything.
The tree is built from parser events without recursion: the parsers' own composers overflow the
C stack on deep nesting, and expand merge keys without bound.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from migrator.inventory.importers.spec import SpecError

MAX_BYTES: Final = 64 * 1024 * 1024
MAX_NESTING: Final = 200
MAX_MERGED: Final = 1_000_000
"""Entries that merge keys (`<<`) may copy, in all."""

_SDL = re.compile(
    r'^(?:\s|,|#[^\n]*|"""(?:[^"]|"(?!""))*+"""|"[^"\n]*")*+'
    r"(?:extend\s+)?(?:type|interface|union|enum|input|scalar|schema|directive)\s*[\w@{]",
)
_Loader: Final = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def decode(data: bytes, *, filename: str) -> str:
    """The text of a file. Raises SpecError where it is too large or not UTF-8."""
    if len(data) > MAX_BYTES:
        raise SpecError(f"{filename}: {len(data) / 2**20:.0f} MB; specs of up to {MAX_BYTES // 2**20} MB are read.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(f"{filename}: not UTF-8 text at byte {error.start}.") from None
    if not text.strip():
        raise SpecError(f"{filename}: the file is empty.")
    return text


def is_sdl(text: str) -> bool:
    """Whether a text is a GraphQL schema: its first word that is no comment or description opens a definition."""
    return _SDL.match(text) is not None


def parse(text: str, *, filename: str) -> Any:
    """JSON or YAML as dicts, lists and scalars. Raises SpecError naming line and column."""
    if text.lstrip()[:1] in ("{", "["):
        try:
            return _parse_json(text, filename=filename)
        except SpecError:
            # Flow style YAML also starts with a brace. A file that calls itself JSON gets JSON's complaint.
            if not filename.lower().endswith((".yaml", ".yml")):
                raise
    return _parse_yaml(text, filename=filename)


def _parse_json(text: str, *, filename: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise SpecError(f"{filename}:{error.lineno}:{error.colno}: not JSON: {error.msg}.") from None
    except RecursionError:
        raise SpecError(f"{filename}: nested too deeply to be a spec.") from None
    except ValueError as error:
        raise SpecError(f"{filename}: not JSON: {error}.") from None


def _parse_yaml(text: str, *, filename: str) -> Any:
    tree = _Tree(filename=filename)
    try:
        for event in yaml.parse(text, Loader=_Loader):
            tree.take(event)
    except yaml.MarkedYAMLError as error:
        place = _position(error.problem_mark or error.context_mark)
        raise SpecError(f"{filename}{place}: not YAML: {error.problem or error.context}.") from None
    except yaml.YAMLError as error:
        raise SpecError(f"{filename}: not YAML: {' '.join(str(error).split())}.") from None
    return tree.root


@dataclass(slots=True)
class _Open:
    """A mapping or sequence whose end was not seen yet."""

    node: Any
    key: str | None = None
    merges: list[Any] = field(default_factory=list)


@dataclass(slots=True)
class _Tree:
    """Plain data, built event by event. Anchored nodes are shared, not copied."""

    filename: str
    root: Any = None
    documents: int = 0
    merged: int = 0
    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, Any] = field(default_factory=dict)

    def take(self, event: yaml.Event) -> None:
        """One parser event. Raises SpecError where the document is deeper or larger than a spec can be."""
        if isinstance(event, yaml.ScalarEvent):
            self._place(event.value, event)
        elif isinstance(event, yaml.MappingStartEvent):
            self._open({}, event)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._open([], event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close(event)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise self._refusal(event, "a second document starts here; a spec is one document")

    def _open(self, node: Any, event: Any) -> None:
        if len(self.stack) >= MAX_NESTING:
            raise self._refusal(event, f"nested more than {MAX_NESTING} levels deep")
        self._place(node, event)
        self.stack.append(_Open(node))

    def _close(self, event: yaml.Event) -> None:
        closed = self.stack.pop()
        if not closed.merges:
            return
        own = dict(closed.node)
        closed.node.clear()
        sources = [one for node in closed.merges for one in (node if isinstance(node, list) else [node])]
        # The first of several merged mappings wins, and the mapping's own entries win over all.
        for source in reversed(sources):
            if not isinstance(source, dict):
                raise self._refusal(event, "a merge key (<<) takes mappings")
            self.merged += len(source)
            if self.merged > MAX_MERGED:
                raise self._refusal(event, f"merge keys copy more than {MAX_MERGED:,} entries")
            closed.node.update(source)
        closed.node.update(own)

    def _alias(self, event: yaml.AliasEvent) -> None:
        if event.anchor not in self.anchors:
            raise self._refusal(event, f"alias *{event.anchor} names no anchor")
        node = self.anchors[event.anchor]
        if any(node is opened.node for opened in self.stack):
            raise self._refusal(event, f"alias *{event.anchor} contains itself")
        self._place(node, event)

    def _place(self, node: Any, event: Any) -> None:
        """Put a node where it belongs: at the root, into the open list, or as key or value of the open mapping."""
        if event.anchor is not None and not isinstance(event, yaml.AliasEvent):
            self.anchors[event.anchor] = node
        if not self.stack:
            self.root = node
            return
        parent = self.stack[-1]
        if isinstance(parent.node, list):
            parent.node.append(node)
        elif parent.key is None:
            if not isinstance(node, str):
                raise self._refusal(event, "a key that is no text")
            parent.key = node
        else:
            self._entry(parent, node, event)

    def _entry(self, parent: _Open, node: Any, event: yaml.Event) -> None:
        key, parent.key = parent.key, None
        if key != "<<":
            parent.node[key] = node
            return
        # Nodes are placed before they are filled, so what is merged is looked at when the mapping ends.
        parent.merges.append(node)

    def _refusal(self, event: yaml.Event, text: str) -> SpecError:
        return SpecError(f"{self.filename}{_position(event.start_mark)}: {text}.")


def _position(mark: Any) -> str:
    return f":{mark.line + 1}:{mark.column + 1}" if mark else ""
