"""How work flows through the stages: how long units stay, and which have stood longest."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from migrator.core.stages import LADDER, Stage
from migrator.inventory.models import Kind, Project, Unit
from migrator.planning.queries.slices import Slice

LOOK_BACK: Final = timedelta(days=90)

_DWELL: Final = """
WITH touched AS (
    SELECT DISTINCT unit_id FROM rollout_flip
    WHERE project_id = %(project)s AND at >= %(since)s AND from_stage <> to_stage
), walked AS (
    SELECT f.from_stage, f.at,
        coalesce(lag(f.at) OVER (PARTITION BY f.unit_id ORDER BY f.unit_version), u.added_at) AS entered
    FROM rollout_flip f JOIN touched USING (unit_id) JOIN inventory_unit u ON u.id = f.unit_id
    WHERE f.from_stage <> f.to_stage
)
SELECT from_stage, count(*),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM at - entered)),
    percentile_cont(0.85) WITHIN GROUP (ORDER BY extract(epoch FROM at - entered))
FROM walked WHERE at >= %(since)s AND at >= entered GROUP BY 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dwell:
    """How long units stayed in one stage before they left it, of those that left it lately. Days."""

    stage: Stage
    left: int
    median_days: float
    p85_days: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """A unit that stands where it is for long."""

    id: int
    key: str
    stage: Stage
    team: str
    since: datetime


def time_in_stage(*, project: Project, now: datetime) -> list[Dwell]:
    """Per stage, in the order of the ladder; stages that nothing left in the last 90 days are left out."""
    with connection.cursor() as cursor:
        cursor.execute(_DWELL, {"project": project.pk, "since": now - LOOK_BACK})
        found = {stage: (count, float(median), float(late)) for stage, count, median, late in cursor.fetchall()}
    return [
        Dwell(
            stage=rung.stage,
            left=found[rung.stage][0],
            median_days=found[rung.stage][1] / 86_400,
            p85_days=found[rung.stage][2] / 86_400,
        )
        for rung in LADDER
        if rung.stage in found
    ]


def oldest_stuck(*, project: Project, units: Slice | None = None, limit: int = 10) -> list[Stuck]:
    """Endpoints in motion that have stood longest where they stand."""
    moving = Unit.objects.in_motion().filter((units or Slice()).of_units(project), project=project, kind=Kind.ENDPOINT)
    rows = moving.filter(stage_since__isnull=False).order_by("stage_since", "pk").select_related("team")[:limit]
    return [
        Stuck(
            id=unit.pk,
            key=unit.key,
            stage=Stage(unit.stage),
            team=unit.team.name if unit.team else "",
            since=unit.stage_since or unit.added_at,
        )
        for unit in rows
    ]
