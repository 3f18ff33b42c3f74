"""Real PostgreSQL and Valkey for tests: one pair for everybody, and more of them for whoever wants to kill one."""

import atexit
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from migrator.local.child import Child
from migrator.local.servers import Postgres, Valkey

# Tests do not survive a power cut, so nothing waits for the disk.
UNSAFE_AND_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def short_directory() -> Path:
    """A new directory with a path short enough for sockets, which PostgreSQL's own user may cross."""
    directory = Path(tempfile.mkdtemp(prefix="mt-", dir="/tmp"))
    directory.chmod(0o711)
    return directory


@dataclass(slots=True)
class TestServer:
    """A server that a test may kill and start again; its data stays."""

    __test__ = False

    server: Postgres | Valkey
    directory: Path
    child: Child | None = None

    @property
    def url(self) -> str:
        return self.server.url

    def start(self) -> "TestServer":
        """Start it, also after `kill()`, and return once it answers."""
        self.server.prepare()
        self.child = self.server.child()
        self.child.start()
        self.server.wait_ready(self.child)
        return self

    def stop(self) -> None:
        """Stop it in order."""
        if self.child is not None:
            self.child.stop()

    def kill(self) -> None:
        """kill -9: nothing is written that was not written before."""
        if self.child is not None:
            self.child.kill()

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


def new_postgres(**options: str) -> TestServer:
    """An embedded PostgreSQL, not started. Without options it is as durable as in production."""
    home = short_directory()
    server = Postgres(data=home / "data", runtime=home / "run", log=home / "postgres.log", options=options)
    return TestServer(server, home)


def new_valkey(**options: str) -> TestServer:
    """An embedded Valkey, not started. Options with an underscore are spelt with a dash."""
    home = short_directory()
    settings = {name.replace("_", "-"): value for name, value in options.items()}
    server = Valkey(data=home / "data", runtime=home / "run", log=home / "valkey.log", options=settings)
    return TestServer(server, home)


def start_test_servers() -> tuple[str, str]:
    """The pair that all tests share, gone with this process. Returns (DATABASE_URL, REDIS_URL)."""
    pair = new_postgres(**UNSAFE_AND_FAST), new_valkey(appendonly="no")
    for server in pair:
        atexit.register(server.remove)
        server.start()
    return pair[0].url, pair[1].url
