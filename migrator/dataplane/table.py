"""A project's routing table in memory, ready to be sent: whole, or as the changes since a version."""

import asyncio
import gzip
from bisect import bisect_right
from collections.abc import Sequence

from migrator.core.wire import RoutingTable, UnitRoute, Version, encode
from migrator.dataplane.reading import Changed, Reading, is_moving
from migrator.rollout.overrides import key as override_key

CHANGES_KEPT = 200_000
"""Changes that are remembered one by one, at least. Who is further behind gets the whole table."""
BODIES_KEPT = 64


class LiveTable:
    """One project's table. `apply()` brings it forward, never back, and wakes whoever waits for a change."""

    def __init__(self, *, slug: str, reading: Reading) -> None:
        self.slug = slug
        self.project_id = reading.project_id
        self.stale_since: float | None = None
        """When the database stopped answering, in seconds since the epoch; None while it answers."""
        self._changed = asyncio.Event()
        self._letting_go = False
        self._restart(reading)

    def apply(self, reading: Reading) -> bool:
        """Lay a reading over the table. False where it is not newer: then it is left out."""
        if not self.version < reading.version:
            return False
        if reading.version.epoch != self.version.epoch:
            self._restart(reading)
        else:
            self._lay_over(reading)
        woken, self._changed = self._changed, asyncio.Event()
        woken.set()
        return True

    async def wait_for_change(self, known: Version, *, seconds: float) -> None:
        """Return once the table is newer than `known`, or after that time."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while not known < self.version and not self._letting_go and loop.time() < until:
            try:
                async with asyncio.timeout_at(until):
                    await self._changed.wait()
            except TimeoutError:
                return

    def unit_of(self, key: str) -> UnitRoute | None:
        """The tracked unit of this key."""
        return self.units.get(self._ids.get(key, 0))

    def let_go(self) -> None:
        """Nobody waits any longer: the server stops."""
        self._letting_go = True
        self._changed.set()

    def body(self, *, since: Version | None, compressed: bool) -> bytes:
        """The table as JSON: the changes since a version where they are known, else all of it."""
        since = since if since is not None and self._knows(since) else None
        key = (since, compressed)
        if key not in self._bodies:
            if len(self._bodies) >= BODIES_KEPT:
                self._bodies.clear()
            self._bodies[key] = (
                gzip.compress(self.body(since=since, compressed=False), 1) if compressed else self._encoded(since)
            )
        return self._bodies[key]

    def _restart(self, reading: Reading) -> None:
        self.units: dict[int, UnitRoute] = {}
        self._ids: dict[str, int] = {}
        self._gone: dict[int, UnitRoute] = {}
        self.moving: set[int] = set()
        self._log: list[tuple[int, int]] = []
        """(number, unit id) in order."""
        self._oldest = 0
        """Every change after this number is in the log."""
        self._lay_over(reading)

    def _lay_over(self, reading: Reading) -> None:
        for each in reading.changed:
            self._place(each.route)
        self._log.extend(_in_order(reading.changed))
        if len(self._log) > 2 * CHANGES_KEPT:
            self._oldest = self._log[-CHANGES_KEPT][0]
            self._log = self._log[-CHANGES_KEPT:]
        self.version, self.manners, self.services = reading.version, reading.manners, reading.services
        self.rules, self.rules_version = reading.rules, reading.rules_version
        self._bodies: dict[tuple[Version | None, bool], bytes] = {}

    def _place(self, route: UnitRoute) -> None:
        here, there = (self._gone, self.units) if route.gone else (self.units, self._gone)
        here[route.id] = route
        there.pop(route.id, None)
        self._ids[route.key] = route.id
        if is_moving(route):
            self.moving.add(route.id)
        else:
            self.moving.discard(route.id)

    def _knows(self, since: Version) -> bool:
        return since.epoch == self.version.epoch and self._oldest <= since.number <= self.version.number

    def _encoded(self, since: Version | None) -> bytes:
        return encode(
            RoutingTable(
                project=self.slug,
                version=self.version,
                since=since,
                manners=self.manners,
                services=self.services,
                rules=self.rules,
                rules_version=self.rules_version,
                override_key=override_key(),
                units=tuple(self.units.values()) if since is None else self._changed_since(since),
            )
        )

    def _changed_since(self, since: Version) -> tuple[UnitRoute, ...]:
        first = bisect_right(self._log, since.number, key=lambda entry: entry[0])
        ids = dict.fromkeys(unit for _, unit in self._log[first:])
        return tuple(self.units.get(unit) or self._gone[unit] for unit in ids)


def _in_order(changed: Sequence[Changed]) -> list[tuple[int, int]]:
    """Numbers and ids in order. A field is needed as soon as its endpoint moves, so it has at least that number."""
    numbers = {each.route.id: each.number for each in changed}
    return sorted((max(each.number, numbers.get(each.route.parent or 0, 0)), each.route.id) for each in changed)
