"""What people write: on a unit, and for whoever is on call next."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from dashboards.parameters import text
from dashboards.seats import Seat, forbidden, holders, project_page
from migrator.access.rights import Forbidden
from migrator.inventory.models import Unit
from migrator.inventory.services import Invalid
from migrator.rollout import remarks


@require_POST
@project_page
def comment(request: HttpRequest, seat: Seat, unit_id: int) -> HttpResponse:
    """Say something about a unit; back to its page."""
    unit, said = get_object_or_404(Unit, project=seat.project, pk=unit_id), text(request.POST, "text")
    page = f"{reverse('unit', args=[seat.project.slug, unit_id])}#comments"
    now = timezone.now()
    return _kept(request, seat, page, lambda: remarks.comment(unit=unit, text=said, actor=seat.actor, now=now))


@require_POST
@project_page
def hand_over(request: HttpRequest, seat: Seat) -> HttpResponse:
    """Leave a note for whoever is on call next; back to the on-call page."""
    project, said, now = seat.project, text(request.POST, "text"), timezone.now()
    page = f"{reverse('oncall', args=[project.slug])}#hand-over"
    return _kept(request, seat, page, lambda: remarks.hand_over(project=project, text=said, actor=seat.actor, now=now))


def _kept(request: HttpRequest, seat: Seat, page: str, write: Callable[[], object]) -> HttpResponse:
    try:
        write()
    except Forbidden as refused:
        return forbidden(request, str(refused), holders(project=seat.project, right=refused.right))
    except Invalid as invalid:
        messages.error(request, invalid.message)
    return HttpResponseRedirect(page)
