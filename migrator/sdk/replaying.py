"""Recorded requests sent to both sides again, compared as the project compares, and reported as replayed.

Reads alone, of units that are tracked, to two addresses and to no third: redirects are not followed. What
differs is asked once more, because data moves between two calls; if both agree then, the pair proves nothing.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlsplit

from migrator.core.comparison import Answer, Comparison, compare
from migrator.core.fields import FieldIndex, index_of, results_of
from migrator.core.places import places
from migrator.core.requested import caller_kind, request_hash, shape_hash
from migrator.core.routing import METHOD_OVERRIDES, Route, Routes
from migrator.core.rulebook import Rulebook
from migrator.core.stages import Operation
from migrator.core.tally import FieldResult, Observation, subject_hash
from migrator.core.wire import PAIR_OUTCOMES, Outcome, Side
from migrator.sdk.asking import TooLargeError, UpstreamError, ask
from migrator.sdk.recorded import Headers, Recorded
from migrator.sdk.reporter import Reporter
from migrator.sdk.upstream import Trouble, Upstream

METHODS: Final = frozenset({"GET", "HEAD"})
MARK: Final = b"x-migrator-mirror"
AGAIN_SECONDS: Final = 0.2
SERVER_ERROR: Final = 500
REFUSALS: Final = 5
"""Connections in a row that a side may refuse once it has answered. One that never did may refuse none."""
DENIED: Final = frozenset({401, 403})
DROPPED: Final = frozenset(
    b"connection content-length expect forwarded host http2-settings if-match if-modified-since if-none-match if-range"
    b" if-unmodified-since keep-alive proxy-authorization proxy-connection te trailer transfer-encoding upgrade"
    b" x-migrator-mirror x-migrator-shadow x-migrator-sister".split()
)
"""Headers that belong to the connection of then, or ask for an answer without a body."""


class NoAnswer(ConnectionError):
    """A side cannot be reached at all: to go on would count its absence as failures."""


@dataclass(slots=True)
class Reckoning:
    """What became of a replay."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    """Requests that were not sent, or not counted, by the reason."""
    places: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Pairs that differed, by unit, place and kind."""

    @property
    def pairs(self) -> int:
        return sum(self.outcomes[outcome] for outcome in PAIR_OUTCOMES)


@dataclass(frozen=True, slots=True)
class _Reply:
    """One side's answer. `error` says why there is no whole one."""

    answer: Answer
    milliseconds: float
    error: str | None = None

    @property
    def failed(self) -> bool:
        return self.error is not None or self.answer.status >= SERVER_ERROR


