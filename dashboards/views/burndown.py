"""How far the project is, day by day, against its scope and its deadline."""

from dataclasses import dataclass
from datetime import date

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from dashboards import figures, words
from dashboards.parameters import text
from dashboards.seats import Seat, project_page
from migrator.core.stages import LADDER
from migrator.inventory.models import Kind
from migrator.inventory.queries import choices
from migrator.planning.queries import BurnUp, Slice, burn_up

SPANS = ((30, "30 days"), (90, "90 days"), (365, "1 year"))
VIEWS = (("up", "Burn-up"), ("down", "Burndown"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One day of the table behind the chart."""

    day: date
    counts: tuple[int, ...]
    scope: int


@project_page
def page(request: HttpRequest, seat: Seat) -> HttpResponse:
    units = Slice(**{name: text(request.GET, name) for name in ("service", "team", "kind")})
    view = "down" if request.GET.get("view") == "down" else "up"
    days = next((span for span, _ in SPANS if str(span) == request.GET.get("days")), 90)
    found = burn_up(project=seat.project, now=timezone.now(), units=units, days=days)
    context = {
        "here": "burndown",
        "found": found,
        "sentence": sentence(found),
        "pace": pace(found),
        "figure": figures.burn_down(found) if view == "down" else figures.burn_up(found),
        "rows": rows(found),
        "rungs": LADDER,
        "views": VIEWS,
        "view": view,
        "spans": SPANS,
        "days": days,
        "units": units,
        "kinds": Kind.values,
        "days_left": (found.deadline - found.days[-1]).days if found.deadline else None,
        **choices(project=seat.project),
    }
    return render(request, "dashboards/burndown.html", context)


def sentence(found: BurnUp) -> str:
    """How many are left, and how long there is."""
    if not found.scope[-1]:
        return "No unit is in scope here."
    if not found.left:
        return f"All {words.count(found.scope[-1], 'unit')} moved: legacy answers nothing here."
    moved, scope = words.number(found.moved[-1]), words.count(found.scope[-1], "unit")
    told = f"{moved} of {scope} moved, {words.number(found.left)} left"
    if found.deadline is None:
        return f"{told}. No deadline is set."
    days = (found.deadline - found.days[-1]).days
    if days < 0:
        return f"{told}, {words.count(-days, 'day')} past the deadline."
    return f"{told}, {words.count(days, 'day')} to the deadline."


def pace(found: BurnUp) -> str:
    """What the last weeks brought beside what the deadline asks for. Facts, no forecast."""
    if not found.scope[-1]:
        return ""
    if found.pace is None:
        return "Too little history to speak of a pace."
    told = f"In the last four weeks {f'{found.pace:,.1f} units a week' if found.pace else 'no unit'} moved."
    if found.pace_needed is None or not found.left:
        return told
    return f"{told} The deadline asks for {found.pace_needed:,.1f} a week."


def rows(found: BurnUp) -> list[Row]:
    """The chart as a table, newest day first; by weeks where the span is long."""
    step = 1 if len(found.days) <= 31 else 7
    wanted = range(len(found.days) - 1, -1, -step)
    return [
        Row(
            day=found.days[i],
            counts=tuple(found.counts[rung.stage][i] for rung in LADDER),
            scope=found.scope[i],
        )
        for i in wanted
    ]
