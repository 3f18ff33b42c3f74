"""An HTTP/1.1 client that a proxy can be built on: kept connections, callbacks, no copies.

`Upstream` is one address with its idle connections. `Link` is one connection: it sends bytes that are
already a request, and tells a Receiver what comes back as it comes. Paths, header order and repeated
headers leave exactly as given. `migrator.sdk.asking` puts an awaitable face on it.

Nothing here repeats a request. It says what failed and whether anything was received, so that whoever
knows what the request does can decide.
"""

import asyncio
import ssl
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from migrator.sdk.framing import UNTIL_CLOSE, Body, MalformedError, ResponseHead, parse_response, promises_body

SWEEP_SECONDS: Final = 0.1
"""How often connections are looked at for patience run out; also how much later than promised it may be."""
IDLE_SECONDS: Final = 60.0
"""A connection idle for longer is closed."""
FRESH_SECONDS: Final = 1.0
"""A request that must not be sent twice only takes a connection idle for less: no server closes one that soon."""
IDLE_LIMIT: Final = 512
READER_SECONDS: Final = 600.0
"""Patience with a reader that rests: nobody's answer keeps a connection, and who writes to it, for ever."""
HALF_OPEN_SECONDS: Final = 300.0
"""Patience with a tunnel of which one half has ended."""


class Trouble(StrEnum):
    """How a request failed."""

    REFUSED = "refused"
    """No connection: nothing was sent."""
    STALE = "stale"
    """A kept connection was closed by the other end before it answered anything."""
    TIMEOUT = "timeout"
    """Patience ran out."""
    BROKEN = "broken"
    """The connection ended early, or what came was not HTTP."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer, or no whole one."""

    trouble: Trouble
    message: str


class Receiver(Protocol):
    """Who is told what happens to one request. Calls come in this order; on_end or on_failure is the last."""

    def on_link(self, link: "Link") -> None:
        """A new connection stands: send on it. Not called for kept connections."""

    def on_interim(self, head: ResponseHead) -> None:
        """A 1xx answer came before the real one."""

    def on_head(self, head: ResponseHead) -> None: ...

    def on_data(self, data: bytes) -> None:
        """A piece of the body. Empty where the head has come and its body has not: pass on what is held back."""

    def on_end(self, trailers: bytes) -> None: ...

    def on_failure(self, failure: Failure) -> None: ...

    def on_blocked(self) -> None:
        """The request's bytes pile up: send no more until on_writable."""

    def on_writable(self) -> None: ...


