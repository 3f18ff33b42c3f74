"""The burndown over REST."""

from typing import Any

import pytest
from django.utils import timezone

from migrator.core.stages import Stage
from migrator.inventory.models import Unit
from migrator.observations.models import Resolution, Traffic
from tests.api.conftest import Caller, climb, errors

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
