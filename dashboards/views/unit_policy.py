"""One unit's policy: where each demand comes from, and which gates somebody signed for."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dashboards import words
from dashboards.parameters import text
from dashboards.policy_form import labelled
from dashboards.policy_settings import GROUPS, value_words
from dashboards.seats import Seat, holders, project_page
from dashboards.views.policies import UNPROCESSABLE, ask_second, may_manage, refused, seen_version
from migrator.access.rights import Right
from migrator.core.gate import WAIVABLE
from migrator.core.policy import Policy
from migrator.gates.flaws import flaws_of_unit
from migrator.gates.layers import Layer, effective
from migrator.gates.models import Waiver
from migrator.gates.services import NeedsSecondPerson
from migrator.gates.waivers import LONGEST, StaleWaiver, revoke, sign, waivers_of
from migrator.inventory.models import Unit
from migrator.inventory.services import Invalid

USUAL_DAYS: Final = 14
"""A waiver's end, unless somebody says otherwise."""


@project_page
def page(request: HttpRequest, seat: Seat, unit_id: int) -> HttpResponse:
    """What is demanded of one unit, where each demand comes from, and what is waived."""
    return _unit_page(request, seat, _unit(seat, unit_id))


def _unit_page(
    request: HttpRequest, seat: Seat, found: Unit, *, errors: Mapping[str, str] | None = None
) -> HttpResponse:
    now, policy = timezone.now(), effective(unit=found)
    flaws = flaws_of_unit(unit=found, layers=policy.layers, now=now)
    by_name = {origin.name: origin for origin in policy.origins}
    rows = [
        (
            title,
            [
                (setting, by_name[setting.name], value_words(setting.name, by_name[setting.name].value))
                for setting in settings
            ],
        )
        for title, settings in GROUPS
    ]
    context = {
        "here": "inventory",
        "unit": found,
        "sentence": _unit_sentence(policy.policy, policy.layers),
        "groups": rows,
        "flaws": labelled(flaws),
        "waivers": waivers_of(project=seat.project, unit_id=found.pk, now=now, all_of_them=True, limit=20),
        "waivable": WAIVABLE,
        "errors": errors or {},
        "typed": request.POST,
        "chosen": request.POST.getlist("gates"),
        "usual_end": (now + timedelta(days=USUAL_DAYS)).date().isoformat(),
        "last_end": (now + LONGEST).date().isoformat(),
        "may_sign": seat.actor.may(Right.OVERRIDE) or seat.actor.may(Right.MANAGE),
        "who_may_sign": holders(project=seat.project, right=Right.OVERRIDE),
        **may_manage(seat),
    }
    return render(request, "dashboards/unit_policy.html", context, status=UNPROCESSABLE if errors else 200)


def _unit_sentence(policy: Policy, layers: tuple[Layer, ...]) -> str:
    asking = [layer.headline for layer in layers if "mismatch_limit" in layer.settings]
    if not asking:
        told = _("Promotion asks for a rate proven below {rate}, as is built in.")
        return told.format(rate=words.rate(policy.mismatch_limit))
    told = _("Promotion asks for a rate proven below {rate}, as {layer} asks.")
    return told.format(rate=words.rate(policy.mismatch_limit), layer=asking[-1])


@require_POST
@project_page
def sign_waiver(request: HttpRequest, seat: Seat, unit_id: int) -> HttpResponse:
    """Sign for gates that a unit does not pass."""
    found = _unit(seat, unit_id)
    if not (seat.actor.may(Right.OVERRIDE) or seat.actor.may(Right.MANAGE)):
        return refused(request, seat, _("sign waivers"))
    try:
        sign(
            unit=found,
            gates=request.POST.getlist("gates")[:50],
            reason=text(request.POST, "reason"),
            expires_at=_end_of_day(text(request.POST, "expires_at")),
            seen_version=seen_version(request),
            actor=seat.actor,
            now=timezone.now(),
        )
    except Invalid as invalid:
        return _unit_page(request, seat, found, errors={invalid.field: invalid.message})
    except StaleWaiver as stale:
        return _unit_page(request, seat, found, errors={"version": str(stale)})
    except NeedsSecondPerson as needed:
        ask_second(request, seat, needed)
    else:
        messages.success(request, _("Signed. It ends by itself, and with the next deploy."))
    return HttpResponseRedirect(reverse("unit-policy", args=[seat.project.slug, found.pk]))


@require_POST
@project_page
def revoke_waiver(request: HttpRequest, seat: Seat, waiver_id: int) -> HttpResponse:
    """Take a waiver back."""
    waiver = get_object_or_404(Waiver, project=seat.project, pk=waiver_id)
    if not (seat.actor.may(Right.OVERRIDE) or seat.actor.may(Right.MANAGE)):
        return refused(request, seat, _("revoke waivers"))
    revoke(waiver=waiver, actor=seat.actor, now=timezone.now(), reason=text(request.POST, "reason"))
    messages.success(request, _("Revoked: {gates} must be passed again.").format(gates=" and ".join(waiver.gates)))
    return HttpResponseRedirect(reverse("unit-policy", args=[seat.project.slug, waiver.unit_id]))


def _end_of_day(said: str) -> datetime | None:
    """The end of a day as a moment; None where it is no day."""
    try:
        return timezone.make_aware(datetime.fromisoformat(said[:10]).replace(hour=23, minute=59, second=59))
    except (ValueError, OverflowError):
        return None


def _unit(seat: Seat, unit_id: int) -> Unit:
    found = Unit.objects.filter(project=seat.project, pk=unit_id).select_related("project", "service").first()
    if found is None:
        raise Http404(_("{project} has no unit with this number.").format(project=seat.project.name))
    return found
