"""An engineer in the inventory by keyboard, somebody with a link, a menu without scripts; everybody's eyes."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from migrator.access.rights import Via, console, person
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Unit
from migrator.inventory.services import create_team
from migrator.planning.models import SavedView
from migrator.planning.sharing import make_share_link
from migrator.rollout.freezes import freeze
from tests.dashboards.conftest import observe
from tests.dashboards.test_stories import DESK, PHONE, barriers
from tests.dashboards.test_stories import visit as visit

AddUnit = Callable[..., Unit]
Open = Callable[..., Any]
PAGES = (
    "/",
    "/p/shop/",
    "/p/shop/inventory?search=stage:shadow+colour:red",
    "/p/shop/inventory?search=is:stale",
    "/p/shop/welcome",
    "/p/shop/settings",
    "/p/shop/settings/project",
    "/p/shop/settings/services?service=new",
    "/p/shop/settings/requests",
    "/p/shop/settings/tokens",
    "/p/shop/settings/sharing",
)


@pytest.fixture
def units(transactional_db: None, project: Project, add_unit: AddUnit) -> list[Unit]:
    cache.clear()
    made = [add_unit(f"GET /things{number}", Stage.SHADOW) for number in range(4)]
    made.append(add_unit("GET /users/{id}", Stage.CANARY, 200))
    observe(made[-1], match=5_000, mismatch=12)
    create_team(project=project, name="feeds")
    return made


@pytest.fixture
def secret(units: list[Unit], project: Project, owner: User) -> str:
    actor = person(user=owner, project=project, via=Via.PAGE)
    return make_share_link(project=project, name="the wall", actor=actor, now=timezone.now())


def test_engineer__asks_in_words__keeps_the_view_and_comes_back_to_it(
    units: list[Unit], engineer: User, visit: Open
) -> None:
    page = visit(engineer, "/p/shop/inventory")
    page.keyboard.press("/")
    page.keyboard.type("stage:shadow things")
    page.get_by_role("row", name="GET /things0").wait_for()
    page.wait_for_url(re.compile("search=stage%3Ashadow"))
    page.get_by_role("row", name="GET /users").wait_for(state="detached")
    assert page.get_by_label("Stage", exact=True).input_value() == "shadow"
    page.get_by_text("Keep this view").click()
    page.get_by_label("Name").fill("things in shadow")
    page.get_by_role("button", name="Keep it").click()
    page.get_by_text("things in shadow is kept.").wait_for()
    page.goto("/p/shop/inventory")
    page.get_by_role("link", name="things in shadow").click()
    page.get_by_role("row", name="GET /users").wait_for(state="detached")

    assert SavedView.objects.get().user == engineer


def test_engineer__select_touched_after_the_words__counts(units: list[Unit], engineer: User, visit: Open) -> None:
    page = visit(engineer, "/p/shop/inventory?search=stage:shadow")
    page.get_by_role("searchbox", name="Search").fill("stage:shadow GET")
    page.get_by_role("row", name="GET /things0").wait_for()
    page.get_by_label("Stage", exact=True).select_option("canary")

    page.get_by_role("row", name="GET /users/{id}").wait_for()
    assert page.get_by_role("searchbox", name="Search").input_value() == "GET"


def test_engineer__chooses_by_keyboard__moves_them_together(units: list[Unit], engineer: User, visit: Open) -> None:
    page = visit(engineer, "/p/shop/inventory")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.get_by_text("1 ticked").wait_for()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Shift+X")
    page.get_by_text("3 ticked").wait_for()
    with page.expect_response(lambda answer: "inventory" in answer.url):
        page.evaluate("htmx.trigger('#page', 'live')")
    page.get_by_role("button", name="Start a ramp for 3").wait_for()

    page.get_by_role("button", name="Look at moving 3").click()
    page.get_by_role("heading", name="3 units would move to side by side.").wait_for()
    page.get_by_label("Why").fill("shadow was calm")
    page.get_by_role("button", name="Move 3 units to side by side").click()
    page.get_by_text("3 units moved to side by side, in one version.").wait_for()

    moved = Unit.objects.filter(stage=Stage.SIDE_BY_SIDE).values_list("key", flat=True)
    assert list(moved) == ["GET /things0", "GET /things1", "GET /things2"]


def test_engineer__without_scripts__chooses_and_moves(units: list[Unit], engineer: User, visit: Open) -> None:
    page = visit(engineer, "/p/shop/inventory", java_script_enabled=False)
    page.get_by_label("Choose GET /things3").check()
    page.get_by_role("button", name="Look at the move").click()
    page.get_by_role("button", name="Move 1 unit to side by side").click()
    page.get_by_text("1 unit moved to side by side").wait_for()

    assert Unit.objects.get(key="GET /things3").stage == Stage.SIDE_BY_SIDE


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_phone__one_menu__leads_to_every_page(scripts: bool, units: list[Unit], engineer: User, visit: Open) -> None:
    page = visit(engineer, "/p/shop/inventory", viewport=PHONE, java_script_enabled=scripts)
    page.get_by_text("Pages: Inventory").click()
    page.get_by_role("link", name="Settings").click()

    page.wait_for_url("**/p/shop/settings")
    page.get_by_text("Pages: Settings").wait_for()


def test_keys__g_and_a_letter__lead_to_pages_in_the_menu_too(units: list[Unit], engineer: User, visit: Open) -> None:
    page = visit(engineer, "/p/shop/inventory")
    page.keyboard.press("g")
    page.keyboard.press("y")
    page.wait_for_url("**/p/shop/policies")
    page.locator(".more-pages summary b").get_by_text("Policies").first.wait_for()


def test_palette__an_act__leads_to_the_page_of_its_consequences(units: list[Unit], engineer: User, visit: Open) -> None:
    page = visit(engineer, "/p/shop/")
    page.keyboard.press("Control+k")
    page.keyboard.type("roll back /users")
    page.get_by_role("link", name="Roll back GET /users/{id}").click()

    page.wait_for_url("**/rollback")
    assert Unit.objects.get(key="GET /users/{id}").candidate_bp == 200


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_somebody_with_a_link__sees_how_far_without_signing_in(
    scripts: bool, secret: str, chromium: Any, live_server: LiveServer
) -> None:
    context = chromium.new_context(base_url=live_server.url, viewport=PHONE, java_script_enabled=scripts)
    page = context.new_page()
    page.goto(f"/share/{secret}")

    assert page.get_by_role("img", name="in side by side").count() == 0
    assert page.get_by_role("img").first.get_attribute("aria-label").endswith("today.")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth") if scripts else True
    page.goto("/p/shop/")
    page.wait_for_url("**/sign-in?next=/p/shop/")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_pages__looked_at_by_axe__have_no_barrier(
    viewport: dict[str, int], scheme: str, secret: str, units: list[Unit], project: Project, owner: User, visit: Open
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    now = timezone.now()
    freeze(project=project, actor=console(name="ana"), reason="maintenance", now=now, ends_at=now + timedelta(hours=2))
    page = visit(owner, "/", color_scheme=scheme, viewport=viewport)
    found = {}
    for address in (*PAGES, f"/share/{secret}", f"/embed/{secret}"):
        page.goto(address)
        if told := barriers(axe, page):
            found[address] = told
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address

    assert found == {}


def test_bulk_preview_and_sheets__looked_at_by_axe__have_no_barrier(
    units: list[Unit], engineer: User, visit: Open
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = visit(engineer, "/p/shop/inventory", reduced_motion="reduce")
    page.get_by_label("Choose GET /things0").check()
    page.get_by_label("Choose GET /users/{id}").check()
    assert barriers(axe, page) == ""
    page.keyboard.press("?")
    page.get_by_role("heading", name="Keys").wait_for()
    assert barriers(axe, page) == ""
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Look at moving 2").click()
    page.get_by_role("heading", name="would move to side by side").wait_for()
    assert barriers(axe, page) == ""
