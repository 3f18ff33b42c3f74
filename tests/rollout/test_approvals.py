"""A second person's word: bound to what was seen, given once, never one's own, and carried out or not at all."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from migrator.access.models import Approval, ApprovalState, Membership, Role
from migrator.access.rights import Actor, Forbidden, Via, console, person, program
from migrator.access.tokens import create_token, find_token
from migrator.core.policy import FourEyes
from migrator.core.stages import ALL, Stage
from migrator.gates.layers import LayerKind
from migrator.gates.models import Waiver
from migrator.gates.services import NeedsSecondPerson, Target, change_project_policy, set_layer
from migrator.gates.waivers import sign
from migrator.inventory.models import Project, Service, Unit
from migrator.inventory.services import Invalid, save_service
from migrator.ledger.models import Entry, Kind
from migrator.rollout.approvals import (
    NotOpen,
    OwnApproval,
    approve,
    ask,
    ask_for,
    decided,
    expire,
    open_approvals,
    refuse,
    withdraw,
)
from migrator.rollout.barriers import Frozen, GateHolds, NeedsApproval, Refused
from migrator.rollout.chain import check
from migrator.rollout.freezes import freeze, lift
from migrator.rollout.models import Flip
from migrator.rollout.scopes import one_unit
from migrator.rollout.services import Change, NotAllowed, flip, rollback
from migrator.telling.models import Event, Message
from tests.rollout.climbers import fresh, in_threads, observe, raised

NOW = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ANA = console(name="ana")


@pytest.fixture
def service(project: Project) -> Service:
    return save_service(project=project, name="main", legacy_url="http://l:1", candidate_url="http://c:1")


@pytest.fixture
def unit(service: Service) -> Unit:
    """In canary with all callers, proven safe: cutover comes next."""
    found = raised(service, "GET /users/{id}", Stage.CANARY, NOW, ALL)
    observe(found, NOW)
    return found


@pytest.fixture
def asker(unit: Unit, engineer: User) -> Actor:
    return person(user=engineer, project=unit.project, via=Via.PAGE)


@pytest.fixture
def second(unit: Unit, owner: User) -> Actor:
    return person(user=owner, project=unit.project, via=Via.PAGE)


@pytest.fixture
def third(unit: Unit) -> Actor:
    user = User.objects.create_user("third")
    Membership.objects.create(user=user, project=unit.project, role=Role.ENGINEER)
    return person(user=user, project=unit.project, via=Via.PAGE)


Asks = Callable[..., Approval]


@pytest.fixture
def asked(unit: Unit, asker: Actor, second: Actor) -> Asks:
    """`asked()`: the engineer asks for cutover."""

    def made(actor: Actor = asker, **options: Any) -> Approval:
        change = Change(unit_id=unit.pk, version=fresh(unit).version, **{"stage": Stage.CUTOVER} | options)
        return ask(project=unit.project, change=change, actor=actor, reason="It is time.", now=NOW)

    return made


def again(approval: Approval) -> Approval:
    return Approval.objects.get(pk=approval.pk)


# --------------------------------------------------------------------------------------- asking


def test_ask__a_step_that_takes_two__stands_open_is_sealed_and_told(asked: Asks, unit: Unit) -> None:
    approval = asked()
    assert (approval.state, approval.subject, approval.seen_version) == ("open", FourEyes.CUTOVER, unit.version)
    assert approval.headline.startswith("GET /users/{id}: canary, candidate 100 %")
    assert [each.pk for each in open_approvals(project=unit.project)] == [approval.pk]
    assert Entry.objects.get(kind=Kind.APPROVAL).body["headline"].startswith("asked: GET /users")
    assert Message.objects.get(event=Event.APPROVAL).path == "/p/shop/approvals"
    assert fresh(unit).stage == Stage.CANARY


def test_ask__again_for_the_same__is_the_one_that_stands(asked: Asks) -> None:
    assert asked().pk == asked().pk
    assert Entry.objects.filter(kind=Kind.APPROVAL).count() == 1


def test_ask__for_something_else__makes_the_first_void(asked: Asks) -> None:
    first, other = asked(), asked(mirror=100)
    assert (again(first).state, again(first).note) == ("void", "engineer asked for something else since.")
    assert again(other).state == ApprovalState.OPEN


def test_ask__what_takes_nobody__is_refused_in_words(asked: Asks, unit: Unit, project: Project) -> None:
    with pytest.raises(Invalid, match="Only steps to cutover"):
        asked(stage=Stage.CANARY, mirror=100)
    with pytest.raises(Invalid, match="way down"):
        asked(stage=Stage.SIDE_BY_SIDE)
    Project.objects.filter(pk=project.pk).update(policy={"four_eyes": []})
    with pytest.raises(Invalid, match="take it"):
        asked()
    assert not Approval.objects.exists()


def test_ask__down_to_cutover__is_not_asked_for(asked: Asks, unit: Unit) -> None:
    for stage in (Stage.CUTOVER, Stage.REMOVAL):
        change = Change(unit_id=unit.pk, version=fresh(unit).version, stage=stage)
        flip(project=unit.project, changes=[change], actor=ANA, reason="x", now=NOW, break_glass=True)
    with pytest.raises(Invalid, match="way down"):
        asked(stage=Stage.CUTOVER)


def test_ask__what_the_ladder_refuses__is_refused_at_once(asked: Asks) -> None:
    with pytest.raises(NotAllowed, match="after canary comes cutover"):
        asked(stage=Stage.REMOVAL)


def test_ask__after_it_moved__is_refused(asked: Asks, unit: Unit, asker: Actor) -> None:
    change = Change(unit_id=unit.pk, version=unit.version - 1, stage=Stage.CUTOVER)
    with pytest.raises(Refused, match="changed since you looked"):
        ask(project=unit.project, change=change, actor=asker, reason="", now=NOW)


def test_ask__on_call__may_not(asked: Asks, oncall: User, project: Project) -> None:
    with pytest.raises(Forbidden):
        asked(person(user=oncall, project=project, via=Via.PAGE))


# ------------------------------------------------------------------------------------- approving


def test_approve__a_second_person__carries_it_out_under_both_names(asked: Asks, unit: Unit, second: Actor) -> None:
    given = approve(approval=asked(), actor=second, now=NOW, note="Fine.")
    assert (given.state, given.decider, given.note) == ("approved", "owner", "Fine.")
    assert fresh(unit).stage == Stage.CUTOVER
    entry = Flip.objects.filter(unit=unit).first()
    assert entry is not None
    assert (entry.actor, entry.evidence["approved_by"], entry.reason) == ("engineer", "owner", "It is time.")
    assert not entry.override
    assert check(project=unit.project).sound


def test_approve__ones_own__is_refused_by_whatever_way(asked: Asks, unit: Unit, asker: Actor, engineer: User) -> None:
    approval = asked()
    by_api = person(user=engineer, project=unit.project, via=Via.API)
    for mine in (asker, by_api):
        with pytest.raises(OwnApproval, match="You asked for this yourself"):
            approve(approval=approval, actor=mine, now=NOW)
    assert again(approval).state == ApprovalState.OPEN
    assert fresh(unit).stage == Stage.CANARY


def test_approve__a_program__is_no_second_person(asked: Asks, unit: Unit) -> None:
    secret = create_token(name="mine", scope="admin", now=NOW, project=unit.project)
    token = find_token(secret=secret, now=NOW)
    assert token is not None
    with pytest.raises(OwnApproval, match="not a program"):
        approve(approval=asked(), actor=program(token=token, project=unit.project), now=NOW)
    assert fresh(unit).stage == Stage.CANARY


def test_approve__what_ones_own_token_asked_for__is_refused(
    asked: Asks, unit: Unit, asker: Actor, second: Actor, engineer: User
) -> None:
    secret = create_token(name="ci", scope="operate", now=NOW, project=unit.project, owner_id=engineer.pk)
    token = find_token(secret=secret, now=NOW)
    assert token is not None
    approval = asked(program(token=token, project=unit.project))
    assert approval.asker == "token ci of engineer"

    with pytest.raises(OwnApproval, match=r"Your own token asked for this \(token ci of engineer\)"):
        approve(approval=approval, actor=asker, now=NOW)
    assert fresh(unit).stage == Stage.CANARY

    assert approve(approval=approval, actor=second, now=NOW).state == ApprovalState.APPROVED
    entry = Flip.objects.filter(unit=unit).first()
    assert entry is not None and entry.actor == "token ci of engineer"


def test_approve__asked_by_a_token__gives_no_more_than_the_token_may(
    asked: Asks, unit: Unit, second: Actor, third: Actor
) -> None:
    """Its owner is an admin; the token lost its right, and that is what counts."""
    secret = create_token(name="ci", scope="operate", now=NOW, project=unit.project, owner_id=second.user_id)
    token = find_token(secret=secret, now=NOW)
    assert token is not None
    approval = asked(program(token=token, project=unit.project))
    token.scope = "read"
    token.save()
    with pytest.raises(NotOpen, match="lost the right"):
        approve(approval=approval, actor=third, now=NOW)
    assert fresh(unit).stage == Stage.CANARY


def test_withdraw__what_ones_own_token_asked_for__is_withdrawn_by_either(
    asked: Asks, unit: Unit, asker: Actor, third: Actor, engineer: User
) -> None:
    secret = create_token(name="ci", scope="operate", now=NOW, project=unit.project, owner_id=engineer.pk)
    token = find_token(secret=secret, now=NOW)
    assert token is not None
    asking = program(token=token, project=unit.project)
    for mine in (asker, asking):
        approval = asked(asking)
        with pytest.raises(Forbidden):
            withdraw(approval=approval, actor=third, now=NOW)
        assert withdraw(approval=approval, actor=mine, now=NOW).state == ApprovalState.WITHDRAWN


@pytest.mark.parametrize("who", ["oncall", "viewer", "stranger"])
def test_approve__without_the_right__is_forbidden(
    who: str, asked: Asks, unit: Unit, request: pytest.FixtureRequest
) -> None:
    approval = asked()
    actor = person(user=request.getfixturevalue(who), project=unit.project, via=Via.PAGE)
    for act in (approve, refuse):
        with pytest.raises(Forbidden):
            act(approval=approval, actor=actor, now=NOW)


def test_approve__after_the_unit_moved__is_void_and_says_why(asked: Asks, unit: Unit, second: Actor) -> None:
    approval = asked()
    rollback(project=unit.project, scope=one_unit(unit), actor=ANA, now=NOW)
    with pytest.raises(NotOpen, match="moved since it was asked for: it has side by side"):
        approve(approval=approval, actor=second, now=NOW)
    assert again(approval).state == ApprovalState.VOID
    assert "Ask again." in again(approval).note
    assert fresh(unit).stage == Stage.SIDE_BY_SIDE
    assert Message.objects.filter(event=Event.APPROVAL, resolves=True).count() == 1


def test_approve__asker_demoted_meanwhile__is_void(asked: Asks, unit: Unit, second: Actor, engineer: User) -> None:
    approval = asked()
    Membership.objects.filter(user=engineer).update(role=Role.VIEWER)
    with pytest.raises(NotOpen, match="lost the right"):
        approve(approval=approval, actor=second, now=NOW)
    assert again(approval).state == ApprovalState.VOID
    assert fresh(unit).stage == Stage.CANARY


def test_approve__asked_by_a_token_that_was_revoked__is_void(asked: Asks, unit: Unit, second: Actor) -> None:
    secret = create_token(name="ci", scope="operate", now=NOW, project=unit.project)
    token = find_token(secret=secret, now=NOW)
    assert token is not None
    asking = program(token=token, project=unit.project)
    kept = asked(asking)
    token.revoked_at = NOW
    token.save()
    with pytest.raises(NotOpen, match="lost the right"):
        approve(approval=kept, actor=second, now=NOW)
    token.revoked_at = None
    token.save()
    assert approve(approval=asked(asking), actor=second, now=NOW).state == ApprovalState.APPROVED
    assert fresh(unit).stage == Stage.CUTOVER


def test_approve__while_frozen__stays_open_with_the_reason(asked: Asks, unit: Unit, second: Actor) -> None:
    approval = asked()
    frozen = freeze(project=unit.project, actor=ANA, reason="Monday", now=NOW)
    with pytest.raises(Frozen, match="ana: Monday"):
        approve(approval=approval, actor=second, now=NOW)
    assert again(approval).state == ApprovalState.OPEN
    assert Entry.objects.filter(kind=Kind.APPROVAL).count() == 1
    lift(freeze=frozen, actor=ANA, now=NOW)
    assert approve(approval=approval, actor=second, now=NOW).state == ApprovalState.APPROVED


def test_approve__without_the_evidence__stays_open(service: Service, unit: Unit, asker: Actor, second: Actor) -> None:
    half = raised(service, "GET /half", Stage.CANARY, NOW, ALL // 2)
    change = Change(unit_id=half.pk, version=half.version, stage=Stage.CUTOVER)
    approval = ask(project=half.project, change=change, actor=asker, reason="", now=NOW)
    with pytest.raises(GateHolds):
        approve(approval=approval, actor=second, now=NOW)
    assert again(approval).state == ApprovalState.OPEN
    observe(half, NOW)
    approve(approval=approval, actor=second, now=NOW)
    assert fresh(half).stage == Stage.CUTOVER


def test_approve__too_late__is_void(asked: Asks, unit: Unit, second: Actor) -> None:
    approval = asked()
    with pytest.raises(NotOpen, match="Nobody answered in time"):
        approve(approval=approval, actor=second, now=approval.expires_at)
    assert again(approval).state == ApprovalState.VOID
    assert fresh(unit).stage == Stage.CANARY


def test_approve__after_it_was_refused__does_nothing(asked: Asks, unit: Unit, second: Actor, third: Actor) -> None:
    approval = asked()
    refuse(approval=approval, actor=second, now=NOW, note="Not on a Monday.")
    with pytest.raises(NotOpen, match=r"refused by owner already\. Not on a Monday\."):
        approve(approval=approval, actor=third, now=NOW)
    assert fresh(unit).stage == Stage.CANARY


def test_approve__a_unit_that_is_gone__is_void(asked: Asks, unit: Unit, second: Actor) -> None:
    approval = asked()
    Unit.objects.filter(pk=unit.pk).update(gone_at=NOW)
    with pytest.raises(NotOpen, match="not tracked any more"):
        approve(approval=approval, actor=second, now=NOW)
    assert again(approval).state == ApprovalState.VOID


@pytest.mark.django_db(transaction=True)
def test_approve__two_at_once__one_is_told_of_the_other(asked: Asks, unit: Unit, second: Actor, third: Actor) -> None:
    approval = asked()
    outcome = in_threads(
        lambda: approve(approval=approval, actor=second, now=NOW),
        lambda: approve(approval=approval, actor=third, now=NOW),
    )
    [told] = [each for each in outcome if isinstance(each, NotOpen)]
    assert again(approval).decider in str(told)
    assert Flip.objects.filter(unit=unit, to_stage="cutover").count() == 1
    assert check(project=unit.project).sound


@pytest.mark.django_db(transaction=True)
def test_approve__while_the_guard_takes_it_down__down_wins(asked: Asks, unit: Unit, second: Actor) -> None:
    approval = asked()
    outcome = in_threads(
        lambda: approve(approval=approval, actor=second, now=NOW),
        lambda: rollback(project=unit.project, scope=one_unit(unit), actor=ANA, now=NOW),
    )
    assert fresh(unit).candidate_bp == 0
    assert again(approval).state in (ApprovalState.APPROVED, ApprovalState.VOID)
    assert isinstance(outcome[0], NotOpen) == (again(approval).state == ApprovalState.VOID)


# ---------------------------------------------------------------------- withdrawing, and time passing


def test_withdraw__asker_or_manager__nobody_else(asked: Asks, asker: Actor, second: Actor, third: Actor) -> None:
    approval = asked()
    with pytest.raises(Forbidden):
        withdraw(approval=approval, actor=third, now=NOW)
    assert withdraw(approval=approval, actor=asker, now=NOW).state == ApprovalState.WITHDRAWN
    assert withdraw(approval=asked(), actor=second, now=NOW).state == ApprovalState.WITHDRAWN
    with pytest.raises(NotOpen):
        withdraw(approval=approval, actor=asker, now=NOW)


def test_expire__after_the_policys_hours__is_void_told_and_sealed(asked: Asks, unit: Unit) -> None:
    approval = asked()
    assert approval.expires_at == NOW + timedelta(hours=72)
    assert expire(now=approval.expires_at - HOUR) == 0
    assert expire(now=approval.expires_at) == 1
    assert expire(now=approval.expires_at) == 0
    assert [each.pk for each in decided(project=unit.project)] == [approval.pk]
    assert Entry.objects.filter(kind=Kind.APPROVAL).count() == 2
    assert check(project=unit.project).sound


def test_rollback__never_waits_for_anybody(asked: Asks, unit: Unit, oncall: User) -> None:
    asked()
    freeze(project=unit.project, actor=ANA, reason="x", now=NOW)
    actor = person(user=oncall, project=unit.project, via=Via.PAGE)
    assert rollback(project=unit.project, scope=one_unit(unit), actor=actor, now=NOW).flips


# ------------------------------------------------------------------------------ policies and waivers


def kept_back(act: Callable[[], Any]) -> NeedsSecondPerson:
    with pytest.raises(NeedsSecondPerson) as needed:
        act()
    return needed.value


@pytest.fixture
def policy_change(unit: Unit, second: Actor, third: Actor) -> Callable[..., Approval]:
    """The owner asks for another policy of the project."""

    def made(**settings: Any) -> Approval:
        held = kept_back(
            lambda: change_project_policy(
                project=unit.project,
                settings=settings,
                seen_version=Project.objects.get().policy_version,
                actor=second,
                now=NOW,
                reason="why",
            )
        )
        return ask_for(project=unit.project, kept_back=held, actor=second, reason="why", now=NOW)

    return made


def test_policy__approved__is_in_force_under_both_names(policy_change: Asks, third: Actor) -> None:
    approval = policy_change(alpha=0.01)
    assert (approval.subject, approval.unit) == (FourEyes.POLICY, None)
    approve(approval=approval, actor=third, now=NOW)
    assert Project.objects.get().policy == {"alpha": 0.01}
    assert Entry.objects.get(kind=Kind.POLICY).body["approved_by"] == "third"


def test_policy__two_asked_for_one_approved__the_other_is_void(policy_change: Asks, third: Actor) -> None:
    first, other = policy_change(alpha=0.01), policy_change(alpha=0.02)
    [standing] = open_approvals(project=first.project)
    assert (standing.pk, again(first).state) == (other.pk, ApprovalState.VOID)
    approve(approval=other, actor=third, now=NOW)
    assert Project.objects.get().policy == {"alpha": 0.02}


def test_policy__of_something_else__stands_beside_it(
    policy_change: Asks, unit: Unit, second: Actor, third: Actor
) -> None:
    of_project = policy_change(alpha=0.01)
    held = kept_back(
        lambda: set_layer(
            project=unit.project,
            target=Target(kind=LayerKind.SERVICE, of="main"),
            settings={"alpha": 0.02},
            seen_version=0,
            actor=second,
            now=NOW,
        )
    )
    of_service = ask_for(project=unit.project, kept_back=held, actor=second, reason="", now=NOW)
    assert {each.pk for each in open_approvals(project=unit.project)} == {of_project.pk, of_service.pk}
    for each in (of_service, of_project):
        approve(approval=each, actor=third, now=NOW)


def test_policy__changed_meanwhile__is_void(policy_change: Asks, third: Actor, unit: Unit) -> None:
    approval = policy_change(alpha=0.01)
    Project.objects.filter(pk=unit.project_id).update(policy={"beta": 0.01}, policy_version=7)
    with pytest.raises(NotOpen, match="is at version 7"):
        approve(approval=approval, actor=third, now=NOW)
    assert again(approval).state == ApprovalState.VOID


@pytest.fixture
def waiver_asked(unit: Unit, second: Actor, third: Actor) -> Approval:
    held = kept_back(
        lambda: sign(
            unit=unit,
            gates=["freshness"],
            reason="Two calls a day.",
            expires_at=NOW + timedelta(days=2),
            actor=second,
            now=NOW,
            seen_version=unit.version,
        )
    )
    return ask_for(project=unit.project, kept_back=held, actor=second, reason="Two calls a day.", now=NOW)


def test_waiver__approved__is_signed_by_two(waiver_asked: Approval, third: Actor, unit: Unit) -> None:
    assert (waiver_asked.subject, waiver_asked.unit) == (FourEyes.WAIVER, unit)
    approve(approval=waiver_asked, actor=third, now=NOW)
    waiver = Waiver.objects.get()
    assert (waiver.signed_by, waiver.approved_by) == ("owner", "third")


def test_waiver__the_unit_moved__is_void(waiver_asked: Approval, third: Actor, unit: Unit) -> None:
    rollback(project=unit.project, scope=one_unit(unit), actor=ANA, now=NOW)
    with pytest.raises(NotOpen, match="you saw version"):
        approve(approval=waiver_asked, actor=third, now=NOW)
    assert not Waiver.objects.exists()


def test_waiver__its_end_has_passed__is_void(waiver_asked: Approval, third: Actor) -> None:
    with pytest.raises(NotOpen, match="ends in the future"):
        approve(approval=waiver_asked, actor=third, now=NOW + timedelta(days=2, hours=1))
    assert again(waiver_asked).state == ApprovalState.VOID


def test_door__without_the_word_of_a_second__stays_shut(asked: Asks, unit: Unit, asker: Actor) -> None:
    asked()
    change = Change(unit_id=unit.pk, version=unit.version, stage=Stage.CUTOVER)
    with pytest.raises(NeedsApproval):
        flip(project=unit.project, changes=[change], actor=asker, reason="x", now=NOW)