class Replay:
    """Sends requests of one project. Belongs to the running event loop."""

    def __init__(
        self,
        *,
        routes: Routes,
        legacy: str,
        candidate: str,
        reporter: Reporter,
        added: Headers,
    ) -> None:
        """`added` are headers of every request, in place of the recorded ones. Raises ValueError for an address that
        is none.
        """
        self.reckoning = Reckoning()
        self._routes = routes
        self._book = Rulebook(routes.rules)
        self._indexes: dict[int, FieldIndex] = {}
        self._upstreams = {Side.LEGACY: Upstream(legacy), Side.CANDIDATE: Upstream(candidate)}
        self._homes = {Side.LEGACY: urlsplit(legacy).netloc.lower(), Side.CANDIDATE: urlsplit(candidate).netloc.lower()}
        self._refused = dict.fromkeys(Side, REFUSALS - 1)
        """Connections that each side refused since it last answered; at first it is not trusted to be there."""
        self._reporter = reporter
        self._added = added
        self._compared = [name.lower() for name in routes.manners.compared_headers]
        self._dropped = frozenset(name.lower().encode() for name in routes.manners.candidate_headers_dropped)

    def route_of(self, recorded: Recorded) -> Route | None:
        """The unit that a request belongs to, if it may be sent again. Else it is noted why it may not."""
        names = {name.lower().decode("latin-1") for name, _ in recorded.headers}
        path = recorded.target.partition(b"?")[0].decode("utf-8", "surrogateescape")
        route = self._routes.match(method=recorded.method, path=path)
        if recorded.method not in METHODS or not METHOD_OVERRIDES.isdisjoint(names):
            self.reckoning.left_out["not a read"] += 1
        elif route is None:
            self.reckoning.left_out["of no tracked unit"] += 1
        elif route.unit.operation is not Operation.READ:
            self.reckoning.left_out["of a unit that writes"] += 1
        else:
            return route
        return None

    async def send(self, recorded: Recorded, route: Route) -> None:
        """Ask both sides, compare, report. Raises NoAnswer where a side cannot be reached."""
        legacy, candidate = await self._both(recorded, route)
        if legacy.answer.status in DENIED and candidate.answer.status in DENIED:
            self.reckoning.left_out["denied by both sides (401 or 403)"] += 1
            return
        outcome, comparison = self._judged(route, legacy, candidate)
        fields = self._fields(route, legacy.answer, comparison)
        if outcome is Outcome.MISMATCH and await self._moved(recorded, route):
            outcome = Outcome.INCOMPARABLE
            fields = [_doubted(each) for each in fields]
        self._report(recorded, route, outcome, comparison, (legacy, candidate), fields)

    def close(self) -> None:
        for upstream in self._upstreams.values():
            upstream.close()

    # ------------------------------------------------------------------------------ inside

    async def _both(self, recorded: Recorded, route: Route) -> tuple[_Reply, _Reply]:
        legacy, candidate = await asyncio.gather(
            self._ask(Side.LEGACY, recorded, route), self._ask(Side.CANDIDATE, recorded, route)
        )
        return legacy, candidate

    async def _ask(self, side: Side, recorded: Recorded, route: Route) -> _Reply:
        service = self._routes.services.get(route.unit.service)
        limit = service.mirror_body_bytes if service is not None else 1_048_576
        patience = (service.mirror_timeout_ms if service is not None else 10_000) / 1_000
        began = time.perf_counter()
        answer = Answer(status=0)
        error = None
        try:
            async with asyncio.timeout(patience):
                reply = await ask(
                    self._upstreams[side],
                    method=recorded.method.encode(),
                    target=recorded.target,
                    headers=self._headers(side, recorded.headers),
                    patience=patience,
                )
                self._refused[side] = 0
                answer = Answer(status=reply.status, headers=reply.headers, hosts=(self._homes[side],))
                answer.body = await reply.read(limit=limit)
        except TooLargeError:
            answer.truncated = True
        except TimeoutError:
            error = f"no whole answer within {patience:g} s"
        except UpstreamError as failure:
            self._note_refusal(side, failure)
            error = str(failure)
        return _Reply(answer, (time.perf_counter() - began) * 1_000, error)

    def _note_refusal(self, side: Side, failure: UpstreamError) -> None:
        """Raises NoAnswer where the side is not there, rather than busy for a moment."""
        if failure.trouble is Trouble.REFUSED:
            self._refused[side] += 1
            if self._refused[side] >= REFUSALS:
                raise NoAnswer(f"{side} at {self._upstreams[side].url} cannot be reached: {failure}") from None

    def _headers(self, side: Side, recorded: Headers) -> Headers:
        """Recorded headers as this side is sent them: marked, and without what mirrored calls must not carry."""
        replaced = {name.lower() for name, _ in self._added}
        kept = [(name, value) for name, value in recorded if name.lower() not in DROPPED | replaced] + self._added
        dropped = self._dropped if side is Side.CANDIDATE else self._dropped & {MARK}
        marked = [*kept, (b"X-Migrator-Mirror", b"replay")]
        return [(name, value) for name, value in marked if name.lower() not in dropped]

    def _judged(self, route: Route, legacy: _Reply, candidate: _Reply) -> tuple[Outcome, Comparison | None]:
        """The outcome, and the comparison that it follows from; None where a side failed, and nothing was compared."""
        if legacy.failed:
            return Outcome.LEGACY_ERROR, None
        if candidate.failed:
            return Outcome.CANDIDATE_ERROR, None
        unit = route.unit
        fields = (child.unit.id for child in self._routes.fields.get(unit.id, ()))
        comparison = compare(
            control=legacy.answer,
            candidate=candidate.answer,
            rules=self._book.rules(unit=unit.id, fields=fields, service=unit.service, now=time.time()),
            compared_headers=self._compared,
        )
        return comparison.outcome, comparison

    async def _moved(self, recorded: Recorded, route: Route) -> bool:
        """Whether both sides agree a moment later."""
        await asyncio.sleep(AGAIN_SECONDS)
        legacy, candidate = await self._both(recorded, route)
        return self._judged(route, legacy, candidate)[0] in (Outcome.MATCH, Outcome.ACCEPTED)

    def _fields(self, route: Route, control: Answer, comparison: Comparison | None) -> Sequence[FieldResult]:
        children = self._routes.fields.get(route.unit.id, ())
        if not children or comparison is None or comparison.outcome is Outcome.SKIPPED:
            return ()
        if route.unit.id not in self._indexes:
            self._indexes[route.unit.id] = index_of(children)
        return results_of(children, self._indexes[route.unit.id], comparison=comparison, control=control)

    def _report(
        self,
        recorded: Recorded,
        route: Route,
        outcome: Outcome,
        comparison: Comparison | None,
        replies: tuple[_Reply, _Reply],
        fields: Sequence[FieldResult],
    ) -> None:
        self.reckoning.outcomes[outcome] += 1
        differs = comparison if outcome is Outcome.MISMATCH else None
        shapes = () if differs is None else differs.shapes
        self.reckoning.places.update((route.unit.key, shape, str(kind)) for shape, kind in shapes)
        anonymous = recorded.subject is None
        caller = _value(recorded.headers, self._routes.manners.caller_header)
        self._reporter.observe(
            Observation(
                unit=route.unit.id,
                at=time.time(),
                evidence_epoch=route.unit.evidence_epoch,
                outcome=outcome,
                served=Side.LEGACY,
                legacy_ms=None if replies[0].error else replies[0].milliseconds,
                candidate_ms=None if replies[1].error else replies[1].milliseconds,
                subject=subject_hash(recorded.subject) if recorded.subject is not None else None,
                entity=request_hash(method=recorded.method, target=recorded.target) if anonymous else None,
                shape=shape_hash(method=recorded.method, target=recorded.target),
                kind=None if caller is None else caller_kind(caller),
                shapes=() if differs is None else places(differs),
                fields=fields,
                replayed=True,
            )
        )


def _doubted(result: FieldResult) -> FieldResult:
    return replace(result, outcome=Outcome.INCOMPARABLE) if result.outcome is Outcome.MISMATCH else result


def _value(headers: Headers, name: str) -> str | None:
    wanted = name.lower().encode()
    return next((value.decode("latin-1") for key, value in headers if name and key.lower() == wanted), None)
