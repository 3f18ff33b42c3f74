"""A project's overview: what needs somebody, how far it is, what changed last."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from dashboards.attention import Attention, Case, attention, sentence, under_way
from dashboards.changes import acts
from dashboards.home_blocks import waiting
from dashboards.seats import Seat, project_page
from dashboards.views import welcome
from migrator.core.stages import Stage
from migrator.inventory.queries import offers, stage_counts
from migrator.planning.queries import MOVED
from migrator.rollout.queries import convergence, ledger

SHOWN = 8
READ = 60
MOST = 6
"""Cases of one kind that are shown where none of them harms anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Cases of one kind: `wrong`, `suspect`, `differs` or `ready`. `more` are not shown."""

    kind: str
    cases: tuple[Case, ...]
    more: int = 0


@project_page
def page(request: HttpRequest, seat: Seat) -> HttpResponse:
    now = timezone.now()
    found = attention(project=seat.project, now=now)
    counts = stage_counts(project=seat.project)
    scope, moved = sum(counts.values()), sum(counts[stage] for stage in MOVED)
    if not scope:
        return welcome.shown(request, seat)
    obeyed, waits = convergence(project=seat.project, now=now), waiting(seat=seat)
    context = {
        "here": "project",
        "sentence": sentence(
            found,
            is_blind=under_way(counts) and not obeyed.live,
            waits=[told for _page, told in waits] if seat.may_flip else (),
        ),
        "waits": waits,
        "found": found,
        "sections": sections(found),
        "counts": counts,
        "scope": scope,
        "moved": moved,
        "moved_share": moved / scope,
        "in_motion": scope - moved - counts[Stage.BACKLOG],
        "deadline": seat.project.deadline,
        "days_left": (seat.project.deadline - timezone.localdate(now)).days if seat.project.deadline else None,
        "convergence": obeyed,
        "acts": acts(ledger(project=seat.project, limit=READ))[:SHOWN],
        "offers": offers(project=seat.project, limit=5),
    }
    return render(request, "dashboards/project.html", context)


def sections(found: Attention) -> list[Section]:
    """Worst first. What harms callers is shown in full."""
    kinds = [("suspect", found.suspect), ("differs", found.differs), ("ready", found.ready)]
    told = [
        Section(kind="wrong", cases=found.wrong),
        *(Section(kind=kind, cases=cases[:MOST], more=max(0, len(cases) - MOST)) for kind, cases in kinds),
    ]
    return [section for section in told if section.cases]
