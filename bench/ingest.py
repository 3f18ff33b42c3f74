"""From the stream to committed rollups: `python -m bench.ingest`.

Reports of four data planes wait in Redis; this process drains them into PostgreSQL, both durable as in
production and each in a process of its own. The figure is observations for each second of CPU that this
process spends, decoding, folding and the database's client included.

The peer is what one writes first: one stream entry for each observation, a consumer group, counters folded
in Python and upserted once per batch. It keeps neither callers nor causes nor samples.
"""

import os
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
import orjson
import redis

from bench.database import started
from migrator.core.tally import Folder, Observation, latency_bucket, subject_hash
from migrator.core.wire import Finding, Outcome, Report, Sample, Side, encode
from migrator.local.servers import Postgres, Valkey

SOURCES, UNITS, ROUNDS = 4, 40, 3
REPORTS = 40
"""Of each source: one a second."""
CALLERS = [subject_hash(f"user-{number}") for number in range(20_000)]
SHAPES = (("$.created_at", "value"), ("$.price", "number form"), ("$.items[*].tags", "order"), ("status", "value"))
PEER_ENTRIES = 20_000
GOAL = 150_000


def observations(dice: random.Random, units: list[int], count: int, at: float) -> Iterator[Observation]:
    """Traffic of one second: 2 % of the pairs differ, latencies are log-normal, some callers come often."""
    for _ in range(count):
        differs = dice.random() < 0.02
        yield Observation(
            unit=dice.choice(units),
            at=at,
            evidence_epoch=0,
            outcome=Outcome.MISMATCH if differs else Outcome.MATCH,
            served=Side.LEGACY,
            legacy_ms=dice.lognormvariate(3, 0.6),
            candidate_ms=dice.lognormvariate(2.8, 0.7),
            subject=CALLERS[int(dice.paretovariate(0.6)) % len(CALLERS)],
            shapes=dice.sample(SHAPES, 2) if differs else (),
        )


def report(dice: random.Random, source: str, seq: int, units: list[int], rate: int, at: float) -> bytes:
    folder = Folder()
    for seen in observations(dice, units, rate, at):
        folder.observe(seen)
    finding = Finding(path="$.price", shape="$.price", kind="number form", control="number #a", candidate="number #b")
    sample = Sample(
        unit=units[0],
        evidence_epoch=0,
        at=at,
        outcome=Outcome.MISMATCH,
        served=Side.LEGACY,
        method="GET",
        path=f"/things/{seq}",
        findings=(finding,),
    )
    made = Report(
        project="bench",
        source=source,
        boot=f"boot-{rate}-{at}",
        seq=seq,
        sent=seq * rate,
        tallies=tuple(folder.take()),
        samples=(sample,) * 5,
    )
    return encode(made)


def fill(client: "redis.Redis", units: list[int], *, rate: int, seed: int) -> int:
    """Put reports of every source into the streams. Returns the number of observations."""
    from migrator.observations.stream import REPORT, key_of, shard_of  # noqa: PLC0415 - once Django is set up

    dice, start = random.Random(seed), time.time() - 60 + seed
    for number in range(SOURCES):
        source = f"gw/{number}"
        for seq in range(1, REPORTS + 1):
            body = report(dice, source, seq, units, rate, start)
            client.xadd(key_of(shard_of(source, 4)), {REPORT: body})
    return SOURCES * REPORTS * rate


def drained(client: "redis.Redis") -> tuple[float, float]:
    """CPU and wall seconds that draining everything took."""
    from django.utils import timezone  # noqa: PLC0415

    from migrator.observations.services import drain  # noqa: PLC0415

    cpu, wall = time.process_time(), time.perf_counter()
    drain(now=timezone.now(), patience_s=600, client=client)
    return time.process_time() - cpu, time.perf_counter() - wall


def fill_peer(client: "redis.Redis", units: list[int]) -> None:
    dice = random.Random(5)
    with client.pipeline(transaction=False) as pipe:
        for seen in observations(dice, units, PEER_ENTRIES, time.time()):
            pipe.xadd("peer", {"o": orjson.dumps(_flat(seen))})
        pipe.execute()


