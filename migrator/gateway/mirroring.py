"""The beginning of a request's evidence, and its second call once it is here to its end."""

import time
from collections.abc import Callable

from migrator.core.routing import Route
from migrator.core.stages import Scrutiny
from migrator.core.wire import Side
from migrator.gateway.again import Again
from migrator.gateway.headers import mirror_bytes
from migrator.gateway.mirror import MirrorCall
from migrator.gateway.record import Record, Reply
from migrator.gateway.steering import Course
from migrator.sdk.framing import Fields, RequestHead


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
) -> MirrorCall:
    """Send the request to the other side too. `patience` is in seconds; `settled` is called when that has ended."""
    service = course.service
    upstream, _ = service.side(side)
    limit = service.body_limit if record.route.scrutiny is Scrutiny.BODIES else 0
    reply = record.mirrored = Reply(side, limit=limit, started=upstream.now())
    record.body = body
    if course.repeatable:
        record.again = Again(service, head, lines, body, dropped)
    call = MirrorCall(
        upstream=upstream,
        patience=patience,
        under_way=service.mirrors,
        record=record,
        reply=reply,
        settled=settled,
    )
    sister = not course.repeatable
    data = mirror_bytes(head, lines, prefix=upstream.prefix, body=body, sister=sister, dropped=dropped)
    call.start(method=head.method, data=data, repeatable=course.repeatable)
    return call
