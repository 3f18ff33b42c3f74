"""Does the pace change? What the weeks prove of a trend, and what it makes of the weeks to come.

A line is laid through the weeks of the last half year, and one through those of the last year, by least squares; half
of the runs believe each. Its slope is a part of the mean pace, per week. Before anybody looks at the weeks it is as
likely that no team's pace changes as that one's does, and 2 % a week would be no wonder: a spike at nothing beside a
normal slab (Mitchell & Beauchamp 1988). What the weeks add is Bayes' rule: other odds of the two, and a slope that is
the nearer to nothing the less sure the line is.

No trend lasts: it goes on ever less, by what is left of it after e^(-weeks / 26) (the damped trend of Gardner &
McKenzie 1985, in logarithms). A pace that rose is taken to stay, not to rise further: nobody shall promise on hope.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

WINDOWS: Final = (26, 52)
"""Weeks. Half a year sees what changed two months ago; a year sees what half a year cannot tell from luck."""
NONE: Final = 0.5
"""How likely it is that nobody's pace changes, before the weeks are looked at."""
USUAL: Final = 0.02
"""Standard deviation of a trend, a week, before the weeks are looked at."""
LASTS: Final = 26.0
"""Weeks after which e times less of a trend is left."""
SHARES: Final = 8
"""Slopes that stand for what a window leaves open, each as likely as the others."""
_APART: Final = tuple(NormalDist().inv_cdf((share + 0.5) / SHARES) for share in range(SHARES))
_AHEAD: Final = tuple(LASTS * (1.0 - math.exp(-(week + 0.5) / LASTS)) for week in range(4 * int(LASTS)))
"""How many weeks of an undamped trend each week to come has behind it; after four times LASTS it is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """By which part of itself the pace changes each week, and in which part of the runs that is believed."""

    a_week: float
    share: float


def slopes(*, dones: Sequence[float], grain: float = 1.0, teams: int = 1) -> list[Slope]:
    """What could be true of a team's pace after these whole weeks, oldest first; the shares add up to one.

    `grain` is how large one unit is. The more teams there are, the more of them seem to change by luck alone.
    """
    none = NONE ** (1 / teams)
    seen = [slope for window in WINDOWS for slope in _slopes(dones[-window:], grain, none)]
    return [Slope(a_week=0.0, share=1.0 - sum(slope.share for slope in seen)), *seen]


def _slopes(dones: Sequence[float], grain: float, none: float) -> Iterator[Slope]:
    line = _line(dones, grain)
    if line is None:
        return
    slope, error = line
    weight = USUAL**2 / (USUAL**2 + error**2)
    # Two normal densities at the slope that is seen: around nothing without a trend, wider by USUAL with one.
    odds = (1.0 - none) / none * math.sqrt(1.0 - weight) * math.exp(min(700.0, weight * (slope / error) ** 2 / 2))
    share = odds / (1.0 + odds) / len(WINDOWS) / SHARES
    for apart in _APART:
        yield Slope(a_week=weight * slope + math.sqrt(weight) * error * apart, share=share)


def _line(dones: Sequence[float], grain: float) -> tuple[float, float] | None:
    """Slope and standard error of the line, as parts of the mean. None where there is no pace to change."""
    count = len(dones)
    mean = sum(dones) / max(1, count)
    if count < 3 or mean <= 0:
        return None
    middle, spread = (count - 1) / 2, count * (count * count - 1) / 12
    slope = sum((at - middle) * done for at, done in enumerate(dones)) / spread
    missed = sum((done - mean - slope * (at - middle)) ** 2 for at, done in enumerate(dones))
    # Counts are never surer than Poisson's: a few weeks that happen to lie on a line prove no trend.
    return slope / mean, math.sqrt(max(missed / (count - 2), mean * grain) / spread) / mean


def tempo(*, a_week: float, drawn: int, horizon: int) -> list[float]:
    """By what the weeks to come are multiplied, so many of them, if they are drawn from the last `drawn` weeks."""
    if not a_week:
        return []
    since = drawn / 2  # what is drawn is as old as the middle of those weeks
    if a_week > 0:
        return [1.0 + a_week * since] * horizon
    falls = [math.exp(a_week * (since + ahead)) for ahead in _AHEAD[:horizon]]
    return falls + falls[-1:] * (horizon - len(falls))