def _flat(seen: Observation) -> dict[str, Any]:
    return {
        "unit": seen.unit,
        "at": seen.at,
        "outcome": seen.outcome,
        "served": seen.served,
        "legacy_ms": seen.legacy_ms,
        "candidate_ms": seen.candidate_ms,
        "subject": seen.subject,
    }


def drained_by_peer(client: "redis.Redis") -> float:
    """CPU seconds."""
    from django.db import connection, transaction  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE IF NOT EXISTS peer (unit bigint, minute bigint, outcome text, bucket int, n bigint,"
            " PRIMARY KEY (unit, minute, outcome, bucket))"
        )
    client.xgroup_create("peer", "workers", id="0")
    cpu = time.process_time()
    while found := client.xreadgroup("workers", "one", {"peer": ">"}, count=1_000):
        entries: Any = found["peer"][0] if isinstance(found, dict) else found[0][1]
        counts: Counter[tuple[int, int, str, int]] = Counter()
        for _, fields in entries:
            seen = orjson.loads(fields[b"o"])
            counts[seen["unit"], int(seen["at"]) // 60, seen["outcome"], latency_bucket(seen["candidate_ms"])] += 1
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO peer VALUES (%s, %s, %s, %s, %s)"
                " ON CONFLICT (unit, minute, outcome, bucket) DO UPDATE SET n = peer.n + excluded.n",
                [(*key, n) for key, n in counts.items()],
            )
        client.xack("peer", "workers", *[entry_id for entry_id, _ in entries])
    spent = time.process_time() - cpu
    client.delete("peer")
    return spent


def make_units() -> list[int]:
    from django.core.management import call_command  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from migrator.inventory.models import Kind  # noqa: PLC0415
    from migrator.inventory.services import create_project, create_unit, save_service  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    now = timezone.now()
    project = create_project(slug="bench", name="Bench", now=now)
    service = save_service(project=project, name="main")
    keys = (f"GET /things{number}" for number in range(UNITS))
    return [create_unit(project=project, service=service, key=key, kind=Kind.ENDPOINT, now=now).pk for key in keys]


def measure(client: "redis.Redis") -> None:
    units = make_units()
    fill(client, units, rate=400, seed=50)
    drained(client)  # warms up
    spent = []
    for _ in range(ROUNDS):
        fill_peer(client, units)
        spent.append(drained_by_peer(client) / PEER_ENTRIES)
    peer = 1 / statistics.median(spent)
    print(f"{'one entry per observation (peer)':45} {peer:>12,.0f} observations per CPU second")
    for rate in (400, 2_000, 8_000):
        rounds = []
        for seed in range(ROUNDS):
            count = fill(client, units, rate=rate, seed=seed)
            cpu, wall = drained(client)
            rounds.append((count / cpu, count / wall))
        per_cpu, per_wall = (statistics.median(column) for column in zip(*rounds, strict=True))
        name = f"tallies of {rate // UNITS} observations, {UNITS} units"
        print(
            f"{name:45} {per_cpu:>12,.0f} per CPU second, {per_wall:,.0f} per second ({per_cpu / peer:.1f}x the peer)"
        )
    print(f"goal: {GOAL:,} per CPU second")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="mb-", dir="/tmp") as home:
        Path(home).chmod(0o711)
        base = Path(home)
        postgres = Postgres(data=base / "data", runtime=base / "run", log=base / "postgres.log")
        valkey = Valkey(data=base / "valkey", runtime=base / "valkey-run", log=base / "valkey.log")
        children = [started(postgres), started(valkey)]
        os.environ |= {
            "DATABASE_URL": postgres.url,
            "REDIS_URL": valkey.url,
            "SECRET_KEY": "bench",
            "DJANGO_SETTINGS_MODULE": "migrator.settings",
        }
        django.setup()
        try:
            with redis.Redis.from_url(valkey.url) as client:
                measure(client)
        finally:
            for child in children:
                child.stop()


if __name__ == "__main__":
    main()
