"""On call: what is wrong, since when, who changed it last, and one button that takes it back.

Written for a phone at three in the morning: no chart, no script needed, the act at the thumb.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from dashboards.attention import Attention, attention, counted
from dashboards.seats import Seat, project_page, seats_of
from migrator.inventory.queries import canaries, serving_counts
from migrator.rollout.queries import Convergence, convergence

SHOWN = 8


@project_page
def page(request: HttpRequest, seat: Seat) -> HttpResponse:
    now = timezone.now()
    found = attention(project=seat.project, now=now, only_harm=True)
    obeyed = convergence(project=seat.project, now=now)
    counts = serving_counts(project=seat.project)
    known = {case.unit_id for case in (*found.wrong, *found.suspect)}
    # One more than is shown says whether there are more.
    rest = [row for row in canaries(project=seat.project, limit=SHOWN + 1 + len(known)) if row.id not in known]
    context = {
        "here": "oncall",
        "found": found,
        "counts": counts,
        "rest": rest[:SHOWN],
        "has_more": len(rest) > SHOWN,
        "convergence": obeyed,
        "sentence": sentence(found, serving=bool(counts), obeyed=obeyed),
        "worst": found.wrong[0] if found.wrong else None,
    }
    return render(request, "dashboards/oncall.html", context)


def sentence(found: Attention, *, serving: bool, obeyed: Convergence) -> str:
    if found.wrong:
        return _wrong(found)
    if not obeyed.live and serving:
        return "Nobody reports: no data plane is connected, so nothing is known."
    if found.suspect:
        differ = "differs" if len(found.suspect) == 1 else "differ"
        return f"Nothing is proven wrong. {counted(found.suspect)} {differ} a little."
    return "Nothing is known to be wrong." if serving else "Legacy answers everything. There is nothing to roll back."


def _wrong(*found: Attention) -> str:
    wrong = [case for each in found for case in each.wrong]
    least = "At least " if any("wrong" in each.partial for each in found) else ""
    return f"{least}{counted(wrong)} {'is' if len(wrong) == 1 else 'are'} answering wrongly."


def everywhere(request: HttpRequest) -> HttpResponse:
    """The way in for an alert that names no project: the list, what is wrong first."""
    now = timezone.now()
    rows = [(seat, attention(project=seat.project, now=now, only_harm=True)) for seat in seats_of(request=request)]
    rows.sort(key=lambda row: (-len(row[1].wrong), -len(row[1].suspect), row[0].project.slug))
    wrong = any(found.wrong for _, found in rows)
    told = _wrong(*(found for _, found in rows)) if wrong else "Nothing is known to be wrong."
    return render(request, "dashboards/oncall_everywhere.html", {"rows": rows, "sentence": told, "here": "oncall"})
