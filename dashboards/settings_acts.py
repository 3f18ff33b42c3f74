"""What can be done on a page of settings: each act reads its form, calls one service and says what came of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django import forms
from django.contrib.auth import get_user_model
from django.http import Http404, HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from dashboards.parameters import key, text
from dashboards.seats import Seat
from dashboards.settings_forms import (
    MannersForm,
    PersonForm,
    ProjectForm,
    ServiceForm,
    ShareForm,
    TeamForm,
    TokenForm,
    comma_list,
)
from dashboards.vocabulary import spoken
from migrator.access.models import Membership, Token
from migrator.inventory.models import Service, Team
from migrator.inventory.services import Invalid
from migrator.ledger import changes
from migrator.planning.models import ShareLink
from migrator.planning.sharing import make_share_link, revoke_share_link


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of an act: done with a message, or forms to correct, or a secret that is shown once."""

    message: str = ""
    error: str = ""
    rejected: Mapping[str, forms.Form] = field(default_factory=dict)
    secret: str = ""
    secret_name: str = ""


Act = Callable[[HttpRequest, Seat], Outcome]


def _tried(form: forms.Form, name: str, act: Callable[[dict[str, Any]], Outcome]) -> Outcome:
    """Valid input goes to the service; what either refuses stands beside its control."""
    if form.is_valid():
        try:
            return act(form.cleaned_data)
        except Invalid as invalid:
            form.add_error(invalid.field if invalid.field in form.fields else None, invalid.message)
    return Outcome(rejected={name: form})


def _mine(rows: Any, request: HttpRequest, seat: Seat, name: str) -> Any:
    """The row of this project that a button names. Raises Http404."""
    found = rows.filter(project=seat.project, pk=key(request.POST, name)).first()
    if found is None:
        raise Http404(_("That is no longer there."))
    return found


# ---------------------------------------------------------------------------------------- people


def add_person(request: HttpRequest, seat: Seat) -> Outcome:
    form = PersonForm(request.POST, project=seat.project)

    def act(given: dict[str, Any]) -> Outcome:
        name = given["username"].strip()
        user = get_user_model().objects.filter(username=name, is_active=True).first()
        if user is None:
            raise Invalid(
                "username", _("Nobody has an account {name}. An administrator makes accounts.").format(name=repr(name))
            )
        if Membership.objects.filter(project=seat.project, user=user, team=given["team"]).exists():
            raise Invalid("username", _("{name} has a role there already: change it in the list.").format(name=name))
        changes.set_role(
            project=seat.project,
            user=user,
            role=given["role"],
            team=given["team"],
            actor=seat.actor,
            now=timezone.now(),
        )
        return Outcome(message=_("{name} is in {project} now.").format(name=name, project=seat.project.name))

    return _tried(form, "person_form", act)


def change_role(request: HttpRequest, seat: Seat) -> Outcome:
    member = _mine(Membership.objects.select_related("user", "team"), request, seat, "member")
    role = text(request.POST, "role")
    try:
        changes.set_role(
            project=seat.project,
            user=member.user,
            role=role,
            team=member.team,
            actor=seat.actor,
            now=timezone.now(),
        )
    except Invalid as invalid:
        return Outcome(error=_("Not changed: {why}").format(why=invalid.message))
    return Outcome(
        message=_("{user} is {role} now.").format(user=member.user.get_username(), role=spoken(role.replace("_", "-")))
    )


def remove_person(request: HttpRequest, seat: Seat) -> Outcome:
    member = _mine(Membership.objects.select_related("user", "team", "project"), request, seat, "member")
    try:
        changes.remove_member(membership=member, actor=seat.actor, now=timezone.now())
    except Invalid as invalid:
        return Outcome(error=_("Not removed: {why}").format(why=invalid.message))
    return Outcome(
        message=_("{user} is out of {place}.").format(
            user=member.user.get_username(), place=member.team or seat.project.name
        )
    )


def reset_second_factor(request: HttpRequest, seat: Seat) -> Outcome:
    member = _mine(Membership.objects.select_related("user"), request, seat, "member")
    name = member.user.get_username()
    try:
        changes.reset_second_factor(project=seat.project, user=member.user, actor=seat.actor, now=timezone.now())
    except Invalid as invalid:
        return Outcome(error=_("Not reset: {why}").format(why=invalid.message))
    return Outcome(
        message=_("{name} has no second factor any more, and sets up another on their account page.").format(name=name)
    )


