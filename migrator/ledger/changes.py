"""Changes of a project, its people and its keys that the ledger must know of: made and recorded in one transaction."""

from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Model

from migrator.access.models import Membership, Role, Scope, SecondFactor, Token
from migrator.access.rights import Actor, Right, demand
from migrator.access.tokens import create_token
from migrator.inventory import services as inventory
from migrator.inventory import versions
from migrator.inventory.models import Deploy, Project, Service, Team, Unit
from migrator.inventory.services import Invalid
from migrator.ledger.models import Kind
from migrator.ledger.services import record


@transaction.atomic
def deploy(*, service: Service, side: str, build: str, actor: Actor, now: datetime, reason: str = "") -> Deploy:
    """One side of a service runs another build: its units' evidence starts afresh. Raises inventory's Invalid."""
    before = Deploy.objects.filter(service=service, side=side).values_list("build", flat=True).first()
    made = inventory.record_deploy(service=service, side=side, build=build, now=now)
    body = {"headline": f"{service.name}, {side}: {build}", "service": service.name, "side": side, "build": build}
    record(
        project=service.project, kind=Kind.DEPLOY, actor=actor, now=now, body=body | {"before": before}, reason=reason
    )
    return made


@transaction.atomic
def settings(*, project: Project, actor: Actor, now: datetime, **changes: Any) -> Project:
    """Change a project's names, deadline or manners. Raises inventory's Invalid."""
    before = {name: _plain(getattr(project, name)) for name in changes}
    changed = inventory.change_settings(project=project, **changes)
    after = {name: _plain(getattr(changed, name)) for name in changes}
    if after != before:
        body = {"headline": ", ".join(sorted(changes)), "before": before, "after": after}
        record(project=project, kind=Kind.SETTINGS, actor=actor, now=now, body=body)
    return changed


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def scope(
    *,
    project: Project,
    actor: Actor,
    now: datetime,
    added: int,
    gone: int,
    headline: str,
    reason: str = "",
    **more: Any,
) -> None:
    """The scope grew or shrank: who, why and by how many units. Must share the transaction of the change."""
    if added or gone:
        body = {"headline": headline, "added": added, "gone": gone, **more}
        record(project=project, kind=Kind.SCOPE, actor=actor, now=now, body=body, reason=reason)


# ---------------------------------------------------------------------------------------- people


@transaction.atomic
def set_role(
    *, project: Project, user: Any, role: str, actor: Actor, now: datetime, team: Team | None = None
) -> Membership:
    """Give a person a role in the project, or in one team of it; what they had there is replaced.

    Raises Forbidden without the right, and Invalid where the role is unknown or the project would lose its last admin.
    """
    demand(actor=actor, right=Right.MANAGE)
    versions.lock(project_id=project.pk)
    if role not in Role.values:
        raise Invalid("role", f"role is one of {', '.join(Role.values)}, not {role!r}.")
    if team is not None and team.project_id != project.pk:
        raise Invalid("team", f"{project} has no such team.")
    before = Membership.objects.filter(project=project, user=user, team=team).first()
    if before is not None and role != before.role:
        _keep_an_admin(before, actor, what="take another role")
    member, _ = Membership.objects.update_or_create(project=project, user=user, team=team, defaults={"role": role})
    if before is None or before.role != role:
        headline = f"{user.get_username()}: {before.role if before else 'nothing'} → {role}{_in_team(team)}"
        _record_settings(project, actor, now, headline, person=user.get_username(), role=role, team=_name(team))
    return member


@transaction.atomic
def remove_member(*, membership: Membership, actor: Actor, now: datetime) -> None:
    """End a person's role. Raises Forbidden without the right, and Invalid where it is the last admin's own."""
    demand(actor=actor, right=Right.MANAGE)
    project, team = membership.project, membership.team
    versions.lock(project_id=project.pk)
    _keep_an_admin(membership, actor, what="leave")
    gone, _ = Membership.objects.filter(pk=membership.pk).delete()
    if gone:
        name = membership.user.get_username()
        headline = f"{name}: {membership.role} → nothing{_in_team(team)}"
        _record_settings(project, actor, now, headline, person=name, role=None, team=_name(team))


