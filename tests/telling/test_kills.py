"""No message is lost, whatever is killed. What was under way may arrive twice, and then bears the same id."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.telling.receiver import Receiver

CHECKOUT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0


class Stand:
    """A PostgreSQL of its own, with processes that deliver from it. There is no Redis at all."""

    def __init__(self, postgres: Any, receiver: Receiver) -> None:
        self.postgres, self.receiver = postgres, receiver
        self.workers: list[subprocess.Popen[bytes]] = []
        self.env = os.environ | {
            "DATABASE_URL": postgres.url,
            "REDIS_URL": "redis://127.0.0.1:1/0",
            "DJANGO_SETTINGS_MODULE": "migrator.settings",
            "SECRET_KEY": "only-for-tests",
            "OUTGOING_ALLOW": "127.0.0.0/8",
        }

    def run(self, *arguments: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "tests.telling.messenger", *arguments]
        return subprocess.Popen(command, cwd=CHECKOUT, env=self.env)

    def done(self, *arguments: str) -> None:
        assert self.run(*arguments).wait(PATIENCE_S) == 0

    def hire(self) -> None:
        self.workers.append(self.run("deliver"))

    def dismiss(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()
        self.workers.clear()

    def ask(self, query: str) -> list[Any]:
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []

    def wait(self, query: str, answer: list[Any]) -> None:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                if self.ask(query) == answer:
                    return
            except psycopg.OperationalError:
                pass
            assert time.monotonic() < until, f"{query}: never {answer}"
            time.sleep(0.05)


@pytest.fixture
def stand(postgres_server: Any, receiver: Receiver) -> Iterator[Stand]:
    stand = Stand(postgres_server(), receiver)
    stand.done("setup", receiver.url)
    yield stand
    receiver.held.set()
    stand.dismiss()


def test_worker__killed_after_sending_and_before_writing_it_down__sends_again_with_the_same_id(stand: Stand) -> None:
    stand.receiver.held.clear()
    stand.done("say", "0", "1")
    stand.hire()
    assert stand.receiver.arrived.wait(PATIENCE_S)
    stand.dismiss()
    stand.receiver.held.set()
    assert stand.ask("SELECT state, attempts FROM telling_delivery") == [("waiting", 0)]

    stand.ask("UPDATE telling_delivery SET leased_until = now()")  # as if two minutes had passed
    stand.hire()
    stand.wait("SELECT state FROM telling_delivery", [("sent",)])

    first, second = stand.receiver.received
    assert first.headers["X-Migrator-Event-Id"] == second.headers["X-Migrator-Event-Id"]
    assert first.json == second.json


def test_workers_and_database__killed_again_and_again__lose_no_message(stand: Stand) -> None:
    stand.hire()
    stand.hire()
    for number in range(5):
        stand.done("say", str(number * 20), "20")
        if number == 2:
            stand.postgres.kill()
            stand.postgres.start()
        else:
            stand.dismiss()
            stand.ask("UPDATE telling_delivery SET leased_until = now() WHERE leased_until IS NOT NULL")
            stand.hire()
            stand.hire()
    stand.wait("SELECT count(*) FROM telling_message WHERE routed_at IS NULL", [(0,)])
    stand.ask("UPDATE telling_delivery SET leased_until = now() WHERE leased_until IS NOT NULL")
    stand.wait("SELECT state, count(*) FROM telling_delivery GROUP BY state", [("sent", 100)])

    assert {each["title"] for each in stand.receiver.documents} == {f"Shop: Message {n}" for n in range(100)}
    assert len({each["id"] for each in stand.receiver.documents}) == 100
