"""What else verdicts ask of evidence: on which days it was gathered, in what share, and where it went wrong.

Each part is one query over all units that it concerns, and none where it concerns nobody: most projects ask for few.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from django.db import connection
from django.db.models import F

from migrator.core.gate import Evidence, Replay, Returning, Shares
from migrator.core.paths import PathRefused, covers
from migrator.core.policy import Policy
from migrator.core.routing import field_path
from migrator.core.stages import ALL
from migrator.core.wire import PAIR_OUTCOMES, WINDOW_SECONDS, Anonymous, Manners, Outcome, SubjectSource
from migrator.inventory.models import Kind, Project, Service, Unit
from migrator.observations.models import MismatchGroup, Replayed, Resolution, Rollup
from migrator.observations.queries.arrivals import floor
from migrator.observations.queries.builds import stale_builds
from migrator.observations.queries.lately import lately
from migrator.observations.queries.parts import Span, distinct_of
from migrator.observations.queries.windows import AT_ALL, SINCE, rollups, sum_of

SHARE_SPAN: Final = timedelta(days=1)
"""A share is held against what was set over this time at most: what went wrong today must not drown in last month."""
MINUTES_SPAN: Final = timedelta(hours=1)
RATE_SPAN: Final = timedelta(minutes=5)
"""Requests per second are those of the busiest whole minute in this time."""

Extras = dict[int, dict[str, Any]]
"""Parts of Evidence by name, by unit id."""


def covered(
    *, units: Sequence[Unit], found: Mapping[int, Evidence], policies: Mapping[int, Policy], now: datetime
) -> dict[int, Evidence]:
    """The same evidence with what these policies ask about besides counts."""
    extras: Extras = {}
    for part in (
        _days(units, policies, now),
        _shares(units, now),
        {pk: {"minutes": mine} for pk, mine in lately([u for u in units if found[u.pk].bad], now).items()},
        _critical(units, policies, now),
        _returning(units, now),
        _replays(units),
        _builds(units, now),
    ):
        for pk, told in part.items():
            extras.setdefault(pk, {}).update(told)
    return {pk: replace(evidence, **extras[pk]) if pk in extras else evidence for pk, evidence in found.items()}


# --------------------------------------------------------------------------------------- days


def _days(units: Sequence[Unit], policies: Mapping[int, Policy], now: datetime) -> Extras:
    """On which days of the week, and whether on a month's edge, units were compared. Days are those of UTC."""
    asked = [unit for unit in units if policies[unit.pk].weekly_cycle or policies[unit.pk].month_end]
    since = [ceil(now - timedelta(days=policies[unit.pk].evidence_days), Resolution.DAY) for unit in asked]
    rows = rollups(
        f"SELECT DISTINCT r.unit_id, r.window_start {SINCE} AND {sum_of(PAIR_OUTCOMES)} > 0",
        [unit.pk for unit in asked],
        [unit.evidence_epoch for unit in asked],
        since,
        [Resolution.DAY.value] * len(asked),
    )
    seen: dict[int, set[datetime]] = {}
    for unit_id, day in rows:
        seen.setdefault(unit_id, set()).add(day.astimezone(UTC))
    return {
        pk: {"weekdays": frozenset(day.weekday() for day in days), "month_end": any(map(_is_edge, days))}
        for pk, days in seen.items()
    }


def _is_edge(day: datetime) -> bool:
    """Whether it is the first or the last day of its month."""
    return day.day == 1 or (day + timedelta(days=1)).day == 1


# ------------------------------------------------------------------------------------- shares


