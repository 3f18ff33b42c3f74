"""A trend is believed as far as the weeks prove it, and goes on ever less."""

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrator.core.trend import LASTS, Slope, slopes, tempo

WAVE = (0, 3, -2, 1, -1, 2, -3)
"""What luck adds to a week."""


def weeks(count: int, *, a_week: float = 0.0, pace: float = 20.0) -> list[float]:
    return [pace * (1 + a_week) ** at + WAVE[at % len(WAVE)] for at in range(count)]


def mean(found: list[Slope]) -> float:
    return sum(each.share * each.a_week for each in found)


def unchanged(found: list[Slope]) -> float:
    return sum(each.share for each in found if not each.a_week)


@given(dones=st.lists(st.integers(-3, 40), max_size=80), teams=st.integers(1, 12))
@settings(max_examples=80, deadline=None)
def test_slopes__of_whatever_weeks__share_all_runs(dones: list[float], teams: int) -> None:
    found = slopes(dones=dones, teams=teams)
    assert sum(each.share for each in found) == pytest.approx(1.0)
    assert all(each.share >= 0 and math.isfinite(each.a_week) for each in found)


def test_slopes__of_a_year_that_falls__lie_around_its_trend() -> None:
    found = slopes(dones=weeks(52, a_week=-0.02))
    assert mean(found) == pytest.approx(-0.02, abs=0.004)
    assert unchanged(found) < 0.1


def test_slopes__of_a_steady_year__are_hardly_believed() -> None:
    found = slopes(dones=weeks(52))
    assert unchanged(found) > 0.6
    assert abs(mean(found)) < 0.001


@pytest.mark.parametrize("dones", [[], [0.0] * 30, [-1.0] * 30, [5.0, 1.0]])
def test_slopes__where_there_is_no_pace__are_none(dones: list[float]) -> None:
    assert slopes(dones=dones) == [Slope(a_week=0.0, share=1.0)]


def test_slopes__of_a_few_weeks_on_a_line__prove_nothing() -> None:
    """Six counts that happen to fall one by one: less than a tenth of what the line says is believed."""
    assert -0.03 < mean(slopes(dones=[6, 5, 4, 3, 2, 1])) < 0


def test_slopes__of_large_units__prove_less_than_of_as_many_points_in_small_ones() -> None:
    dones = weeks(26, a_week=-0.02)
    assert unchanged(slopes(dones=dones, grain=10.0)) > unchanged(slopes(dones=dones))


def test_slopes__of_one_team_among_many__are_believed_less() -> None:
    dones = weeks(26, a_week=-0.02)
    assert unchanged(slopes(dones=dones, teams=6)) > unchanged(slopes(dones=dones, teams=1))


def test_tempo__of_a_pace_that_falls__falls_ever_less() -> None:
    found = tempo(a_week=-0.01, drawn=26, horizon=520)
    steps = [later - sooner for sooner, later in pairwise(found)]
    assert len(found) == 520
    assert found[0] == pytest.approx(math.exp(-0.01 * 13.5), rel=1e-3)
    assert all(step <= 0 for step in steps) and steps[0] < steps[50]
    assert found[-1] == pytest.approx(math.exp(-0.01 * (13 + LASTS)), rel=0.01)


def test_tempo__of_a_pace_that_rose__stays() -> None:
    assert set(tempo(a_week=0.01, drawn=26, horizon=520)) == {1.13}


def test_tempo__without_a_trend__is_none() -> None:
    assert tempo(a_week=0.0, drawn=26, horizon=520) == []
