"""The whole product in processes of its own, for tests that go all the way through."""

import os
import secrets
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from migrator.local.child import Child
from migrator.local.product import Instance, children
from tests.ports import free_port
from tests.servers import new_valkey, short_directory

READY_SECONDS = 90.0


@dataclass(slots=True)
class LiveProduct:
    """A running product. `children` are its processes by name: web, front, worker, beat."""

    instance: Instance
    children: dict[str, Child]
    username: str = ""
    password: str = ""

    @property
    def url(self) -> str:
        return self.instance.url

    @property
    def port(self) -> int:
        return self.instance.port

    @property
    def database_url(self) -> str:
        return self.instance.env["DATABASE_URL"]

    @property
    def redis_url(self) -> str:
        return self.instance.env["REDIS_URL"]

    @property
    def env(self) -> dict[str, str]:
        """For processes that should talk to this product."""
        return {**os.environ, **self.instance.environment()}

    def manage(self, *arguments: str) -> str:
        """`manage.py …` against this product: what it printed. Raises AssertionError where it failed."""
        done = subprocess.run(
            self.instance.manage(*arguments).command, env=self.env, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{arguments}: {done.stderr[-2000:]}{done.stdout[-500:]}"
        return done.stdout

    def token(self, name: str, *, scope: str, project: str | None = None) -> str:
        return self.manage(
            "create_token", name, "--scope", scope, *(["--project", project] if project else [])
        ).split()[-1]

    def log(self, name: str) -> str:
        return self.children[name].log.read_text(errors="replace")


@contextmanager
def running_product() -> Iterator[LiveProduct]:
    """A product on a new database and a Valkey of its own; all of it is gone afterwards."""
    home = short_directory()
    valkey = new_valkey(appendonly="no").start()
    instance = Instance(
        host="127.0.0.1",
        port=free_port(),
        runtime=home,
        logs=home,
        env={
            "DATABASE_URL": _new_database(),
            "REDIS_URL": valkey.url,
            "SECRET_KEY": secrets.token_hex(32),
            "OVERRIDES_DIR": str(home / "overrides"),
        },
    )
    product = LiveProduct(instance, {child.name: child for child in children(instance)})
    try:
        product.manage("migrate", "--verbosity", "0")
        product.username, product.password = product.manage("first_account").split()
        for child in product.children.values():
            child.start()
        _wait_ready(product)
        yield product
    finally:
        for child in reversed(product.children.values()):
            child.ask_to_stop()
        for child in product.children.values():
            child.finish(child.grace)
        valkey.remove()
        _drop_database(product.database_url)
        shutil.rmtree(home, ignore_errors=True)


def _new_database() -> str:
    name = f"live_{secrets.token_hex(4)}"
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    before, _, after = os.environ["DATABASE_URL"].partition("?")
    return f"{before.rpartition('/')[0]}/{name}{'?' + after if after else ''}"


def _drop_database(url: str) -> None:
    name = url.partition("?")[0].rpartition("/")[2]
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _wait_ready(product: LiveProduct) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{product.url}/readyz", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        dead = [name for name, child in product.children.items() if not child.alive]
        if dead or time.monotonic() > deadline:
            tails = "\n".join(f"--- {name}\n{product.log(name)[-2000:]}" for name in dead or product.children)
            raise AssertionError(f"the product is not ready; dead: {dead}\n{tails}")
        time.sleep(0.1)
