"""An awaitable face on `upstream`: ask, then read the answer in pieces or whole.

    reply = await ask(upstream, method=b"GET", target=b"/x", headers=[(b"Accept", b"*/*")], patience=5)
    async for piece in reply: ...

Both directions are held back where the other end is slow, and neither waits for the other: an answer may
come before its request has been sent. One request, one answer: nothing is repeated.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import Final

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

    def __init__(self, upstream: Upstream, *, method: bytes, data: bytes, patience: float, whole: bool) -> None:
        """Sends `data`: the request, or its beginning where not `whole`; then `send_body` is to follow."""
        self._method, self._data, self._patience, self._whole = method, data, patience, whole
        self._loop = asyncio.get_running_loop()
        self._link: Link | None = None
        self._head: asyncio.Future[ResponseHead] = self._loop.create_future()
        self._sending: asyncio.Task[None] | None = None
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._ended = False
        self._failure: Failure | None = None
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self.status = 0
        self.fields: Fields = []
        """Header lines as received: lower-case name and whole line."""
        self.trailers = b""
        link = upstream.kept(repeatable=method in SAFE and whole)
        if link is None:
            upstream.connect(self, patience=patience)
        else:
            self.on_link(link)

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
                self.close()
                raise TooLargeError(f"the answer is larger than {limit} bytes")
            pieces.append(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Nobody wants the rest. Harmless after the end."""
        if not self._ended and self._link is not None:
            self._link.abandon()
        self._end()
        self._pieces.clear()

    # ------------------------------------------------------------------ what the link says

    def on_link(self, link: Link) -> None:
        if self._ended:
            link.abandon()
            return
        self._link = link
        self._writable.set()
        link.send(self, method=self._method, data=self._data, patience=self._patience, whole=self._whole)

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
        self.trailers = trailers
        self._end()

    def on_failure(self, failure: Failure) -> None:
        if not self._ended:
            self._failure = failure
            self._refuse(UpstreamError(failure))

    def on_blocked(self) -> None:
        self._writable.clear()

    def on_writable(self) -> None:
        self._writable.set()

    # ------------------------------------------------------------------------------ inside

    def send_body(self, pieces: AsyncIterable[bytes], *, chunked: bool) -> None:
        """Send the request's body, as fast as the other end takes it, while the answer may come already."""
        self._sending = self._loop.create_task(self._send(pieces, chunked=chunked))
        self._sending.add_done_callback(self._sent)

    async def _send(self, pieces: AsyncIterable[bytes], *, chunked: bool) -> None:
        await self._writable.wait()
        async for piece in pieces:
            await self._writable.wait()
            if piece and self._link is not None:
                self._link.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if self._link is not None:
            if chunked:
                self._link.write(b"0\r\n\r\n")
            self._link.written()

    def _sent(self, task: asyncio.Task[None]) -> None:
        """The body has been sent, or broke off: then whoever waits for the head is told why."""
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._ended:
            self._failure = Failure(Trouble.BROKEN, "the request ended before its end")
            if self._link is not None:
                self._link.abandon()
            self._refuse(error)

    def _refuse(self, error: BaseException) -> None:
        if not self._head.done():
            self._head.set_exception(error)
            self._head.exception()  # looked at: whoever gave up waiting leaves no complaint behind
        self._end()

    def _end(self) -> None:
        """Nothing more comes, and nothing more is sent."""
        self._ended, self._link = True, None
        if self._sending is not None:
            self._sending.cancel()
        self._news.set()

    async def answered(self) -> None:
        """Wait for the answer's head. Raises UpstreamError, or what the request's body raised."""
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

    Raises UpstreamError, or what `body` raised. A kept connection that turns out closed is replaced by a
    new one where the request is a GET, HEAD or OPTIONS without a body.
    """
    names = {name.lower() for name, _ in headers}
    chunked = not isinstance(body, bytes) and b"content-length" not in names
    data = _request(upstream, method, target, headers, names, body if isinstance(body, bytes) else None, chunked)
    repeatable = method in SAFE and body == b""
    while True:
        if isinstance(body, bytes):
            reply = Reply(upstream, method=method, data=data + body, patience=patience, whole=True)
        else:
            reply = Reply(upstream, method=method, data=data, patience=patience, whole=False)
            reply.send_body(body, chunked=chunked)
        try:
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
