"""Policies and waivers, over REST."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from migrator.access.models import Membership, Role
from migrator.gates.models import PolicyLayer, Waiver
from migrator.inventory.models import Project, Service, Unit
from tests.api.conftest import Caller, errors

SHOP = "projects/shop/policy/"
LAYERS = "projects/shop/policies/"


def layer(admin: Caller, **changes: Any) -> Any:
    body = {"kind": "service", "of": "main", "settings": {"alpha": 0.01}} | changes
    return admin("POST", LAYERS, body)


def soon(days: int = 7) -> str:
    return (timezone.now() + timedelta(days=days)).isoformat()


def test_policy__of_a_new_project__is_what_is_built_in(admin: Caller, project: Project) -> None:
    told = admin.get(SHOP)

    assert (told["settings"], told["version"], told["flaws"]) == ({}, 1, [])
    assert told["effective"]["mismatch_limit"] == 0.001
    assert told["effective"]["four_eyes"] == ["cutover", "removal", "removed", "waiver", "policy"]


def test_policy__patched__changes_what_is_named_and_tells_its_flaws(admin: Caller, project: Project) -> None:
    admin("PATCH", SHOP, {"version": 1, "settings": {"alpha": 0.01, "beta": 0.02}})
    told = admin("PATCH", SHOP, {"version": 2, "settings": {"callers": ["ios"]}, "unset": ["beta"]}).json()

    assert (told["settings"], told["version"]) == ({"alpha": 0.01, "callers": ["ios"]}, 3)
    assert [(flaw["setting"], flaw["severity"]) for flaw in told["flaws"]] == [("callers", "never passes")]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "version"),
        ({"version": -1}, "version"),
        ({"version": 1, "settings": []}, "settings"),
        ({"version": 1, "settings": {"alpha": 7}}, "settings.alpha"),
        ({"version": 1, "settings": {"alpah": 0.1}}, "settings.alpah"),
        ({"version": 1, "unset": ["moon"]}, "unset"),
        ({"version": 1, "unset": ["alpha"], "settings": {"alpha": 0.1}}, "unset"),
        ({"version": 1, "colour": 1}, "colour"),
    ],
)
def test_policy__patched_with_what_cannot_be__400_names_it(
    admin: Caller, project: Project, body: dict[str, Any], field: str
) -> None:
    answer = admin("PATCH", SHOP, body)

    assert answer.status_code == 400
    assert field in errors(answer)
    assert Project.objects.get().policy == {}


def test_policy__of_a_stale_version__409(admin: Caller, project: Project) -> None:
    admin("PATCH", SHOP, {"version": 1, "settings": {"alpha": 0.01}})
    answer = admin("PATCH", SHOP, {"version": 1, "settings": {"alpha": 0.5}})

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:migrator:problem:stale")
    assert "you saw version 1" in answer.json()["detail"]


def test_policy__by_the_projects_own_address__is_not_written_there(admin: Caller, project: Project) -> None:
    assert "policy" in errors(admin("PATCH", "projects/shop/", {"policy": {"alpha": 0.5}}))


def test_layer__added_changed_and_removed__reaches_its_units(admin: Caller, service: Service, unit: Unit) -> None:
    made = layer(admin).json()
    assert (made["kind"], made["of"], made["version"]) == ("service", "main", 1)
    changed = admin("PATCH", f"policies/{made['id']}/", {"version": 1, "settings": {"beta": 0.02}}).json()
    assert changed["settings"] == {"alpha": 0.01, "beta": 0.02}
    assert admin.get(LAYERS)["results"] == [{k: v for k, v in changed.items() if k != "flaws"}]

    told = {origin["name"]: origin for origin in admin.get(f"units/{unit.pk}/policy/")["settings"]}
    assert (told["alpha"]["value"], told["alpha"]["layer"]["of"]) == (0.01, "main")
    assert told["harm_limit"]["layer"] is None

    assert admin("DELETE", f"policies/{made['id']}/", {"version": 1}).status_code == 409
    assert admin("DELETE", f"policies/{made['id']}/?version=2").status_code == 204
    assert not PolicyLayer.objects.exists()


def test_layer__second_for_one_service__409(admin: Caller, service: Service) -> None:
    layer(admin)

    assert layer(admin, settings={"alpha": 0.02}).status_code == 409


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "moon"}, "kind"),
        ({"kind": "project"}, "kind"),
        ({"of": "moon"}, "of"),
        ({"kind": "unit", "of": "GET /users"}, "of"),
        ({"settings": {}}, "settings"),
        ({"settings": {"mismatch_limit": "low"}}, "settings.mismatch_limit"),
    ],
)
def test_layer__that_cannot_be__400_names_it(
    admin: Caller, service: Service, changes: dict[str, Any], field: str
) -> None:
    answer = layer(admin, **changes)

    assert answer.status_code == 400
    assert field in errors(answer)


def test_waiver__signed_and_revoked__is_listed_with_its_state(admin: Caller, unit: Unit) -> None:
    body = {"gates": ["weekly cycle"], "reason": "new endpoint", "expires_at": soon(), "version": unit.version}
    made = admin("POST", f"units/{unit.pk}/waivers/", body)
    assert (made.status_code, made.json()["state"], made.json()["unit_key"]) == (201, "in force", unit.key)

    for _ in range(2):
        taken = admin("POST", f"waivers/{made.json()['id']}/revoke/", {"reason": "done"}).json()
    assert (taken["state"], taken["ended_by"]) == ("revoked", "token admin")
    assert [each["state"] for each in admin.get(f"units/{unit.pk}/waivers/")["results"]] == ["revoked"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"gates": ["completeness"]}, "gates"),
        ({"gates": []}, "gates"),
        ({"gates": ["moon"]}, "gates"),
        ({"reason": ""}, "reason"),
        ({"expires_at": None}, "expires_at"),
        ({"expires_at": soon(91)}, "expires_at"),
        ({"expires_at": soon(-1)}, "expires_at"),
        ({"version": None}, "version"),
    ],
)
def test_waiver__that_cannot_be__400_names_it(admin: Caller, unit: Unit, changes: dict[str, Any], field: str) -> None:
    body = {"gates": ["weekly cycle"], "reason": "new", "expires_at": soon(), "version": unit.version} | changes
    answer = admin("POST", f"units/{unit.pk}/waivers/", body)

    assert answer.status_code == 400
    assert field in errors(answer)
    assert not Waiver.objects.exists()


def test_waiver__without_an_end__400(admin: Caller, unit: Unit) -> None:
    body = {"gates": ["weekly cycle"], "reason": "new", "version": unit.version}

    assert "expires_at" in errors(admin("POST", f"units/{unit.pk}/waivers/", body))


def test_waiver__of_a_stale_version__409(admin: Caller, unit: Unit) -> None:
    body = {"gates": ["weekly cycle"], "reason": "new", "expires_at": soon(), "version": 9}

    assert admin("POST", f"units/{unit.pk}/waivers/", body).status_code == 409


def test_policies__with_less_than_an_admin_token__are_read_only(with_token: Any, admin: Caller, unit: Unit) -> None:
    made = layer(admin).json()
    operate = with_token("operate")

    assert operate.get(SHOP)["version"] == 1
    assert operate("PATCH", SHOP, {"version": 1}).status_code == 403
    assert layer(operate).status_code == 403
    assert operate("PATCH", f"policies/{made['id']}/", {"version": 1}).status_code == 403
    assert operate("DELETE", f"policies/{made['id']}/", {"version": 1}).status_code == 403
    assert operate("POST", f"units/{unit.pk}/waivers/", {}).status_code == 403


def test_policies__of_another_project__are_not_there(with_token: Any, admin: Caller, unit: Unit, stranger: Any) -> None:
    made = layer(admin).json()
    outsider = with_token("admin", project=Project.objects.get(slug="elsewhere"))

    for address in (SHOP, LAYERS, f"policies/{made['id']}/", f"units/{unit.pk}/policy/", f"units/{unit.pk}/waivers/"):
        assert outsider("GET", address).status_code == 404


def test_policy__where_it_takes_two__is_not_changed_by_one(
    admin: Caller, project: Project, owner: Any, engineer: Any
) -> None:
    assert Membership.objects.filter(role__in=[Role.ADMIN, Role.ENGINEER]).count() == 2
    answer = admin("PATCH", SHOP, {"version": 1, "settings": {"alpha": 0.5}})

    assert answer.status_code in (202, 409)
    assert Project.objects.get().policy == {}
