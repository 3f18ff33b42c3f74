"""The burndown over REST."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from migrator.access.rights import console
from migrator.core.stages import Stage
from migrator.inventory.models import Service, Unit
from migrator.inventory.services import create_unit
from migrator.observations.models import Resolution, Traffic
from migrator.planning.services import assign, save_phase
from tests.api.conftest import Caller, climb, errors, new_unit

BURNDOWN = "projects/shop/burndown/"


def test_burndown__by_units__tells_scope_and_stages_of_each_day(admin: Caller, unit: Unit) -> None:
    climb(unit, Stage.SHADOW)
    told = admin.get(f"{BURNDOWN}?days=7")
    assert len(told["days"]) == 8
    assert told["days"][-1]["scope"] == told["days"][-1]["stages"]["shadow"] == 1
    assert told["days"][0]["scope"] == 0
    assert set(told["days"][0]["stages"]) == {stage.value for stage in Stage}
    assert (told["left"], told["pace"], told["deadline"]) == (1, 0, None)
    assert told["forecast"] is None
    assert "nothing was finished yet" in told["forecast_reason"]


def test_burndown__by_traffic__tells_shares_and_null_without_requests(admin: Caller, unit: Unit) -> None:
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    Traffic.objects.create(
        project=unit.project, resolution=Resolution.DAY, window_start=today, shard=0, received=4, served_candidate=1
    )
    told = admin.get(f"{BURNDOWN}?by=traffic&days=1")
    assert [day["share"] for day in told["days"]] == [None, 0.25]
    assert told["forecast_reason"]


@pytest.mark.parametrize(
    ("query", "field", "word"),
    [
        ("by=colour", "by", "colour"),
        ("phase=one", "phase", "no phase"),
        ("days=0", "days", "1"),
        ("days=99999", "days", "3700"),
        ("kind=table", "kind", "table"),
    ],
)
def test_burndown__of_what_is_not_kept__400_says_so(
    admin: Caller, unit: Unit, query: str, field: str, word: str
) -> None:
    answer: Any = admin("GET", f"{BURNDOWN}?{query}")
    assert answer.status_code == 400
    assert word in errors(answer)[field]


def test_burndown__of_what_is_done__is_cutover_or_removed(admin: Caller, unit: Unit) -> None:
    climb(unit, Stage.CUTOVER)
    told = {done: admin.get(f"{BURNDOWN}?done={done}") for done in ("cutover", "removed")}
    assert [(told[done]["done_stage"], told[done]["left"]) for done in told] == [("cutover", 0), ("removed", 1)]
    assert told["removed"]["days"][-1]["moved"] == 1
    assert "Nothing is left" in told["cutover"]["forecast_reason"]


def test_burndown__of_a_phase_as_tagged_then__begins_when_units_came_into_it(admin: Caller, unit: Unit) -> None:
    Unit.objects.filter(pk=unit.pk).update(added_at=timezone.now() - timedelta(days=5))
    phase = save_phase(project=unit.project, name="mvp", actor=console(name="test"), now=timezone.now())
    assign(project=unit.project, phase=phase, unit_ids=[unit.pk], actor=console(name="test"), now=timezone.now())
    scopes = {
        tagged: [day["scope"] for day in admin.get(f"{BURNDOWN}?phase=mvp&days=3&tagged={tagged}")["days"]]
        for tagged in ("now", "then")
    }
    assert scopes == {"now": [1, 1, 1, 1], "then": [0, 0, 0, 1]}


def test_burndown__of_a_steady_past__has_dates_and_a_chance(admin: Caller, service: Service) -> None:
    now = timezone.now()
    for week in range(12):
        made = now - timedelta(days=90)
        unit = create_unit(project=service.project, service=service, key=f"GET /{week}", kind="endpoint", now=made)
        climb(unit, Stage.CUTOVER, now=now - timedelta(days=84 - 7 * week))
    new_unit(service, "GET /left")
    admin("PATCH", "projects/shop/", {"deadline": str((now + timedelta(weeks=52)).date())})
    forecast = admin.get(BURNDOWN)["forecast"]
    assert forecast["p50"] <= forecast["p85"] <= forecast["p95"]
    assert forecast["chance"] > 0.9
    assert forecast["weeks_used"] >= 12
