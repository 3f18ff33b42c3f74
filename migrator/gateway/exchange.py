"""One request from its first byte to its outcome.

The order of things, for a request that belongs to a unit:

1. decide who answers, and who else is asked;
2. send the request on, its body as it comes;
3. start the mirror, once the whole request is known;
4. pass the answer back as it comes;
5. when both calls have ended, hand the record to the judge.

Steps 3 and 5 never delay 2 and 4. A request is sent a second time to serve its caller in two cases
only: nothing of it was sent before, or executing it twice harms nobody and no answer has begun. So the
caller of a read never sees that the candidate failed, hung or answered 5xx: legacy answers it.
"""

import math
from http import HTTPStatus
from typing import TYPE_CHECKING

from migrator.core.graphql import is_query
from migrator.core.stages import Scrutiny
from migrator.core.wire import Side
from migrator.gateway.care import Care, legacy_took
from migrator.gateway.headers import (
    LAST_CHUNK,
    answer_bytes,
    caller_framing,
    chunk,
    interim_bytes,
    plain_answer,
    request_bytes,
    request_lines,
    tunnel_bytes,
    upgrade_bytes,
)
from migrator.gateway.mirror import MirrorCall
from migrator.gateway.mirroring import begin_record, start_mirror, why_not
from migrator.gateway.record import SERVER_ERROR, Record, Reply
from migrator.gateway.steering import Course
from migrator.gateway.upload import NO_BODY, Upload
from migrator.sdk.framing import CHUNKED, UNTIL_CLOSE, RequestHead, ResponseHead
from migrator.sdk.upstream import Failure, Link, Trouble

if TYPE_CHECKING:
    from migrator.gateway.server import Caller

NO_ADDRESS = (
    "This gateway has no routing table yet and was not told legacy's address (--legacy): it cannot pass this on."
)


