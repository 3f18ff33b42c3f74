"""What the shell around every page shows: projects to switch to, the way about, what everybody must know now."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _

from dashboards import words
from dashboards.notices import Notice, notices
from dashboards.seats import Seat
from migrator.access.rights import projects_seen_by
from migrator.inventory.models import Project
from migrator.rollout.queries import LIVE_FOR, last_heard

THEMES = (("", _("System")), ("light", _("Light")), ("dark", _("Dark")))


class Place(NamedTuple):
    """A page of a project: its name, the name of its address, and its key after `g`."""

    name: Any
    address: str
    letter: str


MAIN = (
    Place(_("Overview"), "project", "o"),
    Place(_("On call"), "oncall", "c"),
    Place(_("Inventory"), "inventory", "i"),
    Place(_("Mismatches"), "mismatches", "m"),
    Place(_("Ramps"), "ramps", "a"),
    Place(_("Burndown"), "burndown", "b"),
    Place(_("Plan"), "plan", "p"),
    Place(_("Removal"), "removal", "v"),
    Place(_("Ledger"), "ledger", "l"),
)
"""What is looked at day by day."""
MORE = (
    Place(_("Rules"), "rules", "r"),
    Place(_("Policies"), "policies", "y"),
    Place(_("Approvals"), "approvals", "k"),
    Place(_("Freezes"), "freezes", "f"),
    Place(_("Data planes"), "data-planes", "d"),
    Place(_("Notifications"), "notifications", "n"),
    Place(_("Settings"), "settings", "s"),
)
"""What is set up once and looked up now and then."""
PAGES = MAIN + MORE


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """The pill in the corner of every page."""

    state: str
    age: str
    """Since the newest report; empty where nobody ever reported."""


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context processor. Everything is lazy: error pages and sign-in ask for none of it."""
    seat: Seat | None = getattr(request, "seat", None)
    theme = request.COOKIES.get("theme", "")
    return {
        "theme": theme if theme in dict(THEMES) else "",
        "themes": THEMES,
        "zone": timezone.get_current_timezone_name().rpartition("/")[2].replace("_", " "),
        "printed_on": timezone.localdate(),
        "seat": seat,
        "project": seat.project if seat else None,
        "main_pages": MAIN,
        "more_pages": MORE,
        "my_projects": SimpleLazyObject(lambda: list(projects_seen_by(user=request.user))),
        "freshness": SimpleLazyObject(lambda: _freshness(seat.project)) if seat else None,
        "notices": SimpleLazyObject(lambda: _notices(seat.project)) if seat else (),
    }


def _freshness(project: Project) -> Freshness:
    """How old the newest report is. A pill is green only while somebody reports."""
    heard, now = last_heard(project=project), timezone.now()
    if heard is None:
        return Freshness(state="", age="")
    state = "fresh" if now - heard <= LIVE_FOR else "late"
    return Freshness(state=state, age=words.duration(now - heard))


def _notices(project: Project) -> list[Notice]:
    return notices(project=project, now=timezone.now())