def _shares(units: Sequence[Unit], now: datetime) -> Extras:
    """What share of the requests the candidate answered, of those that say something about it.

    Where nobody has a sticky key each request is dealt for itself, and requests are counted. Where callers are
    sticky they are not: one caller who sends half of the traffic stands wholly on one side, so that a share of 30 %
    where 5 % is set may be as it should be, and nothing that is counted tells the two apart. One thing does, however
    the traffic is spread: with n callers dealt by a share s, the candidate answers nobody with chance (1 - s)ⁿ
    and everybody with chance sⁿ. So there callers are counted, and only "nobody" and "everybody" are told.
    A field is served with its endpoint's answer: the share that counts is the endpoint's.
    """
    dealt = [unit for unit in units if 0 < unit.candidate_bp < ALL and unit.share_since and unit.parent_id is None]
    starts = [_share_start(unit, now) for unit in dealt]
    begun = {unit.pk: start for unit, (start, _) in zip(dealt, starts, strict=True)}
    rows = rollups(
        f"SELECT r.unit_id, sum({sum_of(Outcome)})::bigint, sum(r.served_candidate)::bigint {AT_ALL} GROUP BY 1",
        [unit.pk for unit in dealt],
        [unit.evidence_epoch for unit in dealt],
        [start for start, _ in starts],
        [resolution for _, resolution in starts],
    )
    counted = {unit_id: (received, served) for unit_id, received, served in rows if received}
    manners = _manners(unit for unit in dealt if unit.pk in counted)
    found: Extras = {}
    lumpy: dict[int, Unit] = {}
    for unit in dealt:
        received, served = counted.get(unit.pk, (0, 0))
        manner = manners.get(unit.project_id)
        if manner is None or not received:
            continue
        if manner.subject_source is SubjectSource.NONE:
            found[unit.pk] = {"share": _share(unit, received, served)}
        elif served == received or (not served and manner.anonymous is Anonymous.RANDOM):
            lumpy[unit.pk] = unit
    callers = _callers({pk: (unit, begun[pk]) for pk, unit in lumpy.items()})
    for pk, number in callers.items():
        found[pk] = {"share": _share(lumpy[pk], *counted[pk], callers=number)}
    return found


def _share(unit: Unit, received: int, served: int, *, callers: int = 0) -> Shares:
    return Shares(configured=unit.candidate_bp, received=received, served_candidate=served, subjects=callers)


def _share_start(unit: Unit, now: datetime) -> tuple[datetime, int]:
    """From when requests count, and by which windows: whole ones after every data plane could know the share.

    Minutes reach back an hour; a share that is older is counted by the hour.
    """
    set_at = (unit.share_since or now) + timedelta(seconds=WINDOW_SECONDS)
    start = max(set_at, now - SHARE_SPAN)
    resolution = Resolution.MINUTE if now - start <= MINUTES_SPAN else Resolution.HOUR
    return ceil(start, resolution), resolution.value


def _callers(since: Mapping[int, tuple[Unit, datetime]]) -> dict[int, int]:
    """How many distinct callers were compared since a moment, by the hour: fewer than those who asked, never more."""
    units = [unit for unit, _ in since.values()]
    rows = rollups(
        f"SELECT r.unit_id, r.subjects {AT_ALL}",
        [unit.pk for unit in units],
        [unit.evidence_epoch for unit in units],
        [ceil(start, Resolution.HOUR) for _, start in since.values()],
        [Resolution.HOUR.value] * len(units),
    )
    sketches: dict[int, list[tuple[bytes, int]]] = {}
    for unit_id, sketch in rows:
        sketches.setdefault(unit_id, []).append((sketch, len(sketch)))
    callers = {pk: distinct_of(mine) for pk, mine in sketches.items()}
    return {pk: number for pk, number in callers.items() if number}


def _manners(units: Iterable[Unit]) -> dict[int, Manners]:
    projects = {unit.project_id for unit in units}
    if not projects:
        return {}
    rows = Project.objects.filter(pk__in=projects).values_list("pk", "manners")
    return {pk: msgspec.convert(manners, Manners) for pk, manners in rows}


# --------------------------------------------------------------------------------- what must never


def _critical(units: Sequence[Unit], policies: Mapping[int, Policy], now: datetime) -> Extras:
    """Mismatches of the present epoch at paths that a unit's policy calls critical.

    They are counted with the endpoint, whose answer carries its fields; a field answers for what lies under its path.
    """
    asked = [unit for unit in units if policies[unit.pk].critical_paths]
    if not asked:
        return {}
    bearers = {unit.pk: unit.parent_id if unit.parent_id and field_path(unit.key) else unit.pk for unit in asked}
    oldest = now - timedelta(days=max(policies[unit.pk].evidence_days for unit in asked))
    rows: dict[int, list[tuple[str, int, datetime]]] = {}
    groups = MismatchGroup.objects.filter(unit__in=set(bearers.values()), count__gt=0, last_seen_at__gte=oldest)
    of_present = groups.filter(evidence_epoch=F("unit__evidence_epoch"))
    for unit_id, shape, count, last_seen_at in of_present.values_list("unit_id", "shape", "count", "last_seen_at"):
        rows.setdefault(unit_id, []).append((shape, count, last_seen_at))
    found: Extras = {}
    for unit in asked:
        policy = policies[unit.pk]
        since = now - timedelta(days=policy.evidence_days)
        mine = [
            (shape, count)
            for shape, count, last in rows.get(bearers[unit.pk], [])
            if last >= since and _under(field_path(unit.key), shape)
        ]
        counts = {path: sum(count for shape, count in mine if _under(path, shape)) for path in policy.critical_paths}
        if any(counts.values()):
            found[unit.pk] = {"critical": {path: count for path, count in counts.items() if count}}
    return found


