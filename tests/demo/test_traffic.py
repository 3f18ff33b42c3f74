"""The demo's readers ask for what there is, in waves, and outlive a gateway that is not there."""

import json
import random
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from demo.comments.web import ENDPOINTS
from demo.replay import from_log
from demo.traffic import DAY_SECONDS, NIGHT, Visit, rate, send, visit, writing
from migrator.core.routing import build_table
from migrator.core.wire import RoutingTable, UnitRoute, Version
from tests.demo.pair import Pair

ROUTES = build_table(
    RoutingTable(
        project="comments",
        version=Version(),
        services=(),
        units=tuple(
            UnitRoute(id=number, key=f"{method} {path}", service="comments")
            for number, (method, path, _) in enumerate(ENDPOINTS, start=1)
        ),
    )
)


def walk(steps: Visit, connection: HTTPConnection) -> set[str]:
    """Make a whole visit. Returns the keys of the endpoints that it asked for."""
    keys, answer = set(), None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration:
            return keys
        found = ROUTES.match(method=step.method, path=step.path.partition("?")[0])
        assert found is not None, f"{step} asks for an endpoint that does not exist"
        keys.add(found.unit.key)
        answer = send(connection, step, user=7)
        assert isinstance(answer, dict) or step.method == "DELETE"
        assert not (answer and "error" in answer) or answer["error"].startswith("no comment"), (step, answer)


def test_visits__many_of_them__reach_every_endpoint(pair: Pair) -> None:
    address, dice = urlsplit(pair.legacy), random.Random(4)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=10)
    visits = [*(visit(dice) for _ in range(25)), *(writing(dice) for _ in range(6))]
    keys = set().union(*(walk(steps, connection) for steps in visits))
    connection.close()
    assert keys == {f"{method} {path}" for method, path, _ in ENDPOINTS}


def test_rate__over_a_day__swings_between_night_and_peak() -> None:
    rates = [rate(seconds=second, peak=100.0) for second in range(int(DAY_SECONDS))]
    assert min(rates) == pytest.approx(100 * NIGHT, rel=0.01)
    assert max(rates) == pytest.approx(100, rel=0.01)
    assert rates[0] < rates[30] < rates[60], "a visitor comes in the morning"


def test_traffic__no_gateway_yet__waits_for_it() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        target = f"http://127.0.0.1:{listener.getsockname()[1]}"
        # Bound and not listening: connections are refused, and nobody else can take the port.
        process = subprocess.Popen([sys.executable, "-m", "demo.traffic", "--target", target])
        try:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1.5)
            listener.listen()
            listener.settimeout(15)
            connection, _ = listener.accept()
            connection.settimeout(15)
            with connection:
                assert connection.recv(1_000).startswith(b"GET /threads")
        finally:
            process.kill()
            process.wait()


def test_replay__a_log__leaves_out_what_no_client_could_send(tmp_path: Path) -> None:
    paths = ["/a?b=1", "/two words", "relative", "/\u00fc", "/line\nbreak"]
    log = tmp_path / "log.jsonl"
    entries = [{"method": "GET", "path": path} for path in paths] + [{"method": "POST", "path": "/a"}]
    log.write_text("\n".join(map(json.dumps, entries)))
    assert [request.path for request in from_log(log)] == ["/a?b=1", "/two%20words"]
