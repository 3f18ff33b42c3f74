"""Units with known faults climb for a month: the promises at a smaller size."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from migrator.core import promises as held
from migrator.core import simulation
from migrator.core.gate import Verdict, judge
from migrator.core.policy import Policy
from migrator.core.promises import promises
from migrator.core.simulation import KINDS, Fate, fates

UNITS = 400


@pytest.fixture(scope="module")
def month() -> list[Fate]:
    return fates(numbers=range(UNITS), seed=1, days=30)


def test_simulation__400_units_for_a_month__keeps_every_promise(month: list[Fate]) -> None:
    kept = promises(fates=month, policy=Policy(), gaps=0, gaps_promoted=0)
    assert [promise.sentence for promise in kept if not promise.kept] == []
    assert len(kept) == 7


def test_simulation__healthy_units__climb_to_the_top_and_stay(month: list[Fate]) -> None:
    clean = [fate for fate in month if fate.kind == "clean"]
    assert sum(fate.share == 10_000 for fate in clean) > 0.8 * len(clean)
    assert not any(fate.rolled_back for fate in clean)


def test_simulation__harm_that_begins_while_the_candidate_serves__is_always_taken_back(month: list[Fate]) -> None:
    harmed = [fate for fate in month if fate.harmed]
    assert len(harmed) > 30
    assert all(fate.rolled_back for fate in harmed if fate.callers_in_harm > 1_000)
    repeating = [fate for fate in harmed if fate.repeats > 1 and fate.until_back is not None]
    assert repeating
    assert all(fate.until_back == fate.repeats * (fate.callers_until_back or 0) for fate in repeating)


def test_simulation__every_kind_and_every_habit_of_callers__is_drawn(month: list[Fate]) -> None:
    assert {fate.kind for fate in month} == {kind.name for kind in KINDS}
    assert {fate.repeats for fate in month} == {1, 3, 10}


def test_fates__the_same_seed__is_the_same_however_it_is_dealt() -> None:
    assert fates(numbers=[5, 6], seed=2, days=6) == fates(numbers=[5], seed=2, days=6) + fates(
        numbers=[6], seed=2, days=6
    )
    assert fates(numbers=range(5), seed=2, days=6) != fates(numbers=range(5), seed=3, days=6)


def test_fates__looks_that_are_left_out__would_have_changed_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shortcuts ask judge() less often; asking it at every look ends the same."""
    numbers = [7, 21, 24, 40]
    short = fates(numbers=numbers, seed=1, days=8)
    assert {fate.rolled_back for fate in short} | {fate.promoted for fate in short} == {True, False}
    monkeypatch.setattr(simulation._Unit, "_is_proven", lambda unit: bool(unit.counts.callers))
    monkeypatch.setattr(simulation._Unit, "_is_suspect", lambda unit, at: True)
    assert fates(numbers=numbers, seed=1, days=8) == short


def lenient(**kwargs: object) -> Verdict:
    """A judge that takes the point estimate for the truth."""
    verdict = judge(**kwargs)  # type: ignore[arg-type]
    found = kwargs["evidence"]
    good = found.independent_pairs > 100 and found.bad <= 0.001 * found.pairs  # type: ignore[attr-defined]
    return replace(verdict, word=simulation.Word.PROMOTE) if good else verdict


def jumpy(**kwargs: object) -> Verdict:
    """A judge that takes two bad ones for harm."""
    verdict = judge(**kwargs)  # type: ignore[arg-type]
    two = kwargs["serving"] and kwargs["evidence"].bad >= 2  # type: ignore[attr-defined]
    return replace(verdict, word=simulation.Word.ROLLBACK) if two else verdict


@pytest.mark.parametrize(
    ("wrong", "broken"),
    [
        (lenient, "units at the limit were ever promoted"),
        (jumpy, "healthy units were rolled back"),
    ],
)
def test_promises__a_judge_that_is_wrong__are_broken(
    monkeypatch: pytest.MonkeyPatch, wrong: Callable[..., Verdict], broken: str
) -> None:
    monkeypatch.setattr(simulation, "judge", wrong)
    monkeypatch.setattr(simulation, "MOST_PER_DAY", 2_000)
    monkeypatch.setattr(simulation._Unit, "_is_proven", lambda unit: unit.counts.callers > 100 and not unit.promoted)
    monkeypatch.setattr(simulation._Unit, "_is_suspect", lambda unit, at: len(unit.counts.bad) > 1)
    found = fates(numbers=range(30), seed=4, days=8)
    kept = {promise.name: promise.kept for promise in promises(fates=found, policy=Policy(), gaps=0, gaps_promoted=0)}
    assert not kept[broken]


def test_promises__a_guard_that_sleeps__are_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation._Unit, "_is_harm", lambda unit, at: False)
    found = fates(numbers=range(60), seed=4, days=12)
    kept = {promise.name: promise.kept for promise in promises(fates=found, policy=Policy(), gaps=0, gaps_promoted=0)}
    assert not kept["harm missed"]


def test_promises__a_gap_that_promoted__breaks_them() -> None:
    *_, gaps = promises(fates=[], policy=Policy(), gaps=100, gaps_promoted=1)
    assert (gaps.name, gaps.kept) == ("gaps", False)


def test_promises__late_rollbacks__break_them(month: list[Fate]) -> None:
    late = [replace(fate, callers_until_back=101) if fate.callers_until_back else fate for fate in month]
    kept = {
        promise.name: promise.kept for promise in held.promises(fates=late, policy=Policy(), gaps=0, gaps_promoted=0)
    }
    assert not kept["time to rollback"]
