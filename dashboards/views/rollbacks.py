"""Rolling back: one unit with its relatives, one service, or everything. Works without a script.

A sheet says what will happen; pressing its button does it, as often as it is pressed. Afterwards
the same address shows the proof: who answers now, and which data planes confirmed.
"""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from dashboards.alone import in_one_answer
from dashboards.forms import REASON_LENGTH
from dashboards.observed import answered_since, newest_minutes
from dashboards.parameters import text
from dashboards.seats import Seat, forbidden, holders, project_page
from dashboards.way_back import WayBack, is_done, outcome, silence, way_back
from migrator.access.rights import Forbidden, Right
from migrator.inventory.models import Unit
from migrator.inventory.queries import runbooks_of
from migrator.rollout.irreversible import left_behind
from migrator.rollout.queries import Entry, convergence, last_change, ledger
from migrator.rollout.remarks import takers
from migrator.rollout.scopes import Scope, one_unit
from migrator.rollout.services import rollback

either = require_http_methods(["GET", "HEAD", "POST"])


@either
@in_one_answer
@project_page
def unit(request: HttpRequest, seat: Seat, unit_id: int) -> HttpResponse:
    found = Unit.objects.filter(project=seat.project, pk=unit_id).first()
    if found is None:
        raise Http404(_("{project} has no unit with this number.").format(project=seat.project.name))
    return _sheet(request, seat, one_unit(found), {"unit": found, "named": found.key})


@either
@in_one_answer
@project_page
def service(request: HttpRequest, seat: Seat, service_id: int) -> HttpResponse:
    found = seat.project.services.filter(pk=service_id).first()
    if found is None:
        raise Http404(_("{project} has no service with this number.").format(project=seat.project.name))
    return _sheet(
        request,
        seat,
        Scope(service=found),
        {"service": found, "named": _("service {service}").format(service=found.name)},
    )


@either
@in_one_answer
@project_page
def everything(request: HttpRequest, seat: Seat) -> HttpResponse:
    context = {"services": seat.project.services.all(), "named": _("everything")}
    return _sheet(request, seat, Scope(everything=True), context)


def _sheet(request: HttpRequest, seat: Seat, scope: Scope, context: dict[str, Any]) -> HttpResponse:
    if request.method == "POST":
        return _roll_back(request, seat, scope)
    now, found = timezone.now(), context.get("unit")
    key = found.key if found else ""
    way = way_back(project=seat.project, scope=scope, key=key, action=request.path, now=now)
    context |= {"here": "oncall", "way": way}
    if not way.preview.serving:
        context |= _proof(seat, way, last_of(seat, scope, found), now) | _counted(found, now)
    return render(request, "dashboards/rollback.html", context)


def last_of(seat: Seat, scope: Scope, unit: Unit | None) -> Entry | None:
    """The newest change of what is looked at: of the unit itself, where it is one."""
    if unit is None:
        return last_change(project=seat.project, scope=scope)
    return next(iter(ledger(project=seat.project, unit_id=unit.pk, limit=1)), None)


def _proof(seat: Seat, way: WayBack, last: Entry | None, now: datetime) -> dict[str, Any]:
    """Where nothing is left to take down: what was done last, and who obeys it."""
    obeyed = convergence(project=seat.project, now=now, version=last.version if last else None)
    stuck = way.preview.stuck
    return {
        "last": last,
        "convergence": obeyed,
        "silence": silence(obeyed),
        "lasting": left_behind(project=seat.project, last=last) if last and is_done(last) else None,
        "outcome": outcome(legacy=seat.project.legacy_name, last=last, obeyed=obeyed, stuck=stuck),
        "is_done": is_done(last),
    }


def _counted(unit: Unit | None, now: datetime) -> dict[str, Any]:
    """Who answers since, minute by minute, who looks into it, and where it says how."""
    if unit is None:
        return {}
    last = unit.flips.order_by("-id").first()
    return {
        "answered": answered_since(unit=unit, at=last.at, now=now) if last else None,
        "minutes": newest_minutes(unit=unit, now=now),
        "taker": takers(unit_ids=[unit.pk], now=now).get(unit.pk),
        "runbook": runbooks_of(unit_ids=[unit.pk]).get(unit.pk, ""),
    }


def _roll_back(request: HttpRequest, seat: Seat, scope: Scope) -> HttpResponse:
    """Never refused for its reason's length, a stale page or a second press."""
    reason = text(request.POST, "reason")[:REASON_LENGTH]
    try:
        done = rollback(project=seat.project, scope=scope, actor=seat.actor, reason=reason, now=timezone.now())
    except Forbidden as refused:
        return forbidden(request, str(refused), holders(project=seat.project, right=Right.ROLL_BACK))
    for left in done.left[:5]:
        messages.warning(request, _("{key} stays: {why}").format(key=left.unit.key, why=left.message))
    return HttpResponseRedirect(request.path)
