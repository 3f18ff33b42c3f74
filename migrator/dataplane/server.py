"""What the views of the data plane server share: one of each per process."""

import asyncio
from dataclasses import dataclass, field
from http import HTTPStatus

from django.conf import settings
from django.db import Error as DatabaseError

from migrator.dataplane.doors import Doors
from migrator.dataplane.following import Tables
from migrator.dataplane.overrides import Overrides
from migrator.dataplane.presence import Presence
from migrator.dataplane.problems import Problem, later
from migrator.dataplane.reports import Inbox
from migrator.dataplane.standby import Standby
from migrator.dataplane.table import LiveTable


@dataclass(slots=True)
class Server:
    """What the views share."""

    doors: Doors = field(default_factory=Doors)
    tables: Tables = field(default_factory=Tables)
    presence: Presence = field(default_factory=Presence)
    overrides: Overrides = field(default_factory=Overrides)
    standby: Standby = field(default_factory=Standby)
    inbox: Inbox = field(default_factory=lambda: Inbox(url=settings.REDIS_URL, shards=settings.REPORT_SHARDS))

    async def start(self) -> None:
        await self.overrides.start()
        self.tables.start()
        self.presence.start()
        self.standby.start()
        await self.inbox.check()

    async def stop(self) -> None:
        await self.overrides.stop()
        await asyncio.to_thread(self.standby.stop)
        await self.tables.stop()
        await self.presence.stop()
        await self.inbox.close()

    async def live_table(self, slug: str) -> LiveTable:
        """Raises Problem: 404, or 503 where the database is needed and away."""
        try:
            table = await self.tables.table(slug)
        except DatabaseError:
            raise later("The database does not answer, and this table is not in memory. Keep yours.") from None
        if table is None:
            raise Problem(HTTPStatus.NOT_FOUND, f"There is no project {slug}.")
        return table
