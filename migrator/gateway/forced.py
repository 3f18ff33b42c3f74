"""The last rung of the rollback ladder: a file that forces legacy, with no network and no control plane.

`STATE_DIR/force_legacy` holds one unit key per line; a line `*` is every unit. Every worker looks at it
ten times a second, so that an editor, a script and `POST /-/force-legacy` are the same thing. It may
only lower exposure: what is named is answered by legacy and mirrored nowhere.
"""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import structlog

from migrator.sdk.disk import write_whole

FILE_NAME: Final = "force_legacy"
EVERYTHING: Final = "*"
LOOK_SECONDS: Final = 0.1

log = structlog.get_logger()


class Forced:
    """What is forced, as the file has it."""

    def __init__(self, state_dir: Path) -> None:
        self.keys: frozenset[str] = frozenset()
        self._path = state_dir / FILE_NAME
        self._seen: tuple[int, int, int] | None = None

    def look(self) -> bool:
        """Read the file if it has changed. Says whether what is forced has.

        A file that cannot be read leaves in force what was: a rollback is not undone by an accident.
        """
        try:
            state = self._path.stat()
            stamp = (state.st_mtime_ns, state.st_size, state.st_ino)
            if stamp == self._seen:
                return False
            keys = _keys(self._path.read_text(errors="replace"))
            self._seen = stamp
        except FileNotFoundError:
            self._seen, keys = None, frozenset()
        except OSError as error:
            log.error("force_legacy.unreadable", reason=str(error))
            return False
        changed, self.keys = keys != self.keys, keys
        return changed

    def change(self, units: Iterable[str], *, off: bool) -> None:
        """Force these units, or stop forcing them. `*` stops everything. Raises OSError."""
        named = frozenset(units)
        if not off:
            keys = self.keys | named
        else:
            keys = frozenset() if EVERYTHING in named else self.keys - named
        write_whole(self._path, "".join(f"{key}\n" for key in sorted(keys)).encode())

    async def watch(self, changed: Callable[[], None]) -> None:
        """Look until cancelled; `changed` is called after each change."""
        while True:
            if self.look():
                log.warning("force_legacy.changed", units=sorted(self.keys))
                changed()
            await asyncio.sleep(LOOK_SECONDS)


def _keys(text: str) -> frozenset[str]:
    lines = (line.strip() for line in text.splitlines())
    return frozenset(line for line in lines if line and not line.startswith("#"))
