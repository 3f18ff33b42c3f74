"""Which examples are kept: few of each unit, and not all of one kind."""

from typing import Final

from migrator.core.wire import WINDOW_SECONDS

PER_UNIT: Final = 5
"""Kept in one window."""
PER_KIND: Final = 2
"""Of one unit and alike, kept in one window."""


class Few:
    """Admits the first few in each window."""

    def __init__(self) -> None:
        self._window = 0
        self._kept: dict[int, int] = {}
        self._alike: dict[tuple[int, object], int] = {}

    def admits(self, *, unit: int, kind: object, at: float) -> bool:
        """Whether one more example is kept. `kind` is what makes two alike; `at` is seconds since the epoch."""
        window = int(at) // WINDOW_SECONDS
        if window != self._window:
            self._window, self._kept, self._alike = window, {}, {}
        kept, alike = self._kept.get(unit, 0), self._alike.get((unit, kind), 0)
        if kept >= PER_UNIT or alike >= PER_KIND:
            return False
        self._kept[unit], self._alike[unit, kind] = kept + 1, alike + 1
        return True
