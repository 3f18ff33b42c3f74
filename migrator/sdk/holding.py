"""What legacy answers on this data plane whatever the table says: what its own file forces, and signed overrides."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from migrator.core.override import Hold, hold
from migrator.core.routing import Routes
from migrator.sdk.forced import Forced
from migrator.sdk.orders import Orders
from migrator.sdk.transport import ControlPlane

LOOK_SECONDS: Final = 0.1


class Holding:
    """Both lower rungs of the rollback ladder in one process."""

    def __init__(
        self,
        *,
        control_plane: ControlPlane,
        state_dir: Path | None,
        routes: Callable[[], Routes | None],
        changed: Callable[[], None],
    ) -> None:
        """`changed` is called in the loop after each change of what is held."""
        self.forced = Forced(state_dir)
        self.orders = Orders(control_plane=control_plane, state_dir=state_dir, routes=routes, changed=changed)
        self._changed = changed

    @property
    def forced_keys(self) -> tuple[str, ...]:
        """As reports tell it."""
        return tuple(sorted(self.forced.keys))[:1_000]

    def hold(self, routes: Routes | None) -> Hold | None:
        """What is held, made ready for a table."""
        return hold(keys=self.forced.keys | self.orders.units, services=self.orders.services, routes=routes)

    def look(self) -> None:
        """Look at the files now."""
        changes = self.forced.look(), self.orders.look()
        if any(changes):
            self._changed()

    async def run(self) -> None:
        """Look at the files ten times a second, and ask the control plane every two, until cancelled."""
        async with asyncio.TaskGroup() as together:
            together.create_task(self._watch())
            together.create_task(self.orders.run())

    async def _watch(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)
