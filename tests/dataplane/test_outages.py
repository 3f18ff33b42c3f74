"""What data planes get while PostgreSQL or Redis is away, and when the server itself is told to stop."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from migrator.core.override import decode_orders, read
from migrator.core.wire import Report, decode_table, encode
from tests import ports
from tests.dataplane.conftest import Answer, Caller
from tests.servers import TestServer, new_postgres, new_valkey

CHECKOUT = Path(__file__).resolve().parents[2]
TABLE = "/dataplane/v1/table?project=shop"
REPORTS = "/dataplane/v1/reports"


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[TestServer, TestServer, dict[str, str], str]]:
    """PostgreSQL and Valkey to kill, with a project in them; an environment that leads there; and a token."""
    postgres, valkey = new_postgres().start(), new_valkey().start()
    env = os.environ | {
        "DATABASE_URL": postgres.url,
        "REDIS_URL": valkey.url,
        "DJANGO_SETTINGS_MODULE": "migrator.settings",
        "SECRET_KEY": "only-for-tests",
    }

    def run(*command: str) -> str:
        done = subprocess.run([sys.executable, *command], cwd=CHECKOUT, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("-m", "tests.observations.drainer", "setup")
    token = run("manage.py", "create_token", "gw", "--scope", "ingest", "--project", "shop").split()[-1]
    yield postgres, valkey, env, token
    postgres.remove()
    valkey.remove()


@pytest.fixture
def stand(servers, free_port) -> Iterator[tuple]:
    """The server in a process of its own: (PostgreSQL, Valkey, process, caller)."""
    postgres, valkey, env, token = servers
    command = ["-m", "uvicorn", "migrator.asgi:application", "--port", str(free_port), "--log-level", "warning"]
    process = subprocess.Popen(
        [sys.executable, *command, "--loop", "uvloop", "--timeout-graceful-shutdown", "20"], cwd=CHECKOUT, env=env
    )
    call = Caller(free_port, token)
    eventually(lambda: call("GET", "/livez"), lambda answer: answer.status == 200)
    yield postgres, valkey, process, call
    process.kill()
    process.wait()


def eventually(ask: Callable[[], Answer], wanted: Callable[[Answer], bool], *, seconds: float = 20) -> Answer:
    until = time.monotonic() + seconds
    while True:
        try:
            answer = ask()
            if wanted(answer):
                return answer
            error: object = answer
        except OSError as refused:
            error = refused
        assert time.monotonic() < until, error
        time.sleep(0.1)


def report(seq: int) -> bytes:
    return encode(Report(project="shop", source="gw/0", boot="b", seq=seq))


def test_server__database_dies_and_comes_back__keeps_its_table_and_then_hears_of_changes(stand):
    postgres, _, _, call = stand
    first = decode_table(call("GET", TABLE).body)

    postgres.kill()
    stale = eventually(lambda: call("GET", TABLE), lambda answer: "x-migrator-stale-since" in answer.headers)
    assert decode_table(stale.body) == first
    assert call("POST", REPORTS, body=report(1)).status == 202
    assert call.as_holder_of("mig_unknown")("GET", TABLE).status == 503

    postgres.start()
    eventually(lambda: call("GET", TABLE), lambda answer: "x-migrator-stale-since" not in answer.headers)
    with psycopg.connect(postgres.url) as connection:
        connection.execute("UPDATE inventory_project SET version = version + 1")
    changed = call("GET", f"{TABLE}&wait=10", headers={"If-None-Match": f'"{first.version}"'})
    assert first.version < decode_table(changed.body).version


@pytest.mark.skipif(not Path("/proc").exists(), reason="finds the processes of PostgreSQL in /proc")
def test_server__database_hangs__answers_from_memory_all_the_same(stand):
    postgres, _, _, call = stand
    first = decode_table(call("GET", TABLE).body)
    frozen = [postgres.child.pid, *children_of(postgres.child.pid)]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        stale = eventually(lambda: call("GET", TABLE), lambda answer: "x-migrator-stale-since" in answer.headers)
        assert decode_table(call("GET", TABLE).body) == decode_table(stale.body) == first
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    eventually(lambda: call("GET", TABLE), lambda answer: "x-migrator-stale-since" not in answer.headers)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_server__redis_dies_or_may_evict__sends_reports_back_for_later(stand):
    _, valkey, _, call = stand
    assert call("POST", REPORTS, body=report(1)).status == 202

    valkey.kill()
    refused = call("POST", REPORTS, body=report(2))
    assert (refused.status, refused.headers["retry-after"]) == (503, "2")
    assert call("GET", TABLE).status == 200

    valkey.start()
    with redis.Redis.from_url(valkey.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        evicting = eventually(
            lambda: call("POST", REPORTS, body=report(2)), lambda a: "allkeys-lru" in a.json["detail"]
        )
        assert evicting.status == 503
        client.config_set("maxmemory-policy", "noeviction")
    assert call("POST", REPORTS, body=report(2)).status == 202


def test_server__told_to_stop__lets_waiting_polls_go_at_once(stand):
    _, _, process, call = stand
    version = decode_table(call("GET", TABLE).body).version
    answers: list[Answer] = []
    poll = threading.Thread(target=lambda: answers.append(call("GET", f"{TABLE}&wait=15&since={version}")))
    poll.start()
    time.sleep(0.5)

    process.send_signal(signal.SIGTERM)

    process.wait(10)
    poll.join(10)
    assert [answer.status for answer in answers] == [304]


def test_overrides__without_a_database__are_handed_out_also_by_a_server_that_never_saw_one(servers, tmp_path) -> None:
    postgres, _, env, token = servers
    env = env | {"OVERRIDES_DIR": str(tmp_path)}
    port = ports.free_port()
    postgres.kill()
    try:
        rollback = [sys.executable, "manage.py", "rollback", "--all", "--project", "shop"]
        done = subprocess.run(rollback, cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        command = ["-m", "uvicorn", "migrator.asgi:application", "--port", str(port), "--log-level", "warning"]
        with subprocess.Popen([sys.executable, *command, "--loop", "uvloop"], cwd=CHECKOUT, env=env) as process:
            call = Caller(port, token)
            answer = eventually(
                lambda: call("GET", "/dataplane/v1/overrides?project=shop"), lambda answer: answer.status == 200
            )
            (signed,) = decode_orders(answer.body).overrides
            assert read(signed).units == ("*",)
            assert Caller(port)("GET", "/dataplane/v1/overrides?project=shop").status == 401
            postgres.start()
            eventually(
                lambda: call("GET", "/dataplane/v1/overrides?project=shop"),
                lambda answer: read(signed).id in decode_orders(answer.body).adopted,
            )
            process.kill()
    finally:
        if not postgres.child.alive:
            postgres.start()
    assert not list(tmp_path.glob("*.json"))
