"""The second rung of the rollback ladder, as a data plane sees it: signed overrides, obeyed beside the table.

They come from the control plane's data plane server, which needs neither its database nor Redis to hand them out,
and from `STATE_DIR/overrides/`, where somebody may have put one by hand. What is obeyed is kept in that directory,
so that a restart obeys it too. It ends when its time is over, or when the ledger has it and the table in force is
the one that carries it. That a file vanished, or that nobody answers, ends nothing.
"""

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from random import uniform
from typing import Final

import structlog

from migrator.core.override import OverrideRefused, decode_orders, decode_signed, verify
from migrator.core.routing import Routes
from migrator.core.wire import Override, SignedOverride, Version, WireError, encode
from migrator.sdk.disk import write_whole
from migrator.sdk.transport import ControlPlane, ControlPlaneError

FOLDER: Final = "overrides"
SUFFIX: Final = ".json"
EVERY_SECONDS: Final = 2.0
"""How often the control plane is asked, whether it answers or not."""
LINGER_SECONDS: Final = 60.0
"""How long the file of an override that is over stays: other processes of this data plane may still need it."""
LARGEST: Final = 2_000_000
REPORTED: Final = 1_000_000
"""Characters of overrides in one report."""
MOST: Final = 1_000
"""Files that are looked at."""
Stamp = tuple[int, int, int]

log = structlog.get_logger()


class Orders:
    """What one process obeys. Belongs to one event loop."""

    def __init__(
        self,
        *,
        control_plane: ControlPlane,
        state_dir: Path | None,
        routes: Callable[[], Routes | None],
        changed: Callable[[], None],
    ) -> None:
        """`routes` gives the table in force, whose key tells real overrides; `changed` is called after a change."""
        self.in_force: dict[str, Override] = {}
        self.refused: dict[str, str] = {}
        """By file or id: what is not obeyed, and why."""
        self._signed: dict[str, SignedOverride] = {}
        self._control_plane = control_plane
        self._folder = None if state_dir is None else state_dir / FOLDER
        self._routes = routes
        self._changed = changed
        self._etag: str | None = None
        self._stamps: dict[str, Stamp] = {}
        self._adopted: dict[str, Version] = {}
        self._over: set[str] = set()
        """Ids that are not obeyed any more, whoever shows them again."""
        self._to_clear: dict[str, float] = {}
        """Those whose file still lies there, and since when it need not (monotonic seconds)."""

    @property
    def signed(self) -> tuple[SignedOverride, ...]:
        """What is obeyed, as it was signed; as much of it as a report has room for."""
        sizes = accumulate(len(signed.document) for signed in self._signed.values())
        return tuple(signed for signed, size in zip(self._signed.values(), sizes, strict=True) if size <= REPORTED)

    @property
    def units(self) -> frozenset[str]:
        return frozenset(key for override in self.in_force.values() for key in override.units)

    @property
    def services(self) -> frozenset[str]:
        return frozenset(name for override in self.in_force.values() for name in override.services)

    def look(self) -> bool:
        """Read what lies in the directory, and drop what is over. Says whether what is in force has changed."""
        before = frozenset(self.in_force)
        self._read_folder()
        self._end()
        return before != self.in_force.keys()

    def table_came(self) -> None:
        """Another table is in force, perhaps with another key: what was refused is looked at again."""
        for name in self.refused:
            self._stamps.pop(name, None)
        if self.refused:
            self._etag = None
        self.refused.clear()

    async def run(self) -> None:
        """Ask the control plane until cancelled."""
        while True:
            await asyncio.sleep(uniform(0.75, 1.25) * EVERY_SECONDS)
            try:
                await self.poll()
            except ControlPlaneError:
                continue  # whoever follows the table says that the control plane is away

    async def poll(self) -> None:
        """Ask once, and obey. Raises ControlPlaneError."""
        answer = await self._control_plane.overrides(etag=self._etag)
        if answer.body is not None:
            try:
                orders = decode_orders(answer.body)
            except WireError as error:
                raise ControlPlaneError(f"its overrides make no sense: {error}") from error
            self._adopted = dict(orders.adopted)
            came = [self._obey(signed, f"from {index}") for index, signed in enumerate(orders.overrides)]
            self._etag = answer.etag
            if any(came):
                self._changed()
        if self.look():
            self._changed()

    # ------------------------------------------------------------------------------ inside

    def _obey(self, signed: SignedOverride, where: str) -> bool:
        """Put an override in force, if it is real and not there yet. Says whether it did."""
        routes = self._routes()
        try:
            override = verify(
                signed=signed,
                key="" if routes is None else routes.override_key,
                project=self._control_plane.project,
                now=time.time(),
            )
        except OverrideRefused as error:
            if self.refused.get(where) != str(error):
                log.warning("override.refused", override=where, reason=str(error))
            self.refused[where] = str(error)
            return False
        if override.id in self.in_force or override.id in self._over:
            return False
        self.in_force[override.id], self._signed[override.id] = override, signed
        log.warning(
            "override.obeyed",
            id=override.id,
            units=override.units,
            services=override.services,
            author=override.author,
            reason=override.reason,
        )
        self._keep(override.id, signed)
        return True

    def _keep(self, override_id: str, signed: SignedOverride) -> None:
        if self._folder is None:
            return
        path = self._folder / f"{override_id}{SUFFIX}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                write_whole(path, encode(signed))
        except OSError as error:
            log.error("override.not_kept", id=override_id, reason=str(error))

    def _read_folder(self) -> None:
        """Obey the files that are new or changed. What cannot be read is tried again when it changes."""
        if self._folder is None:
            return
        try:
            with os.scandir(self._folder) as entries:
                files = [entry for entry in entries if entry.name.endswith(SUFFIX) and entry.name[0] != "."][:MOST]
        except OSError:
            return
        for entry in files:
            try:
                signed = self._read_file(entry)
            except (OSError, WireError, UnicodeError) as error:
                self.refused[entry.name] = f"it cannot be read: {error}"
                log.warning("override.unreadable", file=entry.name, reason=str(error))
                continue
            if signed is not None:
                self.refused.pop(entry.name, None)
                self._obey(signed, entry.name)

    def _read_file(self, entry: "os.DirEntry[str]") -> SignedOverride | None:
        """What a file holds; None where that was read before. Raises OSError or WireError."""
        state = entry.stat()
        stamp = (state.st_mtime_ns, state.st_size, state.st_ino)
        if self._stamps.get(entry.name) == stamp:
            return None
        self._stamps[entry.name] = stamp
        if state.st_size > LARGEST:
            raise OSError("it is too large")
        return decode_signed(Path(entry.path).read_bytes())

    def _end(self) -> None:
        """Obey no longer what is over, and clear its file away a while later."""
        now, routes = time.time(), self._routes()
        for override in list(self.in_force.values()):
            carried = self._adopted.get(override.id)
            if carried is not None and routes is not None and not routes.version < carried:
                self._drop(override.id, "the table carries it")
            elif override.expires_at <= now:
                self._drop(override.id, "its time is over")
        self._clear()

    def _clear(self) -> None:
        for override_id, since in list(self._to_clear.items()):
            if time.monotonic() - since > LINGER_SECONDS:
                del self._to_clear[override_id]
                if self._folder is not None:
                    with suppress(OSError):
                        (self._folder / f"{override_id}{SUFFIX}").unlink(missing_ok=True)

    def _drop(self, override_id: str, reason: str) -> None:
        del self.in_force[override_id], self._signed[override_id]
        self._over.add(override_id)
        self._to_clear[override_id] = time.monotonic()
        log.warning("override.over", id=override_id, reason=reason)
