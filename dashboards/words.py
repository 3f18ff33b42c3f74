"""How numbers and times are written and read. Pure: no request, no clock (`now` is passed in)."""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from django.utils import timezone

from migrator.core.stages import percent
from migrator.core.wire import Proof

_PERCENT = re.compile(r"([0-9]{1,3})(?:[.,]([0-9]{1,2})0*)?")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class NotAPercentage(ValueError):
    """The text is no share between 0 and 100. The message says the remedy."""


def read_percent(text: str) -> int:
    """`5`, `0.25`, `12,5` or `12.5 %` -> basis points. Raises NotAPercentage."""
    plain = text.strip().removesuffix("%").strip()
    match = _PERCENT.fullmatch(plain)
    if not match:
        raise NotAPercentage(f"{text!r} is no percentage. Write a number from 0 to 100 with at most two decimals.")
    share = int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))
    if share > 10_000:
        raise NotAPercentage(f"{plain} % is more than everyone. Write a number from 0 to 100.")
    return share


def percentage(share: int) -> str:
    """Basis points -> `12.34 %`."""
    return f"{percent(share)} %"


def number(value: float) -> str:
    """42118 -> `42,118`."""
    return f"{value:,.0f}"


def rate(fraction: float) -> str:
    """A rate as a percentage with no more digits than matter: 0.0213 -> `2.1 %`, 0.00042 -> `0.042 %`."""
    hundredths = fraction * 100
    if hundredths == 0:
        return "0 %"
    if hundredths < 0.001:
        return "< 0.001 %"
    if hundredths >= 99.95:
        return "100 %" if fraction >= 1 else "> 99.9 %"
    decimals = next(d for d, least in ((1, 1), (2, 0.1), (3, 0)) if hundredths >= least)
    text = f"{hundredths:.{decimals}f}"
    return f"{text.rstrip('0').rstrip('.')} %"


def milliseconds(value: float) -> str:
    """12.3 -> `12 ms`, 0.84 -> `0.84 ms`, 1534 -> `1.53 s`."""
    if value >= 1000:
        return f"{value / 1000:.2f} s"
    return f"{value:.0f} ms" if value >= 10 else f"{value:.2g} ms"


def duration(span: timedelta) -> str:
    """A span in its largest unit: `4 s`, `3 min`, `2 h`, `5 days`."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 90:
        return f"{seconds} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    if seconds < 36 * 3600:
        return f"{round(seconds / 3600)} h"
    return f"{round(seconds / 86400)} days"


def ago(moment: datetime, *, now: datetime) -> str:
    """How long since: `4 s ago`; `now` for what has just been or lies ahead of our clock by a moment."""
    span = now - moment
    return "now" if span < timedelta(seconds=1) else f"{duration(span)} ago"


def day(on: date) -> str:
    """`3 Mar 2027`. A moment is taken by its day."""
    return f"{on.day} {MONTHS[on.month - 1]} {on.year}"


def moment(at: datetime) -> str:
    """`3 Mar 2027, 14:02 (Berlin)` in the zone that is active."""
    local = timezone.localtime(at)
    zone = timezone.get_current_timezone_name().rpartition("/")[2].replace("_", " ")
    return f"{day(local)}, {local:%H:%M} ({zone})"


def count(quantity: int, singular: str, plural: str = "") -> str:
    """`1 unit`, `2 units`."""
    return f"{number(quantity)} {singular if quantity == 1 else plural or singular + 's'}"


PROOFS = {
    Proof.CONFIRMED: "confirmed by reading both sides again",
    Proof.KNOWN: "known from before",
    Proof.UNCONFIRMED: "not read again",
    Proof.SAME_VERSION: "of the same version",
    Proof.MOVED: "gone when read again: the data had moved",
    Proof.LAGGED: "gone when read again: only the candidate had changed",
    Proof.OTHER_VERSION: "of different versions",
}


def looked_into(proofs: Mapping[Proof, int]) -> str:
    """How mismatches were looked into: `Looked into: 9 confirmed …, 2 gone when read again: the data had moved.`"""
    said = [f"{number(proofs[proof])} {meaning}" for proof, meaning in PROOFS.items() if proofs.get(proof)]
    return f"Looked into: {'; '.join(said)}." if said else ""
