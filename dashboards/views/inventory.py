"""The inventory: endpoints, and under them their fields. Search and filters are the page's address."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from dashboards import words
from dashboards.parameters import text
from dashboards.seats import Seat, forbidden, holders, project_page
from migrator.access.rights import Right
from migrator.core.stages import Stage
from migrator.inventory.models import Kind, ObservedEndpoint
from migrator.inventory.queries import (
    Page,
    UnitRow,
    Wanted,
    choices,
    fields_of,
    matching_units,
    offers,
    stage_counts,
    top_units,
)
from migrator.inventory.services import Invalid, dismiss_observed, track_observed
from migrator.observations.queries import NOTHING_SEEN, StandingFigures, standings
from migrator.planning.queries import MOVED

PAGE = 50
MOST_OPEN = 20
FILTERS = ("search", "stage", "service", "team", "kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the tree."""

    row: UnitRow
    figures: StandingFigures
    is_child: bool = False
    is_open: bool = False
    toggled: tuple[int, ...] = ()
    """Which endpoints are open after this row's twist is pressed."""


@project_page
def page(request: HttpRequest, seat: Seat) -> HttpResponse:
    wanted = Wanted(**{name: text(request.GET, name) for name in FILTERS})
    after = text(request.GET, "after")
    opened = tuple(int(told) for told in request.GET.getlist("open")[:MOST_OPEN] if told.isdecimal())
    counts = stage_counts(project=seat.project)
    found = (
        top_units(project=seat.project, after=after, limit=PAGE)
        if wanted.is_empty
        else matching_units(project=seat.project, wanted=wanted, after=after, limit=PAGE)
    )
    context = {
        "here": "inventory",
        "sentence": sentence(counts),
        "lines": lines(found, opened, is_tree=wanted.is_empty),
        "next_page": found.after,
        "after": after,
        "wanted": wanted,
        "counts": counts,
        "scope": sum(counts.values()),
        "kinds": Kind.values,
        "offers": offers(project=seat.project) if wanted.is_empty and not after else [],
        **choices(project=seat.project),
    }
    return render(request, "dashboards/inventory.html", context)


def lines(found: Page, opened: tuple[int, ...], *, is_tree: bool) -> list[Line]:
    """The rows of a page with their figures; fields follow the endpoints that are open."""
    shown = {unit.id for unit in found.units}
    fields = fields_of(parents=[pk for pk in opened if pk in shown]) if is_tree else {}
    ordered: list[tuple[UnitRow, bool]] = []
    for unit in found.units:
        ordered.append((unit, False))
        ordered.extend((field, True) for field in fields.get(unit.id, ()))
    figures = standings(unit_ids=[row.id for row, _ in ordered])
    return [
        Line(
            row=row,
            figures=figures.get(row.id, NOTHING_SEEN),
            is_child=is_child,
            is_open=row.id in opened,
            toggled=tuple(sorted({*opened} ^ {row.id})),
        )
        for row, is_child in ordered
    ]


def sentence(counts: dict[Stage, int]) -> str:
    scope, moved = sum(counts.values()), sum(counts[stage] for stage in MOVED)
    if not scope:
        return "Nothing is tracked yet."
    moving = scope - moved - counts[Stage.BACKLOG]
    return f"{words.number(moved)} of {words.count(scope, 'unit')} moved, {words.number(moving)} in motion."


@require_POST
@project_page
def decide(request: HttpRequest, seat: Seat, observed_id: int) -> HttpResponse:
    """Track an endpoint that traffic showed, or stop offering it."""
    if not seat.may_edit:
        message = f"{seat.actor.name} may not {Right.EDIT}."
        return forbidden(request, message, holders(project=seat.project, right=Right.EDIT))
    observed = get_object_or_404(ObservedEndpoint, project=seat.project, pk=observed_id)
    back = HttpResponseRedirect(reverse("inventory", args=[seat.project.slug]))
    if request.POST.get("act") == "dismiss":
        dismiss_observed(observed=observed, now=timezone.now())
        return back
    service = observed.service or seat.project.services.first()
    if service is None:
        messages.error(request, f"Not tracked: {seat.project.name} has no service yet. Add one first.")
        return back
    try:
        unit = track_observed(observed=observed, service=service, now=timezone.now())
    except Invalid as invalid:
        messages.error(request, f"Not tracked: {invalid.message}")
        return back
    messages.success(request, f"{unit.key} is tracked now, in the backlog.")
    return back
