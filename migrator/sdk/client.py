"""For Python services: decide in process, call both sides, compare, report.

    client = Client(control_plane="https://migrator.example", token="…", project="shop")
    client.start()
    user = client.run("GET /users/{id}", subject=user_id, legacy=load_old, candidate=load_new)

The rules are the gateway's: a write is executed on one side only, the second call is made in a thread
that nobody waits for, and a caller never fails because of a candidate that should only have read.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import random
from socket import gethostname
from typing import Any, Final, Generic, NamedTuple, TypeVar, cast

import msgspec
import structlog

from migrator.core.comparison import Answer, Comparison, compare
from migrator.core.override import Hold
from migrator.core.places import places
from migrator.core.redaction import findings
from migrator.core.requested import shape_hash, work_hash
from migrator.core.routing import Decision, Route, Routes, decide, fallback
from migrator.core.rulebook import Rulebook
from migrator.core.rules import NO_RULES, Rules
from migrator.core.stages import Operation, Stage
from migrator.core.tally import Observation, subject_hash
from migrator.core.wire import Outcome, RuleSpec, Sample, Side, Version
from migrator.sdk.few import Few
from migrator.sdk.follower import Follower
from migrator.sdk.holding import Holding
from migrator.sdk.reporter import Reporter
from migrator.sdk.spool import Spool
from migrator.sdk.transport import ControlPlane
from migrator.sdk.watched import LEFT_OUT, Watched

T = TypeVar("T")

DICE: Final = 100_000_000
START_SECONDS: Final = 10.0
STOP_SECONDS: Final = 5.0
UNKNOWN: Final = "No routing table names this unit"

log = structlog.get_logger()
_encoder = msgspec.json.Encoder(enc_hook=repr, order="sorted")


@dataclass(slots=True)
class Call(Generic[T]):
    """What one side did."""

    side: Side
    value: T | None = None
    error: Exception | None = None
    milliseconds: float = 0.0
    answer: Answer | None = None
    """The value as the comparison takes it, once it is needed."""

    def given(self) -> T:
        """The value, or the error raised."""
        if self.error is not None:
            raise self.error
        return cast(T, self.value)


class _Whose(NamedTuple):
    """Whose call it is."""

    subject: str | None
    entity: int | None
    """What stands for an anonymous caller (core.requested)."""


class Client:
    """One service's way to the routing table. Thread-safe. Start it after forking, not before."""

    def __init__(
        self,
        *,
        control_plane: str,
        token: str,
        project: str,
        state_dir: Path | None = None,
        name: str | None = None,
        stages: Mapping[str, Stage] | None = None,
        mirrors: int = 8,
    ) -> None:
        """`stages` say where units stand while no table has been seen: those that are not named are answered
        by legacy. `mirrors` is how many second calls may be under way; more are skipped.
        """
        self._settings = (control_plane, token, project, state_dir, name or gethostname())
        self._stages = dict(stages or {})
        self._room = threading.BoundedSemaphore(mirrors)
        self._threads = ThreadPoolExecutor(max_workers=mirrors, thread_name_prefix="migrator-mirror")
        self._few = Few()
        self._book: tuple[tuple[RuleSpec, ...], Rulebook] = ((), Rulebook())
        self._watched = Watched()
        self._hold: Hold | None = None
        """What legacy answers whatever the table says."""
        self._follower: Follower | None = None
        self._holding: Holding | None = None
        self._reporter: Reporter | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="migrator-client", daemon=True)
        self._ready = threading.Event()
        self._closed = False

    def __enter__(self) -> "Client":
        self.start()
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def start(self) -> None:
        """Obey the table on disk at once, and follow and report from now on in a thread."""
        self._thread.start()
        if not self._ready.wait(START_SECONDS):
            raise RuntimeError("the client did not start")

    def close(self) -> None:
        """Finish what is under way and hand in the last report. What is run afterwards leaves no evidence."""
        self._closed = True
        self._threads.shutdown(wait=True)
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(STOP_SECONDS * 2)

    @property
    def version(self) -> Version:
        """The table in force; 0.0 before any."""
        return self._follower.version if self._follower is not None else Version(epoch=0, number=0)

    def decide(self, key: str, *, subject: str | None = None) -> Decision:
        """Who answers, and who else is asked. Never raises, never waits."""
        return self._decide(self._route(key), key, subject)

    def run(
        self,
        key: str,
        *,
        subject: str | None = None,
        entity: str | None = None,
        legacy: Callable[[], T],
        candidate: Callable[[], T],
    ) -> T:
        """Call the side that serves, and give what it gives, or raise what it raises.

        Where a candidate that serves a read fails, legacy is called instead; where it keeps failing, at once.
        Without a `subject`, `entity` says what the call is about, such as an order's number: evidence counts what
        repeats once. Where neither is named, nobody knows what repeats, and each call stands for itself.
        """
        route = self._route(key)
        whose = _Whose(subject, None if subject is not None else work_hash(key=key, entity=entity))
        decision = self._decide(route, key, subject)
        if route is not None:
            decision, candidate = self._watched.choose(route, decision, candidate)
        callables = {Side.LEGACY: legacy, Side.CANDIDATE: candidate}
        served = _call(decision.serve, callables)
        if route is None or self._closed:
            return served.given()
        if served.error is not None and served.side is Side.CANDIDATE and route.unit.operation is Operation.READ:
            replaced = _call(Side.LEGACY, callables)
            self._report(route, whose, Outcome.CANDIDATE_ERROR, served, replaced, None)
            return replaced.given()
        if decision.mirror is None:
            unseen = Outcome.CANDIDATE_ERROR if decision is LEFT_OUT else Outcome.NOT_SAMPLED
            outcome = unseen if served.error is None else _blamed(served)
            self._report(route, whose, outcome, served, None, None)
        elif _written(served) and self._room.acquire(blocking=False):
            self._threads.submit(self._mirror, route, whose, served, decision.mirror, callables)
        else:
            self._report(route, whose, Outcome.SKIPPED, served, None, None)
        return served.given()

    # ------------------------------------------------------------------------------ inside

    def _route(self, key: str) -> Route | None:
        routes = self._follower.routes if self._follower is not None else None
        return None if routes is None else routes.by_key.get(key)

    def _decide(self, route: Route | None, key: str, subject: str | None) -> Decision:
        routes = self._follower.routes if self._follower is not None else None
        held = self._hold
        if route is None or routes is None:
            stage = self._stages.get(key, Stage.BACKLOG)
            lowered = held is not None and held.covers_key(key) and stage is not Stage.REMOVED
            serve = Side.LEGACY if lowered else fallback(stage)
            return Decision(serve=serve, mirror=None, reason=UNKNOWN)
        if held is not None and held.covers(route.unit):
            return route.legacy[0]
        repeatable = route.unit.operation is Operation.READ
        dice = int(random() * DICE)
        return decide(route, subject, dice, repeatable=repeatable, random=routes.anonymous_is_random)

    def _mirror(
        self,
        route: Route,
        whose: "_Whose",
        served: Call[Any],
        side: Side,
        callables: Mapping[Side, Callable[[], Any]],
    ) -> None:
        """Make the second call and judge the pair. In a thread of its own."""
        try:
            mirrored = _call(side, callables)
            legacy, candidate = (served, mirrored) if served.side is Side.LEGACY else (mirrored, served)
            comparison = None
            if legacy.error is not None:
                outcome = Outcome.LEGACY_ERROR
            elif candidate.error is not None:
                outcome = Outcome.CANDIDATE_ERROR
            elif not _written(mirrored) or legacy.answer is None or candidate.answer is None:
                outcome = Outcome.SKIPPED
            else:
                comparison = compare(
                    control=legacy.answer,
                    candidate=candidate.answer,
                    rules=self._rules(route),
                    scrutiny=route.scrutiny,
                )
                outcome = comparison.outcome
            self._report(route, whose, outcome, served, mirrored, comparison)
        except Exception as error:
            log.error("mirror.fault", unit=route.unit.key, error=repr(error))
        finally:
            self._room.release()

    def _rules(self, route: Route) -> Rules:
        """The rules in force for a unit. Many threads may ask: each finds one table's rules whole."""
        routes = self._follower.routes if self._follower is not None else None
        if routes is None or not routes.rules:
            return NO_RULES
        known, book = self._book
        if known is not routes.rules:
            book = Rulebook(routes.rules)
            self._book = (routes.rules, book)
        fields = (child.unit.id for child in routes.fields.get(route.unit.id, ()))
        return book.rules(unit=route.unit.id, fields=fields, service=route.unit.service, now=time.time())

    def _report(
        self,
        route: Route,
        whose: "_Whose",
        outcome: Outcome,
        served: Call[Any],
        other: Call[Any] | None,
        comparison: Comparison | None,
    ) -> None:
        unit, now = route.unit, time.time()
        reporter, loop = self._reporter, self._loop
        if reporter is None or loop is None:
            return
        times = {call.side: call.milliseconds for call in (served, other) if call is not None and call.error is None}
        reporter.hand_over(
            Observation(
                unit=unit.id,
                at=now,
                evidence_epoch=unit.evidence_epoch,
                outcome=outcome,
                served=served.side,
                legacy_ms=times.get(Side.LEGACY),
                candidate_ms=times.get(Side.CANDIDATE),
                subject=None if whose.subject is None else subject_hash(whose.subject),
                entity=whose.entity,
                shape=shape_hash(method="CALL", target=unit.key.encode()),
                shapes=() if comparison is None else places(comparison),
                hidden=() if comparison is None else comparison.ruled,
            )
        )
        if outcome in (Outcome.MISMATCH, Outcome.CANDIDATE_ERROR):
            loop.call_soon_threadsafe(self._keep, route, outcome, served, other, comparison, now)

    def _keep(
        self,
        route: Route,
        outcome: Outcome,
        served: Call[Any],
        other: Call[Any] | None,
        comparison: Comparison | None,
        now: float,
    ) -> None:
        """Keep the pair as an example, if there are not enough of its kind. In the loop's thread."""
        calls = {call.side: call for call in (served, other) if call is not None}
        errors = [f"{side}: {call.error!r}" for side, call in calls.items() if call.error is not None]
        kind = errors[0] if errors else comparison and comparison.shapes[:4]
        if self._reporter is None or not self._few.admits(unit=route.unit.id, kind=(outcome, kind), at=now):
            return
        routes = self._follower.routes if self._follower is not None else None
        allowed = routes.manners.value_paths if routes is not None else ()
        self._reporter.keep(
            Sample(
                unit=route.unit.id,
                evidence_epoch=route.unit.evidence_epoch,
                at=now,
                outcome=outcome,
                served=served.side,
                method="CALL",
                path=route.unit.key[:500],
                legacy_ms=calls[Side.LEGACY].milliseconds if Side.LEGACY in calls else None,
                candidate_ms=calls[Side.CANDIDATE].milliseconds if Side.CANDIDATE in calls else None,
                error=type(next(c.error for c in calls.values() if c.error)).__name__ if errors else None,
                findings=() if comparison is None else findings(comparison, allowed),
                truncated=comparison is not None and comparison.truncated,
            )
        )

    def _run(self) -> None:
        asyncio.run(self._follow())

    async def _follow(self) -> None:
        url, token, project, state_dir, name = self._settings
        control_plane = ControlPlane(url=url, token=token, project=project)
        follower = Follower(control_plane=control_plane, state_dir=state_dir, on_table=self._applied)
        holding = self._holding = Holding(
            control_plane=control_plane,
            state_dir=state_dir,
            routes=lambda: follower.routes,
            changed=lambda: self._hold_again(follower.routes),
        )
        spool = Spool(None if state_dir is None else state_dir / "spool")
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._reporter = Reporter(
            control_plane=control_plane, source=name, spool=spool, kind="sdk", applied=lambda: follower.version
        )
        self._reporter.left_out = lambda: self._watched.left_out
        holding.look()
        follower.start_from_disk()
        holding.look()
        self._follower = follower
        self._ready.set()
        tasks = [asyncio.create_task(work) for work in (follower.run(), self._reporter.run(), holding.run())]
        for task in tasks:
            task.add_done_callback(_ended)
        await self._stop.wait()
        for task in tasks:
            task.cancel()
        await self._reporter.finish(seconds=STOP_SECONDS)
        await follower.saved()

    def _applied(self, routes: Routes) -> None:
        """Another table comes into force."""
        self._watched.apply(routes)
        if self._holding is not None:
            self._holding.orders.table_came()
        self._hold_again(routes)

    def _hold_again(self, routes: Routes | None) -> None:
        """Take over what is held at legacy, from the next call on, and say so in the next report."""
        holding, reporter = self._holding, self._reporter
        if holding is None or reporter is None:
            return
        self._hold = holding.hold(routes)
        reporter.forced, reporter.overrides = holding.forced_keys, holding.orders.signed
        reporter.report_soon()


def _ended(task: asyncio.Task[None]) -> None:
    """Neither task ends by itself: one that does has met a fault. The last table stays in force."""
    if not task.cancelled():
        log.critical("client.fault", exc_info=task.exception())


def _call(side: Side, callables: Mapping[Side, Callable[[], T]]) -> Call[T]:
    began = time.perf_counter()
    call: Call[T] = Call(side)
    try:
        call.value = callables[side]()
    except Exception as error:
        call.error = error
    call.milliseconds = (time.perf_counter() - began) * 1_000
    return call


def _blamed(call: Call[Any]) -> Outcome:
    return Outcome.LEGACY_ERROR if call.side is Side.LEGACY else Outcome.CANDIDATE_ERROR


def _written(call: Call[Any]) -> bool:
    """Write a value down for the comparison: as JSON, and as its description where JSON has no word for it.

    Before the caller has it, because the caller may change it. Says whether it could be written.
    """
    if call.error is not None:
        return True
    try:
        call.answer = Answer(status=200, body=_encoder.encode(call.value))
    except Exception as error:
        log.warning("value.not_comparable", reason=repr(error))
        return False
    return True
