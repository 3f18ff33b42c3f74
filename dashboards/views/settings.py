"""Settings of a project: who is in it, what its services are, how its data planes behave, and what opens it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from dashboards import words
from dashboards.parameters import key, text
from dashboards.seats import Seat, forbidden, holders, project_page
from dashboards.settings_acts import ACTS, Outcome
from dashboards.settings_forms import MannersForm, ProjectForm, ServiceForm, ShareForm, TokenForm
from dashboards.views.people import people
from dashboards.vocabulary import spoken
from migrator.access.models import Token
from migrator.access.rights import Forbidden, Right
from migrator.planning.models import ShareLink

TABS: Final = {
    "people": gettext_noop("People and teams"),
    "project": gettext_noop("Project"),
    "services": gettext_noop("Services"),
    "requests": gettext_noop("Requests"),
    "tokens": gettext_noop("Tokens"),
    "sharing": gettext_noop("Sharing"),
}


@project_page
def page(request: HttpRequest, seat: Seat, tab: str = "people") -> HttpResponse:
    """One tab; a post does what its button says."""
    if tab not in TABS:
        raise Http404(_("There are no settings {tab}.").format(tab=tab))
    if request.method == "POST":
        return _done(request, seat, tab)
    return _shown(request, seat, tab)


def _done(request: HttpRequest, seat: Seat, tab: str) -> HttpResponse:
    act = ACTS[tab].get(text(request.POST, "act"))
    if act is None:
        raise Http404(_("This button does nothing here."))
    if not seat.actor.may(Right.MANAGE):
        return _refused(
            request, seat, _("{name} may not {right}.").format(name=seat.actor.name, right=spoken(Right.MANAGE))
        )
    try:
        outcome = act(request, seat)
    except Forbidden as refused:
        return _refused(request, seat, str(refused))
    if outcome.rejected or outcome.secret:
        return _shown(request, seat, tab, outcome)
    if outcome.error:
        messages.error(request, outcome.error)
    else:
        messages.success(request, outcome.message)
    return HttpResponseRedirect(reverse("settings-tab", args=[seat.project.slug, tab]))


def _refused(request: HttpRequest, seat: Seat, message: str) -> HttpResponse:
    return forbidden(request, message, holders(project=seat.project, right=Right.MANAGE))


def _shown(request: HttpRequest, seat: Seat, tab: str, outcome: Outcome | None = None) -> HttpResponse:
    outcome = outcome or Outcome()
    context = CONTEXTS[tab](request, seat) | dict(outcome.rejected)
    context |= {
        "here": "settings",
        "tab": tab,
        "tabs": {name: _(told) for name, told in TABS.items()},
        "outcome": outcome,
        "may_manage": seat.actor.may(Right.MANAGE),
        "who_may_manage": holders(project=seat.project, right=Right.MANAGE),
        "origin": f"{request.scheme}://{request.get_host()}",
        "now": timezone.now(),
    }
    answer = render(request, f"dashboards/settings_{tab}.html", context, status=422 if outcome.rejected else 200)
    if outcome.secret:  # on the answer to its post and on no other page, and in no cache
        answer.headers["Cache-Control"] = "no-store"
    return answer


# ------------------------------------------------------------------------------------------ tabs


def _project(request: HttpRequest, seat: Seat) -> dict[str, Any]:
    deadline = seat.project.deadline
    told = _("{project} is to be finished by {day}.") if deadline else _("{project} has no deadline.")
    return {
        "sentence": told.format(project=seat.project.name, day=words.day(deadline) if deadline else ""),
        "project_form": ProjectForm(project=seat.project),
    }


def _services(request: HttpRequest, seat: Seat) -> dict[str, Any]:
    """The list, and the form of the one that is asked for; `?service=new` is a new one."""
    rows = list(seat.project.services.all())
    chosen = key(request.POST if request.method == "POST" else request.GET, "service")
    service = next((row for row in rows if row.pk == chosen), None)
    unnamed = [row.name for row in rows if not (row.legacy_url and row.candidate_url)]
    opened = service is not None or text(request.GET, "service") == "new" or not rows or request.method == "POST"
    return {
        "sentence": _paired(len(rows), unnamed),
        "services": rows,
        "service": service,
        "service_form": ServiceForm(service=service) if opened else None,
    }


def _paired(number: int, unnamed: Sequence[str]) -> str:
    """How many pairs of services there are, and which lacks an address."""
    if not number:
        return _("No service yet.")
    if not unnamed:
        told = ngettext("{count} pair of services.", "{count} pairs of services.", number)
        return told.format(count=words.number(number))
    return ngettext(
        "{count} pair of services; {service} lacks an address.",
        "{count} pairs of services; {service} lacks an address.",
        number,
    ).format(count=words.number(number), service=unnamed[0])


def _requests(request: HttpRequest, seat: Seat) -> dict[str, Any]:
    chosen = sorted(seat.project.manners)
    told = ngettext(
        "{count} setting of data planes differ from the usual.",
        "{count} settings of data planes differ from the usual.",
        len(chosen),
    )
    return {
        "sentence": told.format(count=words.number(len(chosen))) if chosen else _("Data planes behave as usual."),
        "manners_form": MannersForm(project=seat.project),
    }


def _tokens(request: HttpRequest, seat: Seat) -> dict[str, Any]:
    now = timezone.now()
    rows = list(Token.objects.filter(project=seat.project).select_related("owner"))
    usable = sum(1 for row in rows if not row.revoked_at and (row.expires_at is None or row.expires_at > now))
    return {
        "sentence": ngettext("{count} token opens this project.", "{count} tokens open this project.", usable).format(
            count=words.number(usable)
        ),
        "tokens": rows,
        "token_form": TokenForm(),
    }


def _sharing(request: HttpRequest, seat: Seat) -> dict[str, Any]:
    now = timezone.now()
    rows = list(ShareLink.objects.filter(project=seat.project))
    usable = sum(1 for row in rows if not row.revoked_at and (row.expires_at is None or row.expires_at > now))
    told = ngettext(
        "{count} link shows how far it is to whoever has it.",
        "{count} links show how far it is to whoever has it.",
        usable,
    )
    return {
        "sentence": told.format(count=words.number(usable))
        if usable
        else _("Nobody without an account sees this project."),
        "links": rows,
        "share_form": ShareForm(),
    }


CONTEXTS: Final[Mapping[str, Callable[[HttpRequest, Seat], dict[str, Any]]]] = {
    "people": people,
    "project": _project,
    "services": _services,
    "requests": _requests,
    "tokens": _tokens,
    "sharing": _sharing,
}
