"""The proof as a whole: four parts, each needed, and what it says where one is missing."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from migrator.core.gate import Pass
from migrator.core.rulespec import RuleKind
from migrator.core.stages import Stage
from migrator.inventory.importers.reading import read_spec
from migrator.inventory.imports import import_units
from migrator.inventory.models import Project, Service, Unit
from migrator.inventory.services import Invalid
from migrator.ledger.models import Entry, Kind
from migrator.observations.ruling import create_rule, revoke_rule
from migrator.observations.specs import RuleDraft
from migrator.removal.models import Reference, Repository
from migrator.removal.proof import LABEL, REFERENCES, TEAR_DOWN, TRAFFIC, Proof
from migrator.removal.queries import deletable, proof_of, references_to
from migrator.removal.services import Findings, Sight, report_scan, tick
from tests.removal.conftest import ACTOR, DAY, NOW, AddUnit, fresh, prove, register, scan


@pytest.fixture
def unit(add_unit: AddUnit) -> Unit:
    return add_unit("GET /users/{id}")


def proof(unit: Unit) -> Proof:
    return proof_of(units=[fresh(unit)], now=NOW)[unit.pk]


def result(unit: Unit, part: str) -> Pass:
    return proof(unit).part(part).result


def test_proof__nothing_known__is_not_complete_and_nothing_in_it_passes_for_want_of_data(unit: Unit) -> None:
    found = proof(unit)
    assert not found.complete
    assert [part.result for part in found.parts] == [Pass.NO_DATA, Pass.NO_DATA, Pass.PASS, Pass.NO_DATA]
    assert found.part(LABEL).sentence == "No spec of users is used: nothing there can mark it."


def test_proof__all_four_parts__is_complete_and_can_be_deleted_today(unit: Unit, project: Project) -> None:
    prove(unit)
    assert proof(unit).complete
    assert deletable(project=project, now=NOW) == [unit]


def clean_scan_of_another_branch(unit: Unit) -> None:
    Repository.objects.update(branch="release")


def alias_that_nobody_looked_for(unit: Unit) -> None:
    Unit.objects.filter(pk=unit.pk).update(aliases=["legacy_user"])


def new_repository(unit: Unit) -> None:
    register(unit.project, "ios")


def label(unit: Unit) -> None:
    Unit.objects.filter(pk=unit.pk).update(label='@override(label: "percent(5)")')


def sister(unit: Unit) -> None:
    Unit.objects.filter(pk=unit.pk).update(sister=True)


def word_taken_back(unit: Unit) -> None:
    tick(unit=unit, what="deployment", actor=ACTOR, now=NOW, done=False)


def new_reference(unit: Unit) -> None:
    scan(Repository.objects.get(), unit, at=NOW, lines=[(unit, 'get("/users/" + id)')])


def later_stage_start(unit: Unit) -> None:
    Unit.objects.filter(pk=unit.pk).update(stage_since=NOW - 3 * DAY)


@pytest.mark.parametrize(
    ("change", "part", "becomes"),
    [
        (clean_scan_of_another_branch, REFERENCES, Pass.NO_DATA),
        (alias_that_nobody_looked_for, REFERENCES, Pass.NO_DATA),
        (new_repository, REFERENCES, Pass.NO_DATA),
        (new_reference, REFERENCES, Pass.FAIL),
        (label, LABEL, Pass.FAIL),
        (sister, TEAR_DOWN, Pass.FAIL),
        (word_taken_back, TEAR_DOWN, Pass.NO_DATA),
        (later_stage_start, TRAFFIC, Pass.NO_DATA),
    ],
)
def test_proof__one_part_taken_away__is_incomplete_and_says_which(
    unit: Unit, change: Callable[[Unit], None], part: str, becomes: Pass
) -> None:
    prove(unit)
    change(unit)
    found = proof(unit)
    assert (found.complete, found.part(part).result) == (False, becomes)
    assert found.part(part).sentence in found.sentence


def test_proof__of_many_units__takes_as_many_queries_as_of_one(add_unit: AddUnit) -> None:
    units = [add_unit(f"GET /u{n}/{{id}}") for n in range(4)]
    prove(*units)
    counts = []
    for some in (units[:1], units):
        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert all(each.complete for each in proof_of(units=some, now=NOW).values())
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 16


# ------------------------------------------------------------------------------------- scans


def test_scan__that_is_dirty_or_too_old__is_no_proof(unit: Unit, project: Project) -> None:
    repository = register(project)
    scan(repository, unit, dirty=True)
    assert "Not scanned yet" in proof(unit).part(REFERENCES).sentence
    scan(repository, unit, at=NOW - 15 * DAY)
    assert "older than 14 days: web" in proof(unit).part(REFERENCES).sentence
    assert result(unit, REFERENCES) is Pass.NO_DATA


def test_scan__newest_of_the_branch__counts_alone_and_names_its_commit(unit: Unit, project: Project) -> None:
    repository = register(project)
    scan(repository, unit, lines=[(unit, "x")], commit="aaaaaaaaaaaaaaaa")
    scan(repository, unit, branch="feature", commit="bbbbbbbbbbbbbbbb")
    assert "1 line of code still names it: web at aaaaaaaaaaaa (1)" in proof(unit).sentence
    scan(repository, unit, commit="cccccccccccccccc")
    assert proof(unit).part(REFERENCES).sentence == "No line of code names it: web at cccccccccccc."
    scan(repository, unit, lines=[(unit, "x")], branch="feature")
    assert result(unit, REFERENCES) is Pass.PASS


def test_scan__repository_that_is_not_required__is_neither_waited_for_nor_counted(unit: Unit, project: Project) -> None:
    scan(register(project), unit)
    scan(register(project, "playground", required=False), unit, lines=[(unit, "x")])
    assert result(unit, REFERENCES) is Pass.PASS


def test_scan__line_with_a_secret__is_not_kept(unit: Unit, project: Project) -> None:
    scan(register(project), unit, lines=[(unit, 'curl -H "Authorization: Bearer abcdefgh12345678" /users/1')])
    assert "abcdefgh" not in Reference.objects.get().excerpt


def test_scan__of_the_ledger__is_recorded_where_it_changes_what_is_known(unit: Unit, project: Project) -> None:
    repository = register(project)
    before = Entry.objects.count()
    scan(repository, unit, lines=[(unit, "x")])
    scan(repository, unit, lines=[(unit, "x"), (unit, "y")])
    scan(repository, unit, branch="feature")
    scan(repository, unit)
    added = list(Entry.objects.filter(kind=Kind.REMOVAL).order_by("number"))[-(Entry.objects.count() - before) :]
    assert [entry.body["appeared"] for entry in added] == [[unit.key], []]
    assert added[-1].body["cleared"] == [unit.key]


def test_scan__names_a_unit_of_another_project__is_refused(unit: Unit, project: Project) -> None:
    sight = Sight(unit=unit.pk + 999, path="a", line=1, excerpt="", alias="x")
    findings = Findings(
        commit="c", branch="main", dirty=False, files=1, seconds=0, patterns=1, found=1, looked_for=[],
        references=[sight],
    )  # fmt: skip
    with pytest.raises(Invalid, match="does not have"):
        report_scan(repository=register(project), findings=findings, actor=ACTOR, now=NOW)


def test_references_to__unit_found_in_two_repositories__lists_lines_of_the_newest_scans(
    unit: Unit, project: Project
) -> None:
    scan(register(project), unit, lines=[(unit, "old")])
    scan(register(project), unit, lines=[(unit, "one"), (unit, "two")])
    scan(register(project, "ios"), unit, lines=[(unit, "three")])
    assert [line.excerpt for line in references_to(unit=unit)] == ["three", "one", "two"]


# ------------------------------------------------------------------------------------- labels

SPEC = """
openapi: 3.0.0
paths:
  /users/{id}:
    get:
      x-migrator-label: to-candidate
      responses: {200: {description: it, content: {application/json: {schema: {type: object, properties:
        {name: {type: string, x-migrator-label: half}, age: {type: integer}}}}}}}
