"""What every importer returns, whatever it read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from migrator.core.stages import Operation

MAX_KEY: Final = 500
MAX_DESCRIPTION: Final = 500
MAX_LABEL: Final = 200
MAX_UNITS: Final = 1_000_000
MAX_WARNINGS: Final = 50

_PARAMETER: Final = re.compile(r"\{[^{}/]*\}")


class SpecError(ValueError):
    """A document that cannot be imported. The message is one line that names the file and the place."""


class Format(StrEnum):
    """What kind of document was read. An import judges only units that its format can name."""

    OPENAPI = "openapi"
    """Swagger 2 or OpenAPI 3.x: `GET /users/{id}` and `GET /users/{id} $.name`."""
    GRAPHQL = "graphql"
    """A schema in SDL: `Query.user` and `User.name`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitSpec:
    """One endpoint or field as a document describes it."""

    key: str
    kind: str
    """`endpoint` or `field`."""
    operation: Operation
    parent_key: str | None = None
    """The endpoint whose answer carries this field. Fields of GraphQL types have none."""
    description: str = ""
    label: str = ""
    """What marks it as migrating in its document; empty where nothing does."""
    runbook: str = ""
    """Where it is written what to do about it; empty where the document does not say."""
    irreversible: bool | None = None
    """Whether what it did can never be taken back; None where the document does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A document, read. `counts` says what was found, in the words of its format."""

    title: str
    format: Format
    units: tuple[UnitSpec, ...]
    counts: Mapping[str, int]
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class Findings:
    """Units and warnings while a document is being read. A key is kept once, a warning too."""

    filename: str
    units: dict[str, UnitSpec] = field(default_factory=dict)
    warnings: dict[str, None] = field(default_factory=dict)

    def add(self, unit: UnitSpec) -> None:
        """Keep a unit. Raises SpecError where a document names more units than anyone could migrate."""
        if len(unit.key) > MAX_KEY:
            self.warn(f"{unit.key[:80]}… is longer than {MAX_KEY} characters and was left out")
        elif not unit.key.isprintable():
            self.warn(f"{unit.key[:80]!r} has characters that no address has and was left out")
        elif unit.key in self.units:
            self.warn(f"{unit.key} is there twice; the first one counts")
        else:
            self.units[unit.key] = unit
        if len(self.units) > MAX_UNITS:
            raise SpecError(f"{self.filename}: more than {MAX_UNITS:,} units. Choose a smaller --depth.")

    def warn(self, text: str) -> None:
        self.warnings[text] = None

    def shown_warnings(self) -> tuple[str, ...]:
        shown = tuple(self.warnings)[:MAX_WARNINGS]
        more = len(self.warnings) - len(shown)
        return (*shown, f"… and {more:,} more warnings") if more else shown


def shape_of(key: str) -> str:
    """A key with its parameters nameless: two keys of one shape match the same requests."""
    return _PARAMETER.sub("{}", key)


def label_of(text: object) -> str:
    """A label as one line that fits its column."""
    return one_line(text)[:MAX_LABEL]


def one_line(text: object) -> str:
    """A description as one line that fits its column; what is no text, or no valid Unicode, is dropped."""
    if not isinstance(text, str):
        return ""
    words = " ".join(text[: MAX_DESCRIPTION * 4].replace("\0", " ").split())
    words = words.encode("utf-8", "ignore").decode()
    return words if len(words) <= MAX_DESCRIPTION else words[: MAX_DESCRIPTION - 1] + "…"
