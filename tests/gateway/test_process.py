"""The gateway as operators run it: arguments, processes, the admin address, forcing legacy, draining."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.conftest import Rig
from tests.ports import free_port
from tests.wires import Caller, Plane, Service, Wire, eventually, plain

GATEWAY = [sys.executable, "-m", "migrator.gateway"]


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("MIGRATOR_")}


class Process:
    """A gateway in processes of its own."""

    def __init__(self, state_dir: Path, plane_url: str, *arguments: str) -> None:
        self.port, self.admin_port = free_port(), free_port()
        given = ["--control-plane", plane_url, "--token", "t", "--project", "shop", "--state-dir", str(state_dir)]
        addresses = ["--listen", f"127.0.0.1:{self.port}", "--admin", f"127.0.0.1:{self.admin_port}"]
        self.popen = subprocess.Popen(
            [*GATEWAY, *given, *addresses, *arguments],
            env=clean_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        eventually(self._serves, seconds=20)

    def ask_admin(self, method: str, path: str, body: bytes = b"") -> Any:
        return json.loads(Caller(self.admin_port).get(path, method=method, body=body).body)

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.popen.pid}/task/{self.popen.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def resident(self) -> int:
        """Bytes of memory of all workers."""
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.workers())
        return pages * os.sysconf("SC_PAGE_SIZE")

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.popen.send_signal(signal.SIGTERM)
        self.popen.wait(30)

    def _serves(self) -> bool:
        assert self.popen.poll() is None, "the gateway ended"
        with contextlib.suppress(OSError):
            return bool(self.ask_admin("GET", "/-/health"))
        return False


@pytest.fixture
def run_gateway(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    running: list[Process] = []

    def run(plane_url: str, *arguments: str) -> Process:
        running.append(Process(tmp_path, plane_url, *arguments))
        return running[-1]

    yield run
    for process in running:
        process.stop()


def answers(port: int) -> bool:
    with contextlib.suppress(OSError):
        return Caller(port).get("/-/health").status == 200
    return False


def shop(plane: Plane, old: Service, new: Service, **unit: Any) -> None:
    plane.publish(
        {
            "project": "shop",
            "version": {"epoch": 1, "number": 1},
            "services": [{"name": "main", "legacy_url": old.url, "candidate_url": new.url}],
            "units": [{"id": 1, "key": "GET /a", "service": "main", **unit}],
        }
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--control-plane"),
        (["--control-plane", "nonsense"], "--control-plane takes an http or https address"),
        (["--listen", "8080"], "--listen takes HOST:PORT"),
        (["--listen", "127.0.0.1:99999"], "--listen takes HOST:PORT"),
        (["--workers", "0"], "--workers takes a number"),
        (["--workers", "many"], "--workers takes a number"),
        (["--project", "not a slug"], "--project takes a project's slug"),
        (["--legacy", "ftp://x"], "is no address"),
        (["--state-dir", "/proc/nowhere"], "--state-dir /proc/nowhere cannot be used"),
        (["--token", "tök\n"], "--token holds characters"),
    ],
)
def test_arguments__that_cannot_be__are_refused_in_one_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    good = {
        "--control-plane": "http://127.0.0.1:1",
        "--token": "t",
        "--project": "shop",
        "--listen": "127.0.0.1:1",
        "--state-dir": str(tmp_path),
    }
    given = {**good, **dict(zip(arguments[::2], arguments[1::2], strict=True))} if arguments else {}
    words = [word for pair in given.items() for word in pair]
    done = subprocess.run([*GATEWAY, *words], env=clean_environment(), capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_address__that_is_taken__is_said_in_one_line(tmp_path: Path) -> None:
    taken = Service()
    arguments = [
        "--control-plane",
        "http://127.0.0.1:1",
        "--token",
        "t",
        "--project",
        "shop",
        "--state-dir",
        str(tmp_path),
    ]
    done = subprocess.run(
        [*GATEWAY, *arguments, "--listen", f"127.0.0.1:{taken.port}"],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1)
    assert "Address already in use" in done.stderr


def test_admin_address__that_nobody_chose_and_is_taken__is_another_one(tmp_path: Path) -> None:
    port = free_port(neighbours=1)
    state = ["--state-dir", str(tmp_path), "--control-plane", "http://127.0.0.1:1", "--token", "t", "--project", "shop"]
    arguments = [*GATEWAY, *state, "--listen", f"127.0.0.1:{port}"]
    with (
        socket.create_server(("127.0.0.1", port + 1)),
        subprocess.Popen(arguments, env=clean_environment(), stdout=subprocess.DEVNULL) as gateway,
    ):
        eventually((tmp_path / "admin").exists)
        admin = int((tmp_path / "admin").read_text().split(":")[1])
        assert admin != port + 1
        eventually(lambda: answers(admin))
        gateway.terminate()


def test_settings__as_environment__are_obeyed(tmp_path: Path) -> None:
    environment = clean_environment() | {"MIGRATOR_LISTEN": "nonsense", "MIGRATOR_STATE_DIR": str(tmp_path)}
    arguments = ["--control-plane", "http://127.0.0.1:1", "--token", "t", "--project", "shop"]
    done = subprocess.run([*GATEWAY, *arguments], env=environment, capture_output=True, text=True, timeout=30)
    assert "--listen takes HOST:PORT with a port from 1 to 65535, not 'nonsense'" in done.stderr


@pytest.mark.parametrize("side", ["answer", "request"])
def test_body_of_100_mb__either_way__is_not_held(run_gateway: Callable[..., Process], side: str) -> None:
    size = 100_000_000
    block = b"x" * 1_000_000

    def serve(wire: Wire) -> None:
        wire.until(b"\r\n\r\n")
        if side == "answer":
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            for _ in range(size // len(block)):
                wire.send(block)
            wire.rest()
        else:
            taken = len(wire.buffer)
            while taken < size:
                if not taken % 16:
                    time.sleep(0)  # a reader that is slower than its writer
                taken += len(wire.socket.recv(65_536))
            wire.send(plain(b"%d" % taken))
            wire.rest()

    legacy, candidate, plane = Service(serve=serve), Service(), Plane()
    shop(plane, legacy, candidate, stage="side_by_side", mirror=10_000)
    gateway = run_gateway(plane.url)
    eventually(lambda: gateway.ask_admin("GET", "/-/health")["version"] == "1.1")
    before = gateway.resident()
    caller = Caller(gateway.port, timeout=60)
    peak = before
    if side == "answer":
        caller.send(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        caller.until(b"\r\n\r\n")
        time.sleep(0.3)  # nobody reads: what piles up now is what the gateway holds
        left = size - len(caller.buffer)
        while left:
            left -= len(caller.socket.recv(1 << 20))
            peak = max(peak, gateway.resident()) if left % 50 == 0 else peak
    else:
        caller.send(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // len(block)):
            caller.send(block)
            peak = max(peak, gateway.resident())
        assert caller.answer().body == b"%d" % size
    assert max(peak, gateway.resident()) - before < 20_000_000


def test_workers__several__share_the_address_and_are_replaced(run_gateway: Callable[..., Process]) -> None:
    legacy, candidate, plane = Service(), Service(), Plane()
    shop(plane, legacy, candidate)
    gateway = run_gateway(plane.url, "--workers", "2")
    eventually(lambda: {report["source"][-2:] for report in plane.reports} == {"/0", "/1"})
    before = gateway.workers()
    os.kill(before[1], signal.SIGKILL)
    eventually(lambda: len(gateway.workers()) == 2 and before[1] not in gateway.workers())
    boots = {report["boot"] for report in plane.reports}
    eventually(lambda: len({report["boot"] for report in plane.reports}) > len(boots))
    assert Caller(gateway.port).get("/a").status == 200
    assert gateway.popen.poll() is None


def test_parent__killed__takes_its_workers_with_it(run_gateway: Callable[..., Process]) -> None:
    gateway = run_gateway("http://127.0.0.1:1", "--workers", "2")
    workers = gateway.workers()
    gateway.popen.kill()
    gateway.popen.wait()
    eventually(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in workers))


def test_stop__with_a_request_in_hand__finishes_it_first(run_gateway: Callable[..., Process]) -> None:
    go = threading.Event()
    legacy, candidate, plane = (
        Service(respond=lambda request: plain(b"whole" if go.wait(10) else b"")),
        Service(),
        Plane(),
    )
    shop(plane, legacy, candidate)
    gateway = run_gateway(plane.url)
    eventually(lambda: gateway.ask_admin("GET", "/-/health")["version"] == "1.1")
    caller = Caller(gateway.port)
    caller.send(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
    eventually(lambda: legacy.requests)
    gateway.popen.send_signal(signal.SIGTERM)
    with contextlib.suppress(OSError):
        eventually(lambda: Caller(gateway.port, timeout=1).close())
    go.set()
    answer = caller.answer()
    assert (answer.body, answer.values(b"connection"), caller.closed) == (b"whole", [b"close"], True)
    assert gateway.popen.wait(20) == 0
    assert plane.outcomes() == {"not_sampled": 1}


def test_without_table__and_without_legacy__it_says_so(make_rig: Callable[..., Rig]) -> None:
    answer = make_rig().start().get("/a")
    assert answer.status == 503
    assert b"no routing table yet" in answer.body


def test_without_table__but_with_legacy__everything_passes(make_rig: Callable[..., Rig]) -> None:
    legacy = Service()
    rig = make_rig(legacy=legacy.url).start()
    assert rig.get("/a").status == 200
    assert rig.get("/b", method="POST", body=b"x").status == 200
    assert len(legacy.requests) == 2


def test_force_legacy__by_the_admin_address__acts_at_once_and_survives(run_gateway: Callable[..., Process]) -> None:
    legacy = Service(respond=lambda request: plain(b"legacy"))
    candidate = Service(respond=lambda request: plain(b"candidate"))
    plane = Plane()
    shop(plane, legacy, candidate, stage="cutover", candidate=10_000, mirror=10_000)
    gateway = run_gateway(plane.url, "--workers", "2")

    def ask() -> set[bytes]:
        return {Caller(gateway.port).get("/a").body for _ in range(12)}

    eventually(lambda: ask() == {b"candidate"})
    answer = gateway.ask_admin("POST", "/-/force-legacy", b'{"units": ["GET /a", "GET /unknown"]}')
    since = answer.pop("since")
    assert answer == {"forced": ["GET /a", "GET /unknown"], "unknown": ["GET /unknown"]}
    eventually(lambda: ask() == {b"legacy"})
    seen = len(candidate.requests)
    assert ask() == {b"legacy"}
    assert len(candidate.requests) == seen
    eventually(lambda: plane.reports and plane.reports[-1]["forced"] == ["GET /a", "GET /unknown"])
    gateway.stop()

    again = run_gateway(plane.url)
    eventually(lambda: again.ask_admin("GET", "/-/table")["forced"] == ["GET /a", "GET /unknown"])
    assert again.ask_admin("GET", "/-/health")["forced_since"] == since
    eventually(lambda: Caller(again.port).get("/a").body == b"legacy")
    assert again.ask_admin("POST", "/-/force-legacy", b'{"units": "*", "off": true}')["forced"] == []
    assert Caller(again.port).get("/a").body == b"candidate"


def test_force_legacy__by_a_file__is_seen_and_never_reaches_a_removed_unit(rig: Rig, tmp_path: Path) -> None:
    rig.candidate.respond = lambda request: plain(b"candidate")
    rig.publish(
        {"key": "POST /a", "stage": "cutover", "candidate": 10_000, "operation": "write"},
        {"key": "GET /gone", "stage": "removed", "candidate": 10_000},
    )
    assert rig.get("/a", method="POST").body == b"candidate"
    (tmp_path / "force_legacy").write_text("# in an emergency\n*\n")
    eventually(lambda: rig.get("/a", method="POST").body == b"{}")
    assert rig.get("/gone").body == b"candidate"
    (tmp_path / "force_legacy").unlink()
    eventually(lambda: rig.get("/a", method="POST").body == b"candidate")


@pytest.mark.parametrize("body", [b"", b"[]", b'{"units": []}', b'{"units": ["a\\nb"]}', b'{"units": "*", "on": 1}'])
def test_force_legacy__asked_for_nonsense__is_refused(rig: Rig, body: bytes) -> None:
    caller = Caller(rig.admin_port)
    assert caller.get("/-/force-legacy", method="POST", body=body).status == 400
    assert Caller(rig.admin_port).get("/elsewhere").status == 404


def test_spool__of_workers_that_are_no_more__is_handed_in_by_the_first(
    run_gateway: Callable[..., Process], tmp_path: Path
) -> None:
    plane, left = Plane(), tmp_path / "worker-3" / "spool"
    left.mkdir(parents=True)
    report = {"project": "shop", "source": "gw/3", "boot": "old", "seq": 7}
    (left / "old.000000000007.5.report").write_text(json.dumps({**report, "tallies": [], "samples": []}))
    run_gateway(plane.url)
    eventually(lambda: ("gw/3", 7) in {(each["source"], each["seq"]) for each in plane.reports})
    eventually(lambda: not list(tmp_path.glob("worker-*/spool/old.*")))