"""
SCHEMA = """
type Query { user: User @override(from: "legacy", label: "percent(5)") other: Int @deprecated(reason: "x") }
type User { firstName: String @migrator(label: "wave 2") lastName: String @override(from: "legacy") }
"""


def bring_in(project: Project, service: Service, spec: str, *, at: object = NOW) -> dict[str, str]:
    name = "schema.graphql" if "type Query" in spec else "spec.yaml"
    found = read_spec(spec.encode(), filename=name)
    import_units(project=project, service=service, specs=[found], now=at)  # type: ignore[arg-type]
    return dict(Unit.objects.filter(project=project).values_list("key", "label"))


def test_import__labels_of_openapi__are_kept_and_cleared_by_a_later_import(project: Project, service: Service) -> None:
    labels = bring_in(project, service, SPEC)
    assert labels["GET /users/{id}"] == "to-candidate"
    assert (labels["GET /users/{id} $.name"], labels["GET /users/{id} $.age"]) == ("half", "")
    assert set(bring_in(project, service, SPEC.replace("x-migrator-label", "x-other")).values()) == {""}


def test_import__labels_of_graphql__are_those_of_override_and_migrator_only(project: Project, service: Service) -> None:
    labels = bring_in(project, service, SCHEMA)
    assert labels == {
        "Query.user": '@override(label: "percent(5)")',
        "Query.other": "",
        "User.firstName": '@migrator(label: "wave 2")',
        "User.lastName": "",
    }
    gone = bring_in(project, service, "type Query { other: Int }")
    assert set(gone.values()) == {""}


def test_label__spec_read_before_removal_began__is_not_proof_until_it_is_read_again(
    project: Project, service: Service, add_unit: AddUnit
) -> None:
    bring_in(project, service, SPEC.replace("x-migrator-label", "x-other"), at=NOW - 30 * DAY)
    unit = add_unit("GET /orders", days=20)
    assert result(unit, LABEL) is Pass.NO_DATA
    assert "import it once more" in proof(unit).part(LABEL).sentence
    bring_in(project, service, SPEC, at=NOW - DAY)
    assert result(unit, LABEL) is Pass.PASS


# ---------------------------------------------------------------------------------- tear-down


def test_tear_down__rule_of_its_own_in_force__is_to_be_revoked(unit: Unit, project: Project) -> None:
    prove(unit)
    rule = create_rule(
        project=project, draft=RuleDraft(kind=RuleKind.IGNORE, path="$.at", unit=unit), actor=ACTOR, reason="r", now=NOW
    )
    assert "1 rule of its own is in force" in proof(unit).part(TEAR_DOWN).sentence
    revoke_rule(rule=rule, actor=ACTOR, now=NOW)
    assert proof(unit).complete


def test_tear_down__word_given_before_removal_began_again__does_not_count(unit: Unit) -> None:
    prove(unit)
    Unit.objects.filter(pk=unit.pk).update(stage_since=NOW + DAY)
    assert "Nobody has said yet" in proof(unit).part(TEAR_DOWN).sentence


def test_tear_down__of_a_write__asks_for_its_sister_datastores(add_unit: AddUnit) -> None:
    unit = add_unit("POST /users")
    assert "sister datastores" in proof(unit).part(TEAR_DOWN).sentence
    with pytest.raises(Invalid, match="Asked for: deployment, sister-stores, mirroring"):
        tick(unit=unit, what="nonsense", actor=ACTOR, now=NOW)


def test_tear_down__service_with_units_still_on_their_way__keeps_its_mirror(unit: Unit, add_unit: AddUnit) -> None:
    add_unit("GET /orders", stage=Stage.SHADOW)
    assert "mirror" not in proof(unit).part(TEAR_DOWN).sentence
    with pytest.raises(Invalid):
        tick(unit=unit, what="mirroring", actor=ACTOR, now=NOW)


def test_tick__said_once_for_the_service__counts_for_all_its_units_and_stands_in_the_ledger(
    unit: Unit, add_unit: AddUnit
) -> None:
    other = add_unit("GET /orders")
    tick(unit=unit, what="mirroring", actor=ACTOR, now=NOW)
    tick(unit=unit, what="mirroring", actor=ACTOR, now=NOW)
    assert "mirror" not in proof(other).part(TEAR_DOWN).sentence
    told = Entry.objects.filter(kind=Kind.REMOVAL, body__tear_down="mirroring")
    assert [(entry.actor, entry.unit_id, entry.body["done"]) for entry in told] == [("ana", unit.pk, True)]
