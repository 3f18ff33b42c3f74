"""What is not for data planes goes on to Django, streaming both ways."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final

import structlog
from starlette.types import Receive, Scope, Send

from migrator.dataplane.problems import Problem, as_response
from migrator.sdk.asking import Reply, UpstreamError, ask
from migrator.sdk.upstream import Trouble, Upstream

PATIENCE_S: Final = 60.0
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
OURS_TO_SAY: Final = (b"x-forwarded-", b"forwarded")
"""Only this hop knows who called it. What a trusted proxy before us says, the server has taken into the scope."""

log = structlog.get_logger()
Headers = list[tuple[bytes, bytes]]


class Disconnected(ConnectionError):
    """The caller went away before the request was whole."""


class Forwarder:
    """Passes requests on to one address. An ASGI application."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._upstream: Upstream | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Connections belong to the event loop, which is there with the first request.
        upstream = self._upstream = self._upstream or Upstream(self._url)
        headers = request_headers(scope)
        has_body = any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])
        try:
            reply = await ask(
                upstream,
                method=scope["method"].encode(),
                target=target_of(scope),
                headers=headers,
                body=_pieces(receive) if has_body else b"",
                patience=PATIENCE_S,
            )
        except Disconnected:
            return
        except UpstreamError as error:
            log.warning("web.no_answer", trouble=error.trouble, error=str(error))
            await as_response(_no_answer(error))(scope, receive, send)
            return
        await _pass_on(reply, send)


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


async def _pieces(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        more = message.get("more_body", False)
        yield message.get("body", b"")


async def _pass_on(reply: Reply, send: Send) -> None:
    headers = _end_to_end(reply.headers)
    try:
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        async for piece in reply:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        reply.close()


def _no_answer(error: UpstreamError) -> Problem:
    if error.trouble is Trouble.TIMEOUT:
        return Problem(HTTPStatus.GATEWAY_TIMEOUT, "The pages took too long to answer. Try again in a moment.")
    sentence = "The pages are not running right now. Data planes go on with the table that they have."
    return Problem(HTTPStatus.BAD_GATEWAY, sentence)
