"""A shop whose policy somebody looks after: a service, two units, and two people who may approve."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from migrator.access.rights import Actor, Via, console, person
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Service, Team, Unit
from migrator.inventory.services import create_team, create_unit, save_service
from migrator.observations.models import Arrival, Resolution, Rollup, Standing

NOW = datetime(2026, 3, 4, 12, 30, 5, tzinfo=UTC)
"""A Wednesday."""
ALONE: Actor = console(name="ana")


@pytest.fixture
def service(project: Project) -> Service:
    return save_service(project=project, name="users", legacy_url="http://legacy", candidate_url="http://candidate")


@pytest.fixture
def team(project: Project) -> Team:
    return create_team(project=project, name="core")


@pytest.fixture
def new_unit(service: Service) -> Callable[..., Unit]:
    """`new_unit("GET /users", risk="money")`: a unit, loaded with its service and project."""

    def made(key: str = "GET /users/{id}", **columns: Any) -> Unit:
        kind = "field" if " $" in key else "endpoint"
        unit = create_unit(project=service.project, service=service, key=key, kind=kind, now=NOW)
        Unit.objects.filter(pk=unit.pk).update(**columns)
        return Unit.objects.select_related("project", "service").get(pk=unit.pk)

    return made


@pytest.fixture
def unit(new_unit: Callable[..., Unit]) -> Unit:
    return new_unit()


@pytest.fixture
def two(owner: User, engineer: User) -> tuple[User, User]:
    """Two members who may approve."""
    return owner, engineer


def acting(user: User, project: Project) -> Actor:
    return person(user=user, project=project, via=Via.PAGE)


def canary(unit: Unit, share: int, *, since: timedelta = timedelta(hours=3)) -> Unit:
    """The unit as it would be in canary, in memory: what is read goes by what it says."""
    unit.stage, unit.candidate_bp, unit.mirror_bp, unit.share_since = Stage.CANARY, share, 10_000, NOW - since
    return unit


def count(unit: Unit, **counters: Any) -> Standing:
    """Where a unit stands, as one shard saw it."""
    usual = {"shard": 0, "first_at": NOW - timedelta(minutes=30), "last_at": NOW, "last_seen_at": NOW}
    return Standing.objects.create(unit=unit, evidence_epoch=unit.evidence_epoch, **usual | counters)


def window(unit: Unit, at: datetime, resolution: int = Resolution.MINUTE, **counters: Any) -> Rollup:
    """One window of a unit."""
    start = datetime.fromtimestamp(int(at.timestamp()) // resolution * resolution, tz=UTC)
    usual = {"shard": 0, "evidence_epoch": unit.evidence_epoch}
    return Rollup.objects.create(unit=unit, resolution=resolution, window_start=start, **usual | counters)


def arrive(project: Project) -> None:
    """Everything that was sent has arrived."""
    for resolution in (Resolution.MINUTE, Resolution.HOUR):
        start = datetime.fromtimestamp(int(NOW.timestamp()) // resolution * resolution, tz=UTC)
        Arrival.objects.create(
            project=project, resolution=resolution, window_start=start, shard=0, sent=100, committed=100
        )
