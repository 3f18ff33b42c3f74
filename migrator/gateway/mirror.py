"""The second call: its own limits, and nobody waits for it.

It starts beside the served call, once the caller's whole request is known. It is the first thing to be
left out: at its limit of concurrency, of time, of size. What it would have proved is then `skipped`.
"""

from collections.abc import Callable

from migrator.core.wire import Side
from migrator.gateway.record import Record, Reply
from migrator.gateway.steering import Service
from migrator.sdk.framing import ResponseHead
from migrator.sdk.upstream import Failure, Link, Upstream


class MirrorCall:
    """One call whose answer only evidence sees. A Receiver."""

    __slots__ = ("_data", "_link", "_method", "_patience", "_record", "_reply", "_service", "_settled", "_upstream")

    def __init__(
        self, *, service: Service, record: Record, side: Side, reply: Reply, settled: Callable[[Record], None]
    ):
        """`settled` is called when nothing more will come for the record."""
        self._service = service
        self._record = record
        self._reply = reply
        self._settled = settled
        self._upstream: Upstream = service.side(side)[0]
        self._patience = service.mirror_patience
        self._link: Link | None = None
        self._method = b""
        self._data = b""

    def start(self, *, method: bytes, data: bytes, repeatable: bool) -> None:
        """Send `data`, a whole request. A write never takes a connection that may be stale."""
        self._service.flights.count += 1
        self._method, self._data = method, data
        link = self._upstream.kept(repeatable=repeatable)
        if link is None:
            self._upstream.connect(self, patience=self._patience)
        else:
            self.on_link(link)

    def cancel(self, why: str) -> None:
        """Leave it: the comparison has become impossible."""
        if self._reply.done:
            return
        self._record.shed = why
        if self._link is not None:
            self._link.abandon()
        self._close(None)

    def on_link(self, link: Link) -> None:
        if self._reply.done:
            link.abandon()
            return
        self._link = link
        data, self._data = self._data, b""
        link.send(self, method=self._method, data=data, patience=self._patience)

    def on_interim(self, head: ResponseHead) -> None:
        self._limit_time()

    def on_head(self, head: ResponseHead) -> None:
        self._reply.head(head)
        if head.status == 101:
            self.cancel("the candidate changed protocols")

    def on_data(self, data: bytes) -> None:
        self._reply.take(data)
        if self._reply.truncated:
            self.cancel("an answer is larger than what is compared")
        self._limit_time()

    def on_end(self, trailers: bytes) -> None:
        self._close(None)

    def on_failure(self, failure: Failure) -> None:
        if not self._reply.done:
            self._close(failure.message)

    def on_blocked(self) -> None:
        """The request was handed over whole; the transport keeps it."""

    def on_writable(self) -> None:
        """Nothing waits."""

    def _limit_time(self) -> None:
        """An answer that drips in may not outlast the mirror's patience either."""
        if self._link is not None and self._upstream.now() - self._reply.started > self._patience:
            self._link.abandon()
            self._close(f"no whole answer within {self._patience:g} s")

    def _close(self, error: str | None) -> None:
        self._service.flights.count -= 1
        self._reply.end(self._upstream.now(), error)
        self._link = None
        self._settled(self._record)
