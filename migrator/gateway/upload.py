"""A request's body on its way to the service."""

import sys
from typing import Final

from migrator.gateway.headers import LAST_CHUNK, chunk
from migrator.sdk.framing import CHUNKED, RequestHead

FORGOTTEN: Final = sys.maxsize


class Upload:
    """Whether the body is here to its end, who holds it up, and as much of it as may be needed again."""

    __slots__ = ("_framing", "_granted", "kept", "size", "whole")

    def __init__(self, head: RequestHead | None) -> None:
        """`head` is the request's; None for one without a body."""
        self._framing = 0 if head is None else head.framing
        self._granted = head is None or b"expect" not in head.notable
        self.whole = head is None
        self.kept: list[bytes] | None = []
        """All that has come, for the mirror or a second try; None once that is not wanted, or grew too large."""
        self.size = 0
        """Bytes kept."""

    def add(self, payload: bytes) -> None:
        """More has come."""
        self._granted = True
        if self.kept is not None:
            self.kept.append(payload)
            self.size += len(payload)

    def forget(self) -> None:
        """It has been sent, and nobody needs it again."""
        self.kept, self.size = None, FORGOTTEN

    def granted(self) -> None:
        """A caller that asked for leave to send its body has it, as far as the service is concerned."""
        self._granted = True

    def waits_for_caller(self, *, paused: bool) -> bool:
        """Whether only the caller holds it up; `paused` says that the gateway takes no more from it for now."""
        return not self.whole and self._granted and not paused

    def framed(self, *pieces: bytes) -> bytes:
        """These pieces as they are sent on, framed as the caller framed them; its end too, once that is here."""
        if self._framing != CHUNKED:
            return b"".join(pieces)
        return b"".join(chunk(piece) for piece in pieces if piece) + (LAST_CHUNK + b"\r\n" if self.whole else b"")


NO_BODY: Final = Upload(None)
"""Of all requests without a body: most of them. Nothing is ever added to it."""
