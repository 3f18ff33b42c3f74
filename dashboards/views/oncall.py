"""On call: what is wrong, since when, who changed it last, and one button that takes it back.

Written for a phone at three in the morning: no chart, no script needed, the act at the thumb. Nothing here is posted:
the button leads to the sheet that says what will happen, and that sheet's button does it, as often as it is pressed.
"""

from dataclasses import dataclass
from datetime import datetime

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from dashboards.attention import Attention, Case, attention, case_of, counted
from dashboards.seats import Seat, project_page, seats_of
from migrator.core.gate import Word
from migrator.core.stages import Stage
from migrator.inventory.models import Unit
from migrator.inventory.queries import canaries, serving_counts
from migrator.rollout.queries import Convergence, convergence
from migrator.rollout.remarks import newest_hand_over

SHOWN = 8
WORST = 5
"""Cases of all projects together that the list of projects shows by name."""


@project_page
def page(request: HttpRequest, seat: Seat, unit_id: int | None = None) -> HttpResponse:
    """What is wrong, worst first. With `unit_id`, that unit before all others: an alert's link names one."""
    now = timezone.now()
    found = attention(project=seat.project, now=now, only_harm=True)
    asked = _asked(seat, unit_id, now) if unit_id is not None else None
    obeyed = convergence(project=seat.project, now=now)
    counts = serving_counts(project=seat.project)
    others = [case for case in found.wrong if case.unit_id != unit_id]
    known = {case.unit_id for case in (*found.wrong, *found.suspect)} | ({unit_id} if unit_id else set())
    # One more than is shown says whether there are more.
    rest = [row for row in canaries(project=seat.project, limit=SHOWN + 1 + len(known)) if row.id not in known]
    context = {
        "here": "oncall",
        "found": found,
        "asked": asked,
        "others": others,
        "suspect": [case for case in found.suspect if case.unit_id != unit_id],
        "counts": counts,
        "rest": rest[:SHOWN],
        "has_more": len(rest) > SHOWN,
        "convergence": obeyed,
        "sentence": of_one(asked) if asked else sentence(found, serving=bool(counts), obeyed=obeyed),
        "worst": next((case for case in (asked, *others) if case is not None and can_go_down(case)), None),
        "note": newest_hand_over(project=seat.project),
    }
    return render(request, "dashboards/oncall.html", context)


def _asked(seat: Seat, unit_id: int, now: datetime) -> Case:
    unit = Unit.objects.filter(project=seat.project, pk=unit_id).select_related("service").first()
    if unit is None:
        raise Http404(f"{seat.project.name} has no unit with this number.")
    return case_of(unit=unit, now=now)


def can_go_down(case: Case) -> bool:
    """Whether there is anything to take back, and a way to it."""
    return case.position.candidate > 0 and case.position.stage is not Stage.REMOVED


def of_one(case: Case) -> str:
    """What a link about one unit wants to know."""
    if not case.position.candidate:
        return f"Legacy answers {case.key}: there is nothing to roll back."
    if case.verdict.word is Word.ROLLBACK:
        return f"{case.key} is answering wrongly."
    if case.rate:
        return f"{case.key} differs a little: nothing is proven wrong."
    return f"Nothing is known to be wrong with {case.key}."


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One project in the list of all."""

    seat: Seat
    found: Attention


def everywhere(request: HttpRequest) -> HttpResponse:
    """The way in for whoever is called without a link: what is wrong anywhere with its way back, then the projects."""
    now = timezone.now()
    rows = [
        Row(seat=seat, found=attention(project=seat.project, now=now, only_harm=True))
        for seat in seats_of(request=request)
    ]
    rows.sort(key=lambda row: (-len(row.found.wrong), -len(row.found.suspect), row.seat.project.slug))
    wrong = [(row.seat, case) for row in rows for case in row.found.wrong]
    context = {
        "here": "oncall",
        "rows": rows,
        "wrong": wrong[:WORST],
        "worst": next(((seat, case) for seat, case in wrong if seat.may_roll_back and can_go_down(case)), None),
        "sentence": _wrong(*(row.found for row in rows)) if wrong else "Nothing is known to be wrong.",
    }
    return render(request, "dashboards/oncall_everywhere.html", context)
