"""The buttons of a cause: settle, make its rule, give it to somebody, say something. The answer is the cause's page."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

import msgspec
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext
from django.views.decorators.http import require_POST

from dashboards import words
from dashboards.parameters import key, text
from dashboards.seats import Seat, forbidden, holders, project_page
from dashboards.views.mismatches import group_of
from migrator.access.rights import Forbidden, role_of
from migrator.inventory.services import Invalid
from migrator.observations import settling
from migrator.observations.models import MismatchGroup, SettledAs
from migrator.observations.ruling import create_rule
from migrator.observations.specs import RuleDraft

Act = Callable[[HttpRequest, Seat, MismatchGroup], str]
"""Does what a button says, and tells what came of it."""
MOST_RULES: Final = 20
TOLD: Final = {
    SettledAs.NOISE: gettext_noop("Settled as noise: put aside until it happens twice as often."),
    SettledAs.RACE: gettext_noop("Settled as a race: put aside until it happens twice as often."),
    SettledAs.ARCHIVED: gettext_noop("Archived until it happens twice as often."),
    SettledAs.BUG: gettext_noop("Settled as a bug: it stays open until the candidate is repaired."),
}


def button(act: Act) -> Callable[..., HttpResponseBase]:
    """A view that acts once, and shows the cause again with what came of it."""

    @require_POST
    @project_page
    @wraps(act)
    def pressed(request: HttpRequest, seat: Seat, group_id: int) -> HttpResponse:
        group = group_of(seat, group_id)
        try:
            messages.success(request, act(request, seat, group))
        except Forbidden as refused:
            return forbidden(request, str(refused), holders(project=seat.project, right=refused.right))
        except Invalid as invalid:
            messages.error(request, _("Nothing was changed: {why}").format(why=invalid.message))
        return HttpResponseRedirect(reverse("mismatch", args=[seat.project.slug, group.leader_id or group.pk]))

    return pressed


@button
def settle(request: HttpRequest, seat: Seat, group: MismatchGroup) -> str:
    """Noise, a race, accepted, a bug, or archived."""
    settled_as = text(request.POST, "as")
    rules = settling.settle(
        group=group, settled_as=settled_as, actor=seat.actor, now=timezone.now(), text=text(request.POST, "text")
    )
    if rules:
        return ngettext(
            "Accepted: {count} rule until {day}.", "Accepted: {count} rules until {day}.", len(rules)
        ).format(count=words.number(len(rules)), day=words.day(rules[0].expires_at))
    return _(TOLD[SettledAs(settled_as)])


@button
def make_rules(request: HttpRequest, seat: Seat, group: MismatchGroup) -> str:
    """Settle a cause by the rules that its page proposed."""
    settled_as = text(request.POST, "as")
    if settled_as not in SettledAs.values:
        raise Invalid("as", _("as is one of {known}.").format(known=", ".join(SettledAs.values)))
    drafts = _drafts(request.POST.get("rules", ""), group)
    reason = text(request.POST, "text") or f"Explains cause {group.pk}."
    with transaction.atomic():
        made = [
            create_rule(
                project=seat.project, draft=draft, actor=seat.actor, reason=reason, now=timezone.now(),
                settled_as=settled_as,
            )
            for draft in drafts
        ]  # fmt: skip
    return ngettext("Settled by {count} rule until {day}.", "Settled by {count} rules until {day}.", len(made)).format(
        count=words.number(len(made)), day=words.day(made[0].expires_at)
    )


def _drafts(told: str, group: MismatchGroup) -> list[RuleDraft]:
    """The rules that a button carries, for the unit of the cause. Raises Invalid where they are none."""
    try:
        rules = msgspec.json.decode(told.encode(), type=list[dict[str, Any]])
        drafts = [
            RuleDraft(kind=each.pop("kind"), path=each.pop("path"), unit=group.unit, parameters=each) for each in rules
        ]
    except (msgspec.DecodeError, UnicodeEncodeError, KeyError):
        raise Invalid("rules", _("The proposed rule could not be read. Load the page again.")) from None
    if not 0 < len(drafts) <= MOST_RULES:
        raise Invalid("rules", _("Between 1 and {most} rules are made at once.").format(most=MOST_RULES))
    return drafts


@button
def reopen(request: HttpRequest, seat: Seat, group: MismatchGroup) -> str:
    settling.reopen(group=group, actor=seat.actor, now=timezone.now(), text=text(request.POST, "text"))
    return _("Open again.")


@button
def assign(request: HttpRequest, seat: Seat, group: MismatchGroup) -> str:
    """Give a cause to somebody of the project; to nobody where no name is sent."""
    user_id = key(request.POST, "user")
    user = get_user_model().objects.filter(pk=user_id).first() if user_id is not None else None
    if user is not None and role_of(user=user, project=seat.project) is None:
        raise Invalid("user", _("{user} has no role in {project}.").format(user=user, project=seat.project.name))
    settling.assign(group=group, user=user, actor=seat.actor, now=timezone.now())
    return _("Given to {user}.").format(user=user) if user else _("Given to nobody.")


@button
def comment(request: HttpRequest, seat: Seat, group: MismatchGroup) -> str:
    settling.comment(group=group, actor=seat.actor, text=request.POST.get("text", ""), now=timezone.now())
    return _("Noted.")
