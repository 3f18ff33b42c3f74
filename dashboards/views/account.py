"""Whoever reads: their own account, its password, and the second factor that breaks the glass."""

from typing import Any

import segno
import structlog
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.password_validation import password_validators_help_texts
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from dashboards.parameters import text
from dashboards.seats import seats_of
from migrator.access import second_factor as factors
from migrator.access.models import SecondFactor

log = structlog.get_logger()


def page(request: HttpRequest) -> HttpResponse:
    """What they may do where, and whether a second factor is in force. A secret is shown until it is confirmed."""
    return _shown(request, _password_form(request))


def _password_form(request: HttpRequest, typed: QueryDict | None = None) -> PasswordChangeForm:
    reader: Any = request.user  # signed in: nobody else comes to these pages
    return PasswordChangeForm(reader, typed)


def _shown(request: HttpRequest, form: PasswordChangeForm, status: int = 200) -> HttpResponse:
    factor = SecondFactor.objects.filter(user=request.user.pk).first()
    pending = factor if factor is not None and factor.confirmed_at is None else None
    context = {
        "sentence": sentence(factor),
        "factor": factor,
        "pending": pending,
        "picture": picture(factors.address_of(pending)) if pending else "",
        "secret": in_fours(pending.secret) if pending else "",
        "seats": seats_of(request=request),
        "form": form,
        "demands": password_validators_help_texts(),
    }
    answer = render(request, "dashboards/account.html", context, status=status)
    # A secret in a cache outlives the session that may see it.
    answer["Cache-Control"] = "no-store"
    return answer


def sentence(factor: SecondFactor | None) -> str:
    if factor is None:
        return _("You have no second factor: in an emergency you cannot force a change through.")
    if factor.confirmed_at is None:
        return _("One code is missing: then your second factor is in force.")
    return _("Your second factor is in force: in an emergency its code forces a change through.")


def picture(address: str) -> str:
    """A QR code as SVG, drawn by classes alone: styles in the page are not allowed."""
    drawn = segno.make(address, error="m").svg_inline(
        scale=4, border=4, dark=None, svgclass="qr", lineclass="qr-dots", omitsize=True
    )
    return mark_safe(drawn)  # noqa: S308 - of our own making: squares


def in_fours(secret: str) -> str:
    """As people type it from one screen into another: `ABCD EFGH …`."""
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))


@sensitive_post_parameters()
@require_POST
def password(request: HttpRequest) -> HttpResponse:
    """A new password for the old one. It ends every other session of the same person; this one goes on."""
    form = _password_form(request, request.POST)
    if not (form.user.has_usable_password() and form.is_valid()):
        return _shown(request, form, status=422)
    update_session_auth_hash(request, form.save())
    log.info("account.password_changed", user=request.user.get_username())
    messages.success(request, _("Your password is changed. Wherever else you were signed in, you are signed out."))
    return HttpResponseRedirect(reverse("account"))


@require_POST
def second_factor(request: HttpRequest) -> HttpResponse:
    """Set one up, confirm it by its first code, or take it away by a code. Back to the page whatever comes of it."""
    verb, code, now = text(request.POST, "verb"), text(request.POST, "code"), timezone.now()
    try:
        if verb == "enrol":
            factors.enrol(user=request.user, now=now)
        elif verb == "confirm":
            factors.confirm(user=request.user, code=code, now=now)
            messages.success(request, _("In force. It asks for a new code each time."))
        elif verb == "remove":
            factors.remove(user=request.user, code=code, now=now)
            messages.success(request, _("Removed. In an emergency you cannot force a change through any more."))
    except factors.WrongCode as wrong:
        messages.error(request, str(wrong))
    return HttpResponseRedirect(reverse("account"))
