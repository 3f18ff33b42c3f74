"""The gateway against Envoy's mirror: throughput per CPU second, and what one connection waits.

nginx serves the same file as legacy and as candidate; both data planes call both sides for each request and
answer with legacy's. Ours compares the two bodies as well, and equal bytes do not make it easy: the candidate's
JSON has other white space and, in the last document, its keys in another order, which takes parsing both sides.
One worker each. Needs wrk and nginx.

Rounds are interleaved; the figure is requests per second of CPU that the data plane itself spent. What was
really compared is counted from the gateway's own reports and printed below.
"""

import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from migrator.core.stages import ALL, Stage
from migrator.core.wire import Report, RoutingTable, UnitRoute, Upstreams, Version, encode
from migrator.sdk.spool import SUFFIX

ROUNDS, SECONDS = 5, 3
CORES = os.cpu_count() or 1
LOAD_CORE, UPSTREAM_CORE, PROXY_CORE = 0, 1 % CORES, 2 % CORES
TICKS = os.sysconf("SC_CLK_TCK")
DOCUMENTS = ("small", "large", "reordered")
REPORT_SECONDS = 1.5
"""Until the gateway has written down what it saw last."""


@dataclass(frozen=True, slots=True)
class Running:
    name: str
    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """User and system time of the process and of its children that live."""
        return sum(_cpu(pid) for pid in _family(self.pid))


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(grand for child in children for grand in _family(int(child)))]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(port: int) -> None:
    end = time.monotonic() + 15
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    sys.exit(f"nothing listens on {port}")


@contextmanager
def process(args: list[str], *, core: int, log: Path, env: dict[str, str] | None = None) -> Iterator[int]:
    with log.open("ab") as out:
        child = subprocess.Popen(
            ["taskset", "-c", str(core), *args], stdout=out, stderr=out, env={**os.environ, **(env or {})}
        )
    try:
        yield child.pid
    finally:
        child.terminate()
        child.wait(10)


# ---------------------------------------------------------------------------------- upstreams


def documents(home: Path) -> dict[str, str]:
    """A small and a large answer, each as legacy and candidate spell it. Returns path -> size in words."""
    one = {"id": 7, "name": "Ada Lovelace", "tags": ["a", "b"], "score": 12.5, "bio": "x" * 560, "active": True}
    many = [
        {"id": n, "title": f"comment {n}", "body": "y" * 120, "votes": n * 3, "by": {"id": n % 17}} for n in range(140)
    ]
    large = {"comments": many}
    for side, separators in (("legacy", (",", ":")), ("candidate", (", ", ": "))):
        (home / side).mkdir()
        for name, document in (("small", one), ("large", large), ("reordered", large)):
            sort = name == "reordered" and side == "candidate"
            (home / side / name).write_text(json.dumps(document, separators=separators, sort_keys=sort))
    return {f"/{name}": f"{(home / 'legacy' / name).stat().st_size / 1024:.1f} KB {name}" for name in DOCUMENTS}


@contextmanager
def upstreams(home: Path) -> Iterator[tuple[int, int]]:
    ports = free_port(), free_port()
    servers = "".join(
        f"server {{ listen 127.0.0.1:{port} backlog=4096; root {home / side}; default_type application/json; }}\n"
        for port, side in zip(ports, ("legacy", "candidate"), strict=True)
    )
    (home / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {home}/nginx.pid; error_log {home}/nginx.err; user root;\n"
        "events { worker_connections 8192; }\n"
        f"http {{ access_log off; keepalive_requests 1000000;\n"
        f"client_body_temp_path {home}/b; proxy_temp_path {home}/p;\n"
        f"fastcgi_temp_path {home}/f; uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;\n{servers} }}\n"
    )
    binary = shutil.which("nginx") or sys.exit("nginx is missing: install the packages wrk and nginx")
    with process([str(binary), "-c", str(home / "nginx.conf")], core=UPSTREAM_CORE, log=home / "nginx.log"):
        for port in ports:
            wait_for(port)
        yield ports


# --------------------------------------------------------------------------------- data planes


@contextmanager
def our_gateway(home: Path, legacy: int, candidate: int) -> Iterator[Running]:
    """From a table on disk, without a control plane: what it does on a bad day too."""
    port, state = free_port(), home / "state"
    state.mkdir()
    service = Upstreams(
        name="main",
        legacy_url=f"http://127.0.0.1:{legacy}",
        candidate_url=f"http://127.0.0.1:{candidate}",
        mirror_concurrency=1_000,
    )
    units = tuple(
        UnitRoute(id=at, key=f"GET /{name}", service="main", stage=Stage.SIDE_BY_SIDE, mirror=ALL)
        for at, name in enumerate(DOCUMENTS, 1)
    )
    table = RoutingTable(project="bench", version=Version(number=1), services=(service,), units=units)
    (state / "worker-0").mkdir()
    (state / "worker-0" / "table.json").write_bytes(encode(table))
    args = [
        sys.executable, "-m", "migrator.gateway", "--control-plane", "http://127.0.0.1:9", "--token", "none",
        "--project", "bench", "--listen", f"127.0.0.1:{port}", "--state-dir", str(state), "--workers", "1",
    ]  # fmt: skip
    with process(args, core=PROXY_CORE, log=home / "gateway.log") as pid:
        wait_for(port)
        yield Running("migrator gateway, comparing", port, pid)


