"""Rules and causes over REST."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from migrator.core.stages import Stage
from migrator.inventory.models import Project, Unit
from migrator.observations.models import GroupCount, MismatchGroup, Rule
from tests.api.conftest import Caller, climb, errors
from tests.api.test_evidence import NOW, differ

FOREVER = (datetime.now(tz=UTC) + timedelta(days=90)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def group(unit: Unit) -> MismatchGroup:
    """An endpoint that differs at one place, 25 times in this hour."""
    climb(unit, Stage.SIDE_BY_SIDE)
    found = differ(unit, "$.n", 25)
    GroupCount.objects.create(group=found, window_start=NOW.replace(minute=0), count=25)
    return found


def rule(endpoint: Unit, **changes: Any) -> dict[str, Any]:
    return {
        "unit": endpoint.pk,
        "path": "$.n",
        "kind": "ignore",
        "reason": "a counter",
        "expires_at": FOREVER,
    } | changes


def test_rules__created__are_listed_with_what_they_say_and_hide(
    admin: Caller, unit: Unit, group: MismatchGroup
) -> None:
    answer = admin("POST", "projects/shop/rules/", rule(unit))
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert (made["kind"], made["path"], made["unit"], made["state"], made["groups"]) == (
        "ignore", "$.n", unit.pk, "in force", 1,
    )  # fmt: skip
    assert made["expires_at"] == FOREVER
    page = admin.get("projects/shop/rules/")
    assert [each["id"] for each in page["results"]] == [made["id"]]
    assert admin.get(f"rules/{made['id']}/")["sentence"] == "Nothing is compared at $.n and under it of this unit."


def test_rules__without_an_expiry__hold_for_thirty_days(admin: Caller, unit: Unit) -> None:
    body = rule(unit, kind="normalise", form="case")
    del body["expires_at"]
    made = admin("POST", "projects/shop/rules/", body).json()
    lasts = datetime.fromisoformat(made["expires_at"]) - datetime.fromisoformat(made["created_at"])
    assert lasts == timedelta(days=30)
    assert made["parameters"] == {"form": "case"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"path": "$[?"}, "path"),
        ({"path": "$"}, "path"),
        ({"kind": "guess"}, "kind"),
        ({"unit": 10**9}, "unit"),
        ({"reason": ""}, "reason"),
        ({"kind": "tolerance"}, "absolute"),
        ({"colour": "red"}, "colour"),
        ({"unit": None, "service": "none"}, "service"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
    ],
)
def test_rules__that_mean_nothing__400_name_the_field(admin: Caller, unit: Unit, changes: Any, field: str) -> None:
    answer = admin("POST", "projects/shop/rules/", rule(unit, **changes))
    assert answer.status_code == 400
    assert field in errors(answer)
    assert not Rule.objects.exists()


def test_preview__of_a_rule__says_what_it_would_hide_and_saves_nothing(
    admin: Caller, unit: Unit, group: MismatchGroup
) -> None:
    told = admin("POST", "projects/shop/rules/preview/", {"path": "$.n", "kind": "ignore"}).json()
    assert (told["differences"], told["groups"], told["units"]) == (25, 1, 1)
    assert told["sentence"] == "Would hide 25 differences of the last 7 days in 1 group."
    assert not Rule.objects.exists()


def test_rule__deleted__is_taken_back_with_a_reason_and_kept(admin: Caller, unit: Unit, group: MismatchGroup) -> None:
    made = admin("POST", "projects/shop/rules/", rule(unit)).json()
    gone = admin("DELETE", f"rules/{made['id']}/", {"reason": "wrong"}).json()
    assert (gone["state"], gone["revoked_by"], gone["revoked_reason"]) == ("revoked", "token admin", "wrong")
    assert admin("DELETE", f"rules/{made['id']}/").status_code == 200
    assert admin.get("projects/shop/rules/")["results"] == []
    assert len(admin.get("projects/shop/rules/?ended=true")["results"]) == 1
    assert admin.get(f"groups/{group.pk}/")["status"] == "ongoing"


def test_mismatches__of_a_project__are_causes_in_pages(admin: Caller, unit: Unit, group: MismatchGroup) -> None:
    for number in range(4):
        differ(unit, f"$.a{number}", 1)
    seen, address = [], "projects/shop/mismatches/?page_size=2"
    while address:
        page = admin.get(address)
        seen += [row["path"] for row in page["results"]]
        address = page["next"]
    assert sorted(seen) == ["$.a0", "$.a1", "$.a2", "$.a3", "$.n"]
    [row] = admin.get("projects/shop/mismatches/?search=$.n")["results"]
    assert (row["unit_key"], row["count"], row["status"], row["present"]) == ("GET /users/{id}", 25, "new", True)


@pytest.mark.parametrize(
    ("query", "field"),
    [("status=x", "status"), ("unit=x", "unit"), ("assignee=ghost", "assignee"), ("settled_as=x", "settled_as")],
)
def test_mismatches__asked_for_by_nonsense__400_names_it(
    admin: Caller, group: MismatchGroup, query: str, field: str
) -> None:
    assert field in errors(admin("GET", f"projects/shop/mismatches/?{query}"))


def test_mismatches__of_a_broken_cursor__404(admin: Caller, group: MismatchGroup) -> None:
    for cursor in ("x", "MjAyNg==", "é"):
        assert admin("GET", f"projects/shop/mismatches/?cursor={cursor}").status_code == 404


def test_group__in_full__has_samples_hours_and_a_place_for_notes(
    admin: Caller, engineer: User, group: MismatchGroup
) -> None:
    told = admin.get(f"groups/{group.pk}/")
    assert (told["path"], told["callers"], told["origin"]) == ("$.n", 0, None)
    assert [hour["count"] for hour in told["hours"]] == [25]
    assert told["samples"][0]["findings"][0]["shape"] == "$.n"

    told = admin("PATCH", f"groups/{group.pk}/", {"assignee": "engineer", "note": "Mine"}).json()
    assert told["assignee"] == "engineer"
    assert [(note["author"], note["change"], note["text"]) for note in told["notes"]] == [
        ("token admin", "assigned to engineer", ""),
        ("token admin", "", "Mine"),
    ]
    assert "assignee" in errors(admin("PATCH", f"groups/{group.pk}/", {"assignee": "ghost"}))


def test_mismatches__of_mine__are_those_assigned_to_me(client: Client, engineer: User, group: MismatchGroup) -> None:
    client.force_login(engineer)
    assert client.get("/api/v1/projects/shop/mismatches/?assignee=me").json()["results"] == []
    client.patch(f"/api/v1/groups/{group.pk}/", {"assignee": "engineer"}, content_type="application/json")
    assert len(client.get("/api/v1/projects/shop/mismatches/?assignee=me").json()["results"]) == 1


@pytest.mark.parametrize(
    ("settled", "status", "rules"),
    [("noise", "archived", 0), ("race", "archived", 0), ("bug", "ongoing", 0), ("accepted", "accepted", 1)],
)
def test_settle__as_what_it_is__moves_the_group(
    admin: Caller, group: MismatchGroup, settled: str, status: str, rules: int
) -> None:
    told = admin("POST", f"groups/{group.pk}/settle/", {"as": settled, "note": "seen"}).json()
    assert (told["group"]["status"], told["group"]["settled_as"], len(told["rules"])) == (status, settled, rules)


def test_settle__with_a_suggested_rule__takes_it_as_it_was_given(
    admin: Caller, unit: Unit, group: MismatchGroup
) -> None:
    suggested = admin.get(f"groups/{group.pk}/suggestions/")
    wide = suggested[-1]
    assert wide["preview"]["differences"] == 25
    given = {name: value for name, value in wide["rules"][0].items() if value is not None}
    told = admin("POST", f"groups/{group.pk}/settle/", {"as": "noise", "rule": given})
    assert told.status_code == 200, told.content
    [made] = told.json()["rules"]
    assert (made["kind"], made["unit"], told.json()["group"]["status"]) == ("ignore", unit.pk, "hidden")


def test_settle__as_nothing_known__400(admin: Caller, group: MismatchGroup) -> None:
    assert "as" in errors(admin("POST", f"groups/{group.pk}/settle/", {"as": "magic"}))


def test_export__as_csv_and_ndjson__has_a_line_for_each_cause(admin: Caller, unit: Unit, group: MismatchGroup) -> None:
    differ(unit, "=cmd()", 1)
    sheet = admin("GET", "projects/shop/mismatches/export/?format=csv")
    assert sheet["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(b"".join(sheet.streaming_content).decode())))
    assert {row["path"] for row in rows} == {"$.n", "'=cmd()"}
    lines = b"".join(admin("GET", "projects/shop/mismatches/export/?format=ndjson").streaming_content).splitlines()
    assert {json.loads(line)["path"] for line in lines} == {"$.n", "=cmd()"}
    assert "format" in errors(admin("GET", "projects/shop/mismatches/export/?format=xls"))


def test_kindred__of_one_name_in_two_units__is_one_row(admin: Caller, unit: Unit, group: MismatchGroup) -> None:
    twin = Unit.objects.create(project=unit.project, service=unit.service, key="GET /b", kind="endpoint", added_at=NOW)
    differ(twin, "$.items[*].n", 2)
    [kin] = admin.get("projects/shop/mismatches/kindred/")["results"]
    assert (kin["name"], kin["units"], kin["groups"], kin["total"]) == ("n", 2, 2, 27)


def test_manners__of_a_project__may_name_headers_of_callers_and_builds(admin: Caller, project: Project) -> None:
    manners = {"caller_header": "x-client", "build_header": "x-build"}
    assert admin("PATCH", "projects/shop/", {"manners": manners}).status_code == 200
