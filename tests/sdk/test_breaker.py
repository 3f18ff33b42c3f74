"""When a candidate is left out, and how it comes back. Time is passed in."""

import pytest

from migrator.core.routing import build_table
from migrator.core.stages import Stage
from migrator.core.wire import RoutingTable, UnitRoute, Version
from migrator.sdk.breaker import (
    FIRST_PAUSE,
    IN_A_ROW,
    LEAST_PATIENCE,
    LONGEST_PAUSE,
    MANY,
    UNKNOWN_PATIENCE,
    WINDOW,
    Admission,
    Breaker,
    Breakers,
)


def unit(number: int) -> UnitRoute:
    return UnitRoute(id=number, key=f"GET /{number}", service="main", stage=Stage.CANARY, candidate=5_000)


@pytest.fixture
def breakers() -> Breakers:
    return Breakers("main")


@pytest.fixture
def breaker(breakers: Breakers) -> Breaker:
    return breakers.of(unit(1))


def fail(breaker: Breaker, times: int, *, now: float = 0.0, refused: bool = False) -> None:
    for _ in range(times):
        breaker.failed(now, why="broken", refused=refused)


def test_breaker__failures_in_a_row__leave_out_that_unit_alone(breakers: Breakers, breaker: Breaker) -> None:
    fail(breaker, IN_A_ROW - 1)
    assert breaker.admits(0.0) is Admission.GO
    fail(breaker, 1)
    assert breaker.admits(0.1) is Admission.STAY
    assert breakers.of(unit(2)).admits(0.1) is Admission.GO
    assert breakers.left_out == ["GET /1"]


def test_breaker__half_of_the_latest_fail__leave_it_out(breaker: Breaker) -> None:
    for call in range(WINDOW - 2):
        fail(breaker, 1) if call % 2 else breaker.succeeded(0.0, seconds=0.01)
    assert breaker.admits(0.0) is Admission.GO
    breaker.succeeded(0.0, seconds=0.01)
    fail(breaker, 1)
    assert breaker.admits(0.0) is Admission.STAY


def test_breaker__after_its_pause__admits_one_and_believes_it(breaker: Breaker) -> None:
    fail(breaker, IN_A_ROW)
    now = FIRST_PAUSE + 0.1
    assert [breaker.admits(now) for _ in range(3)] == [Admission.PROBE, Admission.STAY, Admission.STAY]
    breaker.succeeded(now, seconds=0.01)  # a call from before it was left out says nothing about now
    assert breaker.admits(now) is Admission.STAY
    breaker.succeeded(now, seconds=0.01, probe=True)
    assert breaker.admits(now) is Admission.GO


def test_breaker__whose_probes_fail__waits_longer_each_time_but_not_for_ever(breaker: Breaker) -> None:
    fail(breaker, IN_A_ROW)
    now, pauses = 0.0, []
    for _ in range(8):
        assert breaker.pause.until is not None
        pauses.append(breaker.pause.until - now)
        now = breaker.pause.until
        assert breaker.admits(now) is Admission.PROBE
        breaker.failed(now, why="still broken", probe=True)
    assert pauses[:4] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE, 8 * FIRST_PAUSE]
    assert pauses[-1] == LONGEST_PAUSE


def test_breaker__calls_that_were_under_way__do_not_lengthen_its_pause(breaker: Breaker) -> None:
    fail(breaker, IN_A_ROW + 50)
    assert breaker.admits(FIRST_PAUSE) is Admission.PROBE


def test_breaker__that_fails_again_soon_after__is_left_alone_longer(breaker: Breaker) -> None:
    fail(breaker, IN_A_ROW)
    breaker.admits(FIRST_PAUSE)
    breaker.succeeded(FIRST_PAUSE, seconds=0.01, probe=True)
    fail(breaker, IN_A_ROW, now=FIRST_PAUSE + 1)
    assert breaker.admits(FIRST_PAUSE + 1 + 1.5 * FIRST_PAUSE) is Admission.STAY
    assert breaker.admits(FIRST_PAUSE + 1 + 2 * FIRST_PAUSE) is Admission.PROBE


def test_breaker__many_wait_and_nobody_is_answered__leaves_out_before_patience_ends(breaker: Breaker) -> None:
    breaker.succeeded(0.0, seconds=0.01)
    for call in range(MANY - 1):
        breaker.began(call * 0.02)
    assert breaker.admits(0.3) is Admission.GO
    breaker.began(MANY * 0.02)
    assert breaker.admits(0.33) is Admission.STAY
    for _ in range(MANY):
        breaker.ended(1.0)
    assert breaker.waiting == 0


def test_breaker__many_wait_but_are_answered__goes_on(breaker: Breaker) -> None:
    breaker.succeeded(0.0, seconds=0.01)
    for call in range(400):
        now = call * 0.005
        breaker.began(now)
        if call >= 40:
            breaker.ended(now)
    assert breaker.waiting > MANY
    assert breaker.admits(2.0) is Admission.GO


def test_patience__follows_what_is_usual__within_bounds(breaker: Breaker) -> None:
    assert breaker.patience(60.0) == UNKNOWN_PATIENCE
    assert breaker.patience(0.2) == 0.2
    for _ in range(50):
        breaker.legacy_took(0.005)
    assert breaker.patience(60.0) == LEAST_PATIENCE
    for _ in range(50):
        breaker.legacy_took(0.8)
    assert 8.0 <= breaker.patience(60.0) < 30.0
    assert breaker.patience(3.0) == 3.0


def test_service__that_refuses_connections__is_left_out_whole_and_comes_back_whole(breakers: Breakers) -> None:
    first, second = breakers.of(unit(1)), breakers.of(unit(2))
    fail(first, 1, refused=True)
    fail(second, 2, refused=True)
    other = breakers.of(unit(3))
    assert other.admits(0.1) is Admission.STAY
    assert breakers.left_out == ["GET /1", "GET /2", "GET /3"]
    assert other.admits(FIRST_PAUSE) is Admission.PROBE
    other.succeeded(FIRST_PAUSE, seconds=0.01, probe=True)
    assert second.admits(FIRST_PAUSE) is Admission.GO


def test_service__of_which_several_units_fail_with_no_success__is_left_out_whole(breakers: Breakers) -> None:
    for number in (1, 2, 1, 2):
        fail(breakers.of(unit(number)), 1)
    assert breakers.of(unit(9)).admits(0.0) is Admission.GO
    fail(breakers.of(unit(3)), 1)
    assert breakers.of(unit(9)).admits(0.0) is Admission.STAY


def test_service__with_one_unit_that_fails__serves_the_others(breakers: Breakers) -> None:
    for _ in range(20):
        fail(breakers.of(unit(1)), 1)
        breakers.of(unit(2)).succeeded(0.0, seconds=0.01)
    assert breakers.left_out == ["GET /1"]


def test_breakers__of_units_that_were_rolled_back__are_forgotten(breakers: Breakers) -> None:
    fail(breakers.of(unit(1)), IN_A_ROW)
    down = UnitRoute(id=1, key="GET /1", service="main", stage=Stage.SIDE_BY_SIDE)
    breakers.keep(build_table(RoutingTable(project="shop", version=Version(number=1), units=(down,))).units)
    assert breakers.left_out == []
