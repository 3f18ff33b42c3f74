"""A small shop with units on several stages, and evidence about them."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from migrator.access.rights import console
from migrator.core.stages import LADDER, RANK, Stage
from migrator.inventory.models import Kind, Project, Service, Unit
from migrator.inventory.services import create_unit, save_service
from migrator.observations.models import Arrival, Resolution, Standing
from migrator.rollout.services import Change, flip


@pytest.fixture
def service(project: Project) -> Service:
    return save_service(
        project=project, name="users", legacy_url="http://legacy.test", candidate_url="http://candidate.test"
    )


@pytest.fixture
def add_unit(project: Project, service: Service) -> Callable[..., Unit]:
    """`add_unit("GET /users/{id}", Stage.CANARY, candidate=500)`: a unit that climbed there, step by step."""

    def add(key: str, stage: Stage = Stage.BACKLOG, candidate: int | None = None, kind: str = "") -> Unit:
        kind = kind or (Kind.FIELD if " $" in key else Kind.ENDPOINT)
        unit = create_unit(project=project, service=service, key=key, kind=kind, now=timezone.now())
        for rung in LADDER[1 : RANK[stage] + 1]:
            move(unit, rung.stage, candidate if rung.stage is stage else None)
        return Unit.objects.get(pk=unit.pk)

    return add


def move(unit: Unit, stage: Stage, candidate: int | None = None, mirror: int | None = None) -> Unit:
    """Flip a unit as whoever owns the host may: gates overridden."""
    version = Unit.objects.values_list("version", flat=True).get(pk=unit.pk)
    flip(
        project=unit.project,
        changes=[Change(unit_id=unit.pk, version=version, stage=stage, candidate=candidate, mirror=mirror)],
        actor=console(name="setup"),
        reason="set up",
        override=True,
        now=timezone.now(),
    )
    return Unit.objects.get(pk=unit.pk)


def observe(unit: Unit, *, match: int, mismatch: int = 0) -> None:
    """Evidence of the unit's present epoch, fresh and complete."""
    now, unit = timezone.now(), Unit.objects.get(pk=unit.pk)
    since = now - timedelta(minutes=5)
    Standing.objects.create(
        unit=unit, shard=0, evidence_epoch=unit.evidence_epoch, match=match, mismatch=mismatch,
        first_at=since, last_at=now, last_seen_at=now,
    )  # fmt: skip
    for resolution in (Resolution.MINUTE, Resolution.HOUR):
        Arrival.objects.get_or_create(
            project=unit.project, resolution=resolution, shard=0,
            window_start=now.replace(second=0, microsecond=0, minute=0 if resolution == 3_600 else now.minute),
            defaults={"sent": 100, "committed": 100},
        )  # fmt: skip


@pytest.fixture
def sign_in(client: Client) -> Callable[[User], Client]:
    def signed_in(user: User) -> Client:
        client.force_login(user)
        return client

    return signed_in
