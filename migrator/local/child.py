"""One supervised process: started in a group of its own, told when to stop, never left behind.

A child gets a process group so that Ctrl-C reaches only the supervisor, which stops its children in
order. On Linux the kernel sends it `stop_signal` should the supervisor itself be killed; elsewhere the
pid file lets the next start find it.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from migrator.local.ownership import User

LOG_LIMIT: Final = 20 * 1024 * 1024
"""Bytes after which a log is put aside when its child starts."""
DYING_S: Final = 5.0
"""A busy machine takes that long to bury what was killed."""
_PR_SET_PDEATHSIG: Final = 1
# Loaded here because loading a library between fork and exec may deadlock.
_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(slots=True, kw_only=True)
class Child:
    """A process as it should run, and the one that runs. Times in seconds."""

    name: str
    command: list[str]
    log: Path
    pid_file: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    """On top of our own environment."""
    cwd: Path | None = None
    user: User | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 10.0
    """How long it may take to stop before it is killed."""
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        """Raises RuntimeError where it was never started."""
        if self.process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self.process.pid

    def start(self) -> None:
        """Start it; what it says goes to the end of its log. Call it from the main thread: on Linux the child dies
        with the thread that started it.

        Raises OSError where it cannot be executed.
        """
        with _opened_log(self.log) as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own commands
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.cwd,
                env={**os.environ, **self.env},
                start_new_session=True,
                preexec_fn=_leash(self.stop_signal),
                user=self.user.uid if self.user else None,
                group=self.user.gid if self.user else None,
                extra_groups=[] if self.user else None,
            )
        if self.pid_file is not None:
            self.pid_file.write_text(str(self.pid))

    def ask_to_stop(self) -> None:
        if self.alive:
            os.kill(self.pid, self.stop_signal)

    def stop(self) -> None:
        """Ask it to stop, wait, and kill what is left of its group."""
        self.ask_to_stop()
        self.finish(self.grace)

    def finish(self, seconds: float) -> None:
        """Wait for a process that was asked to stop, and kill what is left of its group."""
        if self.process is not None:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(max(seconds, 0.0))
        self.kill()

    def kill(self) -> None:
        """kill -9 to the whole group, also where its leader is dead already."""
        if self.process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.pid_file is not None:
            self.pid_file.unlink(missing_ok=True)


def _leash(stop_signal: signal.Signals) -> Callable[[], None]:
    parent = os.getpid()

    def tie_to_parent() -> None:
        if _LIBC is None:
            return
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(stop_signal))
        if os.getppid() != parent:  # the parent died before the leash was on
            os._exit(1)

    return tie_to_parent


def _opened_log(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_LIMIT:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


def reap(pid_file: Path, *, belongs: str, grace: float = 10.0) -> None:
    """Stop what an earlier, killed supervisor left behind.

    `belongs` must occur in the process's command line: ids are reused, and strangers are left alone.
    """
    with suppress(FileNotFoundError, ValueError, ProcessLookupError):
        pid = int(pid_file.read_text().partition("\n")[0])
        if belongs in command_of(pid):
            _end(pid, grace)
    pid_file.unlink(missing_ok=True)


def command_of(pid: int) -> str:
    """The command line of a process, "" where there is none."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    if sys.platform == "linux":
        return ""
    return subprocess.run(["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True).stdout  # noqa: S603


def _end(pid: int, grace: float) -> None:
    """SIGINT (PostgreSQL: disconnect everybody and stop), then SIGKILL. Raises ProcessLookupError once it is gone."""
    os.kill(pid, signal.SIGINT)
    if not _goes(pid, grace):
        os.killpg(pid, signal.SIGKILL)
        _goes(pid, DYING_S)  # whoever starts next wants its port and its files


def _goes(pid: int, seconds: float) -> bool:
    """Wait until it is gone, or dead and waiting for its parent."""
    deadline = time.monotonic() + seconds
    while command_of(pid):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)
    return True
