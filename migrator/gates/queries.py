"""Verdicts: evidence held against what each unit's policy demands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from migrator.core import harm
from migrator.core.gate import Evidence, Verdict, judge
from migrator.core.policy import Policy
from migrator.gates.layers import policies_of as policies_of
from migrator.gates.layers import policy_of as policy_of
from migrator.gates.waivers import waived
from migrator.inventory.models import Unit
from migrator.observations.queries import bare_evidence, evidence_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One unit's evidence and what it amounts to."""

    evidence: Evidence
    policy: Policy
    verdict: Verdict

    def as_record(self) -> dict[str, Any]:
        """Plain JSON for the ledger."""
        return self.evidence.as_record() | {"verdict": self.verdict.word, "because": self.verdict.reason}


def judgements(*, units: Sequence[Unit], now: datetime) -> dict[int, Judgement]:
    """Verdicts of many units by id, from a few queries however many units there are."""
    policies = policies_of(units=units)
    found = evidence_of(units=units, now=now, policies=policies)
    signed = waived(units=units, now=now)
    return {
        unit.pk: Judgement(
            evidence=found[unit.pk],
            policy=policies[unit.pk],
            verdict=judge(
                evidence=found[unit.pk],
                policy=policies[unit.pk],
                now=now.timestamp(),
                serving=unit.answers_from_candidate,
                waived=signed.get(unit.pk),
            ),
        )
        for unit in units
    }


def perhaps_harmful(*, units: Sequence[Unit], now: datetime) -> list[Unit]:
    """Those of which harm may be proven at this moment, in their order, for a fraction of what verdicts cost.

    Whoever is left out is one whose evidence proves no harm: `judgements` would not say rollback.
    """
    policies = policies_of(units=units)
    known = bare_evidence(units=units, policies=policies, now=now)
    return [
        unit
        for unit in units
        if unit.pk not in known or harm.conceivable(evidence=known[unit.pk], policy=policies[unit.pk])
    ]
