"""What data planes say of themselves: what counts as effective, and what is said of those that go below it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from migrator.core.stages import Stage
from migrator.inventory.models import Project, Unit
from migrator.inventory.services import save_service
from migrator.rollout import planes
from migrator.rollout.models import DataPlane
from migrator.rollout.queries import convergence, data_planes
from migrator.telling.models import Event, Message
from tests.api.conftest import climb, new_unit

KEY = "GET /users/{id}"


@pytest.fixture
def unit(project: Project) -> Unit:
    return climb(new_unit(save_service(project=project, name="main"), KEY), Stage.CANARY)


def heard(project: Project, source: str = "gw/0", **said: Any) -> DataPlane:
    """A process that applies the latest version unless it says otherwise."""
    project.refresh_from_db()
    now = said.pop("at", timezone.now())
    latest = {"applied_epoch": project.epoch, "applied_number": project.version, "kind": "gateway", "boot": "b"}
    return DataPlane(project=project, source=source, first_seen_at=now, last_seen_at=now, **latest | said)


def test_convergence__of_planes_that_go_below_it__is_effective_and_names_them(unit: Unit) -> None:
    project = unit.project
    rows = [
        heard(project, "gw/0"),
        heard(project, "gw/1", forced_legacy=True),
        heard(project, "gw/2", overrides=["order-1"]),
        heard(project, "gw/3", left_out=[KEY]),
    ]
    planes.note(rows=rows, now=timezone.now())
    found = convergence(project=project, now=timezone.now())
    assert found.effective
    assert (found.held, found.leaving_out) == (("gw/1", "gw/2"), ("gw/3",))
    assert "Held at legacy, some of it or all: gw/1, gw/2." in found.sentence
    assert "left out, for some units: gw/3." in found.sentence


def test_convergence__of_a_plane_that_holds_legacy_on_an_old_table__still_waits_for_it(unit: Unit) -> None:
    planes.note(rows=[heard(unit.project, applied_number=0, forced_legacy=True)], now=timezone.now())
    found = convergence(project=unit.project, now=timezone.now())
    assert (found.effective, found.waiting, found.held) == (False, ("gw/0",), ("gw/0",))


def test_note__of_a_process_that_fell_silent__does_not_keep_a_matter_open(unit: Unit) -> None:
    long_ago = timezone.now() - timedelta(minutes=5)
    planes.note(rows=[heard(unit.project, "gw/0", left_out=[KEY], at=long_ago)], now=long_ago)
    planes.note(rows=[heard(unit.project, "gw/1")], now=timezone.now())
    told = Message.objects.filter(event=Event.LEFT_OUT).order_by("id")
    assert [message.resolves for message in told] == [False, True]
    assert [plane.left_out for plane in data_planes(project=unit.project, now=timezone.now())] == [(), ()]


def test_note__of_a_thousand_units_at_once__tells_of_some_and_keeps_all(unit: Unit) -> None:
    service = unit.service
    keys = [new_unit(service, f"GET /{number}").key for number in range(planes.MOST_TOLD + 5)]
    planes.note(rows=[heard(unit.project, left_out=keys)], now=timezone.now())
    assert Message.objects.filter(event=Event.LEFT_OUT).count() == planes.MOST_TOLD
    assert len(DataPlane.objects.get().left_out) == len(keys)


@pytest.mark.parametrize(
    ("source", "kind", "place"), [("gw-1/0", "gateway", "gw-1"), ("shop/a", "sdk", "shop/a"), ("gw", "gateway", "gw")]
)
def test_place__of_a_process__is_its_data_plane(source: str, kind: str, place: str) -> None:
    assert planes.place_of(source, kind) == place
