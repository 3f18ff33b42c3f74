"""From a file to tracked units, and what a second import leaves alone."""

import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from migrator.access.rights import Actor, Right, Via
from migrator.core.stages import Operation, Stage
from migrator.inventory.importers.spec import Format, Spec, UnitSpec
from migrator.inventory.imports import ImportReport, import_units
from migrator.inventory.models import ObservedEndpoint, Project, Service, Source, Unit
from migrator.inventory.services import create_unit, record_deploy, save_service
from migrator.rollout.services import Change, flip

NOW = datetime(2026, 5, 1, tzinfo=UTC)
LATER = datetime(2026, 6, 1, tzinfo=UTC)
SOMEBODY = Actor(name="somebody", rights=frozenset(Right), via=Via.COMMAND)


@pytest.fixture
def service(project: Project) -> Service:
    return save_service(project=project, name="main")


def endpoint(key: str, description: str = "") -> UnitSpec:
    operation = Operation.READ if key.startswith(("GET", "Query")) else Operation.WRITE
    return UnitSpec(key=key, kind="endpoint", operation=operation, description=description)


def field(parent: str, path: str) -> UnitSpec:
    return UnitSpec(key=f"{parent} {path}", kind="field", operation=Operation.READ, parent_key=parent)


def spec(*units: UnitSpec, format: Format = Format.OPENAPI) -> Spec:  # noqa: A002
    return Spec(title="", format=format, units=units, counts={})


def bring(service: Service, *specs: Spec, **options: Any) -> ImportReport:
    return import_units(project=service.project, service=service, specs=specs, now=options.pop("now", NOW), **options)


def version_of(project: Project) -> int:
    return Project.objects.get(pk=project.pk).version


def moved_to(unit: Unit, *steps: tuple[Stage, int]) -> Unit:
    for stage, candidate in steps:
        change = Change(unit_id=unit.pk, version=unit.version, stage=stage, candidate=candidate)
        flip(project=unit.project, changes=[change], actor=SOMEBODY, reason="test", now=NOW, override=True)
        unit.refresh_from_db()
    return unit


CANARY = ((Stage.SHADOW, 0), (Stage.SIDE_BY_SIDE, 0), (Stage.CANARY, 500))

# -------------------------------------------------------------------------------- import_units


def test_import_units__new_units__are_tracked_in_the_backlog_with_their_endpoints(service: Service) -> None:
    users = endpoint("GET /users/{id}", "One user")
    report = bring(service, spec(users, field(users.key, "$.name"), endpoint("POST /users")))
    assert report.counts() == {
        "added": 3, "changed": 0, "unchanged": 0, "contested": 0, "gone": 0, "kept": 0, "renamed": 0, "warnings": 0,
        "back": 0, "claimed": 0, "declared": 0,
    }  # fmt: skip
    parent, child = Unit.objects.get(key=users.key), Unit.objects.get(key=f"{users.key} $.name")
    assert (child.parent, child.kind, child.table_version) == (parent, "field", 0)
    assert (parent.description, parent.stage, parent.source, parent.added_at) == ("One user", "backlog", "spec", NOW)
    assert parent.table_version == version_of(service.project) > 0
    assert Unit.objects.get(key="POST /users").operation == "write"
    # Ids go on where the import stopped.
    assert create_unit(project=service.project, service=service, key="GET /z", kind="endpoint", now=NOW).pk


def test_import_units__again__changes_nothing_and_disturbs_no_data_plane(service: Service) -> None:
    wanted = spec(endpoint("GET /a"), field("GET /a", "$.b"))
    bring(service, wanted)
    before, version = list(Unit.objects.values()), version_of(service.project)
    report = bring(service, wanted, now=LATER)
    assert report.unchanged == ("GET /a", "GET /a $.b") and not report.changed
    assert list(Unit.objects.values()) == before
    assert version_of(service.project) == version


def test_import_units__unit_in_motion__keeps_where_it_stands_and_what_it_proved(service: Service) -> None:
    bring(service, spec(endpoint("GET /a")))
    unit = moved_to(Unit.objects.get(), *CANARY)
    record_deploy(service=service, side="candidate", build="1", now=NOW)
    unit.refresh_from_db()
    report = bring(service, spec(endpoint("GET /a", "Now described")), now=LATER)
    again = Unit.objects.get()
    assert report.changed == ("GET /a",) and again.description == "Now described"
    assert again.position == unit.position and again.position.candidate == 500
    assert (again.version, again.evidence_epoch, again.added_at) == (unit.version, unit.evidence_epoch, NOW)
    assert again.table_version == unit.table_version  # a description is nothing to data planes


