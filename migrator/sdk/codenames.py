"""How code writes the names of units: which words a file must hold, and which text a line.

- An endpoint is found by its path, its parameters written as any language or router writes them: `/users/{id}`,
  `/users/<int:id>`, `/users/:id`, `/users/${user.id}`, `/users/%s`, `/users/42`, `"/users/" + id`. A longer path is
  another endpoint. Where the line names another method right before the path, that is another endpoint too.
- A field of a JSON answer is found by its name in quotes; a GraphQL field by its coordinate or by its name as a word.
  Names of a single word (`id`, `name`) could be anything: they count only in files that also name the path of their
  endpoint, or define or select their type (`type User`, `on User`).
- An alias is found as a whole word, whatever it means there.

Everything is looked for within one line.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

WORD: Final = re.compile(rb"[\w\x80-\xff]+")
"""What a file is made of, as far as names are concerned. Letters beyond ASCII are taken for parts of words."""
SPEAKS_GRAPHQL: Final = frozenset(
    {b"query", b"mutation", b"subscription", b"fragment", b"gql", b"graphql", b"GraphQL", b"Query", b"Mutation"}
)
"""A file with one of these words may hold GraphQL."""

_METHODS: Final = "get|head|options|post|put|patch|delete|trace|query"
_QUOTE: Final = "[\"'`]"
_JOIN: Final = r"(?:\+|\.\.?|~|<>|\|\|)"
_PARAMETER: Final = (
    r"[$#]?\{\{?[^{}\n]{0,80}\}\}?|<[^<>\n\"'`]{1,60}>|:[A-Za-z_]\w*|%(?:\(\w+\))?[sdiu]|\[\[?[.\w]{1,60}\]\]?"
    r"|\((?:\?P?<\w+>)?[^\n\"'`]{1,40}?\)[*+?]?|\*\*?|\$\w+|\d+|[0-9a-f]{8}-[0-9a-f-]{27}"
)
_JOINED: Final = rf"{_QUOTE}\s*{_JOIN}\s*[^\"'`\n;]{{1,80}}?\s*{_JOIN}\s*{_QUOTE}"
"""A parameter between two pieces of text: `"/users/" + id + "/orders"`."""
_JOINED_LAST: Final = rf"{_QUOTE}\s*{_JOIN}\s*[\w$(](?![^\"'`\n;]{{0,80}}{_QUOTE}/\w)"
"""And after the last piece, if none follows that goes on with the path."""
_ENDS: Final = r"\\?/?(?![\w/\\{<%-]|:[A-Za-z]|\*|\$(?![\"'`]))"
_OPENING: Final = r"(?:\\?/|(?<=[\"'`^]))"
"""Routers leave the first slash out."""

_SLOT: Final = re.compile(r"\{[^{}/]*\}|\*")
_ADDRESS: Final = re.compile(
    r"(?:[a-z][a-z0-9+.-]*:)?//[^/]*|[$#]?\{\{?[^{}]*\}?\}|[$%][\w()]+|[\w-]+(?:\.[\w-]+)+(?::\d+)?"
)
"""What may stand before a path without making it a longer one: a host, or a variable that holds an address."""
_BEFORE: Final = re.compile(r"[^\s\"'`<>(,=^]*$")
_METHOD_BEFORE: Final = re.compile(rf"\b({_METHODS})\b[\s(\[:,]*{_QUOTE}?\^?$", re.IGNORECASE)
_TELLING: Final = re.compile(r"[a-z0-9][A-Z]|[A-Za-z0-9][_-][A-Za-z0-9]")
"""A name of two words says what it means; one of a single word could be anything."""


@dataclass(frozen=True)
class Name:
    """One way to refer to a unit."""

    unit: int
    text: str
    """As people read it: the key, or the alias."""
    expression: str
    anchor: bytes
    """The rarest word of it, as far as one can tell: its longest. Lines without it are not looked at."""
    words: frozenset[bytes]
    """A file must hold all of them …"""
    one_of: frozenset[bytes] = frozenset()
    """… and one of these, where there are any. A GraphQL document holds them by being one."""
    method: str = ""
    """In capitals, for paths."""
    within: str = ""
    """What else must stand somewhere in the file, as an expression."""

    @cached_property
    def pattern(self) -> "re.Pattern[str]":
        """Compiled where a file holds the words: of most names no file does."""
        return re.compile(self.expression)

    def place_in(self, line: str) -> int | None:
        """Where the line refers to the unit; None where it does not."""
        for found in self.pattern.finditer(line):
            if not self.method or self._is_this_path(line, found):
                return found.start()
        return None

    def _is_this_path(self, line: str, found: "re.Match[str]") -> bool:
        before = line[max(0, found.start() - 200) : found.start()]
        beginning = _BEFORE.search(before)
        if beginning and beginning[0] and not _ADDRESS.fullmatch(beginning[0].replace("\\/", "/")):
            return False
        method = _METHOD_BEFORE.search(before)
        return method is None or method[1].upper() == self.method


def names_of(*, unit: int, key: str, kind: str, aliases: list[str]) -> list[Name]:
    """Every way to refer to a unit. Empty where its name holds no word that could be looked for."""
    spoken = [_alias(unit, alias) for alias in aliases if WORD.search(alias.encode("utf-8", "replace"))]
    head, _, path = key.partition(" $")
    method, _, template = head.partition(" ")
    if not template:
        return [*_coordinate(unit, key, is_root=kind == "endpoint"), *spoken]
    if path:
        return [*_member(unit, key, template, path), *spoken]
    return [*_path(unit, key, method, template), *spoken]


def _path(unit: int, key: str, method: str, template: str) -> list[Name]:
    words = _words(" ".join(_SLOT.split(template)))
    return [_name(unit, key, _path_expression(template), words, method=method.upper())] if words else []


def _path_expression(template: str) -> str:
    pieces = _SLOT.split(template.strip("/"))
    opening = _OPENING if "/" in template.strip("/") else r"\\?/"
    between = f"(?:{_PARAMETER}|{_JOINED})"
    if len(pieces) > 1 and not pieces[-1]:
        # A parameter that is joined to the last piece ends the path by itself.
        *pieces, before, _ = pieces
        ending = f"{_literal(before)}(?:(?:{_PARAMETER}){_ENDS}|{_JOINED_LAST})"
    else:
        *pieces, before = pieces
        ending = _literal(before) + _ENDS
    return opening + "".join(_literal(piece) + between for piece in pieces) + ending


def _literal(piece: str) -> str:
    """A slash may be written `\\/`, as in regular expressions of some languages."""
    return re.escape(piece).replace("/", r"\\?/")


def _member(unit: int, key: str, template: str, path: str) -> list[Name]:
    steps = re.findall(r"\[['\"](.+?)['\"]\]|([^.\[\]*$]+)", path)
    name = next((quoted or plain for quoted, plain in reversed(steps)), "")
    if not _words(name):
        return []
    expression = rf"{_QUOTE}{re.escape(name)}\\?{_QUOTE}"
    if _TELLING.search(name):
        return [_name(unit, key, expression, _words(name))]
    around = _words(" ".join(_SLOT.split(template)))
    return [_name(unit, key, expression, _words(name), also=around, within=_path_expression(template))]


def _coordinate(unit: int, key: str, *, is_root: bool) -> list[Name]:
    owner, _, name = key.partition(".")
    if not name:
        return []
    owners, words = _words(owner), _words(name)
    whole = rf"(?<!\w){re.escape(name)}(?!\w)"
    spelt = _name(unit, key, rf"(?<!\w){re.escape(key)}(?!\w)", words, also=owners)
    if _TELLING.search(name):
        one_of = SPEAKS_GRAPHQL if is_root else SPEAKS_GRAPHQL | owners
        return [spelt, _name(unit, key, whole, words, one_of=one_of)]
    if is_root:
        # A root field is asked for with its arguments or its own fields. After a dot it is a method of something.
        return [spelt, _name(unit, key, rf"(?<!\.){whole}\s*[({{@]", words, one_of=SPEAKS_GRAPHQL)]
    within = rf"\b(?:on|type|interface)\s+{re.escape(owner)}\b"
    return [spelt, _name(unit, key, whole, words, also=owners, within=within)]


def _alias(unit: int, alias: str) -> Name:
    return _name(unit, alias, rf"(?<!\w){re.escape(alias)}(?!\w)", _words(alias))


def _name(
    unit: int,
    text: str,
    expression: str,
    words: frozenset[bytes],
    *,
    also: frozenset[bytes] = frozenset(),
    one_of: frozenset[bytes] = frozenset(),
    method: str = "",
    within: str = "",
) -> Name:
    anchor = max(words, key=lambda word: (len(word), word))
    return Name(unit, text, expression, anchor, words | also, one_of, method, within)


def _words(text: str) -> frozenset[bytes]:
    return frozenset(WORD.findall(text.encode("utf-8", "replace")))
