"""Elements as JSON values, so that pages and XML are compared, addressed and redacted as documents are.

    <order id="7"><item>tea</item><item>milk</item></order>
    {"order": {"@id": "7", "item": [{"#text": "tea"}, {"#text": "milk"}]}}

- Children are lists by name, `$.order.item[1]`, also where there is one only: so a place has one shape
  in every answer. Only the root of XML, and html, head and body of a page, stand for themselves.
- Attributes begin with @. Their order means nothing.
- `#text` is the text of an element; an array where children stand between its pieces.
- `#order` says in which order children of different names, and text, follow each other.
- `#namespace` is the URI of an element's namespace where it is another than its parent's. Prefixes mean nothing.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from migrator.core.formats.bounds import NODES, TooLarge

TEXT: Final = "#text"
ORDER: Final = "#order"
NAMESPACE: Final = "#namespace"


class _Element:
    """An element that is not closed yet."""

    __slots__ = ("keeps", "name", "namespace", "order", "pieces", "run", "value")

    def __init__(self, name: str, namespace: str, *, keeps: bool) -> None:
        self.name = name
        self.namespace = namespace
        self.keeps = keeps
        """White space in its text is kept to the letter."""
        self.value: dict[str, Any] = {}
        self.run: list[str] = []
        """The text since the last child."""
        self.pieces: list[str] = []
        self.order: list[str] = []


class Tree:
    """Takes what a parser finds, element by element. Memory is bounded by NODES; depth by nothing else."""

    def __init__(
        self, *, normalised: Callable[[str], str], alone: frozenset[str] = frozenset(), one_root: bool = False
    ) -> None:
        """`normalised` takes out of a text what its white space does not mean.

        `alone` are names that come once; with `one_root` the outermost element stands for itself too.
        """
        self._normalised = normalised
        self._alone = alone
        self._one_root = one_root
        self._open = [_Element("", "", keeps=False)]
        self._names: Counter[str] = Counter()
        self._nodes = 0

    @property
    def current(self) -> str:
        """The name of the innermost open element, empty outside of all."""
        return self._open[-1].name

    @property
    def keeps(self) -> bool:
        return self._open[-1].keeps

    def is_open(self, name: str) -> bool:
        return self._names[name] > 0

    def open(self, name: str, attributes: dict[str, str], *, namespace: str = "", keeps: bool = False) -> None:
        """An element begins. Raises TooLarge."""
        self._count(1 + len(attributes))
        parent = self._open[-1]
        self._piece(parent)
        parent.order.append(name)
        element = _Element(name, namespace, keeps=keeps or parent.keeps)
        if namespace != parent.namespace:
            element.value[NAMESPACE] = namespace
        for attribute, value in attributes.items():
            element.value[f"@{attribute}"] = value
        self._open.append(element)
        self._names[name] += 1

    def close(self) -> None:
        """The innermost open element ends."""
        element = self._open.pop()
        self._names[element.name] -= 1
        self._place(self._open[-1].value, element.name, self._closed(element))

    def text(self, text: str) -> None:
        """Text follows. Pieces of one run may come one by one. Raises TooLarge."""
        self._count(1)
        self._open[-1].run.append(text)

    def finish(self) -> dict[str, Any]:
        """What lies outermost, by name. Elements that are still open end here."""
        while len(self._open) > 1:
            self.close()
        return self._closed(self._open[0])

    def _closed(self, element: _Element) -> dict[str, Any]:
        self._piece(element)
        value = element.value
        if element.pieces:
            value[TEXT] = element.pieces[0] if len(element.pieces) == 1 else element.pieces
        if len(set(element.order)) > 1:
            value[ORDER] = " ".join(element.order)
        return value

    def _piece(self, element: _Element) -> None:
        """The run of text ends."""
        if not element.run:
            return
        text = "".join(element.run)
        element.run.clear()
        if not element.keeps:
            text = self._normalised(text)
        if text:
            element.pieces.append(text)
            element.order.append(TEXT)

    def _place(self, parent: dict[str, Any], name: str, value: dict[str, Any]) -> None:
        before = parent.get(name)
        if before is None:
            once = name in self._alone or (self._one_root and len(self._open) == 1)
            parent[name] = value if once else [value]
        elif isinstance(before, list):
            before.append(value)
        else:
            parent[name] = [before, value]

    def _count(self, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > NODES:
            raise TooLarge


def same_children(control: Any, candidate: Any) -> bool:
    """Whether two values of `#order` name the same children. Where they do not, those are noted themselves."""
    if not isinstance(control, str) or not isinstance(candidate, str):
        return False
    return sorted(control.split(" ")) == sorted(candidate.split(" "))
