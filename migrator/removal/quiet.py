"""For how long legacy was not called, from what data planes counted.

Legacy was called where it answered, where it answered to the mirror, and where it failed: each leaves its trace
in a unit's counters. Time in which no data plane reported, or too little of what they sent arrived, is not
quiet: it is unknown, and does not count.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import Sum

from migrator.core.policy import Policy
from migrator.inventory.models import Unit
from migrator.observations.models import Arrival, Resolution

DAY: Final = timedelta(days=1)
LOOK_BACK: Final = 2
"""How many times the days demanded are looked at: days that do not count may lie between those that do."""

_LEGACY_CALLS: Final = """
    greatest(
        match + mismatch + accepted + incomparable + candidate_error + legacy_error + skipped + not_sampled
            - served_candidate,
        (SELECT coalesce(sum(value::bigint), 0) FROM jsonb_each_text(legacy_latency)),
        legacy_error
    )
"""
"""Calls of legacy in a row: answers to callers, calls whose latency was taken, failures. They overlap."""

# The day in which the time begins is read by its hours, and of its first hour only what was decided by a later table.
_CALLS: Final = f"""
    SELECT wanted.unit, sum(counted.received), sum(counted.legacy),
        max(counted.window_start) FILTER (WHERE counted.legacy > 0)
    FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[])
        AS wanted(unit, source, epoch, since, hour, day)
    JOIN LATERAL (
        SELECT window_start, {_LEGACY_CALLS} AS legacy,
            match + mismatch + accepted + incomparable + candidate_error + legacy_error + skipped + not_sampled
                AS received
        FROM observations_rollup WHERE unit_id = wanted.source AND (
            (resolution = 86400 AND window_start >= wanted.day)
            OR (resolution = 3600 AND window_start >= wanted.hour AND window_start < wanted.day
                AND (window_start >= wanted.since OR evidence_epoch >= wanted.epoch))
        )
    ) counted ON true
    GROUP BY wanted.unit, wanted.source
"""  # noqa: S608 - our own names
_LAST_HOUR: Final = f"""
    SELECT wanted.unit, max(window_start)
    FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) AS wanted(unit, source, day)
    JOIN observations_rollup ON unit_id = wanted.source AND resolution = 3600
        AND window_start >= wanted.day AND {_LEGACY_CALLS} > 0
    GROUP BY wanted.unit
"""  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """How quiet legacy was for one unit since it stands where it stands."""

    since: datetime
    """From when on calls of legacy are looked for."""
    calls: int
    """Calls of legacy since then."""
    received: int
    """Requests since then, whoever answered."""
    last_call_at: datetime | None
    """The end of the hour in which legacy was last called."""
    counted: timedelta
    """How long it was quiet, without the days of which nothing is known."""
    unknown_days: int
    """Days among them that do not count: nothing was reported, or too little of it arrived."""
    days_needed: int

    @property
    def days(self) -> int:
        return self.counted // DAY

    @property
    def suffices(self) -> bool:
        return self.counted >= self.days_needed * DAY


@dataclass(frozen=True, slots=True)
class _Wanted:
    unit: Unit
    source: int
    """Whose counters: the unit's own, or those of the endpoint that carries it."""
    since: datetime

    @property
    def hour(self) -> datetime:
        return self.since.replace(minute=0, second=0, microsecond=0)

    @property
    def day(self) -> datetime:
        """The first midnight at or after the beginning."""
        midnight = self.hour.replace(hour=0)
        return midnight if midnight == self.since else midnight + DAY


@dataclass(slots=True)
class _Calls:
    received: int = 0
    legacy: int = 0
    last: datetime | None = None


def quiet_of(*, units: Sequence[Unit], policies: Mapping[int, Policy], now: datetime) -> dict[int, Quiet]:
    """How quiet legacy was for each unit, by unit id, from four queries however many units there are."""
    now = now.astimezone(UTC)
    since = {unit.pk: _since(unit, policies[unit.pk], now) for unit in units}
    wanted = list(_sources(units, since))
    calls = _calls(wanted)
    _sharpen(wanted, calls, now)
    known = reported_days(project_ids={unit.project_id for unit in units}, since=min(since.values(), default=now))
    return {
        unit.pk: _quiet(
            since[unit.pk],
            calls.get(unit.pk, _Calls()),
            policies[unit.pk],
            known.get(unit.project_id, {}),
            now,
        )
        for unit in units
    }


