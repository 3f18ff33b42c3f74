"""Ctrl-K: any unit and any page by a few letters. Answers with a list, not a page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from dashboards.context import PAGES
from dashboards.parameters import text
from dashboards.seats import seats_of
from migrator.inventory.queries import Wanted, matching_units

SHOWN = 8


def entries(request: HttpRequest) -> HttpResponse:
    """Pages and units of the reader's project, or of all their projects where none is named."""
    search, slug = text(request.GET, "search"), text(request.GET, "project")
    seats = [seat for seat in seats_of(request=request) if slug in ("", seat.project.slug)]
    pages = [
        {"name": f"{name} of {seat.project.name}", "href": reverse(address, args=[seat.project.slug])}
        for seat in seats[:5]
        for name, address, _ in PAGES
        if search.lower() in f"{name} {seat.project.name}".lower()
    ]
    units = [
        {"key": row.key, "stage": row.position.stage.value, "href": reverse("unit", args=[seat.project.slug, row.id])}
        for seat in seats[:5]
        if search
        for row in matching_units(project=seat.project, wanted=Wanted(search=search), limit=SHOWN).units
    ]
    context = {"found_units": units[:SHOWN], "found_pages": pages[:SHOWN], "search": search}
    return render(request, "dashboards/_palette_entries.html", context)
