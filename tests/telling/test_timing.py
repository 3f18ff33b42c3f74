"""Quiet hours, digests and attempts, on clocks that change."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from migrator.telling.timing import LONGEST_WAIT, Quiet, next_attempt, next_digest

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def quiet(days: list[int], begins: str | None, ends: str | None) -> Quiet:
    read = [time.fromisoformat(each) if each else None for each in (begins, ends)]
    return Quiet(days=days, begins=read[0], ends=read[1], zone=BERLIN)


@pytest.mark.parametrize(
    ("hours", "now", "until"),
    [
        (quiet([], None, None), "2026-11-18 23:00", None),
        (quiet([], "22:00", "07:00"), "2026-11-18 20:59", None),
        (quiet([], "22:00", "07:00"), "2026-11-18 21:00", "2026-11-19 06:00"),
        (quiet([], "22:00", "07:00"), "2026-11-19 05:59", "2026-11-19 06:00"),
        (quiet([], "22:00", "07:00"), "2026-11-19 06:00", None),
        (quiet([], "12:00", "13:00"), "2026-11-18 11:30", "2026-11-18 12:00"),
        # A whole weekend is one quiet, to Monday's first minute.
        (quiet([5, 6], None, None), "2026-11-21 10:00", "2026-11-22 23:00"),
        # Friday's night belongs to Friday, also after midnight.
        (quiet([4], "22:00", "07:00"), "2026-11-21 03:00", "2026-11-21 06:00"),
        (quiet([4], "22:00", "07:00"), "2026-11-20 03:00", None),
        # The night in which clocks go back ends at seven by the clock.
        (quiet([], "22:00", "07:00"), "2026-10-24 22:00", "2026-10-25 06:00"),
        (quiet([], "22:00", "07:00"), "2026-03-28 22:00", "2026-03-29 05:00"),
    ],
)
def test_quiet__at_a_moment__ends_when_it_should(hours: Quiet, now: str, until: str | None) -> None:
    assert hours.until(at(now)) == (at(until) if until else None)


@pytest.mark.parametrize(
    ("digest", "now", "due"),
    [
        ("hourly", "2026-11-18 12:00", "2026-11-18 13:00"),
        ("hourly", "2026-11-18 12:59", "2026-11-18 13:00"),
        ("daily", "2026-11-18 07:59", "2026-11-18 08:00"),
        ("daily", "2026-11-18 08:00", "2026-11-19 08:00"),
        ("weekly", "2026-11-18 12:00", "2026-11-23 08:00"),
        ("weekly", "2026-11-23 08:00", "2026-11-30 08:00"),
    ],
)
def test_digest__collecting_now__is_sent_at_its_hour(digest: str, now: str, due: str) -> None:
    assert next_digest(digest=digest, hour=9, zone=BERLIN, now=at(now)) == at(due)


def test_attempts__one_after_the_other__wait_twice_as_long_up_to_an_hour() -> None:
    now = at("2026-11-18 12:00")
    waits = [next_attempt(now=now, attempts=n, chance=1.0) - now for n in (1, 2, 3, 4, 12, 40)]
    assert waits == [timedelta(seconds=s) for s in (5, 10, 20, 40)] + [LONGEST_WAIT] * 2
    assert next_attempt(now=now, attempts=2, chance=0.0) - now == timedelta(seconds=5)
    assert next_attempt(now=now, attempts=1, chance=0, at_least=timedelta(days=3)) - now == LONGEST_WAIT
