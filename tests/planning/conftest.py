"""A small project whose past is made through the doors that people use."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from migrator.access.rights import console
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Service, TagChange, Unit
from migrator.inventory.services import create_unit, save_service
from migrator.rollout.services import Change, flip

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ACTOR = console(name="test")
History = Callable[..., Unit]
CLIMB = [Stage.SHADOW, Stage.SIDE_BY_SIDE, Stage.CANARY, Stage.CUTOVER]


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def finished(days: float) -> dict[float, Stage]:
    """The moves of a unit that is in cutover since so many days, all made within that day."""
    return {days - step / 100: stage for step, stage in enumerate(CLIMB)}


def move(unit: Unit, stage: Stage, at: datetime) -> None:
    """One step, or one back, through the door."""
    unit.refresh_from_db()
    change = Change(unit_id=unit.pk, version=unit.version, stage=stage)
    flip(project=unit.project, changes=[change], actor=ACTOR, reason="x", now=at, override=True)


def retagged(unit: Unit, at: datetime, **tags: object) -> None:
    """The unit goes to another team or service. The database notes it, here as if it had been then."""
    known = set(TagChange.objects.values_list("pk", flat=True))
    Unit.objects.filter(pk=unit.pk).update(**tags)
    assert TagChange.objects.filter(unit=unit).exclude(pk__in=known).update(at=at) == 1


@pytest.fixture
def service(project: Project) -> Service:
    return save_service(project=project, name="main")


@pytest.fixture
def history(service: Service) -> History:
    """`history("GET /a", 9, {5: Stage.SHADOW})`: a unit added nine days ago, in shadow since five days."""

    def made(key: str, added: float, moves: dict[float, Stage] | None = None, **options: object) -> Unit:
        columns = {"service": service, "kind": "endpoint"} | options
        unit = create_unit(project=service.project, key=key, now=days_ago(added), **columns)  # type: ignore[arg-type]
        for days, stage in (moves or {}).items():
            move(unit, stage, days_ago(days))
        unit.refresh_from_db()
        return unit

    return made
