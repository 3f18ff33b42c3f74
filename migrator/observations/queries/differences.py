"""In what the two answers differ: mismatch groups with their samples."""

from dataclasses import dataclass
from datetime import datetime

from migrator.core.paths import PathRefused, covers
from migrator.core.routing import field_path
from migrator.inventory.models import Unit
from migrator.observations.models import MismatchGroup
from migrator.observations.queries.causes import CauseRow, rows_of
from migrator.observations.queries.details import SampleFigures, examples


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFigures:
    """Differences of one cause."""

    id: int
    path: str
    """The shape of the path: `$.items[*].price`, `status`, `header:location`; `answer` where there was none."""
    kind: str
    count: int
    """Pairs of the present evidence that differ like this."""
    total: int
    """Pairs that ever did."""
    share: float | None
    """Of the present evidence's pairs."""
    first_seen_at: datetime
    last_seen_at: datetime
    status: str
    pattern: str
    """What happened to the value: `number → string`; empty where nothing is known."""
    sentence: str
    paths: tuple[str, ...]
    """All places of this cause: `path` is the first of them."""
    samples: tuple[SampleFigures, ...]


def groups(*, unit: Unit, limit: int = 50, samples: int = 5) -> list[GroupFigures]:
    """The causes of a unit, those of the present evidence first, the most frequent first.

    A field's are those of its endpoint that have a place at or under its path.
    """
    bearer = unit.parent if unit.parent is not None and field_path(unit.key) else unit
    rows = list(MismatchGroup.objects.filter(unit_id=bearer.pk))
    meant = {row.leader_id or row.pk for row in rows if _lies_under(unit, row.shape)}
    found = rows_of(row for row in rows if row.pk in meant)
    found.sort(key=lambda row: (row.count, row.last_seen_at, row.id), reverse=True)
    shown = found[:limit]
    kept = examples({row.id: [member.id for member in row.members] for row in shown}, samples)
    return [_figures(row, kept[row.id]) for row in shown]


def _figures(row: CauseRow, samples: tuple[SampleFigures, ...]) -> GroupFigures:
    return GroupFigures(
        id=row.id,
        path=row.path,
        kind=row.kind,
        count=row.count,
        total=row.total,
        share=row.share,
        first_seen_at=row.first_seen_at,
        last_seen_at=row.last_seen_at,
        status=row.status,
        pattern=row.pattern,
        sentence=row.sentence,
        paths=tuple(member.path for member in row.members),
        samples=samples,
    )


def _lies_under(unit: Unit, shape: str) -> bool:
    path = field_path(unit.key)
    try:
        return path is None or covers(path, shape)
    except PathRefused:  # a key or a shape that nobody can read
        return False
