"""The ledger's stage changes per day, counted once: what makes five years of history quick to read.

Flips of one project commit in the order of their numbers, because the door locks the project's row. So what is
counted reaches up to one number, and readers add whatever is newer. Everything here can be thrown away and
counted again: the ledger is the truth.
"""

from collections.abc import Mapping
from typing import Any, Final

from django.db import connection, transaction

from migrator.inventory.models import Project
from migrator.planning.models import Counted, DayCount
from migrator.rollout.models import Flip

_COUNT: Final = """
INSERT INTO planning_daycount AS old
    (project_id, day, kind, service_id, team_id, from_stage, to_stage, units, points, unknown)
SELECT f.project_id, (f.at AT TIME ZONE 'UTC')::date, u.kind,
    CASE WHEN t.id IS NULL THEN u.service_id ELSE t.service_before END,
    coalesce(CASE WHEN t.id IS NULL THEN u.team_id ELSE t.team_before END, 0),
    f.from_stage, f.to_stage, count(*), coalesce(sum(e.points), 0), count(*) FILTER (WHERE e.points IS NULL)
FROM rollout_flip f
JOIN inventory_unit u ON u.id = f.unit_id
LEFT JOIN planning_effort e ON e.unit_id = f.unit_id
LEFT JOIN LATERAL (
    SELECT * FROM inventory_tagchange c WHERE c.unit_id = f.unit_id AND c.at > f.at ORDER BY c.at LIMIT 1
) t ON true
WHERE f.project_id = %(project)s AND f.id > %(after)s AND f.id <= %(upto)s AND f.from_stage <> f.to_stage
GROUP BY 1, 2, 3, 4, 5, 6, 7
ON CONFLICT (project_id, day, kind, service_id, team_id, from_stage, to_stage) DO UPDATE SET
    units = old.units + excluded.units, points = old.points + excluded.points, unknown = old.unknown + excluded.unknown
"""


@transaction.atomic
def count(*, project: Project) -> int:
    """Count what came since the last time. Returns the number of the last flip that is counted."""
    Counted.objects.get_or_create(project=project)
    mark = Counted.objects.select_for_update().get(project=project)
    newest = Flip.objects.filter(project=project).order_by("-pk").values_list("pk", flat=True).first() or 0
    if newest > mark.flip:
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, {"project": project.pk, "after": mark.flip, "upto": newest})
        Counted.objects.filter(pk=mark.pk).update(flip=newest)
    return newest


@transaction.atomic
def count_anew(*, project: Project) -> None:
    """Throw away what was counted: effort was estimated anew."""
    Counted.objects.get_or_create(project=project)
    mark = Counted.objects.select_for_update().get(project=project)
    DayCount.objects.filter(project=project).delete()
    Counted.objects.filter(pk=mark.pk).update(flip=0)


_REWEIGH: Final = """
UPDATE planning_daycount d SET points = d.points + n.points, unknown = d.unknown + n.unknown
FROM (
    SELECT (f.at AT TIME ZONE 'UTC')::date AS day, u.kind,
        CASE WHEN t.id IS NULL THEN u.service_id ELSE t.service_before END AS service_id,
        coalesce(CASE WHEN t.id IS NULL THEN u.team_id ELSE t.team_before END, 0) AS team_id,
        f.from_stage, f.to_stage, sum(w.points) AS points, sum(w.unknown) AS unknown
    FROM unnest(%(units)s::bigint[], %(points)s::float8[], %(unknown)s::int[]) AS w(unit_id, points, unknown)
    JOIN rollout_flip f ON f.unit_id = w.unit_id
    JOIN inventory_unit u ON u.id = f.unit_id
    LEFT JOIN LATERAL (
        SELECT * FROM inventory_tagchange c WHERE c.unit_id = f.unit_id AND c.at > f.at ORDER BY c.at LIMIT 1
    ) t ON true
    WHERE f.id <= %(upto)s AND f.from_stage <> f.to_stage
    GROUP BY 1, 2, 3, 4, 5, 6
) n
WHERE d.project_id = %(project)s AND (d.day, d.kind, d.service_id, d.team_id, d.from_stage, d.to_stage)
    = (n.day, n.kind, n.service_id, n.team_id, n.from_stage, n.to_stage)
"""


@transaction.atomic
def reweigh(*, project: Project, before: Mapping[int, float | None], after: Mapping[int, float | None]) -> None:
    """Units, by their ids, have other points than before (None: nobody estimated them): days that are counted follow.

    Must share the transaction that changes the points.
    """
    Counted.objects.get_or_create(project=project)
    mark = Counted.objects.select_for_update().get(project=project)
    if not mark.flip or not after:
        return
    weights: dict[str, Any] = {
        "units": list(after),
        "points": [(after[pk] or 0.0) - (before[pk] or 0.0) for pk in after],
        "unknown": [(after[pk] is None) - (before[pk] is None) for pk in after],
    }
    with connection.cursor() as cursor:
        cursor.execute(_REWEIGH, {"project": project.pk, "upto": mark.flip, **weights})
