"""What the evidence demands: promote, hold, rollback or inconclusive.

Only an explicit pass promotes, or a signed waiver of it. Missing, stale or partial data is inconclusive, and
inconclusive holds: no branch here turns the absence of evidence into a good word. Proof of harm is looked for first,
and is asked for nothing else: neither completeness nor a waiver stands in the way of a rollback.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from migrator.core import burdens, demands, harm, stats
from migrator.core.case import Case, Gate, Pass, when
from migrator.core.evidence import Evidence, Latency, Minute, Replay, Returning, Shares
from migrator.core.policy import Policy

__all__ = [
    "GATES",
    "WAIVABLE",
    "Evidence",
    "Gate",
    "Latency",
    "Minute",
    "Pass",
    "Replay",
    "Returning",
    "Shares",
    "Verdict",
    "Word",
    "harm_proven",
    "judge",
]


class Word(StrEnum):
    """What a verdict says."""

    PROMOTE = "promote"
    HOLD = "hold"
    ROLLBACK = "rollback"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The judgement of one unit at one moment."""

    word: Word
    reason: str
    gates: tuple[Gate, ...]
    pairs_missing: int | None = None
    """Clean independent pairs still needed; None where that is not what is missing."""
    eta: float | None = None
    """When the evidence will suffice at this traffic, seconds since the epoch; None for never or for nobody knows."""
    eta_sentence: str = ""
    """The same in words, with the ways out where it is never; empty where there is nothing to say."""

    @property
    def promotes(self) -> bool:
        return self.word is Word.PROMOTE


def _mismatches(case: Case) -> Gate:
    worth = harm.of_answers(evidence=case.evidence, policy=case.policy)
    return demands.mismatches(case, harmed=worth >= 1 / case.policy.beta)


TABLE: Final[Mapping[str, Callable[[Case], Gate | None]]] = {
    "completeness": demands.completeness,
    "freshness": demands.freshness,
    "build": demands.build,
    "mismatches": _mismatches,
    "critical paths": demands.critical_paths,
    "candidate errors": burdens.candidate_errors,
    "latency budget": burdens.latency_budget,
    "latency ratio": burdens.latency_ratio,
    "database cost": burdens.database_cost,
    "share of traffic": demands.share_of_traffic,
    "independent pairs": demands.independent_pairs,
    "request shapes": demands.request_shapes,
    "callers": demands.callers,
    "weekly cycle": demands.weekly_cycle,
    "month end": demands.month_end,
    "legacy capacity": burdens.legacy_capacity,
    "replay": demands.replay,
}
"""Every gate in the order in which people read them."""
GATES: Final = tuple(TABLE)
WAIVABLE: Final = tuple(name for name in GATES if name not in ("completeness", "critical paths", "replay"))
"""Gates that somebody may sign for. Proof of harm at one of them is still proof of harm."""


def judge(
    *,
    evidence: Evidence,
    policy: Policy,
    now: float,
    serving: bool = True,
    waived: Mapping[str, str] | None = None,
) -> Verdict:
    """Judge one unit. `now` is seconds since the epoch.

    `serving` says that callers meet the candidate. Where none do there is nothing to take back: proven
    harm then holds the unit where it is. `waived` names gates that somebody signed for, each with the
    words that say so: `waived by ana until 3 Dec: two calls a day`.
    """
    case = Case(evidence=evidence, policy=policy, now=now)
    asked = tuple(gate for ask in TABLE.values() if (gate := ask(case)) is not None)
    gates = tuple(_waive(gate, waived or {}) for gate in asked)
    hurt = next((gate for gate in gates if gate.harm), None)
    if hurt is not None:
        return Verdict(word=Word.ROLLBACK if serving else Word.HOLD, reason=hurt.reason, gates=gates)
    unmet = [gate for gate in gates if not gate.is_met and not gate.advice]
    if not unmet:
        passed = next(gate for gate in gates if gate.name == "mismatches")
        return Verdict(word=Word.PROMOTE, reason=passed.reason, gates=gates)
    unknown = [gate for gate in unmet if gate.result is Pass.NO_DATA]
    eta = _eta(unmet)
    return Verdict(
        word=Word.INCONCLUSIVE if unknown else Word.HOLD,
        reason=(unknown or unmet)[0].reason,
        gates=gates,
        pairs_missing=_missing(evidence, policy),
        eta=eta,
        eta_sentence=_outlook(case, unmet, eta),
    )


def harm_proven(*, evidence: Evidence, policy: Policy) -> bool:
    """Whether callers are proven to be hurt, by answers that differ, failures, slowness, or at a critical path."""
    case = Case(evidence=evidence, policy=policy, now=0.0)
    return any(gate is not None and gate.harm for gate in (ask(case) for ask in TABLE.values()))


def _waive(gate: Gate, waived: Mapping[str, str]) -> Gate:
    words = waived.get(gate.name)
    if words is None or gate.is_met or gate.harm or gate.name not in WAIVABLE:
        return gate
    signed = words[:1].upper() + words[1:].rstrip(".")
    return replace(gate, result=Pass.WAIVED, reason=f"{gate.reason} {signed}.")


def _missing(evidence: Evidence, policy: Policy) -> int | None:
    bad, pairs = evidence.independent_bad, evidence.independent_pairs
    needed = stats.pairs_needed(bad=bad, limit=policy.mismatch_limit, alpha=policy.alpha)
    return needed - pairs if needed > pairs else None


def _eta(unmet: Sequence[Gate]) -> float | None:
    """When the last of them will be met; None where nobody knows it of one."""
    etas = [gate.eta for gate in unmet]
    return None if None in etas else max(eta for eta in etas if eta is not None)


_SLOW: Final = ("mismatches", "independent pairs")
"""Gates that wait for nothing but traffic."""


def _outlook(case: Case, unmet: Sequence[Gate], eta: float | None) -> str:
    if eta is not None:
        return f"At this traffic the evidence suffices {when(at=eta, now=case.now)}."
    slow = any(gate.name in _SLOW and gate.result is Pass.NO_DATA and gate.eta is None for gate in unmet)
    failed = any(gate.result is Pass.FAIL for gate in unmet)
    if slow and not failed and case.evidence.independent_rate(now=case.now):
        days = case.policy.evidence_days
        return (
            f"At this traffic the evidence never suffices: pairs older than {days} days count no more. Replay recorded "
            "requests, set a looser limit for its class of risk, or sign a waiver."
        )
    return ""
