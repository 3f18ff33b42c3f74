"""Policies in layers: who wins, who may change them, and what is refused."""

from typing import Any

import pytest

from migrator.access.rights import Forbidden
from migrator.core.policy import FourEyes, Policy, Severity
from migrator.gates.layers import LayerKind, effective, layers_in
from migrator.gates.models import PolicyLayer
from migrator.gates.queries import policies_of, policy_of
from migrator.gates.services import (
    NeedsSecondPerson,
    StalePolicy,
    Target,
    apply_policy,
    change_project_policy,
    remove_layer,
    set_layer,
)
from migrator.inventory.models import Project
from migrator.inventory.services import Invalid, change_settings
from migrator.ledger.models import Entry, Kind
from migrator.telling.models import Message
from tests.gates.conftest import ALONE, NOW, acting

pytestmark = pytest.mark.django_db
USERS = Target(kind=LayerKind.SERVICE, of="users")


def put(project, target=USERS, seen=0, actor=ALONE, **settings):
    return set_layer(project=project, target=target, settings=settings, seen_version=seen, actor=actor, now=NOW)


def change(project, seen=1, actor=ALONE, **settings):
    return change_project_policy(project=project, settings=settings, seen_version=seen, actor=actor, now=NOW)


# ------------------------------------------------------------------------------------- who wins


def test_policy__of_all_layers__the_more_particular_wins(project, service, team, new_unit):
    unit = new_unit(team=team, risk="money")
    order = [
        (Target(kind=LayerKind.SERVICE, of="users"), 0.02),
        (Target(kind=LayerKind.TEAM, of="core"), 0.03),
        (Target(kind=LayerKind.OPERATION, of="read"), 0.04),
        (Target(kind=LayerKind.RISK, of="money"), 0.05),
        (Target(kind=LayerKind.UNIT, of=str(unit.pk)), 0.06),
    ]
    change(project, mismatch_limit=0.01)
    assert policies_of(units=[unit])[unit.pk].mismatch_limit == 0.01
    for target, limit in order:
        put(project, target, mismatch_limit=limit)
        assert policies_of(units=[unit])[unit.pk].mismatch_limit == limit


def test_policy__layers_that_set_different_things__hold_together(project, service, new_unit):
    unit = new_unit()
    put(project, alpha=0.01)
    put(project, Target(kind=LayerKind.OPERATION, of="read"), weekly_cycle=True)

    policy = policies_of(units=[unit])[unit.pk]
    assert (policy.alpha, policy.weekly_cycle, policy.mismatch_limit) == (0.01, True, Policy().mismatch_limit)


def test_policies_of__many_units__takes_two_queries(project, service, new_unit, django_assert_num_queries):
    units = [new_unit(f"GET /{number}") for number in range(20)]
    put(project, alpha=0.01)
    put(project, Target(kind=LayerKind.UNIT, of=str(units[3].pk)), alpha=0.02)

    with django_assert_num_queries(2):
        found = policies_of(units=units)
    assert [found[unit.pk].alpha for unit in units[2:5]] == [0.01, 0.02, 0.01]


def test_effective__of_a_unit__says_where_each_setting_comes_from(project, unit):
    change(project, alpha=0.01)
    put(project, alpha=0.02, beta=0.003)
    origins = {origin.name: origin for origin in effective(unit=unit).origins}

    assert (origins["alpha"].value, origins["alpha"].layer.kind) == (0.02, LayerKind.SERVICE)
    assert [layer.kind for layer in origins["alpha"].overrides] == [LayerKind.PROJECT]
    assert origins["beta"].layer.of == "users"
    assert (origins["harm_limit"].layer, origins["harm_limit"].value) == (None, Policy().harm_limit)


# --------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("settings", "field", "told"),
    [
        ({"mismatch_limt": 0.1}, "settings.mismatch_limt", "Did you mean mismatch_limit?"),
        ({"colour": "red"}, "settings.colour", "no setting"),
        ({"mismatch_limit": 2}, "settings.mismatch_limit", "1.0"),
        ({"mismatch_limit": 0}, "settings.mismatch_limit", ""),
        ({"mismatch_limit": float("nan")}, "settings.mismatch_limit", "nan"),
        ({"mismatch_limit": float("inf")}, "settings.mismatch_limit", "inf"),
        ({"mismatch_limit": "0.1"}, "settings.mismatch_limit", ""),
        ({"weekly_cycle": 1}, "settings.weekly_cycle", "bool"),
        ({"automatic": "always"}, "settings.automatic", "always"),
        ({"four_eyes": ["lunch"]}, "settings.four_eyes", "lunch"),
        ({"callers": [str(number) for number in range(60)]}, "settings.callers", "50"),
        ({"freshness_s": -1}, "settings.freshness_s", ""),
        ({}, "settings", "changes nothing"),
    ],
)
def test_layer__that_no_policy_may_hold__is_refused_by_its_setting(project, service, settings, field, told):
    with pytest.raises(Invalid) as refused:
        put(project, **settings)

    assert refused.value.field == field
    assert told in refused.value.message
    assert not PolicyLayer.objects.exists()


