"""Causes on pages: who sees what, what is said, how it is found, and how it is settled."""

import csv
import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboards.views import mismatches
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Unit
from migrator.observations.models import GroupStatus, MismatchGroup, Rule
from tests.dashboards.causes import PRICE, add_rule, differ, html

AddUnit = Callable[..., Unit]
SignIn = Callable[[User], Client]
NAME = ("$.name", "value", "string → string")
LIST = "/p/shop/mismatches"
RULES = "/p/shop/rules"


@pytest.fixture
def unit(add_unit: AddUnit) -> Unit:
    return add_unit("GET /users/{id}", Stage.CANARY, 200)


@pytest.fixture
def price(unit: Unit) -> MismatchGroup:
    return differ(unit, PRICE, values=[("12", "string(2) #0b1c2d")])


def paths(client: Client, query: str = "") -> list[str]:
    return [line.row.path for line in client.get(f"{LIST}{query}").context["lines"]]


# ---------------------------------------------------------------------------------- the list


def test_list__nothing_differs__says_so_and_leads_on(unit: Unit, viewer: User, sign_in: SignIn) -> None:
    page = html(sign_in(viewer), LIST)

    assert "No difference is known." in page
    assert "Nothing differs so far" in page


def test_list__news_and_settled__answers_in_one_sentence(
    unit: Unit, price: MismatchGroup, engineer: User, sign_in: SignIn
) -> None:
    differ(unit, NAME)
    client = sign_in(engineer)
    assert "2 new causes since yesterday; 2 open." in html(client, LIST)

    client.post(f"{LIST}/{price.pk}/settle", {"as": "noise"})
    page = html(client, LIST)
    assert "1 new cause since yesterday; 1 open." in page
    assert "98 %" not in page
    assert "100 % ios" in page


def test_list__one_row__says_what_differs_where_and_how_often(
    price: MismatchGroup, viewer: User, sign_in: SignIn
) -> None:
    page = html(sign_in(viewer), LIST)

    assert "<code>$.<wbr>price</code> is a number in legacy, a string in the candidate." in page
    assert 'data-label="Share">10 %<' in page
    assert 'data-label="Pairs">10<' in page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["$.name", "$.price"]),
        ("?search=PRICE", ["$.price"]),
        ("?search=/users", ["$.name", "$.price"]),
        ("?kind=type", ["$.price"]),
        ("?status=new", ["$.name", "$.price"]),
        ("?status=archived", []),
        ("?status=moon", ["$.name", "$.price"]),
        ("?unit=0", []),
        ("?mine=1", []),
        ("?after=x&unit=y", ["$.name", "$.price"]),
        ("?after=99999999999999999999-1", ["$.name", "$.price"]),
        ("?after=1-1", []),
    ],
)
def test_filter__in_the_address__finds(
    query: str, expected: list[str], unit: Unit, price: MismatchGroup, engineer: User, sign_in: SignIn
) -> None:
    differ(unit, NAME)

    assert sorted(paths(sign_in(engineer), query)) == expected


def test_pages__next_and_next__show_every_cause_once(
    unit: Unit, viewer: User, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mismatches, "PAGE", 2)
    made = {differ(unit, (f"$.f{number}", "value", "")).shape for number in range(5)}
    client, found, after = sign_in(viewer), [], ""
    while after is not None:
        context = client.get(LIST, {"after": after}).context
        found += [line.row.path for line in context["lines"]]
        after = context["next_page"]

    assert sorted(found) == sorted(made)


def test_list__ten_times_the_causes__asks_as_often(unit: Unit, viewer: User, sign_in: SignIn) -> None:
    client = sign_in(viewer)
    differ(unit, PRICE)
    few = queries(client, LIST)
    for number in range(10):
        differ(unit, (f"$.f{number}", "value", ""))

    assert queries(client, LIST) == few


def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        client.get(address)
    return len(asked)


def test_export__of_what_is_filtered__has_all_pages_and_no_formulas(
    unit: Unit, price: MismatchGroup, viewer: User, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mismatches, "EXPORT_STEP", 1)
    differ(unit, NAME)
    MismatchGroup.objects.filter(pk=price.pk).update(pattern="=cmd()")
    client = sign_in(viewer)

    rows = list(csv.DictReader(b"".join(client.get(f"{LIST}.csv")).decode().splitlines()))
    assert sorted(row["path"] for row in rows) == ["$.name", "$.price"]
    assert "'=cmd()" in [row["pattern"] for row in rows]
    told = [json.loads(line) for line in b"".join(client.get(f"{LIST}.ndjson?kind=value")).splitlines()]
    assert [row["path"] for row in told] == ["$.name"]
    assert client.get(f"{LIST}.exe").status_code == 404


