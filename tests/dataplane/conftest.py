"""The data plane server on a real port, and somebody who talks to it."""

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
from django.db import connections
from django.utils import timezone

from migrator import asgi
from migrator.access.rights import console
from migrator.access.tokens import create_token
from migrator.core.stages import Stage
from migrator.inventory.models import Kind, Project, Service, Unit
from migrator.inventory.services import create_unit, save_service
from migrator.rollout.services import Change, flip


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Caller:
    """Sends requests with a token."""

    port: int
    token: str = ""

    def __call__(self, method: str, path: str, *, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        sent = ({"Authorization": f"Bearer {self.token}"} if self.token else {}) | (headers or {})
        payload = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            connection.request(method, path, body=payload, headers=sent)
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, names, answer.read())
        finally:
            connection.close()

    def as_holder_of(self, token: str) -> "Caller":
        return Caller(self.port, token)


@pytest.fixture
def server_port(transactional_db: None, free_port: int, settings: Any) -> Iterator[int]:
    """The one address in a thread of this process, on this test's database and Redis."""
    kept = connections["default"].settings_dict["CONN_MAX_AGE"]
    connections["default"].settings_dict["CONN_MAX_AGE"] = 0  # nothing holds the test's database afterwards
    front = asgi.Front(web_url="unix:/nowhere/web.sock")
    server = uvicorn.Server(uvicorn.Config(front, port=free_port, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    yield free_port
    server.should_exit = True
    thread.join(20)
    connections["default"].settings_dict["CONN_MAX_AGE"] = kept
    assert not thread.is_alive()


@pytest.fixture
def shop(transactional_db: None, project: Project) -> Project:
    return project


@pytest.fixture
def service(shop: Project) -> Service:
    return save_service(project=shop, name="api", legacy_url="http://legacy", candidate_url="http://candidate")


@pytest.fixture
def endpoint(shop: Project, service: Service) -> Unit:
    return create_unit(project=shop, service=service, key="GET /users/{id}", kind=Kind.ENDPOINT, now=timezone.now())


@pytest.fixture
def call(server_port: int, shop: Project) -> Caller:
    """A data plane of the shop."""
    return Caller(server_port, create_token(name="gw", scope="ingest", now=timezone.now(), project=shop))


def move(unit: Unit, stage: Stage, **shares: int) -> None:
    """One step up the ladder, as a person at the console takes it."""
    unit.refresh_from_db()
    change = Change(unit_id=unit.pk, version=unit.version, stage=stage, **shares)
    flip(
        project=unit.project,
        changes=[change],
        actor=console(name="test"),
        reason="test",
        now=timezone.now(),
        override=True,
    )
