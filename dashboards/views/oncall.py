"""On call: what is wrong, since when, who changed it last, and one button that takes it back.

Written for a phone at three in the morning: no chart, no script needed, the act at the thumb, all in one answer.
The button opens the sheet that says what will happen, and that sheet's button does it, as often as it is pressed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from dashboards.alone import in_one_answer
from dashboards.attention import Attention, Case, at_least, attention, case_of, counted
from dashboards.observed import newest_minutes
from dashboards.seats import Seat, forbidden, holders, project_page, seats_of
from dashboards.way_back import WayBack, is_done, of_unit
from migrator.access.rights import Forbidden
from migrator.core.gate import Word
from migrator.core.stages import Stage
from migrator.inventory.models import Unit
from migrator.inventory.queries import canaries, runbooks_of, serving_counts
from migrator.rollout import remarks
from migrator.rollout.irreversible import Lasting, left_behind
from migrator.rollout.queries import Convergence, convergence, last_heard

SHOWN = 8
NEWS = timedelta(days=1)
"""For so long what a rollback left done is told to whoever comes by its link."""
WORST = 5
"""Cases of all projects together that the list of projects shows by name."""


@in_one_answer
@project_page
def page(request: HttpRequest, seat: Seat, unit_id: int | None = None) -> HttpResponse:
    """What is wrong, worst first. With `unit_id`, that unit before all others: an alert's link names one."""
    now = timezone.now()
    found = attention(project=seat.project, now=now, only_harm=True)
    asked = _asked(seat, unit_id, now) if unit_id is not None else None
    others = [case for case in found.wrong if case.unit_id != unit_id]
    worst = next((case for case in (asked, *others) if case is not None and can_go_down(case)), None)
    obeyed, counts = convergence(project=seat.project, now=now), serving_counts(project=seat.project)
    context = {
        "here": "oncall",
        "found": found,
        "asked": asked,
        "lasting": _stays_done(seat, asked, now),
        "others": others,
        "suspect": [case for case in found.suspect if case.unit_id != unit_id],
        "counts": counts,
        "convergence": obeyed,
        "is_blind": bool(counts) and not obeyed.live,
        "sentence": _of_asked(asked, obeyed, now) if asked else sentence(found, serving=bool(counts), obeyed=obeyed),
        "worst": worst,
        "way": _way(seat, worst, now),
        **_known([case.unit_id for case in (asked, *others) if case], now),
        "note": remarks.newest_hand_over(project=seat.project),
        **_rest(seat, found, unit_id),
    }
    return render(request, "dashboards/oncall.html", context)


def _asked(seat: Seat, unit_id: int, now: datetime) -> Case:
    unit = Unit.objects.filter(project=seat.project, pk=unit_id).select_related("service").first()
    if unit is None:
        raise Http404(_("{project} has no unit with this number.").format(project=seat.project.name))
    return case_of(unit=unit, now=now)


def _stays_done(seat: Seat, asked: Case | None, now: datetime) -> Lasting | None:
    """What the unit's last rollback did not undo, the guard's too: for whoever comes by its link soon after."""
    last = asked.last if asked else None
    return left_behind(project=seat.project, last=last) if last and is_done(last) and now - last.at < NEWS else None


def _way(seat: Seat, worst: Case | None, now: datetime) -> WayBack | None:
    """The sheet of the one large button: it comes with the page, so that opening it asks nobody."""
    if worst is None or not seat.may_roll_back:
        return None
    way = of_unit(project=seat.project, unit_id=worst.unit_id, key=worst.key, now=now)
    return way if way.preview.serving else None


def _known(unit_ids: list[int], now: datetime) -> dict[str, Any]:
    """Who looks into some units already, and where it says what to do about them; both by unit."""
    return {"takers": remarks.takers(unit_ids=unit_ids, now=now), "runbooks": runbooks_of(unit_ids=unit_ids)}


def _rest(seat: Seat, found: Attention, unit_id: int | None) -> dict[str, Any]:
    """What the candidate answers too, and nothing is wrong with as far as is known."""
    known = {case.unit_id for case in (*found.wrong, *found.suspect)} | ({unit_id} if unit_id else set())
    # One more than is shown says whether there are more.
    rest = [row for row in canaries(project=seat.project, limit=SHOWN + 1 + len(known)) if row.id not in known]
    return {"rest": rest[:SHOWN], "has_more": len(rest) > SHOWN}


def can_go_down(case: Case) -> bool:
    """Whether there is anything to take back, and a way to it."""
    return case.position.candidate > 0 and case.position.stage is not Stage.REMOVED


