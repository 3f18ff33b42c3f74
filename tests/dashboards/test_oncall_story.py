"""The night: an alert's link, what is wrong, two taps, the proof. In a real browser, mostly without a script."""

import itertools
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from migrator.access.rights import console
from migrator.core.stages import Stage
from migrator.inventory.models import Unit
from migrator.observations.models import Resolution, Rollup
from migrator.rollout import guard
from migrator.rollout.models import Comment, DataPlane, Flip
from migrator.rollout.scopes import one_unit
from migrator.rollout.services import Change, flip, rollback
from migrator.telling.models import Message
from tests.conftest import PASSWORD
from tests.dashboards.conftest import move, observe
from tests.dashboards.test_stories import DESK, PHONE, assert_at_the_thumb, visit

__all__ = ["visit"]
AddUnit = Callable[..., Unit]
Open = Callable[..., Any]
WITHOUT_SCRIPT = {"viewport": PHONE, "java_script_enabled": False, "color_scheme": "dark", "has_touch": True}
BUDGET = 50_000
FIRST_FLIGHT = 10 * 1_460
"""What a server sends before it hears from the phone again: ten segments of TCP."""


@pytest.fixture
def wrong(transactional_db: None, add_unit: AddUnit) -> Unit:
    """A field at 50 %, proven wrong, with a sibling at 5 %; and another endpoint that is clean."""
    add_unit("GET /users/{id}", Stage.CANARY, 5_000)
    field = add_unit("GET /users/{id} $.first_name", Stage.CANARY, 5_000)
    add_unit("GET /users/{id} $.last_name", Stage.CANARY, 500)
    observe(field, match=500, mismatch=500)
    observe(add_unit("GET /feeds", Stage.CANARY, 500), match=50_000)
    return field


def fresh(unit: Unit) -> Unit:
    return Unit.objects.get(pk=unit.pk)


def act_of(unit: Unit) -> str:
    """What the button and the link to it are called."""
    return f"Roll back {unit.key} to 0 %"


def back_flips(unit: Unit) -> int:
    return Flip.objects.filter(unit=unit, direction="back").count()


# ------------------------------------------------------------------------------------ two taps


def test_alert__followed_by_somebody_signed_out__two_taps_after_signing_in(
    wrong: Unit, oncall: User, chromium: Any, live_server: LiveServer
) -> None:
    guard.look(holder="test", now=timezone.now())
    link = Message.objects.filter(unit=wrong).latest("pk").path
    assert link == f"/p/shop/oncall/{wrong.pk}"
    move(wrong, Stage.CANARY, 5_000)
    page = chromium.new_context(base_url=live_server.url, **WITHOUT_SCRIPT).new_page()
    page.goto(link)
    page.get_by_label("Name").fill("oncall")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{link}")

    for role in ("link", "button"):
        button = page.get_by_role(role, name=act_of(wrong))
        assert_at_the_thumb(button)
        button.tap()
    page.get_by_role("heading", level=1, name="Rolled back").wait_for()
    assert fresh(wrong).candidate_bp == 0
    page.context.close()


@pytest.mark.parametrize("way_in", ["/oncall", "/p/shop/oncall", "/p/shop/oncall/{unit}"])
def test_oncall__without_scripts__learns_all_and_undoes_it_in_two_taps(
    way_in: str, wrong: Unit, oncall: User, visit: Open
) -> None:  # fmt: skip
    page = visit(oncall, way_in.format(unit=wrong.pk), **WITHOUT_SCRIPT)
    told = page.locator("#page").inner_text()
    for fact in ("answering wrongly", "500 of 1,000 pairs differ", "Canary 50 %", "setup set this"):
        assert fact in told.replace("\n", " "), fact
    page.get_by_role("link", name=act_of(wrong)).tap()
    told = page.locator("#page").inner_text()
    for fact in ("answers 100 %", "more go along", "no data has to be taken back", "Nobody has to approve it"):
        assert fact in told or fact == "Nobody has to approve it", fact
    page.get_by_role("button", name=act_of(wrong)).tap()
    page.get_by_role("heading", level=1, name="Rolled back").wait_for()

    assert {unit.candidate_bp for unit in Unit.objects.filter(key__startswith="GET /users")} == {0}
    assert Unit.objects.get(key="GET /feeds").candidate_bp == 500


