"""Rules: made, held against what is stored, taken back, expired."""

from datetime import timedelta

import pytest
from django.db import IntegrityError

from migrator.access.rights import Forbidden, Via, console, person
from migrator.core.wire import Finding, HiddenCount, Outcome, PathCount, Sample, Side
from migrator.dataplane.reading import read_project
from migrator.inventory.models import Kind, Project, Unit
from migrator.inventory.services import Invalid, create_unit
from migrator.observations.clustering import place_new
from migrator.observations.models import GroupNote, GroupStatus, MismatchGroup, Rule, RuleHit
from migrator.observations.queries import rules_of, suggestions
from migrator.observations.reach import would_hide
from migrator.observations.ruling import create_rule, expire_due, revoke_rule
from migrator.observations.services import fold_batch
from migrator.observations.specs import RuleDraft, checked, spec_of
from tests.observations.conftest import NOW, WINDOW, entries, report, tally

pytestmark = pytest.mark.django_db

ME = console(name="ada")
DAY = timedelta(days=1)


def fold(*reports, now=NOW):
    fold_batch(shard=0, entries=entries(*reports), now=now)
    place_new()


def paths(*shapes, kind="value", count=2):
    return tuple(PathCount(shape=shape, kind=kind, count=count) for shape in shapes)


def rule(project, path="$.name", kind="ignore", now=NOW, **more):
    scope = {name: more.pop(name) for name in ("unit", "service", "parameters") if name in more}
    draft = RuleDraft(kind=kind, path=path, **scope)
    return create_rule(project=project, draft=draft, actor=ME, reason="noise", now=now, **more)


def group(shape="$.name"):
    return MismatchGroup.objects.get(shape=shape)


def epoch(unit):
    return Unit.objects.get(pk=unit.pk).evidence_epoch


def test_preview__of_an_ignored_place__counts_differences_groups_and_units(project, unit):
    fold(report(1, tally(unit, paths=paths("$.name", "$.name.first", "$.age"))))

    preview = would_hide(project=project, specs=[checked(RuleDraft(kind="ignore", path="$.name"))], now=NOW)

    assert (preview.differences, preview.groups, preview.units) == (4, 2, 1)
    assert preview.sentence == "Would hide 4 differences of the last 7 days in 2 groups."


def test_preview__of_what_nothing_shows__says_so(project, unit):
    fold(report(1, tally(unit)))

    preview = would_hide(project=project, specs=[checked(RuleDraft(kind="ignore", path="$.other"))], now=NOW)

    assert preview.sentence == "Would hide nothing of the last 7 days."


@pytest.mark.parametrize(("control", "sure", "unsure"), [('"ADA"', 2, 0), ('"Eve"', 0, 0), ("string(3) #a1b2c3", 0, 2)])
def test_preview__of_a_form__asks_the_samples(project, unit, control, sure, unsure):
    found = Finding(path="$.name", shape="$.name", kind="value", control=control, candidate='"ada"')
    sample = Sample(
        unit=unit.pk, evidence_epoch=0, at=WINDOW + 1.0, outcome=Outcome.MISMATCH, served=Side.LEGACY,
        method="GET", path="/users/{id}", findings=(found,),
    )  # fmt: skip
    fold(report(1, tally(unit), samples=(sample,)))
    spec = checked(RuleDraft(kind="normalise", path="$.name", parameters={"form": "case"}))

    preview = would_hide(project=project, specs=[spec], now=NOW)

    assert (preview.differences, preview.unsure_differences) == (sure, unsure)


def test_rule__created__settles_its_groups_and_starts_their_evidence_afresh(project, unit, name_field, service):
    other = create_unit(project=project, service=service, key="GET /other", kind=Kind.ENDPOINT, now=NOW)
    fold(
        report(
            1,
            tally(unit, paths=paths("$.name", "$.age")),
            tally(name_field, paths=()),
            tally(other, paths=paths("$.x")),
        )
    )
    before = Project.objects.get().version

    made = rule(project)

    assert (epoch(unit), epoch(name_field), epoch(other)) == (1, 1, 0)
    assert (group().status, group().rule_id, group("$.age").status) == (GroupStatus.HIDDEN, made.pk, GroupStatus.NEW)
    assert Project.objects.get().version == before + 1 == made.table_version
    assert GroupNote.objects.get().text == "noise"


def test_rule__in_the_table__travels_whole_with_every_change(project, unit):
    before = read_project(slug="shop")
    made = rule(project, unit=unit, kind="normalise", parameters={"form": "case"})

    change = read_project(slug="shop", after=before.version)

    assert change.rules == (spec_of(made),)
    assert change.rules[0].form == "case" and change.rules[0].unit == unit.pk
    assert change.rules_version == change.version.number
    assert [each.route.id for each in change.changed] == [unit.pk]
    assert before.rules == ()


def test_rule__tally_judged_before_it__does_not_bring_its_group_back(project, unit):
    fold(report(1, tally(unit)))
    rule(project)

    fold(report(2, tally(unit, evidence_epoch=0)))
    assert group().status == GroupStatus.HIDDEN

    fold(report(3, tally(unit, evidence_epoch=1)))
    assert group().status == GroupStatus.REGRESSED