def outcomes(home: Path) -> Counter[str]:
    """How the requests ended, by the reports that the gateway keeps while nobody takes them."""
    time.sleep(REPORT_SECONDS)
    counted: Counter[str] = Counter()
    for path in (home / "state").glob(f"worker-*/spool/*{SUFFIX}"):
        for tally in msgspec.json.decode(path.read_bytes(), type=Report).tallies:
            counted.update({str(outcome): count for outcome, count in tally.outcomes.items()})
    return counted


@contextmanager
def envoy(home: Path, legacy: int, candidate: int) -> Iterator[Running]:
    port = free_port()
    (home / "envoy.json").write_text(json.dumps(envoy_config(port, legacy, candidate)))
    binary = str(Path(sys.executable).with_name("envoy"))
    args = [binary, "-c", str(home / "envoy.json"), "--concurrency", "1", "--base-id", str(port), "-l", "warning"]
    with process(args, core=PROXY_CORE, log=home / "envoy.log") as pid:
        wait_for(port)
        yield Running("Envoy request_mirror_policies", port, pid)


def envoy_config(port: int, legacy: int, candidate: int) -> dict[str, Any]:
    def cluster(name: str, at: int) -> dict[str, Any]:
        endpoint = {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": at}}}}
        return {
            "name": name,
            "type": "STATIC",
            "connect_timeout": "1s",
            "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
            "circuit_breakers": {"thresholds": [{"max_requests": 10_000, "max_pending_requests": 10_000}]},
        }

    route = {
        "match": {"prefix": "/"},
        "route": {"cluster": "legacy", "request_mirror_policies": [{"cluster": "candidate"}]},
    }
    extensions = "type.googleapis.com/envoy.extensions.filters"
    manager = {
        "@type": f"{extensions}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [
            {
                "name": "router",
                "typed_config": {"@type": f"{extensions}.http.router.v3.Router"},
            }
        ],
    }
    listener = {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    clusters = [cluster("legacy", legacy), cluster("candidate", candidate)]
    return {"static_resources": {"listeners": [listener], "clusters": clusters}}


# ------------------------------------------------------------------------------------- measure


def wrk(port: int, path: str, *, connections: int) -> tuple[float, float]:
    """Requests per second, and the median wait in milliseconds."""
    args = ["taskset", "-c", str(LOAD_CORE), "wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--latency"]
    said = subprocess.run([*args, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said:
        sys.exit(f"not every answer was good:\n{said}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    median = re.search(r"50%\s+([\d.]+)(us|ms|s)", said)
    if rate is None or median is None:
        sys.exit(said)
    return float(rate[1]), float(median[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[median[2]]


def measured(planes: list[Running], path: str, connections: int) -> dict[str, tuple[float, float]]:
    """Median over the rounds: requests per CPU second, and the median wait."""
    per_cpu: dict[str, list[float]] = {plane.name: [] for plane in planes}
    waits: dict[str, list[float]] = {plane.name: [] for plane in planes}
    for at in range(ROUNDS + 1):
        for plane in planes:
            before = plane.cpu_seconds()
            rate, wait = wrk(plane.port, path, connections=connections)
            # What was begun for the last requests is finished before the clock is read.
            time.sleep(0.3)
            if at:
                per_cpu[plane.name].append(rate * SECONDS / (plane.cpu_seconds() - before))
                waits[plane.name].append(wait)
    return {name: (statistics.median(per_cpu[name]), statistics.median(waits[name])) for name in per_cpu}


def main() -> None:
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing: install the packages wrk and nginx")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o755)
        sizes = documents(home)
        with (
            upstreams(home) as (legacy, candidate),
            our_gateway(home, legacy, candidate) as ours,
            envoy(home, legacy, candidate) as peer,
        ):
            urllib.request.urlopen(f"http://127.0.0.1:{ours.port}/small").read()
            print(f"{'':29}{'req/CPU-s':>12}{'Envoy mirror':>14}{'ratio':>7}{'p50 ms':>9}{'Envoy':>7}{'ratio':>7}")
            for connections in (64, 1):
                for path, size in sizes.items():
                    both = measured([ours, peer], path, connections)
                    (rate, wait), (peer_rate, peer_wait) = both[ours.name], both[peer.name]
                    print(
                        f"{size:>18}, {connections:>3} conns{rate:12,.0f}{peer_rate:14,.0f}{rate / peer_rate:7.2f}"
                        f"{wait:9.2f}{peer_wait:7.2f}{wait / peer_wait:7.2f}"
                    )
            counted = outcomes(home)
            print(f"\n{counted.total():,} requests ended as: " + ", ".join(f"{n} {k:,}" for n, k in counted.items()))


if __name__ == "__main__":
    main()
