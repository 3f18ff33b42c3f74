"""Policies in a real browser: set, found wrong, waived, with scripts and without; and no barrier in light or dark."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from migrator.core.stages import Stage
from migrator.gates.models import PolicyLayer, Waiver
from migrator.inventory.models import Project, Unit
from tests.dashboards.test_stories import DESK, PHONE
from tests.dashboards.test_stories import visit as visit

AddUnit = Callable[..., Unit]
Open = Callable[..., Any]


@pytest.fixture
def unit(transactional_db: None, add_unit: AddUnit) -> Unit:
    return add_unit("GET /users/{id}", Stage.SIDE_BY_SIDE)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_owner__sets_a_policy_a_layer_and_a_waiver__sees_each_in_force(
    scripts: bool, unit: Unit, owner: User, visit: Open
) -> None:
    page = visit(owner, "/p/shop/policies", java_script_enabled=scripts)
    page.get_by_label("Promote below").fill("0.05")
    page.get_by_label("Kinds of caller").fill("ios")
    page.get_by_role("button", name="Save the project's policy").click()
    page.get_by_role("heading", name="proven below 0.05 %, everywhere").wait_for()
    page.get_by_text("Can never pass: The project names no header").first.wait_for()

    page.get_by_role("button", name="Ask otherwise of a service").click()
    page.get_by_label("Chance to promote wrongly").fill("1")
    page.get_by_role("button", name="Save what users asks").click()
    page.get_by_role("heading", name="1 service asks otherwise").wait_for()
    assert Project.objects.get().policy == {"mismatch_limit": 0.0005, "callers": ["ios"]}
    assert PolicyLayer.objects.get().settings == {"alpha": 0.01}

    page.goto(f"/p/shop/units/{unit.pk}")
    page.get_by_role("link", name="What is demanded, and by whom").click()
    page.get_by_role("link", name="service users").wait_for()
    page.get_by_role("heading", name="Sign a waiver").click()
    page.get_by_label("weekly cycle").check()
    page.get_by_label("Why").fill("no weekend traffic")
    page.get_by_role("button", name="Sign the waiver").click()
    page.get_by_role("button", name="Revoke the waiver of weekly cycle").wait_for()
    assert Waiver.objects.get().reason == "no weekend traffic"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_of_policies__looked_at_by_axe__have_no_barrier_and_fit(
    scheme: str, unit: Unit, owner: User, visit: Open
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = visit(owner, "/p/shop/policies", color_scheme=scheme)
    page.get_by_label("Promote below").fill("60")
    page.get_by_role("button", name="Save the project's policy").click()
    page.goto("/p/shop/policies/new?kind=service&of=users")
    page.get_by_label("Kinds of caller").fill("ios")
    page.get_by_role("button", name="Save what users asks").click()
    layer = PolicyLayer.objects.get()
    found = {}
    for address in ("", "/new?kind=operation&of=read", f"/{layer.pk}", f"/../units/{unit.pk}/policy"):
        for viewport in (DESK, PHONE):
            page.set_viewport_size(viewport)
            page.goto(f"/p/shop/policies{address}".replace("policies/../", ""))
            report = axe.run(page)
            if report.violations_count:
                found[address] = report.generate_report()
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (address, viewport)

    assert found == {}
