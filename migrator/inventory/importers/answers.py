"""The fields of a JSON answer, from its schema, to a chosen depth.

Schemas are graphs: they refer to themselves, and share parts by the thousand. So paths are worked out once
per (schemas, depth) and kept as suffixes, and every step either spends depth or is remembered as seen.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from migrator.core.paths import render
from migrator.inventory.importers.references import References
from migrator.inventory.importers.spec import SpecError, label_of, one_line

MAX_FIELDS: Final = 100_000
"""Fields of one answer. More is a schema that multiplies, not an answer."""

_BRANCHES: Final = ("allOf", "oneOf", "anyOf")
_CONDITIONALS: Final = ("then", "else")

Schema = dict[str, Any]
_UNKNOWN: Final[Schema] = {}
"""Stands for what a broken reference means: no fields."""
LABEL: Final = "x-migrator-label"


class Told(NamedTuple):
    """What a schema says of a field."""

    description: str
    label: str
    """What marks it as migrating."""


Suffix = tuple[str, Told]
"""A path below some schema (`.slug`, `[*].slug`) and what is said of it."""


@dataclass(slots=True)
class _Merged:
    """Schemas that describe one value, laid over each other."""

    properties: dict[str, list[Schema]] = field(default_factory=dict)
    members: list[Schema] = field(default_factory=list)
    """What stands in an array, or under the free keys of a map."""


@dataclass(slots=True)
class Answers:
    """Finds the fields of answers in one document."""

    references: References
    known: dict[tuple[tuple[int, ...], int, bool], tuple[Suffix, ...]] = field(default_factory=dict)

    def fields(self, schemas: list[Schema], *, depth: int, place: str) -> Iterator[Suffix]:
        """Paths such as `$.articles[*].slug` with what is said of them, in the order of the schema.

        Raises SpecError where a schema multiplies beyond what an answer can have.
        """
        for suffix, told in self._suffixes(schemas, depth, place, in_array=False):
            yield f"${suffix}", told

    def _suffixes(self, schemas: list[Schema], depth: int, place: str, *, in_array: bool) -> tuple[Suffix, ...]:
        if depth <= 0:
            return ()
        schemas = [self._behind(schema, place) for schema in schemas]
        known_as = (tuple(id(schema) for schema in schemas), depth, in_array)
        if known_as not in self.known:
            self.known[known_as] = tuple(self._walk(schemas, depth, place, in_array=in_array))
        return self.known[known_as]

    def _behind(self, schema: Schema, place: str) -> Schema:
        """A reference and nothing else is what it refers to, so that what many refer to is worked out once."""
        if len(schema) != 1 or not isinstance(reference := schema.get("$ref"), str):
            return schema
        target = self.references.target_or_warn(reference, place=place)
        return target if isinstance(target, dict) else _UNKNOWN

    def _walk(self, schemas: list[Schema], depth: int, place: str, *, in_array: bool) -> Iterator[Suffix]:
        merged = self._merge(schemas, place)
        for found, suffix in enumerate(self._steps(merged, depth, place, in_array=in_array), start=1):
            if found > MAX_FIELDS:
                raise SpecError(
                    f"{self.references.findings.filename}: {place}: more than {MAX_FIELDS:,} fields in one answer. "
                    "Choose a smaller --depth."
                )
            yield suffix

    def _steps(self, merged: _Merged, depth: int, place: str, *, in_array: bool) -> Iterator[Suffix]:
        for name, schemas in merged.properties.items():
            step = member(name)
            description = next((text for schema in schemas if (text := one_line(schema.get("description")))), "")
            label = next((text for schema in schemas if (text := label_of(schema.get(LABEL)))), "")
            yield step, Told(description, label)
            for suffix, told in self._suffixes(schemas, depth - 1, place, in_array=False):
                yield step + suffix, told
        # Entering an array is free, so that `[*].slug` is as deep as `slug`; an array in an array spends depth,
        # which is what ends a schema whose items are itself.
        for suffix, told in self._suffixes(merged.members, depth - in_array, place, in_array=True):
            yield f"[*]{suffix}", told

    def _merge(self, schemas: list[Schema], place: str) -> _Merged:
        """Follow references and lay all branches of one value over each other. Branches may refer in circles."""
        merged, seen, pending = _Merged(), set[int](), list(reversed(schemas))
        while pending:
            schema = pending.pop()
            if id(schema) in seen:
                continue
            seen.add(id(schema))
            self._lay_over(merged, schema)
            pending.extend(reversed(list(self._branches(schema, place))))
        return merged

    def _branches(self, schema: Schema, place: str) -> Iterator[Schema]:
        if isinstance(reference := schema.get("$ref"), str):
            yield from _schemas_in([self.references.target_or_warn(reference, place=place)])
        for keyword in _BRANCHES:
            yield from _schemas_in(schema.get(keyword))
        yield from _schemas_in([schema.get(keyword) for keyword in _CONDITIONALS])

    @staticmethod
    def _lay_over(merged: _Merged, schema: Schema) -> None:
        properties = schema.get("properties")
        for name, below in properties.items() if isinstance(properties, dict) else ():
            if isinstance(below, dict) and not _is_true(below.get("writeOnly")):
                merged.properties.setdefault(str(name), []).append(below)
        items = schema.get("items")
        merged.members.extend(_schemas_in(items if isinstance(items, list) else [items]))
        merged.members.extend(_schemas_in(schema.get("prefixItems")))
        merged.members.extend(_schemas_in([schema.get("additionalProperties")]))
        patterns = schema.get("patternProperties")
        merged.members.extend(_schemas_in(list(patterns.values())) if isinstance(patterns, dict) else ())


def member(name: str) -> str:
    """One step of a path: `.slug`, or `['odd-key']`. A space is escaped: in a unit's key it would end the path."""
    return render((name,)).removeprefix("$").replace(" ", r"\u0020")


def _schemas_in(nodes: object) -> Iterator[Schema]:
    yield from (node for node in nodes if isinstance(node, dict)) if isinstance(nodes, list) else ()


def _is_true(value: object) -> bool:
    """YAML scalars stay text, see documents.py."""
    return value is True or value == "true"