def test_oncall__with_scripts__the_sheet_opens_at_once_and_one_request_does_it(
    wrong: Unit, oncall: User, visit: Open
) -> None:  # fmt: skip
    page = visit(oncall, f"/p/shop/oncall/{wrong.pk}", viewport=PHONE)
    page.wait_for_load_state("networkidle")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.method} {request.url.partition('/p/')[2]}"))
    page.evaluate("document.querySelector('#page').removeAttribute('data-live')")
    opener = page.get_by_role("link", name=act_of(wrong))
    opener.click()
    sheet = page.get_by_role("dialog", name=act_of(wrong))
    sheet.wait_for()
    assert page.evaluate("document.activeElement.id") == "roll-back-title"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.dataset.sheet") == f"roll-back-{wrong.pk}"
    assert sent == [], "opening the sheet asks nobody"

    opener.click()
    assert_at_the_thumb(sheet.get_by_role("button", name=act_of(wrong)))
    sheet.get_by_role("button", name=act_of(wrong)).click()
    page.get_by_role("heading", level=1, name="Rolled back").wait_for()
    assert page.evaluate("document.activeElement.nodeName") == "H1"
    assert page.url.endswith(f"/p/shop/units/{wrong.pk}/rollback")
    assert [each for each in sent if each.startswith("POST")] == [f"POST shop/units/{wrong.pk}/rollback"]
    assert back_flips(wrong) == 1


# ------------------------------------------------------------------------------- on a bad line


@pytest.mark.parametrize(
    "way_in", ["/oncall", "/p/shop/oncall", "/p/shop/oncall/{unit}", "/p/shop/units/{unit}/rollback"]
)
def test_oncall_page__without_scripts__is_one_request_that_fits_the_first_flight(
    way_in: str, wrong: Unit, oncall: User, visit: Open
) -> None:  # fmt: skip
    page = visit(oncall, "/p/shop/ledger", **WITHOUT_SCRIPT)
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    transferred: list[float] = []
    devtools.on("Network.loadingFinished", lambda event: transferred.append(event["encodedDataLength"]))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(way_in.format(unit=wrong.pk), wait_until="networkidle")

    # The ledger's mark in the tab may still be on its way; this page holds its own.
    own = [url for url in asked if not url.startswith("data:") and "favicon" not in url]
    assert own == [page.url]
    assert page.locator("link[rel=icon]").get_attribute("href", timeout=1_000).startswith("data:")
    assert sum(transferred) < FIRST_FLIGHT < BUDGET
    styled = page.get_by_role("heading", level=1).evaluate("node => getComputedStyle(node).fontWeight")
    assert styled == "600", "the style came along"


def test_oncall_page__everything_scripts_included__is_under_the_budget(
    wrong: Unit, oncall: User, visit: Open
) -> None:  # fmt: skip
    page = visit(oncall, "/p/shop/ledger", viewport=PHONE)
    page.goto(f"/p/shop/oncall/{wrong.pk}", wait_until="networkidle")
    raw = page.evaluate("performance.getEntriesByType('navigation')[0].decodedBodySize")
    assert raw < 60_000, "even where nothing compresses, it stays near the budget"


def test_oncall__the_line_breaks__is_told_not_sent_and_the_retry_is_one_rollback(
    wrong: Unit, oncall: User, visit: Open
) -> None:  # fmt: skip
    page = visit(oncall, f"/p/shop/units/{wrong.pk}/rollback", viewport=PHONE)
    page.wait_for_load_state("networkidle")
    page.evaluate("document.querySelector('#page').removeAttribute('data-live')")
    page.context.set_offline(True)
    button = page.get_by_role("button", name=act_of(wrong))
    button.click()
    page.get_by_role("alert").get_by_text("Not sent: there is no connection. Press again").wait_for()
    assert page.locator("#page").get_by_text("Rolled back").count() == 0
    assert back_flips(wrong) == 0

    page.context.set_offline(False)
    button.click()
    page.get_by_role("heading", level=1, name="Rolled back").wait_for()
    assert back_flips(wrong) == 1


def test_oncall__the_answer_is_lost__claims_nothing_and_pressing_again_shows_the_one_rollback(
    wrong: Unit, oncall: User, visit: Open
) -> None:  # fmt: skip
    page = visit(oncall, f"/p/shop/units/{wrong.pk}/rollback", viewport=PHONE)
    page.wait_for_load_state("networkidle")
    page.evaluate("""() => {
        const real = window.fetch;
        window.fetch = async (...asked) => {
          await real(...asked);
          window.fetch = real;
          throw new TypeError("the line broke");
        };
        document.querySelector("#page").removeAttribute("data-live");
    }""")
    page.get_by_role("button", name=act_of(wrong)).click()
    page.get_by_role("alert").get_by_text("Not confirmed").wait_for()
    assert back_flips(wrong) == 1, "it arrived: only its answer was lost"

    page.get_by_role("button", name=act_of(wrong)).click()
    page.get_by_role("heading", level=1, name="Rolled back").wait_for()
    assert back_flips(wrong) == 1


