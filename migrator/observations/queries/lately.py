"""What went wrong lately, and when: the last day by the hour, the last hour or two by the minute."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import dropwhile
from typing import Any, Final

from migrator.core.evidence import Minute
from migrator.core.wire import BAD_OUTCOMES, PAIR_OUTCOMES, Outcome
from migrator.inventory.models import Unit
from migrator.observations.models import Resolution
from migrator.observations.queries.arrivals import floor
from migrator.observations.queries.parts import distinct_of
from migrator.observations.queries.windows import SINCE, rollups, sum_of

DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
Row = tuple[Any, ...]
ONE_SIDED: Final = (Outcome.SKIPPED, Outcome.NOT_SAMPLED)
"""Requests that only one side was asked for."""

_COUNTS: Final = f"""sum({sum_of(PAIR_OUTCOMES)})::bigint, sum({sum_of(BAD_OUTCOMES)})::bigint,
    sum(r.candidate_error)::bigint, sum({sum_of(Outcome)})::bigint, sum({sum_of(ONE_SIDED)})::bigint,
    sum(r.served_candidate)::bigint"""
_BY_MINUTE: Final = f"""SELECT r.unit_id, r.window_start, {_COUNTS} {SINCE}
    GROUP BY 1, 2 HAVING sum({sum_of(PAIR_OUTCOMES)}) > 0 ORDER BY 1, 2"""
_BY_HOUR: Final = f"""SELECT r.unit_id, r.window_start, {_COUNTS},
    array_agg(r.subjects), array_agg(r.mismatching_subjects)
    {SINCE} GROUP BY 1, 2 HAVING sum({sum_of(PAIR_OUTCOMES)}) > 0 ORDER BY 1, 2"""


def lately(units: Sequence[Unit], now: datetime) -> dict[int, tuple[Minute, ...]]:
    """The last day of each unit, oldest first, from the first time in which anything was bad.

    Hours know their callers, each with all that came since; minutes do not: sketches are kept by the hour.
    """
    fine = floor(now, Resolution.HOUR) - HOUR
    minutes = _read(_BY_MINUTE, units, fine, Resolution.MINUTE)
    hours = _read(_BY_HOUR, units, floor(now, Resolution.HOUR) - DAY, Resolution.HOUR)
    found = {}
    for pk in {*hours, *minutes}:
        fine_ones = (_minute(start, *counts) for start, *counts in minutes.get(pk, ()))
        whole = (*_hours(hours.get(pk, ()), until=fine), *fine_ones)
        found[pk] = tuple(dropwhile(lambda minute: not minute.bad, whole))
    return found


def _read(
    query: str, units: Sequence[Unit], since: datetime, resolution: Resolution
) -> dict[int, list[tuple[Any, ...]]]:
    rows = rollups(
        query,
        [unit.pk for unit in units],
        [unit.evidence_epoch for unit in units],
        [since] * len(units),
        [resolution.value] * len(units),
    )
    found: dict[int, list[Row]] = {}
    for unit_id, *row in rows:
        found.setdefault(unit_id, []).append(tuple(row))
    return found


def _hours(rows: Sequence[Row], *, until: datetime) -> list[Minute]:
    """The hours before `until`, each with the distinct callers from its start until now."""
    who: list[bytes] = []
    met: list[bytes] = []
    hours = []
    for start, *counts, subjects, mismatching in reversed(rows):
        who += subjects
        met += mismatching
        if start < until:
            hours.append(_minute(start, *counts, subjects=_distinct(who), mismatching_subjects=_distinct(met)))
    return hours[::-1]


def _distinct(sketches: Sequence[bytes]) -> int:
    return distinct_of([(sketch, len(sketch)) for sketch in sketches if sketch])


def _minute(
    start: datetime, pairs: int, bad: int, errors: int, received: int, one_sided: int, served: int, **callers: int
) -> Minute:
    """Calls of the candidate: both sides of what was mirrored, and its share of what was not."""
    calls = received - one_sided + round(one_sided * served / received)
    return Minute(start=int(start.timestamp()), pairs=pairs, bad=bad, errors=errors, calls=calls, **callers)
