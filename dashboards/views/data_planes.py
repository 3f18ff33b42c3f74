"""Who obeys: every data plane with the version it applies, and whether its reports arrive."""

from collections.abc import Iterator
from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboards import words
from dashboards.seats import Seat, project_page
from migrator.observations.queries import sources
from migrator.observations.queries.arrivals import completeness_since
from migrator.rollout.queries import Convergence, convergence, data_planes

DAY = timedelta(days=1)


@project_page
def page(request: HttpRequest, seat: Seat) -> HttpResponse:
    now = timezone.now()
    obeyed = convergence(project=seat.project, now=now)
    asked = (seat.project.pk, now - DAY)
    # Of a process that was started again, the newest run is what its row is about.
    figures = {run.source: run for run in reversed(sources(project=seat.project, now=now))}
    context = {
        "here": "data-planes",
        "planes": data_planes(project=seat.project, now=now),
        "convergence": obeyed,
        "sentence": sentence(obeyed),
        "completeness": completeness_since(wanted=[asked], now=now)[asked],
        "figures": figures,
        "origin": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "dashboards/data_planes.html", context)


def sentence(obeyed: Convergence) -> str:
    """Whether what is committed is what happens."""
    if not obeyed.live:
        if not obeyed.silent:
            return _("No data plane is live: what is committed takes effect nowhere yet.")
        silent = len(obeyed.silent)
        return ngettext(
            "No data plane is live, {count} is silent: what is committed takes effect nowhere yet.",
            "No data plane is live, {count} are silent: what is committed takes effect nowhere yet.",
            silent,
        ).format(count=words.number(silent))
    if obeyed.effective and obeyed.live > 1:
        told = _("All {live} live data planes apply the latest version.").format(live=obeyed.live)
    elif obeyed.effective:
        told = _("The data plane applies the latest version.")
    else:
        told = _("{confirmed} of {live} live data planes apply the latest version; {late} still to follow.").format(
            confirmed=obeyed.confirmed, live=obeyed.live, late=len(obeyed.waiting)
        )
    return " ".join([told, *_below(obeyed)])


def _below(obeyed: Convergence) -> Iterator[str]:
    """How many go below what is committed."""
    if held := len(obeyed.held):
        told = ngettext("{count} holds some of it at legacy.", "{count} hold some of it at legacy.", held)
        yield told.format(count=words.number(held))
    if out := len(obeyed.leaving_out):
        told = ngettext("{count} leaves out a candidate that fails.", "{count} leave out a candidate that fails.", out)
        yield told.format(count=words.number(out))
