"""`make up`: everything that stands between a fresh checkout and a page in the browser.

1. Take the checkout's lock and the port, so that two of us never share one database.
2. Start PostgreSQL and Valkey, unless DATABASE_URL or REDIS_URL name others.
3. Bring the tables up to date, make the first account.
4. Start web, worker, beat and front; say so in one line when `/readyz` answers.
5. Look after them until Ctrl-C, SIGTERM or SECONDS; stop the product before its servers.
"""

import fcntl
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

from migrator.local import addresses
from migrator.local.child import reap
from migrator.local.ownership import may_enter, own_directory, server_user
from migrator.local.product import Instance, address_of, children
from migrator.local.servers import Postgres, ServerFailed, Valkey
from migrator.local.supervisor import StartFailed, Stopped, Supervisor, say

REFUSED: Final = 2
"""Exit code where nothing was started: the port is taken, a number is none, we run already."""
SHARED_STATE: Final = Path("/var/lib/migrator")
"""Where root keeps PostgreSQL's data when PostgreSQL's user may not enter the checkout."""


class Refused(ValueError):
    """What was asked for cannot be started. The message is one line with the remedy."""


class Company(Protocol):
    """What comes with the product: the demo's services, its gateway, its traffic."""

    def ports(self) -> dict[str, int]:
        """Ports that must be free, beside the product's own, by the variable that chooses them. Raises Refused."""

    def prepare(self, supervisor: Supervisor, instance: Instance) -> None:
        """Runs once the tables are there, before the product starts."""

    def start(self, supervisor: Supervisor, instance: Instance) -> None:
        """Runs once the product is ready."""

    def greeting(self) -> str:
        """Added to the line that says that all is ready."""


def up(company: Company | None = None) -> int:
    """Run the product until somebody stops it. Returns the exit code: 0 when stopped, 1 failed, 2 refused."""
    supervisor = Supervisor()
    supervisor.listen()
    try:
        instance, seconds = asked_for(dict(os.environ))
        with _locked(instance.runtime, instance.url):
            check_ports(instance.host, {"PORT": instance.port, **(company.ports() if company else {})})
            try:
                _start(supervisor, instance, company)
                supervisor.watch(seconds=seconds)
            finally:
                _stop(supervisor)
    except Stopped:
        return 0
    except Refused as refusal:
        say(str(refusal))
        return REFUSED
    except (ServerFailed, StartFailed, OSError) as failure:
        say(f"Migrator did not start: {failure}")
        return 1
    return 0


def asked_for(environ: dict[str, str]) -> tuple[Instance, float | None]:
    """The instance that HOST, PORT and SECONDS describe. Raises Refused naming what is wrong."""
    runtime, state = addresses.runtime_dir(), addresses.state_dir()
    seconds = environ.get("SECONDS", "")
    host, port = environ.get("HOST") or "127.0.0.1", port_number("PORT", environ.get("PORT") or "8000")
    instance = Instance(
        host=host,
        port=port,
        runtime=runtime,
        logs=state / "logs",
        env={
            "DATABASE_URL": environ.get("DATABASE_URL") or addresses.database_url(runtime),
            "REDIS_URL": environ.get("REDIS_URL") or addresses.redis_url(runtime),
            "SECRET_KEY": environ.get("SECRET_KEY") or addresses.secret_key(state),
            "PUBLIC_URL": environ.get("PUBLIC_URL") or address_of(host, port),
        },
    )
    try:
        return instance, float(seconds) if seconds else None
    except ValueError:
        raise Refused(f"SECONDS={seconds} is no number of seconds.") from None


def port_number(variable: str, value: str) -> int:
    """A port from an environment variable. Raises Refused."""
    if value.isascii() and value.isdigit() and 0 < int(value) < 65_536:
        return int(value)
    raise Refused(f"{variable}={value} is no port: give a number from 1 to 65535.")


def check_ports(host: str, ports: dict[str, int]) -> None:
    """Raises Refused where somebody listens on one of them already."""
    for variable, port in ports.items():
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((host, port))
            except OSError as error:
                remedy = f"Choose another, such as {variable}={port + 1}."
                raise Refused(f"Cannot listen on {host}:{port}: {error.strerror}. {remedy}") from None


