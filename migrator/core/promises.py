"""What a simulation shows of the promises: how often units were promoted wrongly, how soon harm was taken back."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median, quantiles
from typing import Final

from migrator.core.policy import Policy
from migrator.core.simulation import KINDS, Fate, Kind

DEVIATIONS: Final = 3
"""A share is broken where it lies so many standard deviations of chance above what is promised."""
REQUESTS_TO_ROLLBACK: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One promise and what became of it."""

    name: str
    kept: bool
    sentence: str
    found: float | None
    allowed: float


def promises(*, fates: Sequence[Fate], policy: Policy, gaps: int, gaps_promoted: int) -> tuple[Promise, ...]:
    """All promises, held against what became of these units and of so many gaps in evidence."""
    wrong = [_promoted_wrongly(kind, fates, policy) for kind in KINDS if kind.is_faulty]
    told = f"{gaps_promoted:,} of {gaps:,} pieces of evidence with a gap promoted; none may."
    none = Promise(name="gaps", kept=gaps_promoted == 0, sentence=told, found=gaps_promoted, allowed=0)
    return (*wrong, _taken_back(fates), _never_missed(fates), _false_alarms(fates, policy), none)


def _promoted_wrongly(kind: Kind, fates: Sequence[Fate], policy: Policy) -> Promise:
    units = [fate for fate in fates if fate.kind == kind.name]
    wrong = sum(fate.promoted for fate in units)
    return _seldom(f"units {kind.name}", "were ever promoted", wrong, len(units), policy.alpha)


def _false_alarms(fates: Sequence[Fate], policy: Policy) -> Promise:
    healthy = {kind.name for kind in KINDS if kind.is_healthy}
    units = [fate for fate in fates if fate.kind in healthy]
    wrong = sum(fate.rolled_back for fate in units)
    return _seldom("healthy units", "were rolled back", wrong, len(units), policy.beta)


def _seldom(who: str, what: str, count: int, of: int, promised: float) -> Promise:
    """Whether something happens no more often than promised, give or take chance."""
    chance = DEVIATIONS * sqrt(promised * (1 - promised) / of) if of else 0.0
    share = count / of if of else 0.0
    told = (
        f"{count:,} of {of:,} {who} {what}: {share:.2%}. Promised: {promised:.2%}, with {chance:.2%} for chance "
        f"({DEVIATIONS} standard deviations)."
    )
    return Promise(name=f"{who} {what}", kept=share <= promised + chance, sentence=told, found=share, allowed=promised)


def _taken_back(fates: Sequence[Fate]) -> Promise:
    """Counted in callers, each of whom sends one request or more: one who repeats is one bet."""
    back = [fate for fate in fates if fate.callers_until_back is not None]
    typical = median([fate.callers_until_back or 0 for fate in back]) if back else None
    parts = ", ".join(
        f"{_middle([fate.callers_until_back or 0 for fate in back if fate.kind == kind.name])} for {kind.name}"
        for kind in KINDS
        if kind.harm
    )
    requests = _middle([fate.until_back or 0 for fate in back])
    told = (
        f"{len(back):,} times harm of 10 % was taken back, after {typical or 0:,.0f} callers at the median ({parts}); "
        f"{requests} requests, where callers repeat. Promised: {REQUESTS_TO_ROLLBACK}."
    )
    kept = typical is None or typical <= REQUESTS_TO_ROLLBACK
    return Promise(name="time to rollback", kept=kept, sentence=told, found=typical, allowed=REQUESTS_TO_ROLLBACK)


def _never_missed(fates: Sequence[Fate]) -> Promise:
    harmed = [fate for fate in fates if fate.harmed]
    enough = [fate for fate in harmed if not fate.rolled_back and fate.callers_in_harm > 10 * REQUESTS_TO_ROLLBACK]
    climbed = sum(fate.climbed_in_harm for fate in harmed)
    told = (
        f"{len(harmed):,} units served when harm of 10 % began; {len(enough):,} of them served more than "
        f"{10 * REQUESTS_TO_ROLLBACK:,} callers without being taken back. {climbed:,} steps were taken in between."
    )
    return Promise(name="harm missed", kept=not enough, sentence=told, found=len(enough), allowed=0)


def _middle(counts: Sequence[int]) -> str:
    """The median and where nine of ten lie below."""
    if len(counts) < 2:
        return f"{counts[0]:,}" if counts else "none"
    return f"{median(counts):,.0f} (nine of ten: {quantiles(counts, n=10)[-1]:,.0f})"
