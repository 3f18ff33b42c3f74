"""Signed overrides out, from a directory; and into the ledger, as soon as there is a database.

What is handed out comes from memory, which follows the directory: neither database nor Redis is asked. What was
adopted is known from the last time that the database answered.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2s
from typing import Final

import structlog
from django.db import Error as DatabaseError
from django.utils import timezone

from migrator.core.override import Orders, OverrideRefused, read
from migrator.core.wire import Report, SignedOverride, Version, encode
from migrator.dataplane.threads import in_thread
from migrator.rollout import overrides

LOOK_S: Final = 0.5
"""How old what is handed out may be."""
ADOPT_S: Final = 2.0
MOST_TOLD: Final = 1_000
"""Overrides that data planes told of and that are not adopted yet."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Told:
    """An override that a data plane obeys, as it told us."""

    signed: SignedOverride
    project: str
    source: str


class Overrides:
    """What is handed out, and what waits for the database. Belongs to one event loop."""

    def __init__(self) -> None:
        self._orders: dict[str, list[SignedOverride]] = {}
        self._adopted: Mapping[str, Mapping[str, Version]] = {}
        self._told: dict[str, Told] = {}
        """By id."""
        self._lying = False
        """Files lie in the directory."""
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await self._look()
        self._tasks = [asyncio.create_task(self._look_for_ever()), asyncio.create_task(self._adopt_for_ever())]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def answer(self, project: str) -> tuple[bytes, str]:
        """What to tell a project's data planes, as JSON, and its ETag."""
        adopted = self._adopted.get(project, {})
        body = encode(Orders(overrides=tuple(self._orders.get(project, ())), adopted=adopted))
        return body, f'"{blake2s(body, digest_size=8).hexdigest()}"'

    def hear(self, report: Report) -> None:
        """Note what a data plane obeys: where the ledger does not have it yet, it shall."""
        for signed in report.overrides:
            try:
                override = read(signed)
            except OverrideRefused as refusal:
                log.warning("override.refused", source=report.source, reason=str(refusal))
                continue
            known = override.id in self._told or override.id in self._adopted.get(report.project, {})
            if not known and len(self._told) < MOST_TOLD:
                self._told[override.id] = Told(signed, report.project, report.source)

    async def _look_for_ever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            await self._look()

    async def _look(self) -> None:
        """Read the directory. A disk that fails leaves what is known."""
        try:
            found = await asyncio.to_thread(overrides.waiting, now=timezone.now())
        except (OSError, RuntimeError) as error:  # no such directory can be read, or there is not even a home for it
            log.error("override.unreadable", reason=str(error))
            return
        orders: dict[str, list[SignedOverride]] = {}
        for each in found:
            if each.signed is not None and each.override is not None:
                orders.setdefault(each.override.project, []).append(each.signed)
        self._orders, self._lying = orders, bool(found)

    async def _adopt_for_ever(self) -> None:
        while True:
            try:
                await self._adopt()
            except DatabaseError as error:
                if self._lying or self._told:
                    log.info("override.waits", reason=str(error).partition("\n")[0])
            except Exception as error:  # whatever it is, the next override must not wait for a new process
                log.error("override.not_adopted", reason=repr(error))
            await asyncio.sleep(ADOPT_S)

    async def _adopt(self) -> None:
        """Adopt what waits, and learn what others adopted. Raises django.db.Error or OSError."""
        if self._lying:
            await in_thread(lambda: overrides.adopt_waiting(now=timezone.now()))
        for override_id, told in list(self._told.items()):
            try:
                await in_thread(lambda told=told: _adopt(told))  # type: ignore[misc]
            except OverrideRefused as refusal:
                log.warning("override.refused", id=override_id, source=told.source, reason=str(refusal))
            del self._told[override_id]
        self._adopted = await in_thread(lambda: overrides.adopted(now=timezone.now()))


def ids_of(report: Report) -> list[str]:
    """Ids of the overrides that a data plane says it obeys."""
    found = []
    for signed in report.overrides:
        with suppress(OverrideRefused):
            found.append(read(signed).id)
    return found


def _adopt(told: Told) -> None:
    overrides.adopt(signed=told.signed, project=told.project, source=told.source, now=timezone.now())
