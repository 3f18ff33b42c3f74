"""Alive, ready, in figures."""

from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from migrator.core.stages import Stage
from migrator.inventory.models import Project, Service, Unit
from migrator.observations.stream import key_of
from tests.api.conftest import Caller, climb, new_unit


def test_livez__asked_by_anybody__asks_nobody(db: None, client: Client, settings: LazySettings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1"
    with CaptureQueriesContext(connection) as queries:
        assert client.get("/livez").status_code == 200
    assert not queries


def test_readyz__with_everything_well__200(db: None, client: Client) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "database": "ok", "redis": "ok", "migrations": "ok"}
    assert "no-store" in answer["Cache-Control"]


def test_readyz__without_redis__503_names_it(db: None, client: Client, settings: LazySettings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1"
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "does not answer" in answer.json()["redis"]
    assert answer.json()["database"] == "ok"


def test_readyz__without_database__503_names_it(client: Client, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any, **__: Any) -> None:
        raise OperationalError("connection refused\nIs the server running?")

    with monkeypatch.context() as outage:
        outage.setattr(connection, "cursor", gone)
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["database"] == "does not answer: connection refused"


def test_readyz__with_a_migration_missing__503_names_it(client: Client, db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'rollout' AND name = '0002_guards'")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "rollout.0002_guards" in answer.json()["migrations"]


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_health__posted_to__405(db: None, path: str, client: Client) -> None:
    assert client.post(path).status_code == 405


@pytest.mark.parametrize(
    "path",
    ["/livez/", "//livez", "/livez/x", "/%2e/livez", "/readyz/../admin/", "/metrics", "/metrics/"],
)
def test_address__near_to_health__is_closed_to_nobody_in_particular(db: None, path: str, client: Client) -> None:
    assert client.get(path).status_code in (302, 401, 404)


def figures(answer: Any) -> dict[str, float]:
    lines = [line for line in answer.content.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_metrics__with_a_read_token__tell_stages_flips_and_lag(
    service: Service, with_token: Callable[..., Caller], redis_client: "redis.Redis"
) -> None:
    climb(new_unit(service, "GET /a"), Stage.CANARY)
    new_unit(service, "GET /b")
    redis_client.xadd(key_of(0), {"report": b"{}"}, id="1-1")
    answer = with_token("read")("GET", "/metrics")
    told = figures(answer)
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    assert told['migrator_units{project="shop",stage="canary"}'] == 1
    assert told['migrator_units{project="shop",stage="backlog"}'] == 1
    assert told['migrator_flips_total{project="shop"}'] == 3
    assert told["migrator_redis_up"] == 1
    assert told["migrator_reports_waiting"] == 1
    assert told["migrator_reports_lag_seconds"] > 1e9
    assert not any(name.startswith("migrator_completeness") for name in told), "no data is no sample"


def test_metrics__with_a_token_of_one_project__tell_nothing_of_others(
    project: Project, stranger: User, with_token: Callable[..., Caller]
) -> None:
    told = with_token("read", project=project)("GET", "/metrics").content.decode()
    assert "shop" in told
    assert "elsewhere" not in told


def test_metrics__without_redis__say_that_it_is_away(admin: Caller, unit: Unit, settings: LazySettings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1"
    told = figures(admin("GET", "/metrics"))
    assert told["migrator_redis_up"] == 0
    assert "migrator_reports_waiting" not in told


def test_metrics__asked_as_prometheus_asks__are_text(admin: Caller) -> None:
    accept = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5"
    assert admin("GET", "/metrics", headers={"Accept": accept}).status_code == 200
