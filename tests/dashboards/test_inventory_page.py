"""The inventory: found, folded, paged, and filled from traffic."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from dashboards.views import inventory
from migrator.core.stages import Stage
from migrator.inventory.models import ObservedEndpoint, Project, Service, Unit
from tests.dashboards.conftest import observe

AddUnit = Callable[..., Unit]
SignIn = Callable[[User], Client]


def shown(client: Client, query: str = "") -> list[str]:
    """Keys of the rows, in their order."""
    lines = client.get(f"/p/shop/inventory{query}").context["lines"]
    return [line.row.key for line in lines]


@pytest.fixture
def endpoint(add_unit: AddUnit) -> Unit:
    endpoint = add_unit("GET /users/{id}", Stage.CANARY, 500)
    add_unit("GET /users/{id} $.name", Stage.SIDE_BY_SIDE)
    add_unit("GET /orders")
    return endpoint


def test_tree__closed__shows_endpoints_only(endpoint: Unit, viewer: User, sign_in: SignIn) -> None:
    assert shown(sign_in(viewer)) == ["GET /orders", "GET /users/{id}"]


def test_tree__opened_by_the_address__shows_the_fields_below(endpoint: Unit, viewer: User, sign_in: SignIn) -> None:
    rows = shown(sign_in(viewer), f"?open={endpoint.pk}")

    assert rows == ["GET /orders", "GET /users/{id}", "GET /users/{id} $.name"]


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("?search=USERS", ["GET /users/{id}", "GET /users/{id} $.name"]),
        ("?stage=canary", ["GET /users/{id}"]),
        ("?kind=field", ["GET /users/{id} $.name"]),
        ("?service=nobody", []),
        ("?stage=moon", []),
        ("?open=x&after=%00", ["GET /orders", "GET /users/{id}"]),
    ],
)
def test_filter__in_the_address__finds(
    query: str, keys: list[str], endpoint: Unit, viewer: User, sign_in: SignIn
) -> None:
    assert shown(sign_in(viewer), query) == keys


def test_rows__seen_and_unseen__tell_zero_from_no_data(
    endpoint: Unit, add_unit: AddUnit, viewer: User, sign_in: SignIn
) -> None:
    observe(endpoint, match=1_000)
    add_unit("GET /waiting", Stage.SIDE_BY_SIDE)
    page = sign_in(viewer).get("/p/shop/inventory").content.decode()

    assert 'data-label="Differ">0 %<' in page
    assert page.count('<span class="nodata">no data</span>') == 1
    assert page.count("not compared") == 1, "a unit in the backlog"


def test_pages__next_and_next__show_every_unit_once(
    project: Project, add_unit: AddUnit, viewer: User, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "PAGE", 3)
    keys = [add_unit(f"GET /things{number}").key for number in range(8)]
    client, found, after = sign_in(viewer), [], ""
    while after is not None:
        context = client.get("/p/shop/inventory", {"after": after}).context
        found += [line.row.key for line in context["lines"]]
        after = context["next_page"]

    assert found == keys


@pytest.fixture
def observed(project: Project, service: Service) -> ObservedEndpoint:
    now = timezone.now()
    return ObservedEndpoint.objects.create(
        project=project, service=service, key="GET /feeds/{id}", count=12, first_seen_at=now, last_seen_at=now
    )


def test_offer__tracked__becomes_a_unit(observed: ObservedEndpoint, engineer: User, sign_in: SignIn) -> None:
    client = sign_in(engineer)
    page = client.post(f"/p/shop/inventory/observed/{observed.pk}", {"act": "track"}, follow=True).content.decode()

    assert "GET /feeds/{id} is tracked now" in page
    assert shown(client) == ["GET /feeds/{id}"]
    assert "Seen in traffic" not in page


def test_offer__dismissed__is_offered_no_more(observed: ObservedEndpoint, engineer: User, sign_in: SignIn) -> None:
    client = sign_in(engineer)
    client.post(f"/p/shop/inventory/observed/{observed.pk}", {"act": "dismiss"})

    assert "Seen in traffic" not in client.get("/p/shop/inventory").content.decode()


def test_offer__viewer__sees_it_without_buttons(observed: ObservedEndpoint, viewer: User, sign_in: SignIn) -> None:
    client = sign_in(viewer)

    assert f"observed/{observed.pk}" not in client.get("/p/shop/inventory").content.decode()
    assert client.post(f"/p/shop/inventory/observed/{observed.pk}", {"act": "track"}).status_code == 403


def test_palette__letters_of_a_key__finds_unit_and_page(endpoint: Unit, viewer: User, sign_in: SignIn) -> None:
    client = sign_in(viewer)

    assert f"/p/shop/units/{endpoint.pk}" in client.get("/palette?project=shop&search=users").content.decode()
    assert "/p/shop/ledger" in client.get("/palette?search=ledger").content.decode()
    assert "Nothing contains" in client.get("/palette?search=zzz").content.decode()


def test_palette__stranger__finds_nothing_of_others(endpoint: Unit, stranger: User, sign_in: SignIn) -> None:
    assert (
        "users"
        not in sign_in(stranger).get("/palette?project=shop&search=users/").content.decode().split("contains")[0]
    )
