"""Whether a change takes a second person, in a project that has one."""

from django.db.models import Q

from migrator.access.models import Membership
from migrator.access.rights import RIGHTS, Right
from migrator.core.policy import FourEyes, Policy
from migrator.inventory.models import Project, Unit

ENOUGH = 2
"""One who asks and one who approves."""


def needed(*, project: Project, subject: FourEyes, policy: Policy, unit: Unit | None = None) -> bool:
    """Whether `policy` names `subject` and at least two people may approve: in the whole project, or for `unit`.

    Superusers count only where they are members: a project with one engineer would otherwise wait for a
    stranger. Where nobody else is there to ask, one person's word is enough and the ledger shows it.
    """
    if subject not in policy.four_eyes:
        return False
    roles = [role for role, rights in RIGHTS.items() if Right.APPROVE in rights]
    where = Q(team__isnull=True)
    if unit is not None and unit.team_id is not None:
        where |= Q(team=unit.team_id)
    members = Membership.objects.filter(where, project=project, role__in=roles, user__is_active=True)
    return members.values("user").distinct().order_by().count() >= ENOUGH
