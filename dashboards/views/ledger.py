"""The ledger: every change that anybody or anything made, newest first."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboards.changes import acts
from dashboards.parameters import key, text
from dashboards.proposals import place
from dashboards.seats import Seat, project_page
from migrator.core.stages import Direction
from migrator.rollout.queries import Entry, ledger

PAGE = 50
DIRECTIONS = (
    ("", "All"),
    (Direction.FORWARD, "Forward"),
    (Direction.BACK, "Back"),
    (Direction.SIDEWAYS, "Mirror only"),
)


@project_page
def page(request: HttpRequest, seat: Seat) -> HttpResponse:
    direction = text(request.GET, "direction")
    search = text(request.GET, "search")
    older_than = key(request.GET, "older_than")
    entries = ledger(
        project=seat.project,
        direction=direction if direction in list(Direction) else "",
        search=search,
        older_than=older_than,
        limit=PAGE + 1,
    )
    context = {
        "here": "ledger",
        "sentence": sentence(entries, filtered=bool(direction or search or older_than)),
        "acts": acts(entries[:PAGE]),
        "older_than": entries[PAGE - 1].id if len(entries) > PAGE else None,
        "directions": DIRECTIONS,
        "direction": direction,
        "search": search,
    }
    return render(request, "dashboards/ledger.html", context)


def sentence(entries: list[Entry], *, filtered: bool) -> str:
    """What changed last, in one line."""
    if not entries:
        return "No change matches this filter." if filtered else "Nothing has changed yet."
    last = entries[0]
    told = "Found" if filtered else "Last change"
    return f"{told}: {last.actor} set {last.unit_key} to {place(last.after).lower()}."
