"""JSONPath (RFC 9535), asked the other way round: does this path select that place?

Comparison knows where two documents differ and asks which rules speak about it, so a path is compiled
to be held against a place, step by step, instead of being evaluated over a document. Names, indexes,
slices, wildcards, lists of them and descendants are ours. A filter is asked about one member at a time
and is evaluated by a library. In filters three things are refused: `match()` and `search()`, for an
expression can keep a data plane busy for ever, `..`, which costs as much as lies under each member, and
`$`, which would need the whole document for each of them.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from jsonpath import JSONPathEnvironment, JSONPathError

from migrator.core.paths import EVERY, PathRefused, Step, Steps, is_data

LARGEST_INDEX: Final = 2**53 - 1
LONGEST_PATH: Final = 500
"""Characters of a path that is read."""
NOTHING: Final = object()
"""What stands where a document has no value."""

_FILTERS: Final = JSONPathEnvironment(strict=True)
_BLANK = re.compile(r"[ \t\n\r]*")
_SHORTHAND = re.compile(r"[A-Za-z_\u0080-\ud7ff\ue000-\U0010ffff][0-9A-Za-z_\u0080-\ud7ff\ue000-\U0010ffff]*")
_INTEGER = r"(?:0|-?[1-9][0-9]*)"
_S = r"[ \t\n\r]*"
_SLICE = re.compile(rf"(?P<start>{_INTEGER})?{_S}:{_S}(?P<stop>{_INTEGER})?{_S}(?::(?:{_S}(?P<step>{_INTEGER}))?)?")
_INDEX = re.compile(_INTEGER)
_HIGH, _LOW = r"\\u[dD][89aAbB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_UNIT = r"\\u(?:[0-9a-ce-fA-CE-F][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2})"
_TEXT = r"[^\\\x00-\x1f\ud800-\udfff{quote}]"
_STRING = re.compile(
    "|".join(
        rf"{quote}((?:{_TEXT.format(quote=quote)}|\\[bfnrt/\\{quote}]|{_UNIT}|{_HIGH}{_LOW})*){quote}"
        for quote in "'\""
    )
)
_ESCAPE = re.compile(rf"{_HIGH}{_LOW}|\\u[0-9a-fA-F]{{4}}|\\.")
_PLAIN_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_SEARCHING = re.compile(r"\b(match|search)\(")


@dataclass(frozen=True, slots=True)
class Selector:
    """One way to choose among the members of an object or array.

    `admits` says of a step, and the container that it leads out of, whether it is chosen; `may` says so
    without the container, in favour of the selector; `surely` whether every place that an open step
    stands for is chosen.
    """

    text: str
    admits: Callable[[Step, Any], bool]
    may: Callable[[Step], bool]
    surely: Callable[[Step], bool]
    contextual: bool = False
    """Only the container can tell: an index from the end, a filter."""
    counts: bool = False
    """One index is chosen, another is not."""
    witness: Step | None = None
    """A step that is chosen, where it is known beforehand."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One link of a path. `deep` chooses among the descendants too (`..`)."""

    selectors: tuple[Selector, ...]
    deep: bool

    def admits(self, step: Step, container: Any) -> bool:
        return any(selector.admits(step, container) for selector in self.selectors)

    def may(self, step: Step) -> bool:
        return any(selector.may(step) for selector in self.selectors)

    def surely(self, step: Step) -> bool:
        return any(selector.surely(step) for selector in self.selectors)


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A compiled path."""

    text: str
    segments: tuple[Segment, ...]
    contextual: bool = field(init=False)

    def __post_init__(self) -> None:
        contextual = any(selector.contextual for segment in self.segments for selector in segment.selectors)
        object.__setattr__(self, "contextual", contextual)

    def selects(self, steps: Steps, document: Any) -> bool:
        """Whether the path selects this place of the document."""
        return self._reaches(steps, document, under=False)

    def covers(self, steps: Steps, document: Any) -> bool:
        """Whether the path selects this place of the document or one above it."""
        return self._reaches(steps, document, under=True)

    def surely_covers(self, steps: Steps, *, under: bool) -> bool:
        """Whether every place that these steps, some of them open, stand for is selected (or lies under one)."""
        return self._follow(steps, under, lambda segment, step, _: segment.surely(step))

    def may_cover(self, steps: Steps, *, under: bool) -> bool:
        """Whether some place that these steps stand for could be selected (or lie under one)."""
        return self._follow(steps, under, lambda segment, step, _: segment.may(step))

    def _reaches(self, steps: Steps, document: Any, *, under: bool) -> bool:
        return self._follow(steps, under, Segment.admits, document)

    def _follow(
        self, steps: Steps, under: bool, admits: Callable[[Segment, Step, Any], bool], container: Any = None
    ) -> bool:
        """Follow the path along the steps. At any time it may stand at several of its segments."""
        standing, end = {0}, len(self.segments)
        for step in steps:
            if under and end in standing:
                return True
            standing = {
                after
                for at in standing
                if at < end
                for after in ((at,) if self.segments[at].deep else ())
                + ((at + 1,) if admits(self.segments[at], step, container) else ())
            }
            if not standing:
                return False
            container = member(container, step)
        return end in standing


def member(container: Any, step: Step) -> Any:
    """What lies one step inside, NOTHING where that is not there."""
    if isinstance(container, dict):
        return container.get(step, NOTHING)
    if isinstance(container, list) and isinstance(step, int) and step < len(container):
        return container[step]
    return NOTHING


@lru_cache(maxsize=4_096)
def compile_path(text: str) -> Query:
    """Read a path. Raises PathRefused, naming the place, for what is no path or is not supported."""
    if len(text) > LONGEST_PATH:
        raise PathRefused(f"A path has at most {LONGEST_PATH} characters.")
    if not text.startswith("$"):
        raise PathRefused(f"A path starts with $, not {text[:1]!r}.")
    return Query(text, tuple(_Reader(text).segments()))


class _Reader:
    """Reads one path from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 1

    def segments(self) -> Iterable[Segment]:
        while self.at < len(self.text):
            self._blank()
            if self._take(".."):
                yield Segment(self._selectors(dotted=True), deep=True)
            elif self._take("."):
                yield Segment((self._dotted(),), deep=False)
            elif self.text.startswith("[", self.at):
                yield Segment(self._selectors(dotted=False), deep=False)
            else:
                raise self._refusal("a path goes on with .name, [index], ['name'], [*] or ..")

    def _selectors(self, *, dotted: bool) -> tuple[Selector, ...]:
        if not self._take("["):
            if dotted:
                return (self._dotted(),)
            raise self._refusal("a [ is missing")
        chosen = []
        while True:
            self._blank()
            chosen.append(self._bracketed())
            self._blank()
            if self._take("]"):
                return tuple(chosen)
            if not self._take(","):
                raise self._refusal("a selector is followed by , or ]")

    def _dotted(self) -> Selector:
        if self._take("*"):
            return every()
        match = _SHORTHAND.match(self.text, self.at)
        if match is None:
            raise self._refusal("a dot is followed by a name or *; other names are written ['…']")
        self.at = match.end()
        return named(match[0])

    def _bracketed(self) -> Selector:
        if self._take("*"):
            return every()
        if self._take("?"):
            return filtered(self._filter())
        if (match := _STRING.match(self.text, self.at)) is not None:
            self.at = match.end()
            return named(_unescaped(match[1] if match[1] is not None else match[2]))
        if (match := _SLICE.match(self.text, self.at)) is not None:
            self.at = match.end()
            return sliced(self._integer(match["start"]), self._integer(match["stop"]), self._integer(match["step"]))
        if (match := _INDEX.match(self.text, self.at)) is not None:
            self.at = match.end()
            return indexed(self._integer(match[0]) or 0)
        raise self._refusal("brackets hold 'a name', an index, a slice, * or a filter")

    def _integer(self, digits: str | None) -> int | None:
        if digits is None:
            return None
        if len(digits) > 17 or abs(int(digits)) > LARGEST_INDEX:
            raise self._refusal("that number is no index")
        return int(digits)

    def _filter(self) -> str:
        """The text of a filter: up to the bracket or comma that ends it."""
        start, depth = self.at, 0
        outside: list[str] = []
        while self.at < len(self.text):
            letter = self.text[self.at]
            if letter in "'\"":
                match = _STRING.match(self.text, self.at)
                if match is None:
                    raise self._refusal("that string does not end, or holds an escape that JSON does not know")
                self.at = match.end()
                continue
            if not depth and letter in ",]":
                break
            depth += (letter in "[(") - (letter in "])")
            outside.append(letter)
            self.at += 1
        self._check_filter("".join(outside))
        return self.text[start : self.at]

    def _check_filter(self, outside: str) -> None:
        """`outside` is the filter without its strings."""
        if "$" in outside:
            raise self._refusal("a filter that looks at the whole document ($) is not supported")
        if ".." in outside:
            raise self._refusal("a filter that looks at all depths (..) is not supported")
        if (match := _SEARCHING.search(outside)) is not None:
            raise self._refusal(f"{match[1]}() is not supported in a filter")

    def _take(self, mark: str) -> bool:
        if not self.text.startswith(mark, self.at):
            return False
        self.at += len(mark)
        return True

    def _blank(self) -> None:
        match = _BLANK.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def _refusal(self, reason: str) -> PathRefused:
        return PathRefused(f"At character {self.at} of the path, {self.text[self.at : self.at + 20]!r}: {reason}.")


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_letter, text)


