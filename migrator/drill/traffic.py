"""Two small services that tell who answered, and callers who never stop asking.

The services say the same, so that nothing but a broken ladder can fail; only a header names the side.
"""

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar, Final

SIDE: Final = "X-Drill-Side"
CALLERS: Final = 3
PAUSE_S: Final = 0.02
PER_CONNECTION: Final = 4
"""Requests until a caller connects anew, so that every worker of a gateway is asked."""
PATIENCE_S: Final = 20.0
KEPT: Final = 200_000


class Toy:
    """A service on a port of its own. `mood` is `well`, `hangs` or `errs`, from the next request on."""

    def __init__(self, side: str) -> None:
        self.mood = "well"
        handler = type("Handler", (_Handler,), {"toy": self, "side": side})
        self._server = _Server(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self.mood = "well"
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A gateway that no longer waits hangs up: that is what is drilled."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    toy: ClassVar[Toy]
    side: ClassVar[str]

    def do_GET(self) -> None:
        until = time.monotonic() + PATIENCE_S
        while self.toy.mood == "hangs" and time.monotonic() < until:
            time.sleep(0.05)
        body = b'{"name": "Ada"}'
        self.send_response(500 if self.toy.mood == "errs" else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header(SIDE, self.side)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """A drill has its own table."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One request as its caller saw it. Times are of time.monotonic()."""

    at: float
    seconds: float
    side: str
    """Empty where the request failed."""
    error: str = ""


@dataclass(slots=True)
class Load:
    """Callers in threads of their own, each with keys that spread over both sides."""

    port: int
    path: str
    seen: deque[Answered] = field(default_factory=lambda: deque(maxlen=KEPT))
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        for number in range(CALLERS):
            thread = threading.Thread(target=self._call, args=(number,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def since(self, moment: float) -> list[Answered]:
        """What was answered after a moment."""
        return [answered for answered in list(self.seen) if answered.at > moment]

    def _call(self, number: int) -> None:
        asked = number
        while not self._stop.is_set():
            connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
            for _ in range(PER_CONNECTION):
                asked += CALLERS
                self.seen.append(self._ask(connection, asked))
                if self.seen[-1].error or self._stop.wait(PAUSE_S):
                    break
            connection.close()

    def _ask(self, connection: HTTPConnection, number: int) -> Answered:
        began = time.monotonic()
        side, error = "", ""
        try:
            connection.request("GET", self.path, headers={"X-User": f"user-{number}"})
            answer = connection.getresponse()
            answer.read()
            side = answer.headers.get(SIDE, "") if answer.status == 200 else ""
            error = "" if side else f"{answer.status} {answer.reason}"
        except (OSError, HTTPException) as failure:
            error = repr(failure)
        now = time.monotonic()
        return Answered(now, now - began, side, error)
