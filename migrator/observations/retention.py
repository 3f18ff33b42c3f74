"""How long what was observed is kept. Days are kept for ever, samples as long as their project's policy says."""

from datetime import date, datetime, timedelta
from typing import Final

import msgspec
from django.db import connection

from migrator.core.policy import Policy
from migrator.inventory.models import Project
from migrator.observations.models import (
    Arrival,
    DeadLetter,
    GroupCount,
    Joint,
    KeptSample,
    Replayed,
    ReportSource,
    Resolution,
    Rollup,
    RuleHit,
    Scrutinised,
    SeenBuild,
    SelfCheck,
    Traffic,
)

KEEP: Final = {Resolution.MINUTE: timedelta(days=2), Resolution.HOUR: timedelta(days=35)}
KEEP_SOURCES: Final = timedelta(days=9)
"""Longer than any window that is still accepted: a report of a forgotten run cannot be counted twice."""
KEEP_HITS: Final = timedelta(days=400)
"""Longer than a rule may hold."""
KEEP_JOINTS: Final = timedelta(days=35)
KEEP_REPLAYED: Final = timedelta(days=400)
KEEP_BUILDS: Final = timedelta(days=400)
KEEP_DEAD_LETTERS: Final = timedelta(days=30)


def retain(*, now: datetime) -> int:
    """Delete what is older than it is kept. Returns the number of rows. Repeating it is harmless."""
    deleted = 0
    for resolution, age in KEEP.items():
        for table in (Rollup, Traffic, Arrival):
            deleted += _delete(table._meta.db_table, "resolution = %s AND window_start < %s", resolution, now - age)
    deleted += _delete(GroupCount._meta.db_table, "window_start < %s", now - KEEP[Resolution.HOUR])
    deleted += _delete(RuleHit._meta.db_table, "day < %s", (now - KEEP_HITS).date())
    deleted += _delete(SelfCheck._meta.db_table, "window_start < %s", now - KEEP[Resolution.MINUTE])
    deleted += _delete(Scrutinised._meta.db_table, "day < %s", (now - KEEP_HITS).date())
    deleted += _delete(Joint._meta.db_table, "last_seen_at < %s", now - KEEP_JOINTS)
    deleted += _delete(Replayed._meta.db_table, "last_at < %s", now - KEEP_REPLAYED)
    deleted += _delete(SeenBuild._meta.db_table, "last_seen_at < %s", now - KEEP_BUILDS)
    deleted += sum(_delete_samples(project, now=now) for project in Project.objects.all())
    deleted += _delete(ReportSource._meta.db_table, "last_at < %s", now - KEEP_SOURCES)
    deleted += _delete(DeadLetter._meta.db_table, "at < %s", now - KEEP_DEAD_LETTERS)
    return deleted


def _delete_samples(project: Project, *, now: datetime) -> int:
    age = timedelta(days=msgspec.convert(project.policy, Policy).sample_days)
    return KeptSample.objects.filter(unit__project=project, at__lt=now - age).delete()[0]


def _delete(table: str, condition: str, *values: int | date) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table} WHERE {condition}", values)  # noqa: S608 - our own names
        return int(cursor.rowcount)
