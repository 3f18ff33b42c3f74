"""Who obeys: every data plane with the version it applies, and whether its reports arrive."""

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

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
        silent = f", {words.count(len(obeyed.silent), 'is', 'are')} silent" if obeyed.silent else ""
        return f"No data plane is live{silent}: what is committed takes effect nowhere yet."
    if obeyed.effective and obeyed.live > 1:
        told = f"All {obeyed.live} live data planes apply the latest version."
    elif obeyed.effective:
        told = "The data plane applies the latest version."
    else:
        late = len(obeyed.waiting)
        told = f"{obeyed.confirmed} of {obeyed.live} live data planes apply the latest version; {late} still to follow."
    return told + _below(obeyed)


def _below(obeyed: Convergence) -> str:
    """How many go below what is committed."""
    below = (
        (len(obeyed.held), "holds", "hold", "some of it at legacy"),
        (len(obeyed.leaving_out), "leaves", "leave", "out a candidate that fails"),
    )
    return "".join(f" {words.count(number, one, many)} {what}." for number, one, many, what in below if number)
