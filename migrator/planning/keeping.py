"""What is kept as time goes by: the days counted, and the forecasts of each day, to be held against what comes."""

from collections.abc import Iterable
from datetime import datetime

from migrator.core.forecast import Forecast
from migrator.core.stages import Stage
from migrator.inventory.models import Project
from migrator.planning.counting import count
from migrator.planning.models import Counted, PastForecast, Phase
from migrator.planning.queries import Slice, prospect


def count_days() -> list[Project]:
    """Count what came since the last time, of all projects. Returns those in which something did."""
    before = dict(Counted.objects.values_list("project_id", "flip"))
    return [project for project in Project.objects.all() if count(project=project) != before.get(project.pk, 0)]


def foresee(*, projects: Iterable[Project], now: datetime) -> None:
    """Work out today's forecasts before anybody asks: who asks then is told what is remembered."""
    for project in projects:
        prospect(project=project, now=now)


def keep_forecasts(*, now: datetime) -> int:
    """Keep today's forecast of each project and phase, once. Returns how many were kept."""
    kept = 0
    for project in Project.objects.all():
        for phase in (None, *project.phases.all()):
            kept += keep_forecast(project=project, phase=phase, now=now)
    return kept


def keep_forecast(*, project: Project, phase: Phase | None, now: datetime) -> bool:
    """Whether it was kept: not twice a day, and not where nothing is in scope."""
    if PastForecast.objects.filter(project=project, phase=phase, day=now.date()).exists():
        return False
    units = Slice(phase=phase.name) if phase else Slice()
    found = prospect(project=project, now=now, units=units, done_stage=Stage(phase.done_at) if phase else Stage.CUTOVER)
    if not found.found.scope[-1]:
        return False
    made = found.forecast if isinstance(found.forecast, Forecast) else None
    _, is_new = PastForecast.objects.get_or_create(
        project=project,
        phase=phase,
        day=now.date(),
        defaults={
            "scope": round(found.found.scope[-1]),
            "done": round(found.found.done[-1]),
            "p50": made.p50 if made else None,
            "p85": made.p85 if made else None,
            "p95": made.p95 if made else None,
            "chance": found.chance,
            "deadline": found.found.deadline,
        },
    )
    return is_new
