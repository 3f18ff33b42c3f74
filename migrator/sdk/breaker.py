"""Leaves out a candidate that fails or hangs, before anybody decides to roll back.

There is one breaker for each unit, because a candidate that fails at one thing may be right at all others, and one
for its service as a whole: where connections are refused, or several units fail one after the other and nothing
succeeds in between, it is the service that is down. While a unit is left out, now and then one call tries the
candidate; the data plane makes that a call whose answer no caller waits for, where it can.

All times are seconds of one monotonic clock, passed in.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

import structlog

from migrator.core.routing import Route
from migrator.core.wire import UnitRoute

IN_A_ROW: Final = 3
"""Failures one after the other that leave a unit out."""
WINDOW: Final = 20
"""The last calls, of which half must succeed."""
LATEST: Final = (1 << WINDOW) - 1
UNITS: Final = 3
CALLS: Final = 5
"""So many units and calls that fail, without a success in between, leave the whole service out."""
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0
"""Until the candidate is tried again, with one call."""
SETTLED: Final = 30.0
"""A candidate that fails again within this time after it came back is left alone for longer."""
MANY: Final = 16
"""Calls that wait. So many, and no answer for a while: it hangs."""
SHORTEST_HANG: Final = 0.25
LEAST_PATIENCE: Final = 1.0
SLOWER: Final = 10.0
"""How many times slower than anything usual an answer may be before somebody else is asked."""
UNKNOWN_PATIENCE: Final = 10.0
"""While nobody knows what is usual."""
SAMPLED: Final = 8
"""Of so many calls one is timed: what is usual changes slowly, and a call is on its way to a caller."""

log = structlog.get_logger()


class Admission(Enum):
    """What a breaker says to one request."""

    GO = "go"
    """The candidate may answer."""
    PROBE = "probe"
    """It is left out, and this is the moment to see how it is: with one call."""
    STAY = "stay"
    """It is left out."""


class Usual:
    """How long answers take: their mean and their spread, newer ones weighing more. Jacobson's estimate of timeouts."""

    __slots__ = ("_mean", "_spread", "known")

    def __init__(self) -> None:
        self._mean = self._spread = 0.0
        self.known = False

    def add(self, seconds: float) -> None:
        if not self.known:
            self._mean, self._spread, self.known = seconds, seconds / 2, True
            return
        off = seconds - self._mean
        self._mean += off / 8
        self._spread += (abs(off) - self._spread) / 4

    @property
    def longest(self) -> float:
        """What hardly any answer takes longer than; 0 while nothing is known."""
        return self._mean + 4 * self._spread


class Pause:
    """Whether something is left out, until when, and how long next time."""

    __slots__ = ("_back_at", "_length", "until")

    def __init__(self) -> None:
        self.until: float | None = None
        """None while it is not left out."""
        self._length = FIRST_PAUSE
        self._back_at = float("-inf")

    def begin(self, now: float) -> None:
        again = now - self._back_at < SETTLED
        self._length = min(LONGEST_PAUSE, self._length * 2) if again else FIRST_PAUSE
        self.until = now + self._length

    def lengthen(self, now: float) -> None:
        """It was tried, and failed."""
        self._length = min(LONGEST_PAUSE, self._length * 2)
        self.until = now + self._length

    def end(self, now: float) -> None:
        self.until, self._back_at = None, now

    def admits(self, now: float) -> Admission:
        if self.until is None:
            return Admission.GO
        if now < self.until:
            return Admission.STAY
        self.until = now + self._length
        return Admission.PROBE