@pytest.mark.parametrize(
    ("kind", "of", "told"),
    [
        (LayerKind.SERVICE, "moon", "There is: users"),
        (LayerKind.TEAM, "moon", "none yet"),
        (LayerKind.OPERATION, "dream", "read and write"),
        (LayerKind.RISK, " ", "class of risk"),
        (LayerKind.UNIT, "77", "no unit"),
        (LayerKind.UNIT, "x" * 300, "no unit"),
    ],
)
def test_layer__for_nothing_there_is__is_refused_with_what_there_is(project, service, kind, of, told):
    with pytest.raises(Invalid, match=told) as refused:
        put(project, Target(kind=kind, of=of), alpha=0.01)

    assert refused.value.field == "of"


def test_layer__second_for_one_service__is_refused_as_stale(project, service):
    put(project, alpha=0.01)

    with pytest.raises(StalePolicy, match="service users is at version 1 by ana; you saw version 0"):
        put(project, alpha=0.02)
    assert PolicyLayer.objects.get().settings == {"alpha": 0.01}


def test_layer__of_a_stale_version__is_refused_and_kept(project, service):
    put(project, alpha=0.01)
    put(project, seen=1, alpha=0.02)
    layer = layers_in(project=project)[0]

    for late in (
        lambda: put(project, seen=1, alpha=0.03),
        lambda: remove_layer(project=project, layer_id=layer.id, seen_version=1, actor=ALONE, now=NOW),
    ):
        with pytest.raises(StalePolicy, match="at version 2"):
            late()
    assert PolicyLayer.objects.get().settings == {"alpha": 0.02}


def test_layer__removed_meanwhile__is_refused_in_words(project, service):
    layer = put(project, alpha=0.01).layer
    remove_layer(project=project, layer_id=layer.id, seen_version=1, actor=ALONE, now=NOW)

    with pytest.raises(StalePolicy, match="gone"):
        remove_layer(project=project, layer_id=layer.id, seen_version=1, actor=ALONE, now=NOW)
    with pytest.raises(StalePolicy, match="gone"):
        put(project, seen=1, alpha=0.02)


def test_project_policy__of_a_stale_version__is_refused(project):
    change(project, alpha=0.01)

    with pytest.raises(StalePolicy, match="the project is at version 2; you saw version 1"):
        change(project, alpha=0.02)
    assert policy_of(project=Project.objects.get()).alpha == 0.01


@pytest.mark.parametrize("who", ["viewer", "oncall", "engineer"])
def test_policy__without_the_right__is_forbidden(project, service, request, who):
    actor = acting(request.getfixturevalue(who), project)
    layer = put(project, alpha=0.01).layer

    for act in (
        lambda: put(project, seen=1, actor=actor, alpha=0.5),
        lambda: change(project, actor=actor, alpha=0.5),
        lambda: remove_layer(project=project, layer_id=layer.id, seen_version=1, actor=actor, now=NOW),
    ):
        with pytest.raises(Forbidden, match="may not manage the project"):
            act()


# ---------------------------------------------------------------------------- what is wrong with it


@pytest.mark.parametrize(
    ("settings", "field", "severity"),
    [
        ({"callers": ["ios"]}, "callers", Severity.NEVER_PASSES),
        ({"cost_ratio": 2.0}, "cost_ratio", Severity.NEVER_PASSES),
        ({"freshness_s": 5}, "freshness_s", Severity.NEVER_PASSES),
        ({"weekly_cycle": True, "evidence_days": 3}, "evidence_days", Severity.NEVER_PASSES),
        ({"mismatch_limit": 0.9, "harm_limit": 0.95}, "mismatch_limit", Severity.ALWAYS_PASSES),
        ({"alpha": 0.9}, "alpha", Severity.ALWAYS_PASSES),
        ({"mismatch_limit": 0.02}, "harm_limit", Severity.ODD),
    ],
)
def test_policy__that_can_never_or_always_pass__is_kept_and_said(project, settings, field, severity):
    flaws = change(project, **settings).flaws

    assert (field, severity) in [(flaw.field, flaw.severity) for flaw in flaws]
    assert Project.objects.get().policy_version == 2


def test_flaws__of_a_project_that_names_its_callers__are_none(project):
    change_settings(project=project, manners={"caller_header": "x-client"})

    assert change(project, callers=["ios"]).flaws == ()


def test_flaws__of_a_layer__are_those_together_with_the_project(project, service):
    change(project, weekly_cycle=True)

    assert [flaw.field for flaw in put(project, evidence_days=5).flaws] == ["evidence_days"]


# ------------------------------------------------------------------------------- what is kept of it


def test_change__of_a_layer__is_sealed_with_before_and_after_and_told(project, service):
    put(project, alpha=0.01, beta=0.01)
    put(project, seen=1, alpha=0.02)
    entry = Entry.objects.filter(kind=Kind.POLICY).first()

    assert entry.body["before"] == {"alpha": 0.01, "beta": 0.01}
    assert entry.body["after"] == {"alpha": 0.02}
    assert (entry.body["layer"], entry.body["of"], entry.body["version"]) == ("service", "users", 2)
    message = Message.objects.first()
    assert message.sentence == "ana set alpha from 0.01 to 0.02 and took beta back."
    assert message.path == "/p/shop/policies"


