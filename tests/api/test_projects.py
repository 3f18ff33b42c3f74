"""Projects, services, teams and deploys over REST."""

from typing import Any

import pytest

from migrator.core.stages import Stage
from migrator.inventory.models import Deploy, Project, Service, Unit
from tests.api.conftest import Caller, climb, errors


def test_project__created__is_told_and_listed(admin: Caller) -> None:
    body = {"slug": "shop", "name": "Shop", "legacy_name": "old", "candidate_name": "new", "deadline": "2027-03-31"}
    answer = admin("POST", "projects/", body)
    assert answer.status_code == 201
    assert {name: answer.json()[name] for name in body} == body
    assert [project["slug"] for project in admin.get("projects/")["results"]] == ["shop"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"slug": "no slug"}, "slug"),
        ({"slug": None}, "slug"),
        ({"name": ""}, "name"),
        ({"deadline": "soon"}, "deadline"),
        ({"manners": {"colour": "red"}}, "manners"),
        ({"manners": {"subject_source": "guess"}}, "manners"),
        ({"manners": []}, "manners"),
        ({"manners": {"subject_name": "a\0"}}, "manners.subject_name"),
        ({"policy": {"mismatch_limit": 2}}, "policy"),
        ({"version": 7}, "version"),
        ({"simulated": True}, "simulated"),
    ],
)
def test_project__created_with_bad_input__400_names_it(admin: Caller, change: dict[str, Any], field: str) -> None:
    answer = admin("POST", "projects/", {"slug": "shop", "name": "Shop"} | change)
    assert answer.status_code == 400
    assert field in errors(answer)
    assert not Project.objects.exists()


def test_project__created_twice__400_says_the_slug_is_taken(admin: Caller, project: Project) -> None:
    assert "another slug" in errors(admin("POST", "projects/", {"slug": "shop", "name": "Again"}))["slug"]


def test_project__patched__changes_and_data_planes_hear_of_it(admin: Caller, project: Project) -> None:
    body = {"deadline": "2027-03-31", "manners": {"subject_source": "header", "subject_name": "X-User"}}
    changed = admin("PATCH", "projects/shop/", body).json()
    assert {name: changed[name] for name in body} == body
    assert (changed["name"], changed["version"]) == ("Shop", project.version + 1)


@pytest.mark.parametrize("field", ["slug", "version", "epoch", "created_at", "simulated"])
def test_project__patched_with_what_is_read_only__400(admin: Caller, project: Project, field: str) -> None:
    assert field in errors(admin("PATCH", "projects/shop/", {field: "x"}))


def test_service__created__has_its_addresses_and_usual_patience(admin: Caller, project: Project) -> None:
    body = {"name": "main", "legacy_url": "http://old:8080", "candidate_url": "http://new:8080"}
    answer = admin("POST", "projects/shop/services/", body)
    assert answer.status_code == 201
    assert answer.json()["mirror_timeout_ms"] == 10_000
    assert [row["name"] for row in admin.get("projects/shop/services/")["results"]] == ["main"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"legacy_url": "ftp://old"}, "legacy_url"),
        ({"candidate_url": "http://new/path"}, "candidate_url"),
        ({"candidate_url": "http://[::1"}, "candidate_url"),
        ({"candidate_url": "http://new:99999"}, "candidate_url"),
        ({"mirror_timeout_ms": 0}, "mirror_timeout_ms"),
        ({"mirror_body_bytes": 2**40}, "mirror_body_bytes"),
        ({"name": ""}, "name"),
        ({"host": "x"}, "host"),
    ],
)
def test_service__created_with_bad_input__400_names_it(
    admin: Caller, project: Project, change: dict[str, Any], field: str
) -> None:
    assert field in errors(admin("POST", "projects/shop/services/", {"name": "main"} | change))
    assert not Service.objects.exists()


def test_service__created_twice__400_and_the_first_is_kept(admin: Caller, service: Service) -> None:
    answer = admin("POST", "projects/shop/services/", {"name": "main", "legacy_url": "http://other"})
    assert "PATCH" in errors(answer)["name"]
    assert Service.objects.get().legacy_url == service.legacy_url


def test_service__patched__keeps_what_was_not_named(admin: Caller, service: Service) -> None:
    address = f"projects/shop/services/{service.pk}/"
    changed = admin("PATCH", address, {"candidate_url": "http://new:1"}).json()
    assert (changed["candidate_url"], changed["legacy_url"]) == ("http://new:1", service.legacy_url)
    assert admin.get(address) == changed
    assert "name" in errors(admin("PATCH", address, {"name": "x"}))


def test_service__of_another_project__404(admin: Caller, service: Service, stranger: Any) -> None:
    assert admin("GET", f"projects/elsewhere/services/{service.pk}/").status_code == 404


def test_team__created_twice__400_says_it_is_there(admin: Caller, project: Project) -> None:
    assert admin("POST", "projects/shop/teams/", {"name": "core"}).status_code == 201
    assert "already" in errors(admin("POST", "projects/shop/teams/", {"name": "core"}))["name"]
    assert [team["name"] for team in admin.get("projects/shop/teams/")["results"]] == ["core"]


def test_deploy__announced__starts_evidence_afresh(admin: Caller, unit: Unit) -> None:
    climb(unit, Stage.SIDE_BY_SIDE)
    answer = admin("POST", "projects/shop/deploys/", {"service": "main", "side": "candidate", "build": "v2"})
    assert answer.status_code == 201
    epoch = unit.evidence_epoch
    unit.refresh_from_db()
    assert unit.evidence_epoch == epoch + 1
    assert admin.get("projects/shop/deploys/")["results"][0]["build"] == "v2"


@pytest.mark.parametrize(
    ("change", "field"), [({"service": "none"}, "service"), ({"side": "new"}, "side"), ({"build": ""}, "build")]
)
def test_deploy__of_nothing_known__400_names_it(admin: Caller, unit: Unit, change: dict[str, Any], field: str) -> None:
    body = {"service": "main", "side": "legacy", "build": "v1"} | change
    assert field in errors(admin("POST", "projects/shop/deploys/", body))
    assert not Deploy.objects.exists()
