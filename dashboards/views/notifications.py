"""Who is told what, who may alarm us, and what was told lately."""

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from dashboards import words
from dashboards.notice_forms import KINDS, LEAST, ChannelForm, HookForm, usual_zone
from dashboards.parameters import key
from dashboards.seats import Seat, forbidden, holders, project_page
from dashboards.vocabulary import spoken
from migrator.access.rights import Right
from migrator.inventory.services import Invalid
from migrator.rollout import notices
from migrator.telling.channels import try_out
from migrator.telling.models import Channel, ChannelKind, Hook, Message
from migrator.telling.queries import alarms_of, channels_of, hooks_of, messages_of

SHOWN: Final = 30
"""Messages on a page."""


@project_page
def page(request: HttpRequest, seat: Seat) -> HttpResponse:
    channels, hooks = list(channels_of(project=seat.project)), list(hooks_of(project=seat.project))
    told = Message.objects.filter(project=seat.project)
    if (older_than := key(request.GET, "older_than")) is not None:
        told = told.filter(pk__lt=older_than)
    rows = messages_of(messages=told.order_by("-id")[: SHOWN + 1])
    context = {
        "here": "notifications",
        "sentence": sentence(channels),
        "channels": channels,
        "hooks": hooks,
        "alarms": alarms_of(project=seat.project)[:SHOWN],
        "told": rows[:SHOWN],
        "older_than": rows[SHOWN - 1].id if len(rows) > SHOWN else None,
        "kinds": KINDS,
        "tells": LEAST,
        **_standing(seat),
    }
    return render(request, "dashboards/notifications.html", context)


def sentence(channels: list[Channel]) -> str:
    """Whether people are told, and which channel does not work."""
    on = [channel for channel in channels if channel.enabled]
    if not on:
        return _("Nobody is told anything: no channel is switched on.")
    failing = [channel.name for channel in on if channel.fails]
    if failing:
        told = ngettext(
            "{channels} fails; what is told waits there.", "{channels} fail; what is told waits there.", len(failing)
        )
        return told.format(channels=_(" and ").join(failing[:3]))
    untried = sum(channel.last_success_at is None for channel in on)
    if not untried:
        return ngettext(
            "{count} channel switched on, and all of them arrive.",
            "{count} channels switched on, and all of them arrive.",
            len(on),
        ).format(count=words.number(len(on)))
    return ngettext(
        "{count} channel switched on; {untried} never tried yet.",
        "{count} channels switched on; {untried} never tried yet.",
        len(on),
    ).format(count=words.number(len(on)), untried=untried)


# ----------------------------------------------------------------------------------- channels


@project_page
def new_channel(request: HttpRequest, seat: Seat, kind: str) -> HttpResponse:
    if kind not in ChannelKind.values:
        raise Http404(_("There is no kind of channel {kind}.").format(kind=kind))
    return _channel(request, seat, kind=kind, channel=None)


@project_page
def channel(request: HttpRequest, seat: Seat, channel_id: int) -> HttpResponse:
    found = get_object_or_404(Channel, project=seat.project, pk=channel_id)
    return _channel(request, seat, kind=found.kind, channel=found)


def _channel(request: HttpRequest, seat: Seat, *, kind: str, channel: Channel | None) -> HttpResponse:
    """The form; a post saves it. A new secret is on the answer to that post, and on no other page."""
    if refused := _refused(request, seat):
        return refused
    form = ChannelForm(request.POST or None, project=seat.project, kind=kind, channel=channel)
    if channel is None:
        form.initial.setdefault("zone", usual_zone(timezone.get_current_timezone()))
    context = {"form": form, "kind": kind, "kind_words": KINDS[kind], "channel": channel}
    if request.method != "POST" or not form.is_valid():
        return _form(request, seat, "channel", context)
    try:
        saved = notices.save_channel(
            project=seat.project, wanted=form.wanted, actor=seat.actor, now=timezone.now(), channel=channel
        )
    except Invalid as invalid:
        return _form(request, seat, "channel", context, invalid)
    if saved.secret:
        return _form(request, seat, "channel", context | {"channel": saved.channel, "secret": saved.secret})
    messages.success(
        request, _("{channel} is saved. Send a test to see that it arrives.").format(channel=saved.channel.name)
    )
    return _back(seat)


