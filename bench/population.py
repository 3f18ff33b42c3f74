"""A project of 100,000 units with months or years of history, written straight into a database of its own.

The guards of the database are switched off while it is written: this is the one place where units get a past
without passing the door, and it is never the database of anybody's work.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from migrator.inventory.models import Project, Service, Team
from migrator.planning.keeping import count_days

ENDPOINTS = 20_000
FIELDS_EACH = 4
DAYS = 90
A_YEAR = 365
FIVE_YEARS = 1_826

UNITS = """
INSERT INTO inventory_unit (project_id, service_id, team_id, parent_id, key, kind, operation, description, source,
    sister, added_at, stage, candidate_bp, mirror_bp, version, evidence_epoch, table_version, stage_since,
    risk, aliases, label, runbook, irreversible)
SELECT %(project)s, %(service)s + n %% 10, %(team)s + n %% 10, NULL,
    'GET /area' || n %% 100 || '/things/' || n || '/{id}', 'endpoint', 'read', '', 'spec',
    false, %(start)s + n %% 10 / 20.0 * (%(now)s - %(start)s), 'backlog', 0, 0, 0, 0, 1, NULL, '', '[]', '', '', false
FROM generate_series(1, %(endpoints)s) n
"""

FIELDS = """
INSERT INTO inventory_unit (project_id, service_id, team_id, parent_id, key, kind, operation, description, source,
    sister, added_at, stage, candidate_bp, mirror_bp, version, evidence_epoch, table_version, stage_since,
    risk, aliases, label, runbook, irreversible)
SELECT u.project_id, u.service_id, u.team_id, u.id, u.key || ' $.field_' || f, 'field', 'read', '', 'spec',
    false, u.added_at, 'backlog', 0, 0, 0, 0, 1, NULL, '', '[]', '', '', false
FROM inventory_unit u CROSS JOIN generate_series(1, %(fields)s) f
WHERE u.project_id = %(project)s AND u.kind = 'endpoint'
"""

# Each unit has climbed `id % 6` rungs, five days apart, on days of its own after it was known. In a project of years
# three in four of those that would stand lower are at the fourth rung, cutover: its end is in sight.
FLIPS = """
WITH rungs(step, before, after, candidate_before, candidate_after, mirror_before, mirror_after) AS (VALUES
    (1, 'backlog', 'shadow', 0, 0, 0, 10000), (2, 'shadow', 'side_by_side', 0, 0, 10000, 10000),
    (3, 'side_by_side', 'canary', 0, 500, 10000, 10000), (4, 'canary', 'cutover', 500, 10000, 10000, 10000),
    (5, 'cutover', 'removal', 10000, 10000, 10000, 0)
)
INSERT INTO rollout_flip (project_id, unit_id, at, actor, via, reason, direction, override, from_stage,
    from_candidate_bp, from_mirror_bp, to_stage, to_candidate_bp, to_mirror_bp, unit_version, epoch, version, evidence)
SELECT u.project_id, u.id,
    u.added_at + u.id * 7919 %% 10007 / 10007.0 * (%(now)s - interval '27 days' - u.added_at)
        + r.step * interval '5 days',
    'bench', 'simulation', 'bench', 'forward', false, r.before, r.candidate_before, r.mirror_before,
    r.after, r.candidate_after, r.mirror_after, r.step, 1, u.id * 5 + r.step, '{}'
FROM inventory_unit u JOIN rungs r
    ON r.step <= CASE WHEN %(years)s AND u.id %% 6 < 4 AND u.id / 6 %% 4 > 0 THEN 4 ELSE u.id %% 6 END
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


# Two phases, an estimate for each unit, a chain of units that wait for each other, and people in each team.
PHASES = """
INSERT INTO planning_phase (project_id, name, description, position, deadline, done_at) VALUES
    (%(project)s, 'Minimum viable experience', '', 0, %(deadline)s, 'cutover'),
    (%(project)s, 'Endgame', '', 1, %(deadline)s, 'removed')
"""

MEMBERS = """
INSERT INTO planning_phaseunit (phase_id, unit_id, added_at, added_by, reason, removed_by)
SELECT p.id, u.id, u.added_at, 'bench', '', ''
FROM inventory_unit u JOIN planning_phase p ON p.project_id = u.project_id AND p.position = (u.id %% 10 > 6)::int
WHERE u.project_id = %(project)s
"""

EFFORT = """
INSERT INTO planning_effort (unit_id, points, source, set_by, set_at)
SELECT id, 1 + id %% 13, 'hand', 'bench', added_at FROM inventory_unit WHERE project_id = %(project)s
"""

DEPENDENCIES = """
INSERT INTO planning_dependency (unit_id, needs_id, set_by, set_at)
SELECT u.id, u.id - 1, 'bench', u.added_at FROM inventory_unit u
JOIN inventory_unit n ON n.id = u.id - 1 AND n.project_id = u.project_id
WHERE u.project_id = %(project)s AND u.id %% 1000 < 10
"""

CAPACITY = """
INSERT INTO planning_capacity (team_id, since, people, set_by, reason)
SELECT id, %(start)s::date, 3 + id %% 4, 'bench', '' FROM inventory_team WHERE project_id = %(project)s
"""

# What a job keeps each day: the page of the burndown holds it against what came.
FORECASTS = """
INSERT INTO planning_pastforecast (project_id, phase_id, day, scope, done, p50, p85, p95, chance, deadline)
SELECT %(project)s, NULL, day::date, 90000, 60000, day::date + 600, day::date + 700, day::date + 800, 0.4, %(deadline)s
FROM generate_series(%(start)s::date + 100, %(now)s::date - 1, interval '1 day') day
"""

WRITTEN = (UNITS, FIELDS, FLIPS, POSITIONS, STANDINGS, PHASES, MEMBERS, EFFORT, DEPENDENCIES, CAPACITY, FORECASTS)


@transaction.atomic
def populate(*, now: datetime | None = None, days: int = DAYS, endpoints: int = ENDPOINTS) -> Project:
    """Write the project with so many days of history, and return it. A hundred thousand units take half a minute."""
    now = now or datetime.now(UTC)
    start = now - timedelta(days=days)
    deadline = now.date() + timedelta(days=120)
    project = Project.objects.create(slug="bench", name="Bench", created_at=start, deadline=deadline)
    services = Service.objects.bulk_create(Service(project=project, name=f"service-{at}") for at in range(10))
    teams = Team.objects.bulk_create(Team(project=project, name=f"team-{at}") for at in range(10))
    given: dict[str, Any] = {
        "project": project.pk,
        "service": services[0].pk,
        "team": teams[0].pk,
        "endpoints": endpoints,
        "fields": FIELDS_EACH,
        "start": start,
        "now": now,
        "deadline": deadline,
        "years": days > A_YEAR,
    }
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for statement in WRITTEN:
            cursor.execute(statement, given)
    Project.objects.filter(pk=project.pk).update(version=1_000_000)
    return project


def settle() -> None:
    """Count the days, as a job does every few minutes, and let the database learn what it holds."""
    count_days()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
