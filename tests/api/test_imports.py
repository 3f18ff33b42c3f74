"""Specs over REST: counts, dry runs, and files that are none."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from migrator.core.stages import Stage
from migrator.inventory.models import Project, Service, Unit
from tests.api.conftest import Caller, climb, errors

IMPORT = "/api/v1/projects/shop/import/"
SPEC = {
    "openapi": "3.0.0",
    "info": {"title": "t", "version": "1"},
    "paths": {
        "/users/{id}": {"get": {"responses": {"200": {"description": "ok"}}}},
        "/users": {"post": {"responses": {"201": {"description": "ok"}}}},
    },
}


def upload(admin: Caller, content: Any = SPEC, **fields: Any) -> Any:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    body = {"file": SimpleUploadedFile("api.json", data), **fields}
    return admin.client.post(IMPORT, body, headers={"Authorization": f"Bearer {admin.token}"})


def test_import__of_a_spec__tells_what_was_added(admin: Caller, service: Service) -> None:
    answer = upload(admin)
    told = answer.json()
    assert answer.status_code == 200
    assert [told[name] for name in ("added", "changed", "gone", "unchanged")] == [2, 0, 0, 0]
    assert set(told["keys"]["added"]) == {"GET /users/{id}", "POST /users"}
    assert Unit.objects.count() == 2


def test_import__again_with_one_endpoint_less__keeps_stage_and_tells_what_is_gone(
    admin: Caller, service: Service
) -> None:
    upload(admin)
    unit = climb(Unit.objects.get(key="GET /users/{id}"), Stage.SHADOW)
    paths = {"/users/{id}": SPEC["paths"]["/users/{id}"]}
    told = upload(admin, SPEC | {"paths": paths}, service="main").json()
    assert (told["added"], told["gone"], told["unchanged"]) == (0, 1, 1)
    unit.refresh_from_db()
    assert (unit.stage, unit.mirror_bp) == ("shadow", 10_000)


def test_import__of_an_endpoint_that_was_gone__tells_that_it_is_back(admin: Caller, service: Service) -> None:
    assert upload(admin).json()["back"] == 0
    upload(admin, SPEC | {"paths": {"/users/{id}": SPEC["paths"]["/users/{id}"]}})
    for dry_run in ("true", "false"):
        told = upload(admin, dry_run=dry_run).json()
        assert (told["added"], told["changed"], told["back"]) == (0, 1, 1)
        assert told["keys"]["back"] == ["POST /users"]


def test_import__as_a_dry_run__tells_and_changes_nothing(admin: Caller, project: Project) -> None:
    told = upload(admin, dry_run="true").json()
    assert (told["added"], told["dry_run"]) == (2, True)
    assert not Unit.objects.exists()
    assert not Service.objects.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a spec",
        b"{",
        b"[1, 2]",
        b"\xff\xfe\x00",
        b'{"openapi": "9"}',
        b"type {",
        b"{" * 10_000,
        b"a: &a [*a]",
    ],
)
def test_import__of_what_is_no_spec__400_names_the_file_and_keeps_everything(
    admin: Caller, unit: Unit, content: bytes
) -> None:
    answer = upload(admin, content)
    assert answer.status_code == 400
    assert "api.json" in errors(answer)["file"]
    assert Unit.objects.get().gone_at is None


def test_import__without_a_file__400_names_it(admin: Caller, service: Service) -> None:
    answer = admin.client.post(IMPORT, {}, headers={"Authorization": f"Bearer {admin.token}"})
    assert "file" in errors(answer)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"service": "none"}, "service"),
        ({"depth": "99"}, "depth"),
        ({"dry_run": "perhaps"}, "dry_run"),
        ({"a": "b"}, "a"),
    ],
)
def test_import__with_bad_fields__400_names_each(
    admin: Caller, service: Service, fields: dict[str, str], field: str
) -> None:
    assert field in errors(upload(admin, **fields))


def test_import__as_json__415_as_a_problem(admin: Caller, service: Service) -> None:
    answer = admin("POST", IMPORT, {"file": "x"})
    assert answer.status_code == 415
    errors(answer)
