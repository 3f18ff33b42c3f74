"""The button that flips: what it does, and how it refuses."""

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from dashboards.proposals import neighbour
from migrator.core.stages import Stage
from migrator.inventory.models import Unit
from migrator.rollout.models import Flip
from tests.dashboards.conftest import move, observe

AddUnit = Callable[..., Unit]
SignIn = Callable[[User], Client]


@pytest.fixture
def unit(add_unit: AddUnit) -> Unit:
    """At 2 %, proven safe."""
    unit = add_unit("GET /users/{id}", Stage.CANARY, 200)
    observe(unit, match=50_000)
    return unit


def fresh(unit: Unit) -> Unit:
    return Unit.objects.get(pk=unit.pk)


def press(client: Client, unit: Unit, **fields: object) -> str:
    """Post the button and follow it: the page that the person then sees."""
    filled = {"version": unit.version, "stage": unit.stage} | fields
    answer = client.post(f"/p/shop/units/{unit.pk}/flip", filled, follow=True)
    return str(answer.content.decode())


def test_proposal__in_the_address__says_what_it_would_do_and_does_nothing(
    unit: Unit, engineer: User, sign_in: SignIn
) -> None:
    page = sign_in(engineer).get(f"/p/shop/units/{unit.pk}?stage=canary&candidate_percent=5").content.decode()

    assert "Canary 2 % → Canary 5 %" in page
    assert "Set to 5 %" in page
    assert "more requests a minute" in page
    assert re.search(r"at most 0\.0\d+ % of answers differ", page)
    assert "undo restores 2 %" in page
    assert fresh(unit).candidate_bp == 200


def test_flip__engineer_presses__is_done_and_told_with_undo(unit: Unit, engineer: User, sign_in: SignIn) -> None:
    page = press(sign_in(engineer), unit, candidate_percent="5", reason="going well")

    assert fresh(unit).candidate_bp == 500
    entry = Flip.objects.first()
    assert entry is not None and (entry.actor, entry.via, entry.reason) == ("engineer", "page", "going well")
    assert "You changed canary 2 % to canary 5 %" in page
    assert "No data plane is connected" in page
    assert "Undo" in page


@pytest.mark.parametrize(("typed", "share"), [("12,5", 1_250), ("0.01", 1), ("7.50 %", 750)])
def test_flip__percent_as_people_write_it__is_understood(
    typed: str, share: int, unit: Unit, engineer: User, sign_in: SignIn
) -> None:
    press(sign_in(engineer), unit, candidate_percent=typed, reason="known to be clean", typed=typed)

    assert fresh(unit).candidate_bp == share


@pytest.mark.parametrize("typed", ["100.001", "many", "101", "-5"])
def test_flip__no_percent__is_refused_with_what_was_typed(
    typed: str, unit: Unit, engineer: User, sign_in: SignIn
) -> None:
    page = press(sign_in(engineer), unit, candidate_percent=typed)

    assert fresh(unit).candidate_bp == 200
    assert "Write a number from 0 to 100" in page


def test_flip__unknown_stage__is_refused(unit: Unit, engineer: User, sign_in: SignIn) -> None:
    page = press(sign_in(engineer), unit, stage="moon")

    assert fresh(unit).stage == Stage.CANARY
    assert "There is no stage" in page


def test_flip__page_was_stale__shows_both_values_and_goes_on_from_there(
    unit: Unit, engineer: User, sign_in: SignIn
) -> None:
    client = sign_in(engineer)
    move(unit, Stage.CANARY, 300)
    page = press(client, unit, candidate_percent="5")

    assert fresh(unit).candidate_bp == 300
    assert "Not applied: setup set canary 3 %" in page
    assert "you have canary 5 % from canary 2 %" in page
    assert f'name="version" value="{fresh(unit).version}"' in page
    press(client, fresh(unit), candidate_percent="5")
    assert fresh(unit).candidate_bp == 500


def test_flip__same_button_twice__is_one_change(unit: Unit, engineer: User, sign_in: SignIn) -> None:
    client = sign_in(engineer)
    press(client, unit, candidate_percent="5")
    page = press(client, unit, candidate_percent="5")

    assert "Not applied" not in page
    assert Flip.objects.filter(unit=unit, actor="engineer").count() == 1


def test_flip__gate_holds__says_why_and_changes_nothing(add_unit: AddUnit, engineer: User, sign_in: SignIn) -> None:
    unit = add_unit("GET /orders", Stage.CANARY, 200)
    page = press(sign_in(engineer), unit, candidate_percent="5")

    assert fresh(unit).candidate_bp == 200
    assert "the gate holds" in page


@pytest.mark.parametrize(
    ("fields", "told", "share"),
    [
        ({}, "skipping a step of the plan needs a reason", 200),
        ({"reason": "clean for a month"}, "type 50 to confirm it", 200),
        ({"reason": "clean for a month", "typed": "5"}, "type 50 to confirm it", 200),
        ({"reason": "clean for a month", "typed": "fifty"}, "type 50 to confirm it", 200),
        ({"reason": "clean for a month", "typed": "50,0"}, "You changed canary 2 % to canary 50 %", 5_000),
    ],
)
def test_flip__skips_steps_of_the_plan__takes_a_reason_and_the_share_typed(
    fields: dict[str, str], told: str, share: int, unit: Unit, engineer: User, sign_in: SignIn
) -> None:
    client = sign_in(engineer)
    page = client.get(f"/p/shop/units/{unit.pk}?candidate_percent=50").content.decode()
    assert "Type 50 to skip 5 %, 25 %" in page
    page = press(client, unit, candidate_percent="50", **fields)

    assert told in page
    assert fresh(unit).candidate_bp == share
    assert share != 200 or 'value="50"' in page, "what was chosen is kept"


