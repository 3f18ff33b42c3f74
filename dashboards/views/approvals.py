"""What waits for a second person: asked by one, given by another, carried out in the same moment."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from dashboards import words
from dashboards.forms import FlipForm
from dashboards.parameters import text
from dashboards.seats import Seat, forbidden, holders, project_page
from migrator.access.models import Approval
from migrator.access.rights import Forbidden, Right
from migrator.gates.services import StalePolicy
from migrator.inventory.services import Invalid
from migrator.rollout import approvals
from migrator.rollout.services import Refused


@project_page
def page(request: HttpRequest, seat: Seat) -> HttpResponse:
    """What stands open, the oldest first; then what was decided."""
    waiting = list(approvals.open_approvals(project=seat.project))
    mine = [each for each in waiting if _is_own(seat, each)]
    context = {
        "here": "approvals",
        "sentence": sentence(len(waiting), len(mine), may=seat.actor.may(Right.APPROVE)),
        "waiting": [(each, _is_own(seat, each)) for each in waiting],
        "decided": approvals.decided(project=seat.project, limit=50),
        "may_approve": seat.actor.may(Right.APPROVE),
        "who": holders(project=seat.project, right=Right.APPROVE),
    }
    return render(request, "dashboards/approvals.html", context)


def sentence(waiting: int, mine: int, *, may: bool) -> str:
    if not waiting:
        return _("Nothing waits for a second person.")
    others = waiting - mine
    if may and others:
        told = ngettext("{count} request waits for your word.", "{count} requests wait for your word.", others)
        return told.format(count=words.number(others))
    return ngettext(
        "{count} request waits for a second person.", "{count} requests wait for a second person.", waiting
    ).format(count=words.number(waiting))


def _is_own(seat: Seat, approval: Approval) -> bool:
    return approvals.asked_by(approval, seat.actor)


@require_POST
@project_page
def ask(request: HttpRequest, seat: Seat, unit_id: int) -> HttpResponse:
    """Ask for the step that the unit's page proposes."""
    form = FlipForm(request.POST)
    unit = reverse("unit", args=[seat.project.slug, unit_id])
    if not form.is_valid():
        messages.error(request, _("Not asked: say which step, and why."))
        return HttpResponseRedirect(unit)
    change, reason = form.change(unit_id=unit_id), form.cleaned_data["reason"]
    try:
        approvals.ask(project=seat.project, change=change, actor=seat.actor, reason=reason, now=timezone.now())
    except Forbidden as refused:
        return forbidden(request, str(refused), holders(project=seat.project, right=refused.right))
    except (Refused, Invalid) as refused:
        messages.error(request, refused.message)
        return HttpResponseRedirect(unit)
    who = holders(project=seat.project, right=Right.APPROVE)
    messages.success(request, _("Asked. Whoever approves has it carried out at once: {who}.").format(who=who))
    return HttpResponseRedirect(unit)


DECISIONS: dict[str, Callable[..., Approval]] = {"approve": approvals.approve, "refuse": approvals.refuse}


@require_POST
@project_page
def decide(request: HttpRequest, seat: Seat, approval_id: int) -> HttpResponse:
    """Approve, refuse, or ask no longer."""
    found = get_object_or_404(Approval.objects.select_related("project", "unit"), project=seat.project, pk=approval_id)
    verb, note = text(request.POST, "verb"), text(request.POST, "note")
    try:
        if verb in DECISIONS:
            DECISIONS[verb](approval=found, actor=seat.actor, now=timezone.now(), note=note)
        elif verb == "withdraw":
            approvals.withdraw(approval=found, actor=seat.actor, now=timezone.now())
        _told(request, verb, found)
    except Forbidden as refused:
        return forbidden(request, str(refused), holders(project=seat.project, right=refused.right))
    except (approvals.NotOpen, approvals.OwnApproval, Refused, Invalid, StalePolicy) as refused:
        messages.error(request, getattr(refused, "message", str(refused)))
    return HttpResponseRedirect(_next(request, seat))


def _told(request: HttpRequest, verb: str, found: Approval) -> None:
    done = {
        "approve": _("Approved, and done: {headline}."),
        "refuse": _("Refused: {headline}."),
        "withdraw": _("Withdrawn: {headline}."),
    }
    if verb in done:
        messages.success(request, done[verb].format(headline=found.headline))


def _next(request: HttpRequest, seat: Seat) -> Any:
    """Back to where it was pressed: the unit's page or the list."""
    unit = text(request.POST, "unit")
    if unit.isdecimal():
        return reverse("unit", args=[seat.project.slug, int(unit)])
    return reverse("approvals", args=[seat.project.slug])
