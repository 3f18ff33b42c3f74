"""Who answers, as counted: the proof that a flip took effect."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboards import words
from migrator.inventory.models import Unit
from migrator.observations.queries import Metric, series

MINUTE = timedelta(minutes=1)


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
        return f"answered {words.rate(self.share)} of {words.count(self.requests, 'request')} since"


def answered_since(*, unit: Unit, at: datetime, now: datetime) -> Answered | None:
    """What was counted in the whole minutes since `at`; None while nothing of them is known.

    The minute in which it happened belongs half to what was before, and is left out.
    """
    start = at.replace(second=0, microsecond=0) + MINUTE
    if start >= now:
        return None
    points = series(unit=unit, metric=Metric.SHARE, start=start, end=now, step_s=60)
    known = [(point.value, point.samples) for point in points if point.value is not None and point.samples]
    requests = sum(samples for _, samples in known)
    if not requests:
        return None
    return Answered(candidate=sum(round(value * n) for value, n in known), requests=requests, since=start)
