"""An import that takes units away is looked at first, and then done as it was shown."""

import base64
import html
import json
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from dashboards import spec_form
from migrator.inventory.importers.documents import MAX_BYTES
from migrator.inventory.models import Project, Unit
from migrator.inventory.services import create_unit, save_service
from migrator.ledger.models import Entry, Kind

SignIn = Callable[[User], Client]
PAGE = "/p/shop/welcome"


def document(*paths: str) -> bytes:
    return json.dumps({"openapi": "3.0.0", "paths": {path: {"get": {}} for path in paths}}).encode()


def upload(*paths: str, **more: str) -> dict[str, Any]:
    return {"file": SimpleUploadedFile("shop.json", document(*paths)), **more}


def hidden(page: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="(shown|service|name|carried)" value="([^"]*)"', page)
    return {name: html.unescape(value) for name, value in found}


def tracked() -> list[str]:
    return list(Unit.objects.tracked().order_by("key").values_list("key", flat=True))


@pytest.fixture
def client(project: Project, engineer: User, sign_in: SignIn) -> Client:
    return sign_in(engineer)


@pytest.fixture
def nine(client: Client) -> list[str]:
    """Nine endpoints, imported at once, because nothing was taken away."""
    assert client.post(PAGE, upload(*(f"/things{number}" for number in range(9)))).status_code == 302
    return tracked()


def test_import__that_names_less__is_shown_first_and_changes_nothing(client: Client, nine: list[str]) -> None:
    links = Entry.objects.count()
    answer = client.post(PAGE, upload("/things0", "/new"))
    page = answer.content.decode().replace("<wbr>", "")

    assert answer.status_code == 200
    assert "shop.json would take 8 units out of scope. Nothing is imported yet." in page
    assert "GET /things1" in page and "GET /new" in page
    assert (tracked(), Entry.objects.count()) == (nine, links)


def test_import__looked_at__is_done_without_choosing_the_file_again(client: Client, nine: list[str]) -> None:
    carried = hidden(client.post(PAGE, upload("/things0", "/new")).content.decode())
    answer = client.post(PAGE, carried, follow=True).content.decode()

    assert tracked() == ["GET /new", "GET /things0"]
    assert "8 units left the scope" in answer
    assert Entry.objects.filter(kind=Kind.SCOPE).first().body["headline"] == "shop.json of main: 1 added, 8 gone"


def test_import__units_changed_after_the_look__does_what_the_file_says_and_reports_that(
    client: Client, project: Project, nine: list[str]
) -> None:
    carried = hidden(client.post(PAGE, upload("/things0")).content.decode())
    Unit.objects.filter(key="GET /things1").update(gone_at=timezone.now())

    assert "7 units left the scope" in client.post(PAGE, carried, follow=True).content.decode()


def test_import__another_file_than_was_looked_at__is_shown_first(client: Client, nine: list[str]) -> None:
    seen = hidden(client.post(PAGE, upload("/things0")).content.decode())["shown"]
    page = client.post(PAGE, upload("/things1", shown=seen)).content.decode()

    assert "Nothing is imported yet." in page
    assert tracked() == nine


def test_import__too_large_to_be_carried__is_chosen_again(
    client: Client, nine: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spec_form, "CARRIED", 10)
    page = client.post(PAGE, upload("/things0")).content.decode()
    assert "Choose shop.json once more" in page
    assert "carried" not in hidden(page)

    client.post(PAGE, upload("/things0", shown=hidden(page)["shown"]))
    assert tracked() == ["GET /things0"]


def test_import__of_units_that_another_service_owns__is_shown_first_and_only_once(
    client: Client, project: Project
) -> None:
    for name in ("users", "orders"):
        save_service(project=project, name=name)
    create_unit(
        project=project,
        service=project.services.get(name="users"),
        key="GET /me",
        kind="endpoint",
        now=timezone.now(),
    )
    page = client.post(PAGE, upload("/me", "/orders", service="orders")).content.decode()
    assert "shop.json would claim 1 unit of another service." in page

    client.post(PAGE, hidden(page))
    assert Unit.objects.get(key="GET /me").contested_by.name == "orders"
    assert client.post(PAGE, upload("/me", "/orders", service="orders")).status_code == 302


@pytest.mark.parametrize(
    "carried", ["", "x", "é", "====", base64.b64encode(b"no zlib").decode()], ids=["none", "x", "é", "pad", "plain"]
)
def test_import__what_nobody_carried__asks_for_a_file(carried: str, client: Client) -> None:
    answer = client.post(PAGE, {"carried": carried, "shown": "1"})

    assert answer.status_code == 422
    assert "Choose a file first" in answer.content.decode()


def test_import__packed_beyond_the_limit__is_refused_in_words(client: Client) -> None:
    packed = base64.b64encode(zlib.compress(b" " * (MAX_BYTES + 1_000))).decode()
    answer = client.post(PAGE, {"carried": packed, "name": "huge.json"})

    assert answer.status_code == 422
    assert "huge.json: 64 MB; specs of up to 64 MB are read." in answer.content.decode()


@pytest.fixture
def without_scripts(chromium: Any, live_server: LiveServer, engineer: User) -> Iterator[Any]:
    context = chromium.new_context(
        base_url=live_server.url, java_script_enabled=False, viewport={"width": 390, "height": 844}
    )
    client = Client()
    client.force_login(engineer)
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    context.add_cookies([cookie])
    yield context.new_page()
    context.close()


def test_import__on_a_phone_without_scripts__takes_two_presses(
    transactional_db: None, project: Project, without_scripts: Any
) -> None:
    page = without_scripts
    for paths in (("/a", "/b"), ("/a", f"/{'x' * 900}")):
        page.goto(PAGE)
        page.get_by_label("OpenAPI").set_input_files(
            {"name": "shop.json", "mimeType": "application/json", "buffer": document(*paths)}
        )
        page.get_by_role("button", name="Import it").click()
    page.get_by_role("heading", name="shop.json would take 1 unit out of scope.").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    page.get_by_role("button", name="Import it").click()
    page.get_by_text("1 unit left the scope").wait_for()
    assert tracked() == ["GET /a"]