def test_import_units__operation_set_by_hand__stays(service: Service) -> None:
    bring(service, spec(endpoint("POST /search")))
    Unit.objects.update(operation="read")
    assert bring(service, spec(endpoint("POST /search"))).unchanged == ("POST /search",)
    assert Unit.objects.get().operation == "read"


def test_import_units__gone_and_back__returns_as_it_was(service: Service) -> None:
    a, b = endpoint("GET /a"), endpoint("GET /b")
    bring(service, spec(a, b))
    moved_to(Unit.objects.get(key="GET /b"), (Stage.SHADOW, 0))
    report = bring(service, spec(a), now=LATER)
    gone = Unit.objects.get(key="GET /b")
    assert report.gone == ("GET /b",) and gone.gone_at == LATER
    assert gone.table_version == version_of(service.project)
    assert bring(service, spec(a), now=LATER).gone == ()
    assert bring(service, spec(a, b), now=LATER).changed == ("GET /b",)
    back = Unit.objects.get(key="GET /b")
    assert back.gone_at is None and back.stage == "shadow"
    assert back.table_version == version_of(service.project) > gone.table_version


def test_import_units__gone_while_the_candidate_answers__stays_tracked(service: Service) -> None:
    bring(service, spec(endpoint("GET /a"), endpoint("GET /b")))
    moved_to(Unit.objects.get(key="GET /b"), *CANARY)
    report = bring(service, spec(endpoint("GET /a")))
    assert report.kept == ("GET /b",) and report.gone == ()
    assert "stays tracked" in report.warnings[0]
    assert Unit.objects.get(key="GET /b").gone_at is None


def test_import_units__made_by_hand_or_of_another_format__is_never_gone(service: Service) -> None:
    bring(service, spec(endpoint("Query.user"), format=Format.GRAPHQL))
    create_unit(project=service.project, service=service, key="GET /hand", kind="endpoint", now=NOW)
    assert bring(service, spec(endpoint("GET /a"))).gone == ()
    assert bring(service, spec(format=Format.GRAPHQL)).gone == ("Query.user",)


def test_import_units__several_specs__are_one_list(service: Service) -> None:
    one, two = spec(endpoint("GET /a", "first")), spec(endpoint("GET /a", "second"), endpoint("GET /b"))
    report = bring(service, one, two, spec(endpoint("Query.user"), format=Format.GRAPHQL))
    assert sorted(report.added) == ["GET /a", "GET /b", "Query.user"]
    assert Unit.objects.get(key="GET /a").description == "first"
    assert report.warnings == ("GET /a is in two of the specs; the first one counts",)


def test_import_units__parameter_renamed__is_the_same_unit(service: Service) -> None:
    before = "GET /users/{id}"
    bring(service, spec(endpoint(before), field(before, "$.name")))
    unit = Unit.objects.get(key=before)
    after = "GET /users/{user_id}"
    report = bring(service, spec(endpoint(after), field(after, "$.name"), field(after, "$.age")))
    assert report.renamed == ((before, after), (f"{before} $.name", f"{after} $.name"))
    assert (report.added, report.gone) == ((f"{after} $.age",), ())
    unit.refresh_from_db()
    assert unit.key == after
    assert list(unit.fields.values_list("key", flat=True)) == [f"{after} $.age", f"{after} $.name"]


def test_import_units__two_candidates_for_a_rename__are_not_guessed(service: Service) -> None:
    bring(service, spec(endpoint("GET /a/{x}")))
    report = bring(service, spec(endpoint("GET /a/{y}"), endpoint("GET /a/{z}")))
    assert len(report.added) == 2 and report.gone == ("GET /a/{x}",)


def test_import_units__field_that_lost_its_endpoint__finds_it_again(service: Service) -> None:
    bring(service, spec(endpoint("GET /a"), field("GET /a", "$.b")))
    Unit.objects.filter(kind="field").update(parent=None)
    assert bring(service, spec(endpoint("GET /a"), field("GET /a", "$.b"))).changed == ("GET /a $.b",)
    assert Unit.objects.get(kind="field").parent == Unit.objects.get(kind="endpoint")


