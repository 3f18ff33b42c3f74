"""Who answers, as counted: the proof that a flip took effect."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import ngettext

from dashboards import words
from migrator.inventory.models import Unit
from migrator.observations.queries import Metric, series

MINUTE = timedelta(minutes=1)
LONGEST = timedelta(hours=6)
"""A change that was longer ago needs no proof any more, and its minutes are too many to be read for a page."""
PROOF = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Requests of whole minutes, and how many of them the candidate answered."""

    candidate: int
    requests: int
    since: datetime

    @property
    def share(self) -> float:
        return self.candidate / self.requests

    @property
    def sentence(self) -> str:
        """`answered 4.9 % of 1,204 requests since`: the name of the candidate comes before."""
        return ngettext(
            "answered {share} of {count} request since", "answered {share} of {count} requests since", self.requests
        ).format(share=words.rate(self.share), count=words.number(self.requests))


def answered_since(*, unit: Unit, at: datetime, now: datetime) -> Answered | None:
    """What was counted in the whole minutes since `at`; None while nothing of them is known, or after `LONGEST`.

    The minute in which it happened belongs half to what was before, and is left out.
    """
    start = at.replace(second=0, microsecond=0) + MINUTE
    if not now - LONGEST <= start < now:
        return None
    points = series(unit=unit, metric=Metric.SHARE, start=start, end=now, step_s=60)
    known = [(point.value, point.samples) for point in points if point.value is not None and point.samples]
    requests = sum(samples for _, samples in known)
    if not requests:
        return None
    return Answered(candidate=sum(round(value * n) for value, n in known), requests=requests, since=start)


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """Who answered in one minute that was reported."""

    at: datetime
    candidate: int
    requests: int

    @property
    def share(self) -> int:
        """The candidate's, in basis points."""
        return round(self.candidate / self.requests * 10_000)


def newest_minutes(*, unit: Unit, now: datetime) -> list[Minute]:
    """The last five minutes, newest first: whether traffic moved. Minutes of which nothing is known are left out."""
    points = series(unit=unit, metric=Metric.SHARE, start=now - PROOF, end=now, step_s=60)
    return [
        Minute(at=point.at, candidate=round(point.value * point.samples), requests=point.samples)
        for point in reversed(points)
        if point.value is not None and point.samples
    ]