@require_POST
@project_page
def test_channel(request: HttpRequest, seat: Seat, channel_id: int) -> HttpResponse:
    """Send a test at once and say what came of it."""
    found = get_object_or_404(Channel.objects.select_related("project"), project=seat.project, pk=channel_id)
    if refused := _refused(request, seat):
        return refused
    if error := try_out(channel=found, actor=seat.actor, now=timezone.now()):
        messages.error(
            request, _("{channel}: the test did not arrive. {error}").format(channel=found.name, error=error)
        )
    else:
        messages.success(request, _("{channel}: the test arrived.").format(channel=found.name))
    return _back(seat)


@require_POST
@project_page
def remove_channel(request: HttpRequest, seat: Seat, channel_id: int) -> HttpResponse:
    found = get_object_or_404(Channel, project=seat.project, pk=channel_id)
    if refused := _refused(request, seat):
        return refused
    notices.remove_channel(channel=found, actor=seat.actor, now=timezone.now())
    messages.success(request, _("{channel} is removed, with what waited for it.").format(channel=found.name))
    return _back(seat)


# -------------------------------------------------------------------------------------- hooks


@project_page
def new_hook(request: HttpRequest, seat: Seat) -> HttpResponse:
    return _hook(request, seat, hook=None)


@project_page
def hook(request: HttpRequest, seat: Seat, hook_id: int) -> HttpResponse:
    return _hook(request, seat, hook=get_object_or_404(Hook, project=seat.project, pk=hook_id))


def _hook(request: HttpRequest, seat: Seat, *, hook: Hook | None) -> HttpResponse:
    if refused := _refused(request, seat):
        return refused
    form = HookForm(request.POST or None, project=seat.project, hook=hook)
    origin = f"{request.scheme}://{request.get_host()}"
    context: dict[str, Any] = {"form": form, "hook": hook, "origin": origin}
    if request.method != "POST" or not form.is_valid():
        return _form(request, seat, "hook", context)
    try:
        saved = notices.save_hook(
            project=seat.project, wanted=form.wanted, actor=seat.actor, now=timezone.now(), hook=hook
        )
    except Invalid as invalid:
        return _form(request, seat, "hook", context, invalid)
    if saved.secret:
        return _form(request, seat, "hook", context | {"hook": saved.hook, "secret": saved.secret})
    messages.success(request, _("{hook} is saved.").format(hook=saved.hook.name))
    return _back(seat)


@require_POST
@project_page
def remove_hook(request: HttpRequest, seat: Seat, hook_id: int) -> HttpResponse:
    found = get_object_or_404(Hook, project=seat.project, pk=hook_id)
    if refused := _refused(request, seat):
        return refused
    notices.remove_hook(hook=found, actor=seat.actor, now=timezone.now())
    messages.success(request, _("{hook} is removed. What it held is free again.").format(hook=found.name))
    return _back(seat)


# ------------------------------------------------------------------------------------- common


def _refused(request: HttpRequest, seat: Seat) -> HttpResponse | None:
    if seat.actor.may(Right.MANAGE):
        return None
    message = _("{name} may not {right}.").format(name=seat.actor.name, right=spoken(Right.MANAGE))
    return forbidden(request, message, holders(project=seat.project, right=Right.MANAGE))


def _standing(seat: Seat) -> dict[str, Any]:
    return {
        "may_manage": seat.actor.may(Right.MANAGE),
        "who_may_manage": holders(project=seat.project, right=Right.MANAGE),
    }


def _form(
    request: HttpRequest, seat: Seat, template: str, context: dict[str, Any], invalid: Invalid | None = None
) -> HttpResponse:
    form: forms.Form = context["form"]
    if invalid is not None:
        form.add_error(invalid.field if invalid.field in form.fields else "name", invalid.message)
    status = 422 if form.errors else 200
    return render(request, f"dashboards/{template}.html", {"here": "notifications", **context}, status=status)


def _back(seat: Seat) -> HttpResponse:
    return HttpResponseRedirect(reverse("notifications", args=[seat.project.slug]))
