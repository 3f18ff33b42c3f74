"""Callers who stall, leave or send ahead, services that drip or read nothing: nobody else pays for them."""

import asyncio
import contextlib
import socket
import struct
import threading
import time

import pytest

from migrator.sdk.upstream import Link
from tests.gateway.conftest import Rig
from tests.wires import Request, Wire, eventually, plain

ALL = 10_000
RESET = struct.pack("ii", 1, 0)
GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
HALF_A_POST = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf"
ANSWERED = {"key": "GET /a", "stage": "cutover", "candidate": ALL, "mirror": 0}
MIRRORED = {"key": "GET /a", "stage": "side_by_side", "mirror": ALL}


@pytest.fixture
def legacy_well(rig: Rig) -> Rig:
    rig.legacy.respond = lambda request: plain(b"from legacy")
    return rig


def head_drips(wire: Wire) -> None:
    wire.request()
    wire.send(b"HTTP/1.1 200 OK\r\nX-Drip: ")
    while True:
        wire.send(b"x")
        time.sleep(0.03)


def hints_drip(wire: Wire) -> None:
    wire.request()
    while True:
        wire.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        time.sleep(0.03)


@pytest.mark.parametrize("drip", [head_drips, hints_drip])
def test_candidate__whose_head_drips_in__keeps_no_caller_waiting(legacy_well: Rig, drip: object) -> None:
    legacy_well.candidate.serve = drip  # type: ignore[assignment]
    legacy_well.publish(ANSWERED, candidate_timeout_ms=300)
    caller = legacy_well.call()
    caller.send(GET)
    answer = caller.answer()
    while answer.status == 103:
        answer = caller.answer()
    assert answer.body == b"from legacy"
    assert legacy_well.outcomes(of=1) == {"candidate_error": 1}


@pytest.mark.parametrize("drip", [head_drips, hints_drip])
def test_mirror__whose_head_drips_in__ends_with_its_patience(legacy_well: Rig, drip: object) -> None:
    legacy_well.candidate.serve = drip  # type: ignore[assignment]
    legacy_well.publish(MIRRORED, mirror_timeout_ms=300)
    assert legacy_well.get("/a").body == b"from legacy"
    assert legacy_well.outcomes(of=1) == {"candidate_error": 1}


