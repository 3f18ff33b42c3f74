"""A Migrator of the drill's own: servers, product and gateway in a directory that is gone afterwards."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import psycopg

from migrator.drill.traffic import Load, Toy
from migrator.local.addresses import CHECKOUT, SOCKETS
from migrator.local.child import Child
from migrator.local.product import Instance, children
from migrator.local.servers import Postgres, Valkey

PROJECT: Final = "drill"
UNIT: Final = "GET /users/{id}"
WORKERS: Final = 2
READY_S: Final = 90.0
# A drill does not survive a power cut, so nothing waits for the disk.
FAST: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class SceneFailed(RuntimeError):
    """The drill's instance does not do what it must before anything can be drilled."""


@dataclass(slots=True)
class Scene:
    """Everything that can be killed, by name, and how to talk to it."""

    home: Path
    instance: Instance
    postgres: Postgres
    valkey: Valkey
    legacy: Toy
    candidate: Toy
    port: int
    """The gateway's."""
    admin_port: int
    processes: dict[str, Child] = field(default_factory=dict)
    token: str = ""
    account: tuple[str, str] = ("", "")
    unit_id: int = 0

    @property
    def state_dir(self) -> Path:
        """The gateway's."""
        return self.home / "gateway"

    @property
    def overrides(self) -> Path:
        return self.home / "overrides"

    # ------------------------------------------------------------------------- processes

    def start(self, *names: str) -> None:
        """Start what is not running, and return once it answers."""
        for name in names:
            child = self.processes[name]
            if child.alive:
                continue
            if name in ("database", "redis"):
                server = self.postgres if name == "database" else self.valkey
                server.prepare()
                child.start()
                server.wait_ready(child)
            else:
                child.start()
        if "front" in names:
            wait_until(lambda: self._answers("/livez"), "the front answers")
        if "web" in names:
            wait_until(lambda: self._answers("/sign-in"), "the pages answer")

    def kill(self, *names: str) -> None:
        """kill -9."""
        for name in names:
            self.processes[name].kill()

    def stop(self) -> None:
        for child in reversed(self.processes.values()):
            child.kill()
        self.legacy.stop()
        self.candidate.stop()

    # ------------------------------------------------------------------------ talking to it

    def manage(self, *arguments: str) -> str:
        """`manage.py …`: what it printed. Raises SceneFailed where it failed."""
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, str(CHECKOUT / "manage.py"), *arguments],
            cwd=CHECKOUT,
            env={**os.environ, **self.instance.environment()},
            capture_output=True,
            text=True,
            timeout=READY_S,
        )
        if done.returncode:
            raise SceneFailed(f"manage.py {' '.join(arguments)}: {done.stderr.strip()[-500:]}")
        return done.stdout

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the REST API as an administrator. Raises OSError."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.instance.url}/api/v1/{path}", data, headers, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - our own address
            return json.loads(answer.read() or b"null")

    def page(self) -> "Browser":
        """Somebody signed in."""
        browser = Browser(self.instance.url)
        browser.post("/sign-in", username=self.account[0], password=self.account[1])
        return browser

    def gateway(self, method: str, path: str, body: bytes | None = None) -> Any:
        """Ask the gateway on its admin address. Raises OSError."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.admin_port}{path}", body, method=method)
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - our own address
            return json.loads(answer.read())

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.postgres.url, autocommit=True, connect_timeout=5) as connection:
            return connection.execute(statement.encode()).fetchall()

    def climb(self) -> None:
        """Put the unit into canary with half of its callers."""
        found = self.api("GET", f"units/{self.unit_id}/")
        stages = ["shadow", "side_by_side", "canary"]
        for stage in stages[stages.index(found["stage"]) + 1 :] if found["stage"] in stages else stages:
            shares = {"candidate_percent": 50, "mirror_percent": 100} if stage == "canary" else {"mirror_percent": 100}
            flip = {"stage": stage, **shares, "version": found["version"], "reason": "drill", "override": True}
            self.api("POST", f"units/{self.unit_id}/flip/", flip)
            found = self.api("GET", f"units/{self.unit_id}/")

    def _answers(self, path: str) -> bool:
        with suppress(OSError), urllib.request.urlopen(f"{self.instance.url}{path}", timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
        return False


class Browser:
    """Presses buttons as a browser without scripts does."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._cookies = CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._cookies))

    def post(self, path: str, **fields: str) -> None:
        """Open a page and send its form. Raises OSError where that is refused."""
        self._opener.open(f"{self._url}{path}", timeout=20).read()
        token = next(cookie.value for cookie in self._cookies if cookie.name == "csrftoken")
        data = urlencode({**fields, "csrfmiddlewaretoken": token or ""}).encode()
        request = urllib.request.Request(f"{self._url}{path}", data, {"Referer": f"{self._url}{path}"})  # noqa: S310
        self._opener.open(request, timeout=20).read()


