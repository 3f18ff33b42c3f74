"""The button that flips one unit. Whatever comes of it, the answer is the unit's page."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dashboards.forms import FlipForm, change_of
from dashboards.proposals import merged, place
from dashboards.seats import Seat, forbidden, holders, project_page
from migrator.access.rights import Forbidden
from migrator.access.second_factor import WrongCode
from migrator.core.stages import Position
from migrator.inventory.models import Unit
from migrator.inventory.services import Invalid
from migrator.rollout.glass import break_glass
from migrator.rollout.services import Change, Refused, Stale, Unknown, flip


@require_POST
@project_page
def submit(request: HttpRequest, seat: Seat, unit_id: int) -> HttpResponse:
    """Flip, then show the unit. What was refused comes back as a proposal, with what the reader typed."""
    form = FlipForm(request.POST)
    if not form.is_valid():
        for error in (*form.errors.get("reason", ()), *form.errors.get("code", ())):
            messages.error(request, str(error))
        return _back(seat, unit_id, form.as_proposal())
    lacks = _lacks(seat, unit_id, form)
    if lacks:
        messages.error(request, lacks)
        return _back(seat, unit_id, form.as_proposal())
    return _carried_out(request, seat, form, form.change(unit_id=unit_id))


def _lacks(seat: Seat, unit_id: int, form: FlipForm) -> str:
    """Held against the unit as the reader saw it; an older one, or a right that is missing, is told of first."""
    if form.cleaned_data["override"] and not seat.may_override:
        return ""
    unit = Unit.objects.filter(project=seat.project, pk=unit_id, version=form.cleaned_data["version"]).first()
    return form.lacks(unit.position) if unit else ""


def _carried_out(request: HttpRequest, seat: Seat, form: FlipForm, change: Change) -> HttpResponse:
    try:
        _flip(request, seat, form, change)
    except Forbidden as refused:
        return forbidden(request, str(refused), holders(project=seat.project, right=refused.right))
    except Stale as stale:
        return _overtaken(request, seat, form, stale)
    except (Refused, Unknown, Invalid, WrongCode) as refused:
        messages.error(request, getattr(refused, "message", str(refused)))
        return _back(seat, change.unit_id, form.as_proposal())
    return _back(seat, change.unit_id, {})


def _flip(request: HttpRequest, seat: Seat, form: FlipForm, change: Change) -> None:
    told = form.cleaned_data
    common: dict[str, Any] = {
        "project": seat.project,
        "changes": [change],
        "actor": seat.actor,
        "reason": told["reason"],
        "now": timezone.now(),
    }
    if told["break_glass"]:
        break_glass(user=request.user, code=told["code"], **common)
    else:
        flip(override=told["override"], **common)


def _overtaken(request: HttpRequest, seat: Seat, form: FlipForm, stale: Stale) -> HttpResponse:
    """Somebody was quicker: what only the reader wanted comes on top of theirs; a conflict is told."""
    unit = stale.unit
    if unit.position == stale.wanted:  # the same button pressed twice has already done what it was pressed for
        return _back(seat, unit.pk, {})
    base = _seen(unit, stale.seen)
    rest = merged(base=base, wish=form.wish, present=unit.position) if base else None
    if rest is None or stale.seen == unit.version or form.cleaned_data["break_glass"]:
        return _back(seat, unit.pk, form.as_proposal() | {"seen": stale.seen})
    messages.info(
        request,
        _("On top of what {who} changed meanwhile: {place}.").format(
            who=stale.last.actor if stale.last else _("somebody"), place=place(unit.position).lower()
        ),
    )
    form.cleaned_data["version"] = unit.version
    return _carried_out(request, seat, form, change_of(rest, unit_id=unit.pk, version=unit.version))


def _seen(unit: Unit, version: int) -> Position | None:
    """Where the unit stood at a version of its own; None where the ledger does not say."""
    overtaken = unit.flips.filter(unit_version=version + 1).first()
    return overtaken.before if overtaken else None


def _back(seat: Seat, unit_id: int, proposal: dict[str, object]) -> HttpResponse:
    page = reverse("unit", args=[seat.project.slug, unit_id])
    return HttpResponseRedirect(f"{page}?{urlencode(proposal)}" if proposal else page)
