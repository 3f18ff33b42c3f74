"""The way about, what everybody must know now, the palette, home by role, and the first minutes of a project."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dashboards.context import MAIN, MORE, PAGES
from migrator.access.rights import console
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Unit
from migrator.ledger.models import Entry, Kind
from migrator.planning.models import PastForecast
from migrator.rollout.freezes import freeze, lift
from migrator.rollout.pulse import REGULAR, beat
from migrator.rollout.remarks import hand_over
from tests.dashboards.conftest import observe

AddUnit = Callable[..., Unit]
SignIn = Callable[[User], Client]
SPEC = {
    "openapi": "3.0.0",
    "info": {"title": "Shop", "version": "1"},
    "paths": {"/users/{id}": {"get": {"responses": {"200": {"description": "ok"}}}}},
}


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    cache.clear()


# ------------------------------------------------------------------------------------ navigation


def test_pages__of_the_navigation__stand_at_addresses_with_keys_of_their_own(project: Project) -> None:
    assert all(reverse(place.address, args=["shop"]) for place in PAGES)
    letters = [place.letter for place in PAGES]
    assert len(set(letters)) == len(letters)
    assert not {"h", "g"} & set(letters)


@pytest.mark.parametrize("place", PAGES, ids=lambda place: place.address)
def test_navigation__on_each_page__marks_it_and_lists_all(
    place: Any, add_unit: AddUnit, owner: User, sign_in: SignIn
) -> None:
    add_unit("GET /users")
    page = sign_in(owner).get(reverse(place.address, args=["shop"])).content.decode()

    nav = page[page.index('<nav class="nav-row"') : page.index("</nav>", page.index('<nav class="nav-row"'))]
    marked = 1 if place in MORE else 2
    assert nav.count('aria-current="page"') == marked, "once in the row and once in the menu of narrow screens"
    assert f"<b>{place.name}</b>" in nav
    for each in MAIN + MORE:
        assert f">{each.name}</a>" in nav
        assert f"<kbd>{each.letter}</kbd></dt><dd>{each.name}</dd>" in page


# --------------------------------------------------------------------------------------- notices


def notices(client: Client) -> list[str]:
    return [notice.sentence for notice in client.get("/p/shop/ledger").context["notices"]]


def test_notice__freeze_of_the_project__says_until_when_why_and_who(
    project: Project, viewer: User, sign_in: SignIn
) -> None:
    now = timezone.now()
    ends = now + timedelta(days=2)
    made = freeze(project=project, actor=console(name="ana"), reason="database maintenance", now=now, ends_at=ends)
    told = notices(sign_in(viewer))

    assert len(told) == 1
    assert told[0].startswith("Frozen until ")
    assert told[0].endswith(": database maintenance (ana)")
    lift(freeze=made, actor=console(name="ana"), now=timezone.now())
    assert notices(sign_in(viewer)) == []


def test_notice__guard_silent__only_where_callers_meet_the_candidate(
    add_unit: AddUnit, viewer: User, sign_in: SignIn
) -> None:
    add_unit("GET /users", Stage.SIDE_BY_SIDE)
    assert notices(sign_in(viewer)) == []
    add_unit("GET /orders", Stage.CANARY, 500)
    assert notices(sign_in(viewer)) == ["The guard has never looked: nothing is rolled back by itself."]
    beat(name=REGULAR, holder="worker", looked_at=1, took_ms=1.0, now=timezone.now())
    assert notices(sign_in(viewer)) == []


# --------------------------------------------------------------------------------------- palette


def found(client: Client, search: str) -> list[str]:
    context = client.get("/palette", {"project": "shop", "search": search}).context
    return [unit["key"] for unit in context["found_units"]] + [goal.name for goal in context["found_goals"]]


def test_palette__part_of_a_key__offers_the_unit_and_what_can_be_done(
    add_unit: AddUnit, engineer: User, sign_in: SignIn
) -> None:
    add_unit("GET /users/{id}", Stage.CANARY, 500)

    expected = ["GET /users/{id}", "Roll back GET /users/{id}", "Start a ramp for GET /users/{id}"]
    assert found(sign_in(engineer), "users/")[:3] == expected
    assert found(sign_in(engineer), "roll back /users")[:2] == expected[:2]


def test_palette__viewer__is_offered_no_act(add_unit: AddUnit, viewer: User, sign_in: SignIn) -> None:
    add_unit("GET /users/{id}", Stage.CANARY, 500)

    assert found(sign_in(viewer), "users/") == ["GET /users/{id}"]
    assert found(sign_in(viewer), "freeze shop") == []


@pytest.mark.parametrize("place", PAGES, ids=lambda place: place.address)
def test_palette__name_of_a_page__leads_there(place: Any, project: Project, viewer: User, sign_in: SignIn) -> None:
    assert str(place.name) in found(sign_in(viewer), str(place.name).lower())


# ------------------------------------------------------------------------------------------ home


def kinds(client: Client) -> list[str]:
    return [block.kind for block in client.get("/").context["cards"][0].blocks]


@pytest.mark.parametrize(
    ("role", "first"), [("viewer", "end"), ("oncall", "wrong"), ("engineer", "waits"), ("owner", "wrong")]
)
def test_home__by_role__begins_with_what_it_asks_for(
    role: str, first: str, add_unit: AddUnit, sign_in: SignIn, request: pytest.FixtureRequest
) -> None:
    observe(add_unit("GET /orders", Stage.CANARY, 5_000), match=500, mismatch=500)

    assert kinds(sign_in(request.getfixturevalue(role)))[0] == first


def test_home__forecast_of_today__answers_when_and_how_sure(
    project: Project, add_unit: AddUnit, viewer: User, sign_in: SignIn
) -> None:
    add_unit("GET /orders", Stage.CANARY, 5_000)
    today = timezone.now().date()
    p85, deadline = today + timedelta(days=30), today + timedelta(days=60)
    PastForecast.objects.create(
        project=project, day=today, scope=10, done=5, p50=p85, p85=p85, p95=p85, chance=0.97, deadline=deadline
    )
    told = sign_in(viewer).get("/").context["cards"][0].blocks[0]

    assert told.sentence.startswith("On course: 85 % sure by ")
    assert told.sentence.endswith("(97 % sure).")
    assert told.lazy == ""


def test_home__no_forecast_kept__is_counted_when_it_is_looked_at(
    add_unit: AddUnit, viewer: User, sign_in: SignIn
) -> None:
    add_unit("GET /orders", Stage.CANARY, 5_000)
    signed_in = sign_in(viewer)
    told = signed_in.get("/").context["cards"][0].blocks[0]

    assert told.lazy == "/p/shop/course"
    assert "No forecast" in signed_in.get(told.lazy).content.decode()


def test_home__on_call__reads_the_hand_over(project: Project, add_unit: AddUnit, oncall: User, sign_in: SignIn) -> None:
    add_unit("GET /orders")
    hand_over(project=project, text="Watch the feeds <b>tonight</b>", actor=console(name="ana"), now=timezone.now())

    page = sign_in(oncall).get("/").content.decode()
    assert "Watch the feeds &lt;b&gt;tonight" in page


# --------------------------------------------------------------------------------------- welcome


def upload(name: str, content: bytes) -> dict[str, Any]:
    return {"file": SimpleUploadedFile(name, content)}


def test_welcome__spec_uploaded__is_tracked_and_recorded(project: Project, engineer: User, sign_in: SignIn) -> None:
    answer = sign_in(engineer).post("/p/shop/welcome", upload("shop.json", json.dumps(SPEC).encode()), follow=True)

    assert "1 added, 0 changed." in answer.content.decode()
    assert "Next: put a gateway in front of legacy." in answer.content.decode()
    assert Entry.objects.get(project=project, kind=Kind.SCOPE).actor == "engineer"


def test_welcome__spec_that_brings_a_unit_back__says_so(project: Project, engineer: User, sign_in: SignIn) -> None:
    client = sign_in(engineer)
    client.post("/p/shop/welcome", upload("shop.json", json.dumps(SPEC).encode()))
    Unit.objects.update(gone_at=timezone.now())
    answer = client.post("/p/shop/welcome", upload("shop.json", json.dumps(SPEC).encode()), follow=True)

    assert "0 added, 1 changed; 1 of these came back into scope." in answer.content.decode()


@pytest.mark.parametrize(("name", "content"), [("shop.json", b"{"), ("x.yaml", b"\xff\xfe\x00"), ("empty.json", b"")])
def test_welcome__file_that_is_no_spec__is_refused_beside_the_control(
    name: str, content: bytes, project: Project, engineer: User, sign_in: SignIn
) -> None:
    answer = sign_in(engineer).post("/p/shop/welcome", upload(name, content))

    assert answer.status_code == 422
    assert 'id="file-error"' in answer.content.decode()
    assert not Unit.objects.exists()


def test_welcome__viewer__learns_who_may_import(project: Project, viewer: User, owner: User, sign_in: SignIn) -> None:
    signed_in = sign_in(viewer)

    assert "owner (admin)" in signed_in.get("/p/shop/welcome").content.decode()
    assert signed_in.post("/p/shop/welcome", upload("shop.json", json.dumps(SPEC).encode())).status_code == 403


def test_welcome__first_pair__is_told(add_unit: AddUnit, viewer: User, sign_in: SignIn) -> None:
    unit = add_unit("GET /users", Stage.SIDE_BY_SIDE)
    observe(unit, match=1)

    page = sign_in(viewer).get("/p/shop/welcome").content.decode()
    assert "Answers of both sides are being compared." in page
