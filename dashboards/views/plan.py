"""The plan: which team the end hangs on, what another plan would bring, and what was promised."""

from datetime import date, datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from dashboards.parameters import text
from dashboards.plan_forms import ACTS, FORMS, PlanForm
from dashboards.plan_outlook import Looked, look, otherwise
from dashboards.plan_teams import Beside, axis_of, critical_path, team_rows
from dashboards.plan_wish import Asked, wished
from dashboards.plan_words import plan_sentence
from dashboards.seats import Seat, forbidden, holders, project_page
from migrator.access.rights import Forbidden
from migrator.core.queues import Cycle
from migrator.core.what_if import Impossible
from migrator.planning.models import Baseline, Dependency, Milestone
from migrator.planning.queries import Measure, Slice, deadline_of, prospect

SHOWN = 50


@project_page
def page(request: HttpRequest, seat: Seat) -> HttpResponse:
    return _shown(request, seat)


@require_POST
@project_page
def change(request: HttpRequest, seat: Seat, act: str) -> HttpResponse:
    """One verb of the plan. What is refused stands beside its control, with what was typed."""
    kind = ACTS.get(act)
    here = reverse("plan", args=[seat.project.slug])
    if kind is None:
        return HttpResponseRedirect(here)
    form = kind(request.POST, project=seat.project)
    try:
        told = form.carried_out(actor=seat.actor, now=timezone.now()) if form.is_valid() else ""
    except Forbidden as refused:
        return forbidden(request, str(refused), holders(project=seat.project, right=refused.right))
    if not told:
        return _shown(request, seat, {act: form}, status=400)
    messages.success(request, told)
    return HttpResponseRedirect(f"{here}#{act}")


def _shown(
    request: HttpRequest, seat: Seat, tried: dict[str, PlanForm] | None = None, status: int = 200
) -> HttpResponse:
    now = timezone.now()
    phase = text(request.GET, "phase")
    measure = Measure.EFFORT if text(request.GET, "by") == "effort" else Measure.UNITS
    looked = look(project=seat.project, now=now, phase=phase, measure=measure)
    asked = wished(request.GET, plan=looked.plan, today=now.date())
    beside, refused = _beside(looked, asked, now)
    context = {
        "here": "plan",
        "sentence": plan_sentence(looked.found, looked.best, target=looked.target),
        "looked": looked,
        "teams": team_rows(looked),
        "axis": axis_of(looked, now.date()),
        "way": critical_path(looked),
        "asked": asked,
        "beside": beside,
        "refused": refused,
        "phase": phase,
        "measure": measure,
        "phases": _phases(seat, now),
        "milestones": Milestone.objects.filter(project=seat.project).select_related("phase", "team", "service"),
        "dependencies": Dependency.objects.filter(unit__project=seat.project).select_related("unit", "needs")[:SHOWN],
        "baselines": Baseline.objects.filter(project=seat.project).select_related("phase")[:10],
        "forms": _forms(seat, tried or {}),
    }
    return render(request, "dashboards/plan.html", context, status=status)


def _beside(looked: Looked, asked: Asked, now: datetime) -> tuple[Beside | None, str]:
    """Today's plan beside the one that was asked for, or why there is none."""
    if asked.is_empty or asked.has_errors or looked.found is None:
        return None, ""
    target = asked.deadline or looked.target
    try:
        other = otherwise(looked=looked, wish=asked.wish, today=now.date(), target=target)
    except (Impossible, Cycle) as impossible:
        return None, str(impossible)
    return Beside(today=looked.found, other=other, target=looked.target, other_target=target), ""


def _phases(seat: Seat, now: datetime) -> list[dict[str, Any]]:
    """Each phase with its scope, what is done of it, and whether it ends in time."""
    rows = []
    for phase in seat.project.phases.all():
        found = prospect(project=seat.project, now=now, units=Slice(phase=phase.name))
        target: date | None = deadline_of(project=seat.project, phase=phase.name)
        rows.append(
            {
                "phase": phase,
                "scope": found.found.scope[-1],
                "done": found.found.done[-1],
                "deadline": target,
                "p85": getattr(found.forecast, "p85", None),
                "chance": found.chance,
                "reason": found.reason,
            }
        )
    return rows


def _forms(seat: Seat, tried: dict[str, PlanForm]) -> list[tuple[str, PlanForm]]:
    """The verbs that the reader may use, those that were tried with what was typed."""
    allowed = {act: kind for act, kind in FORMS.items() if seat.actor.may(kind.right)}
    return [(act, tried.get(act) or kind(project=seat.project)) for act, kind in allowed.items()]
