"""What is not for data planes goes on to Django, streaming both ways.

A thread of Django's answers at a time, so none may wait for ever: not for a caller who has gone, not for
one who reads nothing, not for one who stops in the middle of a request.
"""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final

import structlog
from starlette.types import Receive, Scope, Send

from migrator.dataplane.problems import Problem, as_response
from migrator.sdk.asking import Reply, UpstreamError, ask
from migrator.sdk.upstream import Trouble, Upstream

PATIENCE_S: Final = 60.0
"""With Django, and with a caller who is sending a body: until the answer begins, then between its parts."""
READER_S: Final = 300.0
"""With a caller who does not read."""
HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"expect",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
BODILESS: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
"""Nothing follows these heads: a length in them would be waited for."""
OURS_TO_SAY: Final = (b"x-forwarded-", b"forwarded")
"""Only this hop knows who called it. What a trusted proxy before us says, the server has taken into the scope."""

log = structlog.get_logger()
Headers = list[tuple[bytes, bytes]]


class Disconnected(ConnectionError):
    """The caller went away before the request was whole."""


class Caller:
    """Who sent a request: its body as it comes, and whether anybody is still there."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.has_body = any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])
        self.stalls = False
        """More of the body is waited for."""
        self._receive = receive
        self._whole = asyncio.Event()
        if not self.has_body:
            self._whole.set()

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body. Raises Disconnected."""
        more = True
        while more:
            self.stalls = True
            message = await self._receive()
            self.stalls = False
            if message["type"] == "http.disconnect":
                raise Disconnected
            more = message.get("more_body", False)
            yield message.get("body", b"")
        self._whole.set()

    async def gone(self) -> None:
        """Return when the caller has gone. While its body comes, `pieces` tells."""
        await self._whole.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass


class Forwarder:
    """Passes requests on to one address. An ASGI application."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._upstream: Upstream | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = Caller(scope, receive)
        # Connections belong to the event loop, which is there with the first request.
        upstream = self._upstream = self._upstream or Upstream(self._url)
        try:
            reply = await ask(
                upstream,
                method=scope["method"].encode(),
                target=target_of(scope),
                headers=request_headers(scope),
                body=caller.pieces() if caller.has_body else b"",
                patience=PATIENCE_S,
            )
        except Disconnected:
            return
        except UpstreamError as error:
            log.warning("web.no_answer", trouble=error.trouble, error=str(error))
            await as_response(_no_answer(error, caller))(scope, receive, send)
            return
        await _pass_on(reply, caller, send)


def target_of(scope: Scope) -> bytes:
    """Path and query as the caller wrote them."""
    query: bytes = scope["query_string"]
    path: bytes = scope["raw_path"]
    return path + b"?" + query if query else path


def request_headers(scope: Scope) -> Headers:
    """The caller's headers without those of its connection, and who the caller is."""
    kept = _end_to_end(scope["headers"])
    kept = [(name, value) for name, value in kept if not name.startswith(OURS_TO_SAY)]
    if scope.get("client"):
        kept.append((b"x-forwarded-for", scope["client"][0].encode()))
    kept.append((b"x-forwarded-proto", scope["scheme"].encode()))
    return kept


def _end_to_end(headers: Headers) -> Headers:
    named = {option.strip().lower() for name, value in headers if name == b"connection" for option in value.split(b",")}
    return [(name, value) for name, value in headers if name not in HOP_BY_HOP and name not in named]


async def _pass_on(reply: Reply, caller: Caller, send: Send) -> None:
    """Where the answer ends early, or nobody reads it, this returns early too: then the server cuts it off.

    A request that came whole is carried out, whoever leaves; what is left of an answer to nobody is not read.
    """
    headers = _end_to_end(reply.headers)
    if reply.status in BODILESS:
        headers = [(name, value) for name, value in headers if name != b"content-length"]
    leaving = asyncio.ensure_future(caller.gone())
    leaving.add_done_callback(lambda _: reply.close())
    try:
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        async for piece in reply:
            async with asyncio.timeout(READER_S):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    except (UpstreamError, TimeoutError) as error:
        log.warning("web.cut_off", error=str(error) or "nobody reads it")
    finally:
        leaving.cancel()
        reply.close()


def _no_answer(error: UpstreamError, caller: Caller) -> Problem:
    if error.trouble is Trouble.TIMEOUT and caller.stalls:
        return Problem(HTTPStatus.REQUEST_TIMEOUT, "The request stopped before its end. Send it again.")
    if error.trouble is Trouble.TIMEOUT:
        return Problem(HTTPStatus.GATEWAY_TIMEOUT, "The pages took too long to answer. Try again in a moment.")
    sentence = "The pages are not running right now. Data planes go on with the table that they have."
    return Problem(HTTPStatus.BAD_GATEWAY, sentence)
