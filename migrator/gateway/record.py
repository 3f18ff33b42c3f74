"""What one request of a unit leaves behind as evidence, while it happens."""

from typing import TYPE_CHECKING, Final

from migrator.core.routing import Decision, Route
from migrator.core.wire import Side
from migrator.sdk.framing import Fields, RequestHead, ResponseHead

if TYPE_CHECKING:
    from migrator.gateway.again import Again

SERVER_ERROR: Final = 500


class Reply:
    """One side's answer, as much of it as evidence needs. Times in seconds of the loop's clock."""

    __slots__ = ("body", "done", "ended", "error", "fields", "limit", "side", "size", "started", "status", "truncated")

    def __init__(self, side: Side, *, limit: int, started: float) -> None:
        """`limit` is how many bytes of the body are kept; more than that and none are. 0 keeps nothing."""
        self.side = side
        self.limit = limit
        self.started = started
        self.ended = started
        self.status = 0
        self.fields: Fields = []
        self.body: list[bytes] = []
        self.size = 0
        self.truncated = False
        self.error: str | None = None
        self.done = False

    @property
    def milliseconds(self) -> float:
        return (self.ended - self.started) * 1_000

    def head(self, head: ResponseHead) -> None:
        self.status, self.fields = head.status, head.fields

    def take(self, data: bytes) -> None:
        self.size += len(data)
        if self.size <= self.limit:
            self.body.append(data)
        elif self.limit and not self.truncated:
            self.truncated = True
            self.body.clear()

    def end(self, now: float, error: str | None = None) -> None:
        """The answer ended, whole where there is no `error`. What is said later counts no more."""
        if self.done:
            return
        self.ended, self.error, self.done = now, error, True


class Record:
    """One request of a unit: who was asked, and what came back. It ends as exactly one outcome."""

    __slots__ = (
        "again",
        "at",
        "body",
        "decision",
        "fallback",
        "head",
        "method",
        "mirrored",
        "route",
        "served",
        "shed",
        "subject",
        "target",
    )

    def __init__(
        self, *, route: Route, decision: Decision, method: str, target: bytes, subject: str | None, at: float
    ) -> None:
        self.route = route
        self.decision = decision
        self.method = method
        self.target = target
        self.subject = subject
        self.at = at
        """Seconds since the epoch."""
        self.served: Reply | None = None
        self.mirrored: Reply | None = None
        self.shed: str | None = None
        """Why the second call that was owed is not compared, in words."""
        self.fallback: str | None = None
        """Why legacy answered a caller that was the candidate's."""
        self.head: RequestHead | None = None
        """What the caller sent."""
        self.body: bytes | None = None
        """The body of that, whole, where it was mirrored."""
        self.again: Again | None = None
        """What it takes to send it again; None where that could do harm, or nothing was mirrored."""

    @property
    def settled(self) -> bool:
        """Whether nothing more will come."""
        served, mirrored = self.served, self.mirrored
        return served is not None and served.done and (mirrored is None or mirrored.done)

    def another(self) -> "Record":
        """A record for answers to the same request that come later. It ends as no outcome."""
        record = Record(
            route=self.route,
            decision=self.decision,
            method=self.method,
            target=self.target,
            subject=self.subject,
            at=self.at,
        )
        record.again = self.again
        return record


def failed(reply: Reply) -> bool:
    """Whether a side failed, rather than answered: no whole answer, or one that says so itself."""
    return reply.error is not None or reply.status >= SERVER_ERROR


def sides(record: Record) -> tuple[Reply | None, Reply | None]:
    """Legacy's reply and the candidate's, whoever served."""
    served, mirrored = record.served, record.mirrored
    if served is not None and served.side is Side.CANDIDATE:
        return mirrored, served
    return served, mirrored
