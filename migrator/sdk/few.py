"""Which examples are kept: few of each unit, of many kinds, and always recent ones.

A window's examples are not its first ones: what has never been shown comes first, and kinds that were shown
before take turns, so that one in a thousand is seen beside nine hundred and ninety-nine.
"""

from math import ceil
from typing import Final

from migrator.core.wire import WINDOW_SECONDS

PER_UNIT: Final = 5
"""Of kinds that were shown before, kept in one window."""
NEW_PER_UNIT: Final = 20
"""Of kinds that were never shown, kept in one window."""
PER_KIND: Final = 2
"""Of one unit and alike, kept in one window."""
KINDS_KNOWN: Final = 500
"""Of one unit. Those that were shown longest ago are forgotten, and are new when they come again."""
UNITS_KNOWN: Final = 2_000


class Few:
    """Admits examples, window by window."""

    def __init__(self) -> None:
        self._window = 0
        self._units: dict[int, _Shown] = {}

    def admits(self, *, unit: int, kind: object, at: float) -> bool:
        """Whether one more example is kept. `kind` is what makes two alike; `at` is seconds since the epoch."""
        window = int(at) // WINDOW_SECONDS
        if window > self._window:
            self._window = window
        shown = self._units.get(unit)
        if shown is None:
            if len(self._units) >= UNITS_KNOWN:
                self._units.pop(next(iter(self._units)))
            shown = self._units[unit] = _Shown()
        return shown.admits(kind, self._window)


class _Shown:
    """What was shown of one unit."""

    __slots__ = ("_alike", "_kinds", "_left", "_left_new", "_window")

    def __init__(self) -> None:
        self._window = -1
        self._left = self._left_new = 0
        self._alike: dict[object, int] = {}
        """Kinds kept in this window, and how often."""
        self._kinds: dict[object, int] = {}
        """Each known kind's last window, those shown longest ago first."""

    def admits(self, kind: object, window: int) -> bool:
        if window != self._window:
            self._window, self._left, self._left_new, self._alike = window, PER_UNIT, NEW_PER_UNIT, {}
        if kind in self._alike:
            return self._again(kind)
        if kind not in self._kinds:
            if not self._left_new:
                return False
            self._left_new -= 1
        elif not self._left or window - self._kinds[kind] < self._turn:
            return False
        else:
            self._left -= 1
        self._note(kind, window)
        return True

    @property
    def _turn(self) -> int:
        """Windows until a kind's turn comes again, so that all of them have theirs."""
        return ceil(len(self._kinds) / PER_UNIT)

    def _again(self, kind: object) -> bool:
        """A second one of its kind in this window, where no other kind is waiting for the place."""
        if self._alike[kind] >= PER_KIND or len(self._kinds) > PER_UNIT:
            return False
        self._alike[kind] += 1
        return True

    def _note(self, kind: object, window: int) -> None:
        self._alike[kind] = 1
        self._kinds.pop(kind, None)
        self._kinds[kind] = window
        if len(self._kinds) > KINDS_KNOWN:
            self._kinds.pop(next(iter(self._kinds)))
