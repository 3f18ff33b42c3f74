"""The plan over REST: phases and their units, promises, people, what first, how much, and what lies ahead."""

import threading
import time
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from migrator.access.rights import console
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Service, Team, Unit
from migrator.inventory.services import create_team, create_unit
from migrator.ledger.models import Entry, Kind
from migrator.planning.changes import change_milestone
from migrator.planning.models import Dependency, Milestone, PastForecast, Phase
from tests.api.conftest import Caller, climb, errors, new_unit

SHOP = "projects/shop"
TODAY = timezone.now().date()


def made(caller: Caller, path: str, body: dict[str, Any], status: int = 201) -> Any:
    answer = caller("POST", path, body)
    assert answer.status_code == status, answer.content
    return answer.json()


def refused(caller: Caller, path: str, body: dict[str, Any], method: str = "POST") -> dict[str, str]:
    answer: Any = caller(method, path, body)
    assert answer.status_code == 400, answer.content
    return errors(answer)


# -------------------------------------------------------------------------------------- phases


def test_phases__made_changed_filled_and_removed(admin: Caller, service: Service, unit: Unit) -> None:
    new_unit(service, "GET /b")
    phase = made(admin, f"{SHOP}/phases/", {"name": "mvp", "deadline": "2027-05-01", "reason": "agreed"})
    assert (phase["name"], phase["deadline"], phase["done_at"], phase["units"]) == ("mvp", "2027-05-01", "cutover", 0)
    where = f"phases/{phase['id']}/"
    assert made(admin, f"{where}units/", {"search": "users"}, 200) == {"added": 1, "removed": 0, "already": 0}
    assert made(admin, f"{where}units/", {"all": True}, 200) == {"added": 1, "removed": 0, "already": 1}
    assert made(admin, f"{where}units/", {"units": [unit.pk], "take_out": True}, 200)["removed"] == 1
    answer: Any = admin("PATCH", where, {"done_at": "removed"})
    assert answer.json() == phase | {"done_at": "removed", "units": 1}
    told = admin.get(f"{SHOP}/phases/")
    assert [each["name"] for each in told["results"]] == ["mvp"]
    assert admin("DELETE", where).status_code == 204
    assert admin("GET", where).status_code == 404
    assert Entry.objects.filter(kind=Kind.PLAN).count() == 6


def test_phase__takes_out_only_its_own_units(admin: Caller, service: Service, unit: Unit) -> None:
    ids = [made(admin, f"{SHOP}/phases/", {"name": name})["id"] for name in ("one", "two")]
    made(admin, f"phases/{ids[0]}/units/", {"all": True}, 200)
    answer: Any = admin("POST", f"phases/{ids[1]}/units/", {"all": True, "take_out": True})
    assert answer.status_code == 400
    assert Phase.objects.get(pk=ids[0]).members.filter(removed_at=None).count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "non_field_errors"),
        ({"all": True, "search": "x"}, "non_field_errors"),
        ({"units": [999_999]}, "units"),
        ({"units": []}, "units"),
        ({"kind": "table"}, "kind"),
    ],
)
def test_assignment__of_unclear_units__is_refused(admin: Caller, unit: Unit, body: dict[str, Any], field: str) -> None:
    phase = made(admin, f"{SHOP}/phases/", {"name": "mvp"})
    told = refused(admin, f"phases/{phase['id']}/units/", body)
    assert any(name.startswith(field) or field == "non_field_errors" for name in told)


def test_phase__of_a_day_beyond_our_times__is_refused(admin: Caller, unit: Unit) -> None:
    assert "2100" in refused(admin, f"{SHOP}/phases/", {"name": "x", "deadline": "9999-01-01"})["deadline"]
    assert "name" in refused(admin, f"{SHOP}/phases/", {})


# --------------------------------------------------------------------- milestones and baselines


