"""How numbers and times are written and read, in the language that is active.

Pure: no request, no clock (`now` is passed in).
"""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from typing import Final

from django.utils import dateformat, timezone
from django.utils.formats import get_format
from django.utils.translation import get_language, gettext_noop, ngettext, pgettext
from django.utils.translation import gettext as _

from migrator.core.stages import percent
from migrator.core.wire import Proof

_PERCENT = re.compile(r"([0-9]{1,3})(?:[.,]([0-9]{1,2})0*)?")


class NotAPercentage(ValueError):
    """The text is no share between 0 and 100. The message says the remedy."""


def read_percent(text: str) -> int:
    """`5`, `0.25`, `12,5` or `12.5 %` -> basis points. Raises NotAPercentage."""
    plain = text.strip().removesuffix("%").strip()
    match = _PERCENT.fullmatch(plain)
    if not match:
        told = _("{typed} is no percentage. Write a number from 0 to 100 with at most two decimals.")
        raise NotAPercentage(told.format(typed=repr(text)))
    share = int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))
    if share > 10_000:
        told = _("{share} % is more than everyone. Write a number from 0 to 100.")
        raise NotAPercentage(told.format(share=plain))
    return share


def localised(digits: str) -> str:
    """Digits as Python writes them, `1,234.5`, with the separators of the language."""
    thousands, decimal = _separators(get_language())
    if (thousands, decimal) == (",", "."):
        return digits
    return digits.replace(",", "\0").replace(".", decimal).replace("\0", thousands)


@cache
def _separators(language: str | None) -> tuple[str, str]:
    """Between thousands, and before decimals. Kept by language: a table asks for them hundreds of times."""
    return get_format("THOUSAND_SEPARATOR", lang=language), get_format("DECIMAL_SEPARATOR", lang=language)


def in_percent(digits: str) -> str:
    """`12.5` -> `12.5 %`, where the language puts the sign."""
    return pgettext("share", "{number} %").format(number=localised(digits))


def percentage(share: int) -> str:
    """Basis points -> `12.34 %`."""
    return _percentage(share, get_language())


@lru_cache(maxsize=20_000)
def _percentage(share: int, _language: str | None) -> str:
    return in_percent(str(percent(share)))


def number(value: float) -> str:
    """42118 -> `42,118`."""
    return localised(f"{value:,.0f}")


def rate(fraction: float) -> str:
    """A rate as a percentage with no more digits than matter: 0.0213 -> `2.1 %`, 0.00042 -> `0.042 %`."""
    hundredths = fraction * 100
    if hundredths == 0:
        return in_percent("0")
    if hundredths < 0.001:
        return f"< {in_percent('0.001')}"
    if hundredths >= 99.95:
        return in_percent("100") if fraction >= 1 else f"> {in_percent('99.9')}"
    decimals = next(d for d, least in ((1, 1), (2, 0.1), (3, 0)) if hundredths >= least)
    text = f"{hundredths:.{decimals}f}"
    return in_percent(text.rstrip("0").rstrip("."))


def milliseconds(value: float) -> str:
    """12.3 -> `12 ms`, 0.84 -> `0.84 ms`, 1534 -> `1.53 s`."""
    if value >= 1000:
        return pgettext("duration", "{number} s").format(number=localised(f"{value / 1000:.2f}"))
    digits = f"{value:.0f}" if value >= 10 else f"{value:.2g}"
    return pgettext("duration", "{number} ms").format(number=localised(digits))


def duration(span: timedelta) -> str:
    """A span in its largest unit: `4 s`, `3 min`, `2 h`, `5 days`."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 90:
        return pgettext("duration", "{number} s").format(number=seconds)
    if seconds < 90 * 60:
        return pgettext("duration", "{number} min").format(number=round(seconds / 60))
    if seconds < 36 * 3600:
        return pgettext("duration", "{number} h").format(number=round(seconds / 3600))
    days = round(seconds / 86400)
    return ngettext("{number} day", "{number} days", days).format(number=days)


@cache
def months(_language: str | None) -> tuple[str, ...]:
    """The short names of the months, in the language that is active."""
    return tuple(dateformat.format(date(2000, month, 1), "M") for month in range(1, 13))


@cache
def unit_signs(_language: str | None) -> tuple[str, ...]:
    """What stands behind a number, in the language that is active: `%`, `ms`, `min`."""
    told = (
        pgettext("share", "{number} %"),
        pgettext("duration", "{number} ms"),
        pgettext("duration", "{number} s"),
        pgettext("duration", "{number} min"),
        pgettext("duration", "{number} h"),
    )
    return ("%", *(sign for each in told if (sign := each.format(number="").strip())))


def ago(moment: datetime, *, now: datetime) -> str:
    """How long since: `4 s ago`; `now` for what has just been or lies ahead of our clock by a moment."""
    span = now - moment
    return _("now") if span < timedelta(seconds=1) else _("{span} ago").format(span=duration(span))


def day(on: date) -> str:
    """`3 Mar 2027`. A moment is taken by its day."""
    return _day(on.year, on.month, on.day, get_language())


@lru_cache(maxsize=20_000)
def _day(year: int, month: int, day: int, _language: str | None) -> str:
    # Translators: Django's letters of dates: day, short name of the month, year.
    return dateformat.format(date(year, month, day), pgettext("date", "j M Y"))


def day_of_year(on: date) -> str:
    """`3 Mar`: of the year that everybody means."""
    # Translators: Django's letters of dates: day, short name of the month.
    return dateformat.format(on, pgettext("date", "j M"))


def month(on: date) -> str:
    """`Mar 2027`."""
    # Translators: Django's letters of dates: short name of the month, year.
    return dateformat.format(on, pgettext("date", "M Y"))


def moment(at: datetime) -> str:
    """`3 Mar 2027, 14:02 (Berlin)` in the zone that is active."""
    local = timezone.localtime(at)
    zone = timezone.get_current_timezone_name().rpartition("/")[2].replace("_", " ")
    return f"{day(local)}, {local:%H:%M} ({zone})"


def units(quantity: int) -> str:
    """`1 unit`, `2 units`."""
    return ngettext("{count} unit", "{count} units", quantity).format(count=number(quantity))


PROOFS: Final = {
    Proof.CONFIRMED: gettext_noop("confirmed by reading both sides again"),
    Proof.KNOWN: gettext_noop("known from before"),
    Proof.UNCONFIRMED: gettext_noop("not read again"),
    Proof.SAME_VERSION: gettext_noop("of the same version"),
    Proof.MOVED: gettext_noop("gone when read again: the data had moved"),
    Proof.LAGGED: gettext_noop("gone when read again: only the candidate had changed"),
    Proof.OTHER_VERSION: gettext_noop("of different versions"),
}


def looked_into(proofs: Mapping[Proof, int]) -> str:
    """How mismatches were looked into: `Looked into: 9 confirmed …, 2 gone when read again: the data had moved.`"""
    said = [f"{number(proofs[proof])} {_(meaning)}" for proof, meaning in PROOFS.items() if proofs.get(proof)]
    return _("Looked into: {found}.").format(found="; ".join(said)) if said else ""
