"""Not now: what does not climb for a while, and lifting it. Going down is never frozen."""

from datetime import datetime, timedelta
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from dashboards import words
from dashboards.parameters import text
from dashboards.seats import Seat, forbidden, holders, project_page
from migrator.access.rights import Forbidden, Right
from migrator.inventory.models import Service, Unit
from migrator.inventory.services import Invalid
from migrator.rollout import freezes
from migrator.rollout.models import Freeze

AGAIN: Final = timedelta(minutes=10)
NIGHT: Final = timedelta(hours=8)
"""How long whoever rolled back at night freezes things with one press."""


class FreezeForm(forms.Form):
    """What shall not climb. Moments are read in the reader's zone."""

    service = forms.CharField(required=False, max_length=100)
    unit = forms.CharField(required=False, max_length=500)
    begins_at = forms.DateTimeField(required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))
    ends_at = forms.DateTimeField(required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))
    reason = forms.CharField(
        max_length=1_000, error_messages={"required": gettext_lazy("Say why: whoever meets it reads it.")}
    )


@project_page
def page(request: HttpRequest, seat: Seat) -> HttpResponse:
    return _shown(request, seat, FreezeForm())


def _shown(request: HttpRequest, seat: Seat, form: FreezeForm, status: int = 200) -> HttpResponse:
    now = timezone.now()
    rows = freezes.listed(project=seat.project, now=now)
    standing = [row for row in rows if _stands(row, now)]
    context = {
        "here": "freezes",
        "sentence": sentence(standing),
        "standing": standing,
        "coming": [row for row in rows if not row.lifted_at and row.begins_at > now],
        "past": [row for row in rows if row.lifted_at or (row.ends_at and row.ends_at <= now)],
        "form": form,
        "typed": form.data if form.is_bound else request.GET,
        "services": list(seat.project.services.values_list("name", flat=True)),
        "may_freeze": seat.actor.may(Right.FREEZE),
        "who": holders(project=seat.project, right=Right.FREEZE),
    }
    return render(request, "dashboards/freezes.html", context, status=status)


def _stands(freeze: Freeze, now: datetime) -> bool:
    return freeze.lifted_at is None and freeze.begins_at <= now and (freeze.ends_at is None or freeze.ends_at > now)


def sentence(standing: list[Freeze]) -> str:
    if not standing:
        return _("Nothing is frozen: whatever the evidence carries may climb.")
    if len(standing) == 1:
        return _("{what} does not climb: {reason}.").format(
            what=standing[0].what, reason=standing[0].reason.rstrip(".")
        )
    return ngettext(
        "{count} freeze stands. What it names does not climb.",
        "{count} freezes stand. What they name does not climb.",
        len(standing),
    ).format(count=words.number(len(standing)))


@require_POST
@project_page
def make(request: HttpRequest, seat: Seat) -> HttpResponse:
    form = FreezeForm(request.POST)
    if not form.is_valid():
        return _shown(request, seat, form, status=400)
    told = form.cleaned_data
    try:
        made = freezes.freeze(
            project=seat.project,
            actor=seat.actor,
            now=timezone.now(),
            reason=told["reason"],
            begins_at=told["begins_at"],
            ends_at=told["ends_at"],
            **_target(seat, told),
        )
    except Forbidden as refused:
        return forbidden(request, str(refused), holders(project=seat.project, right=refused.right))
    except Invalid as invalid:
        form.add_error(invalid.field if invalid.field in form.fields else None, invalid.message)
        return _shown(request, seat, form, status=400)
    messages.success(
        request, _("{what} does not climb from now on. Going down is as free as before.").format(what=made.what)
    )
    return HttpResponseRedirect(reverse("freezes", args=[seat.project.slug]))


def _target(seat: Seat, told: dict[str, Any]) -> dict[str, Any]:
    if told["unit"]:
        unit = Unit.objects.tracked().filter(project=seat.project, key=told["unit"]).first()
        if unit is None:
            raise Invalid(
                "unit", _("No unit {key} is tracked here. Copy its key from the inventory.").format(key=told["unit"])
            )
        return {"unit": unit}
    if told["service"]:
        service = Service.objects.filter(project=seat.project, name=told["service"]).first()
        if service is None:
            raise Invalid("service", _("There is no service {service} here.").format(service=told["service"]))
        return {"service": service}
    return {}


@require_POST
@project_page
def night(request: HttpRequest, seat: Seat) -> HttpResponse:
    """One press after a rollback: nothing climbs for eight hours."""
    now = timezone.now()
    reason = text(request.POST, "reason") or "After a rollback: look at it by day."
    try:
        if not _pressed_before(seat, now):
            freezes.freeze(project=seat.project, actor=seat.actor, now=now, reason=reason, ends_at=now + NIGHT)
    except Forbidden as refused:
        return forbidden(request, str(refused), holders(project=seat.project, right=refused.right))
    messages.success(request, _("Nothing climbs for eight hours. Whoever comes next can lift it."))
    return HttpResponseRedirect(reverse("oncall", args=[seat.project.slug]))


def _pressed_before(seat: Seat, now: datetime) -> bool:
    """On a bad line people press twice: a freeze of theirs that holds everything for as long is enough."""
    return any(
        each.made_by == seat.actor.name
        and each.unit_id is None
        and each.service_id is None
        and (each.ends_at is None or each.ends_at > now + NIGHT - AGAIN)
        for each in freezes.standing(project=seat.project, now=now)
    )


@require_POST
@project_page
def lift(request: HttpRequest, seat: Seat, freeze_id: int) -> HttpResponse:
    rows = Freeze.objects.select_related("project", "service", "unit")
    found = get_object_or_404(rows, project=seat.project, pk=freeze_id)
    try:
        freezes.lift(freeze=found, actor=seat.actor, now=timezone.now(), reason=text(request.POST, "reason"))
    except Forbidden as refused:
        return forbidden(request, str(refused), holders(project=seat.project, right=refused.right))
    messages.success(request, _("{what} may climb again.").format(what=found.what))
    return HttpResponseRedirect(reverse("freezes", args=[seat.project.slug]))
