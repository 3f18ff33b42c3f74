"""The people of a project and their teams, as the settings show them."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Count, F, Q
from django.http import HttpRequest
from django.utils.translation import ngettext

from dashboards import words
from dashboards.seats import Seat
from dashboards.settings_forms import PersonForm, TeamForm
from dashboards.vocabulary import choices
from migrator.access.models import Membership, Role, SecondFactor


def people(request: HttpRequest, seat: Seat) -> dict[str, Any]:
    """Roles in the whole project come before those in one team; names in their order."""
    members = list(
        Membership.objects.filter(project=seat.project)
        .select_related("user", "team")
        .order_by(F("team__name").asc(nulls_first=True), "user__username")
    )
    teams = list(
        seat.project.teams.annotate(
            owned=Count("units", filter=Q(units__gone_at__isnull=True), distinct=True),
            people=Count("memberships", distinct=True),
        )
    )
    number = len({member.user_id for member in members})
    return {
        "sentence": sentence(number, teams=len(teams)),
        "members": members,
        "roles": choices(Role.choices),
        "teams": teams,
        "person_form": PersonForm(project=seat.project),
        "team_form": TeamForm(),
        "me": request.user.pk,
        "resettable": _resettable(members, request.user.pk),
    }


def sentence(number: int, *, teams: int) -> str:
    """How many people, in how many teams."""
    if not teams:
        told = ngettext("{count} person has a role here.", "{count} people have a role here.", number)
        return told.format(count=words.number(number))
    told = ngettext("{count} person has a role here; {teams}.", "{count} people have a role here; {teams}.", number)
    named = ngettext("{count} team", "{count} teams", teams).format(count=words.number(teams))
    return told.format(count=words.number(number), teams=named)


def _resettable(members: Sequence[Membership], me: int | None) -> set[int]:
    """The lines that offer to reset a second factor: of each other person who has one, the first."""
    with_one = SecondFactor.objects.filter(user__in={member.user_id for member in members}).exclude(user=me)
    first: dict[int, int] = {}
    for member in members:
        first.setdefault(member.user_id, member.pk)
    return {first[user_id] for user_id in with_one.values_list("user_id", flat=True)}
