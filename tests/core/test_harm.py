"""What counts alone rule out: never a unit that the whole evidence would take back."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest

from migrator.core import harm
from migrator.core.evidence import Evidence, Minute
from migrator.core.gate import harm_proven
from migrator.core.policy import Policy
from migrator.core.wire import Outcome

CASES = 6_000


def bare(evidence: Evidence, policy: Policy) -> Evidence:
    """Without callers, and without minutes where from none of them until now two or more were bad over the limit."""
    bad = pairs = 0
    stirring = False
    for minute in reversed(evidence.minutes):
        bad, pairs = bad + minute.bad, pairs + minute.pairs
        stirring |= bad >= 2 and bad > policy.harm_limit * pairs
    minutes = tuple(replace(each, subjects=0, mismatching_subjects=0) for each in evidence.minutes) if stirring else ()
    return replace(evidence, subjects=0, mismatching_subjects=0, minutes=minutes, critical={})


def some_policy(rng: Random) -> Policy:
    return Policy(
        harm_limit=rng.choice((0.001, 0.01, 0.2, 0.9)),
        mismatch_limit=rng.choice((0.0001, 0.001, 0.3)),
        beta=rng.choice((0.0001, 0.001, 0.05, 0.5)),
        latency_ratio=rng.choice((None, 1.0, 3.0)),
        latency_budget_ms=rng.choice((None, 20.0, 200.0)),
        latency_floor_ms=rng.choice((0.0, 50.0)),
        critical_paths=rng.choice(((), (), (), ("$.price",))),
    )


def some_evidence(rng: Random, policy: Policy) -> Evidence:
    """Rates on both sides of the limits, among few pairs and many."""
    size = int(10 ** rng.uniform(0, 5))
    rate = min(1.0, policy.harm_limit * 10 ** rng.uniform(-1, 1))
    bad = sum(rng.random() < rate for _ in range(min(size, 300))) * max(1, size // 300)
    errors = rng.choice((0, 0, bad, bad // 2, bad // 3))
    outcomes = {
        Outcome.MATCH: size - bad,
        Outcome.MISMATCH: bad - errors,
        Outcome.CANDIDATE_ERROR: errors,
        Outcome.LEGACY_ERROR: rng.choice((0, 1, errors, 2 * errors)),
        Outcome.INCOMPARABLE: rng.choice((0, 3)),
        Outcome.NOT_SAMPLED: rng.choice((0, size, 20 * size)),
        Outcome.SKIPPED: rng.choice((0, 5)),
    }
    subjects = rng.choice((0, 0, rng.randint(1, size)))
    return Evidence(
        outcomes=outcomes,
        served_candidate=rng.randint(0, sum(outcomes.values())),
        subjects=subjects,
        mismatching_subjects=min(subjects, rng.randint(0, bad)),
        minutes=tuple(some_minutes(rng, size, bad, errors)),
        legacy_histogram=rng.choice(({}, {300: size})),
        candidate_histogram=rng.choice(({}, {310: size, rng.choice((400, 500)): rng.randint(0, 1 + size // 2)})),
        critical={"$.price": 1} if policy.critical_paths and bad else {},
    )


def some_minutes(rng: Random, size: int, bad: int, errors: int) -> Iterator[Minute]:
    """The bad pairs somewhere within an hour, the callers from each minute until now among them."""
    many = rng.choice((0, 0, 3, 40))
    late = rng.choice((0, many // 2, many - 1)) if many else 0
    for at in range(many):
        mine = bad // many if not late or at >= late else 0
        pairs = max(mine, rng.choice((0, size // many, size // (20 * many))), 1)
        callers = rng.choice((0, pairs))
        yield Minute(
            start=60 * at,
            pairs=pairs,
            bad=mine,
            errors=min(mine, errors // many),
            calls=pairs + rng.choice((0, pairs)),
            subjects=callers,
            mismatching_subjects=min(callers, mine),
        )


def test_conceivable__whatever_was_observed__is_so_wherever_harm_is_proven() -> None:
    rng, proven, cleared = Random(5), 0, 0
    for _ in range(CASES):
        policy = some_policy(rng)
        evidence = some_evidence(rng, policy)
        harmful = harm_proven(evidence=evidence, policy=policy)
        perhaps = harm.conceivable(evidence=bare(evidence, policy), policy=policy)
        assert perhaps or not harmful, (evidence, policy)
        proven, cleared = proven + harmful, cleared + (not perhaps)
    assert proven > CASES / 10
    assert cleared > CASES / 10


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ({Outcome.MATCH: 40_000, Outcome.MISMATCH: 17}, False),
        ({Outcome.MATCH: 900, Outcome.MISMATCH: 100}, True),
        ({Outcome.MATCH: 900, Outcome.CANDIDATE_ERROR: 100}, True),
        ({Outcome.MATCH: 99_000, Outcome.CANDIDATE_ERROR: 300}, True),
        ({Outcome.MATCH: 99_000, Outcome.CANDIDATE_ERROR: 300, Outcome.LEGACY_ERROR: 300}, False),
    ],
)
def test_conceivable__counts_alone__tell_little_from_much(outcomes: dict[Outcome, int], expected: bool) -> None:
    found = Evidence(outcomes=outcomes, served_candidate=500)
    assert harm.conceivable(evidence=found, policy=Policy()) is expected


def test_conceivable__slow_candidate__is_not_ruled_out() -> None:
    slow = Evidence(legacy_histogram={100: 5_000}, candidate_histogram={600: 5_000})
    assert harm.conceivable(evidence=slow, policy=Policy())
    assert not harm.conceivable(evidence=replace(slow, candidate_histogram={100: 5_000}), policy=Policy())
