"""Evidence with something missing, by the thousand: none of it may ever promote.

Each case begins as perfect evidence, of which one to three things are then taken away, beside changes that are none.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final

from migrator.core import stats
from migrator.core.evidence import Evidence, Replay, Shares
from migrator.core.gate import judge
from migrator.core.policy import Policy
from migrator.core.tally import latency_bucket
from migrator.core.wire import Outcome

NOW: Final = 1_790_000_000.0
POLICIES: Final = (
    Policy(),
    Policy(mismatch_limit=0.01, harm_limit=0.05),
    Policy(
        mismatch_limit=0.01,
        independent_pairs=500,
        request_shapes=5,
        callers=("ios", "web"),
        weekly_cycle=True,
        month_end=True,
        critical_paths=("$.price",),
        latency_budget_ms=500.0,
        cost_ratio=2.0,
    ),
)
STRICT: Final = POLICIES[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class GapCase:
    """Evidence that must not promote, and why not."""

    gaps: tuple[str, ...]
    evidence: Evidence
    policy: Policy
    waived: Mapping[str, str]
    serving: bool


def cases(*, count: int, seed: int) -> Iterator[GapCase]:
    """So many cases. The same seed gives the same ones."""
    dice = Random(seed)
    names = list(GAPS)
    for _ in range(count):
        chosen = tuple(dict.fromkeys(dice.choices(names, k=dice.choice((1, 1, 1, 2, 3)))))
        policy = STRICT if any(name in NEED_STRICT for name in chosen) else dice.choice(POLICIES)
        evidence = perfect(dice)
        for name in chosen:
            evidence = replace(evidence, **GAPS[name](dice, evidence, policy))
        # A signature under what nobody can sign for changes nothing.
        waived = {"completeness": "waived by ana", "critical paths": "waived by ana"} if dice.random() < 0.2 else {}
        yield GapCase(gaps=chosen, evidence=evidence, policy=policy, waived=waived, serving=dice.random() < 0.5)


def promoted_by_gaps(*, count: int, seed: int) -> int:
    """How many of so many cases judge() promotes. It promotes none."""
    return sum(
        judge(evidence=case.evidence, policy=case.policy, now=NOW, serving=case.serving, waived=case.waived).promotes
        for case in cases(count=count, seed=seed)
    )


def perfect(dice: Random) -> Evidence:
    """Evidence that promotes under each of POLICIES."""
    pairs = dice.choice((5_000, 20_000, 100_000, 1_000_000))
    received = pairs * dice.choice((1, 2))
    configured = dice.choice((100, 500, 2_500, 5_000))
    fast = latency_bucket(20.0)
    return Evidence(
        outcomes={Outcome.MATCH: pairs, Outcome.NOT_SAMPLED: received - pairs},
        served_candidate=received * configured // 10_000,
        subjects=dice.choice((0, 4_000)),
        completeness=dice.choice((0.99, 0.999, 1.0)),
        first_at=NOW - 20 * 86_400,
        last_at=NOW - dice.choice((0, 5, 899)),
        legacy_histogram={fast: pairs},
        candidate_histogram={fast: pairs},
        request_shapes=12,
        callers={"ios": pairs // 2, "web": pairs // 2},
        weekdays=frozenset(range(7)),
        month_end=True,
        legacy_cost=3.0,
        candidate_cost=3.1,
        share=Shares(configured=configured, received=received, served_candidate=received * configured // 10_000),
        replay=dice.choice((None, Replay(pairs=1_000_000, bad=0, last_at=NOW - 60))),
    )


# ------------------------------------------------------------------------------------- the gaps

_Change = Callable[[Random, Evidence, Policy], dict[str, Any]]


def _too_few(dice: Random, evidence: Evidence, policy: Policy) -> dict[str, Any]:
    needed = stats.pairs_needed(bad=0, limit=policy.mismatch_limit, alpha=policy.alpha)
    pairs = dice.randrange(1, needed)
    return {"outcomes": {Outcome.MATCH: pairs}, "subjects": dice.choice((0, min(pairs, evidence.subjects)))}


def _not_compared(dice: Random, evidence: Evidence, policy: Policy) -> dict[str, Any]:
    silent = (Outcome.NOT_SAMPLED, Outcome.SKIPPED, Outcome.LEGACY_ERROR, Outcome.INCOMPARABLE)
    return {"outcomes": {outcome: dice.choice((0, 3, 50_000)) for outcome in silent}, "subjects": 0}


def _errors_only(dice: Random, evidence: Evidence, policy: Policy) -> dict[str, Any]:
    failed = dice.choice((1, 2, 10, 10_000))
    return {"outcomes": {Outcome.CANDIDATE_ERROR: failed, Outcome.NOT_SAMPLED: dice.choice((0, 5))}, "subjects": 0}


def _one_armed(dice: Random, evidence: Evidence, policy: Policy) -> dict[str, Any]:
    configured = dice.choice((500, 5_000, 9_000))
    served = dice.choice((0, 10_000))
    return {"share": Shares(configured=configured, received=10_000, served_candidate=served, subjects=10_000)}


def _few_callers(dice: Random, evidence: Evidence, policy: Policy) -> dict[str, Any]:
    needed = stats.pairs_needed(bad=0, limit=policy.mismatch_limit, alpha=policy.alpha)
    return {"subjects": dice.randrange(1, needed)}


def _not_complete(dice: Random, evidence: Evidence, policy: Policy) -> dict[str, Any]:
    return {"completeness": dice.choice((None, 0.0, dice.random() * 0.98, 0.98999, math.nan))}


def _stale(dice: Random, evidence: Evidence, policy: Policy) -> dict[str, Any]:
    away = dice.choice((901, 3_600, 86_400 * 3, 86_400 * 400))
    return {"last_at": dice.choice((NOW - away, NOW + away, None, math.nan))}


def _one_side_timed(dice: Random, evidence: Evidence, policy: Policy) -> dict[str, Any]:
    return {dice.choice(("legacy_histogram", "candidate_histogram")): {}}


def _without_cost(dice: Random, evidence: Evidence, policy: Policy) -> dict[str, Any]:
    return {dice.choice(("legacy_cost", "candidate_cost")): dice.choice((None, math.nan))}


def _without_callers(dice: Random, evidence: Evidence, policy: Policy) -> dict[str, Any]:
    return {"callers": dice.choice(({}, {"ios": 5}, {"ios": 5, "web": 0}, {"…": 9_000}))}


def _without_a_day(dice: Random, evidence: Evidence, policy: Policy) -> dict[str, Any]:
    return {"weekdays": frozenset(range(7)) - {dice.randrange(7)}}


GAPS: Final[Mapping[str, _Change]] = {
    "nothing": lambda dice, evidence, policy: {"outcomes": {}, "subjects": 0, "completeness": None, "last_at": None},
    "not complete": _not_complete,
    "stale": _stale,
    "not compared": _not_compared,
    "too few": _too_few,
    "few callers": _few_callers,
    "errors only": _errors_only,
    "one-armed": _one_armed,
    "no request at this share": lambda dice, evidence, policy: {
        "share": Shares(configured=500, received=0, served_candidate=0)
    },
    "one side timed": _one_side_timed,
    "stale build": lambda dice, evidence, policy: {"stale_build": "gw-7 still meets build 41"},
    "not timed": lambda dice, evidence, policy: {"legacy_histogram": {}, "candidate_histogram": {}},
    "no cost": _without_cost,
    "no caller": _without_callers,
    "no shape": lambda dice, evidence, policy: {"request_shapes": dice.randrange(5)},
    "no weekday": _without_a_day,
    "no month end": lambda dice, evidence, policy: {"month_end": False},
}
NEED_STRICT: Final = frozenset({"not timed", "no cost", "no caller", "no shape", "no weekday", "no month end"})
"""Gaps only where the policy asks: STRICT does."""
