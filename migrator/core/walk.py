"""The walk through two JSON documents that differ, to every place where they do.

It keeps its own stack, enters only what differs in canonical form, and gives up after LOOKED_AT
differences: a pair that differs in ten thousand places is no better understood by the next one.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from difflib import SequenceMatcher
from enum import StrEnum
from functools import partial
from itertools import compress, count
from operator import ne
from typing import Any, Final, Protocol

import orjson

from migrator.core import exact
from migrator.core.body import Document
from migrator.core.paths import Step, Steps

LOOKED_AT: Final = 10_000
"""Differences after which a walk ends."""
DEEPEST: Final = 200
"""Levels that a path names. What lies deeper is named by its ancestor at that level and an ellipsis."""
HIDDEN_AT: Final = 200_000
"""Differences that do not count, for a rule hides them, after which a walk ends."""
ALIGNED: Final = 100
"""Members of two arrays, apart from their common beginning and end, that are searched for a best alignment."""


class Kind(StrEnum):
    """In which way two answers differ at one place."""

    MISSING = "missing"
    """The control has it, the candidate has not."""
    EXTRA = "extra"
    """The candidate has it, the control has not."""
    TYPE = "type"
    """Two values of different JSON types; null is one of them."""
    VALUE = "value"
    """Two values of one type."""
    NUMBER_FORM = "number_form"
    """One number in two forms: 1 and 1.0, 0.0 and -0.0."""
    ORDER = "order"
    """Arrays with the same members in another order."""
    LENGTH = "length"
    """Arrays of different length. What is missing or extra is listed too."""
    DUPLICATE = "duplicate"
    """One side names a key twice in an object, the other does not."""
    STATUS = "status"
    """Another HTTP status."""
    HEADER = "header"
    """Another value of a compared header."""
    BODY = "body"
    """Bodies that are compared as a whole: other bytes."""


class Absent:
    """What stands for a value that is not there: null is a value."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()
Canon = Callable[[Any], bytes]
"""Writes a value so that equal bytes mean an equal value."""
Note = Callable[[Steps, Kind, Any, Any], bool]
"""Is told a difference, and answers whether it counts."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Which members of two arrays stand for each other, those left out that are equal anyway."""

    indexes: list[tuple[int | None, int | None]]
    """(3, 5) is one member at two places, (3, None) one that is missing, (None, 3) one that is extra."""
    moved: bool
    """They come in another order."""


class Seeing(Protocol):
    """How rules see arrays. Steps lead to the array."""

    def arrange(
        self, steps: Steps, control: list[Any], candidate: list[Any], canon: tuple[Canon, Canon]
    ) -> Pairs | None:
        """Who stands for whom where order means nothing; None where it means something."""

    def keys(self, steps: Steps, control: list[Any], candidate: list[Any]) -> tuple[list[bytes], list[bytes]] | None:
        """What members are recognised by; None where it is all of them."""


class Enough(Exception):
    """So many differences were seen that the rest is not looked at."""


Trail = tuple["Trail", Step, int] | None
"""The way to a value, innermost step first, each with its depth."""


def canonical(control: Document, candidate: Document) -> tuple[bytes, bytes, Canon, Canon]:
    """Both documents written so that equal bytes mean equal documents, and how to write parts of either.

    The fast writer serves where it is exact. Where a document holds what it would refuse or round
    off, both are fingerprinted instead. Unequal bytes are for the walk to settle: keys are not put
    in order where both sides seem to have them in the same one.
    """
    if control.plain and candidate.plain:
        whole = orjson.dumps if _same_order(control.value, candidate.value) else _write
        try:
            return whole(control.value), whole(candidate.value), _write, _write
        except TypeError:  # a large integer, a long decimal, or deeper than the writer goes
            pass
    left, right = _marker(control.value), _marker(candidate.value)
    return left(control.value), right(candidate.value), left, right


_write: Final = partial(orjson.dumps, option=orjson.OPT_SORT_KEYS)


def _same_order(left: Any, right: Any) -> bool:
    """Whether two documents seem to name their keys in one order, judged along their first members."""
    while left and right and type(left) is type(right):
        if isinstance(left, list):
            left, right = left[0], right[0]
        elif not isinstance(left, dict):
            return True
        elif list(left) != list(right):
            return False
        else:
            name = next((name for name, value in left.items() if isinstance(value, (dict, list))), None)
            left, right = (None, None) if name is None else (left[name], right[name])
    return True


def _marker(document: Any) -> Canon:
    known = exact.marks(document)
    return lambda value: exact.mark(value, known)


