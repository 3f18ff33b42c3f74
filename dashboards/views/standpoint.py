"""One unit as its pages need it: loaded once, judged once."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import Http404
from django.utils.translation import gettext as _

from dashboards.proposals import Standpoint
from dashboards.seats import Seat
from migrator.core.gate import Evidence, Verdict
from migrator.core.policy import Policy
from migrator.core.stages import Operation, Stage
from migrator.gates.queries import Judgement, judgements
from migrator.inventory.models import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A unit with the judgement of this moment."""

    unit: Unit
    judgement: Judgement
    bound: float | None
    requests_per_minute: float | None

    @property
    def evidence(self) -> Evidence:
        return self.judgement.evidence

    @property
    def policy(self) -> Policy:
        return self.judgement.policy

    @property
    def verdict(self) -> Verdict:
        return self.judgement.verdict

    @property
    def is_compared(self) -> bool:
        """Whether anything was ever called twice for it."""
        return self.unit.position.stage is not Stage.BACKLOG

    @property
    def slowness(self) -> int | None:
        """How many times as long the candidate takes, at the 99th percentile; None where that is not worth a word."""
        legacy, candidate = self.evidence.legacy_latency.p99, self.evidence.candidate_latency.p99
        return round(candidate / legacy) if legacy and candidate and candidate >= 2 * legacy else None

    @property
    def standpoint(self) -> Standpoint:
        return Standpoint(
            key=self.unit.key,
            operation=Operation(self.unit.operation),
            sister=self.unit.sister,
            position=self.unit.position,
            bound=self.bound,
            requests_per_minute=self.requests_per_minute,
            counted="callers" if self.evidence.subjects else "answers",
            legacy_deployed=self.unit.service.legacy_deployed,
            irreversible=self.unit.irreversible,
        )


def subject_of(*, seat: Seat, unit_id: int, now: datetime) -> Subject:
    """Raises Http404 where the project has no such unit."""
    units = Unit.objects.filter(project=seat.project).select_related(
        "project", "service", "team", "parent", "contested_by"
    )
    unit = units.filter(pk=unit_id).first()
    if unit is None:
        raise Http404(_("{project} has no unit with this number.").format(project=seat.project.name))
    judged = judgements(units=[unit], now=now)[unit.pk]
    return Subject(
        unit=unit,
        judgement=judged,
        bound=judged.evidence.upper_bound(alpha=judged.policy.alpha),
        requests_per_minute=_pace(judged.evidence, now),
    )


def _pace(evidence: Evidence, now: datetime) -> float | None:
    """Requests a minute since evidence began; None before there are ten seconds of it."""
    if evidence.first_at is None:
        return None
    span = timedelta(seconds=now.timestamp() - evidence.first_at)
    return evidence.received / span.total_seconds() * 60 if span >= timedelta(seconds=10) else None