@pytest.mark.parametrize(("start", "share"), [(200, "5"), (200, "3"), (5_000, "100"), (5_000, "1"), (5_000, "0")])
def test_flip__next_planned_step_or_any_step_down__is_one_press(
    start: int, share: str, add_unit: AddUnit, engineer: User, sign_in: SignIn
) -> None:
    unit = add_unit("GET /orders", Stage.CANARY, start)
    observe(unit, match=500_000)
    client = sign_in(engineer)
    assert 'name="typed"' not in client.get(f"/p/shop/units/{unit.pk}?candidate_percent={share}").content.decode()
    press(client, unit, candidate_percent=share)

    assert fresh(unit).candidate_bp == int(share) * 100


def test_flip__others_changed_another_part__both_changes_stand(unit: Unit, engineer: User, sign_in: SignIn) -> None:
    client = sign_in(engineer)
    move(unit, Stage.CANARY, mirror=5_000)
    page = press(client, unit, candidate_percent="5", mirror_percent=f"{unit.mirror_bp / 100:g}")

    assert (fresh(unit).candidate_bp, fresh(unit).mirror_bp) == (500, 5_000)
    assert "On top of what setup changed meanwhile" in page
    assert "Not applied" not in page


def test_flip__others_changed_the_same_part__nothing_is_merged(unit: Unit, engineer: User, sign_in: SignIn) -> None:
    client = sign_in(engineer)
    move(unit, Stage.CANARY, 300, 5_000)
    page = press(client, unit, candidate_percent="5", mirror_percent=f"{unit.mirror_bp / 100:g}")

    assert (fresh(unit).candidate_bp, fresh(unit).mirror_bp) == (300, 5_000)
    assert re.search(r"Not applied: setup set canary 3 % (now|\d+ s ago); you have canary 5 % from canary 2 %", page)


@pytest.mark.parametrize(
    ("share", "lower", "higher"),
    [(0, 0, 10), (5, 4, 6), (10, 9, 20), (50, 40, 60), (100, 90, 200), (2_000, 1_900, 2_500), (10_000, 9_500, 10_000)],
)
def test_stepper__from_any_share__steps_finely_where_little_is_answered(share: int, lower: int, higher: int) -> None:
    assert (neighbour(share, up=False), neighbour(share, up=True)) == (lower, higher)


def test_override__admin_without_a_reason__is_asked_for_one(add_unit: AddUnit, owner: User, sign_in: SignIn) -> None:
    unit, client = add_unit("GET /orders", Stage.CANARY, 200), sign_in(owner)
    press(client, unit, candidate_percent="5", override="true")
    assert fresh(unit).candidate_bp == 200

    page = press(client, unit, candidate_percent="5", override="true", reason="agreed in review")
    assert "Not applied: type 5 to confirm it." in page
    assert fresh(unit).candidate_bp == 200

    press(client, unit, candidate_percent="5", override="true", reason="agreed in review", typed="5 %")
    assert fresh(unit).candidate_bp == 500


def test_override__engineer__is_forbidden_and_learns_who_may(
    add_unit: AddUnit, engineer: User, owner: User, sign_in: SignIn
) -> None:
    unit = add_unit("GET /orders", Stage.CANARY, 200)
    page = press(sign_in(engineer), unit, candidate_percent="5", override="true", reason="please")

    assert fresh(unit).candidate_bp == 200
    assert "owner (admin)" in page


@pytest.mark.parametrize("role", ["viewer", "oncall"])
def test_flip__without_the_right__is_forbidden(
    role: str, unit: Unit, sign_in: SignIn, request: pytest.FixtureRequest
) -> None:
    client = sign_in(request.getfixturevalue(role))
    answer = client.post(f"/p/shop/units/{unit.pk}/flip", {"version": unit.version, "candidate_percent": "5"})

    assert answer.status_code == 403
    assert fresh(unit).candidate_bp == 200


def test_flip__without_a_token_of_the_page__is_refused(unit: Unit, engineer: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(engineer)
    answer = client.post(f"/p/shop/units/{unit.pk}/flip", {"version": unit.version, "candidate_percent": "5"})

    assert answer.status_code == 403
    assert "Nothing was changed" in answer.content.decode()
    assert fresh(unit).candidate_bp == 200


def test_flip__by_address_alone__is_not_possible(unit: Unit, engineer: User, sign_in: SignIn) -> None:
    assert sign_in(engineer).get(f"/p/shop/units/{unit.pk}/flip").status_code == 405


def test_proposal__two_steps_at_once__is_refused_in_words(unit: Unit, engineer: User, sign_in: SignIn) -> None:
    page = sign_in(engineer).get(f"/p/shop/units/{unit.pk}?stage=removal").content.decode()

    assert "One step forward at a time" in page
    assert "Move to removal" not in page
