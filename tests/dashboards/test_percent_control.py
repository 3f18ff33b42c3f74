"""The percentage control in a real browser: staged, told what it would do, set, seen to take effect, undone."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from migrator.core.stages import Stage
from migrator.inventory.models import Unit
from migrator.rollout.models import DataPlane
from tests.dashboards.conftest import observe
from tests.dashboards.test_stories import DESK, PHONE, visit

__all__ = ["visit"]
AddUnit = Callable[..., Unit]
Open = Callable[..., Any]


@pytest.fixture
def unit(transactional_db: None, add_unit: AddUnit) -> Unit:
    """At 2 %, proven safe."""
    unit = add_unit("GET /users/{id}", Stage.CANARY, 200)
    observe(unit, match=50_000)
    return unit


def share_of(unit: Unit) -> int:
    return Unit.objects.values_list("candidate_bp", flat=True).get(pk=unit.pk)


def box_of(page: Any) -> Any:
    return page.get_by_role("textbox", name="Answered by candidate")


def stage(page: Any, typed: str, act: str) -> Any:
    """Type a share and wait until the bar names it."""
    box_of(page).fill(typed)
    button = page.get_by_role("button", name=act, exact=True)
    button.wait_for()
    return button


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK])
def test_staged__at_any_width__stands_in_sight_with_its_consequences_and_no_barrier(
    scheme: str, viewport: dict[str, int], unit: Unit, engineer: User, visit: Open
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = visit(engineer, f"/p/shop/units/{unit.pk}?candidate_percent=5", viewport=viewport, color_scheme=scheme)
    told = page.get_by_role("status").filter(has_text="Canary 2 % → Canary 5 %").inner_text()
    for fact in ("more requests a minute", "at most 0.0", "undo restores 2 %"):
        assert fact in told, fact
    box = page.get_by_role("button", name="Set to 5 %").bounding_box()
    assert box["y"] + box["height"] <= viewport["height"], "in sight without scrolling"
    assert box["height"] >= (48 if viewport is PHONE else 36)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    report = axe.run(page)
    assert report.violations_count == 0, report.generate_report()
    assert share_of(unit) == 200, "staging changes nothing"


def test_staged__tabbed_through__no_focus_is_hidden_behind_the_bar(unit: Unit, engineer: User, visit: Open) -> None:
    page = visit(engineer, f"/p/shop/units/{unit.pk}?candidate_percent=5")
    box_of(page).focus()
    page.keyboard.press("Shift+Tab")
    for _ in range(14):
        page.keyboard.press("Tab")
        seen = page.evaluate("""() => {
            const held = document.activeElement.getBoundingClientRect();
            const bar = document.querySelector(".staged");
            return bar.contains(document.activeElement) || held.top < bar.getBoundingClientRect().top;
        }""")
        assert seen, page.evaluate("document.activeElement.outerHTML.slice(0, 120)")


@pytest.mark.parametrize(
    ("keys", "typed"),
    [
        (["ArrowUp"], "3"),
        (["Shift+ArrowUp"], "2.01"),
        (["Shift+ArrowDown", "Shift+ArrowDown"], "1.98"),
        (["ArrowDown", "ArrowDown", "ArrowDown"], "0.8"),
    ],
)
def test_box__arrows__step_as_finely_as_asked(
    keys: list[str], typed: str, unit: Unit, engineer: User, visit: Open
) -> None:
    page = visit(engineer, f"/p/shop/units/{unit.pk}")
    box_of(page).focus()
    for key in keys:
        page.keyboard.press(key)
    assert box_of(page).input_value() == typed
    page.get_by_role("button", name=f"Set to {typed} %", exact=True).wait_for()


def test_box__zero_and_hundredths_with_a_comma__are_values(unit: Unit, engineer: User, visit: Open) -> None:
    page = visit(engineer, f"/p/shop/units/{unit.pk}")
    stage(page, "0,01", "Set to 0.01 %")
    stage(page, "0", "Set to 0 %").click()
    page.get_by_text("You changed canary 2 % to canary 0 %").wait_for()
    assert share_of(unit) == 0


def test_keyboard__control_enter__sets_what_is_shown_and_never_what_is_not_shown_yet(
    unit: Unit, engineer: User, visit: Open
) -> None:
    page = visit(engineer, f"/p/shop/units/{unit.pk}")
    stage(page, "3", "Set to 3 %")
    page.evaluate("""() => {
        const box = document.querySelector("[data-box]");
        box.value = "4";
        box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", ctrlKey: true, bubbles: true }));
    }""")
    assert share_of(unit) == 200, "the bar still says 3 %, the box 4 %: nothing is sent"
    box_of(page).fill("3")
    page.get_by_role("button", name="Set to 3 %").wait_for()
    page.keyboard.press("Control+Enter")
    page.get_by_text("You changed canary 2 % to canary 3 %").wait_for()
    assert share_of(unit) == 300


def test_change__set__is_pending_until_every_data_plane_confirms_then_undone(
    unit: Unit, engineer: User, visit: Open
) -> None:
    now = timezone.now()
    for source in ("gw/0", "gw/1"):
        DataPlane.objects.create(
            project=unit.project, source=source, kind="gateway", boot="b", first_seen_at=now, last_seen_at=now,
            applied_epoch=unit.project.epoch,
        )  # fmt: skip
    DataPlane.objects.filter(source="gw/0").update(applied_number=1_000_000)
    page = visit(engineer, f"/p/shop/units/{unit.pk}")
    stage(page, "5", "Set to 5 %").click()
    page.get_by_text("Committed. Served by 1 of 2; waiting for gw/1.").wait_for()
    assert page.get_by_text("Effective").count() == 0

    DataPlane.objects.update(applied_number=1_000_000, last_seen_at=timezone.now())
    page.evaluate("htmx.trigger('#page', 'live')")
    page.get_by_text("Effective on all 2 data planes.").wait_for()
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("You changed canary 5 % to canary 2 %").wait_for()
    assert share_of(unit) == 200


def test_skipping__without_scripts__takes_a_reason_and_the_share_typed(unit: Unit, engineer: User, visit: Open) -> None:
    page = visit(engineer, f"/p/shop/units/{unit.pk}", java_script_enabled=False, viewport=PHONE)
    page.get_by_role("link", name="50 %", exact=True).click()
    page.get_by_label("Why (needed)").fill("clean for a month")
    page.get_by_label("Type 50 to skip 5 %, 25 %").fill("5")
    page.get_by_role("button", name="Set to 50 %").click()
    page.get_by_text("Not applied: type 50 to confirm it.").wait_for()
    assert share_of(unit) == 200
    assert page.get_by_label("Why (needed)").input_value() == "clean for a month"

    page.get_by_label("Type 50 to skip 5 %, 25 %").fill("50")
    page.get_by_role("button", name="Set to 50 %").click()
    page.get_by_text("You changed canary 2 % to canary 50 %").wait_for()
    assert share_of(unit) == 5_000


def test_plan__next_step__is_the_filled_chip(unit: Unit, engineer: User, visit: Open) -> None:
    page = visit(engineer, f"/p/shop/units/{unit.pk}")
    filled = page.locator("[data-preset].next")
    assert filled.inner_text() == "5 %"
    assert filled.evaluate("node => getComputedStyle(node).backgroundColor") != "rgb(255, 255, 255)"


def test_keyboard__p__leads_past_the_head_of_the_page_to_the_share(unit: Unit, engineer: User, visit: Open) -> None:
    page = visit(engineer, f"/p/shop/units/{unit.pk}", viewport=DESK)
    page.wait_for_load_state("networkidle")
    page.keyboard.press("p")
    assert page.evaluate("document.activeElement.id") == "candidate_percent"
    page.keyboard.type("5p")
    assert box_of(page).input_value() == "5p", "what stood there is chosen, and letters are typed"
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    assert "the share that the candidate answers" in page.locator("#keys").inner_text()
    page.keyboard.press("p")
    assert page.evaluate("document.activeElement.id") != "candidate_percent", "the list of keys is open"


def test_keyboard__p__where_no_share_can_be_chosen__leads_to_the_stages(
    transactional_db: None, add_unit: AddUnit, engineer: User, visit: Open
) -> None:
    page = visit(engineer, f"/p/shop/units/{add_unit('GET /feeds').pk}", viewport=DESK)
    page.wait_for_load_state("networkidle")
    page.keyboard.press("p")
    assert page.evaluate("document.activeElement.closest('[data-traffic]') !== null")
    page.keyboard.press("g")
    page.keyboard.press("p")
    page.wait_for_url("**/p/shop/plan")


def test_keys__of_a_viewer__lead_to_no_controls(unit: Unit, viewer: User, visit: Open) -> None:
    page = visit(viewer, f"/p/shop/units/{unit.pk}", viewport=DESK)
    assert "share that the candidate answers" not in page.locator("#keys").inner_text()
