"""The plan: which team the end hangs on, what another plan would bring, and what was promised."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dashboards import plan_words
from dashboards.parameters import text
from dashboards.plan_forms import ACTS, FORMS, PlanForm
from dashboards.plan_outlook import Looked, look, otherwise
from dashboards.plan_teams import Beside, axis_of, critical_path, team_rows
from dashboards.plan_wish import Asked, wished
from dashboards.seats import Seat, forbidden, holders, project_page
from migrator.access.rights import Forbidden, Right
from migrator.core.stages import Stage
from migrator.core.what_if import Impossible
from migrator.inventory.models import Project, Unit
from migrator.planning.models import Baseline, Dependency
from migrator.planning.queries import Measure, Slice, promises
from migrator.planning.queries.promises import Promise

SHOWN: Final = 50
BASELINES_SHOWN: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """Which part of the plan is looked at."""

    phase: str
    measure: Measure


@project_page
def page(request: HttpRequest, seat: Seat) -> HttpResponse:
    """Today's plan; with a wish in the address, another one beside it.

    Of a plan that takes long its frame comes first, and fetches the rest: by script, else by loading `?whole=1`.
    """
    return _shown(request, seat, patient="HX-Request" in request.headers or bool(request.GET.get("whole")))


@require_POST
@project_page
def change(request: HttpRequest, seat: Seat, act: str) -> HttpResponse:
    """One verb of the plan. What is refused stands beside its control, with what was typed."""
    if act not in ACTS:
        raise Http404(_("Nothing of the plan is called {act}.").format(act=act))
    form = ACTS[act](request.POST, project=seat.project)
    try:
        told = form.carried_out(actor=seat.actor, now=timezone.now()) if form.is_valid() else ""
    except Forbidden as refused:
        return forbidden(request, str(refused), holders(project=seat.project, right=refused.right))
    if not told:
        return _shown(request, seat, {act: form}, status=400)
    messages.success(request, told)
    return HttpResponseRedirect(reverse("plan", args=[seat.project.slug]))


def _shown(
    request: HttpRequest,
    seat: Seat,
    tried: dict[str, PlanForm] | None = None,
    status: int = 200,
    patient: bool = True,
) -> HttpResponse:
    now, project, lens = timezone.now(), seat.project, _lens(request)
    # Moves are ranked for today's plan only: whoever asks for another one waits for its answer alone.
    is_wish = any(request.GET.get(name) for name in ("giver", "taker", "cut_team", "cut", "deadline"))
    looked = look(
        project=project,
        now=now,
        units=Slice(phase=lens.phase),
        measure=lens.measure,
        ranked=not is_wish,
        patient=patient or is_wish,
    )
    asked = wished(request.GET, plan=looked.plan, today=now.date())
    beside, refused = _beside(looked, asked, now)
    is_empty = not looked.plan.teams and not Unit.objects.tracked().filter(project=project).exists()
    context = {
        "here": "plan",
        "sentence": _sentence(looked, asked, beside, is_empty=is_empty),
        "is_empty": is_empty,
        "looked": looked,
        "teams": team_rows(looked, asked.wish if beside else None),
        "axis": axis_of(looked, now.date()),
        "way": critical_path(looked),
        "asked": asked,
        "beside": beside,
        "refused": refused,
        "lens": lens,
        "is_wish": is_wish,
        "may_manage": seat.actor.may(Right.MANAGE),
        "phases": list(project.phases.all()),
        **({} if is_wish or looked.is_pending else _promised(project, now)),
        "forms": [] if is_wish or looked.is_pending else _forms(seat, tried or {}),
    }
    return render(request, "dashboards/plan.html", context, status=status)


def _lens(request: HttpRequest) -> Lens:
    by_effort = text(request.GET, "by") == Measure.EFFORT
    return Lens(phase=text(request.GET, "phase"), measure=Measure.EFFORT if by_effort else Measure.UNITS)


def _sentence(looked: Looked, asked: Asked, beside: Beside | None, *, is_empty: bool) -> str:
    if looked.is_pending:
        return plan_words.pending_sentence(looked)
    if is_empty:
        return _("Nothing is tracked yet, so there is nothing to plan.")
    if beside is None:
        return plan_words.plan_sentence(looked.found, looked.best, target=looked.target)
    return plan_words.other_sentence(
        moves=asked.wish.moves,
        cut=sum(asked.wish.cut.values()),
        today=beside.today.p85,
        other=beside.other.p85,
        chance=beside.other_chance,
    )


def _beside(looked: Looked, asked: Asked, now: datetime) -> tuple[Beside | None, str]:
    """Today's plan beside the one that was asked for, or why there is none."""
    if asked.is_empty or asked.has_errors or looked.found is None:
        return None, ""
    target = asked.deadline or looked.target
    try:
        other = otherwise(looked=looked, wish=asked.wish, today=now.date(), target=target)
    except Impossible as impossible:
        return None, impossible.message
    return Beside(today=looked.found, other=other, target=looked.target, other_target=target), ""


def _promised(project: Project, now: datetime) -> dict[str, Any]:
    """Deadlines with their chances, what waits for what, and what was promised before."""
    return {
        "today": now.date(),
        "promises": _with_meaning(project, promises(project=project, now=now)),
        "undated": project.phases.filter(deadline=None),
        "dependencies": Dependency.objects.filter(unit__project=project).select_related("unit", "needs")[:SHOWN],
        "baselines": Baseline.objects.filter(project=project).select_related("phase")[:BASELINES_SHOWN],
    }


def _with_meaning(project: Project, made: Sequence[Promise]) -> list[tuple[Promise, bool]]:
    """Each with whether its units are done only once they are removed: two of them are else not to be compared."""
    removing = project.phases.filter(done_at=Stage.REMOVED)
    phases = set(removing.values_list("pk", flat=True))
    milestones = set(project.milestones.filter(phase__in=removing).values_list("pk", flat=True))
    late = {"phase": phases, "milestone": milestones}
    return [(each, each.id in late.get(each.kind, ())) for each in made]


def _forms(seat: Seat, tried: dict[str, PlanForm]) -> list[tuple[str, PlanForm]]:
    """The verbs that the reader may use, those that were tried with what was typed."""
    allowed = {act: kind for act, kind in FORMS.items() if seat.actor.may(kind.right)}
    return [(act, tried.get(act) or kind(project=seat.project)) for act, kind in allowed.items()]
