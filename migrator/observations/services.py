"""From the stream into the tables: verbs that collect what data planes report.

A report counts exactly once, whatever is killed and whoever repeats what:

1. the row of the shard's position is locked, so one worker at a time folds a shard;
2. the entries behind the position are folded and written;
3. the position is written in the same transaction: both are there, or neither;
4. only then the stream is trimmed, up to that position.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import cycle

import redis
import structlog
from django.conf import settings
from django.db import DataError, IntegrityError, transaction

from migrator.core.wire import Report, WireError, decode_report
from migrator.inventory.models import Kind, Project, Unit
from migrator.observations import builds, causes, clustering, company, ledger, noise, stream, writing
from migrator.observations.folding import Batch, KnownUnit, fold
from migrator.observations.models import DeadLetter, ReportSource, Rule, StreamPosition
from migrator.observations.stream import Entry

log = structlog.get_logger()

POISON = (WireError, DataError, IntegrityError, ValueError, TypeError, ArithmeticError, LookupError)
"""What an entry may raise by what it contains. A database that is away or busy is not its fault."""
GREATEST_ID = 2**63 - 1


class UnknownProject(LookupError):
    """A report names a project that does not exist."""


@lru_cache(maxsize=1)
def stream_client() -> "redis.Redis":
    """This process's connections to the stream."""
    return redis.Redis.from_url(settings.REDIS_URL)


def drain(*, now: datetime, patience_s: float, client: "redis.Redis | None" = None) -> int:
    """Fold what waits in all shards that nobody else is folding, until all are empty or patience ends.

    Then lay together what turns out to be one cause, and take note of new builds. Returns how many reports were
    folded. Raises redis.RedisError and OperationalError: nothing is lost then.
    """
    client = client or stream_client()
    until = time.monotonic() + patience_s
    shards = sorted({*range(settings.REPORT_SHARDS), *StreamPosition.objects.values_list("shard", flat=True)})
    folded, idle = 0, 0
    for shard in cycle(shards):
        done = drain_shard(client=client, shard=shard, now=now)
        folded += done
        idle = 0 if done else idle + 1
        if idle >= len(shards) or time.monotonic() > until:
            break
    clustering.place_new()
    builds.take_note(now=now)
    return folded


def drain_shard(*, client: "redis.Redis", shard: int, now: datetime) -> int:
    """Fold the next entries of one shard. Returns how many: 0 too where another worker holds the shard."""
    with transaction.atomic():
        position = _lock_position(shard)
        if position is None:
            return 0
        entries = stream.read_after(client, shard=shard, position=position.last_id)
        if entries:
            fold_batch(shard=shard, entries=entries, now=now)
            position.last_id = entries[-1].id
            position.save(update_fields=["last_id"])
    stream.trim(client, shard=shard, position=position.last_id)
    return len(entries)


def fold_batch(*, shard: int, entries: Sequence[Entry], now: datetime) -> None:
    """Count a batch of reports. One that cannot be counted is set apart as a dead letter, the rest are counted.

    Must run inside the transaction that holds the shard's position.
    """
    try:
        with transaction.atomic():
            _count([decode_report(entry.report) for entry in entries], shard=shard, now=now)
    except POISON as error:
        if len(entries) == 1:
            _bury(entries[0], shard=shard, error=error, now=now)
            return
        middle = len(entries) // 2
        fold_batch(shard=shard, entries=entries[:middle], now=now)
        fold_batch(shard=shard, entries=entries[middle:], now=now)


def _lock_position(shard: int) -> StreamPosition | None:
    """The shard's position, locked; None where another worker holds it."""
    free = StreamPosition.objects.select_for_update(skip_locked=True).filter(shard=shard)
    found = free.first()
    if found is None and not StreamPosition.objects.filter(shard=shard).exists():
        StreamPosition.objects.bulk_create([StreamPosition(shard=shard)], ignore_conflicts=True)
        found = free.first()
    return found