def test_mirror__that_this_gateway_cannot_begin__costs_the_caller_nothing(
    legacy_well: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migrator.gateway.mirroring.mirror_bytes", None)
    legacy_well.publish(MIRRORED)
    assert legacy_well.get("/a").body == b"from legacy"
    assert legacy_well.outcomes(of=1) == {"skipped": 1}


# ---------------------------------------------------------------------------- callers who stall


@pytest.mark.parametrize("stage", ["cutover", "backlog"])
def test_caller__that_stops_in_the_middle_of_its_request__is_told_so_and_blames_nobody(rig: Rig, stage: str) -> None:
    share = ALL if stage == "cutover" else 0
    rig.publish(
        {"key": "POST /a", "stage": stage, "operation": "write", "candidate": share, "mirror": 0},
        candidate_timeout_ms=200,
        legacy_timeout_ms=200,
    )
    for _ in range(4):  # three failures in a row leave a candidate out
        caller = rig.call()
        caller.send(HALF_A_POST)
        answer = caller.answer()
        assert (answer.status, caller.closed) == (408, True)
    assert rig.outcomes(of=4) == {"not_sampled": 4}
    assert rig.worker is not None
    assert rig.worker.steering.left_out == ()


def test_service__that_grants_no_leave_to_send_a_body__is_what_the_caller_waits_for(rig: Rig) -> None:
    rig.publish(legacy_timeout_ms=200)
    rig.legacy.serve = lambda wire: wire.rest() and None
    caller = rig.call()
    caller.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    assert caller.answer().status == 504


def test_head__begun_after_long_silence__has_its_time(legacy_well: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migrator.gateway.server.HEAD_SECONDS", 3.0)
    legacy_well.publish()
    caller = legacy_well.call()
    assert caller.get("/").status == 200
    time.sleep(3.1)
    caller.send(GET[:9])
    time.sleep(1.2)  # once a second the gateway looks who is overdue
    caller.send(GET[9:])
    assert caller.answer().status == 200


# ------------------------------------------------------------------- callers who send much, or ahead


def test_upload__to_a_service_that_reads_nothing__is_left_with_its_caller(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its size: the gateway holds what fits its buffers, and no more."""
    made = Link.connection_made

    def over_a_thin_line(link: Link, transport: asyncio.BaseTransport) -> None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        made(link, transport)

    monkeypatch.setattr(Link, "connection_made", over_a_thin_line)
    go = threading.Event()

    def never_reads(wire: Wire) -> None:
        wire.until(b"\r\n\r\n")
        go.wait(30)

    rig.legacy._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    rig.legacy.serve = never_reads
    rig.publish(legacy_timeout_ms=30_000)
    caller = rig.call()
    caller.socket.settimeout(0.5)
    size, sent = 100_000_000, 0
    data = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size + b"x" * 8_000_000
    with contextlib.suppress(TimeoutError):
        while sent < size:
            sent += caller.socket.send(data)
            data = b"x" * 8_000_000
    go.set()
    assert sent < size / 2


def test_requests_sent_ahead__by_a_caller_that_ends_and_reads_late__are_all_answered(rig: Rig) -> None:
    large, ahead = b"x" * 100_000, 200
    rig.publish()
    rig.legacy.respond = lambda request: plain(large)
    caller = rig.call()
    caller.send(GET * ahead)
    time.sleep(0.5)  # long enough for the gateway to be held up by answers that nobody reads
    caller.socket.shutdown(socket.SHUT_WR)
    time.sleep(0.1)
    assert [len(caller.answer().body) for _ in range(ahead)] == [len(large)] * ahead
    assert caller.closed


def test_last_answer__to_a_caller_that_has_sent_more__arrives_whole(rig: Rig) -> None:
    """Closing over unread bytes resets the connection, and what is on its way to the caller is lost."""
    large = b"x" * 2_000_000
    rig.publish()
    rig.legacy.respond = lambda request: plain(large)
    caller = rig.call()
    caller.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + GET * 8_000)
    time.sleep(0.3)
    assert caller.answer().body == large


def test_body__that_a_service_sends_where_none_may_be__reaches_nobody(rig: Rig) -> None:
    def serve(wire: Wire) -> None:
        while True:
            request = wire.request()
            if request.method == b"HEAD":
                wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 45\r\n\r\n")
                time.sleep(0.05)
                wire.send(plain(b"forged"))
            else:
                wire.send(plain(request.target))

    rig.publish()
    rig.legacy.serve = serve
    for _ in range(3):
        assert rig.get("/", method="HEAD").status == 200
        assert rig.get("/mine").body == b"/mine"


# -------------------------------------------------------------------------------------- tunnels


def test_tunnel__of_which_one_half_has_ended__is_not_kept_for_ever(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migrator.sdk.upstream.HALF_OPEN_SECONDS", 0.3)
    over = threading.Event()

    def serve(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
        over.wait(30)  # sees that the caller has ended, and says nothing

    rig.publish()
    rig.legacy.serve = serve
    caller = rig.call()
    assert caller.get("/ws", "Connection: Upgrade", "Upgrade: x").status == 101
    caller.socket.shutdown(socket.SHUT_WR)
    assert caller.closed
    over.set()


def test_tunnels__that_are_reset__say_nothing_about_the_candidate(rig: Rig) -> None:
    def serve(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nhi")
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    rig.candidate.serve = serve
    rig.publish(ANSWERED)
    for _ in range(4):
        caller = rig.call()
        assert caller.get("/a", "Connection: Upgrade", "Upgrade: x").status == 101
        assert caller.rest() in (b"hi", b"")
    assert rig.worker is not None
    assert rig.worker.steering.left_out == ()


def test_tunnel__after_it_has_ended__leaves_nothing(rig: Rig) -> None:
    def serve(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
        wire.send(wire.rest())

    rig.publish()
    rig.legacy.serve = serve
    caller = rig.call()
    assert caller.get("/ws", "Connection: Upgrade", "Upgrade: x").status == 101
    caller.send(b"ping")
    caller.socket.shutdown(socket.SHUT_WR)
    assert caller.rest() == b"ping"
    worker = rig.worker
    assert worker is not None
    eventually(lambda: not worker.connections and not any(up._busy for up in worker.steering._upstreams.values()))


def test_breaker__while_legacys_callers_hang_up__learns_nothing_from_them(rig: Rig) -> None:
    """How long legacy takes is told by whole answers, not by when its callers lost patience."""
    slow = threading.Event()

    def respond(request: Request) -> bytes:
        slow.wait(10)
        return plain()

    rig.legacy.respond = respond
    rig.publish({"key": "GET /a", "stage": "canary", "candidate": 1, "mirror": 0})
    caller = rig.call()
    caller.send(GET)
    eventually(lambda: rig.legacy.requests)
    caller.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    caller.close()
    assert rig.outcomes(of=1) == {"not_sampled": 1}
    slow.set()
    assert rig.worker is not None
    known = [each for breakers in rig.worker.steering._breakers.values() for each in breakers._units.values()]
    assert not any(breaker._legacy.known for breaker in known)


# ------------------------------------------------------------------------- callers who read nothing


def test_answer__to_a_caller_that_reads_nothing__stays_with_its_service(rig: Rig) -> None:
    sent = [0]

    def endless(wire: Wire) -> None:
        wire.request()
        wire.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            wire.send(b"x" * 100_000)
            sent[0] += 100_000

    rig.publish()
    rig.legacy.serve = endless
    caller = rig.call()
    caller.send(GET)
    eventually(lambda: sent[0])
    time.sleep(0.5)  # on loopback, time for gigabytes
    assert sent[0] < 50_000_000
    caller.close()


def test_stop__with_a_caller_that_reads_nothing__waits_for_it_no_longer_than_it_must(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migrator.gateway.worker.DRAIN_SECONDS", 0.3)
    rig.publish()
    rig.legacy.respond = lambda request: plain(b"x" * 50_000_000)
    caller = rig.call()
    caller.send(GET * 3)
    time.sleep(0.3)
    worker, thread = rig.worker, rig._thread
    rig.stop()
    assert not thread.is_alive()
    assert worker is not None
    assert worker.connections == 0
    caller.close()
