"""The pages of ramps: who climbs, starting many, what is wrong beside its field, and the panel on a unit's page."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.template.loader import render_to_string
from django.test import Client
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from dashboards.ramp_panel import panel
from dashboards.seats import Seat
from migrator.access.rights import Via, console, machine, person
from migrator.core.ramp_text import read_plan
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Unit
from migrator.rollout import guard, ramps
from migrator.rollout.models import Ramp, RampState
from migrator.rollout.pulse import database_now
from migrator.rollout.scopes import one_unit
from migrator.rollout.services import rollback
from tests.dashboards.conftest import observe
from tests.dashboards.test_stories import DESK, PHONE, session_of

AddUnit = Callable[..., Unit]
SignIn = Callable[[User], Client]
RAMPS, NEW, CHANGE = "/p/shop/ramps", "/p/shop/ramps/new", "/p/shop/ramps/change"


@pytest.fixture
def unit(add_unit: AddUnit) -> Unit:
    return add_unit("GET /users/{id}", Stage.CANARY, 200)


def begin(*units: Unit, steps: str = "1, 5, 25") -> list[Ramp]:
    done = ramps.start(
        project=units[0].project,
        unit_ids=[each.pk for each in units],
        plan=read_plan(steps=steps),
        actor=console(name="ana"),
        reason="",
        now=database_now(),
    )
    return list(done.ramps)


def text_of(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode().replace("<wbr>", ""))


# -------------------------------------------------------------------------------------------- list


def test_page__nobody_climbs__offers_a_start_and_says_that_no_guard_looks(
    project: Project, engineer: User, sign_in: SignIn
) -> None:
    page = text_of(sign_in(engineer), RAMPS)
    assert "No unit climbs by itself." in page
    assert "The guard has not looked yet" in page
    assert "Start a ramp" in page


def test_page__ramps_under_way__says_who_waits_for_what(
    unit: Unit, add_unit: AddUnit, viewer: User, sign_in: SignIn
) -> None:
    other = add_unit("GET /orders", Stage.SIDE_BY_SIDE)
    _, paused = begin(unit, other)
    ramps.tick(now=database_now())
    ramps.pause(project=unit.project, ramp_ids=[paused.pk], actor=console(name="ana"), now=database_now())
    guard.look(holder="test", now=database_now())
    page = text_of(sign_in(viewer), RAMPS)
    assert "1 unit climbs by itself; 1 waits for you." in page
    assert "The guard looked 1 second ago at 1 unit." in page
    assert "Soaks for another 30 minutes before 5 %, while evidence flows." in page
    assert "ana paused it. The guard goes on watching; the unit stays at 0 %." in page
    assert "You may look, not change ramps." in page
    assert 'name="verb"' not in page


def test_page__filters_and_bad_addresses__are_answered(unit: Unit, viewer: User, sign_in: SignIn) -> None:
    begin(unit)
    client = sign_in(viewer)
    for query in ("?state=paused", "?state=moon", "?search=%00zzz", "?after=x", "?after=99999999999999999999"):
        assert client.get(f"{RAMPS}{query}").status_code == 200
    assert "No ramp contains “zzz”" in text_of(client, f"{RAMPS}?search=zzz")


# ------------------------------------------------------------------------------------------- start


def test_start__previewed__says_who_would_climb_and_why_others_not(
    unit: Unit, add_unit: AddUnit, engineer: User, sign_in: SignIn
) -> None:
    add_unit("GET /dark", Stage.SHADOW)
    page = text_of(sign_in(engineer), f"{NEW}?service=users&steps=5,+cutover&soak=1h&preview=1")
    assert "1 unit would climb by itself; 1 left out." in page
    assert "It stands in shadow: take it to side by side first" in page
    assert "Plan: 5 % → cutover." in page
    assert "Start 1 ramp" in page
    assert not Ramp.objects.exists()


def test_start__posted__starts_and_says_how_many(
    unit: Unit, add_unit: AddUnit, engineer: User, sign_in: SignIn
) -> None:
    add_unit("GET /dark", Stage.SHADOW)
    posted = {"service": "users", "steps": "5, 50", "soak": "1h", "reason": "go"}
    answer = sign_in(engineer).post(NEW, posted, follow=True)
    ramp = Ramp.objects.get()
    assert (ramp.starter, ramp.started_via, ramp.reason) == ("engineer", "page", "go")
    assert answer.redirect_chain[-1][0] == RAMPS
    assert "1 ramp started. 1 unit left out." in answer.content.decode()


def test_start__of_one_unit__goes_back_to_its_page(unit: Unit, engineer: User, sign_in: SignIn) -> None:
    client = sign_in(engineer)
    assert "Start 1 ramp" in text_of(client, f"{NEW}?unit={unit.pk}&preview=1")
    answer = client.post(NEW, {"unit": unit.pk, "steps": "5, 50"})
    assert answer.headers["Location"] == f"/p/shop/units/{unit.pk}"


@pytest.mark.parametrize(
    ("typed", "field", "told"),
    [
        ({"steps": "5, 1"}, "steps", "Steps only rise"),
        ({"steps": "<b>"}, "steps", "is no step"),
        ({"steps": "5", "soak": "soon"}, "soak", "is no soak"),
        ({"steps": "5", "days": "mon", "zone": "Moon/Sea"}, "working_hours", "no time zone Moon/Sea"),
        ({"steps": "5", "at_once": "x"}, "at_once", "is no number"),
        ({"service": "", "steps": "5"}, "search", "Say which units"),
        ({"service": "", "unit": "99999", "steps": "5"}, "search", "Say which units"),
    ],
)
def test_start__that_means_nothing__says_so_beside_the_field(
    typed: dict[str, str], field: str, told: str, unit: Unit, engineer: User, sign_in: SignIn
) -> None:
    answer = sign_in(engineer).post(NEW, {"service": "users"} | typed, follow=True)
    assert told in answer.context["form"].errors[field]
    assert 'class="error"' in answer.content.decode()
    assert "<b>" not in answer.content.decode().split('id="id_steps"')[1].split(">")[0]
    assert not Ramp.objects.exists()


def test_start__together__starts_none_where_one_cannot(
    unit: Unit, add_unit: AddUnit, engineer: User, sign_in: SignIn
) -> None:
    add_unit("GET /dark", Stage.SHADOW)
    answer = sign_in(engineer).post(NEW, {"service": "users", "steps": "5", "together": "1"}, follow=True)
    assert "Not started. GET /dark: it stands in shadow" in answer.content.decode()
    assert not Ramp.objects.exists()


def test_start__viewer__sees_the_preview_without_the_button(unit: Unit, viewer: User, sign_in: SignIn) -> None:
    client = sign_in(viewer)
    assert "You may look, not start ramps." in text_of(client, f"{NEW}?service=users&preview=1")
    assert client.post(NEW, {"service": "users", "steps": "5"}).status_code == 403


# ------------------------------------------------------------------------------------------ change


def test_change__those_ticked__says_what_keeps_running(unit: Unit, oncall: User, sign_in: SignIn) -> None:
    [ramp] = begin(unit)
    answer = sign_in(oncall).post(CHANGE, {"verb": "pause", "ramp": ramp.pk}, follow=True)
    assert "1 ramp paused. The guard goes on watching; the unit stays at 2 %." in answer.content.decode()
    ramp.refresh_from_db()
    assert ramp.state == RampState.PAUSED


def test_change__all_of_one_start__at_once(unit: Unit, add_unit: AddUnit, engineer: User, sign_in: SignIn) -> None:
    begun = begin(unit, add_unit("GET /orders", Stage.SIDE_BY_SIDE))
    client = sign_in(engineer)
    assert "Stop all" in text_of(client, RAMPS)
    page = client.post(CHANGE, {"verb": "stop", "batch": str(begun[0].batch)}, follow=True).content.decode()
    assert "2 ramps stopped. The guard goes on watching; each unit stays where it is." in page
    assert set(Ramp.objects.values_list("state", flat=True)) == {RampState.STOPPED}


def test_change__resume_while_cooling__says_how_long(unit: Unit, engineer: User, sign_in: SignIn) -> None:
    [ramp] = begin(unit)
    rollback(project=unit.project, scope=one_unit(unit), actor=machine(name="guard", via=Via.GUARD), now=database_now())
    ramps.tick(now=database_now())
    page = sign_in(engineer).post(CHANGE, {"verb": "resume", "ramp": ramp.pk}, follow=True).content.decode()
    assert "it cools down for another 60 minutes after its rollback" in page


@pytest.mark.parametrize(
    "posted",
    [
        {},
        {"verb": "pause"},
        {"verb": "moon", "ramp": "1"},
        {"verb": "pause", "ramp": "x"},
        {"verb": "pause", "batch": "no uuid"},
        {"verb": "pause", "ramp": "9" * 30},
    ],
)
def test_change__of_nothing__changes_nothing(
    unit: Unit, engineer: User, sign_in: SignIn, posted: dict[str, str]
) -> None:
    begin(unit)
    page = sign_in(engineer).post(CHANGE, posted, follow=True).content.decode()
    assert "Nothing changed: tick the ramps first." in page
    assert Ramp.objects.get().state == RampState.RUNNING


def test_change__next_of_another_host__leads_home(unit: Unit, engineer: User, sign_in: SignIn) -> None:
    [ramp] = begin(unit)
    answer = sign_in(engineer).post(CHANGE, {"verb": "pause", "ramp": ramp.pk, "next": "https://evil.test/"})
    assert answer.headers["Location"] == RAMPS


def test_change__roles__on_call_pauses_but_does_not_resume(
    unit: Unit, viewer: User, oncall: User, stranger: User, sign_in: SignIn
) -> None:
    [ramp] = begin(unit)
    posted = {"ramp": ramp.pk}
    assert sign_in(stranger).post(CHANGE, posted | {"verb": "stop"}).status_code == 403
    assert sign_in(viewer).post(CHANGE, posted | {"verb": "stop"}).status_code == 403
    client = sign_in(oncall)
    assert client.post(CHANGE, posted | {"verb": "pause"}).status_code == 302
    assert client.post(CHANGE, posted | {"verb": "resume"}).status_code == 403


def test_change__ramp_of_another_project__is_not_found_there(unit: Unit, stranger: User, sign_in: SignIn) -> None:
    [ramp] = begin(unit)
    sign_in(stranger).post("/p/elsewhere/ramps/change", {"verb": "stop", "ramp": ramp.pk})
    ramp.refresh_from_db()
    assert ramp.state == RampState.RUNNING


# ------------------------------------------------------------------------------------------- panel


def shown(unit: Unit, user: User) -> str:
    unit = Unit.objects.select_related("project", "service").get(pk=unit.pk)
    seat = Seat(project=unit.project, actor=person(user=user, project=unit.project, via=Via.PAGE))
    found = panel(unit=unit, seat=seat, now=timezone.now())
    context = {"ramp_panel": found, "unit": unit, "project": unit.project, "seat": seat}
    return re.sub(r"\s+", " ", render_to_string("dashboards/_ramp.html", context))


def test_panel__no_ramp__offers_one_to_whoever_may(unit: Unit, add_unit: AddUnit, engineer: User, viewer: User) -> None:
    assert "Start a ramp" in shown(unit, engineer)
    assert shown(unit, viewer).strip() == ""
    assert shown(add_unit("GET /new"), engineer).strip() == ""


def test_panel__running__counts_down_and_offers_what_would_do_something(
    unit: Unit, engineer: User, oncall: User
) -> None:
    [ramp] = begin(unit)
    later = timezone.now() + timedelta(minutes=12)
    Ramp.objects.filter(pk=ramp.pk).update(next_at=later, waiting="Soaks for another 12 minutes before 5 %.")
    told = shown(unit, engineer)
    assert "Next step in 12 minutes at the earliest." in told
    assert all(button in told for button in ("Pause ramp", "Skip the soak", "Stop ramp"))
    assert "Resume" not in told
    assert "Skip the soak" not in shown(unit, oncall)


def test_panel__cooling__offers_no_resume_before_its_time(unit: Unit, engineer: User) -> None:
    begin(unit)
    rollback(project=unit.project, scope=one_unit(unit), actor=console(name="ben"), now=database_now())
    ramps.tick(now=database_now())
    told = shown(unit, engineer)
    assert "Cools down. ben rolled it back from canary, candidate 2 %" in told
    assert "May be resumed in 60 minutes at the earliest." in told
    assert "value=&quot;resume&quot;" not in told and 'value="resume"' not in told


# ----------------------------------------------------------------------------------- in a real browser


@pytest.fixture
def visit(chromium: Any, live_server: LiveServer) -> Iterator[Callable[..., Any]]:
    """A signed-in page of a size, with or without JavaScript. What the browser complains of fails the test."""
    contexts, complaints = [], []

    def opened(user: User, address: str, **options: Any) -> Any:
        context = chromium.new_context(base_url=live_server.url, **options)
        contexts.append(context)
        context.add_cookies([session_of(user, live_server)])
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.mark.parametrize("options", [{"viewport": PHONE}, {"viewport": DESK, "java_script_enabled": False}])
@pytest.mark.django_db(transaction=True)
def test_story__start_pause_and_stop__with_and_without_scripts(
    unit: Unit, engineer: User, visit: Callable[..., Any], options: dict[str, Any]
) -> None:
    observe(unit, match=50_000)
    page = visit(engineer, RAMPS, **options)
    page.get_by_role("link", name="Start a ramp").click()
    page.get_by_label("Part of the key").fill("/users")
    page.get_by_label("Steps in percent").fill("5, 25, cutover")
    page.get_by_role("button", name="Preview").click()
    assert "1 unit would climb by itself." in page.get_by_role("heading", level=1).inner_text()
    page.get_by_role("button", name="Start 1 ramp").click()
    page.get_by_label("Choose the ramp of GET /users/{id}").check()
    page.get_by_role("button", name="Pause those ticked").click()
    assert "No unit climbs by itself; 1 waits for you." in page.get_by_role("heading", level=1).inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.get_by_label("Choose the ramp of GET /users/{id}").check()
    page.get_by_role("button", name="Stop those ticked").click()
    assert Ramp.objects.get().state == RampState.STOPPED


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.django_db(transaction=True)
def test_pages_of_ramps__looked_at_by_axe__have_no_barrier_and_fit(
    unit: Unit, add_unit: AddUnit, engineer: User, visit: Callable[..., Any], scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    begun = begin(unit, add_unit("GET /orders", Stage.SIDE_BY_SIDE))
    add_unit("GET /dark", Stage.SHADOW)
    ramps.pause(project=unit.project, ramp_ids=[begun[1].pk], actor=console(name="ana"), now=database_now())
    for viewport in (PHONE, DESK):
        for address in (RAMPS, NEW, f"{NEW}?service=users&steps=5,1&preview=1", f"{NEW}?service=users&preview=1"):
            page = visit(engineer, address, viewport=viewport, color_scheme=scheme)
            assert axe.run(page).response["violations"] == []
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), address
            page.context.close()