@pytest.mark.parametrize("address", [LIST, f"{LIST}.csv", RULES])
def test_pages__stranger__learns_whom_to_ask(
    address: str, price: MismatchGroup, stranger: User, sign_in: SignIn
) -> None:
    assert sign_in(stranger).get(address).status_code == 403


# ---------------------------------------------------------------------------------- one cause


def test_cause__opened__says_what_differs_and_from_whom(price: MismatchGroup, viewer: User, sign_in: SignIn) -> None:
    page = html(sign_in(viewer), f"{LIST}/{price.pk}")

    assert "is a number in legacy, a string in the candidate; 100 % from ios." in page
    assert '<span class="redacted"' in page and "string(2) #0b1c2d" in page
    assert "curl -i -X GET http://legacy.test/users/…" in page.replace("&#x27;", "")


def test_cause__places_that_differ_together__are_one_with_all_its_places(
    unit: Unit, viewer: User, sign_in: SignIn
) -> None:
    kind = ("type", "string → array")
    first = differ(unit, ("$.args.a", *kind), ("$.args.b", *kind), times=40)
    differ(unit, ("$.args.a", *kind), ("$.args.b", *kind), times=40)
    other = MismatchGroup.objects.exclude(pk=first.pk).get()
    leader, follower = (first, other) if other.leader_id else (other, first)
    client = sign_in(viewer)

    assert len(paths(client)) == 1
    assert "2 places, one cause" in html(client, f"{LIST}/{leader.pk}")
    moved = client.get(f"{LIST}/{follower.pk}?sample=7")
    assert moved.headers["Location"] == f"{LIST}/{leader.pk}?sample=7"


def test_samples__each_by_its_address__and_the_newest_where_it_is_gone(
    unit: Unit, viewer: User, sign_in: SignIn
) -> None:
    differ(unit, PRICE, values=[("1", "string(1) #aaaaaa")], at=timezone.now() - timedelta(hours=1))
    group = differ(unit, PRICE, NAME, values=[("2", "string(1) #bbbbbb"), ("x", "y")])
    client, address = sign_in(viewer), f"{LIST}/{group.pk}"

    newest = client.get(address).context["kept"]
    assert (newest.place, newest.of) == (1, 2)
    older = client.get(f"{address}?sample={newest.older}").context["kept"]
    assert older.figures.id == newest.older
    assert "not kept any more" in html(client, f"{address}?sample=999999")


def test_sample__what_a_rule_hides__is_left_out_until_asked_for(
    unit: Unit, project: Project, viewer: User, sign_in: SignIn
) -> None:
    group = differ(unit, PRICE, NAME)
    rule = add_rule(project, unit, "$.name")
    client, address = sign_in(viewer), f"{LIST}/{group.pk}"

    assert "$.name</code></a>" not in html(client, address)
    assert "Show 1 more that rules hide" in html(client, address)
    assert f"hidden by rule {rule.pk}" in html(client, f"{address}?hidden=1")


def test_chart__hours_counted__stand_in_figure_and_table(price: MismatchGroup, viewer: User, sign_in: SignIn) -> None:
    chart = sign_in(viewer).get(f"{LIST}/{price.pk}?span=24h").context["chart"]

    assert chart.rows[0].cells[0] == "10"
    assert 10 in chart.figure["data"][0]["y"]
    assert any("canary" in told for told in chart.figure["data"][-1]["text"])


# --------------------------------------------------------------------------------- settling


@pytest.mark.parametrize(
    ("settled_as", "status"),
    [
        ("noise", GroupStatus.ARCHIVED),
        ("race", GroupStatus.ARCHIVED),
        ("bug", GroupStatus.ONGOING),
        ("archived", GroupStatus.ARCHIVED),
        ("accepted", GroupStatus.ACCEPTED),
    ],
)
def test_settle__one_press__is_done_and_told(
    settled_as: str, status: str, price: MismatchGroup, engineer: User, sign_in: SignIn
) -> None:
    client = sign_in(engineer)
    page = client.post(f"{LIST}/{price.pk}/settle", {"as": settled_as, "text": "seen before"}, follow=True)

    price.refresh_from_db()
    assert (price.status, price.settled_as) == (status, settled_as)
    assert "seen before" in page.content.decode()
    assert "note success" in page.content.decode()