def test_change__of_a_unit__is_sealed_with_the_unit(project, unit):
    put(project, Target(kind=LayerKind.UNIT, of=str(unit.pk)), alpha=0.01)

    assert Entry.objects.get(kind=Kind.POLICY).unit == unit


# --------------------------------------------------------------------------------- second person


def test_change__with_a_second_person_there__waits_for_one_and_changes_nothing(project, service, two):
    owner = acting(two[0], project)

    for act, wanted in (
        (lambda: put(project, actor=owner, alpha=0.01), "set"),
        (lambda: change(project, actor=owner, alpha=0.01), "project"),
    ):
        with pytest.raises(NeedsSecondPerson) as needed:
            act()
        assert (needed.value.subject, needed.value.wanted["change"]) == (FourEyes.POLICY, wanted)
    assert not PolicyLayer.objects.exists()
    assert not Entry.objects.exists()


def test_change__approved__is_what_was_asked_for(project, service, two):
    owner = acting(two[0], project)
    with pytest.raises(NeedsSecondPerson) as needed:
        put(project, actor=owner, alpha=0.01)
    asked = {"wanted": needed.value.wanted, "seen_version": needed.value.seen_version}

    done = apply_policy(project=project, actor=owner, approver="engineer", now=NOW, **asked)
    assert (done.layer.settings, done.layer.changed_by) == ({"alpha": 0.01}, "owner")
    assert Entry.objects.get(kind=Kind.POLICY).body["approved_by"] == "engineer"


@pytest.mark.parametrize("what", ["layer", "project", "remove"])
def test_change__approved_after_somebody_else_changed_it__is_refused(project, service, two, what):
    owner, layer = acting(two[0], project), None
    if what == "remove":
        layer = apply_policy(
            project=project, wanted={"change": "set", "target": {"kind": "service", "of": "users"},
            "settings": {"beta": 0.01}}, seen_version=0, actor=owner, approver="engineer", now=NOW,
        ).layer  # fmt: skip
    acts: dict[str, Any] = {
        "layer": lambda: put(project, actor=owner, alpha=0.01),
        "project": lambda: change(project, actor=owner, alpha=0.01),
        "remove": lambda: remove_layer(project=project, layer_id=layer.id, seen_version=1, actor=owner, now=NOW),
    }
    with pytest.raises(NeedsSecondPerson) as needed:
        acts[what]()
    asked = {"wanted": needed.value.wanted, "seen_version": needed.value.seen_version}
    common = {"project": project, "actor": owner, "approver": "engineer", "now": NOW}
    apply_policy(**common, **asked) if what != "remove" else apply_policy(
        **common, wanted={"change": "set", "target": {"kind": "service", "of": "users"}, "settings": {"beta": 0.02}},
        seen_version=1,
    )  # fmt: skip

    with pytest.raises(StalePolicy):
        apply_policy(**common, **asked)


def test_change__approved_after_who_asked_lost_the_right__is_forbidden(project, service, two):
    with pytest.raises(NeedsSecondPerson) as needed:
        put(project, actor=acting(two[0], project), alpha=0.01)
    demoted = acting(two[1], project)

    with pytest.raises(Forbidden):
        apply_policy(project=project, wanted=needed.value.wanted, seen_version=0, actor=demoted, approver="x", now=NOW)


def test_change__of_who_must_agree__takes_the_second_person_that_it_abolishes(project, service, two):
    with pytest.raises(NeedsSecondPerson):
        change(project, actor=acting(two[0], project), four_eyes=[])


def test_change__in_a_layer_that_asks_for_nobody__still_takes_two(project, service, two):
    owner = acting(two[0], project)
    wanted = {"change": "set", "target": {"kind": "service", "of": "users"}, "settings": {"four_eyes": []}}
    apply_policy(project=project, wanted=wanted, seen_version=0, actor=owner, approver="engineer", now=NOW)

    with pytest.raises(NeedsSecondPerson):
        put(project, seen=1, actor=owner, alpha=0.9)


def test_second_person__who_is_only_a_superuser_or_inactive__does_not_count(
    project, service, owner, engineer, superuser
):
    engineer.is_active = False
    engineer.save()

    assert put(project, actor=acting(owner, project), alpha=0.01).layer.version == 1


def test_change__of_nonsense_that_was_approved__is_refused(project):
    with pytest.raises(Invalid):
        apply_policy(project=project, wanted={"change": "moon"}, seen_version=1, actor=ALONE, approver="x", now=NOW)


def test_settings__kept_as_they_are_written__come_back_the_same(project):
    settings = {"callers": ["ios", "web"], "latency_budget_ms": None, "automatic": "act", "alpha": 0.01}
    change(project, **settings)

    assert Project.objects.get().policy == settings
    assert change(project, seen=2, **Project.objects.get().policy).layer.settings == settings
