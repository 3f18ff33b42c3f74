"""Rights as a table: which role holds which, and how a person or a token becomes an actor.

Going down never needs more than on-call's right; going up needs more.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db.models import Q

from migrator.access.models import Membership, Role, Scope, Token
from migrator.inventory.models import Project, Unit


class Right(StrEnum):
    SEE = "see"
    ROLL_BACK = "roll back"
    FREEZE = "freeze"
    FLIP = "flip"
    EDIT = "edit the inventory"
    APPROVE = "approve what others ask for"
    OVERRIDE = "override a gate"
    MANAGE = "manage the project"


_VIEWER = frozenset({Right.SEE})
_ON_CALL = _VIEWER | {Right.ROLL_BACK, Right.FREEZE}
_ENGINEER = _ON_CALL | {Right.FLIP, Right.EDIT, Right.APPROVE}
_ADMIN = _ENGINEER | {Right.OVERRIDE, Right.MANAGE}

DOWNWARDS = frozenset({Right.SEE, Right.ROLL_BACK, Right.FREEZE})
"""What a role in one team gives in the whole project."""

RIGHTS: dict[str, frozenset[Right]] = {
    Role.VIEWER: _VIEWER,
    Role.ON_CALL: _ON_CALL,
    Role.ENGINEER: _ENGINEER,
    Role.ADMIN: _ADMIN,
}
ROLE_OF_SCOPE: dict[str, Role] = {Scope.READ: Role.VIEWER, Scope.OPERATE: Role.ENGINEER, Scope.ADMIN: Role.ADMIN}


PROGRAM = "token "
"""What the name of an actor that is a program begins with."""
NAME_LENGTH = 200
"""Characters of an actor's name: no column that keeps one takes more."""


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
    """What holds for the whole project."""
    user_id: int | None = None
    owner_id: int | None = None
    """The person who made the token that a program acts with."""
    team_rights: Mapping[int, frozenset[Right]] = field(default_factory=dict)
    """What holds beside it for one team's units, by the team's id."""

    @property
    def person_id(self) -> int | None:
        """Who is behind it, be it through a token of theirs. None: a host, a part of the product, nobody's token."""
        return self.owner_id if self.user_id is None else self.user_id

    def may(self, right: Right) -> bool:
        return right in self.rights

    def may_with(self, unit: Unit, right: Right) -> bool:
        """Whether they may do it to this unit."""
        return right in self.rights or right in self.team_rights.get(unit.team_id or 0, ())

    def may_somewhere(self, right: Right) -> bool:
        """Whether there is anything in the project that they may do it to."""
        return right in self.rights or any(right in rights for rights in self.team_rights.values())

    def at(self, unit: Unit) -> "Actor":
        """The same person before one unit: what their team's role gives holds there."""
        return replace(self, rights=self.rights | self.team_rights.get(unit.team_id or 0, frozenset()))


class Forbidden(PermissionError):
    """The actor lacks a right. The message says which, and who has it."""

    def __init__(self, *, actor: Actor, right: Right) -> None:
        holders = [str(Role(role).label) for role, rights in RIGHTS.items() if right in rights]
        super().__init__(f"{actor.name} may not {right}. Who may: {', '.join(holders)}.")
        self.right = right


def demand(*, actor: Actor, right: Right, units: Collection[Unit] = ()) -> None:
    """Raise Forbidden unless the actor holds the right, in the whole project or for each of these units."""
    if actor.may(right) or (units and all(actor.may_with(unit, right) for unit in units)):
        return
    raise Forbidden(actor=actor, right=right)


def role_of(*, user: Any, project: Project) -> Role | None:
    """A person's role in the whole project; None for strangers, and for whom only a team knows."""
    if not user.is_authenticated or not user.is_active:
        return None
    if user.is_superuser:
        return Role.ADMIN
    mine = Membership.objects.filter(user=user, project=project, team__isnull=True)
    role = mine.values_list("role", flat=True).first()
    return Role(role) if role else None


def person(*, user: Any, project: Project, via: Via) -> Actor:
    """A signed-in person as an actor. Strangers get no right at all.

    Whoever has a role in one team only sees the whole project, and takes down whatever they could of their team's:
    what comes along may be another team's, and going down never waits for the right person.
    """
    role = role_of(user=user, project=project)
    rights = RIGHTS[role] if role else frozenset()
    of_teams = _team_rights(user, project)
    for each in of_teams.values():
        rights |= each & DOWNWARDS
    return Actor(name=user.get_username() or "nobody", via=via, rights=rights, user_id=user.pk, team_rights=of_teams)


def _team_rights(user: Any, project: Project) -> dict[int, frozenset[Right]]:
    if not user.is_authenticated or not user.is_active:
        return {}
    mine = Membership.objects.filter(user=user, project=project, team__isnull=False).values_list("team_id", "role")
    return {team: RIGHTS[role] for team, role in mine if team is not None}


def program(*, token: Token, project: Project, via: Via = Via.API) -> Actor:
    """A token as an actor. A token of another project gets no right here."""
    role = ROLE_OF_SCOPE.get(token.scope)
    at_home = token.project_id is None or token.project_id == project.pk
    rights = RIGHTS[role] if role and at_home else frozenset()
    return Actor(name=name_of(token), via=via, rights=rights, owner_id=token.owner_id)


def name_of(token: Token) -> str:
    """What the ledger calls a program: `token ci of ana`, or `token ci` where nobody is known to have made it."""
    of = f" of {token.owner.get_username()}" if token.owner else ""
    return f"{PROGRAM}{token.name}{of}"[:NAME_LENGTH]


def program_named(*, name: str, project: Project, via: Via, now: datetime) -> Actor:
    """The program that asked for something earlier, with the rights of now: none where its token is gone."""
    at_home = Q(project=project) | Q(project__isnull=True)
    in_force = Q(expires_at__isnull=True) | Q(expires_at__gt=now)
    # A token without an owner is called by its name alone; an owner's name comes after it.
    called = Q(owner__isnull=True, name=name.removeprefix(PROGRAM)) | Q(owner__isnull=False)
    tokens = Token.objects.filter(at_home, in_force, called, revoked_at__isnull=True).select_related("owner")
    known = [program(token=token, project=project, via=via) for token in tokens if name_of(token) == name]
    nobody = Actor(name=name, via=via, rights=frozenset())
    return max(known, key=lambda actor: len(actor.rights), default=nobody)


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
    return Project.objects.filter(memberships__user=user).distinct()
