"""Reports on disk until the control plane has counted them. Bounded: the oldest go first, and that is counted."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from migrator.sdk.disk import write_whole

MAX_BYTES: Final = 67_108_864
MAX_REPORTS: Final = 20_000
SUFFIX: Final = ".report"

log = structlog.get_logger()


@dataclass(slots=True)
class Entry:
    """One spooled report."""

    boot: str
    seq: int
    observations: int
    size: int
    data: bytes | None
    """Its bytes, where they are not on disk."""
    sent_at: float | None = None
    """When it was last accepted, on a monotonic clock; None where it was not."""

    @property
    def name(self) -> str:
        return f"{self.boot}.{self.seq:012d}.{self.observations}{SUFFIX}"


class Spool:
    """Reports that are not yet known to be counted, oldest first. One process writes to a directory."""

    def __init__(self, directory: Path | None, *, max_bytes: int = MAX_BYTES, max_reports: int = MAX_REPORTS) -> None:
        """Finds what a former run left. Without a directory, memory takes its place."""
        self._directory = directory
        self._max_bytes = max_bytes
        self._max_reports = max_reports
        self._entries: dict[tuple[str, int], Entry] = {}
        self._bytes = 0
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
            for path in sorted(directory.glob(f"*{SUFFIX}"), key=lambda path: (path.stat().st_mtime_ns, path.name)):
                self._find(path)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def unsent(self) -> int:
        """How many were never accepted."""
        return sum(entry.sent_at is None for entry in self._entries.values())

    def put(self, *, boot: str, seq: int, observations: int, data: bytes) -> list[Entry]:
        """Keep a report. Returns those that were dropped to make room: their observations are lost.

        Where the disk cannot take it, memory does.
        """
        entry = Entry(boot=boot, seq=seq, observations=observations, size=len(data), data=None)
        try:
            if self._directory is None:
                entry.data = data
            else:
                write_whole(self._directory / entry.name, data)
        except OSError as error:
            log.error("spool.not_written", reason=str(error))
            entry.data = data
        self._entries[boot, seq] = entry
        self._bytes += entry.size
        return self._make_room()

    def due(self, *, now: float, resend_after: float) -> Entry | None:
        """The oldest report that was never accepted, or so long ago that it is sent again."""
        for entry in self._entries.values():
            if entry.sent_at is None or now - entry.sent_at > resend_after:
                return entry
        return None

    def read(self, entry: Entry) -> bytes | None:
        """A report's bytes; None where they are gone from the disk, and then the entry is too."""
        if entry.data is not None or self._directory is None:
            return entry.data
        try:
            return (self._directory / entry.name).read_bytes()
        except OSError as error:
            log.error("spool.unreadable", name=entry.name, reason=str(error))
            self.drop(entry)
            return None

    def committed(self, *, boot: str, seq: int) -> None:
        """Let go of all reports of this boot up to `seq`: they are counted."""
        for entry in [entry for entry in self._entries.values() if entry.boot == boot and entry.seq <= seq]:
            self.drop(entry)

    def drop(self, entry: Entry) -> None:
        """Let go of one report."""
        if self._entries.pop((entry.boot, entry.seq), None) is None:
            return
        self._bytes -= entry.size
        if entry.data is None and self._directory is not None:
            try:
                (self._directory / entry.name).unlink(missing_ok=True)
            except OSError as error:  # it will be found and sent again after a restart, and ignored as repeated
                log.error("spool.not_removed", name=entry.name, reason=str(error))

    def _make_room(self) -> list[Entry]:
        dropped = []
        while len(self._entries) > 1 and (self._bytes > self._max_bytes or len(self._entries) > self._max_reports):
            oldest = next(iter(self._entries.values()))
            self.drop(oldest)
            dropped.append(oldest)
        return dropped

    def _find(self, path: Path) -> None:
        boot, _, rest = path.name.removesuffix(SUFFIX).partition(".")
        seq, _, observations = rest.partition(".")
        if not (seq.isdigit() and observations.isdigit()):
            log.warning("spool.strange_file", name=path.name)
            return
        entry = Entry(boot, int(seq), int(observations), path.stat().st_size, data=None)
        self._entries[boot, entry.seq] = entry
        self._bytes += entry.size
