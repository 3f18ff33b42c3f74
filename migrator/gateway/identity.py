"""Who calls, and which build answers: what the headers say that a project names for it."""

from migrator.core.redaction import safe_text
from migrator.core.tally import NAME_LENGTH
from migrator.core.wire import Manners
from migrator.gateway.record import Record, Reply
from migrator.sdk.framing import Fields, values_of


class Identity:
    """The two headers of one project. A value that holds a secret is told by its token."""

    def __init__(self, manners: Manners) -> None:
        self._caller = manners.caller_header.lower().encode()
        self._build = manners.build_header.lower().encode()

    def caller(self, record: Record) -> str | None:
        """What the caller calls itself; None where it does not, or nobody wants to know."""
        return None if record.head is None else _said(record.head.fields, self._caller)

    def build(self, reply: Reply | None) -> str | None:
        """The build that a side says it is."""
        return None if reply is None else _said(reply.fields, self._build)


def _said(fields: Fields, name: bytes) -> str | None:
    values = values_of(fields, name) if name else []
    return safe_text(values[0].decode("latin-1"))[:NAME_LENGTH] if values else None
