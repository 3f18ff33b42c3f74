"""Units over REST: found in pages, made, changed; never moved."""

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from migrator.core.stages import Stage
from migrator.inventory.models import Service, Unit
from migrator.inventory.services import create_team, save_service
from tests.api.conftest import Caller, climb, errors, new_unit

UNITS = "projects/shop/units/"


def test_unit__created__stands_in_the_backlog(admin: Caller, service: Service) -> None:
    answer = admin("POST", UNITS, {"key": "POST /users", "kind": "endpoint", "service": "main"})
    unit = answer.json()
    assert answer.status_code == 201
    assert (unit["stage"], unit["candidate_percent"], unit["mirror_percent"], unit["version"]) == ("backlog", 0, 0, 0)
    assert (unit["operation"], unit["service"], unit["project"]) == ("write", "main", "shop")


def test_unit__created_with_all_it_takes__has_it(admin: Caller, unit: Unit) -> None:
    create_team(project=unit.project, name="core")
    body = {"kind": "field", "service": "main", "parent": unit.pk, "team": "core", "sister": True, "cohort": "together"}
    made = admin("POST", UNITS, {"key": "User.name", **body}).json()
    assert {name: made[name] for name in body} == body


@pytest.mark.parametrize(
    ("change", "field", "word"),
    [
        ({"key": "no key"}, "key", "GET /users/{id}"),
        ({"key": ""}, "key", "key"),
        ({"key": "GET /x\0"}, "key", "NUL"),
        ({"kind": "table"}, "kind", "table"),
        ({"service": "none"}, "service", "It has: main."),
        ({"team": "none"}, "team", "It has none yet."),
        ({"parent": 999}, "parent", "999"),
        ({"stage": "canary"}, "stage", "flip"),
        ({"candidate_percent": 5}, "candidate_percent", "flip"),
        ({"colour": "red"}, "colour", "Known: key, kind"),
        ({"cohort": "a:b"}, "cohort", "cohort"),
    ],
)
def test_unit__created_with_bad_input__400_names_field_and_remedy(
    admin: Caller, service: Service, change: dict[str, Any], field: str, word: str
) -> None:
    answer = admin("POST", UNITS, {"key": "GET /x", "kind": "endpoint", "service": "main"} | change)
    assert answer.status_code == 400
    assert word in errors(answer)[field]
    assert not Unit.objects.exists()


def test_unit__created_twice__400_and_one_unit(admin: Caller, unit: Unit) -> None:
    answer = admin("POST", UNITS, {"key": unit.key, "kind": "endpoint", "service": "main"})
    assert "tracked already" in errors(answer)["key"]
    assert Unit.objects.count() == 1


@pytest.mark.parametrize(
    "body", ["", "[]", "null", "{", '"x"', "{" * 50_000, '{"a": ' * 50_000, b"\xff\xfe", '{"a": 1' + "0" * 5_000 + "}"]
)
def test_unit__created_from_no_json_object__400_as_a_problem(admin: Caller, service: Service, body: Any) -> None:
    answer = admin("POST", UNITS, body)
    assert answer.status_code == 400
    errors(answer)


def test_unit__created_from_a_huge_body__413(admin: Caller, service: Service) -> None:
    assert admin("POST", UNITS, json.dumps({"key": "x" * 2_000_000})).status_code == 413


