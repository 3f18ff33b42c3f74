"""Pairs of answers held against each other as the table of the moment has it.

Small ones are compared at once, large ones in a thread, so that the loop goes on serving. Whoever wants
a pair compared is called back, at once or later.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

import structlog

from migrator.core.comparison import Answer, Comparison, compare
from migrator.core.fields import FieldIndex, index_of, results_of
from migrator.core.routing import Route, Routes
from migrator.core.rulebook import Rulebook
from migrator.core.rules import NO_RULES, Rules
from migrator.core.stages import Scrutiny
from migrator.core.tally import FieldResult
from migrator.core.wire import Outcome, Side
from migrator.gateway.faults import told
from migrator.gateway.record import Record, Reply, sides
from migrator.sdk.framing import value_of

LARGE_BYTES: Final = 65_536
"""Unequal bodies of this size together are compared in a thread."""
LARGE_QUEUE: Final = 32
READ_ALWAYS: Final = frozenset({b"content-encoding", b"content-type"})
"""Headers that say how a body is read."""
LINKS: Final = frozenset({b"location", b"content-location"})

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Compared:
    """A pair that was compared, and what it says about the endpoint's fields."""

    comparison: Comparison
    fields: Sequence[FieldResult]


Then = Callable[[Record, Compared | None], None]
"""Is told the end of a comparison; None where it was given up."""


class Comparing:
    """Belongs to one worker's loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="compare")
        self._headers: Sequence[str] = ()
        self._read = READ_ALWAYS
        self._fields: dict[int, FieldIndex] = {}
        self._routes: Routes | None = None
        self._homes: dict[tuple[str, Side], str] = {}
        self._book = Rulebook()
        self.in_thread = 0
        """Pairs that wait for the thread or are in it."""

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
        self._fields = {}
        self._homes = {
            (service.name, side): urlsplit(url).netloc.lower()
            for service in routes.services.values()
            for side, url in ((Side.LEGACY, service.legacy_url), (Side.CANDIDATE, service.candidate_url))
        }

    def pair(self, record: Record, then: Then) -> None:
        """Compare the record's two answers, which are both there, and tell `then`."""
        control, candidate = self._answers(record)
        if len(control.body) + len(candidate.body) > LARGE_BYTES and self._reads(record, control, candidate):
            self._in_thread(record, control, candidate, then)
        else:
            then(record, self._compare_safely(record, control, candidate))

    def narrowed(self, record: Record, compared: Compared, stayed: Collection[tuple[str, str]]) -> Compared:
        """The comparison as if it had differed at these places and kinds only.

        Fields that differed elsewhere become incomparable, the rest stays what it was.
        """
        comparison, legacy = compared.comparison, sides(record)[0]
        assert legacy is not None
        left = replace(
            comparison,
            differences=tuple(each for each in comparison.differences if (each.shape, each.kind) in stayed),
            shapes=tuple(place for place in comparison.shapes if place in stayed),
        )
        still = {
            each.unit: each.outcome for each in self._field_results(record.route, self._answer(record, legacy), left)
        }
        fields = [
            replace(each, outcome=Outcome.INCOMPARABLE)
            if each.outcome is Outcome.MISMATCH and still.get(each.unit) is not Outcome.MISMATCH
            else each
            for each in compared.fields
        ]
        return Compared(left, fields)

    def close(self) -> None:
        """Wait for the thread."""
        self._thread.shutdown(wait=True)

    # ------------------------------------------------------------------------------ inside

    def _answers(self, record: Record) -> tuple[Answer, Answer]:
        """The two answers to compare. Legacy is always the control, whoever served."""
        legacy, candidate = sides(record)
        assert legacy is not None
        assert candidate is not None
        return self._answer(record, legacy), self._answer(record, candidate)

    def _answer(self, record: Record, reply: Reply) -> Answer:
        headers = [(field[0], value_of(field)) for field in reply.fields if field[0] in self._read]
        # A link to a side's own address means the same as the other side's link to its own.
        links = any(name in LINKS for name, _ in headers)
        return Answer(
            status=reply.status,
            headers=headers,
            body=b"".join(reply.body),
            truncated=reply.truncated,
            hosts=(self._homes.get((record.route.unit.service, reply.side), ""),) if links else (),
        )

    def _reads(self, record: Record, control: Answer, candidate: Answer) -> bool:
        """Whether the bodies must be read, rather than found to be the same bytes."""
        fields = self._routes is not None and self._routes.fields.get(record.route.unit.id)
        return control.body != candidate.body or bool(fields)

    def _compare_safely(self, record: Record, control: Answer, candidate: Answer) -> Compared | None:
        """A fault of ours while comparing a pair costs that pair, and is said."""
        try:
            return self._compare(record, control, candidate)
        except Exception as error:
            log.error("judge.fault", unit=record.route.unit.key, fault=told(error))
            return None

    def _compare(self, record: Record, control: Answer, candidate: Answer) -> Compared:
        comparison = compare(
            control=control,
            candidate=candidate,
            rules=self._rules(record),
            scrutiny=record.route.scrutiny,
            compared_headers=self._headers,
        )
        return Compared(comparison, self._field_results(record.route, control, comparison))

    def _rules(self, record: Record) -> Rules:
        """The rules in force for the request's endpoint."""
        if self._routes is None:
            return NO_RULES
        unit = record.route.unit
        fields = (child.unit.id for child in self._routes.fields.get(unit.id, ()))
        return self._book.rules(unit=unit.id, fields=fields, service=unit.service, now=record.at)

    def _in_thread(self, record: Record, control: Answer, candidate: Answer, then: Then) -> None:
        if self.in_thread >= LARGE_QUEUE:
            record.shed = "comparing falls behind"
            then(record, None)
            return
        self.in_thread += 1

        def work() -> None:
            self._loop.call_soon_threadsafe(finish, self._compare_safely(record, control, candidate))

        def finish(compared: Compared | None) -> None:
            self.in_thread -= 1
            then(record, compared)

        self._thread.submit(work)

    def _field_results(self, route: Route, control: Answer, comparison: Comparison) -> Sequence[FieldResult]:
        """What the pair says about each field that occurs in it."""
        if self._routes is None or comparison.outcome is Outcome.SKIPPED:
            return ()
        children = self._routes.fields.get(route.unit.id)
        if not children or route.scrutiny is not Scrutiny.BODIES:
            return ()
        index = self._fields.get(route.unit.id)
        if index is None:
            index = self._fields[route.unit.id] = index_of(children)
        return results_of(children, index, comparison=comparison, control=control)
