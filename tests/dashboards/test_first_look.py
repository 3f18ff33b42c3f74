"""What somebody met who opened every page for the first time: each of these went wrong once."""

import gzip
import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.utils import timezone, translation
from pytest_django.live_server_helper import LiveServer

from dashboards.middleware import FirmNumbers
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Unit
from migrator.planning.models import Phase
from tests.dashboards.conftest import move, observe

AddUnit = Callable[..., Unit]
SignIn = Callable[[User], Client]
Visit = Callable[..., Any]
NO_BREAK = "\N{NO-BREAK SPACE}"
SMALLEST = {"width": 320, "height": 640}


@pytest.fixture
def unit(transactional_db: None, add_unit: AddUnit) -> Unit:
    cache.clear()
    unit = add_unit("GET /users/{id}", Stage.CANARY, 200)
    observe(unit, match=50_000)
    return unit


@pytest.fixture
def visit(chromium: Any, live_server: LiveServer) -> Iterator[Visit]:
    """`visit(user, "/p/shop/")`: a page of somebody who is signed in."""
    contexts = []

    def opened(user: User, address: str, **options: Any) -> Any:
        context = chromium.new_context(base_url=live_server.url, **options)
        contexts.append(context)
        client = Client()
        client.force_login(user)
        context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
        page = context.new_page()
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()


# ------------------------------------------------------------------------------------ the manager


def test_home__no_forecast_is_kept_yet__says_when_all_the_same(unit: Unit, viewer: User, visit: Visit) -> None:
    told = visit(viewer, "/").locator(".block", has_text="When").locator("dd")

    told.get_by_text("No forecast").wait_for()


def test_deadlines__of_a_phase_that_ends_with_removal__say_what_counts_as_done(
    project: Project, add_unit: AddUnit, owner: User, sign_in: SignIn
) -> None:
    add_unit("GET /users")
    for name, done_at in (("First", Stage.CUTOVER), ("Endgame", Stage.REMOVED)):
        Phase.objects.create(
            project=project, name=name, done_at=done_at, deadline=timezone.now().date() + timedelta(days=9)
        )
    page = sign_in(owner).get("/p/shop/plan").content.decode()
    rows = page[page.index("promises-title") :]

    assert rows.index("Endgame") < rows.index("phase, done: removed")
    assert rows.count("done: removed") == 1


def test_overview__nobody_reports__does_not_say_that_nothing_is_needed(
    add_unit: AddUnit, viewer: User, sign_in: SignIn
) -> None:
    add_unit("GET /users", Stage.CUTOVER)
    client = sign_in(viewer)

    for address in ("/", "/p/shop/"):
        page = client.get(address).content.decode()
        assert "Nobody reports: no data plane is connected, so nothing is known." in page
        assert "Nothing needs you." not in page


# ----------------------------------------------------------------------------------- the engineer


def test_back__after_a_flip__shows_what_stands_now(unit: Unit, engineer: User, visit: Visit) -> None:
    page = visit(engineer, f"/p/shop/units/{unit.pk}")
    page.get_by_text("Canary").first.wait_for()
    page.goto("/p/shop/ledger")
    move(unit, Stage.CUTOVER)
    page.go_back()

    page.locator("#page", has_text="setup changed canary 2 % to cutover").wait_for(timeout=2_500)


def test_import__of_a_file_that_names_less__says_what_left_the_scope(
    project: Project, engineer: User, sign_in: SignIn
) -> None:
    client = sign_in(engineer)
    many = [f"/things{number}" for number in range(8)]
    client.post("/p/shop/welcome", upload(*many))
    less = upload("/things0")
    seen = hashlib.sha256(less["file"].read()).hexdigest()
    less["file"].seek(0)
    page = client.post("/p/shop/welcome", less | {"shown": seen}, follow=True).content.decode()

    assert "7 units left the scope, because this file does not name them: GET /things1, " in page
    assert "and 2 more." in page


def test_import__that_left_something_out__passes_the_warning_on(
    project: Project, engineer: User, sign_in: SignIn
) -> None:
    page = sign_in(engineer).post("/p/shop/welcome", upload(f"/{'x' * 900}", "/a"), follow=True).content.decode()

    assert "characters and was left out" in page


def test_rule__opened_from_a_cause__shows_what_it_would_hide_before_anybody_says_why(
    unit: Unit, engineer: User, sign_in: SignIn
) -> None:
    client = sign_in(engineer)
    opened = client.get("/p/shop/rules?kind=ignore&path=$.price&preview=1").content.decode()
    pressed = client.get("/p/shop/rules?kind=ignore&path=$.price&reason=&preview=1").content.decode()
    told = client.get("/p/shop/rules?kind=ignore&path=$.price&reason=known&preview=1").content.decode()

    assert 'id="preview"' in opened
    assert "A rule says why." not in opened
    assert "Save the rule" not in opened
    assert "A rule says why." in pressed
    assert "Save the rule" in told


def test_palette__endpoint_and_fields_of_others__shows_the_endpoint_first(
    add_unit: AddUnit, viewer: User, sign_in: SignIn
) -> None:
    for key in ("GET /search", "GET /search $.threads", "GET /threads", "GET /threads $.page"):
        add_unit(key)
    page = sign_in(viewer).get("/palette?search=threads&project=shop").content.decode().replace("<wbr>", "")

    assert page.index("GET /threads<") < page.index("GET /search $.threads<")


