"""The data plane server: routing table out, reports in. A small ASGI app beside Django."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from migrator.core.wire import Receipt, Version, encode
from migrator.dataplane import ofrep
from migrator.dataplane.problems import Problem, handle
from migrator.dataplane.reports import read_report
from migrator.dataplane.server import Server
from migrator.dataplane.table import LiveTable

LONGEST_WAIT_S: Final = 60.0
_VERSION = re.compile(r'(?:W/)?"?(\d{1,9})\.(\d{1,15})"?')


async def table(request: Request) -> Response:
    """`GET /dataplane/v1/table?project=SLUG&wait=25&since=1.42`: the table, once it is another than the caller's.

    `If-None-Match` names the version that the caller has; with `since` it takes the changes alone.
    """
    server: Server = request.app.state.server
    slug, seconds = request.query_params.get("project", ""), _wait(request)
    await server.doors.admit(request, project=slug)
    live = await server.live_table(slug)
    since = parse_version(request.query_params.get("since"))
    known = parse_version(request.headers.get("if-none-match")) or since
    if known is not None:
        await live.wait_for_change(known, seconds=seconds)
        if not known < live.version:
            # Equal, or newer than ours: then we are the stale ones, and an older table helps nobody.
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=_headers(live))
    return _table_response(request, live, since)


async def overrides(request: Request) -> Response:
    """`GET /dataplane/v1/overrides?project=SLUG`: signed orders to lower exposure. Works without a database.

    A token that cannot be checked, because the database is away and this process has not seen it before, is let
    in: what it learns is which units somebody rolled back, and what it cannot learn is how to sign one.
    """
    server: Server = request.app.state.server
    slug = request.query_params.get("project", "")
    try:
        await server.doors.admit(request, project=slug)
    except Problem as problem:
        if problem.status is not HTTPStatus.SERVICE_UNAVAILABLE:
            raise
    body, etag = server.overrides.answer(slug)
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


async def report(request: Request) -> Response:
    """`POST /dataplane/v1/reports`: 202 once the report is safe in Redis, with what is safe in the database."""
    server: Server = request.app.state.server
    await server.doors.bearer(request)
    received, body = await read_report(request)
    await server.doors.admit(request, project=received.project)
    live = await server.live_table(received.project)
    await server.inbox.put(source=received.source, body=body)
    server.overrides.hear(received)
    committed = server.presence.hear(received, project_id=live.project_id)
    receipt = Receipt(accepted=received.seq, committed=committed)
    return Response(encode(receipt), status_code=HTTPStatus.ACCEPTED, media_type="application/json")


def parse_version(text: str | None) -> Version | None:
    """`"1.42"` or `1.42`; None for anything else."""
    match = _VERSION.fullmatch(text.strip()) if text else None
    return Version(epoch=int(match[1]), number=int(match[2])) if match else None


def _wait(request: Request) -> float:
    try:
        wait = float(request.query_params.get("wait", 0))
    except ValueError:
        wait = -1.0
    if not 0 <= wait <= LONGEST_WAIT_S:
        raise Problem(HTTPStatus.BAD_REQUEST, f"wait is a number of seconds from 0 to {LONGEST_WAIT_S:.0f}.")
    return wait


def _table_response(request: Request, live: LiveTable, since: Version | None) -> Response:
    compressed = "gzip" in request.headers.get("accept-encoding", "")
    headers = _headers(live) | ({"Content-Encoding": "gzip"} if compressed else {})
    return Response(live.body(since=since, compressed=compressed), media_type="application/json", headers=headers)


def _headers(live: LiveTable) -> dict[str, str]:
    headers = {"ETag": f'"{live.version}"', "Vary": "Accept-Encoding", "Cache-Control": "no-cache"}
    if live.stale_since is not None:
        headers["X-Migrator-Stale-Since"] = f"{live.stale_since:.0f}"
    return headers


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    server = app.state.server = Server()
    await server.start()
    yield
    await server.stop()


def create_app() -> Starlette:
    return Starlette(
        routes=[
            Route("/dataplane/v1/table", table, methods=["GET"]),
            Route("/dataplane/v1/overrides", overrides, methods=["GET"]),
            Route("/dataplane/v1/reports", report, methods=["POST"]),
            Route("/ofrep/v1/evaluate/flags", ofrep.evaluate_all, methods=["POST"]),
            Route("/ofrep/v1/evaluate/flags/{key:path}", ofrep.evaluate_one, methods=["POST"]),
        ],
        exception_handlers={Problem: handle},
        lifespan=lifespan,
    )
