"""Whether a change takes a second person, in a project that has one."""

from migrator.access.models import Membership
from migrator.access.rights import RIGHTS, Right
from migrator.core.policy import FourEyes, Policy
from migrator.inventory.models import Project

ENOUGH = 2
"""One who asks and one who approves."""


def needed(*, project: Project, subject: FourEyes, policy: Policy) -> bool:
    """Whether `policy` names `subject` and at least two members may approve.

    Superusers count only where they are members: a project with one engineer would otherwise wait for a
    stranger. Where nobody else is there to ask, one person's word is enough and the ledger shows it.
    """
    if subject not in policy.four_eyes:
        return False
    roles = [role for role, rights in RIGHTS.items() if Right.APPROVE in rights]
    members = Membership.objects.filter(project=project, role__in=roles, user__is_active=True)
    return members.count() >= ENOUGH