def _count(reports: Sequence[Report], *, shard: int, now: datetime) -> None:
    projects = _projects(reports)
    sources = _lock_sources(reports, projects, now=now)
    units, rules = _known_units(reports), _known_rules(reports)
    batch = Batch()
    found = noise.Findings()
    arrived: dict[int, list[int]] = {}
    for report in reports:
        project_id = projects[report.project]
        source = sources[project_id, report.source, report.boot]
        source.kind, source.last_at = report.kind, now
        if not ledger.admit(source, report.seq):
            continue
        fate = fold(batch, report, project_id=project_id, units=units, now=now.timestamp(), rules=rules)
        found.add(report, project_id=project_id, units=units, now=now.timestamp())
        ledger.settle(source, fate)
        sent, dropped, passed = ledger.progress(source, report)
        arrival = (sent, dropped, fate.committed, fate.stray, fate.refused, passed)
        arrived[project_id] = [a + b for a, b in zip(arrived.get(project_id, [0] * 6), arrival, strict=True)]
    _write(batch, arrived, shard=shard, now=now)
    found.write()
    ReportSource.objects.bulk_update(sources.values(), _SOURCE_COLUMNS, batch_size=500)


_SOURCE_COLUMNS = [
    "kind", "committed_seq", "ahead", "sent", "dropped", "passed", "committed", "stray", "refused", "repeated",
    "given_up", "last_at",
]  # fmt: skip


def _write(batch: Batch, arrived: Mapping[int, Sequence[int]], *, shard: int, now: datetime) -> None:
    writing.write_arrivals(arrived, shard=shard, now=now)
    if batch.minutes:
        writing.write_rollups(batch, shard=shard)
        writing.write_standings(batch, shard=shard)
        writing.write_traffic(batch, shard=shard)
    if batch.replayed:
        writing.write_replayed(batch, shard=shard)
    # Rows that shards share come last, and always in this order: no two workers wait for each other.
    groups = causes.write_groups(batch)
    if batch.joints:
        company.write_joints(batch, groups=groups)
        company.write_audiences(batch, groups=groups, shard=shard)
    if batch.hits:
        company.write_hits(batch)
    if batch.samples:
        causes.write_samples(batch, groups=groups)
    if batch.observed:
        causes.write_observed(batch, now=now)
    if batch.builds:
        builds.write_builds(batch, now=now)


def _projects(reports: Sequence[Report]) -> dict[str, int]:
    slugs = {report.project for report in reports}
    found = dict(Project.objects.filter(slug__in=slugs).values_list("slug", "pk"))
    for slug in slugs - found.keys():
        raise UnknownProject(f"There is no project {slug!r}.")
    return found


def _lock_sources(
    reports: Sequence[Report], projects: Mapping[str, int], *, now: datetime
) -> dict[tuple[int, str, str], ReportSource]:
    """The rows of all sources in a batch, locked: a change of REPORT_SHARDS may lead one source to two shards."""
    keys = {(projects[report.project], report.source, report.boot) for report in reports}
    for attempt in range(2):
        found = {
            (row.project_id, row.source, row.boot): row
            for row in ReportSource.objects.select_for_update()
            .filter(
                project_id__in={key[0] for key in keys},
                source__in={key[1] for key in keys},
                boot__in={key[2] for key in keys},
            )
            .order_by("pk")
        }
        missing = keys - found.keys()
        if not missing or attempt:
            break
        ReportSource.objects.bulk_create(
            [ReportSource(project_id=p, source=s, boot=b, first_at=now, last_at=now) for p, s, b in sorted(missing)],
            ignore_conflicts=True,
        )
    return {key: found[key] for key in keys}


def _known_units(reports: Sequence[Report]) -> dict[int, KnownUnit]:
    ids = {tally.unit for report in reports for tally in report.tallies}
    ids |= {sample.unit for report in reports for sample in report.samples}
    rows = Unit.objects.tracked().filter(pk__in=[pk for pk in ids if 0 < pk <= GREATEST_ID])
    return {
        pk: KnownUnit(project_id, epoch, kind == Kind.FIELD, parent_id)
        for pk, project_id, epoch, kind, parent_id in rows.values_list(
            "pk", "project_id", "evidence_epoch", "kind", "parent_id"
        )
    }


def _known_rules(reports: Sequence[Report]) -> dict[int, int]:
    """The rules that are named, each with its project."""
    named = {hidden.rule for report in reports for tally in report.tallies for hidden in tally.hidden}
    if not named:
        return {}
    return dict(Rule.objects.filter(pk__in=[pk for pk in named if pk <= GREATEST_ID]).values_list("pk", "project_id"))


def _bury(entry: Entry, *, shard: int, error: Exception, now: datetime) -> None:
    reason = f"{type(error).__name__}: {error}".replace("\x00", "\\u0000")[:2_000]
    log.error("report.buried", shard=shard, entry=entry.id, reason=reason)
    DeadLetter.objects.bulk_create(
        [DeadLetter(shard=shard, entry_id=entry.id, reason=reason, payload=entry.report, at=now)],
        ignore_conflicts=True,
    )
