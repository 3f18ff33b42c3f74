"""OpenFeature's remote evaluation protocol: does the candidate answer this caller?

A flag is a unit, its key the unit's key. The answer comes from the table in memory, by the same rule as in
every data plane, so it agrees with them.
"""

from dataclasses import dataclass
from http import HTTPStatus
from random import randrange
from typing import Annotated, Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from xxhash import xxh64_hexdigest

from migrator.core.routing import decide, prepare
from migrator.core.stages import ALL, Stage, percent
from migrator.core.wire import Anonymous, Side, UnitRoute
from migrator.dataplane.problems import Problem
from migrator.dataplane.server import Server
from migrator.dataplane.table import LiveTable

LARGEST: Final = 65_536


@dataclass(frozen=True, slots=True)
class Context:
    """Whom a flag is evaluated for. Other attributes are allowed, and not looked at."""

    targetingKey: Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)] | None = None  # noqa: N815 - its name there


@dataclass(frozen=True, slots=True)
class Evaluate:
    """The body of a request."""

    context: Context = Context()


_decode = msgspec.json.Decoder(Evaluate).decode


class Unevaluated(Exception):
    """A flag that cannot be evaluated, in the protocol's words."""

    def __init__(self, status: HTTPStatus, code: str, details: str) -> None:
        super().__init__(details)
        self.status = status
        self.body = {"errorCode": code, "errorDetails": details}


async def evaluate_one(request: Request) -> Response:
    """`POST /ofrep/v1/evaluate/flags/{key}`."""
    key = request.path_params["key"]
    try:
        live = await _table(request)
        subject = await _subject(request)
        unit = live.unit_of(key)
        if unit is None:
            raise Unevaluated(HTTPStatus.NOT_FOUND, "FLAG_NOT_FOUND", f"There is no unit {key}.")
    except Unevaluated as error:
        return _json({"key": key} | error.body, error.status)
    return _json(evaluation(unit, subject, live))


async def evaluate_all(request: Request) -> Response:
    """`POST /ofrep/v1/evaluate/flags`: every unit that has left the backlog."""
    try:
        live = await _table(request)
        subject = await _subject(request)
    except Unevaluated as error:
        return _json(error.body, error.status)
    etag = f'"{live.version}-{xxh64_hexdigest((subject or "").encode("utf-8", "surrogatepass"))}"'
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": etag})
    units = (unit for unit in live.units.values() if unit.stage is not Stage.BACKLOG)
    return _json({"flags": [evaluation(unit, subject, live) for unit in units]}, headers={"ETag": etag})


def evaluation(unit: UnitRoute, subject: str | None, live: LiveTable) -> dict[str, Any]:
    """One flag as the protocol writes it."""
    decision = decide(
        prepare(unit),
        subject,
        randrange(ALL * ALL),
        repeatable=False,
        random=live.manners.anonymous is Anonymous.RANDOM,
    )
    return {
        "key": unit.key,
        "value": decision.serve is Side.CANDIDATE,
        "variant": str(decision.serve),
        "reason": "SPLIT" if 0 < unit.candidate < ALL else "STATIC",
        "metadata": {
            "stage": str(unit.stage),
            "candidate_percent": percent(unit.candidate),
            "version": str(live.version),
        },
    }


async def _table(request: Request) -> LiveTable:
    """The table of the token's project; tokens of all projects name one as `?project=`."""
    server: Server = request.app.state.server
    bearer = await server.doors.bearer(request)
    slug = request.query_params.get("project", bearer.project)
    if slug is None:
        raise Unevaluated(HTTPStatus.BAD_REQUEST, "INVALID_CONTEXT", "This token is for all projects: add ?project=.")
    if bearer.project not in (None, slug):
        raise Problem(HTTPStatus.FORBIDDEN, f"This token is for project {bearer.project}, not for {slug}.")
    return await server.live_table(slug)


async def _subject(request: Request) -> str | None:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise Unevaluated(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "INVALID_CONTEXT", "The context is too large.")
    try:
        return _decode(body or b"{}").context.targetingKey
    except msgspec.ValidationError as error:
        raise Unevaluated(HTTPStatus.BAD_REQUEST, "INVALID_CONTEXT", str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unevaluated(HTTPStatus.BAD_REQUEST, "PARSE_ERROR", str(error)) from None


def _json(body: Any, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(body), status_code=status, media_type="application/json", headers=headers)
