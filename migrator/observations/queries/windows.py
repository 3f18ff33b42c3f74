"""Rollups of some units, each from a moment on: the one way in which parts of evidence read them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import connection

from migrator.core.wire import Outcome
from migrator.observations.models import Rollup


def sum_of(outcomes: Iterable[Outcome]) -> str:
    return "(" + " + ".join(f'r."{outcome}"' for outcome in outcomes) + ")"


AT_ALL: Final = f"""
    FROM unnest(%s::bigint[], %s::int[], %s::timestamptz[], %s::int[]) AS k(unit_id, epoch, since, resolution)
    JOIN {Rollup._meta.db_table} r
      ON r.unit_id = k.unit_id AND r.resolution = k.resolution AND r.window_start >= k.since
"""
"""Windows of some units, each from a moment on, of whatever evidence epoch."""
SINCE: Final = f"{AT_ALL} WHERE r.evidence_epoch = k.epoch"


def rollups(
    query: str, units: Sequence[int], epochs: Sequence[int], since: Sequence[datetime], resolutions: Sequence[int]
) -> list[tuple[Any, ...]]:
    if not units:
        return []
    with connection.cursor() as cursor:
        cursor.execute(query, [list(units), list(epochs), list(since), list(resolutions)])
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
