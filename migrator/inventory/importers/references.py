"""Local `$ref`s of a document: `#/components/schemas/User`. Nothing is ever fetched."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from migrator.inventory.importers.spec import Findings


class Unresolvable(ValueError):
    """A `$ref` that leads nowhere, in words."""


@dataclass(slots=True)
class References:
    """Follows the references of one document."""

    document: dict[str, Any]
    findings: Findings

    def follow(self, node: Any) -> Any:
        """The node behind a reference, and behind that one's, or the node itself. Raises Unresolvable."""
        seen: set[str] = set()
        while isinstance(node, dict) and isinstance(target := node.get("$ref"), str):
            if target in seen:
                raise Unresolvable(f"{target} refers to itself")
            seen.add(target)
            node = self.target(target)
        return node

    def follow_or_warn(self, node: Any, *, place: str) -> Any:
        """As `follow`; what cannot be resolved becomes a warning and None."""
        try:
            return self.follow(node)
        except Unresolvable as error:
            self.findings.warn(f"{place}: {error}")
            return None

    def target_or_warn(self, reference: str, *, place: str) -> Any:
        """As `target`; what cannot be resolved becomes a warning and None."""
        try:
            return self.target(reference)
        except Unresolvable as error:
            self.findings.warn(f"{place}: {error}")
            return None

    def target(self, reference: str) -> Any:
        """What a reference names. Raises Unresolvable."""
        address, hash_sign, pointer = reference.partition("#")
        if address or not hash_sign:
            raise Unresolvable(f"{reference} is in another file, and nothing is fetched: bundle the spec into one")
        if pointer and not pointer.startswith("/"):
            raise Unresolvable(f"{reference} is an anchor; only paths such as #/components/schemas/User are followed")
        node: Any = self.document
        for part in unquote(pointer).split("/")[1:]:
            node = _step(node, part.replace("~1", "/").replace("~0", "~"))
            if node is None:
                raise Unresolvable(f"{reference} does not exist")
        return node


def _step(node: Any, part: str) -> Any:
    if isinstance(node, dict):
        return node.get(part)
    if isinstance(node, list) and part.isdecimal() and int(part) < len(node):
        return node[int(part)]
    return None
