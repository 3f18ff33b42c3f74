"""The gateway's own address, apart from traffic: is it well, what does it obey, force legacy.

Loopback unless told otherwise. It asks nobody who they are: whoever may reach it may roll back, and
nothing here can raise what callers see of the candidate.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

from migrator.core.routing import Route
from migrator.core.wire import Override
from migrator.sdk.framing import Body, MalformedError, RequestHead, parse_request

if TYPE_CHECKING:
    from migrator.gateway.worker import Worker

MAX_BODY: Final = 1_048_576
SECONDS: Final = 10.0

log = structlog.get_logger()


class Force(msgspec.Struct, forbid_unknown_fields=True):
    """What `POST /-/force-legacy` takes."""

    units: list[str] | str
    """Unit keys, or `*` for all."""
    off: bool = False
    """Stop forcing them."""


class Admin:
    """Answers on the admin address. One request per connection."""

    def __init__(self, worker: "Worker") -> None:
        self._worker = worker
        self._answers: dict[tuple[str, str], Callable[[bytes], tuple[int, Any]]] = {
            ("GET", "/-/health"): lambda body: (200, self._health()),
            ("GET", "/-/table"): lambda body: (200, self._table()),
            ("POST", "/-/force-legacy"): self._force,
        }

    async def listen(self) -> asyncio.Server:
        config = self._worker.config
        return await asyncio.start_server(self._serve, config.admin_host, config.admin_port, reuse_port=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                head, body = await _read(reader)
                status, answer = self._answer(head, body)
                writer.write(_written(status, answer))
                await writer.drain()
        except MalformedError as error:
            writer.write(_written(error.status, {"error": str(error)}))
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _answer(self, head: RequestHead, body: bytes) -> tuple[int, Any]:
        path = head.target.partition(b"?")[0].decode("latin-1")
        answer = self._answers.get((head.method.decode(), path))
        if answer is not None:
            return answer(body)
        known = sorted(f"{method} {path}" for method, path in self._answers)
        return 404, {"error": f"There is {', '.join(known)}."}

    def _health(self) -> dict[str, Any]:
        worker, follower = self._worker, self._worker.follower
        return {
            "status": "serving" if follower.routes is not None or worker.config.legacy else "no table",
            "source": worker.reporter.source,
            "version": str(follower.version),
            "control_plane": follower.trouble or "followed",
            "table_refused": follower.refused,
            "reports": worker.reporter.trouble or "handed in",
            "sent": worker.reporter.sent,
            "dropped": worker.reporter.dropped,
            "passed": worker.reporter.passed,
            "connections": worker.connections,
            "forced": sorted(worker.holding.forced.keys),
            "forced_since": _time(worker.holding.forced.since),
            "overrides": [_order(override) for override in worker.holding.orders.in_force.values()],
            "overrides_refused": worker.holding.orders.refused,
            "left_out": worker.steering.left_out,
        }

    def _table(self) -> dict[str, Any]:
        routes, forced = self._worker.follower.routes, self._worker.holding.forced
        held = {"forced": sorted(forced.keys), "forced_since": _time(forced.since)}
        if routes is None:
            return {"version": None, "units": [], "services": [], **held}
        return {
            "version": str(routes.version),
            **held,
            "services": list(routes.services.values()),
            "units": [_row(route) for route in routes.units.values()],
        }

    def _force(self, body: bytes) -> tuple[int, Any]:
        try:
            wanted = msgspec.json.decode(body, type=Force)
        except msgspec.DecodeError as error:
            return 400, {
                "error": f'{error}. Send {{"units": ["GET /x"]}} or {{"units": "*"}}, with "off": true to end it.'
            }
        units = [wanted.units] if isinstance(wanted.units, str) else wanted.units
        if not units or any(not unit.strip() or "\n" in unit for unit in units):
            return 400, {"error": "units names at least one unit's key, each on one line"}
        forced = self._worker.holding.forced
        self._worker.holding.look()  # another worker, or somebody's editor, may have changed it since
        try:
            forced.change(units, off=wanted.off)
        except OSError as error:
            return 500, {"error": f"Not kept: the state directory cannot be written ({error.strerror})."}
        self._worker.holding.look()
        routes = self._worker.follower.routes
        unknown = sorted(key for key in units if key != "*" and (routes is None or key not in routes.by_key))
        log.warning("force_legacy.asked", units=units, off=wanted.off)
        return 200, {"forced": sorted(forced.keys), "since": _time(forced.since), "unknown": unknown}


async def _read(reader: asyncio.StreamReader) -> tuple[RequestHead, bytes]:
    data = b""
    while (parsed := parse_request(data)) is None:
        data += await _some(reader)
    head, length = parsed
    body, pieces, rest = Body(head.framing), [], data[length:]
    size = 0
    while not body.done:
        pieces.append(body.feed(rest or await _some(reader)))
        rest = b""
        size += len(pieces[-1])
        if size > MAX_BODY:
            raise MalformedError("The body is too large", status=413)
    return head, b"".join(pieces)


async def _some(reader: asyncio.StreamReader) -> bytes:
    data = await reader.read(65_536)
    if not data:
        raise asyncio.IncompleteReadError(b"", None)
    return data


def _row(route: Route) -> dict[str, Any]:
    unit = route.unit
    return {
        "key": unit.key,
        "service": unit.service,
        "stage": unit.stage,
        "candidate_bp": unit.candidate,
        "mirror_bp": unit.mirror,
    }


def _order(override: Override) -> dict[str, Any]:
    return {
        "id": override.id,
        "units": override.units,
        "services": override.services,
        "author": override.author,
        "reason": override.reason,
        "issued_at": _time(override.issued_at),
        "expires_at": _time(override.expires_at),
    }


def _time(at: float | None) -> str | None:
    """Seconds since the epoch as ISO 8601, UTC."""
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _written(status: int, answer: Any) -> bytes:
    body = msgspec.json.encode(answer) + b"\n"
    lines = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    return "\r\n".join([*lines, "", ""]).encode() + body
