"""How rules see arrays: which member of one stands for which of the other.

What is ignored, written in another form, tolerated or mapped must not hide that two members are one.
So members are matched by a normal form in which all that is left out. It only decides who is held
against whom: pairs whose normal forms agree are still walked, and each difference is ruled on.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

import orjson

from migrator.core.automaton import State
from migrator.core.exact import mark, marks
from migrator.core.forms import amount, near
from migrator.core.paths import Steps
from migrator.core.rules import Panel, Rule, Rules, applies_at, is_identifier
from migrator.core.walk import Canon, Pairs

_write: Final = partial(orjson.dumps, option=orjson.OPT_SORT_KEYS)
DEEPEST: Final = 100
"""Levels of a document down to which members are brought to normal form: each level costs all that lies under it."""
EFFORT: Final = 300_000
"""Values that are looked at for the normal forms of one pair. After that, members are recognised as they are."""
_GONE: Final = object()
_ANYTHING: Final = "\0"
"""Stands for a value that is judged by its counterpart."""


class Lens:
    """The rules of one pair of documents, as far as they matter to arrays."""

    def __init__(self, rules: Rules, documents: tuple[Any, Any], *, plain: bool) -> None:
        """`plain` says that the fast writer can be trusted with both documents."""
        self._rules = rules
        self._documents = documents
        self._plain = plain
        self._effort = EFFORT

    def arrange(
        self, steps: Steps, control: list[Any], candidate: list[Any], canon: tuple[Canon, Canon]
    ) -> Pairs | None:
        """Who stands for whom in arrays whose order means nothing; None where it means something."""
        state = self._rules.state_at(steps)
        if state is None or not state.here:
            return None
        rule = self._unordered(self._rules.panel(state), steps, self._documents[0])
        if rule is None:
            return None
        left, right = list(map(canon[0], control)), list(map(canon[1], candidate))
        if sorted(left) == sorted(right):
            return Pairs([], moved=left != right)
        name = rule.spec.key
        matching = _Matching(control, candidate)
        matching.match(left, right, equal=True)
        if not matching.done and self._worth_it(steps):
            matching.match(*self._forms(state, steps, control, candidate, name), equal=False)
        if not matching.done and name is None:
            matching.match_rest()
        return matching.pairs()

    def keys(self, steps: Steps, control: list[Any], candidate: list[Any]) -> tuple[list[bytes], list[bytes]] | None:
        """The members of both arrays in normal form; None where the rules say nothing about them."""
        state = self._rules.state_at(steps)
        if state is None or not state.alive or not self._worth_it(steps):
            return None
        return self._forms(state, steps, control, candidate, None)

    def _worth_it(self, steps: Steps) -> bool:
        return len(steps) <= DEEPEST and self._effort > 0

    def _forms(
        self, state: State, steps: Steps, control: list[Any], candidate: list[Any], name: str | None
    ) -> tuple[list[bytes], list[bytes]]:
        both = [
            [self._member(value, state, (*steps, at), side, name) for at, value in enumerate(members)]
            for side, members in enumerate((control, candidate))
        ]
        if self._plain:
            try:
                return [_write(value) for value in both[0]], [_write(value) for value in both[1]]
            except TypeError:  # what the fast writer would refuse or round off
                pass
        return [self._mark(value) for value in both[0]], [self._mark(value) for value in both[1]]

    def _mark(self, value: Any) -> bytes:
        known = marks(value)
        self._effort -= len(known)
        return mark(value, known)

    def _member(self, value: Any, array: State, steps: Steps, side: int, name: str | None) -> Any:
        state = self._rules.inner(array, _index(steps))
        if name is None or not isinstance(value, dict) or name not in value:
            return self._normal(value, state, steps, self._documents[side])
        inner = self._rules.inner(state, name)
        return [self._normal(value[name], inner, (*steps, name), self._documents[side])]

    def _normal(self, value: Any, state: State, steps: Steps, document: Any) -> Any:
        """The value without what the rules leave out."""
        self._effort -= 1
        panel = self._rules.panel(state) if state.over else None
        if panel is not None:
            if any(applies_at(rule, steps, document) for rule in panel.ignore):
                return _GONE
            value = _settled(value, panel, steps, document)
        if not state.alive or not self._worth_it(steps):
            return value
        if isinstance(value, dict):
            return self._object(value, state, steps, document)
        if not isinstance(value, list):
            return value
        inner = [self._inner(member, state, steps, at, document) for at, member in enumerate(value)]
        whole = [None if member is _GONE else member for member in inner]
        if len(whole) > 1 and panel is not None and self._unordered(panel, steps, document) is not None:
            whole.sort(key=self._mark)
        return whole

    def _object(self, value: dict[str, Any], state: State, steps: Steps, document: Any) -> dict[str, Any]:
        inner = {name: self._inner(member, state, steps, name, document) for name, member in value.items()}
        return {name: member for name, member in inner.items() if member is not _GONE}

    def _inner(self, member: Any, state: State, steps: Steps, step: str | int, document: Any) -> Any:
        return self._normal(member, self._rules.inner(state, step), (*steps, step), document)

    def _unordered(self, panel: Panel, steps: Steps, document: Any) -> Rule | None:
        return next((rule for rule in panel.unordered if applies_at(rule, steps, document)), None)


class _Matching:
    """Members of two arrays that find each other, in several attempts."""

    def __init__(self, control: list[Any], candidate: list[Any]) -> None:
        self._control, self._candidate = control, candidate
        self._left, self._right = dict.fromkeys(range(len(control))), dict.fromkeys(range(len(candidate)))
        """Indexes of members that are still alone."""
        self._equal: dict[int, int] = {}
        self._found: dict[int, int] = {}

    @property
    def done(self) -> bool:
        return not self._left or not self._right

    def match(self, left: Sequence[bytes], right: Sequence[bytes], *, equal: bool) -> None:
        """Pair members with equal keys: those at one index first, then in order."""
        for at in [at for at in self._left if at in self._right and left[at] == right[at]]:
            self._pair(at, at, equal=equal)
        waiting: dict[bytes, list[int]] = defaultdict(list)
        for at in self._right:
            waiting[right[at]].append(at)
        groups: dict[bytes, list[int]] = defaultdict(list)
        for at in self._left:
            groups[left[at]].append(at)
        for key, members in groups.items():
            for one, other in self._in_step(members, waiting.get(key, [])):
                self._pair(one, other, equal=equal)

    def match_rest(self) -> None:
        for one, other in self._in_step(list(self._left), list(self._right)):
            self._pair(one, other, equal=False)

    def pairs(self) -> Pairs:
        pairs: deque[tuple[int | None, int | None]] = deque(sorted(self._found.items()))
        pairs.extend((at, None) for at in self._left)
        pairs.extend((None, at) for at in self._right)
        partners = [other for _, other in sorted((self._equal | self._found).items())]
        return Pairs(list(pairs), moved=partners != sorted(partners))

    def _in_step(self, left: list[int], right: list[int]) -> Iterable[tuple[int, int]]:
        """The members in order; numbers by size, so that those that lie near each other meet."""
        one = {at: size for at in left if (size := amount(self._control[at])) is not None}
        other = {at: size for at in right if (size := amount(self._candidate[at])) is not None}
        if len(one) == len(left) and len(other) == len(right):
            left, right = sorted(left, key=one.__getitem__), sorted(right, key=other.__getitem__)
        return list(zip(left, right, strict=False))

    def _pair(self, one: int, other: int, *, equal: bool) -> None:
        (self._equal if equal else self._found)[one] = other
        del self._left[one], self._right[other]


def _settled(value: Any, panel: Panel, steps: Steps, document: Any) -> Any:
    """A value in the form in which the rules of its place compare it."""
    before = value
    for rule in panel.forms:
        if rule.normalise is not None and applies_at(rule, steps, document):
            value = rule.normalise(value)
    tolerated: Callable[[Rule], bool] = lambda rule: near(rule.spec, value, value)  # noqa: E731
    if any(tolerated(rule) and applies_at(rule, steps, document) for rule in panel.near):
        return _ANYTHING
    if is_identifier(value) and any(applies_at(rule, steps, document) for rule in panel.maps):
        return _ANYTHING
    if value is before or isinstance(value, (dict, list)):
        return value
    return f"{type(value).__name__} {value}"


def _index(steps: Steps) -> int:
    last = steps[-1]
    return last if isinstance(last, int) else 0
