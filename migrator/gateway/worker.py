"""One serving process: the listener, the table it follows, the evidence it hands in."""

import asyncio
import contextlib
import gc
import itertools
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog
import uvloop

from migrator.core.routing import Routes
from migrator.gateway.admin import Admin
from migrator.gateway.config import Config
from migrator.gateway.judge import Judge
from migrator.gateway.server import Caller
from migrator.gateway.steering import Course, Steering
from migrator.sdk.follower import Follower
from migrator.sdk.holding import Holding
from migrator.sdk.reporter import EVERY_SECONDS, Reporter
from migrator.sdk.spool import Spool
from migrator.sdk.transport import ControlPlane

BACKLOG: Final = 1_024
DRAIN_SECONDS: Final = 15.0
"""How long requests in hand may take after the order to stop."""
MIRROR_SECONDS: Final = 1.0
"""How long mirrored calls may take after that."""
FINISH_SECONDS: Final = 2.0
"""How long handing in the last report may take. It is on disk in any case."""
TICK_SECONDS: Final = 0.1
TICKS_PER_SWEEP: Final = 10
LATE_SECONDS: Final = 0.25
"""A loop later than this is overloaded: mirrors are left out until it keeps time again."""
SWITCH_SECONDS: Final = 0.001
"""How long the comparing thread may hold the interpreter while the loop has work."""
COLLECT_AFTER: Final = 50_000
"""Objects that appear, net of those that go, before cycles are looked for. Python's 700 are made by one large pair."""

log = structlog.get_logger()


class Worker:
    """Everything that one process needs. Made and run inside its event loop."""

    def __init__(self, config: Config, *, number: int, report_every: float = EVERY_SECONDS) -> None:
        self.config = config
        self.number = number
        self.overloaded = False
        self.steering = Steering(legacy=config.legacy)
        own = config.state_dir / f"worker-{number}"
        own.mkdir(parents=True, exist_ok=True)
        control_plane = ControlPlane(url=config.control_plane, token=config.token, project=config.project)
        self.follower = Follower(control_plane=control_plane, state_dir=own, on_table=self._obey)
        self.reporter = Reporter(
            control_plane=control_plane,
            source=f"{config.name}/{number}",
            spool=Spool(own / "spool"),
            kind="gateway",
            applied=lambda: self.follower.version,
            every=report_every,
        )
        self.holding = Holding(
            control_plane=control_plane,
            state_dir=config.state_dir,
            routes=lambda: self.follower.routes,
            changed=self._hold_again,
        )
        self.reporter.left_out = lambda: self.steering.left_out
        self._left_out: tuple[str, ...] = ()
        self.judge = Judge(reporter=self.reporter)
        self.now = asyncio.get_running_loop().time
        self._callers: set[Caller] = set()
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    # ------------------------------------------------------------ what connections call

    def joined(self, caller: Caller) -> None:
        self._callers.add(caller)

    def left(self, caller: Caller) -> None:
        self._callers.discard(caller)

    def passed(self, course: Course) -> None:
        self.reporter.pass_by(service=course.service.name, method=course.method, path=course.path)
        if not course.repeatable:
            self.judge.drift.seen(course.path.rstrip("/"), course.subject, self.now())

    @property
    def connections(self) -> int:
        return len(self._callers)

    # -------------------------------------------------------------------------- running

    def stop(self) -> None:
        """Drain and end."""
        self._stop.set()

    async def run(self) -> None:
        """Serve until told to stop, then drain."""
        # What is forced comes before the table, and overrides after it: its key tells whether they are real.
        self.holding.look()
        self.follower.start_from_disk()
        self.holding.look()
        server = await self._listen()
        admin = await Admin(self).listen() if self.number == 0 else None
        for work in (self.follower.run(), self.reporter.run(), self.holding.run(), self._tick()):
            self._start(work)
        log.info(
            "gateway.serving",
            address=f"{self.config.host}:{self.config.port}",
            admin=f"{self.config.admin_host}:{self.config.admin_port}",
            worker=self.number,
        )
        await self._stop.wait()
        await self._drain(server, admin)

    # --------------------------------------------------------------------------- inside

    def _obey(self, routes: Routes) -> None:
        self.steering.hold = self.holding.hold(routes)
        self.steering.apply(routes)
        self.judge.apply(routes)
        self.holding.orders.table_came()
        self.reporter.report_soon()

    def _hold_again(self) -> None:
        """Take over what is held at legacy, from the next request on, and say so in the next report."""
        self.steering.hold = self.holding.hold(self.follower.routes)
        self.reporter.forced, self.reporter.overrides = self.holding.forced_keys, self.holding.orders.signed
        self.reporter.report_soon()

    def _tell_left_out(self) -> None:
        """Report at once whose candidate is left out, where that has changed."""
        before, self._left_out = self._left_out, self.steering.left_out
        if before != self._left_out:
            self.reporter.report_soon()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """None of the tasks ends by itself: one that does has met a fault, and the parent starts us afresh."""
        if not task.cancelled():
            log.critical("gateway.fault", error=repr(task.exception()), exc_info=task.exception())
            self.stop()

    async def _listen(self) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(
            lambda: Caller(self), self.config.host, self.config.port, reuse_port=True, backlog=BACKLOG
        )

    async def _tick(self) -> None:
        """Notice when the loop runs late, and close what has been idle for too long."""
        for tick in itertools.count():
            due = self.now() + TICK_SECONDS
            await asyncio.sleep(TICK_SECONDS)
            now = self.now()
            self.overloaded = now - due > LATE_SECONDS
            self._tell_left_out()
            if tick % TICKS_PER_SWEEP == 0:
                for caller in [caller for caller in self._callers if caller.overdue(now)]:
                    caller.give_up()

    async def _drain(self, server: asyncio.Server, admin: asyncio.Server | None) -> None:
        """1. Take no more. 2. Finish what is in hand. 3. Leave what is not finished. 4. Judge. 5. Report."""
        for listener in filter(None, (server, admin)):
            listener.close()
        for caller in list(self._callers):
            caller.drain()
        await _until(lambda: not self._callers, seconds=DRAIN_SECONDS)
        for caller in list(self._callers):
            caller.give_up()
        await _until(lambda: not self._callers and not self.steering.mirrors, seconds=MIRROR_SECONDS)
        for call in self.steering.mirrors:
            call.cancel("the gateway stopped")
        for task in self._tasks:
            task.remove_done_callback(self._ended)
            task.cancel()
        self.judge.close()
        await asyncio.sleep(0)
        await self.reporter.finish(seconds=FINISH_SECONDS)
        await self.follower.saved()


async def _until(condition: Callable[[], bool], *, seconds: float) -> None:
    """Wait for something, for so long at most."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.02)


def serve(config: Config, *, number: int, parent: int | None = None) -> None:
    """Be a worker until a signal, or until `parent` closes: the reading end of a pipe that the parent holds."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()  # what was imported stays for ever: it is not looked at again
    gc.set_threshold(COLLECT_AFTER, 20, 20)

    async def main() -> None:
        worker, loop = Worker(config, number=number), asyncio.get_running_loop()
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signal_number, worker.stop)
        if parent is not None:
            loop.add_reader(parent, worker.stop)
        await worker.run()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


def why_taken(host: str, port: int) -> str | None:
    """Why an address cannot be listened on; None where it can. Workers share it among them, strangers must not."""
    with socket.socket(_family(host)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror
    return None


def free_port(host: str) -> int:
    """A port of this host that nobody listens on."""
    with socket.socket(_family(host)) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
