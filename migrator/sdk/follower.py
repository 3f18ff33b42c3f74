"""Follows the routing table, and keeps the last good one whatever happens.

A table is applied in one assignment. It is refused, and the one in force stays, where it is garbage,
empty, of another project, older than the one in force, or made for a bucket algorithm not known here.
The last good table is on disk, so that a data plane that starts while the control plane is away obeys it.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from random import uniform
from typing import Final

import structlog

from migrator.core.routing import Routes, build_table
from migrator.core.wire import (
    BUCKET_ALGORITHM,
    BUCKET_ALGORITHM_VERSION,
    RoutingTable,
    Version,
    WireError,
    decode_table,
    encode,
)
from migrator.sdk.disk import write_whole
from migrator.sdk.transport import Backoff, ControlPlane, ControlPlaneError

FILE_NAME: Final = "table.json"
QUICK: Final = 0.05
"""A poll that brings nothing sooner than this, in seconds, was not held: do not ask at once again."""
LARGE_BYTES: Final = 1_000_000
"""A table of more is made ready in a thread."""
SAVE_SECONDS: Final = 1.0
SLICE: Final = 2_000
"""Units encoded in one go."""

log = structlog.get_logger()


class TableRefused(ValueError):
    """A table that is not obeyed, and why."""


class Follower:
    """Keeps `routes` up to date. Belongs to one event loop."""

    def __init__(
        self,
        *,
        control_plane: ControlPlane,
        state_dir: Path | None = None,
        on_table: Callable[[Routes], None] = lambda routes: None,
    ) -> None:
        """`on_table` is called in the loop with each table as it comes into force."""
        self.routes: Routes | None = None
        self.refused: str | None = None
        """Why the last table that came was not obeyed; None where it was."""
        self.trouble: str | None = None
        """Why the control plane cannot be followed at the moment."""
        self.last_contact: float | None = None
        """When the control plane last answered, seconds since the epoch."""
        self._control_plane = control_plane
        self._path = None if state_dir is None else state_dir / FILE_NAME
        self._on_table = on_table
        self._etag: str | None = None
        self._backoff = Backoff()
        self._saving: asyncio.Task[None] | None = None
        self._saved: Routes | None = None

    @property
    def version(self) -> Version:
        """The version in force; 0 before any."""
        return self.routes.version if self.routes is not None else Version(epoch=0, number=0)

    def start_from_disk(self) -> bool:
        """Obey the table kept by a former run. Says whether there was a good one."""
        if self._path is None or not self._path.exists():
            return False
        try:
            self._saved = self._prepare(self._path.read_bytes())
        except (OSError, WireError, ValueError) as error:
            log.warning("table.unreadable", path=str(self._path), reason=str(error))
            return False
        self._obey(self._saved)
        return True

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            began = time.monotonic()
            try:
                news = await self.poll()
            except ControlPlaneError as error:
                self._note_trouble(str(error))
                await asyncio.sleep(self._backoff.failed(error))
                continue
            self._backoff.succeeded()
            self._note_trouble(None)
            if not news and time.monotonic() - began < QUICK:
                await asyncio.sleep(uniform(0.5, 1.0))

    async def poll(self) -> bool:
        """Ask once. Says whether another table came into force. Raises ControlPlaneError."""
        since = None if self.routes is None or self.refused else self.routes.version
        answer = await self._control_plane.poll(etag=self._etag, since=since)
        self.last_contact = time.time()
        if answer.body is None:
            return False
        try:
            if len(answer.body) > LARGE_BYTES:  # the loop serves others meanwhile
                routes = await asyncio.to_thread(self._prepare, answer.body)
            else:
                routes = self._prepare(answer.body)
        except (WireError, ValueError) as error:
            self._refuse(str(error))
            raise ControlPlaneError(f"its table is refused: {error}") from error
        self.refused, self._etag = None, answer.etag
        if self.routes is not None and routes.version == self.routes.version:
            return False
        self._obey(routes)
        self._save()
        return True

    async def saved(self) -> None:
        """Wait until the table in force is on disk."""
        while self._path is not None and self._saving is not None and self._saved is not self.routes:
            await asyncio.sleep(0.01)

    # ------------------------------------------------------------------------------ inside

    def _prepare(self, body: bytes) -> Routes:
        """A table made ready, if it may follow the one in force. Raises TableRefused, WireError or ValueError."""
        table = decode_table(body)
        if table.project != self._control_plane.project:
            raise TableRefused(f"it is a table of project {table.project!r}, not {self._control_plane.project!r}")
        if (table.algorithm, table.algorithm_version) != (BUCKET_ALGORITHM, BUCKET_ALGORITHM_VERSION):
            raise TableRefused(f"its bucket algorithm {table.algorithm} {table.algorithm_version} is not known here")
        if table.version < self.version:
            raise TableRefused(f"version {table.version} is older than {self.version}, which is in force")
        if self.routes is not None and self.routes.services and table.since is None and not table.services:
            raise TableRefused("it is empty, and the one in force is not")
        return build_table(table, previous=self.routes)

    def _obey(self, routes: Routes) -> None:
        """Put a table in force."""
        self._on_table(routes)
        self.routes = routes
        log.info("table.applied", version=str(routes.version), units=len(routes.units))

    def _refuse(self, reason: str) -> None:
        """Keep what is in force, and ask for a whole table next time."""
        self.refused, self._etag = reason, None
        log.warning("table.refused", reason=reason, in_force=str(self.version))

    def _note_trouble(self, trouble: str | None) -> None:
        if trouble is not None and self.trouble is None:
            log.warning("control_plane.lost", reason=trouble, in_force=str(self.version))
        if trouble is None and self.trouble is not None:
            log.info("control_plane.found")
        self.trouble = trouble

    def _save(self) -> None:
        if self._path is not None and self._saving is None:
            self._saving = asyncio.create_task(self._keep_saving(self._path))

    async def _keep_saving(self, path: Path) -> None:
        """Write the table in force at once, and again where others came meanwhile: once a second at most."""
        try:
            while self.routes is not None and self._saved is not self.routes:
                routes = self.routes
                await asyncio.to_thread(_write, path, routes)
                self._saved = routes
                await asyncio.sleep(SAVE_SECONDS)
        except OSError as error:
            log.error("table.not_saved", path=str(path), reason=str(error))
        finally:
            self._saving = None


def _write(path: Path, routes: Routes) -> None:
    """Write a table whole. In slices, so that other threads have their turn while a large one is encoded."""
    frame = RoutingTable(
        project=routes.project,
        version=routes.version,
        manners=routes.manners,
        services=tuple(routes.services.values()),
        rules=routes.rules,
        rules_version=routes.rules_version,
        override_key=routes.override_key,
        units=(),
    )
    units = [route.unit for route in routes.units.values()]
    slices = (encode(units[at : at + SLICE])[1:-1] for at in range(0, len(units), SLICE))
    write_whole(path, encode(frame).replace(b'"units":[]', b'"units":[' + b",".join(slices) + b"]", 1))
