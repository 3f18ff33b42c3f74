"""Keeping the tables in memory current: PostgreSQL says when a project changed, and a slow poll makes sure.

The commit is the publication. A notification only wakes us early; one that is lost costs POLL_S. While the
database is away the tables stay as they are, and say since when.
"""

import asyncio
from time import time
from typing import Final

import psycopg
import structlog
from django.db import Error as DatabaseError
from django.db import connections

from migrator.core.wire import Version
from migrator.dataplane.reading import read_project, versions_of
from migrator.dataplane.table import LiveTable
from migrator.dataplane.threads import in_thread
from migrator.inventory.versions import CHANNEL
from migrator.rollout import overrides

POLL_S: Final = 2.0
RECONNECT_S: Final = 0.5
CONNECT_S: Final = 5
REMEMBER_S: Final = 30.0
READ_S: Final = 30.0
"""How long reading a table may take; a whole one of 100,000 units takes a second."""

log = structlog.get_logger()


class Tables:
    """All tables that data planes asked for, by project slug."""

    def __init__(self) -> None:
        self._tables: dict[str, LiveTable] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(work) for work in (self._listen(), self._poll(), self._remember())]

    def let_go(self) -> None:
        """End all waiting polls."""
        for table in self._tables.values():
            table.let_go()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def table(self, slug: str) -> LiveTable | None:
        """The current table of a project; None where there is no such project. Raises DatabaseError."""
        if slug not in self._tables:
            async with self._locks.setdefault(slug, asyncio.Lock()):
                if slug not in self._tables:
                    reading = await in_thread(lambda: read_project(slug=slug), seconds=READ_S)
                    if reading is None:
                        del self._locks[slug]
                        return None
                    self._tables[slug] = LiveTable(slug=slug, reading=reading)
        return self._tables[slug]

    def of_project(self, project_id: int) -> LiveTable | None:
        return next((table for table in self._tables.values() if table.project_id == project_id), None)

    async def refresh(self, table: LiveTable) -> None:
        """Bring a table up to what is committed. Refreshes of one table queue up. Raises DatabaseError."""
        async with self._locks[table.slug]:
            moving = frozenset(table.moving)
            reading = await in_thread(
                lambda: read_project(slug=table.slug, after=table.version, moving=moving), seconds=READ_S
            )
            table.stale_since = None
            if reading is None:
                return
            if reading.version < table.version:
                log.error("table.went_back", project=table.slug, here=str(table.version), there=str(reading.version))
            table.apply(reading)

    async def _listen(self) -> None:
        while True:
            try:
                await self._hear()
            except (psycopg.Error, OSError, DatabaseError) as error:
                log.warning("table.not_listening", error=str(error))
            await asyncio.sleep(RECONNECT_S)

    async def _hear(self) -> None:
        parameters = connections["default"].get_connection_params()
        for ours in ("cursor_factory", "context"):
            parameters.pop(ours, None)
        parameters.setdefault("connect_timeout", CONNECT_S)
        async with await psycopg.AsyncConnection.connect(**parameters, autocommit=True) as connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            await self._check()
            async for notice in connection.notifies():
                table = self.of_project(int(notice.payload))
                if table is not None:
                    await self.refresh(table)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            try:
                await self._check()
            except DatabaseError as error:
                self._grow_stale(error)

    async def _remember(self) -> None:
        """Keep the tables on disk, for whoever has to roll back on this host while the database is away."""
        kept: dict[str, Version] = {}
        while True:
            await asyncio.sleep(REMEMBER_S if kept else POLL_S)
            for slug, table in self._tables.items():
                if kept.get(slug) == table.version:
                    continue
                kept[slug], body = table.version, table.body(since=None, compressed=False)
                try:
                    await asyncio.to_thread(overrides.remember, project=slug, table=body)
                except OSError as error:
                    log.warning("table.not_remembered", project=slug, error=str(error))

    async def _check(self) -> None:
        """Refresh every table that is behind."""
        tables = {table.project_id: table for table in self._tables.values()}
        if not tables:
            return
        present: dict[int, Version] = await in_thread(lambda: versions_of(tables))
        for project_id, table in tables.items():
            table.stale_since = None
            if project_id in present and table.version < present[project_id]:
                await self.refresh(table)

    def _grow_stale(self, error: Exception) -> None:
        log.warning("table.stale", error=str(error))
        for table in self._tables.values():
            table.stale_since = table.stale_since or time()
