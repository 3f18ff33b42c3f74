"""Verdicts: evidence held against the project's policy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from migrator.core.gate import Evidence, Verdict, judge
from migrator.core.policy import Policy
from migrator.inventory.models import Project, Unit
from migrator.observations.queries import evidence_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One unit's evidence and what it amounts to."""

    evidence: Evidence
    policy: Policy
    verdict: Verdict

    def as_record(self) -> dict[str, Any]:
        """Plain JSON for the ledger."""
        return self.evidence.as_record() | {"verdict": self.verdict.word, "because": self.verdict.reason}


def policy_of(*, project: Project) -> Policy:
    return msgspec.convert(project.policy, Policy)


def judgements(*, units: Sequence[Unit], now: datetime) -> dict[int, Judgement]:
    """Verdicts of many units by id, from one read of their evidence."""
    found = evidence_of(units=units, now=now)
    projects = {project.pk: project for project in Project.objects.filter(pk__in={unit.project_id for unit in units})}
    policies = {pk: policy_of(project=project) for pk, project in projects.items()}
    return {
        unit.pk: Judgement(
            evidence=found[unit.pk],
            policy=policies[unit.project_id],
            verdict=judge(
                evidence=found[unit.pk],
                policy=policies[unit.project_id],
                now=now.timestamp(),
                serving=unit.answers_from_candidate,
            ),
        )
        for unit in units
    }
