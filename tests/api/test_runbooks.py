"""Runbooks and irreversible writes over REST: the rights of other settings, the field named where it is wrong."""

from collections.abc import Callable

import pytest

from migrator.inventory.models import Service, Unit
from migrator.ledger.models import Entry
from tests.api.conftest import Caller, errors, new_unit

WIKI = "https://wiki.example.com/payments"


@pytest.fixture
def write(service: Service) -> Unit:
    return new_unit(service, "POST /payments")


def test_unit__declared__is_kept_shown_and_recorded(admin: Caller, write: Unit) -> None:
    answer = admin("PATCH", f"units/{write.pk}/", {"runbook": WIKI, "irreversible": True})
    assert answer.status_code == 200
    shown = admin.get(f"units/{write.pk}/")
    assert (shown["runbook"], shown["irreversible"], shown["runbook_in_force"]) == (WIKI, True, WIKI)
    assert Entry.objects.get(unit=write).body["after"] == {"irreversible": True, "runbook": WIKI}


def test_unit__tracked_by_hand__may_be_declared_at_once(admin: Caller, service: Service) -> None:
    body = {"key": "POST /mails", "kind": "endpoint", "service": "main", "irreversible": True, "runbook": "Binder 3"}
    made = admin("POST", "projects/shop/units/", body).json()
    assert (made["irreversible"], made["runbook"]) == (True, "Binder 3")


def test_units__filtered__are_the_irreversible_ones(admin: Caller, write: Unit) -> None:
    new_unit(write.service, "GET /payments")
    admin("PATCH", f"units/{write.pk}/", {"irreversible": True})
    for asked, keys in (("true", ["POST /payments"]), ("false", ["GET /payments"])):
        found = admin.get(f"projects/shop/units/?irreversible={asked}")["results"]
        assert [unit["key"] for unit in found] == keys


@pytest.mark.parametrize(
    ("body", "field", "told"),
    [
        ({"runbook": "javascript:alert(1)"}, "runbook", "Only http:// and https:// are linked to"),
        ({"runbook": "x" * 501}, "runbook", "500"),
        ({"runbook": None}, "runbook", "null"),
        ({"irreversible": "perhaps"}, "irreversible", "boolean"),
        ({"runbook_in_force": WIKI}, "runbook_in_force", "is not written here"),
    ],
)
def test_unit__declared_wrongly__is_a_problem_of_that_field(
    body: dict[str, object], field: str, told: str, admin: Caller, write: Unit
) -> None:
    answer = admin("PATCH", f"units/{write.pk}/", body)
    assert answer.status_code == 400
    assert told in errors(answer)[field]


def test_read__declared_irreversible__is_a_problem_of_that_field(admin: Caller, unit: Unit) -> None:
    answer = admin("PATCH", f"units/{unit.pk}/", {"irreversible": True})
    assert answer.status_code == 400
    assert errors(answer) == {"irreversible": "GET /users/{id} reads: only a write can be irreversible."}


def test_service__names_a_runbook__its_units_have_it(admin: Caller, service: Service, write: Unit) -> None:
    assert admin("PATCH", f"projects/shop/services/{service.pk}/", {"runbook": WIKI}).status_code == 200
    assert admin.get(f"projects/shop/services/{service.pk}/")["runbook"] == WIKI
    shown = admin.get(f"units/{write.pk}/")
    assert (shown["runbook"], shown["runbook_in_force"]) == ("", WIKI)
    assert Entry.objects.latest("pk").body["after"] == {"runbook": WIKI}

    answer = admin("PATCH", f"projects/shop/services/{service.pk}/", {"runbook": "file:///etc/passwd"})
    assert answer.status_code == 400
    assert "not file:" in errors(answer)["runbook"]


@pytest.mark.parametrize(("scope", "status"), [("read", 403), ("ingest", 403), ("operate", 200)])
def test_declaring__by_scope__takes_what_other_settings_take(
    scope: str, status: int, with_token: Callable[..., Caller], service: Service, write: Unit
) -> None:
    caller = with_token(scope, project=service.project)
    assert caller("PATCH", f"units/{write.pk}/", {"runbook": WIKI}).status_code == status
    assert caller("PATCH", f"projects/shop/services/{service.pk}/", {"runbook": WIKI}).status_code == status
