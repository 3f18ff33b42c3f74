"""The people of a project and their teams, as the settings show them."""

from typing import Any

from django.db.models import Count, F, Q
from django.http import HttpRequest

from dashboards import words
from dashboards.seats import Seat
from dashboards.settings_forms import PersonForm, TeamForm
from migrator.access.models import Membership, Role


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
    told = f"{words.count(number, 'person', 'people')} in {words.count(len(teams), 'team')}" if teams else ""
    return {
        "sentence": f"{told or words.count(number, 'person', 'people')} {'works' if number == 1 else 'work'} on it.",
        "members": members,
        "roles": Role.choices,
        "teams": teams,
        "person_form": PersonForm(project=seat.project),
        "team_form": TeamForm(),
        "me": request.user.pk,
    }
