"""A report counts exactly once, whatever is killed."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
import redis

from migrator.core.wire import Outcome, PathCount, Report, Tally, encode
from migrator.observations.stream import REPORT, key_of, shard_of

CHECKOUT = Path(__file__).resolve().parents[2]
SHARDS = 2
PAIRS = 10
"""In each report."""
PATIENCE_S = 60.0


@dataclass
class Crew:
    """Workers on servers of their own, all of them to be killed."""

    env: dict[str, str]
    workers: list["subprocess.Popen[str]"] = field(default_factory=list)

    def run(self, *arguments: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "tests.observations.drainer", *arguments]
        return subprocess.Popen(command, cwd=CHECKOUT, env=self.env, stdout=subprocess.PIPE, text=True)

    def hire(self, count: int) -> None:
        self.workers += [self.run() for _ in range(count)]

    def kill_all_in_a_batch(self, postgres, *, after_s: float) -> None:
        """kill -9 a moment after somebody took a shard, and new ones in their place."""
        lock = (
            "SELECT count(*) FROM pg_locks WHERE relation = 'observations_streamposition'::regclass"
            " AND mode = 'RowShareLock'"
        )
        until = time.monotonic() + PATIENCE_S
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            while connection.execute(lock).fetchone() == (0,):
                assert time.monotonic() < until, "nobody works"
        time.sleep(after_s)
        count = len(self.workers)
        self.dismiss()
        self.hire(count)

    def dismiss(self) -> None:
        for worker in self.workers:
            worker.kill()
        for worker in self.workers:
            worker.communicate()
        self.workers.clear()


@pytest.fixture
def stand(postgres_server, redis_server) -> Iterator[tuple]:
    postgres, valkey = postgres_server(), redis_server()
    crew = Crew(
        env=os.environ
        | {
            "DATABASE_URL": postgres.url,
            "REDIS_URL": valkey.url,
            "REPORT_SHARDS": str(SHARDS),
            "DJANGO_SETTINGS_MODULE": "migrator.settings",
            "SECRET_KEY": "only-for-tests",
        }
    )
    setup = crew.run("setup")
    unit = int(setup.communicate()[0])
    yield postgres, valkey, crew, unit
    crew.dismiss()


def report_of(source: str, seq: int, unit: int) -> bytes:
    tally = Tally(
        unit=unit,
        window=int(time.time()) // 10 * 10,
        evidence_epoch=0,
        outcomes={Outcome.MATCH: PAIRS - 1, Outcome.MISMATCH: 1},
        legacy_latency={1: PAIRS},
        paths=(PathCount(shape="$.name", kind="value", count=1),),
    )
    return encode(Report(project="shop", source=source, boot="b", seq=seq, sent=seq * PAIRS, tallies=(tally,)))


@dataclass
class Spooler:
    """A data plane: sends in order, keeps what is not counted, sends it again after a while."""

    source: str
    unit: int
    spool: dict[int, bytes] = field(default_factory=dict)
    made: int = 0

    def make(self, count: int) -> None:
        for _ in range(count):
            self.made += 1
            self.spool[self.made] = report_of(self.source, self.made, self.unit)

    def send(self, client: "redis.Redis", seqs: list[int]) -> None:
        for seq in seqs:
            client.xadd(key_of(shard_of(self.source, SHARDS)), {REPORT: self.spool[seq]})

    def forget_counted(self, committed: int) -> None:
        self.spool = {seq: body for seq, body in self.spool.items() if seq > committed}


def ask(postgres, query: str) -> list[tuple]:
    """The answer, once the database gives one."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            with psycopg.connect(postgres.url) as connection:
                return connection.execute(query).fetchall()
        except psycopg.OperationalError:
            assert time.monotonic() < until
            time.sleep(0.05)


def finish(postgres, valkey, planes: list[Spooler], *, send_again: bool) -> None:
    """Wait until everything is counted, and send again what is not where it may have been lost on the way."""
    until = time.monotonic() + PATIENCE_S
    while any(plane.spool for plane in planes):
        assert time.monotonic() < until, f"not counted: {[sorted(plane.spool) for plane in planes]}"
        time.sleep(0.3)
        counted = dict(ask(postgres, "SELECT source, committed_seq FROM observations_reportsource"))
        for plane in planes:
            plane.forget_counted(counted.get(plane.source, 0))
            if not send_again:
                continue
            try:
                with redis.Redis.from_url(valkey.url) as client:
                    plane.send(client, sorted(plane.spool))
            except redis.RedisError:
                continue


def check_exact(postgres, reports: int) -> None:
    pairs = reports * PAIRS
    sums = {
        "standing": "SELECT sum(match + mismatch) FROM observations_standing",
        "minutes": "SELECT sum(match + mismatch) FROM observations_rollup WHERE resolution = 60",
        "hours": "SELECT sum(match + mismatch) FROM observations_rollup WHERE resolution = 3600",
        "days": "SELECT sum(match + mismatch) FROM observations_rollup WHERE resolution = 86400",
        "traffic": "SELECT sum(received) FROM observations_traffic WHERE resolution = 60",
        "arrived": "SELECT sum(committed) FROM observations_arrival WHERE resolution = 60",
        "sources": "SELECT sum(committed) FROM observations_reportsource",
    }
    assert {name: int(ask(postgres, query)[0][0]) for name, query in sums.items()} == dict.fromkeys(sums, pairs)
    assert ask(postgres, "SELECT total, count FROM observations_mismatchgroup") == [(reports, reports)]
    assert ask(postgres, "SELECT count(*) FROM observations_deadletter") == [(0,)]


def test_reports__workers_killed_in_the_middle_and_two_at_once__count_exactly_once(stand):
    postgres, valkey, crew, unit = stand
    planes = [Spooler(f"gw/{number}", unit) for number in range(4)]
    crew.hire(2)
    chance = random.Random(7)

    with redis.Redis.from_url(valkey.url) as client:
        for _ in range(6):
            for plane in planes:
                plane.make(40)
                newest = sorted(plane.spool)[-40:]
                plane.send(client, [*newest, *chance.sample(newest, 5)])
            crew.kill_all_in_a_batch(postgres, after_s=chance.uniform(0.0, 0.03))
    finish(postgres, valkey, planes, send_again=False)

    check_exact(postgres, sum(plane.made for plane in planes))


def test_reports__redis_and_database_killed__count_exactly_once(stand):
    postgres, valkey, crew, unit = stand
    planes = [Spooler(f"gw/{number}", unit) for number in range(4)]
    crew.hire(2)
    chance = random.Random(11)

    for number in range(6):
        for plane in planes:
            plane.make(40)
            with redis.Redis.from_url(valkey.url) as client:
                plane.send(client, sorted(plane.spool)[-40:])
        time.sleep(chance.uniform(0.0, 0.4))
        server = (postgres, valkey)[number % 2]
        server.kill()
        server.start()
    finish(postgres, valkey, planes, send_again=True)

    check_exact(postgres, sum(plane.made for plane in planes))
