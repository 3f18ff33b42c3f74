"""Units on their way out of legacy, and days of which data planes reported."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from migrator.access.rights import console
from migrator.core.stages import LADDER, RANK, Stage
from migrator.inventory.models import Project, Service, Unit
from migrator.inventory.services import create_unit, save_service
from migrator.observations.models import Arrival, Resolution, Rollup
from migrator.removal.models import Repository, Scan
from migrator.removal.naming import fingerprint_of
from migrator.removal.services import Findings, Sight, report_scan, save_repository, tick
from migrator.rollout.services import Change, flip

NOW = timezone.now().astimezone(UTC).replace(hour=12, minute=30, second=0, microsecond=0)
"""Half past twelve, so that hours and days around it are where a test says."""
DAY = timedelta(days=1)
ACTOR = console(name="ana")


@pytest.fixture
def service(project: Project) -> Service:
    return save_service(project=project, name="users", legacy_url="http://l.test", candidate_url="http://c.test")


AddUnit = Callable[..., Unit]


@pytest.fixture
def add_unit(service: Service) -> AddUnit:
    """`add_unit("GET /users/{id}", days=20)`: a unit that is in removal for so many days."""

    def add(key: str, *, days: float = 20, stage: Stage = Stage.REMOVAL, **options: object) -> Unit:
        kind = "field" if " $" in key else "endpoint"
        made = create_unit(project=service.project, service=service, key=key, kind=kind, now=NOW - 90 * DAY, **options)  # type: ignore[arg-type]
        for rung in LADDER[1 : RANK[stage] + 1]:
            move(made, rung.stage)
        Unit.objects.filter(pk=made.pk).update(stage_since=NOW - days * DAY)
        return fresh(made)

    return add


def fresh(unit: Unit) -> Unit:
    return Unit.objects.select_related("project", "service").get(pk=unit.pk)


def move(unit: Unit, stage: Stage) -> None:
    version = Unit.objects.values_list("version", flat=True).get(pk=unit.pk)
    change = Change(unit_id=unit.pk, version=version, stage=stage)
    flip(project=unit.project, changes=[change], actor=ACTOR, reason="set up", now=NOW, override=True)


def report_days(project: Project, *, days: float = 60, missing: Sequence[int] = (), sent: int = 100) -> None:
    """Whole reports of every day up to now, but for the days that are `missing`: so many before today."""
    Arrival.objects.filter(project=project).delete()
    midnight = NOW.replace(hour=0, minute=0)
    for ago in range(int(days) + 1):
        if ago not in missing:
            Arrival.objects.create(
                project=project, resolution=Resolution.DAY, window_start=midnight - ago * DAY, shard=0,
                sent=sent, committed=sent,
            )  # fmt: skip


def count(unit: Unit, at: datetime, *, epoch: int | None = None, **counts: object) -> None:
    """Counters of one hour, and of its day, as data planes would have left them."""
    for resolution in (Resolution.HOUR, Resolution.DAY):
        start = at.replace(minute=0, second=0, microsecond=0)
        Rollup.objects.create(
            unit=unit, resolution=resolution, shard=0,
            window_start=start if resolution == Resolution.HOUR else start.replace(hour=0),
            evidence_epoch=unit.evidence_epoch if epoch is None else epoch, **counts,
        )  # fmt: skip


def register(project: Project, name: str = "web", **options: object) -> Repository:
    return save_repository(project=project, actor=ACTOR, now=NOW - 60 * DAY, name=name, **options)  # type: ignore[arg-type]


def scan(
    repository: Repository,
    *units: Unit,
    at: datetime = NOW - DAY,
    lines: Sequence[tuple[Unit, str]] = (),
    branch: str = "main",
    dirty: bool = False,
    commit: str = "c0ffee00c0ffee00",
) -> Scan:
    """A scan that looked for `units` and found `lines`."""
    sights = [
        Sight(unit=unit.pk, path="app.py", line=n, excerpt=text, alias=unit.key)
        for n, (unit, text) in enumerate(lines, 1)
    ]
    findings = Findings(
        commit=commit, branch=branch, dirty=dirty, files=10, seconds=0.1, patterns=len(units), found=len(sights),
        looked_for=[fingerprint_of(unit) for unit in units], references=sights,
    )  # fmt: skip
    return report_scan(repository=repository, findings=findings, actor=ACTOR, now=at)


def prove(*units: Unit) -> None:
    """Everything that is missing of the proof: whole reports, a clean scan, a checklist that is ticked."""
    project = units[0].project
    report_days(project)
    scan(register(project), *units)
    for unit in units:
        for what in ("deployment", "sister-stores", "mirroring"):
            if unit.operation == "write" or what != "sister-stores":
                tick(unit=unit, what=what, actor=ACTOR, now=NOW)
