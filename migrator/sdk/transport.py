"""How a data plane talks to the control plane: three calls, and patience with its failures."""

import asyncio
from dataclasses import dataclass
from random import uniform
from typing import Final

from migrator.core.wire import Receipt, Version, WireError, decode_receipt
from migrator.sdk.asking import Reply, TooLargeError, UpstreamError, ask
from migrator.sdk.upstream import Upstream

WAIT_SECONDS: Final = 25
"""How long a poll may wait for a change."""
PATIENCE: Final = 15.0
MAX_TABLE_BYTES: Final = 268_435_456
MAX_ORDERS_BYTES: Final = 8_388_608
MAX_ANSWER_BYTES: Final = 65_536
FIRST_BACKOFF: Final = 0.25
LONGEST_BACKOFF: Final = 10.0
FORBIDDEN_BACKOFF: Final = 60.0
"""A token that is refused may be allowed again: ask slowly, but never stop asking."""
KNOWN_REFUSALS: Final = frozenset({400, 409, 413, 422})
"""Answers to a report that will be the same for ever."""


class ControlPlaneError(Exception):
    """The control plane cannot be reached, refuses, or makes no sense. `retry_after` is in seconds, where it said."""

    def __init__(self, message: str, *, forbidden: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.forbidden = forbidden
        self.retry_after = retry_after


class ReportRefusedError(Exception):
    """The control plane will never take this report."""


@dataclass(slots=True)
class Backoff:
    """How long to wait after a failure: twice as long each time, any time up to that, so that nobody
    comes back in step with everybody else.
    """

    failures: int = 0

    def succeeded(self) -> None:
        self.failures = 0

    def failed(self, error: ControlPlaneError) -> float:
        """Seconds to wait after this failure."""
        self.failures += 1
        if error.forbidden:
            return uniform(FORBIDDEN_BACKOFF / 2, FORBIDDEN_BACKOFF)
        if error.retry_after is not None:
            return min(error.retry_after, FORBIDDEN_BACKOFF) + uniform(0, 1)
        return uniform(0, min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(self.failures, 20)))


@dataclass(frozen=True, slots=True)
class Polled:
    """What a poll brought: a document's bytes, or None where nothing has changed."""

    body: bytes | None
    etag: str | None


class ControlPlane:
    """The control plane as one project's data plane sees it."""

    def __init__(self, *, url: str, token: str, project: str) -> None:
        """Raises ValueError for a URL that is none. Belongs to the running event loop."""
        self.project = project
        # Three connections: neither a poll that waits nor a report may hold up an order to go down.
        self._upstream = Upstream(url, idle_limit=3)
        self._headers = [(b"Authorization", b"Bearer " + token.encode()), (b"Accept", b"application/json")]

    async def poll(self, *, etag: str | None, since: Version | None, wait: int = WAIT_SECONDS) -> Polled:
        """Wait for a routing table other than the one known. Raises ControlPlaneError."""
        target = f"/dataplane/v1/table?project={self.project}&wait={wait}" + (f"&since={since}" if since else "")
        return await self._get(target, etag=etag, patience=wait + PATIENCE, limit=MAX_TABLE_BYTES)

    async def overrides(self, *, etag: str | None) -> Polled:
        """Ask for the signed overrides of this project. Raises ControlPlaneError."""
        target = f"/dataplane/v1/overrides?project={self.project}"
        return await self._get(target, etag=etag, patience=PATIENCE, limit=MAX_ORDERS_BYTES)

    async def _get(self, target: str, *, etag: str | None, patience: float, limit: int) -> Polled:
        headers = [*self._headers, *([(b"If-None-Match", etag.encode())] if etag else [])]
        try:
            reply = await ask(self._upstream, method=b"GET", target=target.encode(), headers=headers, patience=patience)
            body = await reply.read(limit=limit)
        except (UpstreamError, TooLargeError) as error:
            raise ControlPlaneError(str(error)) from error
        if reply.status == 304:
            return Polled(None, etag)
        if reply.status != 200:
            raise _refusal(reply, body)
        return Polled(body, reply.header(b"etag"))

    async def report(self, body: bytes) -> Receipt:
        """Hand in one report. Raises ControlPlaneError, or ReportRefusedError where it would never be taken."""
        headers = [*self._headers, (b"Content-Type", b"application/json")]
        try:
            reply = await ask(
                self._upstream,
                method=b"POST",
                target=b"/dataplane/v1/reports",
                headers=headers,
                body=body,
                patience=PATIENCE,
            )
            answer = await reply.read(limit=MAX_ANSWER_BYTES)
        except (UpstreamError, TooLargeError) as error:
            raise ControlPlaneError(str(error)) from error
        if reply.status in KNOWN_REFUSALS:
            raise ReportRefusedError(f"{reply.status} {answer[:300].decode(errors='replace')}")
        if reply.status not in (200, 202):
            raise _refusal(reply, answer)
        try:
            return decode_receipt(answer)
        except WireError as error:
            raise ControlPlaneError(f"the receipt makes no sense: {error}") from error

    def close(self) -> None:
        self._upstream.close()


def _refusal(reply: Reply, body: bytes) -> ControlPlaneError:
    after = reply.header(b"retry-after")
    return ControlPlaneError(
        f"it answers {reply.status}: {body[:200].decode(errors='replace')}",
        forbidden=reply.status in (401, 403),
        retry_after=float(after) if after and after.isdigit() else None,
    )


async def rest(seconds: float, *, until: asyncio.Event) -> None:
    """Sleep, or wake early with the event."""
    try:
        async with asyncio.timeout(seconds):
            await until.wait()
    except TimeoutError:
        return
