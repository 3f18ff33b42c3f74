"""The button that flips one unit. Whatever comes of it, the answer is the unit's page."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from dashboards.forms import FlipForm
from dashboards.seats import Seat, forbidden, holders, project_page
from migrator.access.rights import Forbidden
from migrator.access.second_factor import WrongCode
from migrator.inventory.services import Invalid
from migrator.rollout.glass import break_glass
from migrator.rollout.services import Refused, Stale, Unknown, flip


@require_POST
@project_page
def submit(request: HttpRequest, seat: Seat, unit_id: int) -> HttpResponse:
    """Flip, then show the unit. What was refused comes back as a proposal, with what the reader typed."""
    form = FlipForm(request.POST)
    if not form.is_valid():
        for error in (*form.errors.get("reason", ()), *form.errors.get("code", ())):
            messages.error(request, str(error))
        return _back(seat, unit_id, form.as_proposal())
    try:
        _flip(request, seat, unit_id, form)
    except Forbidden as refused:
        return forbidden(request, str(refused), holders(project=seat.project, right=refused.right))
    except Stale as stale:
        # The same button pressed twice has already done what it was pressed for.
        wanted = {} if stale.unit.position == stale.wanted else form.as_proposal() | {"seen": stale.seen}
        return _back(seat, unit_id, wanted)
    except (Refused, Unknown, Invalid, WrongCode) as refused:
        messages.error(request, getattr(refused, "message", str(refused)))
        return _back(seat, unit_id, form.as_proposal())
    return _back(seat, unit_id, {})


def _flip(request: HttpRequest, seat: Seat, unit_id: int, form: FlipForm) -> None:
    told = form.cleaned_data
    common: dict[str, Any] = {
        "project": seat.project,
        "changes": [form.change(unit_id=unit_id)],
        "actor": seat.actor,
        "reason": told["reason"],
        "now": timezone.now(),
    }
    if told["break_glass"]:
        break_glass(user=request.user, code=told["code"], **common)
    else:
        flip(override=told["override"], **common)


def _back(seat: Seat, unit_id: int, proposal: dict[str, object]) -> HttpResponse:
    page = reverse("unit", args=[seat.project.slug, unit_id])
    return HttpResponseRedirect(f"{page}?{urlencode(proposal)}" if proposal else page)
