"""The parent of the serving processes: starts them, replaces those that die, stops them together."""

import os
import signal
import sys
import time
from dataclasses import dataclass, replace
from types import FrameType
from typing import Final

import structlog

from migrator.gateway.config import Config
from migrator.gateway.worker import DRAIN_SECONDS, FINISH_SECONDS, MIRROR_SECONDS, free_port, serve, why_taken
from migrator.sdk.disk import write_whole
from migrator.sdk.spool import SUFFIX

SHORT_LIFE: Final = 5.0
"""Seconds. A worker that dies sooner is replaced more slowly each time."""
LONGEST_PAUSE: Final = 5.0
ADMIN_FILE: Final = "admin"
"""In the state directory: the admin address of the gateway that runs there."""
PATIENCE: Final = DRAIN_SECONDS + MIRROR_SECONDS + FINISH_SECONDS + 3.0

log = structlog.get_logger()


@dataclass(slots=True)
class Child:
    """One worker process."""

    number: int
    pid: int
    started: float
    early_deaths: int


class Supervisor:
    """Keeps as many workers alive as were asked for."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._children: dict[int, Child] = {}
        self._stopping = False
        # Workers hold the reading end: it closes when this process is gone, however it went.
        self._lifeline, self._held = os.pipe()

    def run(self) -> int:
        """Supervise until SIGTERM or SIGINT. Returns the exit code."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        for number in range(self._config.workers):
            self._start(number, early_deaths=0)
        while self._children and not self._stopping:
            self._reap()
        return self._finish()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True
        for child in self._children.values():
            _kill(child.pid, signal.SIGTERM)

    def _start(self, number: int, *, early_deaths: int) -> None:
        pid = os.fork()
        if pid == 0:
            os._exit(self._be_worker(number))
        self._children[pid] = Child(number, pid, time.monotonic(), early_deaths)

    def _be_worker(self, number: int) -> int:
        """In the child: serve, and never return into the parent's code."""
        os.close(self._held)
        try:
            serve(self._config, number=number, parent=self._lifeline)
        except BaseException as error:
            log.critical("gateway.crashed", worker=number, error=repr(error), exc_info=error)
            return 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
        return 0

    def _reap(self) -> None:
        """Wait for a death, replace the dead."""
        try:
            pid, status = os.wait()
        except InterruptedError:
            return
        child = self._children.pop(pid, None)
        if child is None or self._stopping:
            return
        lived = time.monotonic() - child.started
        early = child.early_deaths + 1 if lived < SHORT_LIFE else 0
        pause = min(LONGEST_PAUSE, 0.1 * 2**early) if early else 0.0
        log.error("worker.died", worker=child.number, status=os.waitstatus_to_exitcode(status), lived=round(lived, 1))
        time.sleep(pause)
        if not self._stopping:
            self._start(child.number, early_deaths=early)

    def _finish(self) -> int:
        """Wait for the workers to drain; end those that do not."""
        deadline = time.monotonic() + PATIENCE
        while self._children:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            self._children.pop(pid, None)
            if not pid:
                time.sleep(0.02)
            if time.monotonic() > deadline:
                for child in self._children.values():
                    _kill(child.pid, signal.SIGKILL)
                deadline += PATIENCE
        return 0


def supervise(config: Config) -> int:
    """Run a gateway until it is told to stop. Returns its exit code: 2 where an address is taken."""
    if not config.admin_named and why_taken(config.admin_host, config.admin_port):
        config = replace(config, admin_port=free_port(config.admin_host))
    for flag, host, port in (
        ("--listen", config.host, config.port),
        ("--admin", config.admin_host, config.admin_port),
    ):
        reason = why_taken(host, port)
        if reason is not None:
            sys.stderr.write(f"migrator.gateway: {flag} {host}:{port} cannot be used: {reason}\n")
            return 2
    adopt_spools(config)
    # For whoever has to force legacy in a hurry and was not there when the gateway was started.
    write_whole(config.state_dir / ADMIN_FILE, f"{config.admin_host}:{config.admin_port}\n".encode())
    return Supervisor(config).run()


def adopt_spools(config: Config) -> None:
    """Hand what workers of a former, larger gateway left unsent to the first of the present ones."""
    heir = config.state_dir / "worker-0" / "spool"
    for folder in config.state_dir.glob("worker-*/spool"):
        number = folder.parent.name.removeprefix("worker-")
        if not number.isdigit() or int(number) < config.workers:
            continue
        heir.mkdir(parents=True, exist_ok=True)
        for path in folder.glob(f"*{SUFFIX}"):
            path.rename(heir / path.name)


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
