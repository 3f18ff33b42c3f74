"""On call: what is wrong, since when, who changed it last, and one button that takes it back.

Written for a phone at three in the morning: no chart, no script needed, the act at the thumb.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from dashboards import words
from dashboards.attention import Attention, attention
from dashboards.seats import Seat, project_page, seats_of
from migrator.inventory.queries import UnitRow, serving
from migrator.rollout.queries import Convergence, convergence

SHOWN = 20


@project_page
def page(request: HttpRequest, seat: Seat) -> HttpResponse:
    now = timezone.now()
    found = attention(project=seat.project, now=now, ready=False)
    obeyed = convergence(project=seat.project, now=now)
    known = {case.unit_id for case in (*found.wrong, *found.suspect)}
    rest = [row for row in serving(project=seat.project, limit=SHOWN + len(known)) if row.id not in known]
    context = {
        "here": "oncall",
        "found": found,
        "rest": rest[:SHOWN],
        "convergence": obeyed,
        "sentence": sentence(found, rest, obeyed),
        "worst": found.wrong[0] if found.wrong else None,
    }
    return render(request, "dashboards/oncall.html", context)


def sentence(found: Attention, rest: list[UnitRow], obeyed: Convergence) -> str:
    if found.wrong:
        return f"{words.count(len(found.wrong), 'unit is', 'units are')} answering wrongly."
    if not obeyed.live and (found.suspect or rest):
        return "Nobody reports: no data plane is connected, so nothing is known."
    if found.suspect:
        return f"Nothing is proven wrong. {words.count(len(found.suspect), 'unit differs', 'units differ')} a little."
    return "Nothing is known to be wrong." if rest else "Legacy answers everything. There is nothing to roll back."


def everywhere(request: HttpRequest) -> HttpResponse:
    """The way in for an alert that names no project: straight on where there is one, else the list."""
    now = timezone.now()
    rows = [(seat, attention(project=seat.project, now=now, ready=False)) for seat in seats_of(request=request)]
    rows.sort(key=lambda row: (-len(row[1].wrong), -len(row[1].suspect), row[0].project.slug))
    wrong = sum(len(found.wrong) for _, found in rows)
    told = (
        f"{words.count(wrong, 'unit is', 'units are')} answering wrongly." if wrong else "Nothing is known to be wrong."
    )
    return render(request, "dashboards/oncall_everywhere.html", {"rows": rows, "sentence": told, "here": "oncall"})
