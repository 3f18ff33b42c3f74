"""Where a reader sits: which project, with which rights. Every page of a project begins here."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth import get_user_model
from django.db.models import F, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _

from dashboards.vocabulary import spoken
from migrator.access.models import Membership, Role
from migrator.access.rights import DOWNWARDS, RIGHTS, Actor, Right, Via, person, projects_seen_by
from migrator.inventory.models import Project, Unit

P = ParamSpec("P")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One person in one project. Templates ask `may_flip` and its like, never the role."""

    project: Project
    actor: Actor
    unit: Unit | None = None
    """The unit that they look at: a role in its team holds there."""

    def at(self, unit: Unit) -> "Seat":
        """The same person before one unit."""
        return Seat(project=self.project, actor=self.actor.at(unit), unit=unit)

    @property
    def role(self) -> str:
        """What they are called: `engineer`, `engineer in core`, or `viewer, engineer in core`."""
        if self.actor.team_rights:
            return with_teams(project=self.project, user_id=self.actor.user_id)
        return next((str(Role(role).label) for role, rights in RIGHTS.items() if rights == self.actor.rights), "guest")

    @property
    def may_flip(self) -> bool:
        return self.actor.may(Right.FLIP)

    @property
    def may_roll_back(self) -> bool:
        return self.actor.may(Right.ROLL_BACK)

    @property
    def may_edit(self) -> bool:
        return self.actor.may(Right.EDIT)

    @property
    def may_override(self) -> bool:
        return self.actor.may(Right.OVERRIDE)

    @property
    def may_approve(self) -> bool:
        return self.actor.may(Right.APPROVE)

    @property
    def may_freeze(self) -> bool:
        return self.actor.may(Right.FREEZE)

    @property
    def who_may_flip(self) -> str:
        return holders(project=self.project, right=Right.FLIP, unit=self.unit)

    @property
    def who_may_approve(self) -> str:
        return holders(project=self.project, right=Right.APPROVE, unit=self.unit)

    @property
    def who_may_roll_back(self) -> str:
        return holders(project=self.project, right=Right.ROLL_BACK)


def with_teams(*, project: Project, user_id: int | None) -> str:
    """The roles of somebody who has one in a team, the one in the whole project first. An admin needs no other."""
    mine = Membership.objects.filter(project=project, user=user_id).select_related("team", "user")
    members = list(mine.order_by(F("team__name").asc(nulls_first=True)))
    whole = [Role.ADMIN] if any(member.user.is_superuser for member in members) else []
    whole += [Role(member.role) for member in members if member.team is None and not whole]
    of_teams = [
        _("{role} in {team}").format(role=spoken(str(Role(member.role).label)), team=member.team)
        for member in members
        if member.team is not None
    ]
    told = [spoken(str(role.label)) for role in whole]
    return ", ".join(told if Role.ADMIN in whole else told + of_teams)


def holders(*, project: Project, right: Right, unit: Unit | None = None) -> str:
    """People who hold a right, at most five by name: `ana (engineer), ben (admin)`.

    In the whole project; before `unit` those of its team too. Whoever may go down for one team may for all.
    """
    roles = [role for role, rights in RIGHTS.items() if right in rights]
    members = Membership.objects.filter(project=project, role__in=roles, user__is_active=True)
    if right not in DOWNWARDS:
        team = Q(team__isnull=True)
        if unit is not None and unit.team_id is not None:
            team |= Q(team=unit.team_id)
        members = members.filter(team)
    named = {
        member.user_id: f"{member.user.get_username()} ({spoken(str(Role(member.role).label))})"
        for member in members.select_related("user").order_by("pk")
    }
    return ", ".join([*named.values()][:5] or administrators())


def administrators() -> list[str]:
    people = get_user_model().objects.filter(is_superuser=True, is_active=True).order_by("pk")[:3]
    return [f"{user.get_username()} ({spoken('admin')})" for user in people] or [spoken("an administrator")]


def seat_of(*, request: HttpRequest, slug: str) -> Seat:
    """The reader's seat in a project. Raises Http404 where there is no such project."""
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        raise Http404(_("There is no project {slug}.").format(slug=slug))
    return Seat(project=project, actor=person(user=request.user, project=project, via=Via.PAGE))


def project_page(
    view: Callable[Concatenate[HttpRequest, Seat, P], HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """Hands a view the reader's seat instead of the slug. Strangers to the project learn whom to ask."""

    @wraps(view)
    def seated(request: HttpRequest, slug: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        seat = seat_of(request=request, slug=slug)
        if not seat.actor.may(Right.SEE):
            who = holders(project=seat.project, right=Right.MANAGE)
            return forbidden(request, _("You have no role in {project} yet.").format(project=slug), who)
        request.seat = seat  # type: ignore[attr-defined]
        return view(request, seat, *args, **kwargs)

    return seated


def forbidden(request: HttpRequest, message: str, who: str) -> HttpResponse:
    """Says what is not allowed, and who can."""
    return render(request, "403.html", {"message": message, "who": who}, status=403)


def seats_of(*, request: HttpRequest) -> list[Seat]:
    """The reader's seats in all projects they see, ordered by slug."""
    projects: Any = projects_seen_by(user=request.user)
    return [Seat(project=p, actor=person(user=request.user, project=p, via=Via.PAGE)) for p in projects]
