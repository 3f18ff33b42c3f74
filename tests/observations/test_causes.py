"""What is one cause, and what people do with it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from migrator.access.rights import console
from migrator.core.stages import Operation
from migrator.core.tally import subject_hash
from migrator.core.wire import CauseCount, Finding, Outcome, PathCount, Sample, Side
from migrator.inventory.models import Kind, Unit
from migrator.inventory.services import Invalid, create_unit
from migrator.observations import settling
from migrator.observations.clustering import place_new
from migrator.observations.models import GroupNote, GroupStatus, MismatchGroup, Rule
from migrator.observations.queries import (
    Mark,
    Wanted,
    cause,
    causes_across_units,
    count_by_status,
    groups,
    mismatches,
)
from migrator.observations.services import fold_batch
from migrator.observations.specs import RuleDraft
from tests.observations.conftest import NOW, WINDOW, entries, report, tally

pytestmark = pytest.mark.django_db

ME = console(name="ada")
DAY = timedelta(days=1)
LISTED = "string → array of it"


def fold(*reports, now=NOW):
    fold_batch(shard=0, entries=entries(*reports), now=now)
    place_new()


def differing(unit, *sets, pattern="", kind="value", whole=False, **more):
    """A tally in which each set of shapes differed together in one pair."""
    shapes = list(dict.fromkeys(shape for each in sets for shape in each))
    counts = {shape: sum(shape in each for each in sets) for shape in shapes}
    paths = tuple(
        PathCount(shape=s, kind=kind, count=counts[s], pattern=pattern, whole=counts[s] if whole else 0) for s in shapes
    )
    causes = tuple(CauseCount(places=tuple(sorted(map(shapes.index, each))), count=1, **more) for each in sets)
    return tally(unit, outcomes={Outcome.MISMATCH: 10}, paths=paths, causes=causes)


def listed(project, **wanted):
    return [
        tuple(member.path for member in row.members) for row in mismatches(project=project, wanted=Wanted(**wanted))
    ]


def test_cause__forty_members_that_became_lists__is_one_row_that_says_so(project, unit):
    headers, args = ([f"$.{parent}.n{n}" for n in range(20)] for parent in ("headers", "args"))
    pairs = [[*headers, arg] for arg in args[:8]]
    fold(report(1, differing(unit, *pairs, pattern=LISTED, kind="type", whole=True)))

    [row] = mismatches(project=project)

    assert row.places == 28
    assert row.count == 8
    assert row.sentence == (
        "Every value under $.args and $.headers is a string in legacy, an array of it in the candidate."
    )


def test_cause__siblings_that_differ_in_the_same_pairs__are_one(project, unit):
    fold(report(1, differing(unit, ["$.first", "$.last"], ["$.first", "$.last", "$.age"])))

    assert sorted(listed(project)) == [("$.age",), ("$.first", "$.last")]


def test_cause__siblings_that_once_differed_apart__are_two(project, unit):
    fold(report(1, differing(unit, ["$.first", "$.last"])))
    fold(report(2, differing(unit, ["$.first"])))

    assert sorted(listed(project)) == [("$.first",), ("$.last",)]


@pytest.mark.parametrize("other", [{"pattern": "number"}, {"kind": "missing"}])
def test_cause__other_pattern_or_kind_beside_it__is_another(project, unit, other):
    one = differing(unit, ["$.first"])
    two = differing(unit, ["$.last"], **other)
    both = replace(one, paths=(*one.paths, *two.paths), causes=(CauseCount(places=(0, 1), count=1),))
    fold(report(1, both))

    assert len(listed(project)) == 2


def test_cause__rare_difference_beside_a_common_one__is_as_visible(project, unit):
    common, rare = ["$.b"], ["$.rare"]
    fold(report(1, differing(unit, *[common] * 8)))
    fold(report(2, differing(unit, rare)), now=NOW + DAY)

    assert set(listed(project)) == {("$.b",), ("$.rare",)}


def test_causes__in_pages__each_once_news_first(project, unit):
    for n in range(5):
        fold(report(n + 1, replace(differing(unit, [f"$.a{n}"]), window=WINDOW + 10 * n)))
    seen, mark = [], None
    while page := mismatches(project=project, after=mark, limit=2):
        seen += [row.path for row in page]
        mark = Mark(page[-1].raised_at, page[-1].id)

    assert seen == [f"$.a{n}" for n in reversed(range(5))]


def test_causes__asked_for_by_what_they_are__are_those(project, unit, engineer):
    fold(
        report(
            1,
            differing(unit, ["$.a"]),
        ),
        report(2, differing(unit, ["$.b"], kind="type")),
    )
    group = MismatchGroup.objects.get(shape="$.a")
    settling.assign(group=group, user=engineer, actor=ME, now=NOW)

    assert listed(project, kind="type") == [("$.b",)]
    assert listed(project, assignee_id=engineer.pk) == [("$.a",)]
    assert listed(project, unassigned=True) == [("$.b",)]
    assert listed(project, search="$.A") == [("$.a",)]
    assert len(listed(project, search="users")) == 2
    assert listed(project, unit_id=unit.pk + 1) == []
    assert count_by_status(project=project) == {"new": 2}


def test_cause__whose_evidence_started_afresh__stays_listed_but_not_present(project, unit):
    fold(report(1, differing(unit, ["$.a"])))
    Unit.objects.update(evidence_epoch=1)

    [row] = mismatches(project=project)

    assert (row.present, row.count, row.total) == (False, 0, 1)
    assert listed(project, present=True) == []


def test_cause__in_full__tells_callers_builds_hours_and_notes(project, unit):
    met = {"subjects": (3, 9), "callers": {"ios": 1}, "legacy_builds": {"1.0": 1}, "candidate_builds": {"2.0": 1}}
    fold(report(1, differing(unit, ["$.a"], **met)))
    fold_batch(shard=1, entries=entries(report(1, differing(unit, ["$.a"], ["$.a"], **met), source="gw-2/0")), now=NOW)
    group = MismatchGroup.objects.get()
    settling.comment(group=group, actor=ME, text="Ask Bob", now=NOW)

    told = cause(group=group)

    assert told.callers == 2
    assert [(share.name, share.share, share.count) for share in told.caller_shares] == [("ios", 1.0, 3)]
    assert (told.legacy_builds[0].name, told.candidate_builds[0].count) == ("1.0", 3)
    assert [count for _, count in told.hours] == [3]
    assert [(note.author, note.text) for note in told.notes] == [("ada", "Ask Bob")]


def test_causes__of_the_same_name_in_many_units__are_linked(project, unit, service):
    other = create_unit(project=project, service=service, key="GET /b", kind=Kind.ENDPOINT, now=NOW)
    turned = {"pattern": "string, same instant"}
    fold(
        report(1, differing(unit, ["$.created_at"], ["$.name"], **turned)),
        report(2, differing(other, ["$.items[*].created_at"], **turned)),
    )

    [kin] = causes_across_units(project=project)

    assert (kin.name, kin.units, kin.pattern, kin.total) == ("created_at", 2, "string, same instant", 2)


def sampled(unit, shape, *, at, subject, method="GET"):
    found = Finding(path=shape, shape=shape, kind="value", control='"a"', candidate='"b"')
    return Sample(
        unit=unit.pk, evidence_epoch=0, at=at, outcome=Outcome.MISMATCH, served=Side.LEGACY, method=method,
        path=f"/{subject}", findings=(found,), subject=subject_hash(subject),
    )  # fmt: skip


def test_cause__that_follows_a_write_of_the_same_callers__names_it_as_its_origin(project, unit, service):
    write = create_unit(
        project=project, service=service, key="POST /users", kind=Kind.ENDPOINT, now=NOW, operation=Operation.WRITE
    )
    samples = []
    for n in range(3):
        samples.append(sampled(write, "$.id", at=WINDOW - 60.0 + n, subject=f"u{n}", method="POST"))
        samples.append(sampled(unit, "$.name", at=WINDOW - 50.0 + n, subject=f"u{n}"))
    samples.append(sampled(unit, "$.name", at=WINDOW - 40.0, subject="alone"))
    fold(report(1, tally(unit), differing(write, ["$.id"]), samples=tuple(samples)))

    read, first = MismatchGroup.objects.get(shape="$.name"), MismatchGroup.objects.get(shape="$.id")

    origin = cause(group=read).origin
    assert (origin.group_id, origin.unit_key, origin.samples, origin.of) == (first.pk, "POST /users", 3, 4)
    assert cause(group=first).origin is None


@pytest.mark.parametrize(
    ("settled_as", "status"),
    [("noise", "archived"), ("race", "archived"), ("bug", "ongoing"), ("archived", "archived")],
)
def test_settle__without_a_rule__moves_the_whole_cause_and_writes_it_down(project, unit, settled_as, status):
    fold(report(1, differing(unit, ["$.first", "$.last"])))
    follower = MismatchGroup.objects.get(leader__isnull=False)

    settling.settle(group=follower, settled_as=settled_as, actor=ME, text="seen", now=NOW)
    place_new()

    assert set(MismatchGroup.objects.values_list("status", "settled_as")) == {(status, settled_as)}
    assert len(listed(project, statuses=())) == 1
    assert set(GroupNote.objects.values_list("author", "text")) == {("ada", "seen")}


def test_settle__accepted__makes_a_rule_for_each_place_of_the_unit(project, unit):
    fold(report(1, differing(unit, ["$.first", "$.last"])))

    made = settling.settle(group=MismatchGroup.objects.first(), settled_as="accepted", actor=ME, now=NOW)

    assert {(rule.kind, rule.path, rule.unit_id) for rule in made} == {
        ("accept", "$.first", unit.pk), ("accept", "$.last", unit.pk),
    }  # fmt: skip
    assert set(MismatchGroup.objects.values_list("status", "settled_as")) == {("accepted", "accepted")}


def test_settle__accepted_as_a_whole__makes_one_rule_for_each_object(project, unit):
    fold(report(1, differing(unit, [f"$.headers.h{n}" for n in range(30)], pattern=LISTED, kind="type", whole=True)))

    [made] = settling.settle(group=MismatchGroup.objects.first(), settled_as="accepted", actor=ME, now=NOW)

    assert made.path == "$.headers.*"
    assert set(MismatchGroup.objects.values_list("status", flat=True)) == {"accepted"}


def test_settle__noise_with_a_rule__takes_it_out_of_the_comparison(project, unit):
    fold(report(1, differing(unit, ["$.a"])))
    draft = RuleDraft(kind="ignore", path="$.a", unit=unit)

    settling.settle(group=MismatchGroup.objects.get(), settled_as="noise", actor=ME, now=NOW, rule=draft)

    group = MismatchGroup.objects.get()
    assert (group.status, group.settled_as, group.rule_id) == ("hidden", "noise", Rule.objects.get().pk)


def test_settle__failures_as_accepted__is_refused(project, unit):
    fold(report(1, tally(unit, outcomes={Outcome.CANDIDATE_ERROR: 10}, paths=())))

    with pytest.raises(Invalid, match="no answer"):
        settling.settle(group=MismatchGroup.objects.get(), settled_as="accepted", actor=ME, now=NOW)


def test_archived__as_often_as_before__stays_away(project, unit):
    fold(report(1, differing(unit, *[["$.a"]] * 2)))
    settling.settle(group=MismatchGroup.objects.get(), settled_as="archived", actor=ME, now=NOW)

    assert settling.watch(now=NOW) == 0
    fold(report(2, differing(unit, ["$.a"])))
    assert settling.watch(now=NOW) == 1
    assert MismatchGroup.objects.get().status == GroupStatus.ESCALATING


def test_news__of_a_week_ago__is_ongoing(project, unit):
    fold(report(1, differing(unit, ["$.a"])))

    settling.watch(now=NOW + 8 * DAY)

    assert MismatchGroup.objects.get().status == GroupStatus.ONGOING


def test_reopen__of_what_was_archived__opens_it_and_of_what_a_rule_settled__is_refused(project, unit):
    fold(report(1, differing(unit, ["$.a"])))
    group = MismatchGroup.objects.get()
    settling.settle(group=group, settled_as="archived", actor=ME, now=NOW)
    settling.reopen(group=group, actor=ME, now=NOW)
    assert MismatchGroup.objects.get().status == GroupStatus.ONGOING

    settling.settle(group=group, settled_as="accepted", actor=ME, now=NOW)
    with pytest.raises(Invalid, match="Take the rule back"):
        settling.reopen(group=group, actor=ME, now=NOW)


def test_notes__once_written__are_neither_changed_nor_deleted(project, unit):
    fold(report(1, differing(unit, ["$.a"])))
    settling.comment(group=MismatchGroup.objects.get(), actor=ME, text="x", now=NOW)

    for attempt in (GroupNote.objects.all().delete, lambda: GroupNote.objects.update(text="y")):
        with pytest.raises(DatabaseError), transaction.atomic():
            attempt()


@pytest.mark.parametrize(
    "lie",
    [
        {"causes": (CauseCount(places=(7,), count=1),)},
        {"causes": (CauseCount(places=(0,), count=11),)},
        {"causes": (CauseCount(places=(0,), count=1, callers={"a": 2}),)},
        {"causes": (CauseCount(places=(0,), count=1, subjects=(-1,)),)},
        {"paths": (PathCount(shape="$.a", kind="value", count=1, whole=2),)},
    ],
)
def test_fold__causes_that_cannot_be__are_refused(unit, lie):
    fold(report(1, tally(unit, **lie)))

    assert not MismatchGroup.objects.exists()


def test_groups__of_a_unit__are_causes(unit):
    fold(report(1, differing(unit, ["$.first", "$.last"])))

    [group] = groups(unit=unit)

    assert group.paths == ("$.first", "$.last")
    assert group.sentence == "$.first and $.last have other values in the candidate."
