"""The second call: its own limits, and nobody waits for it.

It starts beside the served call, once the caller's whole request is known. It is the first thing to be
left out: at its limit of concurrency, of time, of size. What it would have proved is then `skipped`.
"""

from collections.abc import Callable

from migrator.gateway.record import Record, Reply
from migrator.sdk.framing import ResponseHead
from migrator.sdk.upstream import Failure, Link, Trouble, Upstream


class MirrorCall:
    """One call whose answer only evidence sees. A Receiver."""

    __slots__ = (
        "_data",
        "_link",
        "_method",
        "_patience",
        "_record",
        "_repeatable",
        "_reply",
        "_settled",
        "_under_way",
        "_upstream",
    )

    def __init__(
        self,
        *,
        upstream: Upstream,
        patience: float,
        under_way: "set[MirrorCall]",
        record: Record,
        reply: Reply,
        settled: Callable[[Record], None],
    ) -> None:
        """The call is a member of `under_way` while it lasts. `patience` is in seconds, for all of it.
        `settled` is called when nothing more will come for the record.
        """
        self._record = record
        self._reply = reply
        self._settled = settled
        self._upstream = upstream
        self._patience = patience
        self._under_way = under_way
        self._link: Link | None = None
        self._method = b""
        self._data = b""
        self._repeatable = False

    def start(self, *, method: bytes, data: bytes, repeatable: bool) -> None:
        """Send `data`, a whole request. A write never takes a connection that may be stale."""
        self._under_way.add(self)
        self._method, self._data, self._repeatable = method, data, repeatable
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
        link.send(self, method=self._method, data=self._data, patience=self._patience)

    def on_interim(self, head: ResponseHead) -> None:
        self._limit_time()

    def on_head(self, head: ResponseHead) -> None:
        self._reply.head(head)
        self._data = b""
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
        if self._reply.done:
            return
        if failure.trouble is not Trouble.STALE:
            self._close(failure.message)
        elif self._repeatable:
            self._upstream.connect(self, patience=self._patience)
        else:  # says nothing about the candidate: closing an idle connection is its right
            self._record.shed = failure.message
            self._close(None)

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
        self._under_way.discard(self)
        self._reply.end(self._upstream.now(), error)
        self._link = None
        self._settled(self._record)
