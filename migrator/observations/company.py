"""Joints, audiences and hits of rules, from a folded batch into their tables."""

from collections.abc import Iterable, Mapping

from django.db.models import Count

from migrator.core.tally import unpack_sketch
from migrator.observations.folding import Batch
from migrator.observations.joints import AudienceSum
from migrator.observations.models import Audience, Joint, RuleHit
from migrator.observations.upsert import Target, as_json, upsert
from migrator.observations.writing import moment

JOINTS_OF_UNIT = 200
"""Sets of causes that came together which are kept per unit. More would not change which of them are one cause."""

_JOINT = Target(
    table=Joint._meta.db_table,
    key=("unit_id", "digest"),
    kept=("causes", "placed"),
    added=("count",),
    greatest=("last_seen_at",),
)
_AUDIENCE = Target(
    table=Audience._meta.db_table,
    key=("group_id", "shard"),
    replaced=("subjects", "callers", "legacy_builds", "candidate_builds"),
)
_HIT = Target(table=RuleHit._meta.db_table, key=("rule_id", "unit_id", "day"), added=("count",), greatest=("last_at",))


def write_joints(batch: Batch, *, groups: Mapping[tuple[int, str], int]) -> None:
    """Add the batch's joints, as far as the groups that they name are kept apart."""
    known = {
        key: joint for key, joint in batch.joints.items() if all((key[0], cause) in groups for cause in joint.causes)
    }
    admitted = _admitted(known)
    rows = [
        (unit, digest, list(joint.causes), False, joint.count, moment(joint.last))
        for (unit, digest), joint in known.items()
        if (unit, digest) in admitted
    ]
    upsert(_JOINT, rows)


def write_audiences(batch: Batch, *, groups: Mapping[tuple[int, str], int], shard: int) -> None:
    """Add who met the batch's causes to what the shard knows of it."""
    met = {groups[key]: seen for key, seen in batch.audiences.items() if key in groups and not seen.is_empty}
    for row in Audience.objects.filter(group_id__in=met, shard=shard):
        # To what is known the new is added, not the other way round: names that are kept stay kept.
        new, met[row.group_id] = met[row.group_id], audience_of(row)
        met[row.group_id].add(new)
    upsert(
        _AUDIENCE,
        [
            (group, shard, seen.packed(), *map(as_json, (seen.callers, seen.legacy_builds, seen.candidate_builds)))
            for group, seen in met.items()
        ],
    )


def write_hits(batch: Batch) -> None:
    """Add what rules took out."""
    rows = [
        (rule, unit, moment(day).date(), hit.count, moment(hit.last)) for (rule, unit, day), hit in batch.hits.items()
    ]
    upsert(_HIT, rows)


def audience_of(row: Audience) -> AudienceSum:
    """A row as a sum that others can be added to."""
    return AudienceSum(
        subjects=set(unpack_sketch(row.subjects)),
        callers=row.callers,
        legacy_builds=row.legacy_builds,
        candidate_builds=row.candidate_builds,
    )


def _admitted(keys: Iterable[tuple[int, str]]) -> set[tuple[int, str]]:
    """Those of the joints that are known or for which their unit has room."""
    keys = list(keys)
    units, digests = {unit for unit, _ in keys}, {digest for _, digest in keys}
    mine = Joint.objects.filter(unit_id__in=units)
    room = dict.fromkeys(units, JOINTS_OF_UNIT)
    for unit, count in mine.values_list("unit_id").annotate(count=Count("pk")).order_by():
        room[unit] -= count
    admitted = set(mine.filter(digest__in=digests).values_list("unit_id", "digest"))
    for unit, digest in sorted(set(keys) - admitted):
        if room[unit] > 0:
            room[unit] -= 1
            admitted.add((unit, digest))
    return admitted