def add_team(request: HttpRequest, seat: Seat) -> Outcome:
    def act(given: dict[str, Any]) -> Outcome:
        team = changes.add_team(project=seat.project, name=given["name"], actor=seat.actor, now=timezone.now())
        return Outcome(message=_("Team {team} is made.").format(team=team.name))

    return _tried(TeamForm(request.POST), "team_form", act)


def rename_team(request: HttpRequest, seat: Seat) -> Outcome:
    team = _mine(Team.objects.select_related("project"), request, seat, "team")
    try:
        renamed = changes.rename_team(team=team, name=text(request.POST, "name"), actor=seat.actor, now=timezone.now())
    except Invalid as invalid:
        return Outcome(error=_("Not renamed: {why}").format(why=invalid.message))
    return Outcome(message=_("The team is called {renamed} now.").format(renamed=renamed.name))


# ------------------------------------------------------------------------- project and services


def save_project(request: HttpRequest, seat: Seat) -> Outcome:
    def act(given: dict[str, Any]) -> Outcome:
        changes.settings(project=seat.project, actor=seat.actor, now=timezone.now(), **given)
        return Outcome(message=_("Saved."))

    return _tried(ProjectForm(request.POST, project=seat.project), "project_form", act)


def save_manners(request: HttpRequest, seat: Seat) -> Outcome:
    form = MannersForm(request.POST, project=seat.project)

    def act(_given: dict[str, Any]) -> Outcome:
        changes.settings(project=seat.project, actor=seat.actor, now=timezone.now(), manners=form.manners)
        return Outcome(message=_("Saved. Data planes hear of it at once."))

    return _tried(form, "manners_form", act)


def save_service(request: HttpRequest, seat: Seat) -> Outcome:
    """A new one where none is named."""
    number = key(request.POST, "service")
    service: Service | None = _mine(Service.objects.all(), request, seat, "service") if number else None

    def act(given: dict[str, Any]) -> Outcome:
        name = service.name if service else given.pop("name")
        if service is None and seat.project.services.filter(name=name).exists():
            raise Invalid(
                "name", _("{project} has a service {service} already.").format(project=seat.project.name, service=name)
            )
        changes.service(project=seat.project, name=name, actor=seat.actor, now=timezone.now(), **given)
        return Outcome(message=_("{name} is saved. Data planes hear of it at once.").format(name=name))

    return _tried(ServiceForm(request.POST, service=service), "service_form", act)


# ----------------------------------------------------------------------------- tokens and links


def make_token(request: HttpRequest, seat: Seat) -> Outcome:
    form = TokenForm(request.POST)

    def act(given: dict[str, Any]) -> Outcome:
        secret = changes.token(
            project=seat.project,
            name=given["name"],
            scope=given["scope"],
            actor=seat.actor,
            now=timezone.now(),
            expires_at=form.expires_at,
        )
        return Outcome(secret=secret, secret_name=given["name"])

    return _tried(form, "token_form", act)


def revoke_token(request: HttpRequest, seat: Seat) -> Outcome:
    token = _mine(Token.objects.all(), request, seat, "token")
    changes.revoke_token(token=token, project=seat.project, actor=seat.actor, now=timezone.now())
    return Outcome(message=_("{token} opens nothing any more.").format(token=token.name))


def make_link(request: HttpRequest, seat: Seat) -> Outcome:
    form = ShareForm(request.POST)

    def act(given: dict[str, Any]) -> Outcome:
        secret = make_share_link(
            project=seat.project,
            name=given["name"],
            actor=seat.actor,
            now=timezone.now(),
            embed_origins=comma_list(given["embed_origins"]),
            expires_at=form.expires_at,
        )
        return Outcome(secret=secret, secret_name=given["name"])

    return _tried(form, "share_form", act)


def revoke_link(request: HttpRequest, seat: Seat) -> Outcome:
    link = _mine(ShareLink.objects.select_related("project"), request, seat, "link")
    revoke_share_link(link=link, actor=seat.actor, now=timezone.now())
    return Outcome(message=_("{link} shows nothing any more.").format(link=link.name))


ACTS: Final[Mapping[str, Mapping[str, Act]]] = {
    "people": {
        "add-person": add_person,
        "change-role": change_role,
        "remove-person": remove_person,
        "reset-factor": reset_second_factor,
        "add-team": add_team,
        "rename-team": rename_team,
    },
    "project": {"save-project": save_project},
    "services": {"save-service": save_service},
    "requests": {"save-manners": save_manners},
    "tokens": {"make-token": make_token, "revoke-token": revoke_token},
    "sharing": {"make-link": make_link, "revoke-link": revoke_link},
}
"""By tab and by the name of the button."""
