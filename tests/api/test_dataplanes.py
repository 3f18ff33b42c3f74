"""Data planes and what they saw that nobody tracks, over REST."""

from datetime import timedelta

import pytest
from django.utils import timezone

from migrator.inventory.models import ObservedEndpoint, Project, Service, Unit
from migrator.rollout.models import DataPlane
from tests.api.conftest import Caller, errors

OBSERVED = "projects/shop/observed/"


def plane(project: Project, source: str, *, silent_for: float, number: int, epoch: int = 1) -> None:
    at = timezone.now() - timedelta(seconds=silent_for)
    DataPlane.objects.create(
        project=project, source=source, kind="gateway", boot="b", applied_epoch=epoch, applied_number=number,
        first_seen_at=at, last_seen_at=at,
    )  # fmt: skip


def test_data_planes__told__say_what_they_apply_and_how_old_that_is(admin: Caller, project: Project) -> None:
    Project.objects.update(version=7)
    plane(project, "gw-1/0", silent_for=2, number=7)
    plane(project, "gw-2/0", silent_for=90, number=5)
    plane(project, "gw-3/0", silent_for=0, number=9, epoch=0)
    rows = {row["source"]: row for row in admin.get("projects/shop/data-planes/")["results"]}
    assert list(rows) == ["gw-1/0", "gw-2/0", "gw-3/0"]
    assert [row["version"] for row in rows.values()] == ["1.7", "1.5", "0.9"]
    assert [row["versions_behind"] for row in rows.values()] == [0, 2, None]
    assert [row["live"] for row in rows.values()] == [True, False, True]
    assert 90 <= rows["gw-2/0"]["lag"] < 120


@pytest.fixture
def offer(service: Service) -> ObservedEndpoint:
    now = timezone.now()
    return ObservedEndpoint.objects.create(
        project=service.project, service=service, key="GET /seen/{id}", count=9, first_seen_at=now, last_seen_at=now
    )


def test_observed__listed__until_tracked(admin: Caller, offer: ObservedEndpoint) -> None:
    assert admin.get(OBSERVED)["results"][0]["count"] == 9
    answer = admin("POST", f"{OBSERVED}{offer.pk}/track/", {})
    assert answer.status_code == 201
    assert (answer.json()["key"], answer.json()["source"], answer.json()["stage"]) == (offer.key, "traffic", "backlog")
    assert admin.get(OBSERVED)["results"] == []
    assert admin("POST", f"{OBSERVED}{offer.pk}/track/", {}).status_code == 404


def test_observed__of_no_service__is_tracked_once_one_is_named(admin: Caller, offer: ObservedEndpoint) -> None:
    ObservedEndpoint.objects.update(service=None)
    assert admin.get(OBSERVED)["results"][0]["service"] is None
    assert "service" in errors(admin("POST", f"{OBSERVED}{offer.pk}/track/", {}))
    assert "service" in errors(admin("POST", f"{OBSERVED}{offer.pk}/track/", {"service": "none"}))
    assert admin("POST", f"{OBSERVED}{offer.pk}/track/", {"service": "main"}).status_code == 201
    assert Unit.objects.get().service.name == "main"


def test_observed__dismissed__is_offered_no_more(admin: Caller, offer: ObservedEndpoint) -> None:
    assert admin("POST", f"{OBSERVED}{offer.pk}/dismiss/").status_code == 204
    assert admin.get(OBSERVED)["results"] == []
    assert not Unit.objects.exists()


def test_observed__of_another_project__404(admin: Caller, offer: ObservedEndpoint, stranger: object) -> None:
    assert admin("POST", f"projects/elsewhere/observed/{offer.pk}/dismiss/").status_code == 404
    offer.refresh_from_db()
    assert offer.dismissed_at is None
