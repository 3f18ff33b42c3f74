"""A project of 100,000 units with 90 days of history, written straight into a database of its own.

The guards of the database are switched off while it is written: this is the one place where units get a past
without passing the door, and it is never the database of anybody's work.
"""

from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

from migrator.inventory.models import Project, Service, Team

ENDPOINTS = 20_000
FIELDS_EACH = 4
DAYS = 90

UNITS = """
INSERT INTO inventory_unit (project_id, service_id, team_id, parent_id, key, kind, operation, description, source,
    sister, added_at, stage, candidate_bp, mirror_bp, version, evidence_epoch, table_version, stage_since,
    risk, aliases, label)
SELECT %(project)s, %(service)s + n %% 10, %(team)s + n %% 10, NULL,
    'GET /area' || n %% 100 || '/things/' || n || '/{id}', 'endpoint', 'read', '', 'spec',
    false, %(now)s - interval '100 days' + n %% 60 * interval '1 day', 'backlog', 0, 0, 0, 0, 1, NULL, '', '[]', ''
FROM generate_series(1, %(endpoints)s) n
"""

FIELDS = """
INSERT INTO inventory_unit (project_id, service_id, team_id, parent_id, key, kind, operation, description, source,
    sister, added_at, stage, candidate_bp, mirror_bp, version, evidence_epoch, table_version, stage_since,
    risk, aliases, label)
SELECT u.project_id, u.service_id, u.team_id, u.id, u.key || ' $.field_' || f, 'field', 'read', '', 'spec',
    false, u.added_at, 'backlog', 0, 0, 0, 0, 1, NULL, '', '[]', ''
FROM inventory_unit u CROSS JOIN generate_series(1, %(fields)s) f
WHERE u.project_id = %(project)s AND u.kind = 'endpoint'
"""

# Each unit has climbed `id % 6` rungs, on days of its own.
FLIPS = """
WITH rungs(step, before, after, candidate_before, candidate_after, mirror_before, mirror_after) AS (VALUES
    (1, 'backlog', 'shadow', 0, 0, 0, 10000), (2, 'shadow', 'side_by_side', 0, 0, 10000, 10000),
    (3, 'side_by_side', 'canary', 0, 500, 10000, 10000), (4, 'canary', 'cutover', 500, 10000, 10000, 10000),
    (5, 'cutover', 'removal', 10000, 10000, 10000, 0)
)
INSERT INTO rollout_flip (project_id, unit_id, at, actor, via, reason, direction, override, from_stage,
    from_candidate_bp, from_mirror_bp, to_stage, to_candidate_bp, to_mirror_bp, unit_version, epoch, version, evidence)
SELECT u.project_id, u.id,
    %(now)s - interval '90 days' + (u.id * 7919 %% 60 + r.step * 5) * interval '1 day'
        + u.id %% 80000 * interval '1 second',
    'bench', 'simulation', 'bench', 'forward', false, r.before, r.candidate_before, r.mirror_before,
    r.after, r.candidate_after, r.mirror_after, r.step, 1, u.id * 5 + r.step, '{}'
FROM inventory_unit u JOIN rungs r ON r.step <= u.id %% 6
WHERE u.project_id = %(project)s
ORDER BY 3
"""

POSITIONS = """
UPDATE inventory_unit u SET stage = f.to_stage, candidate_bp = f.to_candidate_bp, mirror_bp = f.to_mirror_bp,
    version = f.unit_version, table_version = f.version, stage_since = f.at
FROM (SELECT DISTINCT ON (unit_id) * FROM rollout_flip WHERE project_id = %(project)s
      ORDER BY unit_id, unit_version DESC) f
WHERE f.unit_id = u.id
"""

# Every unit in motion has been compared, one in ten of them with differences.
STANDINGS = """
INSERT INTO observations_standing (unit_id, shard, evidence_epoch, first_at, last_at, last_seen_at, match, mismatch,
    accepted, incomparable, candidate_error, legacy_error, skipped, not_sampled, served_candidate,
    legacy_latency, candidate_latency, subjects, mismatching_subjects, shapes, callers, legacy_cost, candidate_cost)
SELECT id, id %% 4, evidence_epoch, %(now)s - interval '5 days', %(now)s, %(now)s, 40000 + id, (id %% 10 = 0)::int * 17,
    0, 0, 0, 0, 3, 900, 0, '{"100": 400, "150": 60}', '{"90": 400, "140": 60}', '', '', '', '{}', '{}', '{}'
FROM inventory_unit WHERE project_id = %(project)s AND stage NOT IN ('backlog', 'removed')
"""


@transaction.atomic
def populate(*, now: datetime | None = None) -> Project:
    """Write the project and return it. Takes some ten seconds."""
    now = now or datetime.now(UTC)
    project = Project.objects.create(
        slug="bench", name="Bench", created_at=now - timedelta(days=DAYS), deadline=now.date() + timedelta(days=120)
    )
    services = Service.objects.bulk_create(Service(project=project, name=f"service-{at}") for at in range(10))
    teams = Team.objects.bulk_create(Team(project=project, name=f"team-{at}") for at in range(10))
    given: dict[str, int | datetime] = {
        "project": project.pk,
        "service": services[0].pk,
        "team": teams[0].pk,
        "endpoints": ENDPOINTS,
        "fields": FIELDS_EACH,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for statement in (UNITS, FIELDS, FLIPS, POSITIONS, STANDINGS):
            cursor.execute(statement, given)
    Project.objects.filter(pk=project.pk).update(version=1_000_000)
    return project


def settle() -> None:
    """Let the database learn what it holds."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