def test_settle__and_open_again__is_open(price: MismatchGroup, engineer: User, sign_in: SignIn) -> None:
    client = sign_in(engineer)
    client.post(f"{LIST}/{price.pk}/settle", {"as": "noise"})
    page = client.post(f"{LIST}/{price.pk}/reopen", follow=True).content.decode()

    price.refresh_from_db()
    assert price.status == GroupStatus.ONGOING
    assert "Open again." in page


@pytest.mark.parametrize("settled_as", ["", "moon"])
def test_settle__as_nothing_known__changes_nothing_and_says_so(
    settled_as: str, price: MismatchGroup, engineer: User, sign_in: SignIn
) -> None:
    page = sign_in(engineer).post(f"{LIST}/{price.pk}/settle", {"as": settled_as}, follow=True).content.decode()

    price.refresh_from_db()
    assert price.status == GroupStatus.NEW
    assert "Nothing was changed" in page


@pytest.mark.parametrize("act", ["settle", "rules", "reopen", "assign", "notes"])
def test_viewer__sees_and_may_not_touch(
    act: str, price: MismatchGroup, viewer: User, engineer: User, sign_in: SignIn
) -> None:
    client = sign_in(viewer)
    page = html(client, f"{LIST}/{price.pk}")

    assert f"/{price.pk}/{act}" not in page
    assert "engineer (engineer)" in page
    rules = json.dumps([{"kind": "ignore", "path": "$.price"}])
    answer = client.post(f"{LIST}/{price.pk}/{act}", {"as": "noise", "text": "x", "rules": rules})
    assert answer.status_code == 403
    assert MismatchGroup.objects.get().status == GroupStatus.NEW


def test_proposed_rule__pressed__hides_the_cause(unit: Unit, engineer: User, sign_in: SignIn) -> None:
    group = differ(unit, ("$.n", "number_form", ""), values=[("1", "1.0")])
    client = sign_in(engineer)
    offer = client.get(f"{LIST}/{group.pk}").context["offers"][0]
    assert offer.suggestion.preview.sentence == "Would hide 10 differences of the last 7 days in 1 group."

    client.post(f"{LIST}/{group.pk}/rules", {"rules": offer.rules, "as": offer.settled_as})
    group.refresh_from_db()
    assert (group.status, Rule.objects.get().unit) == (GroupStatus.HIDDEN, unit)
    assert "1 and 1.0 are no difference" in html(client, RULES)


@pytest.mark.parametrize("told", ["", "[]", "{", '[{"path": "$.a"}]', '[{"kind": "ignore", "path": "$"}]', "[3]"])
def test_proposed_rule__that_is_none__changes_nothing(
    told: str, price: MismatchGroup, engineer: User, sign_in: SignIn
) -> None:
    page = sign_in(engineer).post(f"{LIST}/{price.pk}/rules", {"rules": told, "as": "noise"}, follow=True)

    assert "Nothing was changed" in page.content.decode()
    assert not Rule.objects.exists()


def test_assignee__given_taken_and_filtered(
    price: MismatchGroup, engineer: User, stranger: User, sign_in: SignIn
) -> None:
    client = sign_in(engineer)
    client.post(f"{LIST}/{price.pk}/assign", {"user": engineer.pk})
    assert paths(client, "?mine=1") == ["$.price"]

    refused = client.post(f"{LIST}/{price.pk}/assign", {"user": stranger.pk}, follow=True).content.decode()
    assert "has no role in Shop" in refused
    client.post(f"{LIST}/{price.pk}/assign", {"user": ""})
    assert paths(client, "?mine=1") == []


def test_note__written__stands_with_its_author(price: MismatchGroup, engineer: User, sign_in: SignIn) -> None:
    client = sign_in(engineer)
    page = client.post(f"{LIST}/{price.pk}/notes", {"text": "<b>asked the team</b>"}, follow=True).content.decode()

    assert "&lt;b&gt;asked the team" in page


def test_cause__of_another_project__is_not_there(price: MismatchGroup, stranger: User, sign_in: SignIn) -> None:
    assert sign_in(stranger).get(f"/p/elsewhere/mismatches/{price.pk}").status_code == 404