def _since(unit: Unit, policy: Policy, now: datetime) -> datetime:
    begun = (unit.stage_since or unit.added_at).astimezone(UTC)
    return max(begun, now - LOOK_BACK * policy.removal_days * DAY)


def _sources(units: Iterable[Unit], since: Mapping[int, datetime]) -> Iterable[_Wanted]:
    """A field is not called: its endpoint is, and with it whatever the answer carries."""
    for unit in units:
        yield _Wanted(unit, unit.pk, since[unit.pk])
        if unit.parent_id is not None:
            yield _Wanted(unit, unit.parent_id, since[unit.pk])


def _calls(wanted: Sequence[_Wanted]) -> dict[int, _Calls]:
    arguments = [
        [each.unit.pk for each in wanted],
        [each.source for each in wanted],
        # Of its endpoint's counters the epoch is another one: its first hour is not told apart, and left out.
        [each.unit.evidence_epoch if each.source == each.unit.pk else 2**31 - 1 for each in wanted],
        [each.since for each in wanted],
        [each.hour for each in wanted],
        [each.day for each in wanted],
    ]
    found: dict[int, _Calls] = {}
    for unit_id, received, legacy, last in _rows(_CALLS, arguments):
        calls = found.setdefault(unit_id, _Calls())
        # A field's own counters are a part of its endpoint's.
        calls.received, calls.legacy = max(calls.received, int(received)), max(calls.legacy, int(legacy))
        calls.last = max(filter(None, (calls.last, last)), default=None)
    return found


def _sharpen(wanted: Sequence[_Wanted], calls: Mapping[int, _Calls], now: datetime) -> None:
    """The last call was known by its day: make it the hour, where hours are still kept. It ends with that hour."""
    heard = [(each, last) for each in wanted if (last := _last(calls, each)) is not None]
    days = [last.replace(hour=0, minute=0, second=0, microsecond=0) for _, last in heard]
    arguments = [[each.unit.pk for each, _ in heard], [each.source for each, _ in heard], days]
    hours = {unit_id: hour.astimezone(UTC) for unit_id, hour in _rows(_LAST_HOUR, arguments)} if heard else {}
    for each, day in {each.unit.pk: (each, day) for (each, _), day in zip(heard, days, strict=True)}.values():
        pk = each.unit.pk
        calls[pk].last = min(now, hours[pk] + timedelta(hours=1) if pk in hours else day + DAY)


def _last(calls: Mapping[int, _Calls], each: _Wanted) -> datetime | None:
    found = calls.get(each.unit.pk)
    return None if found is None or found.last is None else found.last.astimezone(UTC)


def _rows(query: str, arguments: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, arguments)
        return list(cursor.fetchall())


def reported_days(*, project_ids: Iterable[int], since: datetime) -> dict[int, dict[date, float]]:
    """By project and day (UTC), what share of the observations made arrived. Days of which no data plane reported
    anything are not in it; a day on which there was nothing to observe is whole.
    """
    rows = (
        Arrival.objects.filter(
            project_id__in=list(project_ids), resolution=Resolution.DAY, window_start__gte=since - DAY
        )
        .values_list("project_id", "window_start")
        .annotate(sent=Sum("sent"), arrived=Sum("committed") + Sum("stray"))
        .order_by()
    )
    found: dict[int, dict[date, float]] = {}
    for project_id, start, sent, arrived in rows:
        share = min(1.0, arrived / sent) if sent else 1.0
        found.setdefault(project_id, {})[start.astimezone(UTC).date()] = share
    return found


def _quiet(since: datetime, calls: _Calls, policy: Policy, known: Mapping[date, float], now: datetime) -> Quiet:
    start = max(filter(None, (since, calls.last)))
    counted, unknown = timedelta(), 0
    day = start.replace(hour=0, minute=0, second=0, microsecond=0)
    while day < now:
        if known.get(day.date(), 0.0) >= policy.completeness:
            counted += min(now, day + DAY) - max(start, day)
        elif day + DAY <= now:  # today may still be told of
            unknown += 1
        day += DAY
    return Quiet(
        since=since,
        calls=calls.legacy,
        received=calls.received,
        last_call_at=calls.last,
        counted=counted,
        unknown_days=unknown,
        days_needed=policy.removal_days,
    )
