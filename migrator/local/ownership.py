"""Which user runs PostgreSQL, and what that user may reach.

PostgreSQL refuses to run as root. Where we are root (containers, CI), it runs as `nobody`, who often cannot
enter the checkout (`/root` is closed to others): then data and binaries move to where it can.
"""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody else to run a process as. Only root can."""

    uid: int
    gid: int


def server_user() -> User | None:
    """Who runs PostgreSQL: None means ourselves."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return User(uid=nobody.pw_uid, gid=nobody.pw_gid)


def may_enter(directory: Path, user: User | None) -> bool:
    """Whether `user` can reach what lies in `directory`, asked of the system itself rather than guessed from modes."""
    command = [shutil.which("test") or "/bin/test", "-x", str(directory)]
    if user is None:
        return os.access(directory, os.X_OK)
    return subprocess.run(command, user=user.uid, group=user.gid, extra_groups=[], cwd="/").returncode == 0  # noqa: S603


def own_directory(path: Path, *, user: User | None = None, mode: int = 0o700) -> Path:
    """Make sure that `path` is a directory of `user` (ours by default).

    Raises PermissionError where a stranger made it.
    """
    path.mkdir(mode=mode, parents=True, exist_ok=True)
    owner = path.lstat().st_uid
    if path.is_symlink() or owner not in (os.geteuid(), user.uid if user else os.geteuid()):
        raise PermissionError(f"{path} belongs to somebody else (uid {owner}): remove it first.")
    path.chmod(mode)
    if user is not None and owner != user.uid:
        os.chown(path, user.uid, user.gid)
    return path
