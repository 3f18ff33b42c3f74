"""Bare evidence: counts and latencies of many units without their callers, for whoever only asks whether harm may be.

Sketches of callers are most of what evidence costs to read, and proof of harm never needs them to be told that there
is none: see core.harm.conceivable.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import connection

from migrator.core.evidence import Evidence
from migrator.core.harm import ROUNDING
from migrator.core.policy import Policy
from migrator.core.wire import BAD_OUTCOMES, PAIR_OUTCOMES, Outcome
from migrator.inventory.models import Unit
from migrator.observations.models import Resolution, Rollup, Standing
from migrator.observations.queries.arrivals import floor
from migrator.observations.queries.lately import DAY, HOUR
from migrator.observations.queries.parts import histogram_of
from migrator.observations.queries.windows import sum_of

NOTHING: Final = Evidence()
_COUNTED: Final = f"""
    SELECT r.unit_id, {", ".join(f'sum(r."{outcome}")::bigint' for outcome in Outcome)},
        sum(r.served_candidate)::bigint, array_agg(r.legacy_latency::text), array_agg(r.candidate_latency::text),
        extract(epoch FROM min(r.first_at))::float8
    FROM unnest(%(units)s::bigint[], %(epochs)s::int[]) AS k(unit_id, epoch)
    JOIN {Standing._meta.db_table} r ON r.unit_id = k.unit_id AND r.evidence_epoch = k.epoch
    GROUP BY r.unit_id
"""  # noqa: S608 - our own names
# A lateral aggregate makes sure that each unit's few rows are found by the index, however large the table grows.
_WORST_SINCE: Final = f"""
    SELECT k.unit_id, worst.rate, worst.bad_late >= 2
    FROM unnest(%(units)s::bigint[], %(epochs)s::int[]) AS k(unit_id, epoch)
    CROSS JOIN LATERAL (
        SELECT max(bad / pairs::float8) FILTER (WHERE bad >= 2) AS rate,
            coalesce(max(bad) FILTER (WHERE window_start >= %(late)s), 0) AS bad_late
        FROM (
            SELECT r.window_start, sum(sum({sum_of(BAD_OUTCOMES)})) OVER until_now AS bad,
                sum(sum({sum_of(PAIR_OUTCOMES)})) OVER until_now AS pairs
            FROM {Rollup._meta.db_table} r
            WHERE r.unit_id = k.unit_id AND r.evidence_epoch = k.epoch
                AND r.resolution = %(resolution)s AND r.window_start >= %(since)s
            GROUP BY r.window_start WINDOW until_now AS (ORDER BY r.window_start DESC)
        ) AS starts
    ) AS worst WHERE worst.rate IS NOT NULL
"""  # noqa: S608
"""Units of which two or more pairs were bad: the greatest rate from any window until now, and whether so many were
bad late.
"""


def bare_evidence(*, units: Sequence[Unit], policies: Mapping[int, Policy], now: datetime) -> dict[int, Evidence]:
    """Counts and latencies of each unit's present epoch, by unit id, from a few queries.

    Left out are units of which counts alone say too little: some of their pairs are older than their policy lets count,
    or within the last day two or more were bad at a rate over the harm limit, from some moment until now.
    """
    found = dict.fromkeys((unit.pk for unit in units), NOTHING)
    for unit_id, *row, first_at in _rows(_COUNTED, units):
        if first_at is not None and first_at < _oldest(policies[unit_id], now):
            del found[unit_id]
        else:
            found[unit_id] = _bare(row)
    differing = [unit for unit in units if unit.pk in found and found[unit.pk].bad >= 2]
    for unit_id, rate in worst_rates(units=differing, now=now).items():
        if rate > policies[unit_id].harm_limit * (1 - ROUNDING):
            del found[unit_id]
    return found


def worst_rates(*, units: Sequence[Unit], now: datetime) -> dict[int, float]:
    """Of each unit the greatest share of bad pairs from any moment of the last day until now, by the hour and, in the
    present hour and the one before it, by the minute. Without units of which never two or more were bad.
    """
    since, late = floor(now, Resolution.HOUR) - DAY, floor(now, Resolution.HOUR) - HOUR
    by_hour = _rows(_WORST_SINCE, units, since=since, late=late, resolution=Resolution.HOUR.value)
    # A minute is part of its hour: who had no two bad pairs in these hours had none in their minutes.
    pressing = {unit_id for unit_id, _, is_late in by_hour if is_late}
    of_them = [unit for unit in units if unit.pk in pressing]
    by_minute = _rows(_WORST_SINCE, of_them, since=late, late=late, resolution=Resolution.MINUTE.value)
    worst: dict[int, float] = {}
    for unit_id, rate, _ in (*by_hour, *by_minute):
        worst[unit_id] = max(rate, worst.get(unit_id, 0.0))
    return worst


def _rows(query: str, units: Sequence[Unit], **given: Any) -> list[tuple[Any, ...]]:
    if not units:
        return []
    of_units = {"units": [unit.pk for unit in units], "epochs": [unit.evidence_epoch for unit in units]}
    with connection.cursor() as cursor:
        cursor.execute(query, of_units | given)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _oldest(policy: Policy, now: datetime) -> float:
    """From when pairs count, in seconds since the epoch; a second too late, because it is read as a rounded number."""
    return now.timestamp() - policy.evidence_days * DAY.total_seconds() + 1


def _bare(row: Sequence[Any]) -> Evidence:
    *counts, served, legacy, candidate = row
    return Evidence(
        outcomes=dict(zip(Outcome, counts, strict=True)),
        served_candidate=served,
        legacy_histogram=histogram_of(legacy),
        candidate_histogram=histogram_of(candidate),
    )