@require_POST
@project_page
def take_on(request: HttpRequest, seat: Seat, unit_id: int) -> HttpResponse:
    """Somebody looks into it, and everybody else sees who; back to the unit's trouble."""
    unit = get_object_or_404(Unit, project=seat.project, pk=unit_id)
    try:
        remarks.take_on(unit=unit, actor=seat.actor, now=timezone.now())
    except Forbidden as refused:
        return forbidden(request, str(refused), holders(project=seat.project, right=refused.right))
    back = "rollback-unit" if "proof" in request.POST else "oncall-unit"
    return HttpResponseRedirect(reverse(back, args=[seat.project.slug, unit_id]))


# ------------------------------------------------------------------------------------ in words


def _of_asked(case: Case, obeyed: Convergence, now: datetime) -> str:
    is_heard = bool(obeyed.live and newest_minutes(unit=Unit.objects.get(pk=case.unit_id), now=now))
    return of_one(case, is_heard=is_heard)


def of_one(case: Case, *, is_heard: bool) -> str:
    """What a link about one unit wants to know. What nobody reported on is not fine: it is not known."""
    if not case.position.candidate:
        return _("Legacy answers {key}: there is nothing to roll back.").format(key=case.key)
    if case.verdict.word is Word.ROLLBACK:
        return _("{key} is answering wrongly.").format(key=case.key)
    if not is_heard:
        return _("Nothing is known about {key}: nobody reported on it for five minutes.").format(key=case.key)
    if case.rate:
        return _("{key} differs a little: nothing is proven wrong.").format(key=case.key)
    return _("Nothing is known to be wrong with {key}.").format(key=case.key)


def sentence(found: Attention, *, serving: bool, obeyed: Convergence) -> str:
    if found.wrong:
        return wrong_words(found)
    if not obeyed.live and serving:
        return _("Nobody reports: no data plane is connected, so nothing is known.")
    if found.suspect:
        told = ngettext(
            "Nothing is proven wrong. {cases} differs a little.",
            "Nothing is proven wrong. {cases} differ a little.",
            len(found.suspect),
        )
        return told.format(cases=counted(found.suspect))
    return _("Nothing is known to be wrong.") if serving else _("Legacy answers everything: nothing to roll back.")


def wrong_words(*found: Attention) -> str:
    """`2 endpoints are answering wrongly.`"""
    cases = [case for each in found for case in each.wrong]
    least = next((each for each in found if "wrong" in each.partial), found[0])
    told = ngettext("{cases} is answering wrongly.", "{cases} are answering wrongly.", len(cases))
    told = told.format(cases=at_least(least, "wrong", counted(cases)))
    return told[:1].upper() + told[1:]


# ------------------------------------------------------------------------------- every project


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One project in the list of all."""

    seat: Seat
    found: Attention
    serving: bool
    obeyed: Convergence
    heard: datetime | None
    """When anybody reported last."""

    @property
    def is_blind(self) -> bool:
        """Callers meet the candidate and nobody reports: that nothing is wrong here, nobody can say."""
        return self.serving and not self.obeyed.live

    @property
    def rank(self) -> tuple[int, bool, int, str]:
        """Worst first; what nobody sees comes before what differs a little."""
        return -len(self.found.wrong), not self.is_blind, -len(self.found.suspect), self.seat.project.slug


def _row(seat: Seat, now: datetime) -> Row:
    return Row(
        seat=seat,
        found=attention(project=seat.project, now=now, only_harm=True),
        serving=bool(serving_counts(project=seat.project)),
        obeyed=convergence(project=seat.project, now=now),
        heard=last_heard(project=seat.project),
    )


@in_one_answer
def everywhere(request: HttpRequest) -> HttpResponse:
    """The way in for whoever is called without a link: what is wrong anywhere with its way back, then the projects."""
    now = timezone.now()
    rows = sorted((_row(seat, now) for seat in seats_of(request=request)), key=lambda row: row.rank)
    wrong = [(row.seat, case) for row in rows for case in row.found.wrong]
    worst = next(((seat, case) for seat, case in wrong if seat.may_roll_back and can_go_down(case)), None)
    context = {
        "here": "oncall",
        "rows": rows,
        "wrong": wrong[:WORST],
        "more_wrong": max(0, len(wrong) - WORST),
        "worst": worst[1] if worst else None,
        "way": _way(*worst, now) if worst else None,
        **_known([case.unit_id for _seat, case in wrong[:WORST]], now),
        "sentence": of_all(rows),
    }
    return render(request, "dashboards/oncall_everywhere.html", context)


def of_all(rows: list[Row]) -> str:
    """What is wrong anywhere; that nobody sees a project is said before that nothing is known to be wrong."""
    if any(row.found.wrong for row in rows):
        return wrong_words(*(row.found for row in rows))
    blind = [row for row in rows if row.is_blind]
    if blind:
        names = ", ".join(row.seat.project.name for row in blind[:3])
        return _("Nobody reports from {projects}: nothing is known there.").format(projects=names)
    if not any(row.serving for row in rows):
        return _("Legacy answers everything: nothing to roll back.")
    return _("Nothing is known to be wrong.")
