"""What no rollback takes back: said in red before it is pressed, with the runbook; never in the way of pressing it."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from migrator.access.rights import console
from migrator.core.stages import Stage
from migrator.inventory.models import Kind, Unit
from migrator.inventory.services import change_unit, save_service
from migrator.ledger.models import Entry
from migrator.rollout.scopes import one_unit
from migrator.rollout.services import rollback
from tests.dashboards.conftest import move, observe
from tests.dashboards.test_oncall_story import FIRST_FLIGHT, WITHOUT_SCRIPT, act_of
from tests.dashboards.test_stories import PHONE, assert_at_the_thumb, barriers, visit

__all__ = ["visit"]
AddUnit = Callable[..., Unit]
SignIn = Callable[[User], Client]
Open = Callable[..., Any]
WIKI = "https://wiki.example.com/runbooks/payments"
RED = 'class="lasting"'
AHEAD = 'class="lasting ahead"'
UNDONE = "Rolling back does not undo what"


@pytest.fixture
def payments(add_unit: AddUnit) -> Unit:
    """A write at 25 % that cannot be taken back, with a runbook."""
    unit = add_unit("POST /payments", Stage.CANARY, 2_500)
    return change_unit(unit=unit, irreversible=True, runbook=WIKI)


def words_of(answer: Any) -> str:
    """What a page says, without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", answer.content.decode()))


def rollback_of(unit: Unit) -> str:
    return f"/p/shop/units/{unit.pk}/rollback"


# ----------------------------------------------------------------------------------- the sheet


def test_sheet__of_an_irreversible_write__is_red_and_names_the_runbook(
    payments: Unit, oncall: User, sign_in: SignIn
) -> None:
    answer = sign_in(oncall).get(rollback_of(payments))
    assert RED in answer.content.decode()
    assert f'href="{WIKI}" target="_blank" rel="noopener noreferrer"' in answer.content.decode()
    told = words_of(answer)
    assert "Not everything can be taken back" in told
    assert f"{UNDONE} POST /payments did on candidate. Read the runbook first: {WIKI[8:]} (in another tab)" in told


def test_rollback__of_an_irreversible_write__is_done_at_once_and_says_what_stays_done(
    payments: Unit, oncall: User, sign_in: SignIn
) -> None:
    answer = sign_in(oncall).post(rollback_of(payments), follow=True)
    assert Unit.objects.get(pk=payments.pk).candidate_bp == 0
    told = words_of(answer)
    assert "What POST /payments did on candidate stays done. Go on with the runbook: wiki.example.com" in told
    assert UNDONE not in told


@pytest.mark.parametrize("declared", [{"irreversible": False}, {"runbook": WIKI}])
def test_sheet__of_a_write_that_can_be_taken_back__is_not_red(
    declared: dict[str, Any], add_unit: AddUnit, oncall: User, sign_in: SignIn
) -> None:
    unit = change_unit(unit=add_unit("POST /drafts", Stage.CANARY, 500), **declared)
    client = sign_in(oncall)
    assert RED not in client.get(rollback_of(unit)).content.decode()
    assert RED not in client.post(rollback_of(unit), follow=True).content.decode()


def test_sheet__the_candidate_answers_nothing_of_the_write__is_not_red(
    payments: Unit, add_unit: AddUnit, oncall: User, sign_in: SignIn
) -> None:
    add_unit("GET /feeds", Stage.CANARY, 500)
    move(payments, Stage.SIDE_BY_SIDE)
    client = sign_in(oncall)
    assert RED not in client.get("/p/shop/rollback").content.decode()
    assert RED not in client.post("/p/shop/rollback", follow=True).content.decode(), "it went down long before"


def test_sheet__of_a_field_below_the_write__is_red_too(
    payments: Unit, add_unit: AddUnit, oncall: User, sign_in: SignIn
) -> None:
    field = add_unit("POST /payments $.id", Stage.CANARY, 2_500, kind=Kind.FIELD)
    assert f"{UNDONE} POST /payments did" in words_of(sign_in(oncall).get(rollback_of(field)))