class Link(asyncio.Protocol):
    """One connection to an upstream. It carries one request at a time."""

    __slots__ = (
        "_body",
        "_buffer",
        "_kept",
        "_method",
        "_paused",
        "_paused_at",
        "_reading",
        "_receiver",
        "_reused",
        "_sent",
        "_socket",
        "_transport",
        "_upstream",
        "deadline",
        "idle_since",
        "patience",
    )

    def __init__(self, upstream: "Upstream") -> None:
        self._upstream = upstream
        self._transport: Any = None
        self._socket: Any = None
        """The transport below TLS; the same one where there is none."""
        self._receiver: Receiver | None = None
        self._body: Body | None = None
        self._buffer = b""
        self._method = b"GET"
        self._reused = False
        self._sent = True
        self._kept = True
        self._reading = False
        self._paused = False
        self._paused_at = 0.0
        self.patience = 0.0
        self.deadline = 0.0
        self.idle_since = 0.0

    def secure(self, transport: asyncio.BaseTransport) -> None:
        """From now on everything goes through this transport, which speaks TLS."""
        self._transport = transport

    @property
    def closing(self) -> bool:
        """Whether this connection has ended, or is about to."""
        return bool(self._transport.is_closing())

    def send(self, receiver: Receiver, *, method: bytes, data: bytes, patience: float, whole: bool = True) -> None:
        """Send a request, or its beginning where not `whole`: then `write` follows and `written` ends it.

        `patience` is in seconds: until the answer's head is here, then between its parts.
        """
        self._receiver, self._method, self._sent = receiver, method, whole
        self._body, self._buffer, self._reading = None, b"", True
        self.patience = patience
        self.deadline = self._upstream.now() + patience
        self._upstream.watch(self)
        self._transport.write(data)

    def write(self, data: bytes) -> None:
        """Send more of the request."""
        self.deadline = self._upstream.now() + self.patience
        self._transport.write(data)

    def written(self) -> None:
        """The request has been sent to its end."""
        self._sent = True

    def write_eof(self) -> None:
        """Nothing more will be sent on this connection: one half of a tunnel has ended."""
        self.patience = HALF_OPEN_SECONDS
        self.deadline = self._upstream.now() + self.patience
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()  # TLS has no halves

    def pause(self) -> None:
        """Read no more of the answer until `resume`. Patience rests meanwhile. After its end there is none."""
        if self._receiver is not None and not self._paused:
            self._paused = True
            self._paused_at = self._upstream.now()
            self._socket.pause_reading()  # not TLS: what it holds when its connection ends, it drops

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            self.deadline = self._upstream.now() + self.patience
            self._socket.resume_reading()

    def abandon(self) -> None:
        """Nobody wants the answer any more: close the connection, tell nobody."""
        self._receiver = None
        self._upstream.forget(self)
        if self._transport is not None:
            self._transport.abort()

    def expire(self) -> None:
        """Patience ran out. A paused answer waits for its reader, not for its sender, but not for ever."""
        if not self._paused:
            self._fail(Failure(Trouble.TIMEOUT, f"no answer within {self.patience:g} s"))
        elif self._upstream.now() - self._paused_at > READER_SECONDS:
            self._fail(Failure(Trouble.BROKEN, f"nobody read the answer for {READER_SECONDS:g} s"))

    # ------------------------------------------------------------------ what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = self._socket = transport

    def data_received(self, data: bytes) -> None:
        if self._receiver is None:
            self.abandon()  # an answer nobody asked for: this connection cannot be trusted
            return
        try:
            self._take(data)
        except MalformedError as error:
            self._fail(Failure(Trouble.BROKEN, f"the answer is not HTTP: {error}"))

    def eof_received(self) -> None:
        """The other end sends no more; asyncio closes the connection. From now on nobody may be given it."""
        if self._receiver is None:
            self._upstream.forget(self)

    def connection_lost(self, exc: Exception | None) -> None:
        receiver, body = self._receiver, self._body
        if receiver is None:
            self._upstream.forget(self)
        elif body is not None and body.framing == UNTIL_CLOSE and exc is None:
            self._finish(receiver, body, reusable=False)
        elif self._reused and self._reading and body is None and not self._buffer:
            self._fail(Failure(Trouble.STALE, "the connection was closed before an answer began"))
        else:
            self._fail(Failure(Trouble.BROKEN, "the connection was closed before the answer ended"))

    def pause_writing(self) -> None:
        if self._receiver is not None:
            self._receiver.on_blocked()

    def resume_writing(self) -> None:
        if self._receiver is not None:
            self._receiver.on_writable()

    # ------------------------------------------------------------------------------ inside

    def _take(self, data: bytes) -> None:
        receiver, body = self._receiver, self._body
        assert receiver is not None
        if body is not None:
            self.deadline = self._upstream.now() + self.patience
        else:
            body, data = self._take_head(receiver, self._buffer + data if self._buffer else data)
            if body is None or self._receiver is not receiver:
                return
        payload = body.feed(data) if data else b""
        if payload or not body.done:
            receiver.on_data(payload)
        if body.done and self._receiver is receiver:
            reusable = self._sent and self._kept and not body.rest and not self._transport.get_write_buffer_size()
            self._finish(receiver, body, reusable=reusable)

    def _take_head(self, receiver: Receiver, data: bytes) -> tuple[Body | None, bytes]:
        while self._receiver is receiver:
            parsed = parse_response(data, method=self._method)
            if parsed is None:
                self._buffer = data
                break
            head, length = parsed
            data = data[length:]
            self.deadline = self._upstream.now() + self.patience  # not before: a head may not drip in for hours
            if 100 <= head.status < 200 and head.status != 101:
                self._reading = False  # something was received: from here on nothing is repeated
                receiver.on_interim(head)
                continue
            self._body = Body(UNTIL_CLOSE if head.status == 101 else head.framing)
            self._kept = head.keep_alive and not (head.framing == 0 and promises_body(head))
            self._buffer = b""
            receiver.on_head(head)
            return self._body, data
        return None, data

    def _finish(self, receiver: Receiver, body: Body, *, reusable: bool) -> None:
        self._receiver = self._body = None
        if reusable:
            self.resume()  # whoever read slowly has the whole answer; the next one starts with a connection that reads
            self._reused = True
            self._upstream.keep(self)
        else:
            self._upstream.forget(self)
            self._transport.abort()  # what is left of the request, nobody waits for: nor does this connection
        receiver.on_end(body.trailers)

    def _fail(self, failure: Failure) -> None:
        receiver = self._receiver
        self.abandon()
        if receiver is not None:
            receiver.on_failure(failure)