def test_milestones__made_changed_and_removed(admin: Caller, project: Project, service: Service) -> None:
    create_team(project=project, name="ants")
    told = made(admin, f"{SHOP}/milestones/", {"name": "half", "due": "2027-01-01", "share": 0.5, "team": "ants"})
    assert (told["team"], told["service"], told["phase"], told["share"]) == ("ants", None, None, 0.5)
    answer: Any = admin("PATCH", f"milestones/{told['id']}/", {"due": "2027-02-01", "service": "main"})
    assert (answer.json()["due"], answer.json()["team"], answer.json()["service"]) == ("2027-02-01", "ants", "main")
    assert (
        "no team" in refused(admin, f"{SHOP}/milestones/", {"name": "x", "due": "2027-01-01", "team": "wasps"})["team"]
    )
    assert "share" in refused(admin, f"{SHOP}/milestones/", {"name": "x", "due": "2027-01-01", "share": 2})
    assert len(admin.get(f"{SHOP}/milestones/")["results"]) == 1
    assert admin("DELETE", f"milestones/{told['id']}/").status_code == 204


def is_waited_for() -> bool:
    """Whether somebody waits until this connection's transaction is over."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))")
        return cursor.fetchone() is not None


@pytest.mark.django_db(transaction=True)
def test_milestone__changed_while_another_change_is_being_written__has_both(admin: Caller, project: Project) -> None:
    """The second one looks at the milestone before the first is done, and waits."""
    told = made(admin, f"{SHOP}/milestones/", {"name": "half", "due": "2027-01-01", "share": 0.5})
    answers: list[Any] = []

    def second() -> None:
        answers.append(admin("PATCH", f"milestones/{told['id']}/", {"share": 0.75}))
        connection.close()

    writing = threading.Thread(target=second)
    with transaction.atomic():
        change_milestone(
            milestone=Milestone.objects.get(), actor=console(name="ana"), now=timezone.now(),
            changes={"due": date(2027, 3, 1), "name": "most"},
        )  # fmt: skip
        writing.start()
        deadline = time.monotonic() + 20
        while not is_waited_for() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert is_waited_for()
    writing.join(20)
    assert answers[0].status_code == 200
    found = Milestone.objects.get()
    assert (found.name, found.due, found.share) == ("most", date(2027, 3, 1), 0.75)


def test_baselines__after_the_first__say_why(admin: Caller, unit: Unit) -> None:
    assert made(admin, f"{SHOP}/baselines/", {})["scope"] == 1
    assert "why" in refused(admin, f"{SHOP}/baselines/", {})["reason"]
    made(admin, f"{SHOP}/baselines/", {"reason": "a team left"})
    assert [each["reason"] for each in admin.get(f"{SHOP}/baselines/")["results"]] == ["a team left", ""]
    assert "no phase" in refused(admin, f"{SHOP}/baselines/", {"phase": "mvp"})["phase"]


# ------------------------------------------------------------------------- people, order, effort


def test_capacity__is_said_from_a_day_on(admin: Caller, project: Project) -> None:
    create_team(project=project, name="ants")
    told = made(admin, f"{SHOP}/capacity/", {"team": "ants", "since": "2026-01-01", "people": 2.5})
    assert (told["team"], told["people"], told["since"]) == ("ants", 2.5, "2026-01-01")
    assert "people" in refused(admin, f"{SHOP}/capacity/", {"team": "ants", "since": "2026-01-01", "people": -1})
    assert len(admin.get(f"{SHOP}/capacity/")["results"]) == 1


def test_dependencies__that_close_a_ring__are_refused_by_name(admin: Caller, service: Service, unit: Unit) -> None:
    other = new_unit(service, "GET /b")
    told = made(admin, f"{SHOP}/dependencies/", {"unit": unit.pk, "needs": other.pk})
    assert (told["unit_key"], told["needs_key"]) == (unit.key, "GET /b")
    assert "→" in refused(admin, f"{SHOP}/dependencies/", {"unit": other.pk, "needs": unit.pk})["needs"]
    assert "needs" in refused(admin, f"{SHOP}/dependencies/", {"unit": unit.pk, "needs": 999_999})
    assert len(admin.get(f"{SHOP}/dependencies/")["results"]) == 1
    assert admin("DELETE", f"dependencies/{told['id']}/").status_code == 204
    assert admin("DELETE", f"dependencies/{told['id']}/").status_code == 404


def test_effort__is_set_by_ids_and_keys(admin: Caller, service: Service, unit: Unit) -> None:
    new_unit(service, "GET /b")
    points = {str(unit.pk): 3, "GET /b": 0.5}
    assert made(admin, f"{SHOP}/effort/", {"points": points}, 200) == {"changed": 2}
    told = admin.get(f"{SHOP}/effort/")["results"]
    assert {(each["key"], each["points"], each["source"]) for each in told} == {
        (unit.key, 3.0, "hand"),
        ("GET /b", 0.5, "hand"),
    }
    for wrong in ({"GET /c": 1}, {"GET /b": 0}, {}, {unit.key: 1, str(unit.pk): 1}):
        assert "points" in refused(admin, f"{SHOP}/effort/", {"points": wrong})
    told = admin.get(f"{SHOP}/burndown/?by=effort&days=1")
    assert (told["by"], told["left"], told["days"][-1]["scope"]) == ("effort", 3.5, 3.5)


# --------------------------------------------------------------------------------- what is ahead


def test_outlook__of_a_young_project__says_what_is_left_and_why_it_does_not_end(
    admin: Caller, project: Project, service: Service
) -> None:
    new_unit(service, "GET /a", team=create_team(project=project, name="ants"))
    admin("PATCH", f"{SHOP}/", {"deadline": str(TODAY + timedelta(days=30))})
    told = admin.get(f"{SHOP}/outlook/")
    assert (told["p85"], told["chance"], told["ring"], told["best_moves"]) == (None, 0.0, "", [])
    assert [(team["team"], team["left"], team["people"]) for team in told["teams"]] == [("ants", 1.0, None)]
    assert "Nothing was finished" in told["teams"][0]["stuck"]
    assert [(each["kind"], each["chance"]) for each in told["promises"]] == [("project", None)]
    assert "nothing was finished yet" in told["promises"][0]["reason"]


def lived(service: Service, team: Team | None, *, done: int, left: int) -> None:
    """A team that finished one unit a week until yesterday."""
    now = timezone.now()
    for number in range(done + left):
        key = f"GET /{team or 'nobody'}/{number}"
        unit = create_unit(
            project=service.project, service=service, key=key, kind="endpoint", team=team, now=now - timedelta(days=90)
        )
        if number < done:
            climb(unit, Stage.CUTOVER, now=now - timedelta(days=1 + 7 * number))


def test_ahead__of_several_teams__tells_the_end_of_the_last_one_what_sharing_brings_and_whose_pace_is_lent(
    admin: Caller, project: Project, service: Service
) -> None:
    lived(service, create_team(project=project, name="ants"), done=10, left=1)
    lived(service, create_team(project=project, name="bees"), done=10, left=24)
    admin("PATCH", f"{SHOP}/", {"deadline": str(TODAY + timedelta(weeks=16))})
    burndown, outlook = admin.get(f"{SHOP}/burndown/"), admin.get(f"{SHOP}/outlook/")
    assert burndown["forecast"]["p85"] == outlook["p85"]
    assert burndown["if_shared"] == outlook["if_shared"]
    shared = burndown["if_shared"]
    assert shared["p50"] <= shared["p85"] <= shared["p95"] < burndown["forecast"]["p85"]
    assert shared["chance"] > burndown["forecast"]["chance"]
    assert burndown["lent"] == outlook["lent"] == []

    lived(service, create_team(project=project, name="wasps"), done=0, left=2)
    lived(service, None, done=0, left=1)
    burndown, outlook = admin.get(f"{SHOP}/burndown/"), admin.get(f"{SHOP}/outlook/")
    assert burndown["lent"] == outlook["lent"] == ["(no team)", "wasps"]
    assert burndown["if_shared"] == outlook["if_shared"]


def test_ahead__where_sharing_is_no_other_question__tells_none(
    admin: Caller, project: Project, service: Service
) -> None:
    lived(service, create_team(project=project, name="ants"), done=10, left=3)
    create_team(project=project, name="bees")
    for told in (
        admin.get(f"{SHOP}/burndown/"),
        admin.get(f"{SHOP}/outlook/"),
        admin.get(f"{SHOP}/burndown/?by=traffic"),
    ):
        assert (told["if_shared"], told["lent"]) == (None, [])
    assert admin.get(f"{SHOP}/outlook/")["p85"]


def test_outlook__of_a_ring__names_it_instead_of_an_end(admin: Caller, service: Service, unit: Unit) -> None:
    other = new_unit(service, "GET /b")
    for waiting, needed in ((unit, other), (other, unit)):
        Dependency.objects.create(unit=waiting, needs=needed, set_by="x", set_at=timezone.now())
    told = admin.get(f"{SHOP}/outlook/")
    assert "GET /b" in told["ring"]
    assert (told["if_shared"], told["lent"]) == (None, [])
    assert "ring" in refused(admin, f"{SHOP}/what-if/", {})["dependencies"]


def test_what_if__of_what_can_be_and_cannot(admin: Caller, project: Project, service: Service) -> None:
    for name in ("ants", "bees"):
        new_unit(service, f"GET /{name}", team=create_team(project=project, name=name))
        made(admin, f"{SHOP}/capacity/", {"team": name, "since": "2026-01-01", "people": 4})
    asked = {"moves": [{"giver": "ants", "taker": "bees", "people": 2}], "deadline": str(TODAY + timedelta(days=99))}
    told = made(admin, f"{SHOP}/what-if/", asked, 200)
    assert {team["team"]: team["people"] for team in told["then"]["teams"]} == {"ants": 2, "bees": 6}
    assert {team["team"]: team["people"] for team in told["today"]["teams"]} == {"ants": 4, "bees": 4}
    assert (told["today"]["deadline"], told["then"]["deadline"]) == (None, asked["deadline"])
    assert told["gained_days"] is None
    assert "giver" in refused(admin, f"{SHOP}/what-if/", {"moves": [{"giver": "wasps", "taker": "bees"}]})
    assert "people" in refused(admin, f"{SHOP}/what-if/", {"moves": [{"giver": "ants", "taker": "bees", "people": 9}]})
    assert "cut" in refused(admin, f"{SHOP}/what-if/", {"cut": {"ants": 5}})


def test_forecasts__kept__are_told_with_what_came(admin: Caller, unit: Unit) -> None:
    day = TODAY - timedelta(days=90)
    PastForecast.objects.create(project=unit.project, day=day, scope=2, done=0, p85=TODAY - timedelta(days=1))
    told = admin.get(f"{SHOP}/forecasts/")
    assert (told["ended"], told["judged"], told["coverage"]) == (None, 1, 0.0)
    assert told["forecasts"][0]["held"] is False


def test_pins__tell_who_changed_the_scope_and_why(admin: Caller, service: Service) -> None:
    made(admin, f"{SHOP}/units/", {"key": "GET /new", "kind": "endpoint", "service": "main"})
    climb(Unit.objects.get(key="GET /new"), Stage.SHADOW)
    told = admin.get(f"{SHOP}/pins/")
    assert [(each["added"], each["gone"], each["who"]) for each in told["scope"]] == [(1, 0, "token admin")]
    assert "by hand" in told["scope"][0]["why"]
    assert [each["kind"] for each in told["events"]] == ["scope"]
    assert admin.get(f"{SHOP}/pins/?team=none")["scope"] == []
