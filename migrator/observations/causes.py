"""Mismatch groups, their samples, and endpoints that nobody tracks, from a folded batch into their tables.

Shards share these rows: the database adds.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import connection

from migrator.core.tally import OTHER
from migrator.inventory.models import ObservedEndpoint, Service, Unit
from migrator.observations.folding import Batch, GroupSum, cause_of
from migrator.observations.models import (
    RULED_STATUSES,
    GroupCount,
    GroupStatus,
    Illustration,
    KeptSample,
    MismatchGroup,
)
from migrator.observations.upsert import Target, upsert
from migrator.observations.writing import moment

GROUPS_OF_UNIT = 500
"""Causes told apart per unit. Those that come later are counted together."""
SAMPLES_OF_GROUP = 20
OBSERVED_OF_PROJECT = 5_000
"""Untracked endpoints that are offered. A scanner that tries random paths must not fill the table."""

_RULED = ", ".join(f"'{status}'" for status in RULED_STATUSES)
_IS_BACK = f"old.status IN ({_RULED}) AND excluded.count > 0 AND excluded.evidence_epoch >= old.settled_epoch"
_GROUP = Target(
    table=MismatchGroup._meta.db_table,
    key=("unit_id", "cause"),
    kept=("project_id", "shape", "kind", "pattern", "settled_as", "settled_epoch"),
    added=("total", "whole"),
    least=("first_seen_at",),
    greatest=("last_seen_at", "evidence_epoch"),
    # `old` is the row before the statement, so the epoch of the line above is still the earlier one here.
    rules=(
        # Pairs of an epoch that knows the rule of a settled group, and that the rule let through: it is back. It
        # leaves the cause that it was settled with, and is looked at again.
        ("status", f"CASE WHEN {_IS_BACK} THEN '{GroupStatus.REGRESSED}' ELSE old.status END"),
        ("raised_at", f"CASE WHEN {_IS_BACK} THEN excluded.last_seen_at ELSE old.raised_at END"),
        ("leader_id", f"CASE WHEN {_IS_BACK} THEN NULL ELSE old.leader_id END"),
        # So is one whose object no longer changes as a whole.
        (
            "placed",
            f"old.placed AND NOT ({_IS_BACK}) AND (old.whole = old.total)"
            " = (old.whole + excluded.whole = old.total + excluded.total)",
        ),
        (
            "count",
            "CASE WHEN excluded.evidence_epoch > old.evidence_epoch THEN excluded.count"
            " WHEN excluded.evidence_epoch = old.evidence_epoch THEN old.count + excluded.count ELSE old.count END",
        ),
    ),
)
_GROUP_COUNT = Target(table=GroupCount._meta.db_table, key=("group_id", "window_start"), added=("count",))
_SAMPLE = Target(
    table=KeptSample._meta.db_table, key=("unit_id", "alike"), kept=("outcome",), replaced=("at", "payload", "subject")
)
_ILLUSTRATION = Target(table=Illustration._meta.db_table, key=("group_id", "sample_id"), replaced=("at",))
_OBSERVED = Target(
    table=ObservedEndpoint._meta.db_table,
    key=("project_id", "key"),
    kept=("service_id", "first_seen_at"),
    added=("count",),
    greatest=("last_seen_at",),
)

_DROP_CROWDED = f"""
    WITH placed AS (
        SELECT id, row_number() OVER (PARTITION BY group_id ORDER BY at DESC, id DESC) AS place
        FROM {Illustration._meta.db_table} WHERE group_id = ANY(%s)
    ), gone AS (
        DELETE FROM {Illustration._meta.db_table} i USING placed
        WHERE placed.id = i.id AND placed.place > %s RETURNING i.id, i.sample_id
    )
    DELETE FROM {KeptSample._meta.db_table} s USING gone WHERE s.id = gone.sample_id AND NOT EXISTS (
        SELECT FROM {Illustration._meta.db_table} i WHERE i.sample_id = s.id AND i.id NOT IN (SELECT id FROM gone)
    )
