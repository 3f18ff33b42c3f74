"""One build of the comments service as a web application. Both builds have the same addresses."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from demo.comments.legacy import Answer, Call, Invalid, Legacy, NotFound, number

ENDPOINTS: Final = (
    ("GET", "/health", Legacy.health),
    ("GET", "/threads", Legacy.threads),
    ("GET", "/threads/{id}", Legacy.thread),
    ("GET", "/threads/{id}/summary", Legacy.summary),
    ("GET", "/threads/{id}/comments", Legacy.thread_comments),
    ("POST", "/threads/{id}/comments", Legacy.add_comment),
    ("GET", "/comments/{id}", Legacy.comment),
    ("PUT", "/comments/{id}", Legacy.edit_comment),
    ("DELETE", "/comments/{id}", Legacy.delete_comment),
    ("GET", "/comments/{id}/votes", Legacy.votes),
    ("POST", "/comments/{id}/votes", Legacy.vote),
    ("GET", "/users/{id}", Legacy.user),
    ("GET", "/users/{id}/profile", Legacy.profile),
    ("GET", "/users/{id}/karma", Legacy.karma),
    ("GET", "/search", Legacy.search),
    ("GET", "/moderation/queue", Legacy.moderation_queue),
)


def application(service: Legacy) -> Starlette:
    """The ASGI application of one build."""
    routes = [
        Route(path, _endpoint(service, getattr(service, method_of_service.__name__)), methods=[method])
        for method, path, method_of_service in ENDPOINTS
    ]
    return Starlette(routes=routes)


def _endpoint(service: Legacy, answer: Callable[[Call], Answer]) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        try:
            call = await _call(request)
            await asyncio.sleep(_pause(service, request, call))
            said = answer(call)
        except NotFound as error:
            return JSONResponse({"error": str(error)}, status_code=404)
        except Invalid as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        if said.body is None:
            return Response(status_code=said.status)
        return JSONResponse(said.body, status_code=said.status, headers=dict(said.headers))

    return respond


async def _call(request: Request) -> Call:
    """What a request says. Raises Invalid, and NotFound for a number that is none."""
    identity = request.path_params.get("id", "0")
    if not (identity.isascii() and identity.isdigit()):
        raise NotFound(f"nothing is called {identity}")
    body = {}
    if request.method in ("POST", "PUT"):
        try:
            body = await request.json()
        except ValueError:
            raise Invalid("the body is no JSON") from None
        if not isinstance(body, dict):
            raise Invalid("the body is no object")
    user_id = number(request.headers.get("x-user", "0"))
    return Call(id=int(identity), query=dict(request.query_params), body=body, user_id=user_id)


def _pause(service: Legacy, request: Request, call: Call) -> float:
    """Seconds that the answer takes: spread like real ones, most near the pace and a few far above."""
    slower = service.extra_ms(call) if request.url.path == "/search" else 0.0
    return (service.pace_ms * random.lognormvariate(0, 0.4) + slower) / 1_000