@transaction.atomic
def reset_second_factor(*, project: Project, user: Any, actor: Actor, now: datetime) -> None:
    """Forget a member's second factor, because their phone is gone: they set up another. Repeating it is harmless.

    Raises Forbidden without the right, and Invalid for one's own, which takes a code, and for somebody who also works
    where the actor does not manage: there the factor guards what is not theirs to open.
    """
    demand(actor=actor, right=Right.MANAGE)
    if user.pk == actor.user_id:
        raise Invalid("person", "You remove your own on your account page, with a code.")
    if not Membership.objects.filter(project=project, user=user).exists():
        raise Invalid("person", f"{user.get_username()} is not in {project.name}.")
    elsewhere = _beyond(user, actor)
    if elsewhere:
        raise Invalid("person", f"{user.get_username()} is in {elsewhere} too: whoever manages that as well resets it.")
    gone, _ = SecondFactor.objects.filter(user=user).delete()
    if gone:
        name = user.get_username()
        _record_settings(project, actor, now, f"second factor of {name} reset", person=name)


def _beyond(user: Any, actor: Actor) -> str:
    """What a person works in that the actor does not manage, by its name; empty where that is nothing."""
    if get_user_model().objects.filter(pk=actor.user_id or 0, is_superuser=True).exists():
        return ""
    if user.is_superuser:
        return "every project"
    managed = Membership.objects.filter(user=actor.user_id, role=Role.ADMIN, team__isnull=True).values("project")
    others = Membership.objects.filter(user=user).exclude(project__in=managed).select_related("project")
    first = others.order_by("project__slug").first()
    return first.project.name if first else ""


def _keep_an_admin(membership: Membership, actor: Actor, *, what: str) -> None:
    """The last admin of a project cannot go: nobody would be left to let anybody in."""
    if membership.role != Role.ADMIN or membership.team_id is not None or membership.user_id != actor.user_id:
        return
    others = Membership.objects.filter(
        project=membership.project_id, role=Role.ADMIN, team__isnull=True, user__is_active=True
    )
    if not others.exclude(pk=membership.pk).exists():
        raise Invalid("role", f"You are the last admin: make somebody else one before you {what}.")


def _in_team(team: Team | None) -> str:
    return f" in team {team.name}" if team else ""


def _name(team: Team | None) -> str | None:
    return team.name if team else None


@transaction.atomic
def add_team(*, project: Project, name: str, actor: Actor, now: datetime) -> Team:
    """Raises Forbidden without the right, and Invalid where the name is empty or taken."""
    demand(actor=actor, right=Right.MANAGE)
    team = inventory.create_team(project=project, name=_team_name(name))
    _record_settings(project, actor, now, f"team {team.name} made", team=team.name)
    return team


@transaction.atomic
def rename_team(*, team: Team, name: str, actor: Actor, now: datetime) -> Team:
    """Raises Forbidden without the right, and Invalid where the name is empty or taken."""
    demand(actor=actor, right=Right.MANAGE)
    versions.lock(project_id=team.project_id)
    before, name = team.name, _team_name(name)
    if Team.objects.filter(project=team.project_id, name=name).exclude(pk=team.pk).exists():
        raise Invalid("name", f"{team.project} has a team {name} already.")
    if name != before:
        Team.objects.filter(pk=team.pk).update(name=name)
        _record_settings(team.project, actor, now, f"team {before} → {name}", team=name, before=before)
    return Team.objects.get(pk=team.pk)


def _team_name(name: str) -> str:
    told = name.replace("\0", "").strip()
    if not 0 < len(told) <= TEAM_NAME:
        raise Invalid("name", f"A team has a name of at most {TEAM_NAME} characters.")
    return told


