"""From the two answers to one outcome, after the caller has been served.

Records wait in a queue and are judged in short turns between other work. The queue is bounded: what does
not fit is `skipped`. A mismatch of a read is looked into before it counts (`rereading`).
"""

import asyncio
from collections import deque
from typing import Final

import structlog

from migrator.core.comparison import Comparison
from migrator.core.places import places
from migrator.core.routing import Routes
from migrator.core.tally import Observation, subject_hash
from migrator.core.wire import Manners, Outcome, Proof
from migrator.gateway.comparing import Compared, Comparing
from migrator.gateway.drift import Drift
from migrator.gateway.faults import told
from migrator.gateway.identity import Identity, entity_of, shape_of
from migrator.gateway.noise import Noise
from migrator.gateway.record import Record, Reply, failed, sides
from migrator.gateway.rereading import ACQUITTED, Rereading
from migrator.gateway.samples import Samples
from migrator.sdk.reporter import Reporter

TURN_SECONDS: Final = 0.025
"""How long one turn of judging may hold up the loop."""
QUEUE: Final = 512
"""Records waiting to be judged. More are counted as skipped."""
NO_EVIDENCE: Final = frozenset({Outcome.NOT_SAMPLED, Outcome.SKIPPED, Outcome.LEGACY_ERROR})
"""Outcomes of requests that say nothing about the candidate: nobody asks whose they were."""
UNCOMPARED: Final = Compared(Comparison(), ())

log = structlog.get_logger()


class Judge:
    """Ends every request of a unit as exactly one outcome. Belongs to one worker's loop."""

    def __init__(self, *, reporter: Reporter) -> None:
        self._loop = asyncio.get_running_loop()
        self._reporter = reporter
        self._queue: deque[Record] = deque()
        self._scheduled = False
        self._comparing = Comparing()
        self.drift = Drift()
        self._rereading = Rereading(comparing=self._comparing, drift=self.drift, ended=self._looked_into)
        self._noise = Noise(comparing=self._comparing, drift=self.drift, reporter=reporter)
        self._samples = Samples()
        self._identity = Identity(Manners())

    def apply(self, routes: Routes) -> None:
        """Judge as another table has it."""
        self._comparing.apply(routes)
        self._rereading.apply(routes.manners)
        self._noise.apply(routes.manners)
        self._samples.apply(routes.manners)
        self._identity = Identity(routes.manners)

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
        return len(self._queue) + self._comparing.in_thread + self._rereading.waiting

    def close(self) -> None:
        """Judge what waits, wait for the thread. What is being looked into counts as it is."""
        while self._queue:
            self._judge_safely(self._queue.popleft())
        self._rereading.close()
        self._comparing.close()

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
            log.error("judge.fault", unit=record.route.unit.key, fault=told(error))
            self._report(record, Outcome.SKIPPED)

    def _judge(self, record: Record) -> None:
        self.drift.ended(record, self._loop.time())
        if self._identity.names_builds:
            self._note_builds(record)
        outcome = outcome_before_comparing(record)
        if outcome is None and len(self._queue) > QUEUE:
            record.shed, outcome = "comparing falls behind", Outcome.SKIPPED
        if outcome is not None:
            self._report(record, outcome)
        else:
            self._comparing.pair(record, self._compared)

    def _compared(self, record: Record, compared: Compared | None) -> None:
        if compared is None:
            self._report(record, Outcome.SKIPPED)
            return
        self._rereading.met()
        self._noise.consider(record)
        outcome = compared.comparison.outcome
        if outcome is not Outcome.MISMATCH:
            self._report(record, outcome, compared)
            return
        proof = self._rereading.look_into(record, compared)
        if proof is not None:
            self._looked_into(record, compared, proof)

    def _looked_into(self, record: Record, compared: Compared, proof: Proof) -> None:
        if proof in ACQUITTED:
            self._report(record, Outcome.INCOMPARABLE, self._comparing.narrowed(record, compared, ()), proof)
        else:
            self._report(record, Outcome.MISMATCH, compared, proof)

    def _report(
        self, record: Record, outcome: Outcome, compared: Compared = UNCOMPARED, proof: Proof | None = None
    ) -> None:
        self._reporter.observe(self._observation(record, outcome, compared, proof))
        try:
            sample = self._samples.of(record, outcome, compared.comparison)
        except Exception as error:
            log.error("sample.fault", unit=record.route.unit.key, fault=told(error))
            return
        if sample is not None:
            self._reporter.keep(sample)

    def _observation(self, record: Record, outcome: Outcome, compared: Compared, proof: Proof | None) -> Observation:
        unit, served, identity = record.route.unit, record.served, self._identity
        assert served is not None
        legacy, candidate = sides(record)
        differs, counts = outcome is Outcome.MISMATCH, outcome not in NO_EVIDENCE
        return Observation(
            unit=unit.id,
            at=record.at,
            evidence_epoch=unit.evidence_epoch,
            outcome=outcome,
            served=served.side,
            legacy_ms=_milliseconds(legacy),
            candidate_ms=_milliseconds(candidate),
            subject=None if record.subject is None else subject_hash(record.subject),
            entity=entity_of(record) if counts and record.subject is None else None,
            shape=shape_of(record) if counts else None,
            shapes=places(compared.comparison) if differs else (),
            fields=compared.fields,
            hidden=compared.comparison.ruled,
            caller=identity.caller(record) if differs else None,
            kind=identity.kind(record) if counts else None,
            legacy_cost=identity.cost(legacy) if identity.counts_cost else None,
            candidate_cost=identity.cost(candidate) if identity.counts_cost else None,
            legacy_build=identity.build(legacy) if differs else None,
            candidate_build=identity.build(candidate) if differs else None,
            proof=proof,
        )

    def _note_builds(self, record: Record) -> None:
        """Tell which builds answered. One that names none is told too, unless it failed: then who knows who spoke."""
        for reply in (record.served, record.mirrored):
            if reply is None or not reply.status:
                continue
            build = self._identity.build(reply)
            if build is not None or not failed(reply):
                self._reporter.answered(
                    service=record.route.unit.service, side=reply.side, build=build or "", at=record.at
                )


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


def _milliseconds(reply: Reply | None) -> float | None:
    return None if reply is None or reply.error is not None or not reply.status else reply.milliseconds
