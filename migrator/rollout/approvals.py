"""A second person's word: asked for by one, given by another, and carried out in the same transaction.

An approval is bound to the version that was seen when it was asked for: what changed since then makes it void.
Nobody approves their own. Going down never takes an approval.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Q, QuerySet

from migrator.access.models import Approval, ApprovalState
from migrator.access.rights import (
    PROGRAM,
    Actor,
    Forbidden,
    Right,
    Via,
    console,
    demand,
    machine,
    person,
    program_named,
)
from migrator.access.second_person import needed
from migrator.core.policy import FourEyes
from migrator.core.stages import Direction, Position, Stage, TransitionRefused, check_transition, settle
from migrator.gates.queries import policies_of, policy_of
from migrator.gates.services import NeedsSecondPerson, StalePolicy, apply_policy
from migrator.gates.waivers import StaleWaiver, apply_waiver
from migrator.inventory import versions
from migrator.inventory.models import Project, Unit
from migrator.inventory.services import Invalid
from migrator.ledger.models import Kind
from migrator.ledger.services import record
from migrator.rollout.barriers import Refused, takes_two
from migrator.rollout.services import Change, NotAllowed, Unknown, flip, words
from migrator.telling.models import Event, Severity
from migrator.telling.services import tell

NOTE_LENGTH: Final = 1_000
LATE: Final = "Nobody answered in time."


class NotOpen(ValueError):
    """The approval was decided, withdrawn or void meanwhile. Nothing was done."""

    def __init__(self, approval: Approval) -> None:
        by = f" by {approval.decider}" if approval.decider else ""
        super().__init__(f"Not done: this is {approval.get_state_display()}{by} already. {approval.note}".strip())
        self.approval = approval


class OwnApproval(PermissionError):
    """Nobody approves what they or their own token asked for, nor has a program do it."""

    def __init__(self, approval: Approval, *, by_program: bool = False) -> None:
        by_token = approval.asker.startswith(PROGRAM)
        mine = f"Your own token asked for this ({approval.asker})" if by_token else "You asked for this yourself"
        asked = "A second person approves, not a program" if by_program else mine
        super().__init__(f"{asked}. Somebody else must approve: {approval.headline}.")
        self.approval = approval


# --------------------------------------------------------------------------------------- asking


@transaction.atomic
def ask(*, project: Project, change: Change, actor: Actor, reason: str, now: datetime) -> Approval:
    """Ask for a step of the ladder that takes two. Asking again for the same gives the one that stands open.

    Raises Forbidden, Invalid naming the field, or Refused where the unit moved since it was looked at or the ladder
    does not allow the step.
    """
    versions.lock(project_id=project.pk)
    unit = _unit(project, change)
    demand(actor=actor, right=Right.FLIP, units=[unit])
    target = settle(current=unit.position, stage=change.stage, candidate=change.candidate, mirror=change.mirror)
    policy = policies_of(units=[unit])[unit.pk]
    subject = _subject(unit, target)
    if not needed(project=project, subject=subject, policy=policy, unit=unit):
        raise Invalid("stage", "Nobody's approval is needed for this step: take it.")
    wanted = {"stage": target.stage, "candidate": target.candidate, "mirror": target.mirror}
    return _open(
        project=project,
        subject=subject,
        wanted=wanted,
        headline=f"{unit.key}: {words(unit.position)} → {words(target)}",
        seen_version=change.version,
        unit=unit,
        actor=actor,
        reason=reason,
        now=now,
        hours=policy.approval_hours,
    )


@transaction.atomic
def ask_for(*, project: Project, kept_back: NeedsSecondPerson, actor: Actor, reason: str, now: datetime) -> Approval:
    """Ask for what a policy or a waiver keeps back for a second person."""
    versions.lock(project_id=project.pk)
    return _open(
        project=project,
        subject=kept_back.subject,
        wanted=kept_back.wanted,
        headline=kept_back.headline,
        seen_version=kept_back.seen_version,
        unit=kept_back.unit,
        actor=actor,
        reason=reason,
        now=now,
        hours=policy_of(project=project).approval_hours,
    )


def _unit(project: Project, change: Change) -> Unit:
    unit = Unit.objects.tracked().select_related("service").filter(project=project, pk=change.unit_id).first()
    if unit is None:
        raise Invalid("unit", f"No unit {change.unit_id} is tracked here.")
    if unit.version != change.version:
        raise Refused(unit, f"Not asked: {unit.key} changed since you looked; it has {words(unit.position)} now.")
    return unit


def _subject(unit: Unit, target: Position) -> FourEyes:
    try:
        way = check_transition(current=unit.position, target=target, legacy_deployed=unit.service.legacy_deployed)
    except TransitionRefused as refusal:
        raise NotAllowed(unit, refusal) from None
    subject = takes_two(current=unit.position, target=target)
    if way is Direction.BACK:
        raise Invalid("stage", "The way down takes nobody's approval: go.")
    if subject is None:
        raise Invalid("stage", "Only steps to cutover, removal and removed take a second person.")
    return subject


def _open(
    *,
    project: Project,
    subject: FourEyes,
    wanted: Mapping[str, Any],
    headline: str,
    seen_version: int,
    unit: Unit | None,
    actor: Actor,
    reason: str,
    now: datetime,
    hours: int,
) -> Approval:
    expire(now=now, project=project)
    standing = open_approvals(project=project).filter(subject=subject, unit=unit)
    for other in standing:
        if other.wanted == dict(wanted) and other.seen_version == seen_version:
            return other
        if _about(other.wanted) == _about(wanted):
            _voided(other, f"{actor.name} asked for something else since.", now)
    approval = Approval.objects.create(
        project=project,
        subject=subject,
        unit=unit,
        wanted=dict(wanted),
        headline=headline[:300],
        seen_version=seen_version,
        reason=reason.replace("\0", "").strip()[:NOTE_LENGTH],
        asked_by_id=actor.person_id,
        asker=actor.name,
        asked_at=now,
        expires_at=now + timedelta(hours=hours),
    )
    _record(approval, "asked", actor=actor, now=now, reason=approval.reason)
    _tell(approval, f"{actor.name} asks: {approval.headline}. {approval.reason}".strip(), now=now)
    return approval


def _about(wanted: Mapping[str, Any]) -> tuple[Any, ...]:
    """Which policy a change is about; nothing for what is about a unit, which has one open wish of each kind."""
    return wanted.get("target"), wanted.get("layer")


# ------------------------------------------------------------------------------------- deciding


def approve(*, approval: Approval, actor: Actor, now: datetime, note: str = "") -> Approval:
    """Give one's word, and have it carried out at once, as the asker with the rights they have now.

    Raises Forbidden, OwnApproval, NotOpen, or Refused where the door stays shut for another reason (a freeze, the
    gate): then it stays open. What changed since it was asked for makes it void: NotOpen says so.
    """
    with _voiding(approval, now):
        return _approve(approval, actor, now, note)


class _Void(Exception):
    """What was asked about is another thing by now."""


@contextmanager
def _voiding(approval: Approval, now: datetime) -> Iterator[None]:
    """Close what turned out to be void, in a transaction of its own: the one that found out was taken back."""
    try:
        yield
    except _Void as void:
        raise NotOpen(_voided(approval, str(void), now)) from None


@transaction.atomic
def _approve(approval: Approval, actor: Actor, now: datetime, note: str) -> Approval:
    demand(actor=actor, right=Right.APPROVE, units=[approval.unit] if approval.unit else [])
    found = _locked(approval, now)
    if actor.user_id is None or actor.user_id == found.asked_by_id:
        raise OwnApproval(found, by_program=actor.user_id is None)
    _carry_out(found, _asker(found, now), approver=actor.name, now=now)
    closed = _close(found, ApprovalState.APPROVED, by=actor.name, user_id=actor.user_id, now=now, note=note)
    _record(closed, "approved", actor=actor, now=now, reason=note)
    _tell(closed, f"{actor.name} approved: {closed.headline}.", now=now, over=True)
    return closed


def _carry_out(approval: Approval, asker: Actor, *, approver: str, now: datetime) -> None:
    common: dict[str, Any] = {"actor": asker, "approver": approver, "now": now}
    try:
        if approval.subject == FourEyes.POLICY:
            apply_policy(project=approval.project, wanted=approval.wanted, seen_version=approval.seen_version, **common)
        elif approval.subject == FourEyes.WAIVER:
            assert approval.unit is not None
            apply_waiver(unit=approval.unit, wanted=approval.wanted, seen_version=approval.seen_version, **common)
        else:
            _take_step(approval, **common)
    except (StalePolicy, StaleWaiver, Invalid, Unknown) as stale:
        raise _Void(str(stale)) from None
    except Forbidden as forbidden:
        raise _Void(f"{forbidden} The asker lost the right since.") from None


def _take_step(approval: Approval, *, actor: Actor, approver: str, now: datetime) -> None:
    unit = Unit.objects.get(pk=approval.unit_id or 0)
    if unit.gone_at is not None:
        raise _Void(f"{unit.key} is not tracked any more.")
    if unit.version != approval.seen_version:
        raise _Void(f"{unit.key} moved since it was asked for: it has {words(unit.position)} now. Ask again.")
    wanted = approval.wanted
    change = Change(
        unit_id=unit.pk,
        version=approval.seen_version,
        stage=Stage(wanted["stage"]),
        candidate=wanted["candidate"],
        mirror=wanted["mirror"],
    )
    reason = approval.reason or f"Approved by {approver}"
    flip(project=approval.project, changes=[change], actor=actor, reason=reason, now=now, approver=approver)


def _asker(approval: Approval, now: datetime) -> Actor:
    """Whoever asked, with the rights of this moment."""
    # A token's wish bears its owner's name too, and has no more rights than the token.
    if approval.asker.startswith(PROGRAM):
        return program_named(name=approval.asker, project=approval.project, via=Via.API, now=now)
    if approval.asked_by is not None:
        return person(user=approval.asked_by, project=approval.project, via=Via.PAGE)
    return console(name=approval.asker)


def refuse(*, approval: Approval, actor: Actor, now: datetime, note: str = "") -> Approval:
    """Say no. Raises Forbidden or NotOpen."""
    with _voiding(approval, now):
        return _refuse(approval, actor, now, note)


@transaction.atomic
def _refuse(approval: Approval, actor: Actor, now: datetime, note: str) -> Approval:
    demand(actor=actor, right=Right.APPROVE, units=[approval.unit] if approval.unit else [])
    found = _locked(approval, now)
    closed = _close(found, ApprovalState.REFUSED, by=actor.name, user_id=actor.user_id, now=now, note=note)
    _record(closed, "refused", actor=actor, now=now, reason=note)
    _tell(closed, f"{actor.name} refused: {closed.headline}. {note}".strip(), now=now, over=True)
    return closed


def withdraw(*, approval: Approval, actor: Actor, now: datetime) -> Approval:
    """Ask no longer: whoever asked, or whoever manages the project. Raises Forbidden or NotOpen."""
    with _voiding(approval, now):
        return _withdraw(approval, actor, now)


@transaction.atomic
def _withdraw(approval: Approval, actor: Actor, now: datetime) -> Approval:
    found = _locked(approval, now)
    if not asked_by(found, actor):
        demand(actor=actor, right=Right.MANAGE)
    closed = _close(found, ApprovalState.WITHDRAWN, by=actor.name, user_id=actor.user_id, now=now, note="")
    _record(closed, "withdrawn", actor=actor, now=now, reason="")
    _tell(closed, f"{actor.name} withdrew: {closed.headline}.", now=now, over=True)
    return closed


def asked_by(approval: Approval, actor: Actor) -> bool:
    """Whether it was this actor who asked, or a token of theirs; programs and hosts are known by their names alone."""
    if actor.user_id is None:
        return approval.asker == actor.name
    return approval.asked_by_id == actor.user_id


def expire(*, now: datetime, project: Project | None = None) -> int:
    """Make void what nobody answered in time. Returns how many there were."""
    rows = Approval.objects.filter(Q(project=project) if project else Q(), state=ApprovalState.OPEN)
    late = list(rows.filter(expires_at__lte=now))
    for approval in late:
        _voided(approval, LATE, now)
    return len(late)


def _locked(approval: Approval, now: datetime) -> Approval:
    versions.lock(project_id=approval.project_id)
    rows = Approval.objects.select_for_update(of=("self",)).select_related("project", "unit", "asked_by")
    found = rows.get(pk=approval.pk)
    if found.state == ApprovalState.OPEN and found.expires_at <= now:
        raise _Void(LATE)
    if found.state != ApprovalState.OPEN:
        raise NotOpen(found)
    return found


@transaction.atomic
def _voided(approval: Approval, note: str, now: datetime) -> Approval:
    versions.lock(project_id=approval.project_id)
    found = Approval.objects.select_related("project", "unit").get(pk=approval.pk)
    if found.state != ApprovalState.OPEN:
        return found
    closed = _close(found, ApprovalState.VOID, by="", now=now, note=note)
    _record(closed, "void", actor=machine(name="migrator", via=Via.TASK), now=now, reason=note)
    _tell(closed, f"Void: {closed.headline}. {note}", now=now, over=True)
    return closed


def _close(
    approval: Approval, state: ApprovalState, *, by: str, now: datetime, note: str, user_id: int | None = None
) -> Approval:
    approval.state, approval.decider, approval.decided_by_id = state, by, user_id
    approval.decided_at, approval.note = now, note.replace("\0", "").strip()[:NOTE_LENGTH]
    approval.save(update_fields=["state", "decider", "decided_by", "decided_at", "note"])
    return approval


# -------------------------------------------------------------------------------------- reading


def open_approvals(*, project: Project) -> QuerySet[Approval]:
    """What waits for a second person, the oldest first."""
    rows = Approval.objects.filter(project=project, state=ApprovalState.OPEN).order_by("pk")
    return rows.select_related("project", "unit", "asked_by")


def decided(*, project: Project, limit: int = 50) -> list[Approval]:
    """What was decided, the newest first."""
    rows = Approval.objects.filter(project=project).exclude(state=ApprovalState.OPEN)
    return list(rows.select_related("project", "unit")[:limit])


# --------------------------------------------------------------------------------- told and kept


def _record(approval: Approval, what: str, *, actor: Actor, now: datetime, reason: str) -> None:
    body = {
        "headline": f"{what}: {approval.headline}",
        "approval": approval.pk,
        "subject": approval.subject,
        "wanted": approval.wanted,
        "seen_version": approval.seen_version,
        "asker": approval.asker,
    }
    kept = reason.replace("\0", "")[:NOTE_LENGTH]
    record(
        project=approval.project, kind=Kind.APPROVAL, actor=actor, now=now, body=body, unit=approval.unit, reason=kept
    )


def _tell(approval: Approval, sentence: str, *, now: datetime, over: bool = False) -> None:
    tell(
        project=approval.project,
        event=Event.APPROVAL,
        severity=Severity.INFO if over else Severity.WARNING,
        title=f"{'Decided' if over else 'Approval wanted'}: {approval.headline}",
        sentence=sentence,
        path=f"/p/{approval.project.slug}/approvals",
        now=now,
        unit=approval.unit,
        key=f"approval:{approval.pk}",
        resolves=over,
    )