TEAM_NAME = 100


# -------------------------------------------------------------------------------------- services


@transaction.atomic
def service(
    *, project: Project, name: str, actor: Actor, now: datetime, right: Right = Right.MANAGE, **fields: Any
) -> Service:
    """Make a service or change its addresses, timeouts, capacity and runbook. `right` is what that takes.

    Raises Forbidden and inventory's Invalid.
    """
    demand(actor=actor, right=right)
    known = Service.objects.filter(project=project, name=name).first()
    before = {field: getattr(known, field) if known else None for field in fields}
    saved = inventory.save_service(project=project, name=name, **fields)
    changed = sorted(field for field in fields if getattr(saved, field) != before[field])
    if changed or known is None:
        headline = f"service {name}: {', '.join(changed)}" if known else f"service {name} made"
        after = {field: getattr(saved, field) for field in changed}
        told = {field: before[field] for field in changed}
        _record_settings(project, actor, now, headline, service=name, before=told, after=after)
    return saved


@transaction.atomic
def unit(*, unit: Unit, actor: Actor, now: datetime, reason: str = "", **changes: Any) -> Unit:
    """Change what is declared of a unit. Raises Forbidden before a unit that is not theirs, and inventory's Invalid."""
    demand(actor=actor.at(unit), right=Right.EDIT)
    versions.lock(project_id=unit.project_id)
    known = Unit.objects.select_related("team", "service", "parent").get(pk=unit.pk)
    saved = inventory.change_unit(unit=known, **changes)
    before, after = ({name: _named(getattr(each, name)) for name in changes} for each in (known, saved))
    changed = sorted(name for name in changes if before[name] != after[name])
    if changed:
        body = {
            "headline": f"{saved.key}: {', '.join(changed)}",
            "before": {name: before[name] for name in changed},
            "after": {name: after[name] for name in changed},
        }
        record(project=saved.project, kind=Kind.SETTINGS, actor=actor, now=now, body=body, unit=saved, reason=reason)
    return saved


def _named(value: Any) -> Any:
    """A row by its name, anything else as it is."""
    return str(value) if isinstance(value, Model) else value


# ---------------------------------------------------------------------------------------- tokens


@transaction.atomic
def token(
    *, project: Project, name: str, scope: str, actor: Actor, now: datetime, expires_at: datetime | None = None
) -> str:
    """Make a token of this project and return it: it is shown once. Raises Forbidden and Invalid."""
    demand(actor=actor, right=Right.MANAGE)
    told = name.replace("\0", "").strip()
    if not told:
        raise Invalid("name", "Say what the token is for, such as gateway-eu.")
    if scope not in Scope.values:
        raise Invalid("scope", f"scope is one of {', '.join(Scope.values)}, not {scope!r}.")
    if expires_at is not None and expires_at <= now:
        raise Invalid("expires_at", "A token ends in the future, or not at all.")
    secret = create_token(
        name=told[:100], scope=scope, now=now, project=project, expires_at=expires_at, owner_id=actor.person_id
    )
    ends = expires_at.isoformat() if expires_at else None
    _record_settings(project, actor, now, f"token {told} made, scope {scope}", token=told, scope=scope, expires_at=ends)
    return secret


@transaction.atomic
def revoke_token(*, token: Token, project: Project, actor: Actor, now: datetime) -> None:
    """Nobody gets in with it from now on. Repeating it is harmless. Raises Forbidden without the right."""
    demand(actor=actor, right=Right.MANAGE)
    revoked = Token.objects.filter(pk=token.pk, project=project, revoked_at__isnull=True).update(revoked_at=now)
    if revoked:
        _record_settings(project, actor, now, f"token {token.name} revoked", token=token.name, prefix=token.prefix)


def _record_settings(project: Project, actor: Actor, now: datetime, headline: str, **more: Any) -> None:
    record(project=project, kind=Kind.SETTINGS, actor=actor, now=now, body={"headline": headline, **more})
