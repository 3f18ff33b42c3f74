"""Lines of code: how many a file has, without blank lines and comments.

A line counts where something of it is left once comments are taken away. Comments are found by the marks of the
file's language, line by line: a mark within a string is taken for a comment, which moves a count by little.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MOST_BYTES: Final = 2_000_000
"""Larger files are data or generated."""
LONGEST_LINE: Final = 2_000
"""In characters, on average: longer ones are minified."""
SKIPPED: Final = frozenset({
    "__pycache__", "bower_components", "build", "coverage", "dist", "env", "migrations", "node_modules", "out",
    "site-packages", "target", "third_party", "thirdparty", "vendor", "vendored", "venv",
})  # fmt: skip
"""Folders of code that nobody here wrote, beside all whose name begins with a dot."""
GENERATED: Final = (".min.js", ".min.css", ".pb.go", "_pb2.py", "_pb2_grpc.py", ".g.dart", ".generated.ts")


@dataclass(frozen=True, slots=True)
class Language:
    """How a language marks its comments."""

    name: str
    line: tuple[str, ...]
    block: tuple[tuple[str, str], ...] = ()


_C: Final = (("//",), (("/*", "*/"),))
_HASH: Final = (("#",), ())
_FAMILIES: Final = (
    ("Python", (("#",), (('"""', '"""'), ("'''", "'''"))), "py pyi"),
    ("JavaScript", _C, "js jsx mjs cjs"),
    ("TypeScript", _C, "ts tsx"),
    ("Java", _C, "java"),
    ("Kotlin", _C, "kt kts"),
    ("Scala", _C, "scala"),
    ("Go", _C, "go"),
    ("Rust", _C, "rs"),
    ("C", _C, "c h"),
    ("C++", _C, "cc cpp cxx hpp hh"),
    ("C#", _C, "cs"),
    ("Swift", _C, "swift"),
    ("Dart", _C, "dart"),
    ("PHP", (("//", "#"), (("/*", "*/"),)), "php"),
    ("Ruby", (("#",), (("=begin", "=end"),)), "rb rake"),
    ("Perl", _HASH, "pl pm"),
    ("Shell", _HASH, "sh bash zsh"),
    ("Elixir", _HASH, "ex exs"),
    ("Erlang", (("%",), ()), "erl hrl"),
    ("Clojure", ((";",), ()), "clj cljs"),
    ("Haskell", (("--",), (("{-", "-}"),)), "hs"),
    ("OCaml", ((), (("(*", "*)"),)), "ml mli"),
    ("F#", (("//",), (("(*", "*)"),)), "fs"),
    ("SQL", (("--",), (("/*", "*/"),)), "sql"),
    ("GraphQL", _HASH, "graphql gql"),
    ("Lua", (("--",), (("--[[", "]]"),)), "lua"),
    ("Groovy", _C, "groovy"),
    ("Protobuf", _C, "proto"),
)
LANGUAGES: Final = {
    f".{suffix}": Language(name, *marks) for name, marks, suffixes in _FAMILIES for suffix in suffixes.split()
}
"""By suffix. Files of others are not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file of code, read."""

    path: str
    """Below the root, with forward slashes."""
    language: str
    lines: int
    text: str


def sources(root: Path) -> Iterator[Source]:
    """Every file of code below a folder, folder by folder; a file alone is a tree of one.

    Raises OSError at the first one that cannot be read.
    """
    for path in files_below(root):
        found = read(path, root)
        if found is not None:
            yield found


def files_below(root: Path, *, refused: Callable[[OSError], None] | None = None) -> Iterator[Path]:
    """Files whose suffix is a language's. Links are not followed: they lead out of the tree, or round in it.

    `refused` is told of folders that cannot be listed.
    """
    if root.is_file():
        yield root
        return
    for folder, folders, names in os.walk(root, onerror=refused):
        folders[:] = sorted(each for each in folders if each not in SKIPPED and not each.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            # Path.is_symlink() would raise here where the path is longer than one may be.
            is_link = os.path.islink(path)  # noqa: PTH114
            if path.suffix.lower() in LANGUAGES and not name.endswith(GENERATED) and not is_link:
                yield path


def read(path: Path, root: Path) -> Source | None:
    """None for what is no text that a person wrote: binary, huge or minified; and for what is gone by now.

    Raises OSError where it cannot be read.
    """
    language = LANGUAGES.get(path.suffix.lower())
    try:
        # What is no file, such as a pipe, would be waited for.
        if language is None or not path.is_file() or path.stat().st_size > MOST_BYTES:
            return None
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    if b"\0" in content or len(content) > LONGEST_LINE * (content.count(b"\n") + 1):
        return None
    text = content.decode("utf-8", "replace")
    return Source(path=place(path, root), language=language.name, lines=count_lines(text, language), text=text)


def place(path: Path, root: Path) -> str:
    """Where it is below the root, with forward slashes; a root that is a file is called by its name."""
    return (path.name or str(path)) if path == root else path.relative_to(root).as_posix()


def count_lines(text: str, language: Language) -> int:
    """Lines with code on them."""
    count, closing = 0, ""
    for line in text.splitlines():
        has_code, closing = _code_on(line.strip(), language, closing)
        count += has_code
    return count


def _code_on(line: str, language: Language, closing: str) -> tuple[bool, str]:
    """Whether code stands on a line, and the mark that ends the comment in which the next line begins."""
    has_code = False
    while line:
        if closing:
            _, found, line = line.partition(closing)
            if not found:
                return has_code, closing
            closing, line = "", line.strip()
            continue
        at, opening, closing = _next_comment(line, language)
        has_code = has_code or at > 0
        if not opening:
            break
        line = line[at + len(opening) :] if closing else ""
    return has_code, closing


def _next_comment(line: str, language: Language) -> tuple[int, str, str]:
    """Where the next comment begins, its mark, and the mark that ends it; the line's length where none does."""
    found = [(line.find(mark), -len(mark), mark, "") for mark in language.line]
    found += [(line.find(mark), -len(mark), mark, end) for mark, end in language.block]
    at, _, mark, end = min((each for each in found if each[0] >= 0), default=(len(line), 0, "", ""))
    return at, mark, end
