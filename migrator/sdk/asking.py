"""An awaitable face on `upstream`: ask, then read the answer in pieces or whole.

    reply = await ask(upstream, method=b"GET", target=b"/x", headers=[(b"Accept", b"*/*")], patience=5)
    async for piece in reply: ...

Both directions are held back where the other end is slow. One request, one answer: nothing is repeated.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import Any, Final

from migrator.sdk.framing import Fields, ResponseHead, value_of
from migrator.sdk.upstream import Failure, Link, Trouble, Upstream

HELD_BYTES: Final = 262_144
"""Of an answer that nobody has read yet. More is left in the socket."""
SAFE: Final = frozenset({b"GET", b"HEAD", b"OPTIONS"})


class UpstreamError(ConnectionError):
    """There is no answer, or no whole one."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.trouble = failure.trouble


class TooLargeError(ValueError):
    """The answer is larger than the asker takes."""


class Reply:
    """An answer on its way. A Receiver. Iterate it, `read` it or `close` it: else its connection waits."""

    def __init__(self, *, link: asyncio.Future[Link]) -> None:
        self._loop = asyncio.get_running_loop()
        self._connected = link
        self._link: Link | None = None
        self._head: asyncio.Future[ResponseHead] = self._loop.create_future()
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._started = False
        self._ended = False
        self._failure: Failure | None = None
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self.status = 0
        self.fields: Fields = []
        """Header lines as received: lower-case name and whole line."""
        self.trailers = b""

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Lower-case names and values, in order, repeated ones too."""
        return [(field[0], value_of(field)) for field in self.fields]

    def header(self, name: bytes) -> str | None:
        """The first value of a header, `name` in lower case."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name), None)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The body's pieces. Raises UpstreamError where it ends early."""
        try:
            while True:
                while self._pieces:
                    piece = self._pieces.popleft()
                    self._held -= len(piece)
                    if self._link is not None and self._held < HELD_BYTES // 2:
                        self._link.resume()
                    yield piece
                if self._failure is not None:
                    raise UpstreamError(self._failure)
                if self._ended:
                    return
                self._news.clear()
                await self._news.wait()
        finally:
            self.close()

    async def read(self, *, limit: int) -> bytes:
        """The whole body. Raises TooLargeError beyond `limit` bytes, UpstreamError where it ends early."""
        pieces: list[bytes] = []
        size = 0
        async for piece in self:
            size += len(piece)
            if size > limit:
                raise TooLargeError(f"the answer is larger than {limit} bytes")
            pieces.append(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Nobody wants the rest. Harmless after the end."""
        if not self._ended and self._link is not None:
            self._link.abandon()
        self._ended, self._link = True, None
        self._pieces.clear()

    # ------------------------------------------------------------------ what the link says

    def on_link(self, link: Link) -> None:
        if self._connected.done():
            link.abandon()
        else:
            self._connected.set_result(link)

    def on_interim(self, head: ResponseHead) -> None:
        """Not passed on: whoever needs 1xx answers uses `upstream` itself."""

    def on_head(self, head: ResponseHead) -> None:
        self.status, self.fields = head.status, head.fields
        if not self._head.done():
            self._head.set_result(head)

    def on_data(self, data: bytes) -> None:
        if not data:
            return
        self._pieces.append(data)
        self._held += len(data)
        if self._held > HELD_BYTES and self._link is not None:
            self._link.pause()
        self._news.set()

    def on_end(self, trailers: bytes) -> None:
        self._ended, self._link, self.trailers = True, None, trailers
        self._news.set()
        self._writable.set()

    def on_failure(self, failure: Failure) -> None:
        self._failure, self._ended, self._link = failure, True, None
        waited_for: asyncio.Future[Any] = self._head if self._connected.done() or self._started else self._connected
        if not waited_for.done():
            waited_for.set_exception(UpstreamError(failure))
            waited_for.exception()  # looked at: whoever gave up waiting leaves no complaint behind
        self._news.set()
        self._writable.set()

    def on_blocked(self) -> None:
        self._writable.clear()

    def on_writable(self) -> None:
        self._writable.set()

    # ------------------------------------------------------------------------------ inside

    async def begin(self, upstream: Upstream, *, method: bytes, data: bytes, patience: float, whole: bool) -> None:
        """Take a connection and send `data` on it. Raises UpstreamError (REFUSED)."""
        link = upstream.kept(repeatable=method in SAFE and whole)
        if link is None:
            upstream.connect(self, patience=patience)
            link = await self._connected
        self._link, self._started = link, True
        link.send(self, method=method, data=data, patience=patience, whole=whole)

    async def send_body(self, pieces: AsyncIterable[bytes], *, chunked: bool) -> None:
        """Send the request's body, as fast as the other end takes it; stop where it has answered already."""
        async for piece in pieces:
            await self._writable.wait()
            if self._link is None:
                return
            if piece:
                self._link.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if self._link is not None:
            if chunked:
                self._link.write(b"0\r\n\r\n")
            self._link.written()

    async def answered(self) -> None:
        """Wait for the answer's head. Raises UpstreamError."""
        await self._head


async def ask(
    upstream: Upstream,
    *,
    method: bytes,
    target: bytes,
    headers: Sequence[tuple[bytes, bytes]] = (),
    body: bytes | AsyncIterable[bytes] = b"",
    patience: float = 30.0,
) -> Reply:
    """Send one request and wait for the head of its answer.

    `headers` are sent as given, in order; Host is added where they have none, and the body's framing
    too: its length where it is bytes, chunks where it is a stream without a Content-Length.
    `patience` is in seconds, for the connection, for the head, then between pieces.

    Raises UpstreamError. A kept connection that turns out closed is replaced by a new one where the
    request is a GET, HEAD or OPTIONS without a body.
    """
    names = {name.lower() for name, _ in headers}
    chunked = not isinstance(body, bytes) and b"content-length" not in names
    data = _request(upstream, method, target, headers, names, body if isinstance(body, bytes) else None, chunked)
    repeatable = method in SAFE and body == b""
    while True:
        reply = Reply(link=asyncio.get_running_loop().create_future())
        try:
            if isinstance(body, bytes):
                await reply.begin(upstream, method=method, data=data + body, patience=patience, whole=True)
            else:
                await reply.begin(upstream, method=method, data=data, patience=patience, whole=False)
                await reply.send_body(body, chunked=chunked)
            await reply.answered()
        except UpstreamError as error:
            if error.trouble is Trouble.STALE and repeatable:
                continue
            raise
        except BaseException:
            reply.close()
            raise
        return reply


def _request(
    upstream: Upstream,
    method: bytes,
    target: bytes,
    headers: Sequence[tuple[bytes, bytes]],
    names: set[bytes],
    body: bytes | None,
    chunked: bool,
) -> bytes:
    lines = [method + b" " + upstream.prefix + target + b" HTTP/1.1"]
    if b"host" not in names:
        lines.append(b"Host: " + upstream.authority)
    lines += [name + b": " + value for name, value in headers]
    if chunked:
        lines.append(b"Transfer-Encoding: chunked")
    elif body is not None and b"content-length" not in names and (body or method not in SAFE):
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", b""])