@contextmanager
def _locked(runtime: Path, by: str) -> Iterator[None]:
    """Hold the checkout; whoever held it before and was killed leaves its processes to us to stop."""
    own_directory(runtime, mode=0o711 if server_user() else 0o700)
    with (runtime / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise Refused(f"Migrator runs in this checkout already ({lock.read()}). Stop that one first.") from None
        lock.truncate(0)
        lock.write(by)
        lock.flush()
        for pid_file in sorted(runtime.glob("*.pid")):
            reap(pid_file, belongs=sys.prefix)
        yield


def _start(supervisor: Supervisor, instance: Instance, company: Company | None) -> None:
    start_servers(supervisor, instance)
    supervisor.run(instance.manage("migrate", "--noinput"))
    account = first_account(supervisor, instance)
    if company is not None:
        company.prepare(supervisor, instance)
    for child in children(instance):
        supervisor.start(child)
    supervisor.wait_ready(f"{instance.url}/readyz")
    if company is not None:
        company.start(supervisor, instance)
    say(f"Migrator is ready at {instance.url}{account}{company.greeting() if company else ''}")


def start_servers(supervisor: Supervisor, instance: Instance) -> None:
    """PostgreSQL and Valkey, each unless the environment names another."""
    state = addresses.state_dir()
    if not os.environ.get("DATABASE_URL"):
        postgres = Postgres(data=postgres_data(state), runtime=instance.runtime, log=instance.logs / "postgres.log")
        postgres.prepare()
        child = postgres.child()
        supervisor.start(child, before_start=postgres.prepare)
        postgres.wait_ready(child)
    if not os.environ.get("REDIS_URL"):
        valkey = Valkey(data=state / "valkey", runtime=instance.runtime, log=instance.logs / "valkey.log")
        valkey.prepare()
        child = valkey.child()
        supervisor.start(child, before_start=valkey.prepare)
        valkey.wait_ready(child)


def postgres_data(state: Path) -> Path:
    """Below `state` where PostgreSQL's user can get there, else in /var/lib under a name that only `state` knows."""
    user = server_user()
    state.mkdir(parents=True, exist_ok=True)
    if may_enter(state, user):
        return state / "postgres"
    name = state / "postgres-directory"
    if not name.exists():
        name.write_text(os.urandom(8).hex())
    SHARED_STATE.mkdir(mode=0o755, exist_ok=True)
    home = SHARED_STATE / name.read_text()
    home.mkdir(mode=0o755, exist_ok=True)
    return home / "postgres"


def clean() -> int:
    """Remove the data of this checkout: what lies outside `.local` too. Returns the exit code."""
    state, runtime = addresses.state_dir(), addresses.runtime_dir()
    try:
        with _locked(runtime, "make clean"):
            elsewhere = state / "postgres-directory"
            if elsewhere.exists():
                shutil.rmtree(SHARED_STATE / elsewhere.read_text(), ignore_errors=True)
            shutil.rmtree(state, ignore_errors=True)
            shutil.rmtree(runtime, ignore_errors=True)
    except Refused as refusal:
        say(str(refusal))
        return REFUSED
    return 0


def first_account(supervisor: Supervisor, instance: Instance) -> str:
    """Make the first account where there is none, and say how to sign in with it; "" where we cannot know."""
    kept = addresses.state_dir() / "first-account"
    made = supervisor.run(instance.manage("first_account"))
    if made:
        kept.touch(mode=0o600)
        kept.write_text(made.splitlines()[-1])
    (instance.logs / "first_account.log").unlink(missing_ok=True)
    if not kept.exists() or (os.environ.get("DATABASE_URL") and not made):
        return ""
    name, password = kept.read_text().split()
    return f"  sign in as {name} / {password}"


def _stop(supervisor: Supervisor) -> None:
    servers = {"postgres", "valkey"}
    with suppress(ProcessLookupError):
        supervisor.stop({charge.child.name for charge in supervisor.charges} - servers)
    supervisor.stop()
