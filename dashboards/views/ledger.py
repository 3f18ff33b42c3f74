"""The ledger: every change that anybody or anything made, newest first."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboards.changes import Act, acts
from dashboards.parameters import key, text
from dashboards.proposals import place
from dashboards.seats import Seat, project_page
from migrator.core.stages import Direction
from migrator.rollout.queries import ledger

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
    shown = acts(entries[:PAGE])
    context = {
        "here": "ledger",
        "sentence": sentence(shown, filtered=bool(direction or search or older_than)),
        "acts": shown,
        "older_than": entries[PAGE - 1].id if len(entries) > PAGE else None,
        "directions": DIRECTIONS,
        "direction": direction,
        "search": search,
    }
    return render(request, "dashboards/ledger.html", context)


def sentence(shown: list[Act], *, filtered: bool) -> str:
    """What changed last, in one line."""
    if not shown:
        return "No change matches this filter." if filtered else "Nothing has changed yet."
    last, others = shown[0].entry, shown[0].others
    told = "Found" if filtered else "Last change"
    more = f" and {others} {'of its fields' if shown[0].is_family else 'more'}" if others else ""
    return f"{told}: {last.actor} set {last.unit_key}{more} to {place(last.after).lower()}."
