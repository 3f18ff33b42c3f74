"""Folds what a data plane observes into reports and hands them in, exactly once each in the end.

Every second: fold → report `(source, boot, seq)` → spool on disk → send → keep until counted.
A report is sent again while nobody has said that it was counted; the control plane ignores repetitions.
"""

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

import structlog

from migrator.core.tally import NAME_LENGTH, Folder, Observation
from migrator.core.templating import infer_template
from migrator.core.wire import (
    MOST_BUILDS,
    CauseCount,
    Observed,
    Report,
    Sample,
    SeenBuild,
    Side,
    SignedOverride,
    Tally,
    UnitRoute,
    Version,
    encode,
)
from migrator.sdk.spool import Spool
from migrator.sdk.transport import Backoff, ControlPlane, ControlPlaneError, ReportRefusedError, rest

EVERY_SECONDS: Final = 1.0
HEARTBEAT_SECONDS: Final = 5.0
"""A report even when there is nothing to tell: it says which table is in force, and fetches receipts."""
RESEND_SECONDS: Final = 30.0
REPORT_BYTES: Final = 2_000_000
"""Of tallies in one report; more are spread over several. The control plane takes twice as much in all."""
SAMPLE_BYTES: Final = 1_000_000
"""Of samples in one report. Those beyond are left out: they are examples, nothing is counted by them."""
MAX_SAMPLES: Final = 500
"""In one report. More are left out: they are examples."""
MAX_OBSERVED: Final = 500
"""Different endpoints without a unit in one report. More are counted as passed only."""
MAX_INTAKE: Final = 200_000
"""Observations handed over by other threads and not yet folded."""

log = structlog.get_logger()


