"""The inventory asked in words, kept as views, taken away, and moved many at once."""

import csv
import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from migrator.access.models import Membership, Role
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Unit
from migrator.inventory.services import create_team
from migrator.ledger.models import Entry, Kind
from migrator.observations.models import Standing
from migrator.planning.models import SavedView
from migrator.rollout.models import Flip
from tests.dashboards.conftest import move, observe

AddUnit = Callable[..., Unit]
SignIn = Callable[[User], Client]


@pytest.fixture
def units(add_unit: AddUnit) -> dict[str, Unit]:
    return {
        "backlog": add_unit("GET /backlog"),
        "shadow": add_unit("GET /shadow", Stage.SHADOW),
        "side": add_unit("GET /side", Stage.SIDE_BY_SIDE),
        "canary": add_unit("GET /canary", Stage.CANARY, 500),
    }


def shown(client: Client, search: str) -> list[str]:
    lines = client.get("/p/shop/inventory", {"search": search}).context["lines"]
    return [line.row.key for line in lines]


def test_words__mismatch__find_by_rate(units: dict[str, Unit], viewer: User, sign_in: SignIn) -> None:
    observe(units["canary"], match=990, mismatch=10)
    observe(units["side"], match=9_999, mismatch=1)
    signed_in = sign_in(viewer)

    assert shown(signed_in, "mismatch:>0.1%") == ["GET /canary"]
    assert shown(signed_in, "mismatch:<0.1%") == ["GET /side"]
    assert shown(signed_in, "mismatch:>0%") == ["GET /canary", "GET /side"]
    assert shown(signed_in, "mismatch:>0.1% stage:shadow") == []


def test_words__is_stale__find_what_moves_and_is_not_seen(
    units: dict[str, Unit], viewer: User, sign_in: SignIn
) -> None:
    observe(units["canary"], match=1)
    observe(units["side"], match=1)
    Standing.objects.filter(unit=units["side"]).update(last_seen_at=timezone.now() - timedelta(days=9))

    assert shown(sign_in(viewer), "is:stale") == ["GET /shadow", "GET /side"]


def test_words__risk_and_team_of_mine__find(
    units: dict[str, Unit], project: Project, engineer: User, sign_in: SignIn
) -> None:
    team = create_team(project=project, name="feeds")
    Unit.objects.filter(pk=units["side"].pk).update(team=team, risk="money")
    Unit.objects.filter(pk=units["shadow"].pk).update(risk="money")
    signed_in = sign_in(engineer)
    page = signed_in.get("/p/shop/inventory?search=team:me").content.decode()
    assert "no team of this project is yours" in page

    Membership.objects.create(user=engineer, project=project, team=team, role=Role.ENGINEER)
    assert shown(signed_in, "team:me") == ["GET /side"]
    assert shown(signed_in, "risk:money") == ["GET /shadow", "GET /side"]
    assert shown(signed_in, "risk:money is:unowned") == ["GET /shadow"]


def test_words__unknown__are_named_beside_the_control(units: dict[str, Unit], viewer: User, sign_in: SignIn) -> None:
    page = sign_in(viewer).get("/p/shop/inventory?search=colour:red").content.decode()

    assert 'aria-invalid="true"' in page
    assert "“colour:” is no word of this search" in page


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_export__of_a_filter__has_all_that_match(
    form: str, units: dict[str, Unit], viewer: User, sign_in: SignIn
) -> None:
    observe(units["canary"], match=990, mismatch=10)
    answer = sign_in(viewer).get(f"/p/shop/inventory.{form}?search=stage:canary")
    body = b"".join(answer).decode()
    rows = list(csv.DictReader(StringIO(body))) if form == "csv" else [json.loads(line) for line in body.splitlines()]

    assert [row["key"] for row in rows] == ["GET /canary"]
    assert float(rows[0]["mismatch_rate"]) == 0.01
    assert float(rows[0]["at_most"]) > 0.01


def test_view__kept_and_shared__is_everybodys(
    units: dict[str, Unit], engineer: User, viewer: User, sign_in: SignIn
) -> None:
    given = {"name": "mine", "query": "stage=canary&after=x&search=is:stale", "shared": "1"}
    answer = sign_in(engineer).post("/p/shop/inventory/views", given)

    assert answer.headers["Location"] == "/p/shop/inventory?stage=canary&search=is%3Astale"
    assert "?stage=canary&amp;search=is%3Astale" in sign_in(viewer).get("/p/shop/inventory").content.decode()


def test_view__kept_for_oneself__is_nobody_elses(
    units: dict[str, Unit], engineer: User, viewer: User, sign_in: SignIn
) -> None:
    sign_in(engineer).post("/p/shop/inventory/views", {"name": "secret plan", "query": "stage=canary"})
    assert sign_in(viewer).get("/p/shop/inventory").context["views"] == []

    sign_in(viewer).post("/p/shop/inventory/views/forget", {"view": SavedView.objects.get().pk})
    assert SavedView.objects.exists(), "somebody else's"
    sign_in(engineer).post("/p/shop/inventory/views/forget", {"view": SavedView.objects.get().pk})
    assert not SavedView.objects.exists()