def test_oncall__the_server_fails__is_told_not_done(wrong: Unit, oncall: User, visit: Open) -> None:
    page = visit(oncall, f"/p/shop/units/{wrong.pk}/rollback", viewport=PHONE)
    page.wait_for_load_state("networkidle")
    page.evaluate("() => { window.fetch = async () => new Response('down', { status: 503 }); }")
    page.get_by_role("button", name=act_of(wrong)).click()
    page.get_by_role("alert").get_by_text("Not done: the server failed (503).").wait_for()
    assert page.locator("#page").get_by_text("Rolled back").count() == 0


@pytest.mark.parametrize(
    "address", ["/p/shop/units/{unit}/rollback", "/p/shop/rollback", "/p/shop/services/{service}/rollback"]
)
def test_form__posted_twice__is_one_rollback_and_both_answers_say_so(
    address: str, wrong: Unit, oncall: User, client: Client
) -> None:  # fmt: skip
    client.force_login(oncall)
    address = address.format(unit=wrong.pk, service=wrong.service_id)
    answers = [client.post(address, {"reason": "Errors"}, follow=True).content.decode() for _ in range(2)]

    assert [re.search(r"<h1[^>]*>(.*?)</h1>", answer)[1] for answer in answers] == [  # type: ignore[index]
        "Rolled back. No data plane is connected to confirm it."
    ] * 2
    assert back_flips(wrong) == 1


# ----------------------------------------------------------------------------------- the proof


def test_proof__traffic_moves__is_shown_minute_by_minute_and_by_data_plane(
    wrong: Unit, oncall: User, client: Client
) -> None:
    now = timezone.now()
    for source, applied in (("gw/0", 1_000_000), ("gw/1", 0)):
        DataPlane.objects.create(
            project=wrong.project, source=source, kind="gateway", boot="b", first_seen_at=now, last_seen_at=now,
            applied_epoch=wrong.project.epoch, applied_number=applied,
        )  # fmt: skip
    for ago, served in ((3, 500), (2, 100), (1, 0)):
        start = now.replace(second=0, microsecond=0) - timedelta(minutes=ago)
        Rollup.objects.create(
            unit=wrong, resolution=Resolution.MINUTE, window_start=start, evidence_epoch=1, shard=0, match=1_000,
            served_candidate=served,
        )  # fmt: skip
    client.force_login(oncall)
    page = client.post(f"/p/shop/units/{wrong.pk}/rollback", follow=True).content.decode()

    assert "Rolled back, not everywhere yet: 1 data plane still has to follow." in page
    assert "Served by 1 of 2; waiting for gw/1." in page
    assert re.findall(r"<b>(\S+ %)</b> of 1,000", page) == ["0 %", "10 %", "50 %"], "newest first"
    DataPlane.objects.update(applied_number=1_000_000)
    assert (
        "Rolled back: legacy answers every request."
        in client.get(f"/p/shop/units/{wrong.pk}/rollback").content.decode()
    )


def test_proof__a_data_plane_fell_silent__is_not_claimed_to_follow(wrong: Unit, oncall: User, client: Client) -> None:
    now = timezone.now()
    for source, ago in (("gw/0", 0), ("gw/1", 600)):
        DataPlane.objects.create(
            project=wrong.project, source=source, kind="gateway", boot="b", first_seen_at=now,
            last_seen_at=now - timedelta(seconds=ago), applied_epoch=wrong.project.epoch, applied_number=1_000_000,
        )  # fmt: skip
    client.force_login(oncall)
    page = client.post(f"/p/shop/units/{wrong.pk}/rollback", follow=True).content.decode()

    assert "Rolled back on every data plane that reports." in page
    assert "1 that was heard today is silent: nobody knows what it does." in page


def test_sheet__last_change_was_long_ago__still_opens(wrong: Unit, oncall: User, client: Client) -> None:
    """What reads the proof must never take the way back away."""
    long_ago, actor = timezone.now() - timedelta(days=400), console(name="ana")
    back = Change(unit_id=wrong.pk, version=wrong.version, candidate=4_000)
    flip(project=wrong.project, changes=[back], actor=actor, reason="x", now=long_ago)
    client.force_login(oncall)
    assert client.get(f"/p/shop/units/{wrong.pk}/rollback").status_code == 200
    rollback(project=wrong.project, scope=one_unit(wrong), actor=actor, now=long_ago)
    assert client.get(f"/p/shop/units/{wrong.pk}/rollback").status_code == 200


def test_sheet__somebody_else_became_worse__never_changes_what_it_rolls_back(
    wrong: Unit, add_unit: AddUnit, oncall: User, visit: Open
) -> None:
    page = visit(oncall, "/p/shop/oncall", viewport=PHONE)
    page.get_by_role("link", name=act_of(wrong)).click()
    page.get_by_role("dialog").wait_for()
    observe(add_unit("GET /a", Stage.CANARY, 10_000), match=0, mismatch=90_000)
    move(wrong, Stage.SIDE_BY_SIDE)
    with page.expect_response(lambda answer: answer.url.endswith("/p/shop/oncall")):
        page.evaluate("htmx.trigger('#page', 'live')")
    page.get_by_role("link", name="Roll back GET /a to 0 %").wait_for()
    assert page.locator("dialog[open]").count() == 0