class Walk:
    """One walk through two documents. `note` is told each difference."""

    def __init__(self, *, note: Note, control: Canon, candidate: Canon, lens: Seeing | None = None) -> None:
        self._tell = note
        self._lens = lens
        self._control = control
        self._candidate = candidate
        self._stack: list[tuple[Any, Any, Trail]] = []
        self._seen = 0
        self._hidden = 0

    def run(self, control: Any, candidate: Any) -> bool:
        """Walk to the end. False where there were too many differences to do so."""
        try:
            self._scalar_or_later(control, candidate, None)
            while self._stack:
                left, right, trail = self._stack.pop()
                if type(left) is dict:
                    self._objects(left, right, trail)
                else:
                    self._arrays(left, right, trail)
        except Enough:
            return False
        return True

    def _objects(self, control: dict[str, Any], candidate: dict[str, Any], trail: Trail) -> None:
        inner = []
        common = 0
        for name, left in control.items():
            right = candidate.get(name, ABSENT)
            if right is ABSENT:
                self._note(Kind.MISSING, left, ABSENT, longer(trail, name))
                continue
            common += 1
            kind = type(left)
            if kind is type(right) and (kind is dict or kind is list):
                inner.append((left, right, name))
            elif left is not right and (difference := scalar_kind(left, right)) is not None:
                self._note(difference, left, right, longer(trail, name))
        if common != len(candidate):
            for name in [name for name in candidate if name not in control]:
                self._note(Kind.EXTRA, ABSENT, candidate[name], longer(trail, name))
        # An only child is entered unseen: writing it at every level of a deep document would be quadratic.
        if len(inner) > 1:
            inner = [pair for pair in inner if self._control(pair[0]) != self._candidate(pair[1])]
        self._stack.extend((left, right, longer(trail, name)) for left, right, name in reversed(inner))

    def _arrays(self, control: list[Any], candidate: list[Any], trail: Trail) -> None:
        if self._lens is not None and self._arranged(self._lens, control, candidate, trail):
            return
        if len(control) != len(candidate):
            self._note(Kind.LENGTH, control, candidate, trail)
            self._pairs(control, candidate, trail)
            return
        if len(control) == 1:
            self._scalar_or_later(control[0], candidate[0], longer(trail, 0))
            return
        changed = [at for at in self._suspects(control, candidate) if self._differ(control[at], candidate[at])]
        if len(changed) > 1 and self._reordered([control[at] for at in changed], [candidate[at] for at in changed]):
            self._note(Kind.ORDER, control, candidate, trail)
            return
        waiting = len(self._stack)
        for at in changed:
            self._scalar_or_later(control[at], candidate[at], longer(trail, at))
        self._turn(waiting)

    def _pairs(self, control: list[Any], candidate: list[Any], trail: Trail) -> None:
        """Members of arrays of different length: what is missing, what is extra, what stands for what."""
        left, right = list(map(self._control, control)), list(map(self._candidate, candidate))
        keys = self._lens.keys(steps_of(trail), control, candidate) if self._lens is not None else None
        pairs = align(*keys) if keys is not None else align(left, right)
        if keys is not None:  # what rules take for the same member is still held against its counterpart
            alike = counterparts(pairs, len(left), len(right))
            pairs = [(one, other) for one, other in alike if left[one] != right[other]] + pairs
        self._follow(pairs, control, candidate, trail)

    def _arranged(self, lens: Seeing, control: list[Any], candidate: list[Any], trail: Trail) -> bool:
        """Walk arrays whose order means nothing. False where it means something."""
        pairs = lens.arrange(steps_of(trail), control, candidate, (self._control, self._candidate))
        if pairs is None:
            return False
        if len(control) != len(candidate):
            self._note(Kind.LENGTH, control, candidate, trail)
        if pairs.moved:
            self._note(Kind.ORDER, control, candidate, trail)
        self._follow(pairs.indexes, control, candidate, trail)
        return True

    def _follow(
        self, pairs: list[tuple[int | None, int | None]], control: list[Any], candidate: list[Any], trail: Trail
    ) -> None:
        waiting = len(self._stack)
        for one, other in pairs:
            if one is None:
                self._note(Kind.EXTRA, ABSENT, candidate[other or 0], longer(trail, other or 0))
            elif other is None:
                self._note(Kind.MISSING, control[one], ABSENT, longer(trail, one))
            else:
                self._scalar_or_later(control[one], candidate[other], longer(trail, one))
        self._turn(waiting)

    def _turn(self, waiting: int) -> None:
        """What was put on the stack since then is taken off in the order of the document."""
        self._stack[waiting:] = reversed(self._stack[waiting:])

    def _suspects(self, control: list[Any], candidate: list[Any]) -> Iterable[int]:
        """Where arrays of one length may differ: members that are written alike as they come do not.

        Putting keys in order takes as long again as writing, and where both sides have them in one order it tells
        no more.
        """
        if self._control is not _write or not _same_order(control, candidate):
            return range(len(control))
        return compress(count(), map(ne, map(orjson.dumps, control), map(orjson.dumps, candidate)))

    def _differ(self, left: Any, right: Any) -> bool:
        kind = type(left)
        if kind is type(right) and (kind is dict or kind is list):
            return self._control(left) != self._candidate(right)
        return left is not right and scalar_kind(left, right) is not None

    def _reordered(self, control: list[Any], candidate: list[Any]) -> bool:
        left, right = list(map(self._control, control)), list(map(self._candidate, candidate))
        return left[0] in right and Counter(left) == Counter(right)

    def _scalar_or_later(self, left: Any, right: Any, trail: Trail) -> None:
        kind = type(left)
        if kind is type(right) and (kind is dict or kind is list):
            self._stack.append((left, right, trail))
        elif (difference := scalar_kind(left, right)) is not None:
            self._note(difference, left, right, trail)

    def _note(self, kind: Kind, left: Any, right: Any, trail: Trail) -> None:
        if self._tell(steps_of(trail), kind, left, right):
            self._seen += 1
        else:
            self._hidden += 1
        if self._seen >= LOOKED_AT or self._hidden >= HIDDEN_AT:
            raise Enough