@pytest.mark.parametrize("address", ["/p/shop/rollback", "/p/shop/services/{service}/rollback"])
def test_sheet__of_many_writes__names_the_first_by_runbook_and_counts_the_rest(
    address: str, payments: Unit, add_unit: AddUnit, oncall: User, sign_in: SignIn
) -> None:
    save_service(project=payments.project, name="users", runbook="Binder 3, page 12")
    for name in "abcdef":
        change_unit(unit=add_unit(f"POST /{name}", Stage.CANARY, 500), irreversible=True)
    told = words_of(sign_in(oncall).get(address.format(service=payments.service_id)))
    keys = ", ".join(f"POST /{name}" for name in "abcde")
    assert f"{UNDONE} {keys} did on candidate. Read the runbook first: Binder 3, page 12" in told
    assert "So it is with 2 more writes." in told


def test_sheet__without_a_runbook__says_so(payments: Unit, oncall: User, sign_in: SignIn) -> None:
    change_unit(unit=payments, runbook="")
    assert "did on candidate. Nobody has named a runbook." in words_of(sign_in(oncall).get(rollback_of(payments)))


def test_runbook__a_script_in_the_database__is_shown_as_words(payments: Unit, oncall: User, sign_in: SignIn) -> None:
    Unit.objects.filter(pk=payments.pk).update(runbook='javascript:alert("1")')
    client = sign_in(oncall)
    observe(payments, match=500, mismatch=500)
    for address in (rollback_of(payments), f"/p/shop/oncall/{payments.pk}", f"/p/shop/units/{payments.pk}"):
        page = client.get(address).content.decode()
        assert "javascript:alert(&quot;1&quot;)" in page
        assert 'href="javascript' not in page


@pytest.mark.parametrize("address", ["/oncall", "/p/shop/oncall", "/p/shop/oncall/{unit}"])
def test_incident__of_a_unit_with_a_runbook__links_it(
    address: str, payments: Unit, oncall: User, sign_in: SignIn
) -> None:
    observe(payments, match=500, mismatch=500)
    page = sign_in(oncall).get(address.format(unit=payments.pk)).content.decode()
    incident = page[page.index('class="incident') : page.index("</section>", page.index('class="incident'))]
    assert f'href="{WIKI}"' in incident


@pytest.mark.parametrize(("hours", "is_told"), [(1, True), (25, False)])
def test_oncall__by_the_link_of_a_write_that_was_taken_back__says_for_a_day_what_stays_done(
    hours: int, is_told: bool, payments: Unit, oncall: User, sign_in: SignIn
) -> None:
    then = timezone.now() - timedelta(hours=hours)
    rollback(project=payments.project, scope=one_unit(payments), actor=console(name="guard"), now=then, reason="")
    answer = sign_in(oncall).get(f"/p/shop/oncall/{payments.pk}")
    assert ("What POST /payments did on candidate stays done." in words_of(answer)) is is_told
    assert WIKI in answer.content.decode()


# ------------------------------------------------------------------------------------ going up


def test_raising__an_irreversible_write__says_that_it_cannot_be_taken_back(
    payments: Unit, engineer: User, sign_in: SignIn
) -> None:
    client, page = sign_in(engineer), f"/p/shop/units/{payments.pk}"
    told = words_of(client.get(f"{page}?candidate_percent=50"))
    assert "What POST /payments does on candidate stays done: rolling back later does not undo it." in told
    for quiet in ("", "?candidate_percent=1", "?stage=side_by_side"):
        assert AHEAD not in client.get(page + quiet).content.decode(), quiet


def test_raising__many_at_once__says_it_of_the_irreversible_ones(
    payments: Unit, add_unit: AddUnit, owner: User, sign_in: SignIn
) -> None:
    drafts = add_unit("POST /drafts", Stage.CANARY, 500)
    for unit in (payments, drafts):
        observe(unit, match=50_000)
    client, both = sign_in(owner), {"unit": [payments.pk, drafts.pk]}
    told = words_of(client.post("/p/shop/inventory/move", both | {"to": "cutover"}))
    assert "2 units would move to cutover." in told
    assert "What POST /payments does on candidate stays done: rolling back later does not undo it." in told
    assert AHEAD not in client.post("/p/shop/inventory/move", both | {"to": "shadow"}).content.decode()


# ------------------------------------------------------------------------------------ settings


