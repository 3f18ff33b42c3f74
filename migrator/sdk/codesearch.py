"""Looking through files for names, in as many processes as there are cores.

Each file is taken apart into its words once. Only names all of whose words it holds are looked for, and only on
lines with their rarest word: so a thousand names cost hardly more than one.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from migrator.core.detectors import detects
from migrator.sdk.codenames import SPEAKS_GRAPHQL, WORD, Name

MAX_BYTES: Final = 2_097_152
"""Larger files are data, or made by a machine."""
LOOKED_AT: Final = 8_192
"""Bytes in which a binary file shows that it is one."""
EXCERPT: Final = 200
LONGEST_LINE: Final = 100_000
KEEP: Final = b"migrator:keep"
"""A line with this word names something else that is called the same."""
HIDDEN: Final = "(a line that looks like it holds a secret)"
VENDORED: Final = frozenset(
    {
        ".git", ".hg", ".svn", ".tox", ".venv", "__pycache__", "bower_components", "node_modules", "site-packages",
        "third_party", "vendor", "venv",
    }
)  # fmt: skip
"""Folders of code that others wrote."""
MADE: Final = (".min.js", ".min.css", ".map", ".lock", "-lock.json", "-lock.yaml", ".svg", ".snap")
"""Endings of files that machines wrote."""
_DOCUMENTS: Final = (".graphql", ".graphqls", ".gql")
_CHUNK: Final = 64
_ALONE: Final = 300
"""So few files are read faster than processes start."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A line that names a unit. `path` is relative to the root, `line` counts from one."""

    unit: int
    path: str
    line: int
    excerpt: str
    alias: str


@dataclass(slots=True)
class Found:
    """What came of looking through files."""

    hits: list[Hit] = field(default_factory=list)
    files: int = 0
    binary: int = 0
    large: list[str] = field(default_factory=list)
    kept: int = 0
    """Lines that say that they name something else."""
    unreadable: list[str] = field(default_factory=list)

    def add(self, other: "Found") -> None:
        self.hits += other.hits
        self.files += other.files
        self.binary += other.binary
        self.large += other.large
        self.kept += other.kept
        self.unreadable += other.unreadable


class Search:
    """Names, ready to be looked for."""

    def __init__(self, names: Sequence[Name]) -> None:
        self.by_anchor: dict[bytes, list[Name]] = {}
        for name in names:
            self.by_anchor.setdefault(name.anchor, []).append(name)
        self._anchors = self.by_anchor.keys()

    def look_through(self, root: Path, paths: Iterable[str]) -> Found:
        """Read files below `root` and find the names in them."""
        found = Found()
        for path in paths:
            self._look_at(root, path, found)
        return found

    def _look_at(self, root: Path, path: str, found: Found) -> None:
        place = root / path
        if place.is_symlink() or not place.is_file():
            return
        try:
            if place.stat().st_size > MAX_BYTES:
                found.large.append(path)
                return
            data = place.read_bytes()
        except OSError:
            found.unreadable.append(path)
            return
        if b"\0" in data[:LOOKED_AT]:
            found.binary += 1
            return
        found.files += 1
        found.hits.extend(self._hits(path, data, found))

    def _hits(self, path: str, data: bytes, found: Found) -> Iterator[Hit]:
        # In a text within a text a line's end is two characters, and the second would stick to the next word.
        data = data.replace(b"\\n", b"  ").replace(b"\\t", b"  ")
        words = set(WORD.findall(data))
        is_document = path.endswith(_DOCUMENTS)
        wanted: dict[bytes, list[Name]] = {}
        for anchor in words & self._anchors:
            if names := [name for name in self.by_anchor[anchor] if _may_be_in(name, words, is_document)]:
                wanted[anchor] = names
        if not wanted:
            return
        surroundings = _Surroundings(data)
        for number, line in enumerate(data.split(b"\n"), start=1):
            if here := wanted.keys() & WORD.findall(line):
                names = [name for anchor in here for name in wanted[anchor]]
                hits = list(_on_line(names, surroundings, path, number, line))
                if hits and KEEP in line:
                    found.kept += 1
                else:
                    yield from hits


def _may_be_in(name: Name, words: set[bytes], is_document: bool) -> bool:
    if not name.words <= words:
        return False
    return not name.one_of or not name.one_of.isdisjoint(words) or (is_document and name.one_of >= SPEAKS_GRAPHQL)


class _Surroundings:
    """What else stands in a file. Looked for only once a line needs it, and each expression once."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._known = {"": True}

    def have(self, expression: str) -> bool:
        if expression not in self._known:
            self._known[expression] = re.search(expression, self._text) is not None
        return self._known[expression]

    @cached_property
    def _text(self) -> str:
        return self._data.decode("utf-8", "replace")


def _on_line(names: Iterable[Name], surroundings: _Surroundings, path: str, number: int, data: bytes) -> Iterator[Hit]:
    line = data[:LONGEST_LINE].decode("utf-8", "replace")
    seen: set[int] = set()
    for name in names:
        if name.unit in seen or (at := name.place_in(line)) is None or not surroundings.have(name.within):
            continue
        seen.add(name.unit)
        yield Hit(name.unit, path, number, excerpt_of(line, at), name.text)


def excerpt_of(line: str, at: int) -> str:
    """At most 200 characters of the line around what was found; nothing of a line that looks like a secret."""
    start = max(0, min(at - EXCERPT // 2, len(line) - EXCERPT))
    part = "".join(each if each.isprintable() else " " for each in line[start : start + EXCERPT]).strip()
    around = line[max(0, start - EXCERPT) : start + 2 * EXCERPT]
    return HIDDEN if detects(around) else part


def is_ours(path: str) -> bool:
    """Whether people of this repository wrote it, as far as its path tells."""
    return not path.lower().endswith(MADE) and VENDORED.isdisjoint(path.split("/")[:-1])


# ------------------------------------------------------------------------------ many processes

_search: Search | None = None


def look_through(
    *, root: Path, paths: Sequence[str], names: Sequence[Name], progress: Callable[[int, int], None], processes: int = 0
) -> Found:
    """Look through all files. `progress` hears how many of how many are done; `processes` 0 is one per core."""
    chunks = [paths[at : at + _CHUNK] for at in range(0, len(paths), _CHUNK)]
    processes = processes or min(8, os.cpu_count() or 1)
    together = Found()
    done = 0
    for chunk, found in _in_turn(root, chunks, names, processes if len(paths) > _ALONE else 1):
        together.add(found)
        done += chunk
        progress(done, len(paths))
    together.hits.sort(key=lambda hit: (hit.path, hit.line, hit.unit))
    return together


def _in_turn(
    root: Path, chunks: Sequence[Sequence[str]], names: Sequence[Name], processes: int
) -> Iterator[tuple[int, Found]]:
    if processes == 1:
        search = Search(names)
        yield from ((len(chunk), search.look_through(root, chunk)) for chunk in chunks)
        return
    with ProcessPoolExecutor(processes, initializer=_begin, initargs=(names,)) as pool:
        waiting = {pool.submit(_look, root, chunk): len(chunk) for chunk in chunks}
        yield from ((waiting[done], done.result()) for done in as_completed(waiting))


def _begin(names: Sequence[Name]) -> None:
    global _search
    _search = Search(names)


def _look(root: Path, paths: Sequence[str]) -> Found:
    assert _search is not None
    return _search.look_through(root, paths)
