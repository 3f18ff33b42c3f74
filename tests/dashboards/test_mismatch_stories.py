"""An engineer and a phone before the causes of a project, in a real browser."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from migrator.core.stages import Stage
from migrator.inventory.models import Project, Unit
from migrator.observations.models import GroupStatus, MismatchGroup, Rule
from tests.dashboards.causes import add_rule, differ
from tests.dashboards.test_stories import PHONE, visit  # noqa: F401 - a fixture

AddUnit = Callable[..., Unit]
Open = Callable[..., Any]
LIST = "/p/shop/mismatches"


@pytest.fixture
def unit(transactional_db: None, add_unit: AddUnit) -> Unit:
    return add_unit("GET /users/{id}", Stage.CANARY, 200)


@pytest.fixture
def causes(unit: Unit, project: Project) -> list[MismatchGroup]:
    """Three causes: one with two samples and company that a rule hides, one of a number's form, one settled."""
    price, name = ("$.items[*].price", "type", "number → string"), ("$.name", "value", "string → string")
    differ(unit, price, values=[("12.5", "string(4) #0b1c2d")], at=timezone.now() - timedelta(hours=3), caller="web")
    values = [("7.25", "string(4) #77aa01"), ("string(9) #aa11bb", "string(9) #cc22dd"), (None, "string(3) #0f0f0f")]
    typed = differ(unit, price, name, ("$.added", "extra", ""), times=40, values=values)
    form = differ(unit, ("$.total", "number_form", ""), values=[("1", "1.0")])
    add_rule(project, unit, "$.name")
    return [typed, form]


def test_engineer__with_the_keyboard_alone__settles_one_after_the_other(
    causes: list[MismatchGroup],
    engineer: User,
    visit: Open,  # noqa: F811
) -> None:
    typed, form = causes
    page = visit(engineer, LIST)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{LIST}/*")
    page.goto(f"{LIST}/{typed.pk}")
    page.keyboard.press("]")
    page.wait_for_url("**sample=*")
    page.get_by_role("heading", name="Sample 2 of 2").wait_for()

    page.keyboard.press("g")
    page.keyboard.press("r")
    page.wait_for_url("**/p/shop/rules")
    typed.refresh_from_db()
    assert typed.settled_as == "", "a letter after g leads away and settles nothing"

    page.goto(f"{LIST}/{typed.pk}")
    page.keyboard.press("b")
    page.get_by_text("Settled as a bug").first.wait_for()
    page.goto(f"{LIST}/{form.pk}")
    page.get_by_role("button", name="Make this rule").click()
    page.get_by_text("Settled by 1 rule until").wait_for()

    assert {MismatchGroup.objects.get(pk=each.pk).status for each in causes} == {
        GroupStatus.ONGOING,
        GroupStatus.HIDDEN,
    }


def test_engineer__typing_a_note__settles_nothing(
    causes: list[MismatchGroup],
    engineer: User,
    visit: Open,  # noqa: F811
) -> None:
    page = visit(engineer, f"{LIST}/{causes[0].pk}")
    page.get_by_role("textbox", name="Note").fill("")
    page.get_by_role("textbox", name="Note").press_sequentially("near been")
    page.get_by_role("button", name="Add the note").click()
    page.get_by_text("near been").wait_for()

    causes[0].refresh_from_db()
    assert causes[0].settled_as == ""


def test_engineer__without_scripts__settles_and_makes_a_rule(
    causes: list[MismatchGroup],
    engineer: User,
    visit: Open,  # noqa: F811
) -> None:
    page = visit(engineer, f"{LIST}/{causes[0].pk}", java_script_enabled=False)
    page.get_by_role("button", name="Race").click()
    page.get_by_text("Settled as a race").first.wait_for()

    page.goto("/p/shop/rules?kind=ignore")
    page.get_by_label("Where").fill("$.total")
    page.get_by_label("Why").fill("known")
    page.get_by_role("button", name="Preview").click()
    page.get_by_text("Would hide 10 differences of the last 7 days in 1 group.").wait_for()
    page.get_by_role("button", name="Save the rule").click()
    page.get_by_text("2 rules in force").wait_for()

    assert Rule.objects.filter(path="$.total", author="engineer").exists()


def test_new_rule__kind_chosen__asks_for_what_it_needs(
    causes: list[MismatchGroup],
    engineer: User,
    visit: Open,  # noqa: F811
) -> None:
    page = visit(engineer, "/p/shop/rules?kind=ignore")
    page.get_by_label("Where").fill("$.total")
    page.get_by_label("What it says").select_option("tolerance")
    page.get_by_label("At most so many percent apart").wait_for()

    assert page.get_by_label("Where").input_value() == "$.total"


def test_copy__pressed__copies_the_redacted_request(
    causes: list[MismatchGroup],
    engineer: User,
    visit: Open,  # noqa: F811
) -> None:
    page = visit(engineer, f"{LIST}/{causes[0].pk}", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy as redacted cURL").click()
    page.get_by_role("button", name="Copied").wait_for()

    assert "curl -i -X GET" in page.evaluate("navigator.clipboard.readText()")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, {"width": 1440, "height": 900}], ids=["phone", "desk"])
def test_pages_of_causes__looked_at_by_axe__have_no_barrier_and_fit(
    scheme: str,
    viewport: dict[str, int],
    causes: list[MismatchGroup],
    engineer: User,
    visit: Open,  # noqa: F811
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    cause = f"{LIST}/{causes[0].pk}"
    rule = "/p/shop/rules?kind=normalise&form=pattern&path=$.total"
    page, found = visit(engineer, LIST, color_scheme=scheme, viewport=viewport), {}
    for address in (LIST, f"{LIST}?search=zzz", cause, f"{cause}?hidden=1", rule, f"{rule}&preview=1", "/p/shop/rules"):
        page.goto(address)
        report = axe.run(page)
        if report.violations_count:
            found[address] = report.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address

    assert found == {}
