"""What the shell around every page shows: projects to switch to, the way about, how fresh the data is."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from dashboards import words
from dashboards.seats import Seat
from migrator.access.rights import projects_seen_by
from migrator.inventory.models import Project
from migrator.rollout.queries import LIVE_FOR, last_heard

THEMES = (("", "System"), ("light", "Light"), ("dark", "Dark"))
PAGES = (
    ("Overview", "project", "o"),
    ("On call", "oncall", "c"),
    ("Inventory", "inventory", "i"),
    ("Mismatches", "mismatches", "m"),
    ("Rules", "rules", "r"),
    ("Burndown", "burndown", "b"),
    ("Ledger", "ledger", "l"),
    ("Data planes", "data-planes", "d"),
)
"""Name, address and key after `g` of the pages of a project."""


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
        "seat": seat,
        "project": seat.project if seat else None,
        "pages": PAGES,
        "my_projects": SimpleLazyObject(lambda: list(projects_seen_by(user=request.user))),
        "freshness": SimpleLazyObject(lambda: _freshness(seat.project)) if seat else None,
    }


def _freshness(project: Project) -> Freshness:
    """How old the newest report is. A pill is green only while somebody reports."""
    heard, now = last_heard(project=project), timezone.now()
    if heard is None:
        return Freshness(state="", age="")
    state = "fresh" if now - heard <= LIVE_FOR else "late"
    return Freshness(state=state, age=words.duration(now - heard))
