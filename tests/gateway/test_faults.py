"""What the log says of our own faults: where, never what."""

import pytest
import structlog

from migrator.gateway.allowance import Allowance
from migrator.gateway.faults import log_no_values, told


def fail(secret: str) -> None:
    raise ValueError(f"cannot read {secret}")


def test_told__of_a_fault__names_its_kind_and_line_only() -> None:
    with pytest.raises(ValueError) as caught:
        fail("open sesame")
    assert told(caught.value).startswith("ValueError at test_faults.py:")


def test_log__of_a_traceback__shows_no_variable(capsys: pytest.CaptureFixture[str]) -> None:
    before = structlog.get_config()["processors"]
    try:
        log_no_values()
        hidden = "open " + "sesame"
        try:
            int(hidden[:0] or "x")
        except ValueError as error:
            structlog.get_logger().error("gateway.fault", exc_info=error)
    finally:
        structlog.configure(processors=before)
    said = capsys.readouterr().out
    assert "ValueError" in said
    assert "open sesame" not in said


def test_allowance__of_a_share__is_earned_by_requests_after_the_reserve() -> None:
    allowance = Allowance(share=500, per_second=1_000, most=3)
    taken = 0
    while allowance.take(3, now=float(taken)):
        taken += 3
    assert taken == 30
    for _ in range(61):
        allowance.earn()
    assert allowance.take(3, now=1_000.0)
    assert not allowance.take(3, now=2_000.0)
    allowance.give_back(3)
    assert allowance.take(3, now=3_000.0)


def test_allowance__per_second__refills_with_time() -> None:
    allowance = Allowance(share=10_000, per_second=6, most=3)
    assert [allowance.take(3, now=at) for at in (100.0, 100.0, 100.0, 100.5, 100.6, 101.0)] == [
        True, True, False, True, False, True,
    ]  # fmt: skip
