"""The ledger's stage changes per day, counted once: what makes five years of history quick to read.

Flips of one project commit in the order of their numbers, because the door locks the project's row. So what is
counted reaches up to one number, and readers add whatever is newer. Everything here can be thrown away and
counted again: the ledger is the truth.
"""

from typing import Final

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
