"""The last rung of the rollback ladder: a file that forces legacy, with no network and no control plane.

`STATE_DIR/force_legacy` holds one unit key per line; a line `*` is every unit. Every process looks at it
ten times a second, so that an editor, a script and `POST /-/force-legacy` are the same thing. It may
only lower exposure: what is named is answered by legacy and mirrored nowhere.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import structlog

from migrator.sdk.disk import write_whole

FILE_NAME: Final = "force_legacy"
EVERYTHING: Final = "*"

log = structlog.get_logger()


class Forced:
    """What is forced, as the file has it."""

    def __init__(self, state_dir: Path | None) -> None:
        """Without a state directory nothing is ever forced."""
        self.keys: frozenset[str] = frozenset()
        self.since: float | None = None
        """When the file was last changed, seconds since the epoch; None while nothing is forced."""
        self._path = None if state_dir is None else state_dir / FILE_NAME
        self._seen: tuple[int, int, int] | None = None

    def look(self) -> bool:
        """Read the file if it has changed. Says whether what is forced has.

        A file that cannot be read leaves in force what was: a rollback is not undone by an accident.
        """
        if self._path is None:
            return False
        try:
            state = self._path.stat()
            stamp = (state.st_mtime_ns, state.st_size, state.st_ino)
            if stamp == self._seen:
                return False
            keys = _keys(self._path.read_text(errors="replace"))
            self._seen, changed_at = stamp, state.st_mtime
        except FileNotFoundError:
            self._seen, keys, changed_at = None, frozenset(), 0.0
        except OSError as error:
            log.error("force_legacy.unreadable", reason=str(error))
            return False
        changed, self.keys, self.since = keys != self.keys, keys, changed_at if keys else None
        if changed:
            log.warning("force_legacy.changed", units=sorted(keys))
        return changed

    def change(self, units: Iterable[str], *, off: bool) -> None:
        """Force these units, or stop forcing them. `*` stops everything. `look` first. Raises OSError."""
        if self._path is None:
            raise OSError("there is no state directory")
        named = frozenset(units)
        if not off:
            keys = self.keys | named
        else:
            keys = frozenset() if EVERYTHING in named else self.keys - named
        write_whole(self._path, "".join(f"{key}\n" for key in sorted(keys)).encode())


def _keys(text: str) -> frozenset[str]:
    lines = (line.strip() for line in text.splitlines())
    return frozenset(line for line in lines if line and not line.startswith("#"))