def longer(trail: Trail, step: Step) -> Trail:
    """The trail with one step more, up to the level that paths name."""
    depth = trail[2] if trail is not None else 0
    if depth > DEEPEST:
        return trail
    return (trail, step if depth < DEEPEST else "…", depth + 1)


def steps_of(trail: Trail) -> Steps:
    steps = []
    while trail is not None:
        trail, step, _ = trail
        steps.append(step)
    return tuple(reversed(steps))


def align(control: list[bytes], candidate: list[bytes]) -> list[tuple[int | None, int | None]]:
    """Which members of two arrays of different length stand for each other, equal ones left out.

    (3, 3) is a changed member, (3, None) one that is missing, (None, 3) one that is extra. Beginning
    and end in common are taken off first, so that one inserted member is one difference.
    """
    start, shorter = 0, min(len(control), len(candidate))
    while start < shorter and control[start] == candidate[start]:
        start += 1
    tail = 0
    while tail < shorter - start and control[-1 - tail] == candidate[-1 - tail]:
        tail += 1
    left, right = range(start, len(control) - tail), range(start, len(candidate) - tail)
    if not 0 < len(left) <= ALIGNED or not 0 < len(right) <= ALIGNED:
        return side_by_side(left, right)
    matcher = SequenceMatcher(None, control[left.start : left.stop], candidate[right.start : right.stop], False)
    pairs = []
    for tag, one, one_end, other, other_end in matcher.get_opcodes():
        if tag != "equal":
            pairs += side_by_side(left[one:one_end], right[other:other_end])
    return pairs


def counterparts(pairs: list[tuple[int | None, int | None]], control: int, candidate: int) -> list[tuple[int, int]]:
    """Who stands for whom among the members that an alignment left out as equal. Lengths of both arrays."""
    one, other = {left for left, _ in pairs}, {right for _, right in pairs}
    left, right = (at for at in range(control) if at not in one), (at for at in range(candidate) if at not in other)
    return list(zip(left, right, strict=True))


def side_by_side(control: range, candidate: range) -> list[tuple[int | None, int | None]]:
    common = min(len(control), len(candidate))
    pairs: list[tuple[int | None, int | None]] = list(zip(control, candidate, strict=False))
    pairs += [(at, None) for at in control[common:]]
    pairs += [(None, at) for at in candidate[common:]]
    return pairs


def scalar_kind(left: Any, right: Any) -> Kind | None:
    """How two values differ that are not both objects or both arrays, None where they do not."""
    if type(left) is not type(right):
        return number_kind(left, right) if is_number(left) and is_number(right) else Kind.TYPE
    if left == right:
        return Kind.NUMBER_FORM if type(left) is float and left == 0 and str(left) != str(right) else None
    if type(left) is float and left != left and right != right:
        return None
    return Kind.VALUE


def number_kind(left: Any, right: Any) -> Kind | None:
    """How two numbers of different make differ. A decimal and a double are one if they are written alike in value."""
    if isinstance(left, exact.Written) or isinstance(right, exact.Written):
        return Kind.VALUE
    if type(left) is int or type(right) is int:
        return Kind.NUMBER_FORM if left == right else Kind.VALUE
    return None if Decimal(str(left)) == Decimal(str(right)) else Kind.VALUE


def is_number(value: Any) -> bool:
    return type(value) in (int, float, Decimal, exact.Written)
