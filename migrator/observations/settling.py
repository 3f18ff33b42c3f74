"""Verbs of the people who look after mismatch groups: settle, assign, comment; and of the clock that reminds them.

A cause is settled as a whole: what is done with a group is done with all that it stands for.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce, Greatest

from migrator.access.rights import Actor, Right, demand
from migrator.core.paths import render
from migrator.core.wire import RuleKind
from migrator.inventory.services import Invalid
from migrator.observations.clustering import parent_of
from migrator.observations.folding import FAILED
from migrator.observations.models import GroupCount, GroupStatus, MismatchGroup, Rule, SettledAs
from migrator.observations.queries.causes import members_of
from migrator.observations.ruling import create_rule, move_groups, tell
from migrator.observations.specs import RuleDraft

NEWS_FOR: Final = timedelta(days=7)
"""How long a group is news. Then it is ongoing."""
ESCALATES_AT: Final = 2.0
"""An archived group is back when it happens so many times as often as when it was archived."""
ACCEPTED_AT_ONCE: Final = 20
"""Places that one decision may accept. More are settled by a rule that names them."""
_BY_HAND: Final = {
    SettledAs.NOISE: GroupStatus.ARCHIVED,
    SettledAs.RACE: GroupStatus.ARCHIVED,
    SettledAs.ARCHIVED: GroupStatus.ARCHIVED,
    SettledAs.BUG: GroupStatus.ONGOING,
}
"""What a group that is settled without a rule becomes."""


@transaction.atomic
def settle(
    *,
    group: MismatchGroup,
    settled_as: str,
    actor: Actor,
    now: datetime,
    text: str = "",
    rule: RuleDraft | None = None,
    expires_at: datetime | None = None,
) -> list[Rule]:
    """Say what a cause is: noise, a race, accepted, a bug, or archived until it escalates. Returns the rules made.

    With a rule it is taken out of the comparison. `accepted` makes the rules itself where none is given. Noise and
    races without a rule are archived: they still count as evidence.

    Raises Forbidden, and Invalid where the words or the rule mean nothing; then nothing has changed.
    """
    demand(actor=actor, right=Right.EDIT)
    if settled_as not in SettledAs.values:
        raise Invalid("as", f"as is one of {', '.join(SettledAs.values)}; not {settled_as[:40]!r}.")
    members = members_of(group)
    drafts = [rule] if rule is not None else _acceptances(members) if settled_as == SettledAs.ACCEPTED else []
    if not drafts:
        _move(members, SettledAs(settled_as), actor=actor, text=text, now=now)
        return []
    reason = text.strip() or f"Settled as {SettledAs(settled_as).label}."
    return [
        create_rule(
            project=group.project,
            draft=draft,
            actor=actor,
            reason=reason,
            now=now,
            expires_at=expires_at,
            settled_as=settled_as,
        )
        for draft in drafts
    ]


UNCHANGED: Final = object()


@transaction.atomic
def change(
    *,
    group: MismatchGroup,
    actor: Actor,
    now: datetime,
    assignee: Any = UNCHANGED,
    note: str | None = None,
    reopened: bool = False,
) -> None:
    """Several of the verbs below at once. `assignee` is a user, or None for nobody. Raises Forbidden and Invalid."""
    if reopened:
        reopen(group=group, actor=actor, now=now)
    if assignee is not UNCHANGED:
        assign(group=group, user=assignee, actor=actor, now=now)
    if note is not None:
        comment(group=group, actor=actor, text=note, now=now)


@transaction.atomic
def assign(*, group: MismatchGroup, user: Any | None, actor: Actor, now: datetime) -> None:
    """Give a cause to somebody, or to nobody. Raises Forbidden."""
    demand(actor=actor, right=Right.EDIT)
    members = members_of(group)
    MismatchGroup.objects.filter(pk__in=[member.pk for member in members]).update(assignee=user)
    tell([members[0]], author=actor.name, change=f"assigned to {user or 'nobody'}", text="", now=now)


@transaction.atomic
def reopen(*, group: MismatchGroup, actor: Actor, now: datetime, text: str = "") -> None:
    """Take a decision back that made no rule. Raises Forbidden, and Invalid where a rule settled the group."""
    demand(actor=actor, right=Right.EDIT)
    members = members_of(group)
    if any(member.status in (GroupStatus.HIDDEN, GroupStatus.ACCEPTED) for member in members):
        raise Invalid("status", f"Rule {members[0].rule_id} settles this group. Take the rule back.")
    ids = [member.pk for member in members]
    move_groups(Q(pk__in=ids), status=GroupStatus.ONGOING, settled_as="", archived_rate=None)
    tell(members, author=actor.name, change="reopened", text=text, now=now)


def comment(*, group: MismatchGroup, actor: Actor, text: str, now: datetime) -> None:
    """Say something about a cause, for good. Raises Forbidden, and Invalid for nothing said."""
    demand(actor=actor, right=Right.EDIT)
    if not text.strip():
        raise Invalid("note", "A note says something.")
    tell([members_of(group)[0]], author=actor.name, change="", text=text.strip(), now=now)


def watch(*, now: datetime) -> int:
    """Let old news be ongoing, and archived groups that escalate be news. Returns how many changed."""
    aged = MismatchGroup.objects.filter(
        status__in=[GroupStatus.NEW, GroupStatus.REGRESSED, GroupStatus.ESCALATING], raised_at__lt=now - NEWS_FOR
    ).update(status=GroupStatus.ONGOING)
    return aged + escalate(now=now)


@transaction.atomic
def escalate(*, now: datetime) -> int:
    """Bring back the archived groups that happen more than twice as often as when they were archived."""
    last_day = _lately(now, days=1)
    louder = Q(today__gt=Greatest(F("archived_rate"), 1.0) * ESCALATES_AT)
    archived = MismatchGroup.objects.filter(status=GroupStatus.ARCHIVED, last_seen_at__gt=now - timedelta(days=1))
    ids = list(archived.annotate(today=last_day).filter(louder).values_list("pk", flat=True))
    groups = move_groups(Q(pk__in=ids), status=GroupStatus.ESCALATING, raised_at=now)
    tell(groups, author="Migrator", change="escalated", text="It happens more than twice as often as before.", now=now)
    return len(groups)


def _move(members: Sequence[MismatchGroup], to: SettledAs, *, actor: Actor, text: str, now: datetime) -> None:
    status = _BY_HAND[to]
    week = _lately(now, days=7)
    rate = week / 7.0 if status is GroupStatus.ARCHIVED else None
    ids = [member.pk for member in members]
    move_groups(Q(pk__in=ids), status=status, settled_as=to.value, archived_rate=rate)
    tell(members, author=actor.name, change=f"settled as {to.label}", text=text, now=now)


def _lately(now: datetime, *, days: int) -> Any:
    """How many pairs of a group differed in the last days, as an expression over groups."""
    counts = GroupCount.objects.filter(group_id=OuterRef("pk"), window_start__gt=now - timedelta(days=days))
    summed = counts.order_by().values("group_id").annotate(sum=Sum("count")).values("sum")
    return Coalesce(Subquery(summed), 0) * 1.0


def _acceptances(members: Sequence[MismatchGroup]) -> list[RuleDraft]:
    """Rules that accept these places of their unit: objects that changed as a whole by one path each."""
    if any((member.shape, member.kind) == FAILED[:2] for member in members):
        raise Invalid("as", "A candidate that gives no answer cannot be accepted: there is nothing to accept.")
    paths = []
    for member in members:
        parent = parent_of(member.shape)
        whole = len(members) > 1 and parent is not None and member.whole == member.total
        paths.append(f"{render(parent)}.*" if whole and parent is not None else member.shape)
    distinct = list(dict.fromkeys(paths))
    if len(distinct) > ACCEPTED_AT_ONCE:
        raise Invalid("rule", f"{len(distinct)} places are too many to accept one by one. Give a rule that names them.")
    return [RuleDraft(kind=RuleKind.ACCEPT, path=path, unit=members[0].unit) for path in distinct]
