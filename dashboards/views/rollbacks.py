"""Rolling back: one unit with its relatives, one service, or everything. Works without a script.

A sheet says what will happen; pressing its button does it, as often as it is pressed. Afterwards
the same address shows the proof: who answers now, and which data planes confirmed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from dashboards.forms import REASON_LENGTH
from dashboards.observed import answered_since
from dashboards.parameters import text
from dashboards.seats import Seat, forbidden, holders, project_page
from migrator.access.rights import Forbidden, Right
from migrator.inventory.models import Unit
from migrator.observations.queries import Metric, series
from migrator.rollout.queries import convergence, ledger, preview
from migrator.rollout.scopes import Scope, one_unit
from migrator.rollout.services import rollback

PROOF = timedelta(minutes=5)
either = require_http_methods(["GET", "HEAD", "POST"])


@either
@project_page
def unit(request: HttpRequest, seat: Seat, unit_id: int) -> HttpResponse:
    found = Unit.objects.filter(project=seat.project, pk=unit_id).first()
    if found is None:
        raise Http404(f"{seat.project.name} has no unit with this number.")
    last = next(iter(ledger(project=seat.project, unit_id=unit_id, limit=1)), None)
    context = {"unit": found, "named": found.key, "last": last, "seen": seen(found)}
    if last is not None:
        context["answered"] = answered_since(unit=found, at=last.at, now=timezone.now())
    return _sheet(request, seat, one_unit(found), context)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Who answered in the newest minute that was reported: the proof that a rollback took effect."""

    at: datetime
    by_legacy: int
    requests: int


def seen(unit: Unit) -> Seen | None:
    """None where nothing was reported within five minutes."""
    now = timezone.now()
    points = series(unit=unit, metric=Metric.SHARE, start=now - PROOF, end=now, step_s=60)
    last = next((point for point in reversed(points) if point.value is not None), None)
    if last is None or last.value is None:
        return None
    return Seen(at=last.at, by_legacy=last.samples - round(last.value * last.samples), requests=last.samples)


@either
@project_page
def service(request: HttpRequest, seat: Seat, service_id: int) -> HttpResponse:
    found = seat.project.services.filter(pk=service_id).first()
    if found is None:
        raise Http404(f"{seat.project.name} has no service with this number.")
    return _sheet(request, seat, Scope(service=found), {"service": found, "named": f"service {found.name}"})


@either
@project_page
def everything(request: HttpRequest, seat: Seat) -> HttpResponse:
    context = {"services": seat.project.services.all(), "named": "everything"}
    return _sheet(request, seat, Scope(everything=True), context)


def _sheet(request: HttpRequest, seat: Seat, scope: Scope, context: dict[str, Any]) -> HttpResponse:
    if request.method == "POST":
        return _roll_back(request, seat, scope)
    now = timezone.now()
    context |= {
        "here": "oncall",
        "preview": preview(project=seat.project, scope=scope),
        "convergence": convergence(project=seat.project, now=now),
    }
    return render(request, "dashboards/rollback.html", context)


def _roll_back(request: HttpRequest, seat: Seat, scope: Scope) -> HttpResponse:
    """Never refused for its reason's length, a stale page or a second press."""
    reason = text(request.POST, "reason")[:REASON_LENGTH]
    try:
        done = rollback(project=seat.project, scope=scope, actor=seat.actor, reason=reason, now=timezone.now())
    except Forbidden as refused:
        return forbidden(request, str(refused), holders(project=seat.project, right=Right.ROLL_BACK))
    for left in done.left[:5]:
        messages.warning(request, f"{left.unit.key} stays: {left.message}")
    return HttpResponseRedirect(request.path)
