"""What data planes say of themselves, on its way to the database; and which of their reports are counted, back.

A report costs no database work of its own: what it says is remembered here, and a loop writes it and reads the
watermarks for all sources at once. It runs every second, and at once when somebody applied another version,
because people wait for that.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from time import monotonic
from typing import Final

import structlog
from django.db import Error as DatabaseError
from django.db.models import Q
from django.utils import timezone

from migrator.core.wire import REPLAY, Report, Version
from migrator.dataplane.overrides import ids_of
from migrator.dataplane.threads import in_thread
from migrator.observations.models import ReportSource
from migrator.rollout import planes
from migrator.rollout.models import DataPlane

WRITE_S: Final = 1.0
GATHER_S: Final = 0.02
"""Many data planes apply a version at the same moment: they are written together."""
QUIET_S: Final = 60.0
"""Sources that were silent for this long are forgotten here."""
BATCH: Final = 500
KIND_LENGTH: Final = 50
MOST_LEFT_OUT: Final = 1_000

log = structlog.get_logger()
Name = tuple[int, str]
"""Project id and source."""
Run = tuple[int, str, str]
"""Project id, source and boot."""


@dataclass(slots=True)
class Heard:
    """The newest word of one data plane."""

    kind: str
    boot: str
    applied: Version
    forced: bool
    """Its own switch holds some of it at legacy."""
    left_out: tuple[str, ...]
    """Units whose candidate it leaves out."""
    overrides: tuple[str, ...]
    """Ids of the signed overrides that it obeys."""
    sent_at: float
    at: datetime
    written: bool = False

    @property
    def position(self) -> tuple[object, ...]:
        """What people wait to see changed."""
        return (self.boot, self.applied, self.forced, self.left_out, self.overrides)


@dataclass(slots=True)
class Watermark:
    """How far the reports of one run are counted, and when it was last asked for (monotonic seconds)."""

    committed: int
    asked_at: float


class Presence:
    """The data planes that this process hears."""

    def __init__(self) -> None:
        self._heard: dict[Name, Heard] = {}
        self._watermarks: dict[Run, Watermark] = {}
        self._urgent = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._write_for_ever())

    async def stop(self) -> None:
        """Write what is not written yet."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            await self._write()

    def hear(self, report: Report, *, project_id: int) -> int:
        """Note a report. Returns how far the reports of its run are counted, as of a second ago."""
        if report.kind != REPLAY:  # serves nobody: no flip waits for it
            self._note(report, (project_id, report.source))
        run = (project_id, report.source, report.boot)
        mark = self._watermarks.setdefault(run, Watermark(0, 0.0))
        mark.asked_at = monotonic()
        return mark.committed

    def _note(self, report: Report, name: Name) -> None:
        before = self._heard.get(name)
        if before is not None and report.sent_at < before.sent_at:
            return  # sent again, or left over from an earlier run: it says nothing about now
        self._heard[name] = Heard(
            kind=report.kind,
            boot=report.boot,
            applied=report.applied,
            forced=bool(report.forced),
            left_out=report.left_out[:MOST_LEFT_OUT],
            overrides=tuple(ids_of(report)),
            sent_at=report.sent_at,
            at=timezone.now(),
        )
        if before is None or before.position != self._heard[name].position:
            self._urgent.set()

    async def _write_for_ever(self) -> None:
        while True:
            try:
                async with asyncio.timeout(WRITE_S):
                    await self._urgent.wait()
                await asyncio.sleep(GATHER_S)
            except TimeoutError:
                pass
            self._urgent.clear()
            await self._write()

    async def _write(self) -> None:
        self._forget_the_quiet()
        fresh = {name: heard for name, heard in self._heard.items() if not heard.written}
        if not self._watermarks:
            return
        runs = list(self._watermarks)
        try:
            counted = await in_thread(lambda: _exchange(fresh, runs))
        except DatabaseError as error:
            log.warning("presence.not_written", error=str(error))
            return
        for heard in fresh.values():
            heard.written = True
        for run, seq in counted.items():
            if run in self._watermarks:
                self._watermarks[run].committed = seq

    def _forget_the_quiet(self) -> None:
        then = monotonic() - QUIET_S
        self._watermarks = {run: mark for run, mark in self._watermarks.items() if mark.asked_at > then}
        present = {run[:2] for run in self._watermarks}
        self._heard = {name: heard for name, heard in self._heard.items() if name in present}


def _exchange(fresh: dict[Name, Heard], runs: Sequence[Run]) -> dict[Run, int]:
    """Write what was heard; read how far the reports of each run are counted."""
    rows = [_row(name, heard) for name, heard in sorted(fresh.items(), key=lambda item: item[0])]
    planes.note(rows=rows, now=timezone.now())
    counted: dict[Run, int] = {}
    for start in range(0, len(runs), BATCH):
        wanted = (Q(project_id=pk, source=source, boot=boot) for pk, source, boot in runs[start : start + BATCH])
        found = ReportSource.objects.filter(reduce(or_, wanted))
        for project_id, source, boot, seq in found.values_list("project_id", "source", "boot", "committed_seq"):
            counted[project_id, source, boot] = seq
    return counted


def _row(name: Name, heard: Heard) -> DataPlane:
    project_id, source = name
    return DataPlane(
        project_id=project_id,
        source=source,
        kind=heard.kind[:KIND_LENGTH],
        boot=heard.boot,
        applied_epoch=min(heard.applied.epoch, 2**31 - 1),
        applied_number=heard.applied.number,
        forced_legacy=heard.forced,
        left_out=list(heard.left_out),
        overrides=list(heard.overrides),
        first_seen_at=heard.at,
        last_seen_at=heard.at,
    )
