"""The manager changes a phase in a real browser, with scripts and without."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from migrator.access.rights import console
from migrator.inventory.models import Project
from migrator.planning.models import Phase
from migrator.planning.services import save_phase
from tests.dashboards.test_stories import DESK
from tests.dashboards.test_stories import visit as visit

Open = Callable[..., Any]


@pytest.fixture
def phases(transactional_db: None, project: Project) -> dict[str, Phase]:
    by: dict[str, Any] = {"project": project, "actor": console(name="ana"), "now": timezone.now()}
    dated = save_phase(name="endgame", deadline=date(2099, 1, 1), done_at="removed", **by)
    return {"endgame": dated, "open": save_phase(name="open", **by)}


def test_phase__chosen__shows_what_it_has_and_keeps_what_was_typed(
    phases: dict[str, Phase], owner: User, visit: Open
) -> None:
    page = visit(owner, "/p/shop/plan", viewport=DESK)
    page.locator("#phase summary").click()
    form = page.locator("#phase form")
    shown = {name: form.locator(f"[name={name}]") for name in ("name", "deadline", "done_at")}

    form.get_by_label("Change").select_option("endgame")
    assert {name: box.input_value() for name, box in shown.items()} == {
        "name": "endgame", "deadline": "2099-01-01", "done_at": "removed",
    }  # fmt: skip
    form.get_by_label("Change").select_option("open")
    assert [box.input_value() for box in shown.values()] == ["open", "", "cutover"]
    shown["name"].fill("The end")
    form.get_by_label("Change").select_option("endgame")
    assert [box.input_value() for box in shown.values()] == ["The end", "2099-01-01", "removed"]
    form.get_by_label("No deadline").check()
    form.get_by_role("button", name="Save the phase").click()
    page.get_by_text("Phase The end is saved.").wait_for()

    phases["endgame"].refresh_from_db()
    assert (phases["endgame"].name, phases["endgame"].deadline, phases["endgame"].done_at) == (
        "The end",
        None,
        "removed",
    )


def test_phase__renamed_without_scripts__keeps_its_deadline(phases: dict[str, Phase], owner: User, visit: Open) -> None:
    page = visit(owner, "/p/shop/plan", java_script_enabled=False)
    page.locator("#phase summary").click()
    form = page.locator("#phase form")
    form.get_by_label("Change").select_option("endgame")
    form.get_by_label("Name").fill("The end")
    form.get_by_role("button", name="Save the phase").click()
    page.get_by_text("Phase The end is saved.").wait_for()

    phases["endgame"].refresh_from_db()
    assert (phases["endgame"].name, phases["endgame"].deadline) == ("The end", date(2099, 1, 1))