def _under(path: str | None, shape: str) -> bool:
    """Whether a place of the answer lies at or under a path; everything does where there is none."""
    try:
        return path is None or path == shape or covers(path, shape)
    except PathRefused:  # a path or a shape that nobody can read
        return False


# ------------------------------------------------------------------------------------ the way back


def _returning(units: Sequence[Unit], now: datetime) -> Extras:
    """What legacy would have to take over of each unit's service, where somebody said what it can."""
    services = Service.objects.filter(pk__in={unit.service_id for unit in units}, legacy_capacity__isnull=False)
    capacity = {pk: able for pk, able in services.values_list("pk", "legacy_capacity") if able is not None}
    if not capacity:
        return {}
    rates = _rates(list(capacity), now)
    return {
        unit.pk: {"returning": Returning(needed=rates.get(unit.service_id, 0.0), capacity=capacity[unit.service_id])}
        for unit in units
        if unit.service_id in capacity
    }


def _rates(services: Sequence[int], now: datetime) -> dict[int, float]:
    """Requests per second of these services in their busiest minute of late, over endpoints: fields ride on them."""
    end = floor(now, Resolution.MINUTE)
    query = f"""
        SELECT service_id, max(received)::bigint FROM (
            SELECT u.service_id, sum({sum_of(Outcome)}) AS received
            FROM {Unit._meta.db_table} u JOIN {Rollup._meta.db_table} r ON r.unit_id = u.id
            WHERE u.service_id = ANY(%s) AND u.kind = '{Kind.ENDPOINT.value}' AND u.gone_at IS NULL
              AND r.resolution = {Resolution.MINUTE.value} AND r.window_start >= %s AND r.window_start < %s
            GROUP BY u.service_id, r.window_start
        ) AS minutes GROUP BY service_id
    """  # noqa: S608 - our own names
    with connection.cursor() as cursor:
        cursor.execute(query, [list(services), end - RATE_SPAN, end])
        return {service: received / Resolution.MINUTE for service, received in cursor.fetchall()}


def _builds(units: Sequence[Unit], now: datetime) -> Extras:
    """Which units' services answer by a build that was not deployed last."""
    stale = stale_builds({unit.service_id for unit in units}, now)
    return {unit.pk: {"stale_build": stale[unit.service_id]} for unit in units if unit.service_id in stale}


# ------------------------------------------------------------------------------------ replays


def _replays(units: Sequence[Unit]) -> Extras:
    """Recorded requests that were sent again in the present epoch. One that is repeated counts once."""
    present = Replayed.objects.filter(unit__in=[unit.pk for unit in units], evidence_epoch=F("unit__evidence_epoch"))
    rows: dict[int, list[Replayed]] = {}
    for row in present:
        rows.setdefault(row.unit_id, []).append(row)
    return {pk: {"replay": _replay(mine)} for pk, mine in rows.items()}


def _replay(rows: Sequence[Replayed]) -> Replay:
    subjects, mismatching = (
        distinct_of([(bytes(getattr(row, name)), len(getattr(row, name))) for row in rows])
        for name in ("subjects", "mismatching_subjects")
    )
    pairs = subjects or sum(row.pairs for row in rows)
    bad = min(subjects, mismatching) if subjects else sum(row.bad for row in rows)
    return Replay(pairs=pairs, bad=bad, last_at=max(row.last_at for row in rows).timestamp())


# ---------------------------------------------------------------------------------- in between


def ceil(moment: datetime, seconds: int) -> datetime:
    """The start of the first window of that length that begins at this moment or later."""
    start = floor(moment, seconds)
    return start if start == moment else start + timedelta(seconds=seconds)


def span_since(moment: datetime) -> Span:
    """The whole windows after a moment: hours until midnight, from there days. Where hours are no longer kept, days."""
    return Span(hours=ceil(moment, Resolution.HOUR), days=ceil(moment, Resolution.DAY))
