"""Verbs that write what removal's proof rests on. Each leaves its link in the ledger's chain."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from migrator.access.rights import Actor, Right, demand
from migrator.core.detectors import detects
from migrator.inventory import versions
from migrator.inventory.models import Project, Unit
from migrator.inventory.services import Invalid
from migrator.ledger.models import Kind
from migrator.ledger.services import record
from migrator.removal.checklist import ITEMS, Item, gear_of
from migrator.removal.code import newest_scans
from migrator.removal.models import Reference, Repository, Scan, TearDown

EXCERPT: Final = 200
HIDDEN: Final = "(a line that looks like it holds a secret)"
SCANS_WITH_LINES: Final = 10
"""Scans of a repository whose lines are kept. Of older ones only the numbers stay."""
NAMED: Final = 50
"""Units that a ledger entry names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """A line of code that names a unit, as a scan tells it."""

    unit: int
    path: str
    line: int
    excerpt: str
    alias: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a scan says of itself and of what it found."""

    commit: str
    branch: str
    dirty: bool
    files: int
    seconds: float
    patterns: int
    found: int
    looked_for: Sequence[int]
    """Fingerprints of the units."""
    references: Sequence[Sight]


@transaction.atomic
def save_repository(
    *,
    project: Project,
    actor: Actor,
    now: datetime,
    name: str,
    url: str = "",
    branch: str = "main",
    required: bool = True,
) -> Repository:
    """Register code that may refer to legacy, or change what is said of it. Raises Forbidden."""
    demand(actor=actor, right=Right.EDIT)
    versions.lock(project_id=project.pk)
    wanted = {"url": url, "branch": branch, "required": required}
    before = Repository.objects.filter(project=project, name=name).values(*wanted).first()
    repository, _ = Repository.objects.update_or_create(
        project=project, name=name, defaults=wanted, create_defaults=wanted | {"created_at": now}
    )
    if before != wanted:
        what = f"branch {branch}, {'required' if required else 'not required'}"
        body = {"headline": f"Repository {name}: {what}", "repository": name, "before": before, "after": wanted}
        record(project=project, kind=Kind.REMOVAL, actor=actor, now=now, body=body)
    return repository


@transaction.atomic
def report_scan(*, repository: Repository, findings: Findings, actor: Actor, now: datetime) -> Scan:
    """Keep what a scan found. The ledger hears of it where it changes what is known of the registered branch.

    Raises Forbidden, and Invalid where a reference names a unit that the project does not have.
    """
    demand(actor=actor, right=Right.EDIT)
    versions.lock(project_id=repository.project_id)
    _check_units(repository, findings)
    before = newest_scans([repository]).first()
    scan = Scan.objects.create(
        repository=repository,
        commit=findings.commit,
        branch=findings.branch,
        dirty=findings.dirty,
        at=now,
        reporter=actor.name,
        files=findings.files,
        seconds=findings.seconds,
        patterns=findings.patterns,
        found=max(findings.found, len(findings.references)),
        looked_for=sorted(set(findings.looked_for)),
    )
    Reference.objects.bulk_create(
        [_reference(scan, sight) for sight in findings.references], batch_size=1_000, ignore_conflicts=True
    )
    if scan.branch == repository.branch and not scan.dirty:
        _record_change(repository, scan, before, actor=actor, now=now)
    _forget_lines(repository)
    return scan


def _check_units(repository: Repository, findings: Findings) -> None:
    named = {sight.unit for sight in findings.references}
    known = set(Unit.objects.filter(project=repository.project_id, pk__in=named).values_list("pk", flat=True))
    if unknown := sorted(named - known):
        raise Invalid("references", f"references name the unit {unknown[0]}, which {repository.project} does not have.")


def _reference(scan: Scan, sight: Sight) -> Reference:
    """Secrets are left out where the code is read; what comes here is looked at once more."""
    excerpt = sight.excerpt[:EXCERPT]
    return Reference(
        scan=scan,
        unit_id=sight.unit,
        path=sight.path[-1_000:],
        line=sight.line,
        excerpt=HIDDEN if detects(excerpt) else excerpt,
        alias=sight.alias[:500],
    )


def _record_change(repository: Repository, scan: Scan, before: Scan | None, *, actor: Actor, now: datetime) -> None:
    units = {which.pk: _units_of(which) for which in (before, scan) if which is not None}
    here, there = units[scan.pk], units[before.pk] if before else {}
    if before is not None and here.keys() == there.keys():
        return
    left = f"{scan.found:,} lines name {len(here):,} units" if here else "no line names a unit"
    body: dict[str, Any] = {
        "headline": f"{repository.name} at {scan.commit[:12]}: {left}",
        "repository": repository.name,
        "commit": scan.commit,
        "branch": scan.branch,
        "files": scan.files,
        "patterns": scan.patterns,
        "references": scan.found,
        "units": len(here),
        "appeared": sorted(key for pk, key in here.items() if pk not in there)[:NAMED],
        "cleared": sorted(key for pk, key in there.items() if pk not in here)[:NAMED],
    }
    record(project=repository.project, kind=Kind.REMOVAL, actor=actor, now=now, body=body)


def _units_of(scan: Scan) -> dict[int, str]:
    return dict(scan.references.order_by().values_list("unit_id", "unit__key").distinct())


def _forget_lines(repository: Repository) -> None:
    """Lines of old scans are nobody's proof. The newest scan that counts is always among those that stay."""
    kept = set(repository.scans.values_list("pk", flat=True)[:SCANS_WITH_LINES])
    kept.update(newest_scans([repository]).values_list("pk", flat=True))
    Reference.objects.filter(scan__repository=repository).exclude(scan_id__in=kept).delete()


@transaction.atomic
def tick(*, unit: Unit, what: str, actor: Actor, now: datetime, done: bool = True) -> TearDown | None:
    """Say that something of a unit, or of its whole service, is torn down; with `done` false, take the word back.

    Raises Forbidden, and Invalid naming the items there are.
    """
    demand(actor=actor, right=Right.EDIT)
    versions.lock(project_id=unit.project_id)
    item = _item_of(unit, what)
    target = {"service_id": unit.service_id} if item.of_service else {"unit_id": unit.pk}
    known = TearDown.objects.filter(what=item.what, **target).first()
    standing = next((tick.done for tick in gear_of(units=[unit])[unit.pk].ticks if tick.item == item), False)
    if standing == done:
        return known if done else None
    TearDown.objects.filter(what=item.what, **target).delete()
    row = TearDown.objects.create(what=item.what, done_by=actor.name, done_at=now, **target) if done else None
    said = f"Torn down: {item.sentence}" if done else f"Taken back: {item.sentence}"
    body = {"headline": said, "tear_down": item.what, "done": done, "of_service": item.of_service}
    record(project=unit.project, kind=Kind.REMOVAL, actor=actor, now=now, unit=unit, body=body)
    return row


def _item_of(unit: Unit, what: str) -> Item:
    asked = [tick.item.what for tick in gear_of(units=[unit])[unit.pk].ticks]
    if what not in asked:
        there_are = f"Asked for: {', '.join(asked)}." if asked else "Nothing is asked for."
        raise Invalid("what", f"{what[:40]!r} is not asked for of {unit.key}. {there_are}")
    return ITEMS[what]
