"""How much may be asked of the services on top of traffic."""

from typing import Final

from migrator.core.stages import ALL

RESERVE: Final = 30.0
"""Calls that may be made before traffic has earned any, and that traffic earns ahead at most."""


class Allowance:
    """A share of the requests, and so many a second at most."""

    def __init__(self, *, share: int, per_second: float, most: int) -> None:
        """`share` in basis points; `most` is how many calls are taken at once."""
        self._share = share / ALL
        self._per_second = per_second
        self._earned = RESERVE if share else 0.0
        self._burst = max(most, per_second) if per_second else 0.0
        self._tokens = self._burst
        self._at = 0.0

    def earn(self) -> None:
        """One request more was met."""
        self._earned = min(RESERVE, self._earned + self._share)

    def take(self, calls: int, now: float) -> bool:
        """Whether so many calls may be made; if so, they are paid for. `now` in seconds, of any clock."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        if min(self._earned, self._tokens) < calls:
            return False
        self._earned -= calls
        self._tokens -= calls
        return True

    def give_back(self, calls: int) -> None:
        """So many of the calls were not needed."""
        self._earned += calls
        self._tokens += calls