def test_unit_page__shows_what_is_declared(payments: Unit, viewer: User, sign_in: SignIn) -> None:
    answer = sign_in(viewer).get(f"/p/shop/units/{payments.pk}")
    assert "What it does cannot be taken back" in words_of(answer)
    assert f'href="{WIKI}"' in answer.content.decode()
    assert f"/p/shop/units/{payments.pk}/settings" not in answer.content.decode(), "a viewer changes nothing"


def test_settings__saved_by_an_engineer__are_kept_and_recorded(
    add_unit: AddUnit, engineer: User, sign_in: SignIn
) -> None:
    unit, client = add_unit("POST /payments"), sign_in(engineer)
    assert "No runbook is named. Name one" in words_of(client.get(f"/p/shop/units/{unit.pk}"))
    body = {"runbook": f" {WIKI} ", "risk": "money", "irreversible": "on"}
    answer = client.post(f"/p/shop/units/{unit.pk}/settings", body, follow=True)

    assert "Saved. The ledger keeps it." in words_of(answer)
    unit = Unit.objects.get(pk=unit.pk)
    assert (unit.runbook, unit.risk, unit.irreversible) == (WIKI, "money", True)
    entry = Entry.objects.get(unit=unit, kind="settings")
    assert entry.actor == "engineer" and entry.body["after"]["irreversible"] is True
    assert "Settings changed: POST /payments: irreversible, risk, runbook." in words_of(client.get("/p/shop/ledger"))


def test_settings__a_runbook_that_is_a_script__stands_refused_beside_its_field(
    add_unit: AddUnit, engineer: User, sign_in: SignIn
) -> None:
    unit, client = add_unit("GET /users"), sign_in(engineer)
    address = f"/p/shop/units/{unit.pk}/settings"
    assert "cannot be taken back" not in words_of(client.get(address)), "a read is not asked"
    answer = client.post(address, {"runbook": "javascript:alert(1)", "risk": ""})
    assert answer.status_code == 422
    assert "Only http:// and https:// are linked to, not javascript:." in words_of(answer)
    assert 'value="javascript:alert(1)"' in answer.content.decode(), "what was typed is kept"
    assert Unit.objects.get(pk=unit.pk).runbook == ""


def test_settings__irreversible_slipped_in_for_a_read__is_not_taken(
    add_unit: AddUnit, engineer: User, sign_in: SignIn
) -> None:
    unit = add_unit("GET /users")
    answer = sign_in(engineer).post(f"/p/shop/units/{unit.pk}/settings", {"irreversible": "on", "runbook": WIKI})
    assert answer.status_code == 302
    assert (Unit.objects.get(pk=unit.pk).irreversible, Unit.objects.get(pk=unit.pk).runbook) == (False, WIKI)


def test_settings__by_whoever_may_not__are_forbidden(payments: Unit, oncall: User, sign_in: SignIn) -> None:
    client, address = sign_in(oncall), f"/p/shop/units/{payments.pk}/settings"
    assert "You may look, not change." in words_of(client.get(address))
    assert client.post(address, {"runbook": "x"}).status_code == 403
    assert Unit.objects.get(pk=payments.pk).runbook == WIKI


def test_services__name_a_runbook__in_their_settings(payments: Unit, owner: User, sign_in: SignIn) -> None:
    client, service = sign_in(owner), payments.service
    page = client.get(f"/p/shop/settings/services?service={service.pk}")
    names = ("legacy_timeout_ms", "candidate_timeout_ms", "mirror_timeout_ms", "mirror_concurrency")
    body = {name: getattr(service, name) for name in (*names, "mirror_body_bytes", "legacy_url", "candidate_url")}
    body |= {"act": "save-service", "service": service.pk, "legacy_deployed": "on"}
    assert "Runbook of its units that name none" in words_of(page)
    assert client.post("/p/shop/settings/services", body | {"runbook": "data:text/html,x"}).status_code == 422
    assert client.post("/p/shop/settings/services", body | {"runbook": WIKI}).status_code == 302
    service.refresh_from_db()
    assert service.runbook == WIKI


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("irreversible:yes", {"POST /payments"}),
        ("irreversible:no", {"GET /users", "POST /drafts"}),
        ("runbook:none", {"GET /users", "POST /drafts"}),
        ("runbook:any", {"POST /payments"}),
        ("irreversible:no is:write", {"POST /drafts"}),
    ],
)
def test_query_bar__by_what_is_declared__finds(
    asked: str, found: set[str], payments: Unit, add_unit: AddUnit, viewer: User, sign_in: SignIn
) -> None:
    add_unit("GET /users")
    add_unit("POST /drafts")
    client = sign_in(viewer)
    told = words_of(client.get("/p/shop/inventory", {"search": asked}))
    assert {key for key in ("POST /payments", "GET /users", "POST /drafts") if key in told} == found
    rows = client.get("/p/shop/inventory.csv", {"search": asked}).getvalue().decode().splitlines()
    assert {row.split(",")[0] for row in rows[1:]} == found
    assert "Known: yes, no." in words_of(client.get("/p/shop/inventory", {"search": "irreversible:perhaps"}))


