"""Whose are these lines? From files of code to units: by a mapping that somebody wrote, or by the paths in the code.

A mapping is YAML:

    - files: "services/{name}/**/*.py"
      service: "{name}"
    - files: "api/users/show.py"
      unit: "GET /users/{id}"
      functions: "def show"

`{name}` in `files` stands for one part of a path, and for the same in what the lines go to; `functions` takes only
the code from a line that holds these words to the next line that is not deeper. The first entry that fits a file
and finds its units counts, and all of them where they name functions; after those it has what is left of the file.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from migrator.core.routing import endpoint_of
from migrator.inventory.importers.spec import shape_of
from migrator.inventory.services import Invalid
from migrator.planning.lines import LANGUAGES, Source, count_lines

MOST_ENTRIES: Final = 2_000
PARTS: Final = frozenset({"files", "unit", "service", "functions"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A unit that lines can go to."""

    id: int
    key: str
    service: str
    endpoint: int
    """Id of the endpoint that it is, or that it is a field of; its own where it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a mapping."""

    files: re.Pattern[str]
    unit: str
    service: str
    functions: str


@dataclass(slots=True, kw_only=True)
class Attribution:
    """Lines by unit (ids), and what was found on the way."""

    lines: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    files: Counter[int] = field(default_factory=Counter)
    """In how many files each unit's lines stand."""
    languages: Counter[str] = field(default_factory=Counter)
    """Lines by language, whoever they belong to."""
    seen_files: int = 0
    unclaimed: int = 0
    """Lines that are nobody's."""

    def claim(self, units: Collection[int], lines: float) -> None:
        """Divide lines evenly among units."""
        for unit in units:
            self.lines[unit] += lines / len(units)
            self.files[unit] += 1


class Attributing:
    """Takes one file after another. Units of one endpoint share its lines: code does not say which field it is for."""

    def __init__(self, *, targets: Sequence[Target], mapping: Sequence[Entry] = ()) -> None:
        self._mapping = mapping
        self._families: dict[int, list[int]] = defaultdict(list)
        self._services: dict[str, list[int]] = defaultdict(list)
        self._keys = {target.key: target.id for target in targets}
        self._paths: dict[str, list[int]] = defaultdict(list)
        for target in targets:
            self._families[target.endpoint].append(target.id)
            self._services[target.service].append(target.id)
            endpoint = endpoint_of(target.key)
            if endpoint is not None and target.endpoint == target.id:
                self._paths[shape_of(endpoint[1])].append(target.id)
        self.found = Attribution()

    def take(self, source: Source) -> None:
        """Give a file's lines to units."""
        self.found.seen_files += 1
        self.found.languages[source.language] += source.lines
        claimed = self._by_mapping(source) if self._mapping else self._by_paths(source)
        self.found.unclaimed += max(0, source.lines - claimed)

    def _by_paths(self, source: Source) -> int:
        endpoints = {unit for shape in paths_in(source.text) for unit in self._paths.get(shape, ())}
        if not endpoints or not source.lines:
            return 0
        for endpoint in endpoints:
            self.found.claim(self._families[endpoint], source.lines / len(endpoints))
        return source.lines

    def _by_mapping(self, source: Source) -> int:
        claimed = 0
        for entry in self._mapping:
            match = entry.files.fullmatch(source.path)
            units = self._meant(entry, match.groupdict()) if match else []
            if not units:
                continue
            rest = max(0, source.lines - claimed)  # no line goes to two entries
            lines = min(rest, lines_of(source, entry.functions)) if entry.functions else rest
            if lines:
                self.found.claim(units, lines)
            claimed += lines
            if not entry.functions:
                break
        return claimed

    def _meant(self, entry: Entry, parts: Mapping[str, str]) -> list[int]:
        if entry.service:
            return self._services.get(filled(entry.service, parts), [])
        unit = self._keys.get(filled(entry.unit, parts))
        return [] if unit is None else self._families.get(unit, [unit])


# ------------------------------------------------------------------------------- paths in code

_LITERAL: Final = re.compile(r"""["'`](?:[A-Z]+ )?([^"'`\s?#/]*/[^"'`\s?#]{0,300})["'`?#]""")
_PARAMETERS: Final = re.compile(r"\$?\{[^{}/]*\}|<[^<>/]*>|:[A-Za-z_]\w*|%[sd]")