def test_after__on_it_and_frozen__others_see_who(
    wrong: Unit, oncall: User, engineer: User, visit: Open
) -> None:  # fmt: skip
    page = visit(oncall, f"/p/shop/oncall/{wrong.pk}", **WITHOUT_SCRIPT)
    page.get_by_role("button", name=f"I am on it: {wrong.key}").tap()
    page.get_by_text("oncall is on it, since").wait_for()
    assert page.get_by_role("button", name="I am on it").count() == 0
    assert Comment.objects.filter(unit=wrong).count() == 1

    other = visit(engineer, "/oncall", **WITHOUT_SCRIPT)
    assert other.get_by_text("oncall is on it, since").is_visible()


def test_take_on__viewer__may_not(wrong: Unit, viewer: User, client: Client) -> None:
    client.force_login(viewer)
    assert client.post(f"/p/shop/oncall/{wrong.pk}/take-on").status_code == 403
    assert not Comment.objects.exists()


# ---------------------------------------------------------------------------------- every reader


def test_viewer__looks__learns_whom_to_ask_on_every_page(
    wrong: Unit, viewer: User, oncall: User, client: Client
) -> None:
    client.force_login(viewer)
    for address in ("/oncall", "/p/shop/oncall", f"/p/shop/oncall/{wrong.pk}", f"/p/shop/units/{wrong.pk}/rollback"):
        page = client.get(address).content.decode()
        assert "oncall (on-call)" in page, address
        assert '<dialog class="sheet" id="roll-back' not in page, address
        assert "data-sent-safely" not in page, address


def test_everywhere__rolled_back_with_scripts__shows_the_projects_own_page(
    wrong: Unit, oncall: User, visit: Open
) -> None:
    page = visit(oncall, "/oncall", viewport=DESK)
    button = page.get_by_role("link", name=act_of(wrong))
    box = button.bounding_box()
    assert box["y"] + box["height"] <= DESK["height"], "in sight without scrolling on a desk too"
    button.click()
    page.get_by_role("dialog").get_by_role("button", name=act_of(wrong)).click()
    page.get_by_role("heading", level=1, name="Rolled back").wait_for()
    assert page.locator("#freshness").count() == 1
    with page.expect_response(lambda answer: answer.url.endswith(f"/units/{wrong.pk}/rollback")):
        page.evaluate("htmx.trigger('#page', 'live')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK])
def test_oncall_pages__looked_at_by_axe__have_no_barrier(
    scheme: str, viewport: dict[str, int], wrong: Unit, oncall: User, visit: Open
) -> None:  # fmt: skip
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = visit(oncall, "/oncall", viewport=viewport, color_scheme=scheme)
    found = {}

    def look(name: str) -> None:
        report = axe.run(page)
        if report.violations_count:
            found[name] = report.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert small_targets(page) == [] or viewport is not PHONE, name

    look("list")
    page.goto(f"/p/shop/oncall/{wrong.pk}", wait_until="networkidle")
    look("unit")
    page.get_by_role("link", name=act_of(wrong)).click()
    page.get_by_role("dialog", name=act_of(wrong)).wait_for()
    page.wait_for_timeout(200)
    look("sheet")
    page.get_by_role("dialog").get_by_role("button", name=act_of(wrong)).click()
    page.get_by_role("heading", level=1, name="Rolled back").wait_for()
    look("done")
    assert found == {}


def small_targets(page: Any) -> list[str]:
    """Buttons, and links that look like them, that a thumb would miss."""
    return list(
        page.evaluate("""() => [...document.querySelectorAll("#page .button, #page .chip, #page .more > summary")]
        .filter((each) => each.offsetParent !== null && each.getBoundingClientRect().height < 48)
        .map((each) => `${each.textContent.trim()} ${each.getBoundingClientRect().height}`)""")
    )


def test_oncall_pages__read_aloud__go_from_heading_to_heading(wrong: Unit, oncall: User, visit: Open) -> None:
    page = visit(oncall, f"/p/shop/oncall/{wrong.pk}", **WITHOUT_SCRIPT)
    for _ in range(2):
        levels = page.locator("#page").evaluate(
            "node => [...node.querySelectorAll('h1,h2,h3')].filter(h => h.offsetParent).map(h => Number(h.nodeName[1]))"
        )
        assert levels[0] == 1 and levels.count(1) == 1
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
        assert page.locator("#page [role=status] h1").count() == 1, "its change is read aloud"
        page.goto(f"/p/shop/units/{wrong.pk}/rollback")
