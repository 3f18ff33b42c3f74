"""Removal over REST: what is proven, repositories, scans, a person's word."""

from collections.abc import Callable
from typing import Any

import pytest

from migrator.core.stages import Stage
from migrator.inventory.models import Project, Unit
from migrator.removal.models import Reference, Reopening, Scan
from migrator.removal.naming import fingerprint_of
from tests.api.conftest import Caller, errors
from tests.api.conftest import with_token as with_token
from tests.removal.conftest import NOW, AddUnit, prove, register

WithToken = Callable[..., Caller]


@pytest.fixture
def unit(add_unit: AddUnit) -> Unit:
    return add_unit("GET /users/{id}")


def body(*units: Unit, **changes: Any) -> dict[str, Any]:
    return {
        "repository": "web", "commit": "c0ffee", "branch": "main", "dirty": False, "files": 3, "seconds": 0.5,
        "patterns": 2, "found": 1, "looked_for": [str(fingerprint_of(each)) for each in units],
        "references": [
            {"unit": each.pk, "path": "a.py", "line": 4, "excerpt": "get()", "alias": each.key} for each in units
        ],
    } | changes  # fmt: skip


def test_removal__listed__says_what_is_proven_of_each(unit: Unit, add_unit: AddUnit, with_token: WithToken) -> None:
    add_unit("GET /orders", stage=Stage.CUTOVER)
    answer = with_token("read").get("projects/shop/removal/")
    assert [each["key"] for each in answer["results"]] == ["GET /users/{id}"]
    told = answer["results"][0]
    assert (told["complete"], told["reopened"], told["days_needed"]) == (False, None, 14)
    assert [part["name"] for part in told["parts"]] == ["traffic", "references", "label", "tear-down"]
    assert {part["result"] for part in told["parts"]} == {"no_data", "pass"}


def test_removal__removed_unit_that_something_returned_to__is_listed_with_why(
    unit: Unit, with_token: WithToken
) -> None:
    prove(unit)
    Reopening.objects.create(unit=unit, why="Legacy was called.", at=NOW)
    assert with_token("read").get("projects/shop/removal/")["results"][0]["reopened"] == "Legacy was called."


def test_repository__saved_twice__is_changed(project: Project, with_token: WithToken) -> None:
    call = with_token("operate")
    assert call("POST", "projects/shop/repositories/", {"name": "web"}).status_code == 201
    saved = call("POST", "projects/shop/repositories/", {"name": "web", "branch": "trunk", "required": False}).json()
    assert (saved["branch"], saved["required"]) == ("trunk", False)
    assert len(call.get("projects/shop/repositories/")["results"]) == 1


def test_scan__reported_with_an_ingest_token__is_kept_and_says_whether_it_counts(
    unit: Unit, project: Project, with_token: WithToken
) -> None:
    register(project)
    call = with_token("ingest", project=project)
    wanted = call.get("projects/shop/scans/wanted/")["results"]
    assert wanted == [
        {"unit": unit.pk, "key": unit.key, "kind": "endpoint", "aliases": [],
         "fingerprint": str(fingerprint_of(unit))}
    ]  # fmt: skip
    answer = call("POST", "projects/shop/scans/", body(unit))
    assert (answer.status_code, answer.json()["counts"], answer.json()["reporter"]) == (201, True, "token ingest")
    assert Reference.objects.get().unit == unit
    assert not call("POST", "projects/shop/scans/", body(unit, branch="x")).json()["counts"]
    assert call("POST", "projects/shop/scans/", body(unit, branch="")).json()["counts"]


def test_ingest_token__anywhere_else__stays_shut_out(unit: Unit, project: Project, with_token: WithToken) -> None:
    call = with_token("ingest", project=project)
    for path in ("projects/shop/removal/", "projects/shop/repositories/", f"units/{unit.pk}/tear-down/"):
        assert call("GET", path).status_code == 403
    assert call("POST", f"units/{unit.pk}/rollback/", {}).status_code == 403


def test_ingest_token__of_another_project__finds_no_scans(unit: Unit, stranger: Any, with_token: WithToken) -> None:
    elsewhere = Project.objects.get(slug="elsewhere")
    assert with_token("ingest", project=elsewhere)("POST", "projects/shop/scans/", body(unit)).status_code == 404


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"repository": "ios"}, "repository"),
        ({"commit": "a b"}, "commit"),
        ({"looked_for": ["x"]}, "looked_for.0"),
        ({"looked_for": ["9223372036854775808"]}, "looked_for"),
        ({"references": [{"unit": 1}]}, "references.0.path"),
        ({"files": -1}, "files"),
        ({"more": 1}, "more"),
    ],
)
def test_scan__with_bad_input__names_the_field(
    unit: Unit, project: Project, with_token: WithToken, changes: dict[str, Any], field: str
) -> None:
    register(project)
    answer = with_token("ingest")("POST", "projects/shop/scans/", body(unit, **changes))
    assert answer.status_code == 400
    assert field in errors(answer)
    assert not Scan.objects.exists()


def test_tear_down__ticked_and_taken_back__carries_the_name(unit: Unit, with_token: WithToken) -> None:
    call, path = with_token("operate"), f"units/{unit.pk}/tear-down/"
    ticked = call("POST", path, {"what": "deployment"}).json()
    assert [(each["what"], each["done_by"]) for each in ticked["items"]] == [
        ("deployment", "token operate"),
        ("mirroring", ""),
    ]
    assert call("POST", path, {"what": "deployment", "done": False}).json()["items"][0]["done_at"] is None
    assert "what" in errors(call("POST", path, {"what": "nonsense"}))
