"""Where a ramp's next step takes a second person: it asks once, and waits for the word."""

from collections.abc import Sequence
from datetime import datetime

from migrator.access.models import Approval, ApprovalState
from migrator.access.rights import Actor
from migrator.rollout.approvals import ask
from migrator.rollout.models import Ramp
from migrator.rollout.services import Change, Refused


def asked_before(*, ramps: Sequence[Ramp]) -> dict[int, Approval]:
    """The newest approval of each unit that was asked for at its present version since its ramp began, by unit id."""
    by_unit = {ramp.unit_id: ramp for ramp in ramps}
    rows = Approval.objects.filter(unit__in=by_unit).order_by("unit_id", "-pk").distinct("unit_id")
    return {
        row.unit_id: row
        for row in rows
        if row.unit_id is not None
        and row.seen_version == by_unit[row.unit_id].unit.version
        and row.asked_at >= by_unit[row.unit_id].step_since
    }


def answer_of(approval: Approval) -> tuple[bool, str]:
    """Whether the ramp goes on waiting, and what is said of it. Whoever gives their word carries the step out."""
    if approval.state == ApprovalState.OPEN:
        return True, f"Waits for a second person: {approval.headline}. {approval.asker} asked."
    by = f" by {approval.decider}" if approval.decider else ""
    note = f" {approval.note}" if approval.note else ""
    return False, f"The step was not approved: it is {approval.get_state_display()}{by}.{note}"


def ask_once(*, ramp: Ramp, change: Change, actor: Actor, now: datetime) -> str:
    """Ask in the starter's name. Returns what the ramp waits for, in words."""
    reason = ramp.reason or "The ramp is ready for it."
    try:
        approval = ask(project=ramp.project, change=change, actor=actor, reason=reason, now=now)
    except Refused as moved:
        return moved.message
    return answer_of(approval)[1]