@contextmanager
def scene() -> Iterator[tuple[Scene, Load]]:
    """A running instance with one unit in canary and callers at its gateway. Raises SceneFailed."""
    home = Path(tempfile.mkdtemp(prefix="mdrill-", dir=SOCKETS))
    home.chmod(0o711)  # PostgreSQL's own user must get to its data
    made = _made(home)
    load = Load(made.port, "/users/1")
    try:
        _furnish(made)
        load.start()
        yield made, load
    finally:
        load.stop()
        made.stop()
        shutil.rmtree(home, ignore_errors=True)


def _made(home: Path) -> Scene:
    postgres = Postgres(data=home / "data", runtime=home / "run", log=home / "database.log", options=FAST)
    valkey = Valkey(data=home / "valkey", runtime=home / "run", log=home / "redis.log", options={"appendonly": "yes"})
    instance = Instance(
        host="127.0.0.1",
        port=_free_port(),
        runtime=home,
        logs=home,
        env={
            "DATABASE_URL": postgres.url,
            "REDIS_URL": valkey.url,
            "SECRET_KEY": secrets.token_hex(32),
            "OVERRIDES_DIR": str(home / "overrides"),
        },
    )
    found = Scene(home, instance, postgres, valkey, Toy("legacy"), Toy("candidate"), _free_port(), _free_port())
    found.processes = {"database": postgres.child(), "redis": valkey.child()}
    found.processes |= {child.name: child for child in children(instance)}
    return found


def _furnish(made: Scene) -> None:
    """Start everything; make a project, a service, a unit in canary; put a gateway in front."""
    made.start("database", "redis")
    made.manage("migrate", "--verbosity", "0")
    name, password = made.manage("first_account").split()
    made.account = (name, password)
    made.token = made.manage("create_token", "drill", "--scope", "admin").split()[-1]
    made.start("web", "worker", "beat", "front")
    made.api("POST", "projects/", {"slug": PROJECT, "name": "Drill"})
    service = {"name": "main", "legacy_url": made.legacy.url, "candidate_url": made.candidate.url}
    made.api("POST", f"projects/{PROJECT}/services/", service)
    unit = {"key": UNIT, "kind": "endpoint", "service": "main", "operation": "read"}
    made.unit_id = made.api("POST", f"projects/{PROJECT}/units/", unit)["id"]
    made.climb()
    made.processes["gateway"] = _gateway(made)
    made.start("gateway")
    wait_until(lambda: made.gateway("GET", "/-/health")["status"] == "serving", "the gateway serves")


def _gateway(made: Scene) -> Child:
    arguments = {
        "control-plane": made.instance.url,
        "token": made.token,
        "project": PROJECT,
        "listen": f"127.0.0.1:{made.port}",
        "admin": f"127.0.0.1:{made.admin_port}",
        "state-dir": str(made.state_dir),
        "workers": str(WORKERS),
    }
    given = [word for name, value in arguments.items() for word in (f"--{name}", value)]
    return made.instance.child("gateway", "-m", "migrator.gateway", *given)


def wait_until(condition: Callable[[], Any], what: str, *, seconds: float = READY_S) -> None:
    """Raises SceneFailed where it never comes true."""
    deadline = time.monotonic() + seconds
    while True:
        with suppress(OSError):
            if condition():
                return
        if time.monotonic() > deadline:
            raise SceneFailed(f"after {seconds:g} seconds it is still not so that {what}")
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
