"""Callers of the REST API, and a small inventory for them to call about."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from migrator.access.rights import Via, console
from migrator.access.tokens import create_token
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Service, Unit
from migrator.inventory.services import create_unit, save_service
from migrator.rollout.services import Change, flip


@dataclass(frozen=True, slots=True)
class Caller:
    """A program with a token, or with none."""

    token: str | None = None
    client: Client = field(default_factory=Client)

    def __call__(self, method: str, path: str, body: Any = None, **options: Any) -> HttpResponse:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if body is not None:
            options |= {"data": body if isinstance(body, str | bytes) else json.dumps(body)}
            options.setdefault("content_type", "application/json")
        address = path.removeprefix("http://testserver")
        if not address.startswith("/"):
            address = f"/api/v1/{address}"
        return self.client.generic(method, address, headers=headers | options.pop("headers", {}), **options)

    def get(self, path: str) -> Any:
        answer = self("GET", path)
        assert answer.status_code == 200, answer.content
        return answer.json()


@pytest.fixture
def with_token(db: None) -> Callable[..., Caller]:
    """`with_token("operate", project=…)`: a caller with a fresh token of that scope."""

    def made(scope: str, *, project: Project | None = None) -> Caller:
        return Caller(create_token(name=scope, scope=scope, now=timezone.now(), project=project))

    return made


@pytest.fixture
def admin(with_token: Callable[..., Caller]) -> Caller:
    """An admin token without a project: it may do everything."""
    return with_token("admin")


@pytest.fixture
def service(project: Project) -> Service:
    return save_service(
        project=project, name="main", legacy_url="http://127.0.0.1:1", candidate_url="http://127.0.0.1:2"
    )


@pytest.fixture
def unit(service: Service) -> Unit:
    """An endpoint in the backlog."""
    return new_unit(service, "GET /users/{id}")


def new_unit(service: Service, key: str, kind: str = "endpoint", **options: Any) -> Unit:
    return create_unit(project=service.project, service=service, key=key, kind=kind, now=timezone.now(), **options)


LADDER = [
    {"stage": Stage.SHADOW, "mirror": 10_000},
    {"stage": Stage.SIDE_BY_SIDE},
    {"stage": Stage.CANARY, "candidate": 500},
    {"stage": Stage.CUTOVER},
    {"stage": Stage.REMOVAL},
    {"stage": Stage.REMOVED},
]


def climb(unit: Unit, to: Stage, now: datetime | None = None) -> Unit:
    """Take a unit up the ladder, step by step, through the door."""
    for step in LADDER[: list(Stage).index(to)]:
        unit.refresh_from_db()
        change = Change(unit_id=unit.pk, version=unit.version, **step)
        flip(
            project=unit.project,
            changes=[change],
            # A made-up past: nobody proves its removals.
            actor=replace(console(name="test"), via=Via.SIMULATION),
            reason="climb",
            now=now or timezone.now(),
            override=True,
        )
    unit.refresh_from_db()
    return unit


def errors(answer: HttpResponse) -> dict[str, str]:
    """A problem's errors by field."""
    problem = answer.json()
    assert answer["Content-Type"] == "application/problem+json"
    assert problem["status"] == answer.status_code
    return {error["field"]: error["message"] for error in problem.get("errors", [])}