# -------------------------------------------------------------------------------------- everybody


@pytest.mark.parametrize(
    ("referer", "page"),
    [
        ("http://testserver/p/shop/freezes?x=1", "/p/shop/freezes%3Fx%3D1"),
        ("http://elsewhere.test/p/shop/freezes", "/"),
        ("", "/"),
    ],
)
def test_pressed__after_the_session_ended__leads_back_to_the_page_and_says_that_nothing_was_done(
    referer: str, page: str, project: Project, client: Client
) -> None:
    answer = client.post("/p/shop/freezes/new", {"reason": "storage moves"}, headers={"referer": referer})

    assert answer.headers["Location"] == f"/sign-in?next={page}&unsent=1"
    assert "nothing was changed" in client.get(answer.headers["Location"]).content.decode()


def test_opened__after_the_session_ended__leads_back_and_says_nothing(project: Project, client: Client) -> None:
    answer = client.get("/p/shop/freezes")

    assert answer.headers["Location"] == "/sign-in?next=/p/shop/freezes"
    assert "nothing was changed" not in client.get(answer.headers["Location"]).content.decode()


def test_narrow__a_key_without_a_place_to_break__needs_no_sideways_scrolling(
    unit: Unit, add_unit: AddUnit, superuser: User, visit: Visit
) -> None:
    add_unit(f"GET /{'x' * 290}", Stage.SHADOW)
    page = visit(superuser, "/p/shop/ledger", viewport=SMALLEST)
    for address in ("ledger", "inventory", "burndown", "removal", "plan"):
        page.goto(f"/p/shop/{address}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address


def test_ages__on_the_smallest_phone__are_not_torn(unit: Unit, add_unit: AddUnit, oncall: User, visit: Visit) -> None:
    observe(add_unit("GET /feeds", Stage.CANARY, 5_000), match=500, mismatch=500)
    page = visit(oncall, "/p/shop/oncall", viewport=SMALLEST)
    whole = page.evaluate(AGES)

    assert whole and all(whole)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


AGES = """() => {
    const main = document.querySelector("main"), found = [];
    for (const age of main.querySelectorAll(".age")) age.textContent = "12 min ago";
    for (let width = 320; width > 160; width -= 8) {
        main.style.width = `${width}px`;  // at one of them a line would end within
        found.push([...main.querySelectorAll(".age")].every((age) => age.getClientRects().length === 1));
    }
    main.style.width = "";
    return main.querySelector(".age") ? found : [];
}"""


@pytest.mark.parametrize(
    ("text", "firm"),
    [
        ("<h1>At most 0.42 % of 3 h</h1>", f"<h1>At most 0.42{NO_BREAK}% of 3{NO_BREAK}h</h1>"),
        ("<h1>by 3 Oct 2027</h1>", f"<h1>by 3{NO_BREAK}Oct{NO_BREAK}2027</h1>"),
        ("<h1>after 3 Oct 20 units</h1>", f"<h1>after 3{NO_BREAK}Oct 20 units</h1>"),
        ('<h1 title="5 %">5 hours, 7 sides</h1>', '<h1 title="5 %">5 hours, 7 sides</h1>'),
        ("<h2><code>GET /5 %</code> 5 %</h2>", f"<h2><code>GET /5 %</code> 5{NO_BREAK}%</h2>"),
        ("<p>5 %</p>", "<p>5 %</p>"),
    ],
)
def test_heading__number_with_a_sign_or_a_unit__is_not_torn(text: str, firm: str) -> None:
    assert firmed(text) == firm


def test_heading__in_another_language__keeps_its_months_too() -> None:
    with translation.override("de"):
        assert firmed("<h1>am 3 Okt 2027</h1>") == f"<h1>am 3{NO_BREAK}Okt{NO_BREAK}2027</h1>"


def test_answer__that_is_no_page__stays_as_it_is() -> None:
    assert firmed("<h1>5 %</h1>", content_type="text/csv") == "<h1>5 %</h1>"


def firmed(text: str, content_type: str = "text/html; charset=utf-8") -> str:
    answer = FirmNumbers(lambda _request: HttpResponse(text, content_type=content_type))(HttpRequest())
    return answer.content.decode()


def upload(*paths: str) -> dict[str, Any]:
    answers = {"get": {"responses": {"200": {"description": "ok"}}}}
    spec = {"openapi": "3.0.0", "info": {"title": "t", "version": "1"}, "paths": dict.fromkeys(paths, answers)}
    return {"file": SimpleUploadedFile("spec.json", json.dumps(spec).encode())}


def test_answer__compressed_already__stays_as_it_is() -> None:
    packed = gzip.compress(b"<h1>5 %</h1>")
    answer = HttpResponse(packed, content_type="text/html", headers={"Content-Encoding": "gzip"})

    assert FirmNumbers(lambda _request: answer)(HttpRequest()).content == packed


def test_oncall__compressed__has_firm_numbers_in_its_headings(unit: Unit, oncall: User, sign_in: SignIn) -> None:
    Project.objects.update(candidate_name="core at 5 ms")
    answer = sign_in(oncall).get("/p/shop/oncall", headers={"accept-encoding": "gzip"})

    assert answer.headers["Content-Encoding"] == "gzip"
    assert f"nswered by core at 5{NO_BREAK}ms</h2>" in gzip.decompress(answer.content).decode()
