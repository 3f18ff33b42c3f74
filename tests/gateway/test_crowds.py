"""Crowds: callers and services that do everything a connection can do, at once, by the dice of a seed.

Whoever stays gets exactly what a side sent, or is told; nobody waits; no write is executed twice; and when
the crowd has gone, nothing of it is left. `CROWDS=1000 pytest tests/gateway/test_crowds.py` goes hunting.
"""

import contextlib
import gc
import itertools
import os
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from migrator.gateway import server
from migrator.sdk.upstream import Link, Upstream
from tests.gateway.conftest import Rig
from tests.wires import Answer, Caller, Service, Wire, eventually

ALL: Final = 10_000
CALLERS: Final = 24
PATIENCE_S: Final = 20.0
"""Far beyond every timeout of the gateway: whoever waits for so long waits for ever."""
LEGACY_MS, CANDIDATE_MS, MIRROR_MS = 4_000, 3_000, 1_000
SIZES: Final = (0, 1, 900, 30_000, 200_000, 1_500_000)
LINE_BYTES: Final = 49_152
RESET: Final = struct.pack("ii", 1, 0)
SEEDS: Final = range(int(os.environ.get("CROWDS", "4")))


@dataclass(frozen=True)
class Manner:
    """How a side answers one request."""

    side: bytes
    number: int
    size: int
    framing: str
    pieces: int
    pause: float
    delay: float
    early: bool
    hints: bool
    status: bytes
    fate: str
    at: float
    """Where its fate meets it: a share of the answer's bytes."""
    leaves: bool
    """Closes its connection afterwards, and does not say so."""

    @property
    def well(self) -> bool:
        return self.fate == "whole"

    @property
    def body(self) -> bytes:
        mark = b"%s %d|" % (self.side, self.number)
        return (mark * (self.size // len(mark) + 1))[: self.size]

    def bytes(self, method: bytes) -> bytes:
        lines = [b"HTTP/1.1 " + self.status, b"X-Side: " + self.side, b"X-Number: %d" % self.number]
        body = self.body
        if self.framing == "chunks":
            lines.append(b"Transfer-Encoding: chunked")
            cut = self.size // 3 + 1
            parts = [body[at : at + cut] for at in range(0, self.size, cut)]
            body = b"".join(b"%x;x=y\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\nX-Trailer: 1\r\n\r\n"
        elif self.framing == "length":
            lines.append(b"Content-Length: %d" % self.size)
        else:
            lines.append(b"Connection: close")
        return b"\r\n".join([*lines, b"", b"" if method == b"HEAD" else body])


@dataclass(frozen=True)
class Errand:
    """One request, what each side makes of it, and how it is sent."""

    number: int
    method: bytes
    path: bytes
    body: bytes
    chunked: bool
    legacy: Manner
    candidate: Manner

    def bytes(self) -> bytes:
        lines = [self.method + b" " + self.path + b"?%d HTTP/1.1" % self.number, b"Host: shop.example"]
        body = self.body
        if self.chunked:
            lines.append(b"Transfer-Encoding: chunked")
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"
        elif self.method == b"POST":
            lines.append(b"Content-Length: %d" % len(body))
        return b"\r\n".join([*lines, b"", body])


def plainly(side: bytes) -> Manner:
    """As everybody should."""
    return Manner(side, 0, 10, "length", 1, 0.0, 0.0, False, False, b"200 OK", "whole", 0.0, False)


class Dice(random.Random):
    """Everything that a seed decides."""

    def manner(self, side: bytes, number: int, *, trouble: float) -> Manner:
        size = self.choice(SIZES)
        fate = self.choice(("close", "reset", "reset", "hang")) if self.random() < trouble else "whole"
        return Manner(
            side=side,
            number=number,
            size=size,
            framing=self.choice(("length", "length", "chunks", "close")),
            pieces=1 if self.random() < 0.5 else self.choice((2, 5, min(size, 60) + 1)),
            pause=self.choice((0.0, 0.0, 0.001, 0.01)),
            delay=self.choice((0.0, 0.0, 0.005, 0.05)),
            early=self.random() < 0.1,
            hints=self.random() < 0.1,
            status=b"500 Boom" if side == b"candidate" and self.random() < trouble else b"200 OK",
            fate=fate,
            at=self.choice((0.0, 0.0, self.random(), 0.999)),
            leaves=self.random() < 0.05,
        )

    def errand(self, number: int) -> Errand:
        method = self.choice((b"GET", b"GET", b"HEAD", b"POST", b"POST"))
        return Errand(
            number=number,
            method=method,
            path=self.choice((b"/mirrored", b"/canary", b"/cutover", b"/none")),
            body=self.randbytes(self.choice(SIZES)) if method == b"POST" else b"",
            chunked=method == b"POST" and self.random() < 0.4,
            legacy=self.manner(b"legacy", number, trouble=0.06),
            candidate=self.manner(b"candidate", number, trouble=0.2),
        )


class Side:
    """A service of the crowd: does with each request what its errand has decided."""

    def __init__(self, service: Service, errands: dict[int, Errand], *, name: str) -> None:
        self.executed: Counter[int] = Counter()
        self._errands, self._name = errands, name
        service.serve = self._serve

    def _serve(self, wire: Wire) -> None:
        while True:
            head = wire.until(b"\r\n\r\n")
            number = int(head.split(b" ")[1].partition(b"?")[2])
            errand = self._errands[number]
            manner = errand.legacy if self._name == "legacy" else errand.candidate
            if errand.method == b"POST":
                self.executed[number] += 1
            if manner.early:
                self._answer(wire, manner, errand)
                self._rest_of(wire, head)
            else:
                self._rest_of(wire, head)
                self._answer(wire, manner, errand)
            if manner.leaves or manner.framing == "close":
                return

    def _rest_of(self, wire: Wire, head: bytes) -> None:
        lines = head.lower().split(b"\r\n")
        if b"transfer-encoding: chunked" in lines:
            wire.chunks()
        for line in lines:
            if line.startswith(b"content-length:"):
                wire.exactly(int(line.partition(b":")[2]))

    def _answer(self, wire: Wire, manner: Manner, errand: Errand) -> None:
        time.sleep(manner.delay)
        if manner.hints:
            wire.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        data = manner.bytes(errand.method)
        if not manner.well:
            data = data[: int(len(data) * manner.at)]
        step = max(1, -(-len(data) // manner.pieces))
        for at in range(0, len(data), step):
            wire.send(data[at : at + step])
            time.sleep(manner.pause)
        if manner.fate == "hang":
            wire.rest()
        elif manner.fate == "reset":
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        if not manner.well:
            wire.close()
            raise EOFError


class Guest(Caller):
    """A caller of the crowd: sends and reads as the dice have it, and may go away at any moment."""

    def __init__(self, port: int, dice: Dice, errands: list[Errand]) -> None:
        super().__init__(port, timeout=PATIENCE_S)
        self._dice, self._errands = dice, errands
        self._slow = dice.choice((0.0, 0.0, 0.0, 0.002, 0.02))
        self.stays = dice.random() < 0.7
        self._leaves_at = dice.randrange(1_000_000)
        self._read = 0

    def more(self) -> bytes:
        if self._slow:
            time.sleep(self._slow)
        data = self.socket.recv(65_536 if not self._slow else 40_000)
        self.buffer += data
        self._read += len(data)
        if not self.stays and self._read > self._leaves_at:
            raise Gone
        return data

    def visit(self) -> None:
        """All errands, each answer looked at. Raises AssertionError where one is not as it must be."""
        with contextlib.closing(self), contextlib.suppress(Gone):
            left = list(self._errands)
            while left:
                together = [left.pop(0) for _ in range(min(len(left), self._dice.choice((1, 1, 1, 2, 4))))]
                sending = threading.Thread(target=self._send, args=(together,), daemon=True)
                sending.start()
                going_on = all(self._looked_at(errand) for errand in together)
                sending.join(PATIENCE_S)
                assert not sending.is_alive(), "nobody takes what is sent"
                if not going_on:
                    return

    def _send(self, errands: list[Errand]) -> None:
        data = b"".join(errand.bytes() for errand in errands)
        pieces = self._dice.choice((1, 1, 2, 7))
        step = -(-len(data) // pieces)
        with contextlib.suppress(OSError):
            for at in range(0, len(data), step):
                self.send(data[at : at + step])
                time.sleep(0.004 if pieces > 1 else 0)
                if not self.stays and self._dice.random() < 0.1:
                    if self._dice.random() < 0.5:
                        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    self.socket.shutdown(self._dice.choice((socket.SHUT_RDWR, socket.SHUT_WR)))
                    return

    def _looked_at(self, errand: Errand) -> bool:
        """Read one answer. Whether the connection goes on."""
        try:
            answer = self.answer(to=errand.method)
            while answer.status == 103:
                answer = self.answer(to=errand.method)
        except TimeoutError as error:
            raise AssertionError(f"waits for ever: {errand}") from error
        except (OSError, EOFError, ValueError) as error:
            assert not self.stays or may_break(errand), f"broke off: {error!r} {errand}"
            return False
        if self.stays:
            check(errand, answer)
        return b"close" not in answer.values(b"connection")


class Gone(Exception):
    """A caller has gone away, as it was to."""


def sides(errand: Errand) -> list[Manner]:
    """Who may answer a caller."""
    if errand.path in (b"/none", b"/mirrored"):
        return [errand.legacy]
    return [errand.legacy, errand.candidate]


def may_break(errand: Errand) -> bool:
    """Whether the caller may lack an answer: somebody whom it may have been waiting for did not give one."""
    return not all(manner.well for manner in sides(errand))


def check(errand: Errand, answer: Answer) -> None:
    """A whole answer of a side that may give it, of this very request; or words of the gateway's own."""
    if not answer.values(b"x-side"):
        stale = errand.method == b"POST" and b"before an answer began" in answer.body
        assert answer.status in (502, 504), (answer, errand)
        assert stale or may_break(errand), (answer, errand)
        if errand.method != b"POST" and errand.path != b"/none":
            assert not errand.legacy.well, (answer, errand)
        return
    by = {manner.side: manner for manner in sides(errand)}[answer.values(b"x-side")[0]]
    assert answer.values(b"x-number") == [b"%d" % errand.number]
    whole = b"" if errand.method == b"HEAD" else by.body
    if by.framing == "close" and by.fate == "close":
        assert whole.startswith(answer.body)
    else:
        assert answer.body == whole, (len(answer.body), len(whole), errand)
        assert by.well or errand.method == b"HEAD" or by.at > 0.99, errand


def links_of(upstreams: list[Upstream]) -> list[Link]:
    """All open connections of these that anybody still knows of. Those of another gateway may have had their ports."""
    found = [each for each in gc.get_objects() if type(each) is Link]
    return [
        link for link in found if link._upstream in upstreams and link._transport and not link._transport.is_closing()
    ]


def left_behind(rig: Rig) -> list[Any]:
    """What the crowd has left in the gateway. Nothing, once its last timeout has passed."""
    worker = rig.worker
    assert worker is not None
    upstreams: list[Upstream] = list(worker.steering._upstreams.values())
    idle = {link for upstream in upstreams for link in upstream._idle}
    waiting = [breaker for breakers in worker.steering._breakers.values() for breaker in breakers._units.values()]
    return [
        *worker._callers,
        *worker.steering.mirrors,
        *worker.judge.drift._writes,
        *(link for upstream in upstreams for link in upstream._busy),
        *(task for upstream in upstreams for task in upstream._connecting),
        *(link for link in links_of(upstreams) if link not in idle),
        *(link for link in idle if link._paused or link._receiver),
        *(breaker for breaker in waiting if breaker.waiting),
        *([worker.judge] if worker.judge.waiting else []),
    ]


@pytest.fixture
def hall(rig: Rig) -> Iterator[Rig]:
    """A gateway with units of each kind, and quick timeouts."""
    ladder = {"mirrored": ("side_by_side", 0), "canary": ("canary", 5_000), "cutover": ("cutover", ALL)}
    rig.publish(
        *(
            {"key": f"{method} /{name}", "stage": stage, "candidate": share, "mirror": ALL, "operation": operation}
            for name, (stage, share) in ladder.items()
            for method, operation in (("GET", "read"), ("HEAD", "read"), ("POST", "write"))
        ),
        legacy_timeout_ms=LEGACY_MS,
        candidate_timeout_ms=CANDIDATE_MS,
        mirror_timeout_ms=MIRROR_MS,
    )
    yield rig


def thin_lines(patch: pytest.MonkeyPatch) -> None:
    """From now on the gateway's connections hold little, as over a real network: it must wait for readers."""
    for end in (Link, server.Caller):
        made = end.connection_made

        def over_a_thin_line(self: Any, transport: Any, made: Any = made) -> None:
            for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, option, LINE_BYTES)
            made(self, transport)

        patch.setattr(end, "connection_made", over_a_thin_line)


@pytest.mark.parametrize("seed", SEEDS)
def test_crowd__of_callers_and_services_that_do_what_they_like__harms_nobody(
    hall: Rig, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if seed % 2:
        thin_lines(monkeypatch)
    dice, numbers = Dice(seed), itertools.count(1)
    errands: dict[int, Errand] = {}
    at_legacy = Side(hall.legacy, errands, name="legacy")
    at_candidate = Side(hall.candidate, errands, name="candidate")
    errands[0] = Errand(0, b"GET", b"/", b"", chunked=False, legacy=plainly(b"legacy"), candidate=plainly(b"candidate"))
    guests = []
    for number in range(CALLERS):
        own = [dice.errand(next(numbers)) for _ in range(dice.choice((1, 4, 8)))]
        errands.update({errand.number: errand for errand in own})
        guests.append(Guest(hall.port, Dice(seed * CALLERS + number), own))
    faults: list[BaseException] = []

    def visit(guest: Guest) -> None:
        try:
            guest.visit()
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=visit, args=(guest,), daemon=True) for guest in guests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(4 * PATIENCE_S)
        assert not thread.is_alive()
    assert not faults, faults[0]
    executed = at_legacy.executed + at_candidate.executed
    assert max(executed.values(), default=0) <= 1, "a write was executed twice"
    with contextlib.suppress(AssertionError):
        eventually(lambda: not left_behind(hall), seconds=3 * LEGACY_MS / 1_000)
    assert left_behind(hall) == []
    for path in ("mirrored", "canary", "cutover", "none"):
        assert hall.get(f"/{path}?0").status == 200
