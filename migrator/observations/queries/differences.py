"""In what the two answers differ: mismatch groups with their samples."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import msgspec
from django.db.models import F, Window
from django.db.models.functions import RowNumber

from migrator.core.paths import covers
from migrator.core.routing import field_path
from migrator.core.wire import Sample
from migrator.inventory.models import Unit
from migrator.observations.models import Illustration, MismatchGroup
from migrator.observations.queries.evidence import standings

_decode = msgspec.json.Decoder(Sample).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleFigures:
    """An example of a pair that differed. `payload` is the same as JSON text."""

    id: int
    at: datetime
    sample: Sample
    payload: str


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
    samples: tuple[SampleFigures, ...]


def groups(*, unit: Unit, limit: int = 50, samples: int = 5) -> list[GroupFigures]:
    """The mismatch groups of a unit, those of the present evidence first, the most frequent first.

    A field's groups are those of its endpoint that lie at or under its path.
    """
    bearer = unit.parent if unit.parent is not None and field_path(unit.key) else unit
    present = bearer.evidence_epoch
    rows = [row for row in MismatchGroup.objects.filter(unit_id=bearer.pk) if _lies_under(unit, row.shape)]
    rows.sort(key=lambda row: (_count(row, present), row.last_seen_at, row.pk), reverse=True)
    figures = standings(unit_ids=[bearer.pk]).get(bearer.pk)
    pairs = figures.pairs if figures else 0
    examples = _examples((row.pk for row in rows[:limit]), samples)
    return [
        GroupFigures(
            id=row.pk,
            path=row.shape,
            kind=row.kind,
            count=_count(row, present),
            total=row.total,
            share=min(1.0, _count(row, present) / pairs) if pairs else None,
            first_seen_at=row.first_seen_at,
            last_seen_at=row.last_seen_at,
            status=row.status,
            samples=tuple(examples.get(row.pk, ())),
        )
        for row in rows[:limit]
    ]


def _lies_under(unit: Unit, shape: str) -> bool:
    path = field_path(unit.key)
    return path is None or covers(path, shape)


def _count(row: MismatchGroup, present: int) -> int:
    return row.count if row.evidence_epoch == present else 0


def _examples(group_ids: Iterable[int], limit: int) -> dict[int, list[SampleFigures]]:
    newest = Window(RowNumber(), partition_by=F("group_id"), order_by=F("at").desc())
    rows = (
        Illustration.objects.filter(group_id__in=list(group_ids))
        .annotate(place=newest)
        .filter(place__lte=limit)
        .select_related("sample")
        .order_by("group_id", "-at")
    )
    found: dict[int, list[SampleFigures]] = {}
    for row in rows:
        sample = row.sample
        figures = SampleFigures(id=sample.pk, at=sample.at, sample=_decode(sample.payload), payload=sample.payload)
        found.setdefault(row.group_id, []).append(figures)
    return found
