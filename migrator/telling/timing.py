"""When something is sent: quiet hours, digests, and the next attempt after a failure. Pure: `now` is passed in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from migrator.telling.models import Channel, Digest

FIRST_WAIT: Final = timedelta(seconds=5)
LONGEST_WAIT: Final = timedelta(hours=1)
GIVE_UP_AFTER: Final = timedelta(hours=24)
A_WEEK: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Hours in which only what is critical is sent. `days` are those on which they begin, 0 is Monday; none: all."""

    days: Sequence[int]
    begins: time | None
    ends: time | None
    zone: ZoneInfo

    @property
    def wanted(self) -> bool:
        return bool(self.days) or self.begins is not None

    def until(self, now: datetime) -> datetime | None:
        """When the quiet that holds at `now` ends; None where it is not quiet. Nights that follow each other join."""
        end = None
        for _ in range(A_WEEK + 1):
            found = self._end_of_window(end or now)
            if found is None:
                return end
            end = found
        return end

    def _end_of_window(self, moment: datetime) -> datetime | None:
        local = moment.astimezone(self.zone)
        for back in (0, 1):
            day = local.date() - timedelta(days=back)
            if not self.wanted or (self.days and day.weekday() not in self.days):
                continue
            begins, ends = self.begins or time(0), self.ends or time(0)
            last = day if ends > begins else day + timedelta(days=1)
            start, end = datetime.combine(day, begins, self.zone), datetime.combine(last, ends, self.zone)
            if start <= local < end:
                return end
        return None


def quiet_of(channel: Channel) -> Quiet:
    """A channel's quiet hours."""
    return Quiet(days=channel.quiet_days, begins=channel.quiet_from, ends=channel.quiet_to, zone=ZoneInfo(channel.zone))


def next_digest(*, digest: str, hour: int, zone: ZoneInfo, now: datetime) -> datetime:
    """When the digest that collects at `now` is sent: strictly later."""
    local = now.astimezone(zone)
    if digest == Digest.HOURLY:
        return (local + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    day = local.date()
    while True:
        at = datetime.combine(day, time(hour), zone)
        if at > local and (digest == Digest.DAILY or at.weekday() == 0):
            return at
        day += timedelta(days=1)


def next_attempt(*, now: datetime, attempts: int, chance: float, at_least: timedelta = timedelta(0)) -> datetime:
    """After so many failures: twice the wait each time, up to an hour, spread by `chance` (0–1) over its second half.

    `at_least` is what the receiver asked for; of more than an hour it gets an hour.
    """
    wait = min(FIRST_WAIT * (1 << min(attempts - 1, 20)), LONGEST_WAIT)
    return now + max(wait * (0.5 + chance / 2), min(at_least, LONGEST_WAIT))