# ----------------------------------------------------------------------------- in a real browser


@pytest.fixture
def harmful(transactional_db: None, payments: Unit) -> Unit:
    """It answers wrongly, and nothing that it did is taken back."""
    observe(payments, match=500, mismatch=500)
    return payments


def test_oncall__without_scripts__reads_the_runbook_on_the_way_and_needs_no_more_taps(
    harmful: Unit, oncall: User, visit: Open
) -> None:  # fmt: skip
    page = visit(oncall, f"/p/shop/oncall/{harmful.pk}", **WITHOUT_SCRIPT)
    assert page.locator(".incident a.runbook").get_attribute("href") == WIKI
    page.get_by_role("link", name=act_of(harmful)).tap()
    red = page.locator(".lasting")
    red.get_by_role("heading", name="Not everything can be taken back").wait_for()
    assert red.locator(".icon").is_visible(), "not by colour alone"
    assert red.locator("a.runbook").bounding_box()["height"] >= 48
    button = page.get_by_role("button", name=act_of(harmful))
    assert_at_the_thumb(button)
    button.tap()
    page.get_by_role("heading", level=1, name="Rolled back").wait_for()
    page.get_by_text("stays done").wait_for()
    assert Unit.objects.get(pk=harmful.pk).candidate_bp == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_red_sheet__looked_at_by_axe__has_no_barrier(scheme: str, harmful: Unit, superuser: User, visit: Open) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = visit(superuser, f"/p/shop/oncall/{harmful.pk}", viewport=PHONE, color_scheme=scheme)
    page.wait_for_load_state("networkidle")
    page.get_by_role("link", name=act_of(harmful)).click()
    page.get_by_role("dialog", name=act_of(harmful)).wait_for()
    assert barriers(axe, page) == ""
    unit = f"/p/shop/units/{harmful.pk}"
    for address in (f"{unit}/rollback", f"{unit}?candidate_percent=50", f"{unit}/settings"):
        page.goto(address)
        assert barriers(axe, page) == "", address
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address


@pytest.mark.parametrize("way_in", ["/p/shop/oncall/{unit}", "/p/shop/units/{unit}/rollback", "/p/shop/rollback"])
def test_red_sheet__with_all_it_names__still_fits_the_first_flight(
    way_in: str, harmful: Unit, add_unit: AddUnit, oncall: User, visit: Open
) -> None:  # fmt: skip
    for number in range(7):
        unit = add_unit(f"POST /orders/{{id}}/parts/{number}", Stage.CANARY, 500)
        change_unit(unit=unit, irreversible=True, runbook=f"{WIKI}/{number}")
    page = visit(oncall, way_in.format(unit=harmful.pk), **WITHOUT_SCRIPT)
    if "rollback" in way_in:
        name = re.compile("^Roll back")
        assert_at_the_thumb(page.get_by_role("button", name=name))
    page.goto("/p/shop/ledger")
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    transferred: list[float] = []
    devtools.on("Network.loadingFinished", lambda event: transferred.append(event["encodedDataLength"]))
    page.goto(way_in.format(unit=harmful.pk), wait_until="networkidle")
    assert page.locator(".lasting").count() == 1
    assert sum(transferred) < FIRST_FLIGHT
