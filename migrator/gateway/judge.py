"""From the two answers to one outcome, after the caller has been served.

Records wait in a queue and are judged in short turns between other work. Large bodies are compared in
a thread, so that the loop goes on serving. Both queues are bounded: what does not fit is `skipped`.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog

from migrator.core.comparison import Answer, Comparison, compare
from migrator.core.fields import FieldIndex
from migrator.core.paths import PathRefused
from migrator.core.routing import Route, Routes, field_path
from migrator.core.rulebook import Rulebook
from migrator.core.rules import NO_RULES, Rules
from migrator.core.stages import Scrutiny
from migrator.core.tally import FieldResult, Observation, subject_hash
from migrator.core.wire import Outcome, Side
from migrator.gateway.record import Record, Reply
from migrator.gateway.samples import Samples
from migrator.sdk.framing import value_of
from migrator.sdk.reporter import Reporter

TURN_SECONDS: Final = 0.025
"""How long one turn of judging may hold up the loop."""
QUEUE: Final = 512
"""Records waiting to be judged. More are counted as skipped."""
LARGE_BYTES: Final = 65_536
"""Unequal bodies of this size together are compared in a thread."""
LARGE_QUEUE: Final = 32
SERVER_ERROR: Final = 500

Judgement = tuple[Outcome, Comparison | None, Sequence[FieldResult]]

READ_ALWAYS: Final = frozenset({b"content-encoding", b"content-type"})
"""Headers that say how a body is read."""

log = structlog.get_logger()


class Judge:
    """Ends every request of a unit as exactly one outcome. Belongs to one worker's loop."""

    def __init__(self, *, reporter: Reporter) -> None:
        self._loop = asyncio.get_running_loop()
        self._reporter = reporter
        self._queue: deque[Record] = deque()
        self._scheduled = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="compare")
        self._in_thread = 0
        self._headers: Sequence[str] = ()
        self._read = READ_ALWAYS
        self._fields: dict[int, FieldIndex] = {}
        self._routes: Routes | None = None
        self._book = Rulebook()
        self._samples = Samples()

    def apply(self, routes: Routes) -> None:
        """Compare as another table has it."""
        if self._routes is None or routes.rules != self._routes.rules:
            self._book = Rulebook(routes.rules)
            for rule, reason in self._book.refused.items():
                log.warning("rule.refused", rule=rule, reason=reason)
        self._book.forget_units()
        self._routes = routes
        self._headers = tuple(name.lower() for name in routes.manners.compared_headers)
        self._read = READ_ALWAYS | {name.encode() for name in self._headers}
        self._samples.allowed = routes.manners.value_paths
        self._fields = {}

    def settled(self, record: Record) -> None:
        """Something ended for this record. Judge it in a while if nothing more will come."""
        if not record.settled:
            return
        self._queue.append(record)
        if not self._scheduled:
            self._scheduled = True
            self._later()

    @property
    def waiting(self) -> int:
        """Records that have no outcome yet although nothing more will come for them."""
        return len(self._queue) + self._in_thread

    def close(self) -> None:
        """Judge what waits, wait for the thread."""
        while self._queue:
            self._judge_safely(self._queue.popleft())
        self._thread.shutdown(wait=True)

    # ------------------------------------------------------------------------------ inside

    def _later(self) -> None:
        """Two rounds of the loop from now: the answers written in this one leave in between."""
        self._loop.call_soon(self._loop.call_soon, self._turn)

    def _turn(self) -> None:
        until = self._loop.time() + TURN_SECONDS
        while self._queue:
            self._judge_safely(self._queue.popleft())
            if self._loop.time() > until:
                self._later()
                return
        self._scheduled = False

    def _judge_safely(self, record: Record) -> None:
        """A fault of ours while judging one record costs that record, and is said."""
        try:
            self._judge(record)
        except Exception as error:
            log.error("judge.fault", unit=record.route.unit.key, exc_info=error)
            self._report(record, Outcome.SKIPPED, None)

    def _judge(self, record: Record) -> None:
        outcome = outcome_before_comparing(record)
        if outcome is None and len(self._queue) > QUEUE:
            record.shed, outcome = "comparing falls behind", Outcome.SKIPPED
        if outcome is not None:
            self._report(record, outcome, None)
            return
        control, candidate = self._answers(record)
        if len(control.body) + len(candidate.body) > LARGE_BYTES and self._reads(record, control, candidate):
            self._judge_in_thread(record, control, candidate)
        else:
            self._report(record, *self._compare(record, control, candidate))

    def _answers(self, record: Record) -> tuple[Answer, Answer]:
        """The two answers to compare. Legacy is always the control, whoever served."""
        legacy, candidate = sides(record)
        assert legacy is not None
        assert candidate is not None
        return self._answer(legacy), self._answer(candidate)

    def _answer(self, reply: Reply) -> Answer:
        return Answer(
            status=reply.status,
            headers=[(field[0], value_of(field)) for field in reply.fields if field[0] in self._read],
            body=b"".join(reply.body),
            truncated=reply.truncated,
        )

    def _reads(self, record: Record, control: Answer, candidate: Answer) -> bool:
        """Whether the bodies must be read, rather than found to be the same bytes."""
        fields = self._routes is not None and self._routes.fields.get(record.route.unit.id)
        return control.body != candidate.body or bool(fields)

    def _compare(self, record: Record, control: Answer, candidate: Answer) -> Judgement:
        comparison = compare(
            control=control,
            candidate=candidate,
            rules=self._rules(record),
            scrutiny=record.route.scrutiny,
            compared_headers=self._headers,
        )
        return comparison.outcome, comparison, self._field_results(record.route, control, comparison)

    def _rules(self, record: Record) -> Rules:
        """The rules in force for the request's endpoint."""
        if self._routes is None:
            return NO_RULES
        unit = record.route.unit
        fields = (child.unit.id for child in self._routes.fields.get(unit.id, ()))
        return self._book.rules(unit=unit.id, fields=fields, service=unit.service, now=record.at)

    def _judge_in_thread(self, record: Record, control: Answer, candidate: Answer) -> None:
        if self._in_thread >= LARGE_QUEUE:
            record.shed = "comparing falls behind"
            self._report(record, Outcome.SKIPPED, None)
            return
        self._in_thread += 1

        def work() -> None:
            judgement: Judgement = (Outcome.SKIPPED, None, ())
            try:
                judgement = self._compare(record, control, candidate)
            except Exception as error:
                log.error("judge.fault", unit=record.route.unit.key, exc_info=error)
            self._loop.call_soon_threadsafe(finish, judgement)

        def finish(judgement: Judgement) -> None:
            self._in_thread -= 1
            self._report(record, *judgement)

        self._thread.submit(work)

    def _report(
        self,
        record: Record,
        outcome: Outcome,
        comparison: Comparison | None,
        fields: Sequence[FieldResult] = (),
    ) -> None:
        unit, served = record.route.unit, record.served
        assert served is not None
        legacy, candidate = sides(record)
        self._reporter.observe(
            Observation(
                unit=unit.id,
                at=record.at,
                evidence_epoch=unit.evidence_epoch,
                outcome=outcome,
                served=served.side,
                legacy_ms=_milliseconds(legacy),
                candidate_ms=_milliseconds(candidate),
                subject=None if record.subject is None else subject_hash(record.subject),
                shapes=() if comparison is None else comparison.shapes,
                fields=fields,
            )
        )
        try:
            sample = self._samples.of(record, outcome, comparison)
        except Exception as error:
            log.error("sample.fault", unit=unit.key, exc_info=error)
            return
        if sample is not None:
            self._reporter.keep(sample)

    def _field_results(self, route: Route, control: Answer, comparison: Comparison) -> Sequence[FieldResult]:
        """What the pair says about each field that occurs in it."""
        if self._routes is None or comparison.outcome is Outcome.SKIPPED:
            return ()
        children = self._routes.fields.get(route.unit.id)
        if not children or route.scrutiny is not Scrutiny.BODIES:
            return ()
        index = self._fields.get(route.unit.id) or self._index(route.unit.id, children)
        results = index.results(comparison, control)
        return [
            FieldResult(
                child.unit.id,
                child.unit.evidence_epoch,
                Outcome.MISMATCH if results[child.unit.id] else Outcome.MATCH,
            )
            for child in children
            if child.unit.id in results
        ]

    def _index(self, endpoint: int, children: Sequence[Route]) -> FieldIndex:
        """The endpoint's fields, ready to be looked for. Those whose path is not understood are left out."""
        paths: list[tuple[int, str]] = []
        for child in children:
            path = field_path(child.unit.key)
            if path is not None and _understood(path):
                paths.append((child.unit.id, path))
        self._fields[endpoint] = FieldIndex(paths)
        return self._fields[endpoint]


