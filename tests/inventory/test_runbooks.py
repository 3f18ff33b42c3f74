"""Runbooks and irreversible writes: what may be declared, by whom it is inherited, and what a document says of it."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from migrator.access.rights import console
from migrator.core.stages import Operation
from migrator.inventory.importers.spec import Format, Spec, UnitSpec
from migrator.inventory.imports import import_units
from migrator.inventory.models import Project, Service, Unit
from migrator.inventory.queries import WITHOUT_RUNBOOK, runbooks_of
from migrator.inventory.runbooks import address_of, flaw, validate_runbook
from migrator.inventory.services import Invalid, change_unit, create_unit, save_service
from migrator.ledger import changes
from migrator.ledger.models import Entry
from migrator.ledger.scoping import DECLARED_KEPT, import_specs
from tests.inventory.specs import read

WIKI = "https://wiki.example.com/payments?on=call#night"


@pytest.fixture
def service(project: Project) -> Service:
    return save_service(project=project, name="main")


def tracked(service: Service, key: str, **options: Any) -> Unit:
    kind = "field" if " $" in key else "endpoint"
    return create_unit(project=service.project, service=service, key=key, kind=kind, now=timezone.now(), **options)


# ------------------------------------------------------------------------------------- the text


@pytest.mark.parametrize("text", [WIKI, "http://wiki:8080/x", "HTTPS://wiki.example.com"])
def test_runbook__an_address__is_linked_to(text: str) -> None:
    assert flaw(text) == ""
    assert address_of(text) == text


@pytest.mark.parametrize("text", ["", "Binder 3, page 12", "Wiki: payments", "wiki.example.com/payments", "//wiki/x"])
def test_runbook__words__are_taken_and_linked_to_nowhere(text: str) -> None:
    assert (flaw(text), address_of(text)) == ("", "")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("javascript:alert(1)", "Only http:// and https:// are linked to, not javascript:."),
        ("JavaScript: alert(1)", "not JavaScript:"),
        ("data:text/html,x", "not data:"),
        ("vbscript:x", "not vbscript:"),
        ("ftp://host/file", "not ftp:"),
        ("https://", "no address that can be opened"),
        ("https://wiki.example.com/a b", "no address that can be opened"),
        ("https://me:secret@wiki.example.com/", "no address that can be opened"),
        ("https://wiki:99999/", "no address that can be opened"),
        ("first\nsecond", "in one line"),
        ("x\u202ey", "in one line"),
        ("x" * 501, "at most 500 characters, not 501"),
    ],
)
def test_runbook__what_no_page_may_show__is_refused_with_the_remedy(text: str, told: str) -> None:
    assert told in flaw(text)
    assert address_of(text) == "" or len(text) > 500
    with pytest.raises(ValidationError, match=r"Write an address such as|link to it"):
        validate_runbook(text)


# ---------------------------------------------------------------------------------- the services


def test_runbook__named_nowhere_on_the_unit__is_its_endpoints_then_its_services(service: Service) -> None:
    endpoint = tracked(service, "GET /users/{id}")
    field = tracked(service, "GET /users/{id} $.name")
    other = tracked(service, "GET /orders")
    assert runbooks_of(unit_ids=[field.pk, other.pk]) == {}
    assert Unit.objects.filter(WITHOUT_RUNBOOK).count() == 3

    change_unit(unit=endpoint, runbook=f" {WIKI} ")
    assert runbooks_of(unit_ids=[field.pk, endpoint.pk, other.pk]) == {field.pk: WIKI, endpoint.pk: WIKI}
    assert [unit.key for unit in Unit.objects.filter(WITHOUT_RUNBOOK)] == ["GET /orders"]

    save_service(project=service.project, name="main", runbook="Binder 3")
    change_unit(unit=field, runbook="Ask Ana")
    found = {unit.key: unit.runbook_in_force for unit in Unit.objects.all()}
    assert found == {"GET /users/{id}": WIKI, "GET /users/{id} $.name": "Ask Ana", "GET /orders": "Binder 3"}
    assert set(runbooks_of(unit_ids=Unit.objects.values_list("pk", flat=True)).values()) == set(found.values())


@pytest.mark.parametrize(
    "act",
    [
        lambda service, unit: change_unit(unit=unit, runbook="javascript:alert(1)"),
        lambda service, unit: save_service(project=service.project, name="main", runbook="javascript:alert(1)"),
        lambda service, unit: tracked(service, "GET /x", runbook="javascript:alert(1)"),
    ],
    ids=["change_unit", "save_service", "create_unit"],
)
def test_services__a_runbook_that_is_a_script__is_refused_and_named(act: Any, service: Service) -> None:
    unit = tracked(service, "POST /payments")
    with pytest.raises(Invalid) as refused:
        act(service, unit)
    assert refused.value.field == "runbook"


def test_irreversible__of_a_read__is_refused_by_service_and_database(service: Service) -> None:
    read, write = tracked(service, "GET /payments"), tracked(service, "POST /payments")
    assert change_unit(unit=write, irreversible=True).irreversible
    with pytest.raises(Invalid, match="GET /payments reads: only a write can be irreversible") as refused:
        change_unit(unit=read, irreversible=True)
    assert refused.value.field == "irreversible"
    with pytest.raises(Invalid) as refused:
        change_unit(unit=Unit.objects.get(pk=write.pk), operation="read")
    assert refused.value.field == "operation"
    with pytest.raises(Invalid):
        tracked(service, "GET /x", irreversible=True)
    with pytest.raises(IntegrityError, match="only_writes_are_irreversible"), transaction.atomic():
        Unit.objects.filter(pk=read.pk).update(irreversible=True)


def test_declaration__changed__is_in_the_ledger_and_nothing_to_data_planes(service: Service) -> None:
    unit = tracked(service, "POST /payments")
    version = Project.objects.get(pk=service.project_id).version
    changed = changes.unit(
        unit=unit, actor=console(name="ana"), now=timezone.now(), runbook=WIKI, irreversible=True, risk="money"
    )
    assert Project.objects.get(pk=service.project_id).version == version + 1, "the risk is told as ever"
    again = changes.unit(unit=changed, actor=console(name="ana"), now=timezone.now(), runbook=WIKI, irreversible=False)
    assert Project.objects.get(pk=service.project_id).version == version + 1
    assert again.table_version == changed.table_version

    last, first = Entry.objects.filter(unit=unit)
    assert first.body["headline"] == "POST /payments: irreversible, risk, runbook"
    assert (first.kind, first.body["before"]["runbook"], first.body["after"]["runbook"]) == ("settings", "", WIKI)
    assert last.body["before"] == {"irreversible": True} and last.body["after"] == {"irreversible": False}


# ----------------------------------------------------------------------------------- documents


def operations(**more: Any) -> dict[str, Any]:
    return {"openapi": "3.1.0", "paths": {"/payments": more}}


def said(document: dict[str, Any] | str) -> dict[str, tuple[str, bool | None]]:
    return {unit.key: (unit.runbook, unit.irreversible) for unit in read(document).units}


def test_openapi__an_operation_declares_both__they_are_its_own(project: Project) -> None:
    post = {"x-migrator-runbook": WIKI, "x-migrator-irreversible": True}
    assert said(operations(get={}, post=post)) == {"GET /payments": ("", None), "POST /payments": (WIKI, True)}


def test_openapi__a_path_declares_both__its_writes_are_irreversible_and_the_nearer_word_wins() -> None:
    paths = {"x-migrator-runbook": WIKI, "x-migrator-irreversible": True}
    found = read(operations(get={}, post={}, put={"x-migrator-irreversible": False}, **paths))
    assert {unit.key: (unit.runbook, unit.irreversible) for unit in found.units} == {
        "GET /payments": (WIKI, None), "POST /payments": (WIKI, True), "PUT /payments": (WIKI, False),
    }  # fmt: skip
    assert found.warnings == ()


def test_openapi__yaml__truths_are_text_and_read_as_meant() -> None:
    text = (
        "openapi: 3.1.0\npaths:\n  /x:\n    post:\n"
        f"      x-migrator-runbook: {WIKI}\n      x-migrator-irreversible: true\n"
    )
    assert said(text) == {"POST /x": (WIKI, True)}


@pytest.mark.parametrize(
    ("method", "declared", "warning"),
    [
        ("post", {"x-migrator-runbook": "javascript:alert(1)"}, "its runbook was left out: Only http://"),
        ("post", {"x-migrator-runbook": ["x"]}, "its runbook was left out: it is no text"),
        ("post", {"x-migrator-irreversible": "perhaps"}, "is true or false, not 'perhaps'"),
        ("get", {"x-migrator-irreversible": True}, "GET /payments reads: only a write can be irreversible"),
    ],
)
def test_openapi__what_cannot_be_meant__is_left_out_with_a_warning(method: str, declared: Any, warning: str) -> None:
    found = read(operations(**{method: declared}))
    assert [(unit.runbook, unit.irreversible) for unit in found.units] == [("", None)]
    (told,) = found.warnings
    assert warning in told


def test_graphql__directive_of_ours__declares_both() -> None:
    text = (
        f'type Mutation {{ pay(id: ID!): Int @migrator(label: "wave 2", runbook: "{WIKI}", irreversible: true) }}\n'
        'type Query { paid: Int @migrator(runbook: "Binder 3") }'
    )
    assert said(text) == {"Mutation.pay": (WIKI, True), "Query.paid": ("Binder 3", None)}


def spec(key: str, **declared: Any) -> Spec:
    operation = Operation.READ if key.startswith("GET") else Operation.WRITE
    unit = UnitSpec(key=key, kind="endpoint", operation=operation, **declared)
    return Spec(title="", format=Format.OPENAPI, units=(unit,), counts={})


def test_import__declared_anew__is_changed_and_what_is_not_said_stays(service: Service) -> None:
    def bring(**declared: Any) -> Any:
        return import_units(
            project=service.project, service=service, specs=[spec("POST /mails", **declared)], now=timezone.now()
        )

    bring(runbook=WIKI, irreversible=True)
    unit = Unit.objects.get(key="POST /mails")
    assert (unit.runbook, unit.irreversible) == (WIKI, True)
    assert bring().unchanged == ("POST /mails",)
    assert bring(runbook="Binder 3").changed == ("POST /mails",)
    unit.refresh_from_db()
    assert (unit.runbook, unit.irreversible) == ("Binder 3", True)
    assert bring(irreversible=False).changed == ("POST /mails",)
    unit.refresh_from_db()
    assert (unit.runbook, unit.irreversible) == ("Binder 3", False)


def test_import__people_said_it_reads__stays_reversible(service: Service) -> None:
    """A search by POST: what a document says of it cannot break the import."""
    tracked(service, "POST /search", operation="read")
    document = spec("POST /search", irreversible=True)
    report = import_units(project=service.project, service=service, specs=[document], now=timezone.now())
    assert report.unchanged == ("POST /search",)
    assert not Unit.objects.get(key="POST /search").irreversible


def test_import__that_declares_anew__is_in_the_ledger_with_before_and_after(service: Service) -> None:
    def bring(*specs: Spec, **options: Any) -> list[dict[str, Any]]:
        now = timezone.now()
        import_specs(
            actor=console(name="ana"), project=service.project, service=service, specs=specs, now=now, **options
        )
        return [entry.body for entry in Entry.objects.filter(kind="settings")]

    assert bring(spec("POST /mails", runbook=WIKI, irreversible=True)) == [], "it came so: nothing was changed"
    assert bring(spec("POST /mails", irreversible=False), file="mails.yaml", dry_run=True) == []
    wanted = spec("POST /mails", runbook="Binder 3", irreversible=False)
    told = {
        "headline": "mails.yaml of main: irreversible and runbook of 1 unit",
        "service": "main",
        "count": 1,
        "units": [
            {
                "key": "POST /mails",
                "before": {"runbook": WIKI, "irreversible": True},
                "after": {"runbook": "Binder 3", "irreversible": False},
            }
        ],
    }
    assert bring(wanted, file="mails.yaml") == [told]
    assert bring(wanted, file="mails.yaml") == [told], "the second time it changed nothing"


def test_import__that_declares_hundreds__names_the_first_of_them(service: Service) -> None:
    keys = [f"POST /mails{number}" for number in range(DECLARED_KEPT + 1)]
    for declared in ({}, {"runbook": WIKI}):
        specs = [spec(key, **declared) for key in keys]
        import_specs(
            actor=console(name="ana"), project=service.project, service=service, specs=specs, now=timezone.now()
        )
    body = Entry.objects.get(kind="settings").body
    assert (body["count"], len(body["units"])) == (DECLARED_KEPT + 1, DECLARED_KEPT)
