"""Verbs that make rules and take them back.

Evidence belongs to one legacy build, one candidate build and the rules: where a rule changes what is compared,
evidence starts afresh. That is in the units of its scope in which it hides something; what was counted elsewhere
would have been counted alike. Each verb does all of its work in one transaction:

1. lock the project's row, so that rules and flips queue up and their versions are in order;
2. raise the project's version: the commit is the publication, and wakes the waiting data planes;
3. write the rule, start evidence afresh where it reaches, and settle or reopen the groups there.

Tallies carry the epoch by which they were judged, so a group that is settled in an epoch and differs again in that
epoch is back, whatever the clocks say.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.db import transaction
from django.db.models import F, OuterRef, Q, Subquery

from migrator.access.rights import Actor, Right, Via, demand, machine
from migrator.core.paths import covers
from migrator.core.routing import field_path
from migrator.core.wire import RuleKind, RuleSpec
from migrator.inventory import versions
from migrator.inventory.models import Project, Unit
from migrator.inventory.services import Invalid
from migrator.ledger.models import Kind
from migrator.ledger.services import record
from migrator.observations.models import RULED_STATUSES, GroupNote, GroupStatus, MismatchGroup, Rule, RuleHit
from migrator.observations.reach import Certainty, reached
from migrator.observations.specs import RuleDraft, checked, objections, specs_of, stored_parameters

log = structlog.get_logger()

LIFETIME: Final = timedelta(days=30)
"""How long a rule holds that says nothing about it."""
LONGEST: Final = timedelta(days=366)
RULES_OF_PROJECT: Final = 1_000
"""Rules in force at once. Every table of changes carries all of them."""
EXPIRED: Final = "Its rule expired."


@transaction.atomic
def create_rule(
    *,
    project: Project,
    draft: RuleDraft,
    actor: Actor,
    reason: str,
    now: datetime,
    expires_at: datetime | None = None,
    settled_as: str = "",
    noise: bool = False,
) -> Rule:
    """Settle what a place's differences mean, from now until it expires: 30 days where nothing else is said.

    `noise` says that nobody wrote it: a side was seen to disagree with itself.

    Raises Forbidden without the right, and Invalid where the rule means nothing, hides everything, or cannot hold
    beside those in force; then nothing has changed.
    """
    demand(actor=actor, right=Right.EDIT)
    spec, reason = checked(draft), _reason(reason)
    versions.lock(project_id=project.pk)
    _check_company(project, spec)
    version = versions.advance(project_id=project.pk)
    rule = Rule.objects.create(
        project=project,
        service=draft.service,
        unit=draft.unit,
        kind=spec.kind,
        path=spec.path,
        parameters=stored_parameters(spec) | ({"noise": True} if noise else {}),
        reason=reason,
        author=actor.name,
        created_at=now,
        expires_at=_expiry(expires_at, now),
        table_version=version,
    )
    _come_into_force(rule, spec, now=now, settled_as=settled_as)
    _record(rule, "made", actor=actor, now=now, reason=reason)
    log.info("rule.created", project=project.slug, rule=rule.pk, kind=rule.kind, path=rule.path, author=rule.author)
    return rule


@transaction.atomic
def revoke_rule(*, rule: Rule, actor: Actor, now: datetime, reason: str = "") -> Rule:
    """Take a rule back: its groups are open again. Repeating it is harmless. Raises Forbidden."""
    demand(actor=actor, right=Right.EDIT)
    versions.lock(project_id=rule.project_id)
    told = {"revoked_at": now, "revoked_by": actor.name, "revoked_reason": reason.replace("\0", "")[:1_000]}
    if Rule.objects.active().filter(pk=rule.pk).update(**told):
        _end(rule, GroupStatus.ONGOING, actor.name, reason or "Its rule was taken back.", now=now)
        _record(rule, "taken back", actor=actor, now=now, reason=reason[:1_000])
        log.info("rule.revoked", project=rule.project_id, rule=rule.pk, author=actor.name)
    return Rule.objects.get(pk=rule.pk)


def expire_due(*, now: datetime) -> int:
    """End the rules whose time is over: their groups come back as regressed. Returns how many there were."""
    due = list(Rule.objects.due(now).order_by("project_id", "pk"))
    for rule in due:
        with transaction.atomic():
            versions.lock(project_id=rule.project_id)
            if Rule.objects.active().filter(pk=rule.pk).update(expired_at=now):
                _end(rule, GroupStatus.REGRESSED, rule.author, EXPIRED, now=now)
                clock = machine(name="Migrator", via=Via.TASK)
                _record(rule, "ended", actor=clock, now=now, reason=EXPIRED)
                log.info("rule.expired", project=rule.project_id, rule=rule.pk)
    return len(due)


def start_afresh(*, unit_ids: Collection[int], now: datetime, version: int) -> None:
    """What was counted of these units says nothing about what is compared from now on."""
    Unit.objects.filter(pk__in=unit_ids).update(
        evidence_epoch=F("evidence_epoch") + 1, evidence_since=now, table_version=version
    )


def move_groups(condition: Q, **changes: Any) -> list[MismatchGroup]:
    """Change groups, and let clustering look anew at what stood with them. Returns them as they were before."""
    wanted = set(MismatchGroup.objects.filter(condition).values_list("pk", flat=True))
    # Locked in the order in which batches write them: so nobody waits in a circle.
    near = Q(pk__in=wanted) | Q(leader_id__in=wanted)
    rows = MismatchGroup.objects.select_for_update().filter(near).order_by("unit_id", "cause")
    groups = {row.pk: row for row in rows}
    apart = [pk for pk, row in groups.items() if row.leader_id and (pk in wanted) != (row.leader_id in wanted)]
    MismatchGroup.objects.filter(pk__in=apart).update(leader=None)
    MismatchGroup.objects.filter(pk__in=groups).update(placed=False)
    MismatchGroup.objects.filter(pk__in=wanted).update(**changes)
    return [row for pk, row in groups.items() if pk in wanted]


def _come_into_force(rule: Rule, spec: RuleSpec, *, now: datetime, settled_as: str) -> None:
    """Start evidence afresh where the rule reaches, and settle the groups that it hides."""
    found = reached(project=rule.project, spec=spec, now=now)
    shapes: dict[int, set[str]] = {}
    for each in found:
        shapes.setdefault(each.group.unit_id, set()).add(each.group.shape)
    start_afresh(unit_ids=_touched(rule, shapes), now=now, version=rule.table_version)
    sure = [each.group.pk for each in found if each.certainty > Certainty.PERHAPS]
    status = GroupStatus.ACCEPTED if spec.kind is RuleKind.ACCEPT else GroupStatus.HIDDEN
    groups = move_groups(
        Q(pk__in=sure) & ~Q(status__in=RULED_STATUSES),
        status=status,
        rule=rule,
        settled_as=settled_as,
        settled_epoch=Subquery(Unit.objects.filter(pk=OuterRef("unit_id")).values("evidence_epoch")[:1]),
    )
    tell(groups, author=rule.author, change=f"{status.label} (rule {rule.pk})", text=rule.reason, now=now)


def _record(rule: Rule, what: str, *, actor: Actor, now: datetime, reason: str) -> None:
    """Rules say what counts as a difference: the ledger knows who made them, and when they ended."""
    body = {
        "headline": f"{rule.kind} {rule.path} {what}",
        "rule": rule.pk,
        "kind": rule.kind,
        "path": rule.path,
        "parameters": rule.parameters,
        "what": what,
    }
    record(project=rule.project, kind=Kind.RULE, actor=actor, now=now, body=body, unit=rule.unit, reason=reason)


def _touched(rule: Rule, shapes: dict[int, set[str]]) -> set[int]:
    """The units whose comparison the rule changes: endpoints with what it hides, and their fields around that.

    A rule of one unit always touches that unit: differences may be on their way that nobody has counted yet.
    """
    units = set(shapes)
    if rule.unit is not None:
        units |= {rule.unit.pk, rule.unit.parent_id or rule.unit.pk}
    for pk, parent, key in Unit.objects.tracked().filter(parent_id__in=units).values_list("pk", "parent_id", "key"):
        path = field_path(key)
        there = shapes.get(parent)  # empty where the rule hid something, and nobody knows at which place
        if path is not None and (rule.unit is not None or not there or any(covers(path, each) for each in there)):
            units.add(pk)
    return units


def _end(rule: Rule, status: GroupStatus, author: str, text: str, *, now: datetime) -> None:
    """Evidence starts afresh where the rule hid something, and its groups are open again."""
    version = versions.advance(project_id=rule.project_id)
    Rule.objects.filter(pk=rule.pk).update(table_version=version)
    groups = move_groups(Q(rule=rule) & Q(status__in=RULED_STATUSES), status=status, settled_as="", raised_at=now)
    shapes: dict[int, set[str]] = {}
    for group in groups:
        shapes.setdefault(group.unit_id, set()).add(group.shape)
    for unit in RuleHit.objects.filter(rule=rule).values_list("unit_id", flat=True):
        shapes.setdefault(unit, set())
    start_afresh(unit_ids=_touched(rule, shapes), now=now, version=version)
    tell(groups, author=author, change=f"{status.label} (rule {rule.pk})", text=text, now=now)


def tell(groups: Iterable[MismatchGroup], *, author: str, change: str, text: str, now: datetime) -> None:
    """Write down what happened to these groups."""
    text = text.replace("\0", "")[:2_000]
    GroupNote.objects.bulk_create(
        [GroupNote(group=group, at=now, author=author, change=change, text=text) for group in groups], batch_size=1_000
    )


def _check_company(project: Project, spec: RuleSpec) -> None:
    others = specs_of(project=project)
    if len(others) >= RULES_OF_PROJECT:
        raise Invalid("path", f"{project} has {len(others):,} rules in force. Take back those that nothing meets.")
    against = objections(spec, others)
    if against:
        raise Invalid("path", " ".join(against[:3]))


def _reason(text: str) -> str:
    kept = text.replace("\0", "").strip()
    if not kept:
        raise Invalid("reason", "A rule says why: write a reason.")
    return kept[:1_000]


def _expiry(asked: datetime | None, now: datetime) -> datetime:
    at = asked or now + LIFETIME
    if not now < at <= now + LONGEST:
        raise Invalid("expires_at", f"expires_at lies within the next {LONGEST.days} days.")
    return at