def test_rule__expired__brings_its_groups_back_as_regressed_with_evidence_afresh(project, unit):
    fold(report(1, tally(unit)))
    rule(project, expires_at=NOW + DAY)
    assert expire_due(now=NOW + DAY / 2) == 0
    version = Project.objects.get().version

    assert expire_due(now=NOW + DAY) == 1
    assert expire_due(now=NOW + DAY) == 0

    assert (group().status, epoch(unit)) == (GroupStatus.REGRESSED, 2)
    assert Project.objects.get().version == version + 1
    assert read_project(slug="shop").rules == ()


def test_rule__taken_back__opens_its_groups_once(project, unit):
    fold(report(1, tally(unit)))
    made = rule(project, kind="accept")
    assert group().status == GroupStatus.ACCEPTED

    for _ in range(2):
        made = revoke_rule(rule=made, actor=ME, reason="wrong", now=NOW)

    assert (made.revoked_by, group().status, epoch(unit)) == ("ada", GroupStatus.ONGOING, 2)
    assert [note.change.split(" (")[0] for note in GroupNote.objects.all()] == ["accepted", "ongoing"]


def test_rule__that_hid_something_unstored__is_taken_back_with_that_units_evidence(project, unit):
    made = rule(project)
    fold(report(1, tally(unit, hidden=(HiddenCount(rule=made.pk, count=3),), paths=())))

    revoke_rule(rule=made, actor=ME, now=NOW)

    assert epoch(unit) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"path": "$["}, "path"),
        ({"path": "$"}, "path"),
        ({"kind": "tolerance"}, "absolute"),
        ({"kind": "guess"}, "kind"),
        ({"parameters": {"colour": 1}}, "colour"),
        ({"kind": "normalise", "parameters": {"form": "pattern", "pattern": "(a+)+"}}, "pattern"),
        ({"kind": "tolerance", "parameters": {"absolute": -1}}, "absolute"),
        ({"expires_at": NOW - DAY}, "expires_at"),
        ({"expires_at": NOW + 400 * DAY}, "expires_at"),
    ],
)
def test_rule__that_means_nothing__is_refused_by_its_field(project, changes, field):
    with pytest.raises(Invalid) as refusal:
        rule(project, **changes)

    assert refusal.value.field == field
    assert not Rule.objects.exists()


def test_rule__that_another_ignores__is_refused_as_a_contradiction(project):
    rule(project, path="$.a")

    with pytest.raises(Invalid, match="is ignored"):
        rule(project, path="$.a.b", kind="normalise", parameters={"form": "case"})


def test_rule__without_the_right__is_forbidden(project, viewer):
    with pytest.raises(Forbidden):
        create_rule(
            project=project,
            draft=RuleDraft(kind="ignore", path="$.a"),
            actor=person(user=viewer, project=project, via=Via.API),
            reason="x",
            now=NOW,
        )


def test_rule__of_a_unit_and_a_service__is_refused_by_the_database_too(project, unit, service):
    made = rule(project)
    with pytest.raises(IntegrityError):
        Rule.objects.filter(pk=made.pk).update(unit=unit, service=service)


def test_hits__of_reports__are_counted_by_unit_and_foreign_rules_left_out(project, unit):
    made = rule(project)
    hidden = (HiddenCount(rule=made.pk, count=3), HiddenCount(rule=10**9, count=1))
    fold(report(1, tally(unit, hidden=hidden)), report(2, tally(unit, hidden=hidden)))

    [figures] = rules_of(project=project, now=NOW)

    assert [(each.unit_key, each.pairs) for each in figures.units] == [("GET /users/{id}", 6)]
    assert (figures.pairs, figures.unused, RuleHit.objects.count()) == (6, False, 1)
    assert figures.last_hit_at.timestamp() == WINDOW


def test_rules__that_hide_nothing_or_too_much__are_named(project, unit):
    fold(report(1, tally(unit, paths=paths(*(f"$.a.b{n}" for n in range(12))))))
    broad, idle = rule(project, path="$.a"), rule(project, path="$.z")

    figures = {each.id: each for each in rules_of(project=project, now=NOW + 15 * DAY)}

    assert "12 places" in figures[broad.pk].over_broad
    assert figures[idle.pk].unused and figures[idle.pk].over_broad is None
    assert figures[idle.pk].sentence == "Nothing is compared at $.z and under it of all endpoints."


def test_suggestions__for_a_group__come_with_what_they_would_hide(project, unit):
    found = Finding(path="$.name", shape="$.name", kind="value", control='"ADA"', candidate='"ada"')
    sample = Sample(
        unit=unit.pk, evidence_epoch=0, at=WINDOW + 1.0, outcome=Outcome.MISMATCH, served=Side.LEGACY,
        method="GET", path="/users/{id}", findings=(found,),
    )  # fmt: skip
    fold(report(1, tally(unit), samples=(sample,)))

    made = suggestions(group=group(), now=NOW)

    assert made[0].rules[0].form == "case"
    assert made[0].rules[0].unit == unit.pk
    assert (made[0].certain, made[0].preview.differences) == (True, 2)
