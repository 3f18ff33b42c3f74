"""What people do, in a real browser: the engineer's step, the on-call's two taps, everybody's eyes."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from migrator.access.models import SecondFactor
from migrator.access.rights import Via, person
from migrator.access.second_factor import enrol
from migrator.core.stages import Stage
from migrator.inventory.models import ObservedEndpoint, Project, Unit
from migrator.observations.models import Resolution, Rollup
from migrator.rollout.approvals import ask
from migrator.rollout.freezes import freeze
from migrator.rollout.remarks import comment, hand_over
from migrator.rollout.services import Change
from tests.conftest import PASSWORD
from tests.dashboards.conftest import move, observe

AddUnit = Callable[..., Unit]
Open = Callable[..., Any]
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}


@pytest.fixture
def unit(transactional_db: None, add_unit: AddUnit) -> Unit:
    unit = add_unit("GET /users/{id}", Stage.CANARY, 200)
    add_unit("GET /users/{id} $.name", Stage.SIDE_BY_SIDE)
    observe(unit, match=50_000)
    return unit


@pytest.fixture
def visit(chromium: Any, live_server: LiveServer) -> Iterator[Open]:
    """`visit(user, "/p/shop/", viewport=PHONE)`: a signed-in page. Whatever the browser complains of fails the test."""
    contexts, complaints = [], []

    def opened(user: User, address: str, **options: Any) -> Any:
        context = chromium.new_context(base_url=live_server.url, **{"viewport": DESK} | options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if complains(said) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        context.add_cookies([session_of(user, live_server)])
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def complains(said: Any) -> bool:
    """That the line is down is what a test wanted to see."""
    return said.type in ("error", "warning") and "ERR_INTERNET_DISCONNECTED" not in said.text


def session_of(user: User, live_server: LiveServer) -> Any:
    """The cookie of somebody who is signed in."""
    client = Client()
    client.force_login(user)
    return {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}


def fresh(unit: Unit) -> Unit:
    return Unit.objects.get(pk=unit.pk)


def test_sign_in__right_password__leads_on_to_the_page_that_was_asked_for(
    unit: Unit, engineer: User, chromium: Any, live_server: LiveServer
) -> None:
    context = chromium.new_context(base_url=live_server.url)
    page = context.new_page()
    page.goto("/p/shop/ledger")
    page.get_by_label("Name").fill("engineer")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    page.wait_for_url("**/p/shop/ledger")
    context.close()


def test_engineer__raises_a_percentage__sees_the_consequence_then_the_change(
    unit: Unit, engineer: User, visit: Open
) -> None:
    page = visit(engineer, f"/p/shop/units/{unit.pk}")
    page.get_by_role("textbox", name="Answered by candidate").fill("4,5")
    page.get_by_text("Canary 2 % → Canary 4.5 %").wait_for()
    assert fresh(unit).candidate_bp == 200

    page.get_by_label("Why").fill("errors are down")
    page.get_by_role("button", name="Set to 4.5 %").click()
    page.get_by_text("You changed canary 2 % to canary 4.5 %").wait_for()
    assert fresh(unit).candidate_bp == 450

    page.get_by_role("button", name="Undo").click()
    page.get_by_text("You changed canary 4.5 % to canary 2 %").wait_for()
    assert fresh(unit).candidate_bp == 200


def test_engineer__stepper_and_preset__write_into_the_box(unit: Unit, engineer: User, visit: Open) -> None:
    page = visit(engineer, f"/p/shop/units/{unit.pk}")
    box = page.get_by_role("textbox", name="Answered by candidate")
    page.get_by_role("link", name="More").click()
    page.get_by_role("button", name="Set to 3 %").wait_for()
    assert box.input_value() == "3"

    page.get_by_role("link", name="25 %").click()
    page.get_by_role("button", name="Set to 25 %").wait_for()
    assert page.url.endswith("candidate_percent=25") or "candidate_percent=25&" in page.url


def test_engineer__somebody_else_flips_meanwhile__sees_it_without_losing_the_reason(
    unit: Unit, engineer: User, visit: Open
) -> None:
    page = visit(engineer, f"/p/shop/units/{unit.pk}?stage=canary&candidate_percent=5")
    page.get_by_label("Why").fill("half typed")
    move(unit, Stage.CANARY, 300)

    page.get_by_text("setup changed canary 2 % to canary 3 %").wait_for(timeout=15_000)
    assert page.get_by_label("Why").input_value() == "half typed"
    assert page.evaluate("document.activeElement.id") == "reason"


def test_engineer__refused__can_read_why_as_long_as_they_like(
    add_unit: AddUnit, engineer: User, visit: Open, unit: Unit
) -> None:
    unproven = add_unit("GET /orders", Stage.CANARY, 100)
    page = visit(engineer, f"/p/shop/units/{unproven.pk}")
    page.evaluate("""() => {
        const form = document.querySelector("form[data-act]");
        form.elements.candidate_percent.value = "5";
        form.submit();
    }""")
    refusal = page.get_by_text("Not applied: the gate holds GET /orders")
    refusal.wait_for()
    with page.expect_response(lambda answer: "units" in answer.url):
        page.evaluate("htmx.trigger('#page', 'live')")
    page.wait_for_timeout(100)

    assert refusal.is_visible()


def test_engineer__without_scripts__previews_and_sets(unit: Unit, engineer: User, visit: Open) -> None:
    page = visit(engineer, f"/p/shop/units/{unit.pk}", java_script_enabled=False)
    page.get_by_role("link", name="5 %", exact=True).click()
    page.get_by_role("button", name="Set to 5 %").click()
    page.get_by_text("You changed canary 2 % to canary 5 %").wait_for()

    assert fresh(unit).candidate_bp == 500


def test_oncall__phone_without_scripts__rolls_back_in_two_taps(
    unit: Unit, add_unit: AddUnit, oncall: User, visit: Open
) -> None:
    wrong = add_unit("GET /orders/{id}", Stage.CANARY, 5_000)
    observe(wrong, match=500, mismatch=500)
    page = visit(oncall, "/p/shop/oncall", viewport=PHONE, java_script_enabled=False, has_touch=True)

    button = page.get_by_role("link", name="Roll back GET /orders/{id} to 0 %")
    assert_at_the_thumb(button)
    button.tap()
    button = page.get_by_role("button", name="Roll back GET /orders/{id} to 0 %")
    assert_at_the_thumb(button)
    button.tap()
    page.get_by_role("heading", name="Rolled back.").wait_for()

    assert fresh(wrong).candidate_bp == 0
    assert fresh(unit).candidate_bp == 200


@pytest.mark.parametrize("way_in", ["/oncall", "/p/shop/oncall/{wrong}"])
def test_oncall__by_an_alerts_link_or_none__two_taps_without_scripts_in_the_dark(
    way_in: str, unit: Unit, add_unit: AddUnit, oncall: User, visit: Open
) -> None:
    wrong = add_unit("GET /orders/{id}", Stage.CANARY, 5_000)
    observe(wrong, match=500, mismatch=500)
    page = visit(oncall, way_in.format(wrong=wrong.pk), viewport=PHONE, java_script_enabled=False, color_scheme="dark")
    for role in ("link", "button"):
        button = page.get_by_role(role, name="Roll back GET /orders/{id} to 0 %")
        assert_at_the_thumb(button)
        button.click()
    page.get_by_role("heading", name="Rolled back.").wait_for()
    assert fresh(wrong).candidate_bp == 0

    page.get_by_role("button", name="Freeze climbing for 8 h").click()
    page.get_by_text("Nothing climbs for eight hours.").wait_for()
    page.get_by_text("Hand over to whoever is next").click()
    page.get_by_label("What they must know").fill("Orders are back on legacy.")
    page.get_by_role("button", name="Leave the note").click()
    page.get_by_role("heading", name="Handed over").wait_for()


def test_oncall__line_breaks__no_success_is_claimed_and_the_retry_is_one_rollback(
    unit: Unit, oncall: User, visit: Open
) -> None:
    page = visit(oncall, f"/p/shop/units/{unit.pk}/rollback", viewport=PHONE, java_script_enabled=False)
    context = page.context
    context.set_offline(True)
    page.get_by_role("button", name="Roll back GET /users/{id} to 0 %").click()
    page.wait_for_timeout(100)
    assert page.get_by_text("Rolled back").count() == 0
    assert fresh(unit).candidate_bp == 200
    context.set_offline(False)
    page.goto(f"/p/shop/units/{unit.pk}/rollback")
    page.get_by_role("button", name="Roll back GET /users/{id} to 0 %").click()
    page.get_by_role("heading", name="Rolled back.").wait_for()
    assert fresh(unit).candidate_bp == 0


def test_two_people__cutover__asked_by_one_given_by_the_other(
    unit: Unit, engineer: User, owner: User, visit: Open
) -> None:
    move(unit, Stage.CANARY, 10_000)
    page = visit(engineer, f"/p/shop/units/{unit.pk}?stage=cutover")
    page.get_by_label("Why").fill("clean for a week")
    page.get_by_role("button", name="Ask for approval").click()
    page.get_by_role("heading", name="Waits for a second person").wait_for()
    assert fresh(unit).stage == Stage.CANARY

    page = visit(owner, f"/p/shop/units/{unit.pk}")
    page.get_by_role("button", name="Approve:").click()
    page.get_by_text("Approved, and done").wait_for()
    assert fresh(unit).stage == Stage.CUTOVER


def assert_at_the_thumb(button: Any) -> None:
    """In sight without scrolling, large, in the lower half of the phone."""
    box = button.bounding_box()
    assert box["height"] >= 48
    assert PHONE["height"] / 2 < box["y"] <= PHONE["height"] - box["height"]


def test_search__typed__filters_and_stays_in_the_address(unit: Unit, engineer: User, visit: Open) -> None:
    page = visit(engineer, "/p/shop/inventory")
    page.keyboard.press("/")
    page.keyboard.type("$.name")
    page.get_by_role("link", name="GET /users/{id} $.name").wait_for()

    page.wait_for_url(re.compile(r"search=%24\.name"))
    assert page.get_by_role("row").count() == 2
    assert page.evaluate("document.activeElement.id") == "search"


def test_tree__opened__shows_the_fields(unit: Unit, engineer: User, visit: Open) -> None:
    page = visit(engineer, "/p/shop/inventory")
    page.get_by_role("link", name="Open 1 fields of GET /users/{id}").click()
    page.get_by_role("link", name="GET /users/{id} $.name").wait_for()

    assert f"open={unit.pk}" in page.url


def test_palette__a_few_letters__lead_to_the_unit(unit: Unit, engineer: User, visit: Open) -> None:
    page = visit(engineer, "/p/shop/")
    page.keyboard.press("Control+k")
    page.keyboard.type("users/{id} $")
    found = page.locator("#palette-list a", has_text="$.name").first
    found.wait_for()
    for _ in range(10):
        page.keyboard.press("ArrowDown")
        if "$.name" in page.evaluate("document.activeElement.textContent"):
            break
    page.keyboard.press("Enter")

    page.wait_for_url("**/p/shop/units/*")
    page.get_by_text("GET /users/{id} $.name").first.wait_for()


LOOKED_AT = (
    "/",
    "/oncall",
    "/p/shop/rollback",
    "/p/shop/",
    "/p/shop/inventory",
    "/p/shop/units/{unit}?stage=canary&candidate_percent=5",
    "/p/shop/units/{unit}/rollback",
    "/p/shop/burndown",
    "/p/shop/oncall",
    "/p/shop/oncall/{unit}",
    "/p/shop/approvals",
    "/p/shop/freezes",
    "/account",
    "/p/shop/data-planes",
    "/p/shop/ledger",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page__looked_at_by_axe__has_no_barrier(
    scheme: str, unit: Unit, add_unit: AddUnit, project: Project, superuser: User, visit: Open
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    observe(add_unit("GET /orders/{id}", Stage.CANARY, 5_000), match=500, mismatch=500)
    observe(add_unit("GET /feeds", Stage.SIDE_BY_SIDE), match=500, mismatch=500)
    add_seen(project)
    page = visit(superuser, "/", color_scheme=scheme)
    found = {}
    for address in LOOKED_AT:
        page.goto(address.format(unit=unit.pk))
        report = axe.run(page)
        if report.violations_count:
            found[address] = report.generate_report()

    assert found == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_between_people__looked_at_by_axe__have_no_barrier(
    scheme: str, unit: Unit, owner: User, engineer: User, visit: Open
) -> None:
    """What is seen only while something stands in the way, waits for somebody, or is being set up."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    now = timezone.now()
    enrol(user=owner, now=now)
    page = visit(owner, "/account", color_scheme=scheme)
    assert barriers(axe, page) == ""
    SecondFactor.objects.update(confirmed_at=now)
    move(unit, Stage.CANARY, 10_000)
    change = Change(unit_id=unit.pk, version=fresh(unit).version, stage=Stage.CUTOVER)
    asking = person(user=engineer, project=unit.project, via=Via.PAGE)
    ask(project=unit.project, change=change, actor=asking, reason="It is time.", now=now)
    freeze(project=unit.project, actor=asking, reason="Black Friday", now=now)
    hand_over(project=unit.project, text="Watch it.", actor=asking, now=now)
    comment(unit=unit, text="Looks fine.", actor=asking, now=now)
    addresses = ("/account", "/p/shop/units/{unit}?stage=cutover&break_glass=true", "/p/shop/units/{unit}")
    for address in (*addresses, "/p/shop/approvals", "/p/shop/freezes", "/p/shop/oncall/{unit}"):
        page.goto(address.format(unit=unit.pk))
        assert barriers(axe, page) == "", address
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_outside__looked_at_by_axe__have_no_barrier(
    scheme: str, unit: Unit, stranger: User, chromium: Any, live_server: LiveServer
) -> None:
    """What is seen before and instead of the pages: sign-in with its error, what is missing, what is forbidden."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    context = chromium.new_context(base_url=live_server.url, color_scheme=scheme)
    page = context.new_page()
    page.goto("/sign-in")
    assert barriers(axe, page) == ""
    page.get_by_label("Name").fill("engineer")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("do not go together").wait_for()
    assert barriers(axe, page) == ""
    context.add_cookies([session_of(stranger, live_server)])
    for address, told in (("/nowhere", "Nothing stands"), ("/p/shop/", "no role"), ("/p/elsewhere/", "Nothing is")):
        page.goto(address)
        page.get_by_role("heading", name=told).wait_for()
        assert barriers(axe, page) == "", address
    context.close()


def barriers(axe: Any, page: Any) -> str:
    report = axe.run(page)
    return report.generate_report() if report.violations_count else ""


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_every_page__at_any_width__needs_no_sideways_scrolling(
    viewport: dict[str, int], unit: Unit, project: Project, superuser: User, visit: Open
) -> None:
    add_seen(project)
    page = visit(superuser, "/", viewport=viewport)
    for address in LOOKED_AT:
        page.goto(address.format(unit=unit.pk))
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address


def add_seen(project: Project) -> None:
    ObservedEndpoint.objects.create(
        project=project,
        key="GET /feeds/{id}",
        count=7,
        first_seen_at=project.created_at,
        last_seen_at=project.created_at,
    )


def test_pin__pressed__leads_to_its_entry_in_the_ledger(unit: Unit, engineer: User, visit: Open) -> None:
    page = visit(engineer, f"/p/shop/units/{unit.pk}")
    count_minute(unit)
    page.reload()
    # The lines have no points: these are the pins, the newest flip first.
    point = page.locator(".plot path.point").first
    point.wait_for()
    pin = point.bounding_box()
    page.mouse.move(pin["x"] + pin["width"] / 2, pin["y"] + pin["height"] / 2)
    page.mouse.down()
    page.mouse.up()

    page.wait_for_url(re.compile(r"/ledger\?older_than=\d+#link-\d+$"))
    target = page.locator("tr:target")
    target.wait_for()
    assert "set up" in target.inner_text(), "the three that it took to get there are one moment"


def count_minute(unit: Unit) -> None:
    start = timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=1)
    Rollup.objects.create(
        unit_id=unit.pk, resolution=Resolution.MINUTE, window_start=start, evidence_epoch=unit.evidence_epoch, shard=0,
        match=300, legacy_latency={"300": 300}, candidate_latency={"320": 300},
    )  # fmt: skip