def chosen(units: dict[str, Unit], **more: str) -> dict[str, object]:
    return {"unit": [unit.pk for unit in units.values()], "to": "side_by_side", "act": "move", **more}


def test_move__looked_at__names_who_goes_and_why_others_stay(
    units: dict[str, Unit], engineer: User, sign_in: SignIn
) -> None:
    answer = sign_in(engineer).post("/p/shop/inventory/move", chosen(units))

    assert [row.key for row in answer.context["going"]] == ["GET /canary", "GET /shadow"]
    staying = {row.key: row.skipped for row in answer.context["staying"]}
    assert staying["GET /side"] == "It stands there already."
    assert "One step forward at a time" in staying["GET /backlog"]
    assert Unit.objects.get(key="GET /shadow").stage == Stage.SHADOW, "nothing moved yet"


def seen(units: dict[str, Unit]) -> list[str]:
    return [f"{unit.pk}:{unit.version}" for unit in units.values()]


def test_move__confirmed__is_one_version_and_one_link(
    units: dict[str, Unit], project: Project, engineer: User, sign_in: SignIn
) -> None:
    before = Entry.objects.filter(project=project).count()
    given = chosen(units, confirm="1", reason="together") | {"seen": seen(units)}
    sign_in(engineer).post("/p/shop/inventory/move", given)

    flips = list(Flip.objects.filter(reason="together"))
    assert {flip.unit.key for flip in flips} == {"GET /canary", "GET /shadow"}
    assert len({flip.version for flip in flips}) == 1
    assert Entry.objects.filter(project=project).count() == before + 1


def test_move__somebody_was_quicker__moves_nothing_and_says_who(
    units: dict[str, Unit], engineer: User, sign_in: SignIn
) -> None:
    given = chosen(units, confirm="1", reason="together") | {"seen": seen(units)}
    move(units["canary"], Stage.CANARY, 700)
    answer = sign_in(engineer).post("/p/shop/inventory/move", given)

    assert answer.status_code == 409
    assert "setup set" in answer.content.decode()
    assert Unit.objects.get(key="GET /shadow").stage == Stage.SHADOW


def test_move__up_without_evidence__is_kept_back_by_the_gate(
    units: dict[str, Unit], engineer: User, sign_in: SignIn
) -> None:
    answer = sign_in(engineer).post("/p/shop/inventory/move", chosen(units) | {"to": "canary"})

    staying = {row.key: row.skipped for row in answer.context["staying"]}
    # The step to canary with nobody on the candidate yet asks for no evidence; cutover does.
    assert "GET /canary" in staying
    answer = sign_in(engineer).post("/p/shop/inventory/move", chosen(units) | {"to": "cutover"})
    assert "the gate holds GET /canary" in {row.key: row.skipped for row in answer.context["staying"]}["GET /canary"]


def test_move__viewer__moves_nothing(units: dict[str, Unit], viewer: User, sign_in: SignIn) -> None:
    page = sign_in(viewer).get("/p/shop/inventory").content.decode()
    assert "data-pick" not in page

    answer = sign_in(viewer).post("/p/shop/inventory/move", chosen(units, confirm="1") | {"seen": seen(units)})
    assert answer.context["going"] == []
    assert not Flip.objects.filter(actor="viewer").exists()


def test_ramp__for_those_ticked__leads_to_the_start_page_with_them(
    units: dict[str, Unit], engineer: User, sign_in: SignIn
) -> None:
    signed_in = sign_in(engineer)
    pair = {"unit": [units["side"].pk, units["canary"].pk], "act": "ramp", "to": "side_by_side"}
    answer = signed_in.post("/p/shop/inventory/move", pair)

    assert answer.headers["Location"] == f"/p/shop/ramps/new?units={units['side'].pk},{units['canary'].pk}"
    preview = signed_in.get(f"{answer.headers['Location']}&preview=1").context["preview"]
    assert {unit.key for unit in preview.ready} == {"GET /side", "GET /canary"}


@pytest.mark.parametrize("given", [{}, {"unit": ["x", "-1"], "to": "shadow"}, {"unit": ["1"], "to": "moon"}])
def test_move__of_nothing__says_what_to_do(
    given: dict[str, object], units: dict[str, Unit], engineer: User, sign_in: SignIn
) -> None:
    answer = sign_in(engineer).post("/p/shop/inventory/move", given, follow=True)

    assert "tick units first" in answer.content.decode()


def test_kinds_of_entries__moved_together__are_flips(
    units: dict[str, Unit], project: Project, engineer: User, sign_in: SignIn
) -> None:
    sign_in(engineer).post(
        "/p/shop/inventory/move",
        {"unit": [units["shadow"].pk], "to": "side_by_side", "confirm": "1", "seen": seen(units)},
    )

    assert Entry.objects.filter(project=project).first().kind == Kind.FLIP
