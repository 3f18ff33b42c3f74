"""One caller's connection: reads requests one after the other, writes their answers in that order."""

import asyncio
from http import HTTPStatus
from typing import Any, Final, Protocol

import structlog

from migrator.gateway.exchange import NO_ADDRESS, Exchange
from migrator.gateway.faults import told
from migrator.gateway.headers import plain_answer
from migrator.gateway.judge import Judge
from migrator.gateway.steering import Course, Steering
from migrator.sdk.framing import Body, MalformedError, parse_request
from migrator.sdk.upstream import Link

HELD_BYTES: Final = 65_536
"""Of requests sent ahead, before the one in hand is answered. More is left in the socket."""
HEAD_SECONDS: Final = 60.0
"""Patience with a request head that has begun."""
IDLE_SECONDS: Final = 180.0
"""A connection without requests is closed: later than any client or balancer keeps one."""
BLOCKED_SECONDS: Final = 300.0
"""Patience with a caller that does not read its answer."""
LINGER_SECONDS: Final = 2.0
log = structlog.get_logger()


class Worker(Protocol):
    """What a connection needs to know of the process it lives in."""

    steering: Steering
    judge: Judge
    overloaded: bool
    """The loop runs late: the mirror is left out."""

    def now(self) -> float:
        """The loop's clock."""

    def joined(self, caller: "Caller") -> None: ...

    def left(self, caller: "Caller") -> None: ...

    def passed(self, course: Course) -> None:
        """A request that belongs to no unit went to legacy."""


