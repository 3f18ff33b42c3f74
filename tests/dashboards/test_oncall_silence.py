"""On call when nothing is wrong, and when nobody knows: two states that never look alike."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from migrator.core.stages import Stage
from migrator.inventory.models import Unit
from migrator.rollout.models import DataPlane
from tests.dashboards.conftest import observe

AddUnit = Callable[..., Unit]


def heard(unit: Unit, *, seconds_ago: int) -> None:
    now = timezone.now()
    DataPlane.objects.create(
        project=unit.project, source="gw/0", kind="gateway", boot="b", first_seen_at=now,
        last_seen_at=now - timedelta(seconds=seconds_ago), applied_epoch=unit.project.epoch, applied_number=1_000_000,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("seconds_ago", "everywhere", "here"),
    [
        (3, "Nothing is known to be wrong.", "Nothing is known to be wrong."),
        (3_600, "Nobody reports from Shop: nothing is known there.", "Nobody reports: no data plane is connected"),
    ],
)
def test_oncall__nothing_wrong__says_how_fresh_its_data_are_and_silence_is_not_well(
    seconds_ago: int, everywhere: str, here: str, add_unit: AddUnit, oncall: User, client: Client
) -> None:
    unit = add_unit("GET /feeds", Stage.CANARY, 500)
    observe(unit, match=50_000)
    heard(unit, seconds_ago=seconds_ago)
    client.force_login(oncall)
    listed, page = client.get("/oncall").content.decode(), client.get("/p/shop/oncall").content.decode()

    assert f"<h1>{everywhere}</h1>" in listed
    assert ("nobody reports: nothing known" in listed) is (seconds_ago > 20)
    assert re.search(r"data of <time [^>]+>\d+ (s|min) ago", listed)
    assert here in page
    assert re.search(r"Data \d+ (s|min) old\.", page)
    assert ('class="pill fresh"' in page) is (seconds_ago < 20), "no data is never green"


def test_alerts_link__nobody_reported_on_the_unit__does_not_say_it_is_well(
    add_unit: AddUnit, oncall: User, client: Client
) -> None:
    unit = add_unit("GET /feeds", Stage.CANARY, 500)
    heard(unit, seconds_ago=3)
    client.force_login(oncall)
    page = client.get(f"/p/shop/oncall/{unit.pk}").content.decode()

    assert "Nothing is known about GET /feeds: nobody reported on it for five minutes." in page


def test_sheet__legacy_is_gone__says_so_and_claims_no_legacy(add_unit: AddUnit, oncall: User, client: Client) -> None:
    gone = add_unit("GET /orders", Stage.REMOVAL)
    type(gone.service).objects.update(legacy_deployed=False)
    client.force_login(oncall)
    page = client.get(f"/p/shop/units/{gone.pk}/rollback").content.decode()

    assert "Cannot go back: legacy no longer runs here." in page
    assert "Nothing to roll back" not in page
