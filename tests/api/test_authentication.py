"""Who gets in, and how those are told who do not."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from migrator.access.models import Token
from migrator.access.tokens import create_token
from migrator.inventory.models import Project, Unit
from tests.api.conftest import Caller, errors


def test_call__without_token__401_with_challenge(db: None) -> None:
    answer = Caller()("GET", "projects/")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="migrator"'
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:migrator:problem:not-authenticated"


@pytest.mark.parametrize("header", ["Bearer", "Bearer mig_unknown", "Bearer a b", "Bearer \xff\xfe", "bearer mig_x"])
def test_call__with_a_token_that_is_none__401(db: None, header: str) -> None:
    answer = Caller()("GET", "projects/", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"]


def test_call__with_another_scheme__401(db: None) -> None:
    assert Caller()("GET", "projects/", headers={"Authorization": "Basic YTpi"}).status_code == 401


def test_call__with_an_expired_token__401(db: None) -> None:
    now = timezone.now()
    secret = create_token(name="old", scope="read", now=now, expires_at=now - timedelta(seconds=1))
    assert Caller(secret)("GET", "projects/").status_code == 401


def test_call__with_a_revoked_token__401(admin: Caller) -> None:
    assert admin("GET", "projects/").status_code == 200
    Token.objects.update(revoked_at=timezone.now())
    assert admin("GET", "projects/").status_code == 401


def test_call__with_an_ingest_token__403_that_says_what_it_opens(
    project: Project, with_token: Callable[..., Caller]
) -> None:
    answer = with_token("ingest", project=project)("GET", "projects/")
    assert answer.status_code == 403
    assert "/dataplane/" in answer.json()["detail"]


def test_token_of_another_project__asked_for_this_one__told_as_little_as_for_none(
    unit: Unit, stranger: User, with_token: Callable[..., Caller]
) -> None:
    elsewhere = with_token("admin", project=Project.objects.get(slug="elsewhere"))
    assert [p["slug"] for p in elsewhere.get("projects/")["results"]] == ["elsewhere"]
    for here, nowhere in (("projects/shop/", "projects/none/"), (f"units/{unit.pk}/", "units/999999/")):
        refused, unknown = elsewhere("GET", here), elsewhere("GET", nowhere)
        assert refused.status_code == unknown.status_code == 404
        assert refused.json()["detail"].split()[:4] == unknown.json()["detail"].split()[:4]


def test_use_of_a_token__twice_within_a_minute__noted_once(admin: Caller) -> None:
    admin.get("projects/")
    noted = Token.objects.get().last_used_at
    assert noted is not None
    admin.get("projects/")
    assert Token.objects.get().last_used_at == noted
    Token.objects.update(last_used_at=noted - timedelta(seconds=61))
    admin.get("projects/")
    assert Token.objects.get().last_used_at > noted


def test_session__reads__answered(viewer: User, client: Client) -> None:
    client.force_login(viewer)
    assert client.get("/api/v1/projects/").json()["results"][0]["slug"] == "shop"


def test_session__of_a_stranger__sees_nothing_of_this_project(project: Project, stranger: User, client: Client) -> None:
    client.force_login(stranger)
    assert [p["slug"] for p in client.get("/api/v1/projects/").json()["results"]] == ["elsewhere"]
    assert client.get("/api/v1/projects/shop/units/").status_code == 404


def test_session__writes_without_csrf_token__403_and_nothing_done(owner: User) -> None:
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(owner)
    answer = careful.post("/api/v1/projects/shop/teams/", {"name": "core"}, content_type="application/json")
    assert answer.status_code == 403
    assert answer["Content-Type"] == "application/problem+json"
    assert not Project.objects.get(slug="shop").teams.exists()


def test_session__writes_with_csrf_token__done(owner: User) -> None:
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(owner)
    careful.get("/sign-in/")
    careful.cookies["csrftoken"] = token = "a" * 32
    answer = careful.post(
        "/api/v1/projects/shop/teams/",
        {"name": "core"},
        content_type="application/json",
        headers={"X-CSRFToken": token},
    )
    assert answer.status_code == 201


def test_token__writes_without_csrf_token__done(project: Project, with_token: Callable[..., Caller]) -> None:
    operate = with_token("operate", project=project)
    careful = Caller(operate.token, Client(enforce_csrf_checks=True))
    assert careful("POST", "projects/shop/teams/", {"name": "core"}).status_code == 201


def test_person_who_was_deactivated__with_an_open_session__401(viewer: User, client: Client) -> None:
    client.force_login(viewer)
    User.objects.update(is_active=False)
    assert client.get("/api/v1/projects/").status_code == 401


def test_projects__made_by_less_than_an_admin_token_of_no_project__403(
    project: Project, owner: User, client: Client, with_token: Callable[..., Caller]
) -> None:
    body = {"slug": "new", "name": "New"}
    client.force_login(owner)
    answers = [
        with_token("operate")("POST", "projects/", body),
        with_token("admin", project=project)("POST", "projects/", body),
        client.post("/api/v1/projects/", body, content_type="application/json"),
    ]
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert not Project.objects.filter(slug="new").exists()
    assert not errors(answers[0])


def test_projects__made_by_a_superuser__201(superuser: User, client: Client) -> None:
    client.force_login(superuser)
    answer = client.post("/api/v1/projects/", {"slug": "new", "name": "New"}, content_type="application/json")
    assert answer.status_code == 201
