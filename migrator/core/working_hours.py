"""When people are there: days of the week, from and to by the clock on the wall of one time zone.

Hours may reach over midnight: they belong to the day on which they begin. Days that a change of clocks
makes shorter or longer are taken as the wall shows them.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from migrator.core.measures import Text

DAY_MINUTES: Final = 1_440
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MINUTE: Final = timedelta(minutes=1)
_QUARTER: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingHours:
    """Minutes of the day, 0 to 1,440; `end` at or before `begin` lies on the next day."""

    days: tuple[Annotated[int, msgspec.Meta(ge=0, le=6)], ...]
    """Monday is 0."""
    begin: Annotated[int, msgspec.Meta(ge=0, lt=DAY_MINUTES)]
    end: Annotated[int, msgspec.Meta(ge=0, le=DAY_MINUTES)]
    zone: Text
    """A name of the IANA database: `Europe/Berlin`."""

    @property
    def minutes(self) -> int:
        """How long one of them lasts by the clock."""
        return self.end - self.begin if self.end > self.begin else self.end - self.begin + DAY_MINUTES


def known_zone(name: str) -> bool:
    """Whether the IANA database has such a zone."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def is_open(*, hours: WorkingHours, at: datetime) -> bool:
    """Whether somebody is there at this moment, which must know its time zone."""
    wall = at.astimezone(ZoneInfo(hours.zone))
    minute = wall.hour * 60 + wall.minute
    if wall.weekday() in hours.days and hours.begin <= minute < hours.begin + hours.minutes:
        return True
    # What began yesterday may still last.
    return (wall.weekday() - 1) % 7 in hours.days and minute + DAY_MINUTES < hours.begin + hours.minutes


def opens_at(*, hours: WorkingHours, after: datetime) -> datetime:
    """The first whole minute from `after` on at which somebody is there, in UTC; `after` itself where they are."""
    if is_open(hours=hours, at=after):
        return after.astimezone(UTC)
    return _opening(hours, after.astimezone(UTC).replace(second=0, microsecond=0))


@lru_cache(maxsize=1_024)
def _opening(hours: WorkingHours, closed: datetime) -> datetime:
    """The first open minute after a closed one. Many ramps share their hours and ask in the same minute."""
    zone = ZoneInfo(hours.zone)
    today = closed.astimezone(zone).date()
    # Clocks change at quarters of an hour: whatever opens, has opened by the next one, or begins by the wall.
    quarters = [closed + _QUARTER * at for at in range(1, 8 * 96 + 1)]
    walls = [
        datetime.combine(today + timedelta(days=ahead), time(hours.begin // 60, hours.begin % 60, fold=fold), zone)
        for ahead in range(9)
        for fold in (0, 1)
    ]
    begins = [*quarters, *(wall.astimezone(UTC) for wall in walls)]
    moments = (moment for moment in begins if moment > closed and is_open(hours=hours, at=moment))
    opening = min(moments, default=closed + timedelta(days=8))
    while opening - _MINUTE > closed and is_open(hours=hours, at=opening - _MINUTE):
        opening -= _MINUTE
    return opening


def words(hours: WorkingHours) -> str:
    """As people write them: `mon-fri 09:00-17:00 Europe/Berlin`."""
    return f"{days_words(hours.days)} {clock(hours.begin)}-{clock(hours.end)} {hours.zone}"


def days_words(days: tuple[int, ...]) -> str:
    """`mon-fri`, `mon, wed`."""
    inner = sorted(set(days))
    if len(inner) > 2 and inner[-1] - inner[0] == len(inner) - 1:
        return f"{DAYS[inner[0]]}-{DAYS[inner[-1]]}"
    return ", ".join(DAYS[day] for day in inner)


def clock(minute: int) -> str:
    """A minute of the day as a clock shows it: 540 -> `09:00`."""
    return f"{minute // 60:02d}:{minute % 60:02d}"