def _letter(found: re.Match[str]) -> str:
    escape = found[0]
    if escape[1] != "u":
        return _PLAIN_ESCAPES.get(escape[1], escape[1])
    units = bytes.fromhex(escape.replace("\\u", ""))
    return units.decode("utf-16-be")


# ------------------------------------------------------------------------------------ selectors


def every() -> Selector:
    return Selector("*", _is_member, _always, _always)


def named(name: str) -> Selector:
    open_step = is_data(name)
    return Selector(
        repr(name),
        lambda step, _: step == name,
        lambda step: step == name or (open_step and step is EVERY),
        lambda step: step == name,
        witness=name,
    )


def indexed(index: int) -> Selector:
    if index >= 0:
        return Selector(
            str(index),
            lambda step, _: step == index,
            lambda step: step in (index, EVERY),
            lambda step: step == index,
            counts=True,
            witness=index,
        )
    return Selector(
        str(index),
        lambda step, container: isinstance(container, list) and step == len(container) + index,
        _is_index,
        _never,
        contextual=True,
        counts=True,
    )


def sliced(start: int | None, stop: int | None, step: int | None) -> Selector:
    """A slice. Which indexes it holds needs the array's length where it counts from the end."""
    text = ":".join("" if part is None else str(part) for part in (start, stop, step))
    whole = slice(start, stop, 1 if step is None else step)
    if whole.step == 0:
        return Selector(text, lambda at, _: False, _never, _never)
    if any(part is not None and part < 0 for part in (start, stop, step)):
        return Selector(
            text,
            lambda at, container: isinstance(container, list) and at in range(len(container))[whole],
            _is_index,
            _never,
            contextual=True,
            counts=True,
        )
    numbers = range(start or 0, LARGEST_INDEX + 1 if stop is None else stop, whole.step)
    everything = numbers == range(LARGEST_INDEX + 1)

    def holds(at: Step) -> bool:
        return isinstance(at, int) and at in numbers

    return Selector(
        text,
        lambda at, _: holds(at),
        lambda at: at is EVERY or holds(at),
        lambda at: holds(at) or (everything and at is EVERY),
        counts=not everything,
        witness=next(iter(numbers), None),
    )


def filtered(expression: str) -> Selector:
    """A filter, asked about one member at a time. Raises PathRefused."""
    try:
        query = _FILTERS.compile(f"$[?{expression}]")
    except (JSONPathError, ValueError, RecursionError) as error:
        raise PathRefused(f"The filter {expression[:80]!r} cannot be read: {str(error).splitlines()[0]}")

    def admits(step: Step, container: Any) -> bool:
        value = member(container, step)
        try:
            return value is not NOTHING and any(True for _ in query.finditer([value]))
        except (JSONPathError, RecursionError, TypeError, ArithmeticError):  # deeper, or larger, than the library goes
            return False

    return Selector(f"?{expression}", admits, _always, _never, contextual=True)


def _always(step: Step) -> bool:
    return True


def _never(step: Step) -> bool:
    return False


def _is_index(step: Step) -> bool:
    return not isinstance(step, str)


def _is_member(step: Step, container: Any) -> bool:
    return True
