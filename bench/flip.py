"""From the button to the traffic: how long after a flip is sent until the gateway decides by it.

The whole product runs in processes of its own: PostgreSQL, Valkey, web, data plane server, worker, beat, and one
gateway before two small services. A canary goes to and fro between 0 and 100 %; a client asks the gateway without
pause and notes when the other side answers first.
"""

import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import tests.settings  # noqa: F401 - starts the servers that the product uses
from bench.gateway import free_port, wait_for
from tests.product import LiveProduct, running_product

FLIPS = 200


@contextmanager
def service(side: str) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("X-Side", side)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


@contextmanager
def gateway(product: LiveProduct, token: str) -> Iterator[int]:
    port = free_port()
    args = [sys.executable, "-m", "migrator.gateway", "--control-plane", product.url, "--token", token]
    args += ["--project", "bench", "--listen", f"127.0.0.1:{port}", "--state-dir", tempfile.mkdtemp()]
    with subprocess.Popen(args, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        wait_for(port)
        yield port
        process.terminate()


class Api:
    """One kept connection to the product's REST."""

    def __init__(self, product: LiveProduct, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", product.port)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        self._connection.request(method, "/api/v1" + path, json.dumps(body) if body else None, self._headers)
        answer = self._connection.getresponse()
        data = json.loads(answer.read())
        if answer.status >= 300:
            sys.exit(f"{method} {path}: {answer.status} {data}")
        return data


def seconds_until(port: int, side: str) -> float:
    """Ask until `side` answers; when that was."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    while True:
        connection.request("GET", "/thing")
        answer = connection.getresponse()
        answer.read()
        if answer.getheader("X-Side") == side:
            return time.perf_counter()
        time.sleep(0.0005)


def measure(product: LiveProduct, legacy: int, candidate: int) -> tuple[list[float], list[float]]:
    """Milliseconds from sending the flip, and from its answer, to the first changed decision."""
    api = Api(product, product.token("bench", scope="admin"))
    api.call("POST", "/projects/", {"slug": "bench", "name": "bench", "legacy_name": "a", "candidate_name": "b"})
    addresses = {"legacy_url": f"http://127.0.0.1:{legacy}", "candidate_url": f"http://127.0.0.1:{candidate}"}
    api.call("POST", "/projects/bench/services/", {"name": "main", **addresses})
    unit = api.call("POST", "/projects/bench/units/", {"key": "GET /thing", "kind": "endpoint", "service": "main"})
    for stage in ("shadow", "side_by_side", "canary"):
        unit = api.call("GET", f"/units/{unit['id']}/")
        flip = {"stage": stage, "version": unit["version"], "reason": "bench", "override": True}
        api.call("POST", f"/units/{unit['id']}/flip/", flip)
    sent, answered = [], []
    with gateway(product, product.token("plane", scope="ingest", project="bench")) as port:
        seconds_until(port, "legacy")
        for at in range(FLIPS):
            goal, share = ("candidate", 100) if at % 2 == 0 else ("legacy", 0)
            version = api.call("GET", f"/units/{unit['id']}/")["version"]
            seen: list[float] = []
            watcher = threading.Thread(target=lambda to=goal, into=seen: into.append(seconds_until(port, to)))
            watcher.start()
            start = time.perf_counter()
            flip = {"candidate_percent": share, "version": version, "reason": "bench", "override": True}
            api.call("POST", f"/units/{unit['id']}/flip/", flip)
            answer = time.perf_counter()
            watcher.join()
            sent.append((seen[0] - start) * 1_000)
            answered.append(max(0.0, seen[0] - answer) * 1_000)
    return sent, answered


def main() -> None:
    with running_product() as product, service("legacy") as legacy, service("candidate") as candidate:
        for name, values in zip(("from sending", "from its answer"), measure(product, legacy, candidate), strict=True):
            cuts = statistics.quantiles(values, n=100)
            print(
                f"flip to first changed decision, {name:16} p50 {cuts[49]:6.1f} ms  p99 {cuts[98]:6.1f} ms"
                f"  max {max(values):6.1f} ms  ({len(values)} flips)"
            )


if __name__ == "__main__":
    main()
