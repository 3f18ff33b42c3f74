"""The manager in a real browser: five answers without scrolling, a chart to hold, a plan to try."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.utils import timezone

from migrator.access.rights import Via, person
from migrator.inventory.models import Project, Unit
from migrator.planning.services import add_dependency, set_milestone
from migrator.planning.sharing import make_share_link
from tests.dashboards.pasts import Past, two_teams
from tests.dashboards.test_stories import DESK, PHONE, barriers
from tests.dashboards.test_stories import visit as visit

Open = Callable[..., Any]
ANSWERS = ("when", "holding", "move", "since")
PAGES = (
    "/p/shop/burndown",
    "/p/shop/burndown?view=down&days=all",
    "/p/shop/burndown?view=flow&by=effort",
    "/p/shop/burndown?view=traffic",
    "/p/shop/burndown?view=throughput&done=removed",
    "/p/shop/burndown?team=ants&tagged=then&from=2020-01-01&to=2099-12-31",
    "/p/shop/plan",
    "/p/shop/plan?giver=ants&taker=bees&people=2",
    "/p/shop/plan?giver=ants&taker=bees&people=9&cut=999&cut_team=bees&deadline=2001-01-01",
)


@pytest.fixture
def past(transactional_db: None, project: Project) -> Past:
    cache.clear()
    return two_teams(project)


def drawn(page: Any) -> Any:
    """The chart, once it is there."""
    page.locator("[data-chart=figure] .main-svg").first.wait_for()
    return page.locator("[data-chart=figure]")


def whole(page: Any) -> None:
    """The page with its parts that come later: what takes longer, and what comes when it is scrolled to."""
    page.locator("#answer-holding").wait_for()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.locator("#record-title").wait_for()


def test_manager__opens_the_burndown_on_a_laptop__reads_five_answers_without_scrolling(
    past: Past, viewer: User, visit: Open
) -> None:
    page = visit(viewer, "/p/shop/burndown", viewport=DESK)
    page.locator("#answer-holding").wait_for()

    for name in ANSWERS:
        box = page.locator(f"#answer-{name}").bounding_box()
        assert box["y"] > 0
        assert box["y"] + box["height"] <= DESK["height"], name
    when = page.locator("#answer-when h1").inner_text().replace("\N{NO-BREAK SPACE}", " ")
    assert re.search(r"85 % sure .*\d{4}.* %", when), "when, and how sure"
    assert "bees, in" in page.locator("#answer-holding .told").inner_text()
    assert "85 % sure by" in page.locator("#answer-since").inner_text()


def test_manager__presses_the_best_move__finds_it_tried_in_the_plan(past: Past, viewer: User, visit: Open) -> None:
    page = visit(viewer, "/p/shop/burndown")
    page.locator("#answer-move .told a").click()
    page.locator("#answer").wait_for()

    assert page.get_by_label("People").first.input_value() == "2"
    assert page.get_by_label("from").first.input_value() == "ants"
    assert "With two people from ants to bees" in page.locator("h1").inner_text()


def test_chart__zoomed__writes_the_days_into_the_address_and_shows_them_after_a_reload(
    past: Past, viewer: User, visit: Open
) -> None:
    page = visit(viewer, "/p/shop/burndown")
    box = drawn(page).locator(".nsewdrag").first.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, middle, steps=8)
    page.mouse.up()
    page.wait_for_url(re.compile(r"from=\d{4}-\d\d-\d\d&to=\d{4}-\d\d-\d\d"))
    page.get_by_role("navigation", name="Span").get_by_text("–").wait_for()  # the page has followed
    page.reload()
    drawn(page)
    shown = page.evaluate(
        "document.querySelector('[data-chart=figure]').layout.xaxis.range.map((day) => day.slice(0, 10))"
    )

    assert shown == [re.search(rf"{name}=([\d-]+)", page.url)[1] for name in ("from", "to")]  # type: ignore[index]
    page.go_back()
    page.wait_for_url(re.compile(r"/p/shop/burndown$"))
    page.locator("#answer-holding").wait_for()  # no request outlives the test


def test_chart__shown_as_table__has_the_stages(past: Past, viewer: User, visit: Open) -> None:
    page = visit(viewer, "/p/shop/burndown")
    drawn(page).get_by_text(re.compile(r"^Cutover \d+$")).wait_for()
    page.get_by_text("Show as table").first.click()

    assert page.get_by_role("columnheader", name="Side by side").is_visible()
    page.locator("#answer-holding").wait_for()


def test_chart__pressed_on_png__is_a_picture_that_says_what_done_is(past: Past, viewer: User, visit: Open) -> None:
    page = visit(viewer, "/p/shop/burndown")
    drawn(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="PNG").click()

    assert download.value.suggested_filename == "shop-up.png"
    assert download.value.path().read_bytes().startswith(b"\x89PNG")
    assert "done: from cutover on" in page.locator("[data-png]").get_attribute("data-title")


def test_chart__seen_without_colours__has_patterns_signs_and_names(past: Past, viewer: User, visit: Open) -> None:
    page = visit(viewer, "/p/shop/burndown")
    plot = drawn(page)

    assert page.evaluate("document.querySelectorAll('[data-chart=figure] pattern').length") >= 1
    for name in ("Backlog", "Cutover", "85 %", "Deadline", "Ants are done"):
        plot.get_by_text(re.compile(name)).first.wait_for()


def test_burndown__scrolled_down__brings_what_lies_below_the_chart_once(past: Past, viewer: User, visit: Open) -> None:
    page = visit(viewer, "/p/shop/burndown", viewport=DESK)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/below" in request.url else None)
    drawn(page)
    assert not page.locator("#dwell-title").count(), "nobody has looked yet"

    whole(page)
    assert page.locator("section", has=page.locator("#stuck-title")).get_by_text("ants").first.is_visible()
    page.get_by_text("Filter: everything").click()
    page.get_by_label("Done", exact=True).select_option("removed")
    page.get_by_text("Filter: done is removed").wait_for()
    assert page.locator("#stuck-title").is_visible(), "the same units: what is there stays"
    assert len(asked) == 1

    page.get_by_label("Team", exact=True).select_option("bees")
    page.get_by_text("Filter: bees").wait_for()
    whole(page)
    assert "ants" not in page.locator("section", has=page.locator("#stuck-title")).inner_text()
    assert len(asked) == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_burndown_and_plan__looked_at_by_axe__have_no_barrier(
    scheme: str, past: Past, owner: User, visit: Open
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    actor = person(user=owner, project=past.project, via=Via.PAGE)
    secret = make_share_link(project=past.project, name="the wall", actor=actor, now=timezone.now())
    one, other = Unit.objects.filter(project=past.project).order_by("-pk")[:2]
    add_dependency(unit=one, needs=other, actor=actor, now=timezone.now())
    page = visit(owner, "/", color_scheme=scheme)
    for address in (*PAGES, f"/share/{secret}", f"/embed/{secret}"):
        page.goto(address)
        if "burndown" in address:
            whole(page)
        page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
        assert barriers(axe, page) == "", address


def test_burndown_and_plan__on_a_phone__need_no_sideways_scrolling_and_have_room_for_a_finger(
    past: Past, owner: User, visit: Open
) -> None:
    page = visit(owner, "/", viewport=PHONE, has_touch=True)
    for address in PAGES:
        page.goto(address)
        if "burndown" in address:
            whole(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
        assert page.evaluate(SMALL_TARGETS) == [], address
        assert page.evaluate(CUT_OFF) == [], address


CUT_OFF = """() => [...document.querySelectorAll(".choice a")]
    .filter((each) => each.getBoundingClientRect().right > innerWidth).map((each) => each.textContent)"""
SMALL_TARGETS = """() => [...document.querySelectorAll("main a, main button, main summary, main input, main select")]
    .filter((each) => each.checkVisibility() && each.getClientRects().length && !each.closest("p, td, th, .list"))
    .map((each) => [each.outerHTML.slice(0, 90), each.getBoundingClientRect()])
    .filter(([, box]) => box.height && (box.height < 24 || box.width < 24)).map(([html]) => html)"""


def test_burndown__on_paper__is_light_and_has_nothing_to_press(past: Past, viewer: User, visit: Open) -> None:
    page = visit(viewer, "/p/shop/burndown", color_scheme="dark")
    drawn(page)
    on_screen = page.evaluate(INK)
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")

    assert page.locator("#dwell-title").is_visible(), "what nobody scrolled to is on paper too"
    for gone in ("View", "Span"):
        assert not page.get_by_role("navigation", name=gone).is_visible()
    for gone in ("Show as table", "Filter: everything", "PNG"):
        assert not page.get_by_text(gone).first.is_visible()
    assert drawn(page).is_visible()
    assert page.evaluate(INK) != on_screen, "names of the chart are dark on paper"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(INK) == on_screen


INK = "getComputedStyle(document.querySelector('[data-chart=figure] .annotation-text')).fill"


def test_burndown__without_scripts__has_its_answers_its_drawing_and_its_table(
    past: Past, viewer: User, visit: Open
) -> None:
    page = visit(viewer, "/p/shop/burndown", java_script_enabled=False)
    page.get_by_role("link", name="Work it out").first.click()
    assert "bees, in" in page.locator("#answer-holding").inner_text()
    page.locator("svg.burn-picture").wait_for()
    page.get_by_text("Show as table").first.click()
    assert page.get_by_role("columnheader", name="Side by side").is_visible()

    page.locator("section", has=page.locator("#below-title")).get_by_role("link", name="Work it out").click()
    assert page.locator("#record-title").is_visible()
    assert "bees, in" in page.locator("#answer-holding").inner_text(), "what was worked out stays"

    page.get_by_text("Filter: everything").click()
    page.get_by_label("Team", exact=True).select_option("ants")
    page.get_by_role("button", name="Show").last.click()
    page.get_by_text("Filter: ants").wait_for()
    assert "10 of 13 units done" in page.locator("main").inner_text()


def test_plan__without_scripts__answers_what_if(past: Past, viewer: User, visit: Open) -> None:
    page = visit(viewer, "/p/shop/plan", java_script_enabled=False)
    page.get_by_label("People").first.fill("1")
    page.get_by_label("from").first.select_option("ants")
    page.get_by_label("to", exact=True).first.select_option("bees")
    page.get_by_role("button", name="See what it brings").click()

    assert "With one person from ants to bees" in page.locator("h1").inner_text()
    assert "giver=ants" in page.url


@pytest.mark.parametrize(("width", "printed"), [(1440, False), (900, False), (718, False), (1440, True), (718, True)])
def test_burndown__names_of_days__stand_apart_and_whole_at_any_width(
    width: int, printed: bool, past: Past, viewer: User, visit: Open
) -> None:
    for days, name in ((12, "Accounts leave the monolith"), (19, "Half of the pictures"), (26, "Readers' feed")):
        due = (past.now + timedelta(days=days)).date()
        set_milestone(project=past.project, name=name, due=due, actor=past.actor, now=past.now)
    page = visit(viewer, "/p/shop/burndown", viewport={"width": width, "height": 900})
    drawn(page)
    if printed:
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
    found = page.evaluate(NAMES)

    assert len(found["names"]) >= 5
    for at, (name, left, right, top, bottom) in enumerate(found["names"]):
        assert left >= found["left"] and right <= found["right"] and top >= found["top"], name
        for other, *box in found["names"][:at]:
            assert right <= box[0] or left >= box[1] or bottom <= box[2] + 4 or top >= box[3] - 4, (name, other)
    if printed:
        assert found["right"] - found["left"] <= 700, "a sheet of paper is no wider"


NAMES = """() => {
    const { left, right, top } = document.querySelector("[data-chart=figure] .main-svg").getBoundingClientRect();
    const names = [...document.querySelectorAll("[data-chart=figure] .annotation-text")].map((each) => {
        const box = each.getBoundingClientRect();
        return [each.textContent, box.left, box.right, box.top, box.bottom];
    });
    return { left, right, top, names };
}"""
