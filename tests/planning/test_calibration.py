"""Forecasts of lives that are not smooth hold as often as they say, and it would be seen if they did not."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import pytest

from migrator.core import forecast as forecasting
from migrator.core.forecast import Forecast, Stream, Week, forecast, quantile

TODAY: Final = date(2026, 11, 21)
PARTS: Final = (0.25, 0.5, 0.75)
PROJECTS: Final = 240
RUNS: Final = 150


@dataclass(frozen=True, slots=True)
class Life:
    """How a project goes: what is begun with, what a week brings on average, and how unlike weeks are."""

    scope: int = 200
    pace: float = 5.0
    spread: float = 1.0
    discovery: float = 0.2
    """What each finished unit uncovers, on average."""
    idle: float = 0.0
    """Share of the weeks in which nobody works: holidays, freezes."""
    burst: float = 0.0
    """Share of the weeks in which five times as much is done."""
    trend: float = 0.0
    """By which part of its first pace it becomes faster, each week."""

    def lived(self, dice: random.Random) -> tuple[list[Week], float]:
        """Its weeks, and when it ended, in weeks."""
        left, weeks = self.scope, list[Week]()
        while True:
            able = self.tempo(dice, len(weeks))
            done = min(left, able)
            added = poisson(dice, self.discovery * done)
            weeks.append(Week(done=done, added=added))
            if left and left + added <= done:
                return weeks, len(weeks) - 1 + left / able
            left += added - done

    def tempo(self, dice: random.Random, week: int) -> int:
        if dice.random() < self.idle:
            return 0
        mean = self.pace * (1 + self.trend * week) / self.spread
        able = poisson(dice, min(60.0, dice.gammavariate(mean, self.spread)))
        return 5 * able if dice.random() < self.burst else able


ROUGH: Final = (
    Life(discovery=0.7, scope=120, pace=6),
    Life(discovery=0.6, scope=120, pace=6, idle=0.1),
    Life(idle=0.15),
    Life(burst=0.05, scope=300, pace=4),
    Life(spread=4.0, discovery=0.4),
)
"""Heavy growth of the scope, weeks in which nobody works, bursts."""
FASTER: Final = (Life(trend=0.01, scope=300, discovery=0.1), Life(trend=0.03, scope=300, pace=3, discovery=0.1))


def poisson(dice: random.Random, mean: float) -> int:
    """Knuth's method."""
    limit, count, product = math.exp(-mean), 0, dice.random()
    while product > limit:
        count, product = count + 1, product * dice.random()
    return count


def kept(lives: tuple[Life, ...], part: float) -> dict[float, float]:
    """Of forecasts made after this part of a life: how many held, by what they promised."""
    dice, promises, made = random.Random(3), {0.5: 0, 0.85: 0, 0.95: 0}, 0
    for number in range(PROJECTS):
        life = lives[number % len(lives)]
        weeks, end = life.lived(dice)
        now = int(len(weeks) * part)
        left = life.scope + sum(week.added - week.done for week in weeks[:now])
        found = forecast(stream=Stream(left=left, weeks=tuple(weeks[:now])), today=TODAY, runs=RUNS, seed=number)
        if isinstance(found, Forecast):
            made += 1
            for promise in promises:
                promises[promise] += quantile(found.finish, promise) >= end - now
    assert made > PROJECTS * 0.8
    return {promise: count / made for promise, count in promises.items()}


def holds(found: dict[float, float]) -> bool:
    """Three standard errors: 0.1 at one half, 0.07 at 0.85, 0.045 at 0.95."""
    return all(abs(found[promise] - promise) <= room for promise, room in ((0.5, 0.1), (0.85, 0.07), (0.95, 0.045)))


@pytest.mark.parametrize("part", PARTS)
def test_forecast__of_rough_lives__holds_as_often_as_it_says(part: float) -> None:
    found = kept(ROUGH, part)
    assert holds(found), found


def test_forecast__of_teams_that_become_faster__promises_too_little_rather_than_too_much() -> None:
    """It knows of no trend. One that slows down makes it too sure: the facts beside it tell the pace of late."""
    assert all(kept(FASTER, part)[0.85] >= 0.85 for part in (PARTS[0], PARTS[-1]))


def without_growth(stream: Stream, growth: float, luck: float) -> float:
    return stream.left


def in_a_straight_line(weeks: tuple[Week, ...]) -> tuple[Week, ...]:
    recent = forecasting.worked(weeks)[-26:]
    mean = sum(week.done for week in recent) / max(1, len(recent))
    return tuple(replace(week, done=mean) for week in recent)


@pytest.mark.parametrize(
    ("name", "wrong"), [("_wanted", without_growth), ("recent", in_a_straight_line)], ids=["no growth", "no luck"]
)
def test_calibration__of_a_forecast_that_leaves_something_out__does_not_hold(
    monkeypatch: pytest.MonkeyPatch, name: str, wrong: Callable[..., object]
) -> None:
    """The tests above can fail."""
    monkeypatch.setattr(forecasting, name, wrong)
    assert not holds(kept(ROUGH, PARTS[0]))
