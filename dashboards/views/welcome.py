"""The first minutes of a project: what to import, what to connect, and the first comparison coming in."""

from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from dashboards import words
from dashboards.parameters import text
from dashboards.seats import Seat, forbidden, holders, project_page
from dashboards.vocabulary import spoken
from migrator.access.rights import Right
from migrator.inventory.importers.documents import MAX_BYTES
from migrator.inventory.importers.reading import read_spec
from migrator.inventory.importers.spec import SpecError
from migrator.inventory.imports import service_for_import
from migrator.inventory.models import Unit
from migrator.inventory.services import Invalid
from migrator.ledger.scoping import import_specs
from migrator.observations.models import Standing
from migrator.rollout.queries import last_heard

PAIRS: Final = ("match", "mismatch", "accepted", "candidate_error")
"""Outcomes that are a comparison."""


@project_page
def page(request: HttpRequest, seat: Seat) -> HttpResponse:
    """The steps with what is done of them; a post imports a spec."""
    if request.method == "POST":
        return _import(request, seat)
    return shown(request, seat)


def shown(request: HttpRequest, seat: Seat, error: str = "") -> HttpResponse:
    tracked = Unit.objects.tracked().filter(project=seat.project).count()
    heard = last_heard(project=seat.project)
    compared = bool(tracked) and _compared(seat)
    context: dict[str, Any] = {
        "here": "project",
        "sentence": sentence(tracked=tracked, connected=heard is not None, compared=compared),
        "tracked": tracked,
        "heard": heard,
        "compared": compared,
        "services": list(seat.project.services.values_list("name", flat=True)),
        "origin": f"{request.scheme}://{request.get_host()}",
        "error": error,
        "who_may_edit": holders(project=seat.project, right=Right.EDIT),
    }
    return render(request, "dashboards/welcome.html", context, status=422 if error else 200)


def sentence(*, tracked: int, connected: bool, compared: bool) -> str:
    """What comes next."""
    if not tracked:
        return _("Nothing is tracked yet: import what the service offers.")
    if not connected:
        return _("{units} tracked. Next: put a gateway in front of legacy.").format(units=words.units(tracked))
    if not compared:
        return _("A data plane is connected. Waiting for the first comparison…")
    return _("The first answers are compared. Everything is in place.")


def _compared(seat: Seat) -> bool:
    standings = Standing.objects.filter(unit__project=seat.project)
    return any(standings.filter(**{f"{outcome}__gt": 0}).exists() for outcome in PAIRS)


def _import(request: HttpRequest, seat: Seat) -> HttpResponse:
    if not seat.may_edit:
        message = _("{name} may not {right}.").format(name=seat.actor.name, right=spoken(Right.EDIT))
        return forbidden(request, message, holders(project=seat.project, right=Right.EDIT))
    file = request.FILES.get("file")
    if file is None:
        return shown(request, seat, error=_("Choose a file first: OpenAPI as JSON or YAML, or a GraphQL schema."))
    try:
        spec = read_spec(file.read(MAX_BYTES + 1), filename=file.name or "the file")
        done = import_specs(
            actor=seat.actor,
            file=(file.name or "")[:100],
            project=seat.project,
            service=service_for_import(project=seat.project, name=text(request.POST, "service") or None),
            specs=[spec],
            now=timezone.now(),
        )
    except (SpecError, Invalid) as refused:
        return shown(request, seat, error=str(refused))
    counts = done.counts()
    told = _("{added} added, {changed} changed.")
    if counts["back"]:
        told = _("{added} added, {changed} changed; {back} of these came back into scope.")
    counted = {name: words.number(counts[name]) for name in ("added", "changed", "back")}
    messages.success(request, told.format(**counted))
    return HttpResponseRedirect(reverse("welcome", args=[seat.project.slug]))
