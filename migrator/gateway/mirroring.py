"""The beginning of a request's evidence, and its second call once it is here to its end."""

import time
from collections.abc import Callable

import structlog

from migrator.core.routing import Route
from migrator.core.stages import Scrutiny
from migrator.core.wire import Side
from migrator.gateway.again import Again
from migrator.gateway.faults import told
from migrator.gateway.headers import mirror_bytes
from migrator.gateway.mirror import MirrorCall
from migrator.gateway.record import Record, Reply
from migrator.gateway.steering import Course, Service
from migrator.sdk.framing import Fields, RequestHead

log = structlog.get_logger()


def begin_record(course: Course, route: Route, head: RequestHead) -> Record:
    """What a request of a unit will leave behind."""
    record = Record(
        route=route,
        decision=course.decision,
        method=course.method,
        target=head.target,
        subject=course.subject,
        at=time.time(),
    )
    record.head = head
    return record


def why_not(service: Service, *, size: int, overloaded: bool) -> str | None:
    """Why a request with a body of `size` bytes is not sent a second time, in words; None where it is."""
    if size > service.body_limit:
        return "the request is larger than what is mirrored"
    if overloaded or len(service.mirrors) >= service.mirror_limit:
        return "the mirror is at its limit"
    return None


def start_mirror(
    course: Course,
    side: Side,
    record: Record,
    *,
    head: RequestHead,
    lines: Fields,
    body: bytes,
    dropped: frozenset[bytes],
    patience: float,
    settled: Callable[[Record], None],
) -> MirrorCall | None:
    """Send the request to the other side too. `patience` is in seconds; `settled` is called when that has ended.

    A fault of ours costs the second call, never the caller's: then there is None.
    """
    service, repeatable = course.service, course.repeatable
    upstream, _ = service.side(side)
    try:
        data = mirror_bytes(head, lines, prefix=upstream.prefix, body=body, sister=not repeatable, dropped=dropped)
        record.again = Again(service, head, lines, body, dropped) if repeatable else None
    except Exception as error:
        log.error("mirror.fault", unit=record.route.unit.key, error=told(error))
        record.shed = "this gateway failed to make the second call"
        return None
    limit = service.body_limit if record.route.scrutiny is Scrutiny.BODIES else 0
    reply = record.mirrored = Reply(side, limit=limit, started=upstream.now())
    record.body = body
    call = MirrorCall(
        upstream=upstream,
        patience=patience,
        under_way=service.mirrors,
        record=record,
        reply=reply,
        settled=settled,
    )
    call.start(method=head.method, data=data, repeatable=repeatable)
    return call
