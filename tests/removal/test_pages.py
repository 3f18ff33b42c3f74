"""The pages of removal: what can be deleted, what it waits for, and what a person can do about it."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from migrator.inventory.models import Project, Unit
from migrator.removal.models import Reopening, Repository, TearDown
from tests.dashboards.test_stories import visit as visit
from tests.removal.conftest import DAY, NOW, AddUnit, count, prove, register, report_days, scan

SignIn = Callable[[User], Client]
PAGE = "/p/shop/removal"


@pytest.fixture
def unit(add_unit: AddUnit) -> Unit:
    return add_unit("GET /users/{id}", days=25)


def html(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_page__some_proven_and_some_not__says_so_in_its_sentence(
    unit: Unit, add_unit: AddUnit, engineer: User, client: Client
) -> None:
    prove(unit)
    add_unit("GET /orders", days=2)
    client.force_login(engineer)
    page = html(client, PAGE)
    assert "<h1>1 unit can be deleted today; 1 waits for quiet days, 1 for references, 1 for tear-down.</h1>" in page
    assert f'href="/p/shop/units/{unit.pk}?stage=removed"' in page
    assert page.index("GET /") < page.index("Move to removed")
    assert re.search(r"[123] of 14", page)


def test_page__narrowed__shows_those_that_wait_for_it(
    unit: Unit, add_unit: AddUnit, viewer: User, client: Client
) -> None:
    prove(unit)
    add_unit("GET /orders", days=2)
    client.force_login(viewer)
    assert "orders" not in html(client, f"{PAGE}?waits=ready").replace("GET /orders is", "")
    assert f"removal-{unit.pk}" not in html(client, f"{PAGE}?waits=references")
    assert "No unit in removal matches" in html(client, f"{PAGE}?search=nothing")
    assert "Move to removed" not in html(client, PAGE)


def test_page__nothing_in_removal__says_where_to_begin(project: Project, engineer: User, client: Client) -> None:
    client.force_login(engineer)
    page = html(client, PAGE)
    assert "No unit is in removal." in page
    assert "migrator.sdk.references" in page


def test_page__reopened_units__stand_on_top(unit: Unit, engineer: User, client: Client) -> None:
    Reopening.objects.create(unit=unit, why="Legacy was called twice.", at=NOW)
    client.force_login(engineer)
    page = html(client, PAGE)
    assert "1 removed unit is still needed. 0 units can be deleted today" in page
    assert page.index("Legacy was called twice.") < page.index("Units in removal")


def test_page__repository__is_registered_and_wrong_input_stays_beside_its_field(
    project: Project, engineer: User, client: Client
) -> None:
    client.force_login(engineer)
    wrong = client.post(PAGE, {"name": "web", "branch": "main", "url": "javascript:alert(1)"})
    assert wrong.status_code == 422
    assert "An address begins with https://" in wrong.content.decode()
    client.post(PAGE, {"name": "web", "branch": "trunk", "url": "https://code.example/web", "required": "on"})
    assert Repository.objects.get().branch == "trunk"


def test_unit__with_references__lists_lines_at_their_commit_and_in_the_ticket(
    unit: Unit, project: Project, engineer: User, client: Client
) -> None:
    scan(register(project, url="https://code.example/web"), unit, lines=[(unit, 'get("/users/" + <id>)')])
    client.force_login(engineer)
    page = html(client, f"{PAGE}/{unit.pk}")
    assert 'href="https://code.example/web/blob/c0ffee00c0ffee00/app.py#L1"' in page
    assert "get(&quot;/users/&quot; + &lt;id&gt;)" in page
    assert "- web app.py:1 at c0ffee00c0ff" in page
    assert "Delete GET /users/{id} from legacy (users)." in page


def test_unit__ticked__shows_the_name_and_can_be_taken_back(unit: Unit, engineer: User, client: Client) -> None:
    client.force_login(engineer)
    page = client.post(f"{PAGE}/{unit.pk}/tear-down", {"what": "deployment"}, follow=True).content.decode()
    assert TearDown.objects.get().done_by == "engineer"
    assert "Take back" in page
    client.post(f"{PAGE}/{unit.pk}/tear-down", {"what": "deployment", "done": "no"})
    assert not TearDown.objects.exists()


def test_unit__viewer__may_look_and_not_tick(unit: Unit, viewer: User, client: Client) -> None:
    client.force_login(viewer)
    assert "It is gone" not in html(client, f"{PAGE}/{unit.pk}")
    assert client.post(f"{PAGE}/{unit.pk}/tear-down", {"what": "deployment"}).status_code == 403
    assert client.post(PAGE, {"name": "web", "branch": "main"}).status_code == 403


def test_unit__of_another_project__is_not_found(unit: Unit, stranger: User, client: Client) -> None:
    client.force_login(stranger)
    assert client.get(f"/p/elsewhere/removal/{unit.pk}").status_code == 404


def test_unit__without_scripts__is_torn_down_word_by_word(
    transactional_db: None, unit: Unit, engineer: User, visit: Callable[..., Any]
) -> None:
    report_days(unit.project)
    page = visit(engineer, f"{PAGE}/{unit.pk}", java_script_enabled=False)
    page.get_by_role("button", name="It is gone: Legacy's deployment").click()
    page.get_by_role("button", name="It is gone: What was set up to mirror").click()
    page.get_by_text("Torn down, as engineer said.", exact=True).wait_for()
    assert TearDown.objects.count() == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_pages__looked_at_by_axe__have_no_barrier_and_fit(
    transactional_db: None,
    unit: Unit,
    add_unit: AddUnit,
    engineer: User,
    visit: Callable[..., Any],
    width: int,
    scheme: str,
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    prove(unit)
    other = add_unit("GET /orders/{order}/items/{item}/attachments", days=2)
    count(other, NOW - timedelta(hours=30), not_sampled=12)
    scan(Repository.objects.get(), unit, at=NOW, lines=[(other, 'get("/orders/" + order)')])
    Reopening.objects.create(unit=other, why="Legacy was called twice.", at=NOW - DAY)
    for address in (PAGE, f"{PAGE}/{unit.pk}", f"{PAGE}/{other.pk}"):
        page = visit(engineer, address, viewport={"width": width, "height": 900}, color_scheme=scheme)
        report = axe.run(page)
        assert report.violations_count == 0, report.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