def test_import_units__key_of_another_service__stays_with_its_owner_and_is_shown(service: Service) -> None:
    key = "GET /users/{id}"
    bring(service, spec(endpoint(key), field(key, "$.name")))
    rival = save_service(project=service.project, name="rival")
    claims = spec(endpoint("GET /users/{other}"), field("GET /users/{other}", "$.more"), endpoint("GET /own"))
    # Given a claim on an endpoint that another service owns, then its owner keeps it and the claim is recorded
    report = bring(rival, claims)
    assert report.contested == ("GET /users/{other}", "GET /users/{other} $.more") and report.added == ("GET /own",)
    owned = Unit.objects.get(key=key)
    assert (owned.service, owned.contested_by) == (service, rival)
    assert not Unit.objects.filter(key__contains="$.more").exists()
    # When the owner imports again, then the claim stays; when the rival lets go, then it is settled
    bring(service, spec(endpoint(key), field(key, "$.name")))
    assert Unit.objects.get(key=key).contested_by == rival
    assert bring(rival, spec(endpoint("GET /own"))).contested == ()
    assert Unit.objects.get(key=key).contested_by is None


def test_import_units__other_projects__are_not_looked_at(service: Service, stranger: Any) -> None:
    elsewhere = save_service(project=Project.objects.get(slug="elsewhere"), name="main")
    bring(service, spec(endpoint("GET /a")))
    assert bring(elsewhere, spec(endpoint("GET /a"))).added == ("GET /a",)
    assert bring(elsewhere, spec()).gone == ("GET /a",)
    assert Unit.objects.get(project=service.project).gone_at is None


def test_import_units__dry_run__says_the_same_and_writes_nothing(service: Service) -> None:
    bring(service, spec(endpoint("GET /a"), endpoint("GET /b")))
    before, version = list(Unit.objects.values()), version_of(service.project)
    wanted = spec(endpoint("GET /a", "new words"), endpoint("GET /c"))
    dry = bring(service, wanted, dry_run=True)
    assert list(Unit.objects.values()) == before and version_of(service.project) == version
    assert bring(service, wanted) == dry


def test_import_units__endpoint_that_traffic_had_shown__is_no_longer_offered(service: Service) -> None:
    for key in ("GET /users/{id}", "GET /other"):
        ObservedEndpoint.objects.create(project=service.project, key=key, first_seen_at=NOW, last_seen_at=NOW)
    bring(service, spec(endpoint("GET /users/{user}")))
    assert list(ObservedEndpoint.objects.values_list("key", flat=True)) == ["GET /other"]


def test_import_units__tracked_from_traffic__takes_the_name_of_the_spec(service: Service) -> None:
    unit = create_unit(
        project=service.project, service=service, key="GET /u/{id}", kind="endpoint", now=NOW, source=Source.TRAFFIC
    )
    report = bring(service, spec(endpoint("GET /u/{user}"), field("GET /u/{user}", "$.name")))
    assert report.renamed == (("GET /u/{id}", "GET /u/{user}"),)
    assert Unit.objects.get(kind="field").parent_id == unit.pk


def test_import_units__thousands__take_few_queries_and_report_their_progress(service: Service) -> None:
    units = [endpoint(f"GET /e/{i}") for i in range(300)]
    units += [field(unit.key, f"$.f{i}") for unit in units for i in range(20)]
    seen: list[tuple[int, int]] = []
    with CaptureQueriesContext(
        connection,
    ) as first:
        bring(service, spec(*units), progress=lambda done, total: seen.append((done, total)))
    with CaptureQueriesContext(connection) as second:
        report = bring(service, spec(*[UnitSpec(key=u.key, kind=u.kind, operation=u.operation, description="d",
                                                parent_key=u.parent_key) for u in units]))  # fmt: skip
    assert len(report.changed) == len(units) == 6300
    assert seen[-1] == (6300, 6300) and len(seen) == 7
    assert len(first) < 20 and len(second) < 20


# ------------------------------------------------------------------------------------- command

DOCUMENT = {"openapi": "3.0.0", "info": {"title": "T"}, "paths": {"/a": {"get": {}, "post": {}}, "/b?x": {"get": {}}}}


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(DOCUMENT))
    return path


