"""A project's overview: what needs somebody, how far it is, what changed last."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from dashboards.attention import attention, sentence
from dashboards.changes import acts
from dashboards.seats import Seat, project_page
from migrator.core.stages import Stage
from migrator.inventory.queries import offers, stage_counts
from migrator.planning.queries import MOVED
from migrator.rollout.queries import convergence, ledger

SHOWN = 8
READ = 60


@project_page
def page(request: HttpRequest, seat: Seat) -> HttpResponse:
    now = timezone.now()
    found = attention(project=seat.project, now=now)
    counts = stage_counts(project=seat.project)
    scope, moved = sum(counts.values()), sum(counts[stage] for stage in MOVED)
    context = {
        "here": "project",
        "sentence": sentence(found) if scope else "Nothing is tracked yet.",
        "found": found,
        "counts": counts,
        "scope": scope,
        "moved": moved,
        "moved_share": moved / scope if scope else None,
        "in_motion": scope - moved - counts[Stage.BACKLOG],
        "deadline": seat.project.deadline,
        "days_left": (seat.project.deadline - now.date()).days if seat.project.deadline else None,
        "convergence": convergence(project=seat.project, now=now),
        "acts": acts(ledger(project=seat.project, limit=READ))[:SHOWN],
        "offers": offers(project=seat.project, limit=5),
    }
    return render(request, "dashboards/project.html", context)