class Reporter:
    """What one process has seen. Belongs to one event loop; only `hand_over` may be called from elsewhere."""

    def __init__(
        self,
        *,
        control_plane: ControlPlane,
        source: str,
        spool: Spool,
        kind: str,
        applied: Callable[[], Version],
        every: float = EVERY_SECONDS,
    ) -> None:
        """`source` names the process, such as `gw-1/0`; `applied` says which table is in force."""
        self.source = source
        self.boot = uuid.uuid4().hex
        self.sent = 0
        self.dropped = 0
        self.passed = 0
        self.forced: tuple[str, ...] = ()
        """What was forced to legacy on this data plane itself."""
        self.left_out: Callable[[], tuple[str, ...]] = tuple
        """Units whose candidate is left out because it fails or hangs."""
        self.overrides: tuple[SignedOverride, ...] = ()
        """Signed orders to lower exposure that are obeyed."""
        self.trouble: str | None = None
        self.refused = 0
        """Reports that the control plane will never take."""
        self._control_plane = control_plane
        self._spool = spool
        self._kind = kind
        self._applied = applied
        self._every = every
        self._folder = Folder()
        self._samples: list[Sample] = []
        self._sample_bytes = 0
        self._observed: dict[tuple[str, str, str], int] = {}
        self._builds: dict[tuple[str, Side, str], float] = {}
        self._intake: deque[Observation] = deque()
        self._seq = 0
        self._folded = 0
        """How many observations the folder holds."""
        self._last_report = 0.0
        self._flushing: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._work = asyncio.Event()
        self._backoff = Backoff()

    # ---------------------------------------------------------------------------- seeing

    def observe(self, seen: Observation) -> None:
        """Count one request of a unit. One that was replayed nobody made: completeness knows nothing of it."""
        if not seen.replayed:
            self.sent += 1
            self._folded += 1
        self._folder.observe(seen)

    def hand_over(self, seen: Observation) -> None:
        """The same from another thread: it is folded with the next report."""
        if len(self._intake) < MAX_INTAKE:
            self._intake.append(seen)
        else:
            self.dropped += 1
            self.sent += 1

    def disagree(self, unit: UnitRoute, *, at: float, side: Side, shapes: Iterable[tuple[str, str]]) -> None:
        """Count that one side of a unit was asked twice, and where it disagreed with itself."""
        self._folder.disagree(unit=unit.id, evidence_epoch=unit.evidence_epoch, at=at, side=side, shapes=shapes)

    def answered(self, *, service: str, side: Side, build: str, at: float) -> None:
        """A build answered as one side of a service, at `at` seconds since the epoch."""
        key = (service, side, build)
        if key in self._builds or len(self._builds) < MOST_BUILDS:
            self._builds[key] = max(at, self._builds.get(key, at))

    def keep(self, sample: Sample) -> None:
        """Add an example to the next report."""
        size = len(encode(sample))
        if len(self._samples) < MAX_SAMPLES and self._sample_bytes + size <= SAMPLE_BYTES:
            self._samples.append(sample)
            self._sample_bytes += size

    def pass_by(self, *, service: str, method: str, path: str) -> None:
        """Count one request that belongs to no unit."""
        self.passed += 1
        key = (service, method, infer_template(path))
        if key in self._observed or len(self._observed) < MAX_OBSERVED:
            self._observed[key] = self._observed.get(key, 0) + 1

    def report_soon(self) -> None:
        """There is news that cannot wait, such as a table that came into force."""
        self._wake.set()

    # ------------------------------------------------------------------------- reporting

    async def run(self) -> None:
        """Report until cancelled."""
        async with asyncio.TaskGroup() as together:
            together.create_task(self._send_for_ever())
            together.create_task(self._fold_for_ever())

    async def flush(self, *, heartbeat: bool = False) -> None:
        """Spool what was seen since the last time; nothing where there is none, unless as a `heartbeat`.

        Goes on to its end though its caller is cancelled: what was taken to be spooled is nowhere else.
        """
        self._flushing = asyncio.create_task(self._flush(heartbeat=heartbeat, after=self._flushing))
        await asyncio.shield(self._flushing)

    async def _flush(self, *, heartbeat: bool, after: asyncio.Task[None] | None) -> None:
        if after is not None:
            await asyncio.wait([after])
        for _ in range(len(self._intake)):
            self.observe(self._intake.popleft())
        tallies, observations = self._folder.take(), self._folded
        samples, self._samples, self._sample_bytes = self._samples, [], 0
        beside = _Beside(tuple(samples), self._take_observed(), self._take_builds())
        self._folded = 0
        if not (tallies or any(beside) or heartbeat):
            return
        self._last_report = time.monotonic()
        sent = self.sent
        for part in _parts(tallies):
            await self._put(part, beside, observations, sent)
            beside, observations = _NOTHING_BESIDE, 0
        self._work.set()

    async def finish(self, *, seconds: float) -> None:
        """Spool the rest and try to hand it in, for so many seconds at most."""
        await self.flush()
        try:
            async with asyncio.timeout(seconds):
                while await self._send_one():
                    pass
        except ControlPlaneError as error:
            self._note_trouble(str(error))
        except TimeoutError:
            return

    # ------------------------------------------------------------------------------ inside

    def _take_observed(self) -> tuple[Observed, ...]:
        observed, self._observed = self._observed, {}
        return tuple(
            Observed(service=service, method=method[:40], template=template, count=count)
            for (service, method, template), count in observed.items()
        )

    def _take_builds(self) -> tuple[SeenBuild, ...]:
        builds, self._builds = self._builds, {}
        return tuple(
            SeenBuild(service=service, side=side, build=build, last_seen=at)
            for (service, side, build), at in builds.items()
        )

    def _due(self) -> bool:
        return time.monotonic() - self._last_report >= HEARTBEAT_SECONDS

    async def _put(self, tallies: tuple[Tally, ...], beside: "_Beside", observations: int, sent: int) -> None:
        self._seq += 1
        seq = self._seq
        report = Report(
            project=self._control_plane.project,
            source=self.source,
            boot=self.boot,
            seq=seq,
            kind=self._kind,
            sent_at=time.time(),
            sent=sent,
            dropped=self.dropped,
            passed=self.passed,
            applied=self._applied(),
            forced=self.forced,
            left_out=self.left_out(),
            overrides=self.overrides,
            tallies=tallies,
            samples=beside.samples,
            observed=beside.observed,
            builds=beside.builds,
        )
        data = encode(report)
        lost = await asyncio.to_thread(self._spool.put, boot=self.boot, seq=seq, observations=observations, data=data)
        for entry in lost:
            log.warning("spool.full", dropped_observations=entry.observations)
            self.dropped += entry.observations if entry.boot == self.boot else 0

    async def _fold_for_ever(self) -> None:
        while True:
            await rest(self._every, until=self._wake)
            urgent = self._wake.is_set()
            self._wake.clear()
            await self.flush(heartbeat=urgent or self._due())

    async def _send_for_ever(self) -> None:
        while True:
            try:
                if await self._send_one():
                    continue
            except ControlPlaneError as error:
                self._note_trouble(str(error))
                await asyncio.sleep(self._backoff.failed(error))
                continue
            self._work.clear()
            await rest(HEARTBEAT_SECONDS, until=self._work)

    async def _send_one(self) -> bool:
        """Send the oldest report that is due. Says whether there was one. Raises ControlPlaneError."""
        entry = self._spool.due(now=time.monotonic(), resend_after=RESEND_SECONDS)
        if entry is None:
            return False
        data = self._spool.read(entry)
        if data is None:
            return True
        try:
            receipt = await self._control_plane.report(data)
        except ReportRefusedError as error:
            log.error("report.refused", seq=entry.seq, reason=str(error))
            self.refused += 1
            self.dropped += entry.observations if entry.boot == self.boot else 0
            self._spool.drop(entry)
            return True
        entry.sent_at = time.monotonic()
        self._spool.committed(boot=entry.boot, seq=receipt.committed)
        self._backoff.succeeded()
        self._note_trouble(None)
        return True

    def _note_trouble(self, trouble: str | None) -> None:
        if trouble is not None and self.trouble is None:
            log.warning("reports.held", reason=trouble, spooled=len(self._spool))
        self.trouble = trouble


