"""The page of who obeys: also who goes below what is committed, and what to do about it."""

from collections.abc import Callable

from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from migrator.inventory.models import Project
from migrator.rollout import planes
from migrator.rollout.models import DataPlane

SignIn = Callable[[User], Client]


def heard(project: Project, source: str, **said: object) -> DataPlane:
    now = timezone.now()
    latest = {"applied_epoch": project.epoch, "applied_number": project.version, "kind": "gateway", "boot": "b"}
    return DataPlane(project=project, source=source, first_seen_at=now, last_seen_at=now, **latest | said)


def test_data_planes__that_hold_legacy_or_leave_a_candidate_out__say_so(
    project: Project, viewer: User, sign_in: SignIn
) -> None:
    project.refresh_from_db()
    rows = [
        heard(project, "gw/0", forced_legacy=True),
        heard(project, "gw/1", overrides=["order-1"]),
        heard(project, "gw/2", left_out=["GET /users/{id}"]),
    ]
    planes.note(rows=rows, now=timezone.now())
    page = sign_in(viewer).get(f"/p/{project.slug}/data-planes").content.decode()
    assert "All 3 live data planes apply the latest version. 2 hold some of it at legacy. 1 leaves out" in page
    for words in ("Held at legacy by its own switch", "Obeys a signed override", "GET /users/{id}", "force_legacy"):
        assert words in page
