"""Rights as a table: which role holds which, and how a person or a token becomes an actor.

Going down never needs more than on-call's right; going up needs more.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from migrator.access.models import Membership, Role, Scope, Token
from migrator.inventory.models import Project


class Right(StrEnum):
    SEE = "see"
    ROLL_BACK = "roll back"
    FLIP = "flip"
    EDIT = "edit the inventory"
    APPROVE = "approve what others ask for"
    OVERRIDE = "override a gate"
    MANAGE = "manage the project"


_VIEWER = frozenset({Right.SEE})
_ON_CALL = _VIEWER | {Right.ROLL_BACK}
_ENGINEER = _ON_CALL | {Right.FLIP, Right.EDIT, Right.APPROVE}
_ADMIN = _ENGINEER | {Right.OVERRIDE, Right.MANAGE}

RIGHTS: dict[str, frozenset[Right]] = {
    Role.VIEWER: _VIEWER,
    Role.ON_CALL: _ON_CALL,
    Role.ENGINEER: _ENGINEER,
    Role.ADMIN: _ADMIN,
}
ROLE_OF_SCOPE: dict[str, Role] = {Scope.READ: Role.VIEWER, Scope.OPERATE: Role.ENGINEER, Scope.ADMIN: Role.ADMIN}


class Via(StrEnum):
    """Through which door-knob a change came. The door is one."""

    PAGE = "page"
    API = "api"
    COMMAND = "command"
    TASK = "task"
    SIMULATION = "simulation"
    RAMP = "ramp"
    GUARD = "guard"
    ALERT = "alert"
    OVERRIDE = "override"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts, in one project, with what rights. `name` is what the ledger shows."""

    name: str
    via: Via
    rights: frozenset[Right]
    user_id: int | None = None

    def may(self, right: Right) -> bool:
        return right in self.rights


class Forbidden(PermissionError):
    """The actor lacks a right. The message says which, and who has it."""

    def __init__(self, *, actor: Actor, right: Right) -> None:
        holders = [str(Role(role).label) for role, rights in RIGHTS.items() if right in rights]
        super().__init__(f"{actor.name} may not {right}. Who may: {', '.join(holders)}.")
        self.right = right


def demand(*, actor: Actor, right: Right) -> None:
    """Raise Forbidden unless the actor holds the right."""
    if not actor.may(right):
        raise Forbidden(actor=actor, right=right)


def role_of(*, user: Any, project: Project) -> Role | None:
    """A person's role in a project; None for strangers."""
    if not user.is_authenticated or not user.is_active:
        return None
    if user.is_superuser:
        return Role.ADMIN
    role = Membership.objects.filter(user=user, project=project).values_list("role", flat=True).first()
    return Role(role) if role else None


def person(*, user: Any, project: Project, via: Via) -> Actor:
    """A signed-in person as an actor. Strangers get no right at all."""
    role = role_of(user=user, project=project)
    rights = RIGHTS[role] if role else frozenset()
    return Actor(name=user.get_username() or "nobody", via=via, rights=rights, user_id=user.pk)


def program(*, token: Token, project: Project, via: Via = Via.API) -> Actor:
    """A token as an actor. A token of another project gets no right here."""
    role = ROLE_OF_SCOPE.get(token.scope)
    at_home = token.project_id is None or token.project_id == project.pk
    return Actor(name=f"token {token.name}", via=via, rights=RIGHTS[role] if role and at_home else frozenset())


def console(*, name: str) -> Actor:
    """Whoever can run commands on a control-plane host already holds the database."""
    return Actor(name=name, via=Via.COMMAND, rights=_ADMIN)


def machine(*, name: str, via: Via) -> Actor:
    """A part of the product that acts by itself, and only ever downwards."""
    return Actor(name=name, via=via, rights=_ON_CALL)


def projects_seen_by(*, user: Any) -> Any:
    """The projects that a person may see, as a queryset."""
    if user.is_superuser:
        return Project.objects.all()
    return Project.objects.filter(memberships__user=user)
