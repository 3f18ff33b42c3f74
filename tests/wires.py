"""Servers and clients that control every byte: for what a well-behaved HTTP library would never send."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Request:
    """A request as a service received it."""

    line: bytes
    lines: list[bytes]
    body: bytes

    @property
    def method(self) -> bytes:
        return self.line.split(b" ")[0]

    @property
    def target(self) -> bytes:
        return self.line.split(b" ")[1]

    def values(self, name: bytes) -> list[bytes]:
        return [line.split(b":", 1)[1].strip() for line in self.lines if line.split(b":", 1)[0].lower() == name.lower()]


class Wire:
    """One end of a connection, with a buffer."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.buffer = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def more(self) -> bytes:
        data = self.socket.recv(65_536)
        self.buffer += data
        return data

    def until(self, mark: bytes) -> bytes:
        while mark not in self.buffer:
            if not self.more():
                raise EOFError(self.buffer)
        head, _, self.buffer = self.buffer.partition(mark)
        return head

    def exactly(self, size: int) -> bytes:
        while len(self.buffer) < size:
            if not self.more():
                raise EOFError(self.buffer)
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def rest(self) -> bytes:
        """Everything until the other end closes. A reset counts as its end too."""
        with contextlib.suppress(ConnectionResetError):
            while self.more():
                pass
        data, self.buffer = self.buffer, b""
        return data

    def chunks(self) -> bytes:
        body = b""
        while size := int(self.until(b"\r\n").split(b";")[0], 16):
            body += self.exactly(size)
            assert self.exactly(2) == b"\r\n"
        while self.until(b"\r\n"):
            pass
        return body

    def request(self) -> Request:
        line, *lines = self.until(b"\r\n\r\n").split(b"\r\n")
        request = Request(line, lines, b"")
        if request.values(b"expect"):
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if request.values(b"transfer-encoding"):
            request.body = self.chunks()
        elif lengths := request.values(b"content-length"):
            request.body = self.exactly(int(lengths[0]))
        return request

    def close(self) -> None:
        self.socket.close()


@dataclass
class Answer:
    """An answer as a caller received it."""

    status: int
    head: bytes
    body: bytes

    def values(self, name: bytes) -> list[bytes]:
        return Request(b"", self.head.split(b"\r\n")[1:], b"").values(name)


