"""Starts the product, keeps it running, stops it in order.

It speaks in single lines: one when the product is ready, one for each process that fell over. What the
processes themselves say stands in `.local/logs`.
"""

import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import Final

from migrator.local.child import Child

FIRST_DELAY: Final = 0.5
"""Seconds before a process that fell over starts again; doubled each time it falls at once."""
LONGEST_DELAY: Final = 30.0
SETTLED: Final = 60.0
"""Seconds after which a running process counts as healthy again."""
READY_SECONDS: Final = 180.0
TICK: Final = 0.2


class Stopped(Exception):
    """Somebody pressed Ctrl-C or sent SIGTERM."""


class StartFailed(RuntimeError):
    """The product did not get ready. The message is one line for a person."""


@dataclass(slots=True, kw_only=True)
class Charge:
    """A child in our care. Times are of time.monotonic()."""

    child: Child
    before_start: Callable[[], None] = lambda: None
    """What must be cleared away before it can start again."""
    started_at: float = 0.0
    delay: float = FIRST_DELAY
    due_at: float | None = None
    """When it is to be started again; None while it runs."""

    def start(self) -> None:
        self.child.start()
        self.started_at, self.due_at = time.monotonic(), None


@dataclass(slots=True)
class Supervisor:
    """The processes in our care, in the order in which they were started."""

    charges: list[Charge] = field(default_factory=list)
    stop_asked: threading.Event = field(default_factory=threading.Event)

    def listen(self) -> None:
        """From now on Ctrl-C and SIGTERM ask us to stop. Repeating them changes nothing: stopping takes its order."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._asked)

    def _asked(self, _number: int, _frame: FrameType | None) -> None:
        self.stop_asked.set()

    def start(self, child: Child, *, before_start: Callable[[], None] = lambda: None) -> None:
        """Take a process into care and start it. Raises Stopped where somebody asked us to stop."""
        self.check()
        self.charges.append(Charge(child=child, before_start=before_start))
        self.charges[-1].start()

    def check(self) -> None:
        if self.stop_asked.is_set():
            raise Stopped

    def run(self, child: Child) -> str:
        """Run a process to its end and return what it printed. Raises StartFailed with its last line, or Stopped."""
        child.log.unlink(missing_ok=True)
        child.start()
        while child.alive:
            if self.stop_asked.wait(0.05):
                child.stop()
                raise Stopped
        said = child.log.read_text(errors="replace").strip()
        if child.process is not None and child.process.returncode != 0:
            last = said.splitlines()[-1] if said else "it said nothing"
            raise StartFailed(f"{child.name} failed: {last} (its log: {child.log})")
        return said

    def wait_ready(self, url: str) -> None:
        """Return once `url` answers 200, looking after the processes meanwhile. Raises StartFailed or Stopped."""
        deadline = time.monotonic() + READY_SECONDS
        while not _answers(url):
            self.check()
            self.look_after()
            if time.monotonic() > deadline:
                raise StartFailed(f"{url} does not answer after {READY_SECONDS:.0f} seconds; see the logs.")
            self.stop_asked.wait(TICK)

    def watch(self, *, seconds: float | None) -> None:
        """Look after the processes until somebody asks us to stop, or for so many seconds."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while not self.stop_asked.wait(TICK) and (deadline is None or time.monotonic() < deadline):
            self.look_after()

    def look_after(self) -> None:
        """Start again whoever fell over, later each time it falls at once, and say so."""
        for charge in self.charges:
            now = time.monotonic()
            if charge.child.alive:
                continue
            if charge.due_at is None:
                self._schedule(charge, now)
            elif now >= charge.due_at:
                with suppress(OSError):
                    charge.before_start()
                charge.start()

    def _schedule(self, charge: Charge, now: float) -> None:
        charge.delay = FIRST_DELAY if now - charge.started_at > SETTLED else charge.delay
        charge.due_at = now + charge.delay
        child = charge.child
        code = child.process.returncode if child.process is not None else None
        child.kill()  # whatever is left of its group
        say(f"{child.name} {_ending(code)}; starting it again in {charge.delay:g} s. Its log: {child.log}")
        charge.delay = min(charge.delay * 2, LONGEST_DELAY)

    def stop(self, names: Iterable[str] | None = None) -> None:
        """Stop everybody (or those named), all at the same time, and forget them."""
        chosen = [charge for charge in reversed(self.charges) if names is None or charge.child.name in names]
        asked_at = time.monotonic()
        for charge in chosen:
            # Asked once: to some, a second signal means that they should not finish their work.
            charge.child.ask_to_stop()
        for charge in chosen:
            charge.child.finish(asked_at + charge.child.grace - time.monotonic())
            self.charges.remove(charge)


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the supervisor's voice


def _ending(code: int | None) -> str:
    if code is None or code >= 0:
        return f"stopped with exit code {code}"
    return f"was stopped by {signal.Signals(-code).name}"


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
