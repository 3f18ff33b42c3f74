"""What must have been seen before more callers meet the candidate: one function for each demand.

Each answers with its gate, or with None where the policy does not make the demand.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from migrator.core import harm, stats
from migrator.core.case import DAY_S, Case, Gate, Pass, counted, percent
from migrator.core.evidence import Evidence, Replay, Shares

LEEWAY: Final = 0.1
"""How far the observed share of traffic may be from the configured one, of the smaller of the two sides …"""
LEAST_LEEWAY: Final = 0.0005
"""… and at least so much of all traffic: answers that were under way when it was set."""
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


# ----------------------------------------------------------------------------- is it worth anything


def completeness(case: Case) -> Gate:
    share, least = case.evidence.completeness, case.policy.completeness
    numbers = {"completeness": share, "demanded": least}
    result = Pass.NO_DATA
    if share is None:
        reason = "No data plane has reported yet."
    elif share >= least:  # NaN is not
        result, reason = Pass.PASS, f"{percent(share)} of the observations arrived."
    else:
        reason = f"Only {percent(share)} of the observations arrived; {percent(least)} are demanded."
    return Gate(name="completeness", result=result, reason=reason, numbers=numbers, evidence="arrivals")


def freshness(case: Case) -> Gate:
    last_at, most = case.evidence.last_at, case.policy.freshness_s
    age = None if last_at is None else case.now - last_at
    result = Pass.NO_DATA
    if age is None or not case.evidence.pairs:
        reason = "No pair was compared since evidence started afresh."
    elif -most <= age <= most:
        window = counted(case.policy.evidence_days, "day")
        result, reason = Pass.PASS, f"The newest pair is {counted(max(0.0, age), 'second')} old; {window} back count."
    elif age > most:
        reason = f"The newest pair is {age / 60:,.0f} minutes old; at most {most / 60:,.0f} are allowed."
    else:
        reason = "The newest pair is dated in the future: some clock is wrong."
    numbers = {"age_s": age, "allowed_s": most, "days": case.policy.evidence_days}
    return Gate(name="freshness", result=result, reason=reason, numbers=numbers, evidence="series:pairs")


def build(case: Case) -> Gate | None:
    if not case.evidence.stale_build:
        return None
    reason = f"Evidence is not of what was deployed last: {case.evidence.stale_build}."
    return Gate(name="build", result=Pass.NO_DATA, reason=reason.replace("..", "."), evidence="deploys")


def share_of_traffic(case: Case) -> Gate | None:
    shares = case.evidence.share
    if shares is None:
        return None
    wanted, taken, total = shares.configured / 10_000, *_dealt(shares, case.evidence)
    if not total:
        result, reason = Pass.NO_DATA, "No request came since the candidate's share was set."
        return Gate(name="share of traffic", result=result, reason=reason, evidence="series:share")
    leeway = max(LEEWAY * min(wanted, 1 - wanted), LEAST_LEEWAY)
    proof = stats.proof_of_other_share(taken=taken, total=total, share=wanted, tolerance=leeway)
    seen = shares.served_candidate / shares.received
    told = f"The candidate answered {percent(seen)} of {counted(shares.received, 'request')}; {percent(wanted)} is set"
    wrong = not proof < 1 / case.policy.share_alpha
    return Gate(
        name="share of traffic",
        result=Pass.FAIL if wrong else Pass.PASS,
        reason=f"{told}: some data plane routes otherwise." if wrong else f"{told}.",
        numbers={"observed": seen, "configured": wanted, "requests": shares.received, "e_value": proof},
        evidence="series:share",
    )


def _dealt(shares: Shares, evidence: Evidence) -> tuple[int, int]:
    """How many were dealt to the candidate, of how many. A caller who always meets one side is dealt once."""
    total, taken = shares.received, shares.served_candidate
    callers = shares.subjects or round(total * evidence.independent_pairs / max(1, evidence.pairs))
    if not 0 < callers < total:
        return taken, total
    return round(taken * callers / total), callers


# --------------------------------------------------------------------------- was enough of it seen


def independent_pairs(case: Case) -> Gate | None:
    least, pairs = case.policy.independent_pairs, case.evidence.independent_pairs
    if not least:
        return None
    met = pairs >= least
    return Gate(
        name="independent pairs",
        result=Pass.PASS if met else Pass.NO_DATA,
        reason=f"{counted(pairs, 'independent pair')} of {least:,} that are demanded.",
        numbers={"pairs": pairs, "demanded": least},
        evidence="series:pairs",
        eta=None if met else case.when_more(least - pairs),
    )


def request_shapes(case: Case) -> Gate | None:
    least, shapes = case.policy.request_shapes, case.evidence.request_shapes
    if not least:
        return None
    return Gate(
        name="request shapes",
        result=Pass.PASS if shapes >= least else Pass.NO_DATA,
        reason=f"{counted(shapes, 'shape')} of request of {least:,} that are demanded.",
        numbers={"shapes": shapes, "demanded": least},
        evidence="requests",
    )


def callers(case: Case) -> Gate | None:
    wanted = case.policy.callers
    if not wanted:
        return None
    missing = [kind for kind in wanted if not case.evidence.callers.get(kind, 0) > 0]
    reason = f"Not compared yet: {', '.join(missing)}." if missing else f"Compared: {', '.join(wanted)}."
    return Gate(
        name="callers",
        result=Pass.NO_DATA if missing else Pass.PASS,
        reason=reason,
        numbers={kind: case.evidence.callers.get(kind, 0) for kind in wanted},
        evidence="requests",
    )


def weekly_cycle(case: Case) -> Gate | None:
    if not case.policy.weekly_cycle:
        return None
    missing = [day for day in range(7) if day not in case.evidence.weekdays]
    names = ", ".join(WEEKDAYS[day] for day in missing)
    return Gate(
        name="weekly cycle",
        result=Pass.NO_DATA if missing else Pass.PASS,
        reason=f"Not compared yet on: {names}." if missing else "Compared on every day of a week.",
        numbers={"days": 7 - len(missing), "demanded": 7},
        evidence="series:pairs",
        eta=max(_next_weekday(case.now, day) for day in missing) if missing else None,
    )


def month_end(case: Case) -> Gate | None:
    if not case.policy.month_end:
        return None
    met = case.evidence.month_end
    reason = "Compared on a last or first day of a month." if met else "No last or first day of a month was compared."
    result = Pass.PASS if met else Pass.NO_DATA
    eta = None if met else _next_month_end(case.now)
    return Gate(name="month end", result=result, reason=reason, evidence="series:pairs", eta=eta)


def _next_weekday(now: float, weekday: int) -> float:
    """When that day of the week next begins in UTC; `now` where it is that day."""
    today = datetime.fromtimestamp(now, tz=UTC).date()
    ahead = (weekday - today.weekday()) % 7
    return max(now, _midnight(today + timedelta(days=ahead)))


def _next_month_end(now: float) -> float:
    today = datetime.fromtimestamp(now, tz=UTC).date()
    if today.day == 1:
        return now
    last = (today.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    return max(now, _midnight(last))


def _midnight(day: date) -> float:
    return datetime.combine(day, time(), tzinfo=UTC).timestamp()


# ----------------------------------------------------------------------------------- does it differ


def mismatches(case: Case, *, harmed: bool) -> Gate:
    evidence, policy = case.evidence, case.policy
    bad, pairs = evidence.independent_bad, evidence.independent_pairs
    if not pairs:
        return Gate(name="mismatches", result=Pass.NO_DATA, reason="Nothing was compared yet.", evidence="mismatches")
    told = f"{bad:,} of {pairs:,} {'callers' if evidence.subjects else 'pairs'} differ"
    bound = evidence.upper_bound(alpha=policy.alpha) or 0.0
    needed = stats.pairs_needed(bad=bad, limit=policy.mismatch_limit, alpha=policy.alpha)
    over = bad >= 2 and bad / pairs >= policy.mismatch_limit
    if harmed:
        result, reason = Pass.FAIL, f"{told}: proven to be more than {percent(policy.harm_limit)}{_lately(case)}."
    elif stats.proof_of_safety(bad=bad, pairs=pairs, limit=policy.mismatch_limit) >= 1 / policy.alpha:
        result, reason = Pass.PASS, f"{told} (at most {percent(bound)})."
    else:
        reason = f"{told} (at most {percent(bound)}); below {percent(policy.mismatch_limit)} must be proven."
        result = Pass.FAIL if over else Pass.NO_DATA
    return Gate(
        name="mismatches",
        result=result,
        reason=reason,
        numbers={"bad": bad, "pairs": pairs, "bound": bound, "limit": policy.mismatch_limit, "needed": needed},
        evidence="mismatches",
        eta=case.when_more(needed - pairs) if result is Pass.NO_DATA else None,
        harm=harmed,
    )


def _lately(case: Case) -> str:
    """Since when, where the whole does not show it."""
    began = harm.began(evidence=case.evidence, policy=case.policy)
    if began is None:
        return ""
    start, bad, pairs = began
    return f", {bad:,} of {pairs:,} pairs since {datetime.fromtimestamp(start, tz=UTC):%H:%M} UTC"


def critical_paths(case: Case) -> Gate | None:
    """One mismatch is too much, so nothing is left to prove."""
    if not case.policy.critical_paths:
        return None
    found = {path: count for path, count in case.evidence.critical.items() if count > 0}
    result, reason = Pass.PASS, f"No mismatch at {', '.join(case.policy.critical_paths)}."
    if found:
        told = ", ".join(f"{path} ({count:,})" for path, count in sorted(found.items()))
        result, reason = Pass.FAIL, f"Mismatches at critical paths: {told}. One is too much."
    elif not case.evidence.pairs:
        result, reason = Pass.NO_DATA, "Nothing was compared yet."
    numbers = {path: float(count) for path, count in case.evidence.critical.items()}
    return Gate(
        name="critical paths", result=result, reason=reason, numbers=numbers, evidence="mismatches", harm=bool(found)
    )


def replay(case: Case) -> Gate | None:
    """Recorded requests that were sent again: advice, because nobody knows whether they stand for today's."""
    again = case.evidence.replay
    if again is None:
        return None
    bad, pairs, limit = again.bad, again.pairs, case.policy.mismatch_limit
    result = Pass.NO_DATA
    if pairs and stats.proof_of_safety(bad=bad, pairs=pairs, limit=limit) >= 1 / case.policy.alpha:
        result = Pass.PASS
    elif pairs and bad / pairs >= limit:
        result = Pass.FAIL
    return Gate(
        name="replay",
        result=result,
        reason=f"{bad:,} of {pairs:,} recorded requests differ{_age(again, case.now)}. Shown, not counted.",
        numbers={"bad": bad, "pairs": pairs, "limit": limit},
        evidence="replay",
        advice=True,
    )


def _age(again: Replay, now: float) -> str:
    days = (now - again.last_at) / DAY_S
    return f", the last sent {counted(days, 'day')} ago" if days >= 1 else ""
