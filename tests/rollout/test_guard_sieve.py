"""What the guard judges in full: never fewer than those whom it would take back, and few of the others."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from migrator.core.gate import Word
from migrator.core.policy import Automatic
from migrator.core.stages import Stage
from migrator.core.tally import pack_sketch
from migrator.gates.models import PolicyLayer
from migrator.gates.queries import judgements, perhaps_harmful
from migrator.inventory.models import Project, Service, Unit
from migrator.inventory.services import save_service
from migrator.observations.models import Resolution, Rollup, Standing
from migrator.rollout import guard
from tests.rollout.climbers import fresh, observe, raised

NOW = datetime(2026, 11, 2, 3, 20, 30, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
UNITS = 20
ROUNDS = 10
COUNTS = ("match", "mismatch", "candidate_error", "legacy_error", "not_sampled", "served_candidate")
WHEN = (0 * MINUTE, 1 * MINUTE, 7 * MINUTE, 30 * MINUTE, 70 * MINUTE, 3 * HOUR, 20 * HOUR, 26 * HOUR, 3 * DAY, 40 * DAY)
"""How long ago something was counted: minutes, hours and days tell of it, or no longer."""


@pytest.fixture
def service(project: Project) -> Service:
    return save_service(project=project, name="main", legacy_url="http://l:1", candidate_url="http://c:1")


@pytest.fixture
def units(service: Service) -> list[Unit]:
    return [raised(service, f"GET /u{at}", Stage.CANARY, NOW - 50 * DAY, 500) for at in range(UNITS)]


def layer(unit: Unit, **settings: object) -> None:
    PolicyLayer.objects.create(
        project=unit.project, unit=unit, settings=settings, reason="a test", changed_by="ana", changed_at=NOW
    )


def happen(unit: Unit, rng: Random, *, ago: timedelta, pairs: int, bad: int) -> None:
    """Pairs at one time, as the tables would hold them: one row for each length of window, and the standing."""
    errors = rng.choice((0, 0, bad // 2, bad))
    at = NOW - ago
    callers = rng.sample(range(10**12), rng.choice((1, max(1, pairs // 2), pairs)))
    counts = {
        "match": pairs - bad,
        "mismatch": bad - errors,
        "candidate_error": errors,
        "legacy_error": rng.choice((0, errors)),
        "not_sampled": rng.choice((0, pairs)),
        "served_candidate": pairs // rng.choice((1, 2, 20)),
        "subjects": pack_sketch(sorted(callers)),
        "mismatching_subjects": pack_sketch(sorted(callers)[: max(1, min(bad, len(callers)))]) if bad else b"",
        "legacy_latency": {200: pairs},
        "candidate_latency": {rng.choice((200, 210, 600)): pairs},
    }
    epoch = {"unit_id": unit.pk, "evidence_epoch": unit.evidence_epoch}
    shard = rng.choice((0, 1))
    for resolution in Resolution:
        start = datetime.fromtimestamp(at.timestamp() // resolution * resolution, tz=UTC)
        add(Rollup, counts, {}, **epoch, shard=shard, resolution=resolution.value, window_start=start)
    times = {"first_at": at, "last_at": at, "last_seen_at": at}
    add(Standing, counts, times, **epoch, shard=shard)


def add(table: type[Rollup | Standing], counts: dict[str, Any], times: dict[str, datetime], **where: Any) -> None:
    """A row, or more of what it counts; of callers and latencies the first stand for all."""
    row, made = table.objects.get_or_create(**where, defaults=counts | times)
    if made:
        return
    for name in COUNTS:
        setattr(row, name, getattr(row, name) + counts[name])
    for name in times:
        setattr(row, name, min(getattr(row, name), times[name]))
    row.save()


def test_perhaps_harmful__whatever_was_observed__holds_everyone_who_is_taken_back(units: list[Unit]) -> None:
    rng, hurt, cleared = Random(9), 0, 0
    for unit in units[::3]:
        layer(unit, harm_limit=rng.choice((0.002, 0.3)), evidence_days=rng.choice((1, 2, 60)))
    for _ in range(ROUNDS):
        Rollup.objects.all().delete()
        Standing.objects.all().delete()
        for unit in units:
            for ago in set(rng.sample(WHEN, rng.randint(0, 4))):
                pairs = rng.choice((2, 20, 300))
                happen(unit, rng, ago=ago, pairs=pairs, bad=min(pairs, rng.choice((0, 0, 1, 2, 8, 40))))
        told = judgements(units=units, now=NOW)
        harmful = {unit.pk for unit in units if told[unit.pk].verdict.word is Word.ROLLBACK}
        doubtful = {unit.pk for unit in perhaps_harmful(units=units, now=NOW)}
        assert harmful <= doubtful
        hurt, cleared = hurt + len(harmful), cleared + UNITS - len(doubtful)
    assert hurt > UNITS
    assert cleared > UNITS


def test_perhaps_harmful__a_few_bad_among_many__is_cleared_and_keeps_the_order(units: list[Unit]) -> None:
    for unit in units:
        observe(unit, NOW, match=40_000, mismatch=17)
    assert perhaps_harmful(units=units, now=NOW) == []
    for unit in (units[4], units[2]):
        observe(unit, NOW, match=900, mismatch=100)
    assert perhaps_harmful(units=units[::-1], now=NOW) == [units[4], units[2]]


@pytest.mark.parametrize("ago", [2 * MINUTE, 80 * MINUTE, 20 * HOUR])
def test_perhaps_harmful__a_fault_that_began_lately__is_not_hidden_by_a_long_clean_time(
    units: list[Unit], ago: timedelta
) -> None:
    unit, rng = units[0], Random(1)
    happen(unit, rng, ago=ago, pairs=40, bad=20)
    Standing.objects.filter(unit_id=unit.pk).update(match=1_000_000, candidate_latency={})
    assert perhaps_harmful(units=units, now=NOW) == [unit]
    assert judgements(units=[unit], now=NOW)[unit.pk].verdict.word is Word.ROLLBACK


def test_perhaps_harmful__a_fault_of_a_minute_in_an_hour_that_was_clean__is_found(units: list[Unit]) -> None:
    rng = Random(1)
    happen(units[0], rng, ago=15 * MINUTE, pairs=10_000, bad=0)
    happen(units[0], rng, ago=MINUTE, pairs=40, bad=20)
    Standing.objects.update(candidate_latency={})
    assert perhaps_harmful(units=units, now=NOW) == [units[0]]
    assert judgements(units=units[:1], now=NOW)[units[0].pk].verdict.word is Word.ROLLBACK


def test_perhaps_harmful__critical_paths_or_evidence_that_expires__are_judged_in_full(units: list[Unit]) -> None:
    layer(units[1], critical_paths=["$.price"])
    observe(units[2], NOW, age_s=40 * DAY.total_seconds())
    assert perhaps_harmful(units=units, now=NOW) == units[1:3]


def test_look__counts_that_cannot_be_read__leave_it_to_the_full_judgement(units: list[Unit]) -> None:
    project = units[0].project
    Project.objects.filter(pk=project.pk).update(policy={"automatic": Automatic.ACT})
    for unit in units[:2]:
        observe(unit, NOW, match=900, mismatch=100)
    Standing.objects.filter(unit_id=units[0].pk).update(candidate_latency={"no": "histogram"})
    assert guard.look(holder="test", now=NOW).rolled_back == 1
    assert fresh(units[1]).candidate_bp == 0