def outcome_before_comparing(record: Record) -> Outcome | None:
    """The outcome of a request whose answers need not be compared; None where they must be."""
    if record.fallback is not None:
        return Outcome.CANDIDATE_ERROR
    legacy, candidate = sides(record)
    if legacy is not None and failed(legacy):
        return Outcome.LEGACY_ERROR
    if candidate is not None and failed(candidate):
        return Outcome.CANDIDATE_ERROR
    if record.shed is not None:
        return Outcome.SKIPPED
    if record.mirrored is None:
        return Outcome.NOT_SAMPLED
    return None


def failed(reply: Reply) -> bool:
    """Whether a side failed, rather than answered: no whole answer, or one that says so itself."""
    return reply.error is not None or reply.status >= SERVER_ERROR


def sides(record: Record) -> tuple[Reply | None, Reply | None]:
    """Legacy's reply and the candidate's, whoever served."""
    served, mirrored = record.served, record.mirrored
    if served is not None and served.side is Side.CANDIDATE:
        return mirrored, served
    return served, mirrored


def _milliseconds(reply: Reply | None) -> float | None:
    return None if reply is None or reply.error is not None or not reply.status else reply.milliseconds


def _understood(path: str) -> bool:
    try:
        FieldIndex([(0, path)])
    except PathRefused:
        return False
    return True
