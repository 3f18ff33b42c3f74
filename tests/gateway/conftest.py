"""A gateway between services whose every byte a test decides."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import uvloop

from migrator.gateway.config import Config
from migrator.gateway.worker import Worker
from tests.ports import free_port
from tests.wires import Caller, Plane, Service, closing, eventually

QUICK = {"rereads_after_ms": [10, 20, 40], "noise_share": 0}
"""Manners of a project whose tests need not wait, and which nobody asks twice unless it says so."""


class Rig:
    """Legacy, candidate, control plane, and a gateway that runs in a thread of this process."""

    def __init__(self, state_dir: Path, **settings: Any) -> None:
        self.legacy, self.candidate, self.plane = Service(), Service(), Plane()
        self.port, self.admin_port = free_port(), free_port()
        self.version = 0
        self.config = Config(
            control_plane=self.plane.url,
            token="t",
            project="shop",
            host="127.0.0.1",
            port=self.port,
            admin_host="127.0.0.1",
            admin_port=self.admin_port,
            admin_named=True,
            state_dir=state_dir,
            workers=1,
            name="gw",
            **{"legacy": None, **settings},
        )
        self.worker: Worker | None = None

    def start(self) -> "Rig":
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(10)
        eventually(self._listens)
        return self

    def stop(self) -> None:
        if self.worker is not None:
            self._loop.call_soon_threadsafe(self.worker.stop)
            self._thread.join(20)
            self.worker = None

    def call(self) -> Caller:
        return Caller(self.port)

    def get(self, target: str, *headers: str, method: str = "GET", body: bytes = b"") -> Any:
        return self.call().get(target, *headers, method=method, body=body)

    def publish(
        self,
        *units: dict[str, Any],
        manners: dict[str, Any] | None = None,
        rules: Sequence[dict[str, Any]] = (),
        table: dict[str, Any] | None = None,
        **upstreams: Any,
    ) -> None:
        """A table that the gateway obeys when this returns. Each unit may leave out what does not matter."""
        self.version += 1
        number = self.version
        service = {"name": "main", "legacy_url": self.legacy.url, "candidate_url": self.candidate.url, **upstreams}
        rows = [{"id": at, "service": "main", **unit} for at, unit in enumerate(units, 1)]
        version = {"epoch": 1, "number": number}
        whole = {
            "project": "shop",
            "version": version,
            "services": [service],
            "units": rows,
            "manners": {**QUICK, **(manners or {})},
            "rules": rules,
            **(table or {}),
        }
        self.plane.publish(whole)
        eventually(lambda: self.worker and self.worker.follower.version.number == number)

    def outcomes(self, *, of: int, unit: int = 1) -> dict[str, int]:
        """The outcomes of a unit, once `of` requests have one."""
        eventually(lambda: sum(self.plane.outcomes(unit).values()) >= of)
        return self.plane.outcomes(unit)

    def _run(self, started: threading.Event) -> None:
        async def main() -> None:
            self._loop = asyncio.get_running_loop()
            self.worker = Worker(self.config, number=0, report_every=0.05)
            started.set()
            await self.worker.run()

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())

    def _listens(self) -> bool:
        try:
            self.call().close()
            Caller(self.admin_port).close()
        except OSError:
            return False
        return True


@pytest.fixture
def make_rig(tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    rigs: list[Rig] = []

    def make(**settings: Any) -> Rig:
        rigs.append(Rig(tmp_path, **settings))
        return rigs[-1]

    yield make
    for rig in rigs:
        with closing(rig.legacy, rig.candidate, rig.plane.service):
            rig.stop()


@pytest.fixture
def rig(make_rig: Callable[..., Rig]) -> Rig:
    return make_rig().start()
