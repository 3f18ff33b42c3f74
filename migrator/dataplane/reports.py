"""Reports in: checked at the door, then kept in Redis until a worker counts them."""

from http import HTTPStatus
from typing import Any, Final

import msgspec
import redis.asyncio
import redis.exceptions
import structlog
from starlette.requests import ClientDisconnect, Request

from migrator.core.wire import Report, WireError, decode_report
from migrator.dataplane.problems import Problem, later
from migrator.observations.stream import KEEPS, REPORT, key_of, shard_of

LARGEST: Final = 4 * 1024 * 1024
REDIS_PATIENCE_S: Final = 2.0

log = structlog.get_logger()


class Inbox:
    """Where reports are put. Nothing is ever thrown out of it to make room."""

    def __init__(self, *, url: str, shards: int) -> None:
        self._redis: Any = redis.asyncio.Redis.from_url(
            url, socket_timeout=REDIS_PATIENCE_S, socket_connect_timeout=REDIS_PATIENCE_S
        )
        self._shards = shards
        self._keeps: bool | None = None
        """Whether this Redis keeps what it was given; None while that is not known."""

    async def put(self, *, source: str, body: bytes) -> None:
        """Append one report. Raises Problem 503 where it cannot be kept: the sender keeps it then."""
        try:
            await self._check()
            await self._redis.xadd(key_of(shard_of(source, self._shards)), {REPORT: body})
        except (redis.exceptions.RedisError, OSError) as error:
            self._keeps = None
            log.warning("report.not_kept", error=str(error))
            raise later("Reports cannot be kept now, because Redis does not take them. Send this again.") from None

    async def check(self) -> None:
        """Look once whether Redis keeps what it is given, and say so in the log where it does not."""
        try:
            await self._check()
        except (Problem, redis.exceptions.RedisError, OSError) as error:
            log.error("report.no_inbox", error=str(error))

    async def close(self) -> None:
        await self._redis.aclose()

    async def _check(self) -> None:
        if self._keeps:
            return
        memory = await self._redis.info("memory")
        policy = memory.get("maxmemory_policy", KEEPS)
        if policy != KEEPS:
            log.error("redis.evicts", policy=policy)
            raise later(f"Redis may throw reports away: its maxmemory-policy is {policy}. Set it to {KEEPS}.")
        self._keeps = True


async def read_report(request: Request) -> tuple[Report, bytes]:
    """The report of a request, checked. Raises Problem: 400, 413, 415 or 422, naming the field."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send reports as plain JSON, without Content-Encoding.")
    body = await _read_body(request)
    try:
        report = decode_report(body)
    except msgspec.ValidationError as error:
        message, _, field = str(error).partition(" - at ")
        raise _refused(message, field.replace("`", "") or "$") from None
    except (WireError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"This is not JSON: {error}.") from None
    for field in ("source", "boot", "kind"):
        if "\x00" in getattr(report, field):
            raise _refused("Expected text without NUL", f"$.{field}")
    return report, body


async def _read_body(request: Request) -> bytes:
    if int(request.headers.get("content-length", 0)) > LARGEST:
        raise _too_large()
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > LARGEST:
                raise _too_large()
            chunks.append(chunk)
    except ClientDisconnect:
        raise Problem(HTTPStatus.BAD_REQUEST, "The report ended early.") from None
    return b"".join(chunks)


def _refused(message: str, field: str) -> Problem:
    errors = [{"field": field, "message": message}]
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{message} at {field}.", errors=errors)


def _too_large() -> Problem:
    # The rest of the body is not read, so the connection cannot be used for anything else.
    detail = f"A report has at most {LARGEST // 1024 // 1024} MB. Send several."
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, headers={"Connection": "close"})