class _Beside(NamedTuple):
    """What travels beside tallies."""

    samples: tuple[Sample, ...] = ()
    observed: tuple[Observed, ...] = ()
    builds: tuple[SeenBuild, ...] = ()


_NOTHING_BESIDE: Final = _Beside()


def _parts(tallies: Iterable[Tally]) -> Iterator[tuple[Tally, ...]]:
    """The tallies in parts of one report each, none beyond what is accepted; one empty part where there are none."""
    part: list[Tally] = []
    weight = 0
    for tally in tallies:
        if part and weight + _weight(tally) > REPORT_BYTES:
            yield tuple(part)
            part, weight = [], 0
        part.append(tally)
        weight += _weight(tally)
    yield tuple(part)


def _weight(tally: Tally) -> int:
    """About how many bytes of JSON a tally takes, on the safe side."""
    numbers = len(tally.subjects) + len(tally.mismatching_subjects) + len(tally.shapes)
    histograms = (tally.legacy_latency, tally.candidate_latency, tally.legacy_cost, tally.candidate_cost)
    buckets = sum(map(len, histograms))
    callers = (30 + 6 * NAME_LENGTH) * len(tally.callers)
    paths = sum(80 + 2 * (len(path.shape) + len(path.pattern)) for path in tally.paths)
    causes = sum(_weight_of_cause(cause) for cause in tally.causes)
    return 500 + 21 * numbers + 16 * buckets + callers + paths + causes + 40 * len(tally.hidden)


def _weight_of_cause(cause: CauseCount) -> int:
    names = len(cause.callers) + len(cause.legacy_builds) + len(cause.candidate_builds)
    return 120 + 4 * len(cause.places) + 21 * len(cause.subjects) + (30 + 6 * NAME_LENGTH) * names