class Exchange:
    """One request on its way. A Receiver of the served call."""

    __slots__ = (
        "_caller",
        "_care",
        "_chunked",
        "_closed",
        "_course",
        "_framing",
        "_head",
        "_lines",
        "_link",
        "_mirror",
        "_pending",
        "_record",
        "_reply",
        "_side",
        "_started",
        "_upload",
    )

    def __init__(self, *, caller: "Caller", head: RequestHead, course: Course) -> None:
        self._caller = caller
        self._head = head
        self._course = course
        self._lines = request_lines(head, peer=caller.peer, host=course.service.legacy.authority)
        self._side = course.decision.serve
        self._link: Link | None = None
        self._mirror: MirrorCall | None = None
        self._record: Record | None = None
        self._reply: Reply | None = None
        self._care: Care | None = None
        self._upload = Upload(head) if head.framing else NO_BODY
        self._started = False
        """The answer's head has been passed on."""
        self._chunked = False
        self._framing = 0
        self._pending = b""
        self._closed = False

    @property
    def answered(self) -> bool:
        """Whether the caller has been sent anything of an answer."""
        return self._started

    # ------------------------------------------------------------------ what the caller does

    def start(self, payload: bytes, *, whole: bool) -> None:
        """Send the request on: `payload` is what has come of its body, all of it where `whole`."""
        course = self._course
        if self._head.framing:
            self._take(payload, whole=whole)
        if course.route is not None:
            self._record = begin_record(course, course.route, self._head)
            if not (course.repeatable or course.asks_body or course.upgrades):
                self._caller.worker.judge.drift.began(self._record)
            if self._side is Side.CANDIDATE:
                if whole and course.asks_body:
                    self._learn_repeatable()
                self._care = Care(course, self._record)
                self._side = self._care.choose()
        self._ask(self._side)
        if whole:
            self._request_known()

    def more(self, payload: bytes, *, whole: bool) -> None:
        """More of the request's body has come."""
        self._take(payload, whole=whole)
        link = self._link
        if link is not None:
            link.write(self._upload.framed(payload))
            if whole:
                link.written()
        if whole:
            self._request_known()

    def lost(self) -> None:
        """The caller has gone."""
        if self._closed:
            return
        if self._link is not None:
            self._link.abandon()
        if self._care is not None:
            self._care.ended()
        if self._mirror is not None:
            self._mirror.cancel("the caller went away")
        self._close(None)

    def caller_blocked(self) -> None:
        """The caller reads slowly: read the answer as slowly."""
        if self._link is not None:
            self._link.pause()

    def caller_writable(self) -> None:
        if self._link is not None:
            self._link.resume()

    # ---------------------------------------------------------------- what the upstream does

    def on_link(self, link: Link) -> None:
        if self._closed:
            link.abandon()
            return
        self._link = link
        upstream, patience = self._course.service.side(self._side)
        if self._care is not None and self._side is Side.CANDIDATE and self._course.repeatable:
            patience = self._care.patience(patience)
        data = self._request_bytes(upstream.prefix)
        upload = self._upload
        if self._head.framing:
            data += upload.framed(*(upload.kept or ()))
        if not upload.whole:
            if not self._wants_body():
                upload.forget()
            self._caller.resume_reading()
        link.send(self, method=self._head.method, data=data, patience=patience, whole=upload.whole)

    def on_interim(self, head: ResponseHead) -> None:
        if self._head.minor:
            self._caller.write(interim_bytes(head))
        self._upload.granted()
        link, reply = self._link, self._reply
        if self._care is not None and self._side is Side.CANDIDATE and link is not None and reply is not None:
            self._care.promised(link, since=reply.started)

    def on_head(self, head: ResponseHead) -> None:
        if head.status == 101 or (head.status < 300 and self._head.method == b"CONNECT"):
            if self._course.upgrades:
                self._become_tunnel(head)
            elif self._link is not None:
                self._link.abandon()
                self.on_failure(Failure(Trouble.BROKEN, "it changed protocols without being asked"))
            return
        if self._care is not None and not self._good_enough(head, self._care):
            return
        caller, minor = self._caller, self._head.minor
        self._framing = caller_framing(head, minor=minor)
        self._chunked = self._framing == CHUNKED
        keep_alive = self._head.keep_alive and self._upload.whole and self._framing >= CHUNKED and not caller.closing
        caller.keep_alive = keep_alive
        served_by = self._side.encode() if self._course.announce else b""
        self._started = True
        self._pending = answer_bytes(
            head, framing=self._framing, minor=minor, keep_alive=keep_alive, served_by=served_by
        )
        if self._reply is not None:
            self._reply.head(head)

    def on_data(self, data: bytes) -> None:
        reply = self._reply
        if reply is not None:
            reply.take(data)
            if reply.truncated and self._mirror is not None:
                self._mirror.cancel("an answer is larger than what is compared")
        if data and self._chunked:
            data = chunk(data)
        if self._pending:
            data, self._pending = self._pending + data, b""
        self._caller.write(data)

    def on_end(self, trailers: bytes) -> None:
        self._link = None  # it may be another request's by now
        data = self._pending
        if self._chunked:
            data += LAST_CHUNK + trailers + b"\r\n"
        if data:
            self._caller.write(data)
        self._close(None, answered=True)

    def on_failure(self, failure: Failure) -> None:
        self._link = None
        if self._closed:
            return
        if failure.trouble is Trouble.TIMEOUT and self._upload.waits_for_caller(paused=self._caller.paused):
            self._caller_stalled()
            return
        if self._care is not None and self._side is Side.CANDIDATE:
            self._care.failed(failure)
        if self._started:
            self._caller.cut(clean=self._framing >= CHUNKED)
            self._close(failure.message)
        elif not self._try_again(failure):
            late = failure.trouble is Trouble.TIMEOUT
            status = HTTPStatus.GATEWAY_TIMEOUT if late else HTTPStatus.BAD_GATEWAY
            self._answer(status, f"The {self._side} service gave no answer: {failure.message}.")
            self._close(failure.message)

    def on_blocked(self) -> None:
        self._caller.pause_reading()

    def on_writable(self) -> None:
        self._caller.resume_reading()

    # ------------------------------------------------------------------------------ inside

    def _caller_stalled(self) -> None:
        """The caller has stopped in the middle of its request: that says nothing about the service."""
        if self._started:
            self._caller.cut(clean=self._framing >= CHUNKED)
        else:
            self._answer(HTTPStatus.REQUEST_TIMEOUT, "The request stopped before its end.")
        self.lost()

    def _good_enough(self, head: ResponseHead, care: Care) -> bool:
        """Whether an answer that begins is passed on. If not, legacy is being asked for a better one."""
        link, reply = self._link, self._reply
        if self._side is Side.LEGACY or link is None or reply is None:
            care.legacy_answered(status=head.status)
            return True
        again = self._upload.whole and self._upload.kept is not None and self._course.repeatable
        if head.status >= SERVER_ERROR and again and care.legacy_may:
            link.abandon()
            care.doubted(f"it answered {head.status}")
            self._ask_legacy(care, f"it answered {head.status}")
            return False
        care.answered(status=head.status, since=reply.started, link=link)
        return True

    def _ask(self, side: Side, *, fresh: bool = False) -> None:
        self._side = side
        course = self._course
        upstream, patience = course.service.side(side)
        if self._record is not None:
            bodies = course.decision.mirror is not None and self._record.route.scrutiny is Scrutiny.BODIES
            limit = course.service.body_limit if bodies else 0
            self._reply = reply = self._record.served = Reply(side, limit=limit, started=upstream.now())
            if self._care is not None and side is Side.CANDIDATE:
                self._care.began(reply.started)
        link = None if fresh else upstream.kept(repeatable=course.repeatable and not self._head.framing)
        if link is None:
            if not self._upload.whole:
                self._caller.pause_reading()
            if self._care is not None and side is Side.CANDIDATE:
                patience = self._care.patience(patience)
            upstream.connect(self, patience=patience)
        else:
            self.on_link(link)

    def _request_bytes(self, prefix: bytes) -> bytes:
        if self._course.upgrades:
            return upgrade_bytes(self._head, self._lines, prefix=prefix)
        return request_bytes(self._head, self._lines, prefix=prefix)

    def _take(self, payload: bytes, *, whole: bool) -> None:
        upload = self._upload
        upload.whole = whole
        if payload:
            upload.add(payload)
            if self._link is not None and upload.size > self._course.service.body_limit:
                upload.forget()

    def _wants_body(self) -> bool:
        """Whether the body is worth keeping after it was sent: for the mirror, or to ask legacy instead."""
        return self._course.decision.mirror is not None or (self._course.asks_body and self._side is Side.CANDIDATE)

    def _request_known(self) -> None:
        """The request is here to its end: now its mirror may start."""
        course, record, upload = self._course, self._record, self._upload
        if course.asks_body:
            self._learn_repeatable()
        side = course.decision.mirror
        if side is None or record is None or self._closed:
            return
        if course.asks_body and not course.repeatable:
            # A mutation, or nothing that can be told to be a query: executed once. No second call is owed.
            record.decision = course.decision = course.decision.alone
            self._caller.worker.judge.drift.began(record)
            return
        record.shed = why_not(course.service, size=upload.size, overloaded=self._caller.worker.overloaded)
        if record.shed is None:
            self._start_mirror(side, record, b"".join(upload.kept or ()))

    def _learn_repeatable(self) -> None:
        """A body that is here to its end tells whether its request only asks."""
        query_string, body = self._head.target.partition(b"?")[2].decode("latin-1"), self._upload.kept
        self._course.repeatable = body is not None and is_query(b"".join(body), query_string=query_string)

    def _start_mirror(self, side: Side, record: Record, body: bytes) -> None:
        self._mirror = start_mirror(
            self._course,
            side,
            record,
            head=self._head,
            lines=self._lines,
            body=body,
            dropped=self._caller.worker.steering.dropped,
            patience=self._course.service.mirror_patience if self._care is None else self._care.mirror_patience,
            settled=self._caller.worker.judge.settled if self._care is None else self._mirrored,
        )

    def _mirrored(self, record: Record) -> None:
        """The mirrored call has ended: learn from it, then judge."""
        if self._care is not None:
            self._care.mirrored()
        self._caller.worker.judge.settled(record)

    def _try_again(self, failure: Failure) -> bool:
        """Ask once more where that is certain to harm nobody. Says whether it did."""
        if self._upload.kept is None:
            return False
        if failure.trouble is Trouble.STALE and self._course.repeatable:
            self._ask(self._side, fresh=True)
            return True
        care, unsent = self._care, failure.trouble is Trouble.REFUSED
        if care is None or self._side is Side.LEGACY or not (unsent or self._course.repeatable) or not care.legacy_may:
            return False
        self._ask_legacy(care, failure.message)
        return True

    def _ask_legacy(self, care: Care, why: str) -> None:
        """Let legacy answer in the candidate's place."""
        if self._mirror is not None:
            self._mirror.cancel(why)
        self._link = self._mirror = None
        care.fall_back(why)
        self._ask(Side.LEGACY)

    def _become_tunnel(self, head: ResponseHead) -> None:
        link = self._link
        assert link is not None
        link.patience = link.deadline = math.inf
        if self._care is not None:
            self._care.ended()
            self._care = None  # how a tunnel ends says nothing about the candidate
        self._started, self._framing = True, UNTIL_CLOSE
        self._caller.write(tunnel_bytes(head))
        if self._reply is not None:
            self._reply.head(head)
            self._reply.end(self._course.service.legacy.now())
        self._caller.become_tunnel(link)

    def _answer(self, status: HTTPStatus, text: str) -> None:
        self._caller.keep_alive = False
        self._caller.write(plain_answer(status, text, head_only=self._head.method == b"HEAD"))

    def _close(self, error: str | None, *, answered: bool = False) -> None:
        self._closed = True
        self._link = None
        reply, record, course = self._reply, self._record, self._course
        if reply is not None and record is not None:
            if course.decision.mirror is not None and record.mirrored is None and record.shed is None:
                record.shed = "it ended before the whole request had come"
            reply.end(course.service.legacy.now(), error)
            if answered:
                legacy_took(course, reply)
            self._caller.worker.judge.settled(record)
        self._caller.exchange_ended()
