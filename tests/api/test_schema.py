"""The OpenAPI document and its page."""

import re
from pathlib import Path
from typing import Any

import yaml
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from migrator.api.urls import v1
from tests.api.conftest import Caller
from tests.api.test_rights import routes
from tests.product import LiveProduct

COMMITTED = Path(__file__).resolve().parents[2] / "docs" / "api" / "openapi.yaml"


def test_schema__generated__is_valid_and_the_one_that_is_committed(tmp_path: Path) -> None:
    fresh = tmp_path / "openapi.yaml"
    call_command("spectacular", file=str(fresh), validate=True, fail_on_warn=True)
    assert fresh.read_text() == COMMITTED.read_text(), "run `make schema`"


def test_schema__of_every_address__describes_each_method_with_its_problems() -> None:
    paths = yaml.safe_load(COMMITTED.read_text())["paths"]
    described = {
        (method.upper(), re.sub(r"{\w+}", "{}", path.removeprefix("/api/v1/")))
        for path, methods in paths.items()
        for method in methods
    }
    assert described == {(method, re.sub(r"<\w+>", "{}", route)) for method, route in routes(v1)}
    for path, methods in paths.items():
        for method, operation in methods.items():
            for status in ("400", "401", "403", "404"):
                assert "application/problem+json" in operation["responses"][status]["content"], (path, method, status)


def test_schema__asked_for_with_a_token__is_served(admin: Caller) -> None:
    assert b"openapi: 3" in admin("GET", "/api/schema/").content


def test_schema__without_a_token__is_there_too(client: Client) -> None:
    assert b"openapi: 3" in client.get("/api/schema/").content


def test_docs__of_nobody__lead_to_signing_in(db: None, client: Client) -> None:
    answer = client.get("/api/docs/")
    assert answer.status_code == 302
    assert "sign-in" in answer["Location"]


def test_docs__of_somebody__load_only_our_own_scripts_under_the_strict_policy(viewer: User, client: Client) -> None:
    client.force_login(viewer)
    answer = client.get("/api/docs/")
    page = answer.content.decode()
    policy = answer["Content-Security-Policy"]
    assert re.search(r"script-src 'self'(;|$)", policy)
    assert "style-src 'self' 'unsafe-inline'" in policy
    scripts = re.findall(r"<script([^>]*)>([^<]*)", page)
    assert scripts
    assert all("src=" in attributes and not body.strip() for attributes, body in scripts)
    assert not re.search(r'(src|href)="(https?:)?//', page)


def test_docs__in_a_browser__draw_every_operation_without_breaking_the_policy(
    live_product: LiveProduct, chromium: Any
) -> None:
    page = chromium.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(f"{live_product.url}/api/docs/")
    page.fill("input[name=username]", live_product.username)
    page.fill("input[name=password]", live_product.password)
    page.press("input[name=password]", "Enter")
    page.wait_for_selector(".opblock")
    assert page.locator(".opblock").count() == len(set(routes(v1)))
    assert complaints == []
    page.close()


def test_docs__own_policy__does_not_leak_to_other_pages(viewer: User, client: Client) -> None:
    client.force_login(viewer)
    for path in ("/api/v1/projects/", "/livez"):
        assert "unsafe-inline" not in client.get(path)["Content-Security-Policy"]
