"""What it takes to send a read once more, after its caller has been served."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from migrator.core.stages import Scrutiny
from migrator.core.wire import Side
from migrator.gateway.headers import mirror_bytes
from migrator.gateway.mirror import MirrorCall
from migrator.gateway.record import Record, Reply
from migrator.sdk.framing import Fields, RequestHead

if TYPE_CHECKING:
    from migrator.gateway.steering import Service

MARK: Final = b"x-migrator-mirror"


@dataclass(frozen=True, slots=True)
class Again:
    """A read that may be sent again. There is none of a write."""

    service: "Service"
    head: RequestHead
    lines: Fields
    body: bytes
    dropped: frozenset[bytes]
    """Headers that mirrored calls do not carry."""

    def has_room(self, calls: int) -> bool:
        """Whether the mirror's own limit leaves room for so many calls more."""
        return len(self.service.mirrors) + calls <= self.service.mirror_limit

    def reply(self, side: Side, record: Record) -> Reply:
        """Where the side's next answer will be kept."""
        limit = self.service.body_limit if record.route.scrutiny is Scrutiny.BODIES else 0
        return Reply(side, limit=limit, started=self.service.side(side)[0].now())

    def send(self, *, record: Record, reply: Reply, settled: Callable[[Record], None]) -> None:
        """Ask `reply.side`. `settled` is called once nothing more will come for `record`, a pair of its own.

        The side that answers callers is sent what a caller's request carries, the other one what the mirror leaves
        of it, both marked as a call that no caller sees.
        """
        upstream, _ = self.service.side(reply.side)
        mirrored = reply.side is record.decision.mirror
        data = mirror_bytes(
            self.head,
            self.lines,
            prefix=upstream.prefix,
            body=self.body,
            sister=False,
            dropped=self.dropped if mirrored else self.dropped & {MARK},
        )
        call = MirrorCall(
            upstream=upstream,
            patience=self.service.mirror_patience,
            under_way=self.service.mirrors,
            record=record,
            reply=reply,
            settled=settled,
        )
        call.start(method=self.head.method, data=data, repeatable=True)