class Breaker:
    """One unit's candidate, as this process has met it."""

    __slots__ = (
        "_calls",
        "_candidate",
        "_failures",
        "_latest",
        "_legacy",
        "_patience",
        "_quiet_since",
        "_whole",
        "key",
        "pause",
        "waiting",
    )

    def __init__(self, key: str, whole: "Breakers") -> None:
        self.key = key
        self.pause = Pause()
        self.waiting = 0
        """Calls that have no answer yet."""
        self._whole = whole
        self._failures = 0
        self._latest = 0
        """The last calls as bits: 1 failed."""
        self._quiet_since = 0.0
        self._legacy, self._candidate = Usual(), Usual()
        self._calls = 0
        self._patience = UNKNOWN_PATIENCE

    @property
    def closed(self) -> bool:
        """Whether the candidate answers as planned."""
        return self.pause.until is None and self._whole.pause.until is None

    def admits(self, now: float) -> Admission:
        """Whether a request may go to the candidate."""
        own = self.pause.admits(now)
        if own is Admission.STAY or self._whole.pause.until is None:
            return own
        return self._whole.pause.admits(now)

    def patience(self, most: float) -> float:
        """How long to wait for the candidate before somebody else is asked, `most` at most."""
        return self._patience if self._patience < most else most

    def began(self, now: float) -> None:
        """A call of the candidate begins. `ended` must follow, whatever becomes of it."""
        if not self.waiting:
            self._quiet_since = now
        self.waiting += 1
        if self.waiting >= MANY and self.pause.until is None:
            quiet = now - self._quiet_since
            if quiet > max(SHORTEST_HANG, self.patience(UNKNOWN_PATIENCE) / 4):
                self._leave_out(now, f"{self.waiting} calls wait and none was answered for {quiet:.2f} s")

    def ended(self, now: float) -> None:
        """A call has an answer, or will never have one."""
        self.waiting -= 1
        self._quiet_since = now

    def answered(self, now: float, since: float) -> None:
        """A call that began at `since` is answered well: `ended` and `succeeded` in one, for the many."""
        self.waiting -= 1
        self._quiet_since = now
        if self._latest or self._whole.failures or self._calls % SAMPLED == 0:
            self.succeeded(now, seconds=now - since)
        else:
            self._calls += 1

    def succeeded(self, now: float, *, seconds: float, probe: bool = False) -> None:
        """The candidate answered, in so many seconds."""
        self._time(self._candidate, seconds)
        if self._latest:
            self._failures = 0
            self._latest = self._latest << 1 & LATEST
        if self._whole.failures:
            self._whole.succeeded()
        if probe:
            self._come_back(now)

    def failed(self, now: float, *, why: str, refused: bool = False, probe: bool = False) -> None:
        """The candidate failed; `refused` says that there was no connection."""
        self._failures += 1
        self._latest = (self._latest << 1 | 1) & LATEST
        if self.pause.until is not None:
            if probe:
                self.pause.lengthen(now)
        elif self._failures >= IN_A_ROW or self._latest.bit_count() * 2 >= WINDOW:
            self._leave_out(now, why)
        self._whole.failed(now, unit=self.key, why=why, refused=refused, probe=probe)

    def legacy_took(self, seconds: float) -> None:
        """Legacy answered the same kind of request, in so many seconds."""
        self._time(self._legacy, seconds)

    def _time(self, usual: Usual, seconds: float) -> None:
        calls, self._calls = self._calls, self._calls + 1
        if usual.known and calls % SAMPLED:
            return
        usual.add(seconds)
        self._patience = max(LEAST_PATIENCE, SLOWER * max(self._legacy.longest, self._candidate.longest))

    def _come_back(self, now: float) -> None:
        self._latest = 0
        if self.pause.until is not None:
            self.pause.end(now)
            log.warning("candidate.is_back", unit=self.key)
        self._whole.come_back(now)

    def _leave_out(self, now: float, why: str) -> None:
        self.pause.begin(now)
        log.error("candidate.left_out", unit=self.key, why=why)


class Breakers:
    """One service's candidate: a breaker for each unit that it answers, and one for all of it."""

    def __init__(self, service: str) -> None:
        self.pause = Pause()
        self._service = service
        self._units: dict[int, Breaker] = {}
        self._failing: set[str] = set()
        """Units that failed since the last success."""
        self.failures = 0
        """One after the other, of any unit."""
        self._refusals = 0

    def of(self, unit: UnitRoute) -> Breaker:
        """The breaker of one unit."""
        breaker = self._units.get(unit.id)
        if breaker is None:
            breaker = self._units[unit.id] = Breaker(unit.key, self)
        return breaker

    def keep(self, units: Mapping[int, Route]) -> None:
        """Forget the units that the candidate does not answer any more."""
        for unit_id in [known for known in self._units if known not in units or not units[known].candidate]:
            del self._units[unit_id]

    @property
    def left_out(self) -> list[str]:
        """Keys of the units that the candidate would answer and is kept from, of those that were asked for here."""
        whole = self.pause.until is not None
        return [breaker.key for breaker in self._units.values() if whole or breaker.pause.until is not None]

    def succeeded(self) -> None:
        """A call of any unit did, after some that did not."""
        self._failing.clear()
        self.failures = self._refusals = 0

    def come_back(self, now: float) -> None:
        """A call that was to tell how the candidate is succeeded."""
        self.succeeded()
        if self.pause.until is not None:
            self.pause.end(now)
            log.warning("candidate.is_back", service=self._service)

    def failed(self, now: float, *, unit: str, why: str, refused: bool, probe: bool) -> None:
        self._failing.add(unit)
        self.failures += 1
        self._refusals += refused
        if self.pause.until is not None:
            if probe:
                self.pause.lengthen(now)
        elif self._refusals >= IN_A_ROW or (len(self._failing) >= UNITS and self.failures >= CALLS):
            self.pause.begin(now)
            log.error("candidate.left_out", service=self._service, units=len(self._failing), why=why)
