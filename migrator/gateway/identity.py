"""Who calls, which build answers and what an answer cost: what the headers say that a project names for it."""

from functools import lru_cache

from migrator.core.histograms import read_cost
from migrator.core.redaction import safe_text
from migrator.core.requested import caller_kind, request_hash, shape_hash
from migrator.core.tally import NAME_LENGTH
from migrator.core.wire import Manners
from migrator.gateway.record import Record, Reply
from migrator.sdk.framing import Fields, value_of


class Identity:
    """The headers of one project. A value that holds a secret is told by its token."""

    def __init__(self, manners: Manners) -> None:
        self._caller = manners.caller_header.lower().encode()
        self._build = manners.build_header.lower().encode()
        self._cost = manners.cost_header.lower().encode()
        self.names_builds = bool(self._build)
        self.counts_cost = bool(self._cost)

    def caller(self, record: Record) -> str | None:
        """What the caller calls itself; None where it does not, or nobody wants to know."""
        return None if record.head is None else _said(record.head.fields, self._caller)

    def kind(self, record: Record) -> str | None:
        """What kind of caller that is; None likewise."""
        caller = self.caller(record)
        return None if caller is None else caller_kind(caller)

    def build(self, reply: Reply | None) -> str | None:
        """The build that a side says it is."""
        return None if reply is None else _said(reply.fields, self._build)

    def cost(self, reply: Reply | None) -> float | None:
        """What a whole answer cost its side, in whatever the project counts."""
        if reply is None or reply.error is not None or not self._cost:
            return None
        value = _value(reply.fields, self._cost)
        return None if value is None else read_cost(value)


def entity_of(record: Record) -> int:
    """What stands for an anonymous caller: his request."""
    return request_hash(method=record.method, target=record.target, body=_body(record))


def shape_of(record: Record) -> int:
    """The shape of the request."""
    body = _body(record)
    media = _value(record.head.fields, b"content-type") if body and record.head is not None else None
    return shape_hash(method=record.method, target=record.target, media=media or b"", body=body)


def _body(record: Record) -> bytes | None:
    """The request's body; None where it had one that was not kept."""
    if record.body is None and record.head is not None and not record.head.framing:
        return b""
    return record.body


def _said(fields: Fields, name: bytes) -> str | None:
    value = _value(fields, name) if name else None
    return None if value is None else _shown(value)


def _value(fields: Fields, name: bytes) -> bytes | None:
    """The first value of a header."""
    for field in fields:
        if field[0] == name:
            return value_of(field)
    return None


@lru_cache(maxsize=4_096)
def _shown(value: bytes) -> str:
    """A value as it may be shown. To look for secrets takes longer than all the rest of telling callers apart."""
    return safe_text(value.decode("latin-1"))[:NAME_LENGTH]
