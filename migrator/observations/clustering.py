"""Which mismatch groups of a unit are one cause.

Two signs, both counted by the data planes, make groups of one kind and one pattern one cause:

- *whole*: in every pair of each, all members of the object around it differed in this way. Then it is the object that
  changed: `every value under args, form and headers went from string to array`. Where the pattern tells what became
  of the value, this holds across objects; where it does not, within one.
- *together*: they lie in one object, and no pair differed in one and not in the other.

A group that settled with a rule, was archived or came back stays with those that share its fate.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from django.db import connection, transaction

from migrator.core.paths import EVERY, PathRefused, Steps, parse_shape
from migrator.core.places import is_turned
from migrator.observations.models import OPEN_STATUSES, Joint, MismatchGroup

UNITS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Member:
    """A group as clustering sees it."""

    id: int
    cause: str
    shape: str
    kind: str
    pattern: str
    total: int
    whole: int
    fate: Hashable
    """Groups of another fate are never one cause with it."""
    together: frozenset[int] = frozenset()
    """The joints that it is part of."""


def place_new() -> int:
    """Look at the units whose groups or joints are new, and return how many. Repeating it finds nothing to do."""
    units = {
        unit
        for rows in (MismatchGroup.objects, Joint.objects)
        for unit in rows.filter(placed=False).values_list("unit_id", flat=True).distinct()[:UNITS_AT_ONCE]
    }
    for unit in sorted(units):
        place(unit_id=unit)
    return len(units)


@transaction.atomic
def place(*, unit_id: int) -> None:
    """Let each group of the unit point to the one that stands for its cause: the oldest of them."""
    # In the order in which batches write them, so that neither waits for the other in a circle.
    groups = list(MismatchGroup.objects.select_for_update().filter(unit_id=unit_id).order_by("unit_id", "cause"))
    joints = list(Joint.objects.filter(unit_id=unit_id).order_by("pk"))
    leaders = {
        member.id: min(each.id for each in cluster)
        for cluster in clusters(members_of(groups, joints))
        for member in cluster
    }
    moved = [group for group in groups if (group.leader_id or group.pk) != leaders[group.pk]]
    for group in moved:
        leader = leaders[group.pk]
        group.leader_id = None if leader == group.pk else leader
    MismatchGroup.objects.bulk_update(moved, ["leader"], batch_size=500)
    _mark_placed(unit_id, [group.pk for group in groups], [joint.pk for joint in joints])


def clusters(members: Iterable[Member]) -> list[list[Member]]:
    """The members, those of one cause together."""
    found: dict[Hashable, list[Member]] = defaultdict(list)
    for member in members:
        found[_sign(member)].append(member)
    return list(found.values())


def members_of(groups: Sequence[MismatchGroup], joints: Sequence[Joint]) -> list[Member]:
    """The groups of one unit with the joints that each is part of."""
    together = defaultdict(set)
    for joint in joints:
        for cause in joint.causes:
            together[cause].add(joint.pk)
    return [
        Member(
            id=group.pk,
            cause=group.cause,
            shape=group.shape,
            kind=group.kind,
            pattern=group.pattern,
            total=group.total,
            whole=group.whole,
            fate="open" if group.status in OPEN_STATUSES else (group.status, group.rule_id),
            together=frozenset(together[group.cause]),
        )
        for group in groups
    ]


def parent_of(shape: str) -> Steps | None:
    """The object in which a place lies; None for members of arrays and places outside of documents."""
    steps = steps_of(shape)
    return steps[:-1] if steps and steps[-1] is not EVERY else None


def steps_of(shape: str) -> Steps:
    """The steps into a document. None for other places, and where a data plane wrote what nobody can read."""
    try:
        return parse_shape(shape) if shape.startswith("$") else ()
    except PathRefused:
        return ()


def _sign(member: Member) -> Hashable:
    """Equal for members of one cause."""
    parent = parent_of(member.shape)
    if parent is None or not member.total:
        return member.id
    like = (member.fate, member.kind, member.pattern)
    if member.whole == member.total:
        return (*like, "whole", None if is_turned(member.pattern) else parent)
    if not member.together:
        return member.id
    return (*like, "together", parent, member.together, member.total)


def _mark_placed(unit_id: int, groups: Sequence[int], joints: Sequence[int]) -> None:
    """Without bulk_update: one statement, and it touches no row twice."""
    with connection.cursor() as cursor:
        for table, ids in ((MismatchGroup._meta.db_table, groups), (Joint._meta.db_table, joints)):
            cursor.execute(
                f"UPDATE {table} SET placed = true WHERE unit_id = %s AND NOT placed AND id = ANY(%s)",  # noqa: S608
                [unit_id, list(ids)],
            )