"""  # noqa: S608 - our own names


def write_groups(batch: Batch) -> dict[tuple[int, str], int]:
    """Add the batch's groups, and return the id of each by (unit, cause)."""
    if not batch.groups:
        return {}
    known = _known_groups(unit for unit, _ in batch.groups)
    groups = _bounded(batch.groups, known)
    upsert(_GROUP, [_group_row(unit, cause, group) for (unit, cause), group in groups.items()])
    if not groups.keys() <= known.keys():
        known = _known_groups(unit for unit, _ in groups)
    hours = [(known[key], moment(hour), count) for key, group in groups.items() for hour, count in group.hours.items()]
    upsert(_GROUP_COUNT, hours)
    return known


def write_samples(batch: Batch, *, groups: dict[tuple[int, str], int]) -> None:
    """Store the batch's samples with the groups that they illustrate, and drop what that crowds out."""
    upsert(_SAMPLE, [(s.unit, s.alike, s.outcome, moment(s.at), s.payload, s.subject) for s in batch.samples.values()])
    units = {unit for unit, _ in batch.samples}
    stored = KeptSample.objects.filter(unit_id__in=units, alike__in={alike for _, alike in batch.samples})
    ids = {(unit, alike): pk for pk, unit, alike in stored.values_list("pk", "unit_id", "alike")}
    rows = [
        (groups[sample.unit, cause], ids[key], moment(sample.at))
        for key, sample in batch.samples.items()
        for cause in sample.causes
        if (sample.unit, cause) in groups
    ]
    upsert(_ILLUSTRATION, rows)
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_DROP_CROWDED, [sorted({row[0] for row in rows}), SAMPLES_OF_GROUP])


def write_observed(batch: Batch, *, now: datetime) -> None:
    """Add to the endpoints that traffic showed and no unit covers."""
    longest = ObservedEndpoint._meta.get_field("key").max_length or 0
    seen = {
        (project, key): (service, n) for (project, service, key), n in batch.observed.items() if len(key) <= longest
    }
    for project_id in {project for project, _ in seen}:
        mine = {key: what for (project, key), what in seen.items() if project == project_id}
        tracked = set(Unit.objects.filter(project_id=project_id, key__in=mine).values_list("key", flat=True))
        offered = ObservedEndpoint.objects.filter(project_id=project_id)
        room = OBSERVED_OF_PROJECT - offered.count()
        known = set(offered.filter(key__in=mine).values_list("key", flat=True))
        fresh = sorted(mine.keys() - tracked - known)[: max(room, 0)]
        services = dict(Service.objects.filter(project_id=project_id).values_list("name", "pk"))
        rows = [(project_id, key, services.get(mine[key][0]), now, mine[key][1], now) for key in (*known, *fresh)]
        upsert(_OBSERVED, rows)


def _known_groups(units: Iterable[int]) -> dict[tuple[int, str], int]:
    rows = MismatchGroup.objects.filter(unit_id__in=set(units)).values_list("unit_id", "cause", "pk")
    return {(unit, cause): pk for unit, cause, pk in rows}


def _bounded(
    groups: dict[tuple[int, str], GroupSum], known: dict[tuple[int, str], int]
) -> dict[tuple[int, str], GroupSum]:
    """The groups, those beyond a unit's bound laid together under "other"."""
    room: dict[int, int] = {}
    for unit, _ in known:
        room[unit] = room.get(unit, GROUPS_OF_UNIT) - 1
    bounded: dict[tuple[int, str], GroupSum] = {}
    for (unit, cause), group in groups.items():
        if (unit, cause) not in known:
            room[unit] = room.get(unit, GROUPS_OF_UNIT) - 1
            if room[unit] < 0:
                bounded.setdefault((unit, cause_of(*OTHER)), GroupSum(group.project_id, *OTHER)).merge(group)
                continue
        same = GroupSum(group.project_id, group.shape, group.kind, group.pattern)
        bounded.setdefault((unit, cause), same).merge(group)
    return bounded


def _group_row(unit: int, cause: str, group: GroupSum) -> tuple[object, ...]:
    """In the order of `_GROUP.columns`."""
    first, last = moment(group.first), moment(group.last)
    names = (group.project_id, group.shape, group.kind, group.pattern, "", 0)
    counts = (group.total, group.whole, first, last, group.evidence_epoch)
    return (unit, cause, *names, *counts, GroupStatus.NEW.value, first, None, False, group.count)