class Caller(asyncio.Protocol):
    """A caller's connection. It carries one request at a time; what is sent ahead waits."""

    __slots__ = (
        "_blocked_since",
        "_body",
        "_buffer",
        "_ended",
        "_exchange",
        "_paused",
        "_transport",
        "_tunnel",
        "_waiting_since",
        "closing",
        "keep_alive",
        "peer",
        "worker",
    )

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.peer = b""
        self.keep_alive = True
        self.closing = False
        """No further request is read: the worker drains, or the connection cannot be trusted."""
        self._waiting_since = worker.now()
        """Since when no request is in hand, or the head of one has begun; the loop's clock."""
        self._transport: Any = None
        self._exchange: Exchange | None = None
        self._body: Body | None = None
        self._tunnel: Link | None = None
        self._buffer = b""
        self._paused = False
        self._ended = False
        """The caller has said that it sends no more."""
        self._blocked_since: float | None = None

    # ------------------------------------------------------------------ what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        address = transport.get_extra_info("peername")
        self.peer = address[0].encode() if isinstance(address, tuple) else b""
        self.worker.joined(self)

    def data_received(self, data: bytes) -> None:
        if self._tunnel is not None:
            self._tunnel.write(data)
        elif self._buffer:
            self._advance(self._buffer + data)
        else:
            self._advance(data)

    def eof_received(self) -> bool:
        """A caller may say that it sends no more and still wait for its answer."""
        if self._tunnel is not None:
            self._tunnel.write_eof()
            return True
        self._ended = True
        if self._exchange is not None:
            return self._body is None
        if self.closing or not self._buffer:
            return False
        if self._blocked_since is None:  # else what it sent ahead waits until it reads
            asyncio.get_running_loop().call_soon(self._go_on)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.closing = True
        self._buffer = b""
        exchange, self._exchange, self._tunnel = self._exchange, None, None
        if exchange is not None:
            exchange.lost()
        self.worker.left(self)

    def pause_writing(self) -> None:
        self._blocked_since = self.worker.now()
        if self._exchange is not None:
            self._exchange.caller_blocked()

    def resume_writing(self) -> None:
        self._blocked_since = None
        if self._exchange is not None:
            self._exchange.caller_writable()
        elif self._buffer or self._paused:
            self._go_on()

    # ---------------------------------------------------------------- what an exchange does

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    @property
    def paused(self) -> bool:
        """Whether it is ours to say when the caller's next bytes come."""
        return self._paused

    def pause_reading(self) -> None:
        if not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._paused and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    def become_tunnel(self, link: Link) -> None:
        """From here on bytes go both ways as they are."""
        self._tunnel, self.keep_alive = link, False
        data, self._buffer = self._buffer, b""
        if data:
            link.write(data)
        self.resume_reading()

    def cut(self, *, clean: bool) -> None:
        """The answer ends before its end. Where its framing does not show that, the connection is reset."""
        self.keep_alive = False
        if not clean:
            self._transport.abort()

    def exchange_ended(self) -> None:
        """The answer has been written. Go on with the next request, or close."""
        unfinished, self._exchange, self._body, self._tunnel = self._body is not None, None, None, None
        if self._transport.is_closing():
            return
        if not self.keep_alive or self.closing or (self._ended and not self._buffer):
            self._hang_up(linger=unfinished or self._paused or bool(self._buffer))
            return
        self._waiting_since = self.worker.now()
        if (self._buffer or self._paused) and self._blocked_since is None:
            asyncio.get_running_loop().call_soon(self._go_on)

    def give_up(self) -> None:
        """Close at once: nobody is there."""
        self.closing = True
        self._transport.abort()

    def drain(self) -> None:
        """Finish the request in hand, take no other."""
        self.closing = True
        if self._exchange is None:
            self._transport.close()

    def overdue(self, now: float) -> bool:
        """Whether nothing has come for too long: no request, no end of one's head, nobody who reads."""
        if self._blocked_since is not None:
            return now - self._blocked_since > BLOCKED_SECONDS
        if self._exchange is not None:
            return False
        return now - self._waiting_since > (HEAD_SECONDS if self._buffer else IDLE_SECONDS)

    # ------------------------------------------------------------------------------ inside

    def _go_on(self) -> None:
        self.resume_reading()
        data, self._buffer = self._buffer, b""
        if data:
            self._advance(data)
        if self._ended and self._exchange is None and not self._transport.is_closing():
            self._transport.close()

    def _advance(self, data: bytes) -> None:
        if self.closing and self._exchange is None:
            return  # what comes after the last answer is of no interest
        try:
            if self._body is not None:
                data = self._more_body(self._body, data)
            elif self._exchange is None and self._blocked_since is None:  # answers nobody reads are not piled up
                data = self._next_request(data)
        except MalformedError as error:
            self._refuse(error.status, f"{error}.")
            return
        except Exception as error:  # a fault of ours must not leave a caller waiting
            log.error("request.fault", error=told(error))
            self._refuse(500, "This gateway failed to decide where the request belongs. It was not passed on.")
            return
        self._buffer = b"" if self.closing else data
        if len(self._buffer) > HELD_BYTES and (self._exchange is not None or self._blocked_since is not None):
            self.pause_reading()

    def _next_request(self, data: bytes) -> bytes:
        """Begin with the next request. Returns what is left over."""
        data = data.removeprefix(b"\r\n")  # some clients send one line end too many after a body
        if data in (b"", b"\r"):
            return data
        parsed = parse_request(data)
        if parsed is None:
            if not self._buffer:
                self._waiting_since = self.worker.now()
            return data
        head, length = parsed
        rest = data[length:]
        course = self.worker.steering.course(head)
        if course is None:
            self._refuse(503, NO_ADDRESS)
            return b""
        if course.route is None:
            self.worker.passed(course)
        self._exchange = exchange = Exchange(caller=self, head=head, course=course)
        if not head.framing:
            exchange.start(b"", whole=True)
            return rest
        body = Body(head.framing)
        payload = body.feed(rest) if rest else b""
        self._body = None if body.done else body
        exchange.start(payload, whole=body.done)
        return body.rest

    def _more_body(self, body: Body, data: bytes) -> bytes:
        """The body of the request in hand goes on. Returns what is left over."""
        payload = body.feed(data)
        if body.done:
            self._body = None
        exchange = self._exchange
        if exchange is not None and (payload or body.done):
            exchange.more(payload, whole=body.done)
        return body.rest

    def _refuse(self, status: int, text: str) -> None:
        """Answer what cannot be passed on, once, and close: nothing after it can be trusted."""
        self.closing = True
        self.keep_alive = False
        self._buffer = b""
        exchange, self._exchange = self._exchange, None
        if exchange is None or not exchange.answered:
            self.write(plain_answer(HTTPStatus(status), text))
        if exchange is not None:
            exchange.lost()
        if not self._transport.is_closing():
            self._hang_up(linger=True)

    def _hang_up(self, *, linger: bool) -> None:
        """Close once all is written. Where the caller may still be sending, let it read its answer first:
        closing with unread bytes resets the connection and takes the answer with it.
        """
        self.closing = True
        if not linger:
            self._transport.close()
            return
        self._transport.write_eof()
        self.resume_reading()
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self._transport.close)