def paths_in(text: str) -> set[str]:
    """Paths that stand in code as literals, their parameters nameless: `/users/:id` and `users/<int:id>/` are alike."""
    found = {f"/{_PARAMETERS.sub('{}', path).lstrip('/')}" for path in _LITERAL.findall(text)}
    return found | {path.rstrip("/") for path in found if path != "/"}


def lines_of(source: Source, words: str) -> int:
    """Lines of code of the blocks whose first line holds these words: until a line that is indented no deeper."""
    language = next(each for each in LANGUAGES.values() if each.name == source.language)
    kept: list[str] = []
    depth: int | None = None
    for line in source.text.splitlines():
        indent = len(line) - len(line.lstrip())
        if line.strip() and depth is not None and indent <= depth and line.strip()[0] not in ")}]":
            depth = None
        if depth is None and words in line:
            depth = indent
        if depth is not None:
            kept.append(line)
    return count_lines("\n".join(kept), language)


# ------------------------------------------------------------------------------------- mapping


def read_mapping(text: str) -> list[Entry]:
    """The entries of a mapping in YAML. Raises Invalid naming the entry that cannot be taken."""
    try:
        document = yaml.safe_load(text)
    except RecursionError:
        raise Invalid("mapping", "The mapping is nested too deeply.") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that is none, such as 2001-99-99
        raise Invalid("mapping", f"The mapping is no YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(document, list) or not 0 < len(document) <= MOST_ENTRIES:
        raise Invalid("mapping", f"A mapping is a list of 1 to {MOST_ENTRIES:,} entries, each with `files`.")
    return [_entry(number, each) for number, each in enumerate(document, start=1)]


def _entry(number: int, given: Any) -> Entry:
    if not isinstance(given, dict) or not all(isinstance(each, str) and each for each in given.values()):
        raise Invalid("mapping", f"Entry {number}: an entry has texts, such as `files` and `unit`.")
    if unknown := {str(name) for name in given} - PARTS:
        raise Invalid("mapping", f"Entry {number}: {min(unknown)} is not known. Known: {', '.join(sorted(PARTS))}.")
    if "files" not in given or ("unit" in given) == ("service" in given):
        raise Invalid("mapping", f"Entry {number}: name `files`, and either a `unit` or a `service`.")
    return Entry(
        files=glob(given["files"]),
        unit=given.get("unit", ""),
        service=given.get("service", ""),
        functions=given.get("functions", ""),
    )


_GLOB: Final = re.compile(r"\*\*/|\*\*|\*|\?|\{[A-Za-z_][A-Za-z0-9_]*\}|[^*?{]+|\{")


def glob(pattern: str) -> re.Pattern[str]:
    """`api/{name}/**/*.py`: a star stays within one folder, two cross folders, a name stands for one part."""
    parts, names = [], set()
    for part in _GLOB.findall(pattern):
        if part.startswith("{") and part.endswith("}"):
            name = part[1:-1]
            parts.append(f"(?P={name})" if name in names else f"(?P<{name}>[^/]+?)")
            names.add(name)
        else:
            parts.append({"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(part) or re.escape(part))
    return re.compile("".join(parts))


def filled(template: str, parts: Mapping[str, str]) -> str:
    """`GET /{name}/{id}` with what `{name}` stood for; names that stood for nothing stay, as keys have their own."""
    for name, value in parts.items():
        template = template.replace(f"{{{name}}}", value)
    return template


def points_of(lines: Mapping[int, float], *, per_100_lines: float) -> dict[int, float]:
    """Points of units from their lines: at least a hundredth, because something is something."""
    return {unit: max(0.01, round(each / 100 * per_100_lines, 2)) for unit, each in lines.items() if each > 0}


def points_of_specs(targets: Iterable[Target]) -> dict[int, float]:
    """Points from what specs say. An endpoint with its fields comes to one, and one for each parameter and each name
    on the way to each field: `GET /users/{id}` with `$.name` and `$.home.city` is 1 + 1 + 1 + 2.
    """
    points = {}
    for target in targets:
        key = target.key
        path = key.partition(" $")[2]
        points[target.id] = float(path.count(".") or 1) if path else 1.0 + key.count("{")
    return points
