"""Instants in time, whatever the format in which a service writes them.

An instant is exact: a Decimal number of seconds since 1970 in UTC, nanoseconds included. A time that
names no zone is one only where a zone is assumed for it.
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Context, Decimal
from email.utils import parsedate_tz
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

LONGEST: Final = 64
"""Characters of a written time."""
_EXACT: Final = Context(prec=60, traps=[])
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ISO = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)"
    r"(?:[Tt ](\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d{1,12}))?)?)?"
    r" ?(?P<zone>[Zz]|UTC|GMT|[+-]\d\d(?::?\d\d)?)?"
)
_DIGITS = re.compile(r"-?\d{9,19}(?:\.\d{1,12})?")
_UNITS: Final = ((Decimal(10) ** 11, 0), (Decimal(10) ** 14, -3), (Decimal(10) ** 17, -6))
"""Numbers below the first are seconds, the second milliseconds, the third microseconds; above, nanoseconds."""


class ZoneRefused(ValueError):
    """No time zone has this name."""


@lru_cache(maxsize=256)
def zone_named(name: str) -> tzinfo:
    """A zone by its name in the tz database, or as an offset such as `+02:00`. Raises ZoneRefused."""
    if re.fullmatch(r"[+-]\d\d:\d\d", name):
        return _offset(name)
    try:
        return UTC if name.upper() in ("UTC", "Z", "GMT") else ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise ZoneRefused(f"{name[:64]!r} is no time zone. Write one like Europe/Berlin, UTC or +02:00.")


def instant(value: Any, zone: tzinfo | None = None) -> Decimal | datetime | None:
    """The instant that a value stands for, in seconds since 1970; None where it is none.

    A time without a zone is taken to be in `zone`; where that is None it stays a time on a wall clock.
    """
    if isinstance(value, str):
        return _read(value.strip(), zone) if len(value) <= LONGEST else None
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return None
    return _counted(Decimal(str(value)))


def _read(text: str, zone: tzinfo | None) -> Decimal | datetime | None:
    if _DIGITS.fullmatch(text):
        return _counted(Decimal(text))
    match = _ISO.fullmatch(text)
    if match is None:
        return _mailed(text)
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    try:
        whole = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))  # noqa: DTZ001
        return _placed(whole, fraction or "0", _offset(offset) if offset else zone)
    except (ValueError, OverflowError):
        return None


def _counted(number: Decimal) -> Decimal | None:
    if not number.is_finite() or number.adjusted() > 20:
        return None
    exponent = next((exponent for limit, exponent in _UNITS if abs(number) < limit), -9)
    return _EXACT.scaleb(number, exponent)


def _mailed(text: str) -> Decimal | datetime | None:
    """A time as HTTP and mail headers write it. `-0000` and no zone at all mean UTC there."""
    try:
        parts = parsedate_tz(text)
        if parts is None:
            return None
        return _placed(datetime(*parts[:6]), "0", timezone(timedelta(seconds=parts[9] or 0)))  # noqa: DTZ001
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _placed(whole: datetime, fraction: str, zone: tzinfo | None) -> Decimal | datetime:
    if zone is None:
        return whole.replace(microsecond=int(fraction[:6].ljust(6, "0")))
    passed = whole.replace(tzinfo=zone) - _EPOCH
    return passed.days * 86_400 + passed.seconds + Decimal(f"0.{fraction}")


def _offset(text: str) -> tzinfo:
    if text[0] not in "+-":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))
