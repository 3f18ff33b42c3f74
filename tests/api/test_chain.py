"""The ledger's chain over REST."""

from typing import Any

import pytest
from django.utils import timezone

from migrator.access.rights import console
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Unit
from migrator.inventory.services import create_unit, save_service
from migrator.ledger.services import record
from migrator.rollout.services import Change, flip
from tests.api.conftest import Caller


@pytest.fixture
def moved(project: Project) -> Unit:
    service = save_service(project=project, name="users")
    unit = create_unit(project=project, service=service, key="GET /a", kind="endpoint", now=timezone.now())
    ana, now = console(name="ana"), timezone.now()
    flip(
        project=project, changes=[Change(unit_id=unit.pk, version=0, stage=Stage.SHADOW)], actor=ana, reason="", now=now
    )
    record(
        project=project, kind="policy", actor=ana, now=now, body={"after": {"alpha": 0.01}}, unit=unit, reason="money"
    )
    return unit


def _results(answer: Any) -> list[dict[str, Any]]:
    return list(answer["results"])


def test_links__of_a_project__newest_first_each_on_the_one_before(admin: Caller, moved: Unit) -> None:
    newest, oldest = _results(admin.get("/api/v1/projects/shop/ledger/"))
    assert (newest["kind"], newest["key"], newest["body"]) == ("policy", "GET /a", {"after": {"alpha": 0.01}})
    assert newest["previous"] == oldest["digest"]
    assert oldest["body"]["flips"] == 1


@pytest.mark.parametrize(
    ("query", "kinds"), [("kind=flip", ["flip"]), ("actor=ben", []), ("since=2100-01-01T00:00Z", [])]
)
def test_links__filtered__only_what_was_asked_for(admin: Caller, moved: Unit, query: str, kinds: list[str]) -> None:
    assert [link["kind"] for link in _results(admin.get(f"/api/v1/projects/shop/ledger/?{query}"))] == kinds


def test_links__unknown_kind__400_names_the_known_ones(admin: Caller, moved: Unit) -> None:
    answer = admin("GET", "projects/shop/ledger/?kind=gossip")
    assert answer.status_code == 400
    assert "rollback" in answer.json()["errors"][0]["message"]


def test_check__sound__says_so_with_the_head(admin: Caller, moved: Unit) -> None:
    told = admin.get("/api/v1/projects/shop/ledger/check/")
    assert (told["sound"], told["links"], told["flips"], told["faults"]) == (True, 2, 1, [])
    assert told["anchor"]["number"] == 2
