"""Every page, for every role: it answers, it is strict, and it says who may do what."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.template.loader import render_to_string
from django.test import Client

from migrator.core.stages import Stage
from migrator.inventory.models import Project, Unit
from tests.dashboards.conftest import observe

AddUnit = Callable[..., Unit]
SignIn = Callable[[User], Client]
ROLES = ("viewer", "oncall", "engineer", "owner", "superuser")
ADDRESSES = (
    "/",
    "/oncall",
    "/p/shop/",
    "/p/shop/inventory",
    "/p/shop/inventory?search=users&stage=canary",
    "/p/shop/inventory?open={unit}",
    "/p/shop/units/{unit}",
    "/p/shop/units/{unit}?stage=canary&candidate_percent=10",
    "/p/shop/units/{unit}/rollback",
    "/p/shop/services/{service}/rollback",
    "/p/shop/rollback",
    "/p/shop/burndown",
    "/p/shop/burndown?view=down&days=30&kind=field",
    "/p/shop/oncall",
    "/p/shop/data-planes",
    "/p/shop/ledger",
    "/p/shop/ledger?direction=back&search=set",
)


@pytest.fixture
def unit(add_unit: AddUnit) -> Unit:
    unit = add_unit("GET /users/{id}", Stage.CANARY, 500)
    add_unit("GET /users/{id} $.name", Stage.SIDE_BY_SIDE)
    observe(unit, match=900, mismatch=90)
    return unit


def addressed(address: str, unit: Unit) -> str:
    return address.format(unit=unit.pk, service=unit.service_id)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("address", ADDRESSES)
def test_page__any_member__answers_with_one_sentence(
    address: str, role: str, unit: Unit, sign_in: SignIn, request: pytest.FixtureRequest
) -> None:
    answer = sign_in(request.getfixturevalue(role)).get(addressed(address, unit))

    assert answer.status_code == 200
    sentences = re.findall(r"<h1>(.*?)</h1>", answer.content.decode(), re.DOTALL)
    assert len(sentences) == 1
    assert len(re.sub(r"<[^>]+>", "", sentences[0]).strip()) > 10


@pytest.mark.parametrize("address", [*ADDRESSES, "/sign-in", "/nowhere"])
def test_page__its_document__has_no_inline_script_and_no_style_that_its_policy_does_not_know(
    address: str, unit: Unit, engineer: User, client: Client
) -> None:
    if address != "/sign-in":
        client.force_login(engineer)
    answer = client.get(addressed(address, unit))
    page = answer.content.decode()

    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy and "style-src 'self'" in policy and "default-src 'none'" in policy
    assert "unsafe" not in policy
    for attributes in re.findall(r"<style([^>]*)>", page):
        nonce = re.sub(r'^ nonce="(.+)"$', r"\1", attributes)
        assert f"'nonce-{nonce}'" in policy, "only what on call carries in itself"
    assert not re.search(r"<[^>]+\s(style|on\w+)=", page)
    for attributes in re.findall(r"<script([^>]*)>", page):
        assert "src=" in attributes or 'type="application/json"' in attributes
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page)


@pytest.mark.parametrize("address", ADDRESSES)
def test_page__nobody_signed_in__leads_to_sign_in(address: str, unit: Unit, client: Client) -> None:
    answer = client.get(addressed(address, unit))

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/sign-in?next=")


@pytest.mark.parametrize("address", [a for a in ADDRESSES if a.startswith("/p/")])
def test_page__stranger_to_the_project__learns_whom_to_ask(
    address: str, unit: Unit, stranger: User, owner: User, sign_in: SignIn
) -> None:
    answer = sign_in(stranger).get(addressed(address, unit))

    assert answer.status_code == 403
    assert "owner (admin)" in answer.content.decode()
    assert "/users/" not in answer.content.decode()


@pytest.mark.parametrize("address", ["/p/nothing/", "/p/shop/units/999999", "/p/shop/units/999999/rollback", "/x"])
def test_page__address_of_nothing__says_so(address: str, project: Project, superuser: User, sign_in: SignIn) -> None:
    answer = sign_in(superuser).get(address)

    assert answer.status_code == 404
    assert "Nothing stands at this address" in answer.content.decode()


def test_unit_page__unit_of_another_project__is_not_shown(unit: Unit, stranger: User, sign_in: SignIn) -> None:
    assert sign_in(stranger).get(f"/p/elsewhere/units/{unit.pk}").status_code == 404


@pytest.mark.parametrize(
    "address", ["/", "/p/shop/", "/p/shop/inventory", "/p/shop/oncall", "/p/shop/ledger", "/p/shop/units/{unit}"]
)
def test_page__many_more_units__asks_the_database_no_more_often(
    address: str, unit: Unit, add_unit: AddUnit, engineer: User, sign_in: SignIn, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        observe(add_unit(f"GET /things{number}", Stage.CANARY, 100), match=500, mismatch=number * 10)
        add_unit(f"GET /users/{{id}} $.part{number}", Stage.SHADOW)
    signed_in = sign_in(engineer)

    with django_assert_max_num_queries(44):
        assert signed_in.get(addressed(address, unit)).status_code == 200


def test_viewer__unit_page__has_no_button_but_a_name(unit: Unit, viewer: User, engineer: User, sign_in: SignIn) -> None:
    page = sign_in(viewer).get(f"/p/shop/units/{unit.pk}?candidate_percent=10").content.decode()

    assert f"/p/shop/units/{unit.pk}/flip" not in page
    assert f'href="/p/shop/units/{unit.pk}/rollback"' not in page
    assert "engineer (engineer)" in page


def test_oncall__unit_page__may_roll_back_and_nothing_else(unit: Unit, oncall: User, sign_in: SignIn) -> None:
    page = sign_in(oncall).get(f"/p/shop/units/{unit.pk}").content.decode()

    assert f"/p/shop/units/{unit.pk}/flip" not in page
    assert f'href="/p/shop/units/{unit.pk}/rollback"' in page


def test_pages__empty_project__name_the_next_step(project: Project, engineer: User, sign_in: SignIn) -> None:
    signed_in = sign_in(engineer)

    assert "import_spec" in signed_in.get("/p/shop/").content.decode()
    assert "import_spec" in signed_in.get("/p/shop/inventory").content.decode()
    assert "migrator.gateway" in signed_in.get("/p/shop/data-planes").content.decode()
    assert "Nothing has changed yet" in signed_in.get("/p/shop/ledger").content.decode()
    assert "No unit is in scope" in signed_in.get("/p/shop/burndown").content.decode()


def test_home__no_project_at_all__says_how_to_make_one(superuser: User, sign_in: SignIn) -> None:
    assert "/api/v1/projects/" in sign_in(superuser).get("/").content.decode()


def test_theme__chosen__is_in_the_next_page(engineer: User, sign_in: SignIn) -> None:
    signed_in = sign_in(engineer)
    answer = signed_in.post("/theme", {"theme": "dark", "next": "https://elsewhere.test/"})

    assert answer.headers["Location"] == "/"
    assert 'data-theme="dark"' in signed_in.get("/").content.decode()


def test_clock__zone_of_the_reader__is_named(unit: Unit, engineer: User, sign_in: SignIn) -> None:
    signed_in = sign_in(engineer)
    signed_in.cookies["timezone"] = "Europe%2FBerlin"
    assert "Times in Berlin" in signed_in.get(f"/p/shop/units/{unit.pk}").content.decode()
    signed_in.cookies["timezone"] = "Nowhere/At/All"
    assert "Times in UTC" in signed_in.get(f"/p/shop/units/{unit.pk}").content.decode()


def test_sign_in__wrong_password__says_it_in_words(engineer: User, client: Client) -> None:
    answer = client.post("/sign-in", {"username": "engineer", "password": "wrong"})

    assert "do not go together" in answer.content.decode()


def test_page_of_our_own_failure__without_anything_else_working__names_the_way_out() -> None:
    page = render_to_string("500.html")

    assert "python manage.py rollback --all" in page
    assert "<style" not in page and "style=" not in page
