"""Examples: few, varied, recent."""

from collections import Counter

from migrator.sdk.few import NEW_PER_UNIT, PER_KIND, PER_UNIT, Few

WINDOW = 10


def admitted(few: Few, kinds: list[object], *, at: float) -> Counter[object]:
    return Counter(kind for kind in kinds if few.admits(unit=1, kind=kind, at=at))


def test_few__one_in_a_thousand__is_kept_beside_the_others() -> None:
    assert admitted(Few(), ["usual"] * 999 + ["rare"], at=0) == {"usual": PER_KIND, "rare": 1}


def test_few__a_new_kind_in_a_crowd__is_kept() -> None:
    few = Few()
    crowd = [f"kind {number}" for number in range(NEW_PER_UNIT)]
    assert len(admitted(few, crowd * 9, at=0)) == NEW_PER_UNIT
    assert admitted(few, [*crowd * 9, "new"], at=WINDOW)["new"] == 1


def test_few__many_kinds__all_have_their_turn_again() -> None:
    few = Few()
    kinds = [f"kind {number}" for number in range(20)]
    admitted(few, kinds, at=0)
    windows = [admitted(few, kinds * 50, at=WINDOW * number) for number in range(1, 9)]
    assert max(window.total() for window in windows) <= PER_UNIT * PER_KIND
    assert set().union(*windows) == set(kinds)


def test_few__one_kind__is_shown_afresh_in_each_window() -> None:
    few = Few()
    assert [admitted(few, ["a"] * 100, at=WINDOW * number)["a"] for number in range(3)] == [PER_KIND] * 3


def test_few__endless_kinds_and_units__are_bounded() -> None:
    few = Few()
    kept = sum(few.admits(unit=number % 5_000, kind=number, at=number / 1_000) for number in range(50_000))
    assert kept > 0
    assert len(few._units) <= 2_000