@dataclass(frozen=True, slots=True)
class Address:
    """Where an upstream listens."""

    host: str
    port: int
    path: str = ""
    """Of a Unix socket; host and port are then unused."""
    tls: bool = False
    prefix: bytes = b""
    """Put before every request's path."""

    @property
    def authority(self) -> bytes:
        """The Host header of requests that were not made for another one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}".encode() if self.port else host.encode()


def parse_address(url: str) -> Address:
    """`http://host:port/prefix`, `https://…` or `unix:/path/to/socket` as an Address. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme == "unix" and parts.path:
        return Address(host="localhost", port=0, path=parts.path)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is no address: http://host:port, https://host:port or unix:/path")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    prefix = parts.path.rstrip("/").encode()
    return Address(host=parts.hostname, port=port, tls=parts.scheme == "https", prefix=prefix)


class Upstream:
    """One address and the connections kept to it. Belongs to the event loop it is used in."""

    def __init__(self, url: str, *, idle_limit: int = IDLE_LIMIT) -> None:
        self.url = url
        self.address = parse_address(url)
        self.prefix = self.address.prefix
        self.authority = self.address.authority
        self.now = asyncio.get_running_loop().time
        self._loop = asyncio.get_running_loop()
        self._idle: deque[Link] = deque()
        self._idle_limit = idle_limit
        self._busy: set[Link] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._tls = ssl.create_default_context() if self.address.tls else None
        self._sweeping = False

    def kept(self, *, repeatable: bool) -> Link | None:
        """A kept connection, the one used last; None where a new one is needed (see `connect`)."""
        if not self._idle:
            return None
        if not repeatable and self.now() - self._idle[-1].idle_since > FRESH_SECONDS:
            return None
        return self._idle.pop()

    def connect(self, receiver: Receiver, *, patience: float) -> None:
        """Open a connection and hand it to `receiver.on_link`, or tell its `on_failure` (REFUSED)."""
        task = self._loop.create_task(self._connect(receiver, patience))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    def watch(self, link: Link) -> None:
        """From now on this connection is busy."""
        self._busy.add(link)
        if not self._sweeping:
            self._sweeping = True
            self._loop.call_later(SWEEP_SECONDS, self._sweep)

    def keep(self, link: Link) -> None:
        """This connection may carry another request."""
        self._busy.discard(link)
        if len(self._idle) >= self._idle_limit:
            link.abandon()
            return
        link.idle_since = self.now()
        self._idle.append(link)

    def forget(self, link: Link) -> None:
        """This connection is gone."""
        if link in self._busy:
            self._busy.discard(link)
        elif link in self._idle:
            self._idle.remove(link)

    def close(self) -> None:
        """Close what is idle; what is busy finishes."""
        self._idle_limit = 0
        while self._idle:
            self._idle.pop().abandon()

    async def _connect(self, receiver: Receiver, patience: float) -> None:
        address = self.address
        try:
            async with asyncio.timeout(patience):
                if address.path:
                    _, link = await self._loop.create_unix_connection(lambda: Link(self), address.path)
                else:
                    plain, link = await self._loop.create_connection(lambda: Link(self), address.host, address.port)
                    if self._tls is not None and not link.closing:
                        secured = await self._loop.start_tls(plain, link, self._tls, server_hostname=address.host)
                        link.secure(secured or plain)
                if link.closing:
                    raise ConnectionResetError(0, "it was closed at once")
        except TimeoutError:
            receiver.on_failure(Failure(Trouble.REFUSED, f"no connection within {patience:g} s"))
        except (OSError, ValueError) as error:  # ValueError: a host that cannot be the name of one
            why = getattr(error, "strerror", None) or type(error).__name__
            receiver.on_failure(Failure(Trouble.REFUSED, f"no connection: {why}"))
        else:
            receiver.on_link(link)

    def _sweep(self) -> None:
        self._sweeping = bool(self._busy or self._idle)
        if self._sweeping:  # first of all: whatever goes wrong below, patience goes on running out
            self._loop.call_later(SWEEP_SECONDS, self._sweep)
        now = self.now()
        for link in [link for link in self._busy if link.deadline < now]:
            link.expire()
        while self._idle and now - self._idle[0].idle_since > IDLE_SECONDS:
            self._idle[0].abandon()