class Caller(Wire):
    """A caller's connection."""

    def __init__(self, port: int, *, timeout: float = 10.0) -> None:
        super().__init__(socket.create_connection(("127.0.0.1", port), timeout))
        self.socket.settimeout(timeout)

    def answer(self, *, to: bytes = b"GET") -> Answer:
        head = self.until(b"\r\n\r\n")
        status = int(head.split(b" ")[1])
        answer = Answer(status, head, b"")
        if to == b"HEAD" or status < 200 or status in (204, 304):
            return answer
        if answer.values(b"transfer-encoding"):
            answer.body = self.chunks()
        elif lengths := answer.values(b"content-length"):
            answer.body = self.exactly(int(lengths[0]))
        else:
            answer.body = self.rest()
        return answer

    def ask(self, data: bytes) -> Answer:
        self.send(data)
        return self.answer(to=data.split(b" ")[0])

    def get(self, target: str, *headers: str, method: str = "GET", body: bytes = b"") -> Answer:
        lines = [f"{method} {target} HTTP/1.1", "Host: shop.example", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return self.ask("\r\n".join([*lines, "", ""]).encode() + body)

    @property
    def closed(self) -> bool:
        """Whether the other end closes, now or soon."""
        try:
            return self.more() == b""
        except ConnectionResetError:
            return True


def plain(body: bytes = b"{}", *lines: bytes, status: bytes = b"200 OK", kind: bytes = b"application/json") -> bytes:
    """An ordinary answer."""
    head = [b"HTTP/1.1 " + status, b"Content-Type: " + kind, b"Content-Length: %d" % len(body), *lines]
    return b"\r\n".join([*head, b"", body])


@dataclass
class Service:
    """A service whose every byte the test decides. `serve` handles a connection; by default it answers
    each request with what `respond` makes of it. `requests` are those that were received whole."""

    respond: Callable[[Request], bytes] = lambda request: plain()
    serve: Callable[[Wire], None] | None = None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def count(self, method: bytes) -> int:
        return sum(request.method == method for request in self.requests)

    def refuse(self) -> None:
        """Close the port: from now on connections are refused."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()

    def hang_up(self) -> None:
        """Close all open connections."""
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
                connection.close()
        self._open.clear()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                threading.Thread(target=self._connection, args=(Wire(connection),), daemon=True).start()

    def _connection(self, wire: Wire) -> None:
        with contextlib.suppress(OSError, EOFError):
            if self.serve is not None:
                self.serve(wire)
            else:
                while True:
                    request = wire.request()
                    self.requests.append(request)
                    wire.send(self.respond(request))
        wire.close()


class Plane:
    """A control plane that holds polls and takes reports, as the real one does."""

    def __init__(self) -> None:
        self.reports: list[dict[str, Any]] = []
        self.polls: list[Request] = []
        self.committed = True
        """Whether receipts say that what was accepted is counted."""
        self.answer_poll: Callable[[Request], bytes | None] = lambda request: None
        """What to answer a poll instead; None for the usual."""
        self.answer_report: Callable[[dict[str, Any]], bytes | None] = lambda report: None
        self.orders: dict[str, Any] = {}
        """What is answered to whoever asks for signed overrides."""
        self.orders_asked = 0
        self._table: dict[str, Any] | None = None
        self._news = threading.Condition()
        self.service = Service(serve=self._serve)

    @property
    def url(self) -> str:
        return self.service.url

    def publish(self, table: dict[str, Any]) -> None:
        with self._news:
            self._table = table
            self._news.notify_all()

    def outcomes(self, unit: int = 1) -> dict[str, int]:
        """What was reported of a unit, over all reports, each counted once."""
        return self.counts("outcomes", unit)

    def counts(self, name: str, unit: int = 1) -> dict[str, int]:
        """The same of another mapping of tallies, such as `proofs`."""
        counts: dict[str, int] = {}
        for tally in self.tallies(unit):
            for key, count in tally[name].items():
                counts[key] = counts.get(key, 0) + count
        return counts

    def noise(self, unit: int = 1) -> dict[tuple[str, str, str], int]:
        """How often a side disagreed with itself, by side, shape and kind."""
        counts: dict[tuple[str, str, str], int] = {}
        for row in [row for tally in self.tallies(unit) for row in tally["noise"]]:
            key = (row["side"], row["shape"], row["kind"])
            counts[key] = counts.get(key, 0) + row["count"]
        return counts

    def tallies(self, unit: int = 1) -> list[dict[str, Any]]:
        """The tallies of a unit in all reports, each report once."""
        reports = {(report["source"], report["boot"], report["seq"]): report for report in self.reports}
        return [tally for report in reports.values() for tally in report["tallies"] if tally["unit"] == unit]

    def samples(self) -> list[dict[str, Any]]:
        return [sample for report in self.reports for sample in report["samples"]]

    def _serve(self, wire: Wire) -> None:
        while True:
            request = wire.request()
            if request.method == b"POST":
                wire.send(self._report(json.loads(request.body)))
            elif request.target.startswith(b"/dataplane/v1/overrides"):
                self.orders_asked += 1
                wire.send(plain(json.dumps(self.orders).encode()))
            else:
                self.polls.append(request)
                wire.send(self.answer_poll(request) or self._poll(request))

    def _report(self, report: dict[str, Any]) -> bytes:
        special = self.answer_report(report)
        if special is not None:
            return special
        self.reports.append(report)
        committed = report["seq"] if self.committed else 0
        return plain(json.dumps({"accepted": report["seq"], "committed": committed}).encode(), status=b"202 Accepted")

    def _poll(self, request: Request) -> bytes:
        with self._news:
            self._news.wait_for(
                lambda: self._table and self._etag() not in request.values(b"if-none-match"), timeout=25
            )
            if self._table is None or self._etag() in request.values(b"if-none-match"):
                return b"HTTP/1.1 304 Not Modified\r\n\r\n"
            return plain(json.dumps(self._table).encode(), b"ETag: " + self._etag())

    def _etag(self) -> bytes:
        version = (self._table or {}).get("version", {})
        return f'"{version.get("epoch")}.{version.get("number")}"'.encode()


def eventually(condition: Callable[[], Any], *, seconds: float = 10.0) -> Any:
    """Wait until something holds, and give it; fail where it never does."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)
    return found


@contextlib.contextmanager
def closing(*services: Service) -> Iterator[None]:
    try:
        yield
    finally:
        for service in services:
            with contextlib.suppress(OSError):
                service.refuse()
