"""Whose word data planes obey, in what order: versions of the table, and signed orders beside it."""

from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from migrator.core.measures import Count, Identity, Key, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A routing table's age: greater is newer. The epoch jumps when a backup is restored."""

    epoch: Count = 1
    number: Count = 0

    def __lt__(self, other: "Version") -> bool:
        return (self.epoch, self.number) < (other.epoch, other.number)

    def __str__(self) -> str:
        return f"{self.epoch}.{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """An order of last resort: legacy answers these units, whatever the table says. It can only lower exposure."""

    id: Identity
    project: Identity
    units: tuple[Key, ...] = ()
    """Unit keys; a field stands for its endpoint. `*` is all of them."""
    services: tuple[Identity, ...] = ()
    author: Text
    reason: Text = ""
    issued_at: float
    """Seconds since the epoch."""
    expires_at: float
    version: Version = field(default_factory=Version)
    """The newest table that its author knew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOverride:
    """An override as its author signed it: `document` is the JSON text of an Override, byte for byte."""

    document: Annotated[str, msgspec.Meta(max_length=1_000_000)]
    signature: Annotated[str, msgspec.Meta(max_length=200)]
    """Ed25519 over the document's UTF-8 bytes, base64."""