def run(*arguments: object) -> str:
    out = StringIO()
    call_command("import_spec", *map(str, arguments), stdout=out, stderr=StringIO())
    return out.getvalue()


def refused(*arguments: object) -> str:
    with pytest.raises(CommandError) as error:
        run(*arguments)
    assert error.value.returncode == 2 and "\n" not in str(error.value)
    return str(error.value)


def test_import_spec__first_and_second_time__says_what_happened(project: Project, document: Path) -> None:
    assert run(document, "--project", "shop") == "3 added, 0 changed, 0 gone, 0 unchanged\n"
    assert run(document, "--project", "shop") == "0 added, 0 changed, 0 gone, 3 unchanged\n"
    assert [service.name for service in project.services.all()] == ["main"]


def test_import_spec__units_that_were_gone__are_told_as_back(project: Project, document: Path) -> None:
    run(document, "--project", "shop")
    less = document.with_name("less.json")
    less.write_text(json.dumps(DOCUMENT | {"paths": {"/a": DOCUMENT["paths"]["/a"]}}))  # type: ignore[index]
    assert run(less, "--project", "shop") == "0 added, 0 changed, 1 gone, 2 unchanged\n"
    assert (
        run(document, "--project", "shop", "--dry-run") == "Would be: 0 added, 1 changed, 0 gone, 2 unchanged, 1 back\n"
    )
    said = json.loads(run(document, "--project", "shop", "--json"))
    assert (said["changed"], said["back"], said["back_keys"]) == (1, 1, ["GET /b"])


def test_import_spec__json__is_one_object_with_counts_keys_and_warnings(project: Project, document: Path) -> None:
    said = json.loads(run(document, "--project", "shop", "--json"))
    assert {name: said[name] for name in ("added", "changed", "gone", "unchanged", "contested")} == {
        "added": 3, "changed": 0, "gone": 0, "unchanged": 0, "contested": 0,
    }  # fmt: skip
    assert said["added_keys"] == ["GET /a", "POST /a", "GET /b"]
    assert len(said["warnings"]) == 1 and said["specs"][0]["counts"]["operations"] == 3


def test_import_spec__dry_run__leaves_no_service_behind(project: Project, document: Path) -> None:
    assert run(document, "--project", "shop", "--dry-run").startswith("Would be: 3 added")
    assert not project.services.exists() and not Unit.objects.exists()


def test_import_spec__options__reach_the_reader(project: Project, tmp_path: Path) -> None:
    answer: dict[str, Any] = {
        "content": {"application/json": {"schema": {"properties": {"a": {"properties": {"b": {}}}}}}}
    }
    path = tmp_path / "s.json"
    operation = {"get": {"responses": {"200": answer}}}
    path.write_text(json.dumps({"openapi": "3.0.0", "servers": [{"url": "/api"}], "paths": {"/a": operation}}))
    run(path, "--project", "shop", "--depth", 1, "--base-path", "/v9")
    assert set(Unit.objects.values_list("key", flat=True)) == {"GET /v9/a", "GET /v9/a $.a"}


def test_import_spec__graphql__brings_roots_and_fields(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "schema.graphql"
    path.write_text("type Query { user: User } type User { firstName: String }")
    run(path, "--project", "shop", "--service", "users")
    found = Unit.objects.values_list("key", "kind", "service__name")
    assert set(found) == {("Query.user", "endpoint", "users"), ("User.firstName", "field", "users")}


def test_import_spec__several_services__asks_which(project: Project, document: Path) -> None:
    for name in ("users", "orders"):
        save_service(project=project, name=name)
    assert "orders, users" in refused(document, "--project", "shop")
    assert "no service 'typo'" in refused(document, "--project", "shop", "--service", "typo")
    assert run(document, "--project", "shop", "--service", "users").startswith("3 added")


def test_import_spec__bad_input__is_one_line_and_exit_code_2(project: Project, document: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text('{"openapi": ')
    assert refused(broken, "--project", "shop").startswith(f"{broken}:1:13: not JSON")
    assert "No such file" in refused(tmp_path / "missing", "--project", "shop")
    assert "directory" in refused(tmp_path, "--project", "shop")
    assert "no project 'nope'" in refused(document, "--project", "nope")
    assert "depth" in refused(document, "--project", "shop", "--depth", 99)
    assert not Unit.objects.exists() and not project.services.exists()
