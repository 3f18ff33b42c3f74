"""What every room of tests may ask for: real servers, a fixed cast, the whole product, a browser.

PostgreSQL and Valkey start in `tests/settings.py`. Each pytest-xdist worker has a database of its own in
that PostgreSQL, and a numbered database in that Valkey; both are empty when a test begins.
"""

import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from django.conf import settings
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from migrator.access.models import Membership, Role
from migrator.inventory.models import Project
from migrator.inventory.services import create_project
from tests import ports
from tests.product import LiveProduct, running_product
from tests.servers import TestServer, new_postgres, new_valkey

PASSWORD = "correct horse battery staple"
"""Of everybody in the cast."""


# ------------------------------------------------------------------------------------ servers


@pytest.fixture
def redis_client() -> Iterator["redis.Redis"]:
    """This worker's Redis, empty."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()
        yield client


@pytest.fixture(autouse=True)
def _empty_redis(request: pytest.FixtureRequest) -> None:
    """Whoever has a database finds Redis as empty as the database."""
    if {"db", "transactional_db", "redis_client"} & set(request.fixturenames):
        with redis.Redis.from_url(settings.REDIS_URL) as client:
            client.flushdb()


@pytest.fixture
def postgres_server() -> Iterator[Callable[..., TestServer]]:
    """A factory of PostgreSQL servers to kill: `postgres_server().url`, `.kill()`, `.start()`. Durable, started."""
    yield from _factory(new_postgres)


@pytest.fixture
def redis_server() -> Iterator[Callable[..., TestServer]]:
    """A factory of Valkey servers to kill, with the append-only file on: `redis_server(appendfsync="always")`."""
    yield from _factory(new_valkey)


def _factory(new: Callable[..., TestServer]) -> Iterator[Callable[..., TestServer]]:
    servers: list[TestServer] = []

    def started(**options: str) -> TestServer:
        servers.append(new(**options))
        return servers[-1].start()

    yield started
    for server in servers:
        server.remove()


@pytest.fixture
def free_port() -> int:
    """A port of loopback that nobody listens on."""
    return ports.free_port(neighbours=1)


@pytest.fixture(scope="session")
def live_product() -> Iterator[LiveProduct]:
    """The whole product in processes of its own, on a database and a Redis of its own."""
    with running_product() as product:
        yield product


# --------------------------------------------------------------------------------------- cast


@pytest.fixture
def project(db: None) -> Project:
    """The migration that the cast works on."""
    return create_project(slug="shop", name="Shop", now=timezone.now())


def _member(name: str, project: Project, role: Role) -> User:
    user = User.objects.create_user(name, password=PASSWORD)
    Membership.objects.create(user=user, project=project, role=role)
    return user


@pytest.fixture
def superuser(db: None) -> User:
    """The first account: administers everything, the admin pages too."""
    return User.objects.create_superuser("superuser", password=PASSWORD)


@pytest.fixture
def owner(project: Project) -> User:
    """Admin of the project, of no other."""
    return _member("owner", project, Role.ADMIN)


@pytest.fixture
def engineer(project: Project) -> User:
    return _member("engineer", project, Role.ENGINEER)


@pytest.fixture
def oncall(project: Project) -> User:
    return _member("oncall", project, Role.ON_CALL)


@pytest.fixture
def viewer(project: Project) -> User:
    return _member("viewer", project, Role.VIEWER)


@pytest.fixture
def stranger(db: None) -> User:
    """Signed in, and a member of another project only."""
    elsewhere = create_project(slug="elsewhere", name="Elsewhere", now=timezone.now())
    return _member("stranger", elsewhere, Role.ADMIN)


# ------------------------------------------------------------------------------------ browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A real Chromium, driven by Playwright: `chromium.new_page()`.

    For one module only: while it is open its thread has a running event loop, and tests of others start their own.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    binary = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if binary is None:
        pytest.skip("no Chromium here: `make setup-system` as root installs it")
    # Playwright keeps an event loop in this thread; Django then takes each query for one inside that loop.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=binary, args=CHROMIUM_SWITCHES)
        yield browser
        browser.close()


@pytest.fixture
def live_server(live_server: LiveServer, transactional_db: None) -> Iterator[LiveServer]:
    """Django's, left only when it has nothing more to do: a page that is closed leaves requests behind, and they
    must not meet the emptying of the database.
    """
    under_way: Counter[int] = Counter()

    def began(**_: Any) -> None:
        under_way[threading.get_ident()] += 1

    def ended(**_: Any) -> None:
        under_way[threading.get_ident()] -= 1

    request_started.connect(began)
    request_finished.connect(ended)
    yield live_server
    deadline, quiet = time.monotonic() + 20, 0
    while quiet < 3 and time.monotonic() < deadline:
        under_way.pop(threading.get_ident(), None)  # ours: of the test client
        quiet = 0 if any(number > 0 for number in list(under_way.values())) else quiet + 1
        time.sleep(0.02)
    request_started.disconnect(began)
    request_finished.disconnect(ended)


CHROMIUM_SWITCHES = [
    "--no-sandbox",  # tests may run as root, where the sandbox refuses to
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
]