def test_unit__created_from_a_form__415_as_a_problem(admin: Caller, service: Service) -> None:
    answer = admin("POST", UNITS, "key=x", content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 415
    errors(answer)


def test_unit__changed__has_its_new_owner_and_keeps_its_place(admin: Caller, unit: Unit) -> None:
    climb(unit, Stage.CANARY)
    create_team(project=unit.project, name="core")
    changed = admin("PATCH", f"units/{unit.pk}/", {"team": "core", "operation": "write", "description": "d"}).json()
    assert (changed["team"], changed["operation"], changed["description"]) == ("core", "write", "d")
    assert (changed["stage"], changed["candidate_percent"], changed["version"]) == ("canary", 5, unit.version)
    assert admin("PATCH", f"units/{unit.pk}/", {"team": None}).json()["team"] is None


READ_ONLY = [
    "id", "key", "kind", "project", "stage", "candidate_percent", "mirror_percent", "version", "stage_since",
    "evidence_epoch", "evidence_since", "gone", "gone_at", "added_at", "source", "contested_by",
]  # fmt: skip


def test_unit__patched_with_what_is_read_only__400_names_each_and_changes_nothing(admin: Caller, unit: Unit) -> None:
    before = Unit.objects.values().get()
    answer = admin("PATCH", f"units/{unit.pk}/", dict.fromkeys(READ_ONLY, 1) | {"description": "x"})
    assert answer.status_code == 400
    assert set(errors(answer)) == set(READ_ONLY)
    assert Unit.objects.values().get() == before


def test_units__filtered__are_those_asked_for(admin: Caller, unit: Unit) -> None:
    other = save_service(project=unit.project, name="other")
    field = new_unit(unit.service, "GET /users/{id} $.name", "field")
    write = new_unit(other, "POST /users", team=create_team(project=unit.project, name="core"))
    gone = new_unit(other, "GET /gone")
    Unit.objects.filter(pk=gone.pk).update(gone_at=timezone.now())
    climb(write, Stage.SHADOW)
    wanted = {
        "": {unit, field, write},
        "kind=endpoint": {unit, write},
        "kind=field": {field},
        "stage=shadow": {write},
        "service=other": {write},
        "team=core": {write},
        f"parent={unit.pk}": {field},
        "search=NAME": {field},
        "search=%25": set(),
        "operation=write": {write},
        "gone=true": {gone},
        "kind=endpoint&service=main": {unit},
        "service=none": set(),
    }
    for query, units in wanted.items():
        found = {row["id"] for row in admin.get(f"{UNITS}?{query}")["results"]}
        assert found == {unit.pk for unit in units}, query


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("kind=table", "kind"),
        ("stage=nope", "stage"),
        ("parent=x", "parent"),
        ("page_size=0", "page_size"),
        ("page_size=1001", "page_size"),
        ("page_size=ten", "page_size"),
        ("page_size=", "page_size"),
        ("page_size=" + "9" * 5_000, "page_size"),
    ],
)
def test_units__with_a_bad_query__400_names_it(admin: Caller, unit: Unit, query: str, field: str) -> None:
    assert field in errors(admin("GET", f"{UNITS}?{query}"))


def test_units__with_an_unknown_stage__400_lists_the_stages(admin: Caller, unit: Unit) -> None:
    assert "side_by_side" in errors(admin("GET", f"{UNITS}?stage=nope"))["stage"]


@pytest.mark.parametrize("place", ["units/", "flips/"])
@pytest.mark.parametrize(
    "cursor", ["zzz", "%ff", "p=a%00b", "o=-1", "o=" + "9" * 40, "p=" + "9" * 40, "p=" + "9" * 5_000]
)
def test_list__with_a_cursor_of_somebody_elses_making__404_or_a_page(
    admin: Caller, unit: Unit, place: str, cursor: str
) -> None:
    sent = quote(base64.b64encode(cursor.encode()).decode()) if "=" in cursor else cursor
    answer = admin("GET", f"projects/shop/{place}?cursor={sent}")
    assert answer.status_code in (200, 404)
    if answer.status_code == 404:
        errors(answer)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since=0001-01-01T00:00:00%2B23:00", "since"),
        ("until=9999-12-31T23:59:59-23:00", "until"),
        ("since=yesterday", "since"),
        ("unit=1.5", "unit"),
        ("unit=" + "9" * 5_000, "unit"),
        ("actor=%00", "actor"),
        ("stage=up", "stage"),
    ],
)
def test_ledger__with_a_bad_query__400_names_it(admin: Caller, unit: Unit, query: str, field: str) -> None:
    assert field in errors(admin("GET", f"projects/shop/flips/?{query}"))


def test_units__paged__each_once_in_order_and_back(admin: Caller, service: Service) -> None:
    for number in range(25):
        new_unit(service, f"GET /things/{number:02}")
    keys, address = [], f"/api/v1/{UNITS}?page_size=10"
    while address:
        page = admin.get(address)
        keys += [row["key"] for row in page["results"]]
        previous, address = page["previous"], page["next"]
    assert keys == [f"GET /things/{number:02}" for number in range(25)]
    assert [row["key"] for row in admin.get(previous)["results"]] == keys[10:20]


def test_units__in_a_page_of_many__asked_with_as_few_queries_as_one(admin: Caller, service: Service) -> None:
    admin.get(UNITS)  # the first use of a token is noted
    counts = []
    for number in range(2):
        for index in range(1 + 20 * number):
            new_unit(service, f"GET /page/{number}/{index}", team=None)
        with CaptureQueriesContext(connection) as queries:
            admin.get(UNITS)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_address__that_does_not_exist__404_as_a_problem(admin: Caller) -> None:
    answer = admin("GET", "/api/v1/nothing/")
    assert answer.status_code == 404
    errors(answer)


def test_address__without_its_slash__404_says_which_was_meant(admin: Caller) -> None:
    assert "/api/v1/projects/?" in admin("POST", "/api/v1/projects", {}).json()["detail"]


def test_unit__with_an_id_beyond_the_database__404(admin: Caller) -> None:
    assert admin("GET", f"units/{10**30}/").status_code == 404
