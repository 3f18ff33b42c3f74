"""What data planes must know, from the database: a project's table, or what changed of it."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from django.db.models import Q

from migrator.core.stages import Operation, Stage
from migrator.core.wire import Manners, RuleSpec, UnitRoute, Upstreams, Version
from migrator.inventory.models import Kind, Project, Service, Unit
from migrator.observations.specs import rules_version, specs_of

_COLUMNS = (
    "pk", "key", "service__name", "operation", "stage", "candidate_bp", "mirror_bp", "cohort", "sister", "parent_id",
    "evidence_epoch", "gone_at", "table_version",
)  # fmt: skip
STILL = (Stage.BACKLOG, Stage.REMOVED)
"""Stages in which nothing is mirrored or compared, so that an endpoint's fields need not be known."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A unit's route, and the number of the table that changed it."""

    route: UnitRoute
    number: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A project's settings, and its units that changed after some version; all of them, where that was None."""

    project_id: int
    version: Version
    manners: Manners
    services: tuple[Upstreams, ...]
    changed: list[Changed]
    rules: tuple[RuleSpec, ...] = ()
    """All that are in force, whatever changed."""
    rules_version: int = 0
    """The number of the table that last changed one."""


def read_project(*, slug: str, after: Version | None = None, moving: frozenset[int] = frozenset()) -> Reading | None:
    """The table of a project, or what changed after a version of it; None where there is no such project.

    `moving` are the endpoints in motion as of `after`. One that began to move brings all of its fields along:
    those did not change, but nobody needed them before. The version is read first: what is committed
    meanwhile may come along early, and comes again under its own number.
    """
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        return None
    version = Version(epoch=project.epoch, number=project.version)
    whole = after is None or after.epoch != version.epoch
    number = after.number if after is not None and not whole else -1
    changed = _units(Q(project=project, table_version__gt=number) & _relevant())
    if not whole:
        changed += _fields_that_joined(changed, moving)
    return Reading(
        project_id=project.pk,
        version=version,
        manners=msgspec.convert(project.manners, Manners),
        services=_upstreams(project),
        changed=changed,
        rules=specs_of(project=project),
        rules_version=rules_version(project=project),
    )


def versions_of(project_ids: Iterable[int]) -> dict[int, Version]:
    """The present version of each project, by its id."""
    rows = Project.objects.filter(pk__in=list(project_ids)).values_list("pk", "epoch", "version")
    return {pk: Version(epoch=epoch, number=number) for pk, epoch, number in rows}


def is_moving(route: UnitRoute) -> bool:
    return route.parent is None and not route.gone and route.stage not in STILL


def _relevant() -> Q:
    """Endpoints, because requests are matched against all of them; fields that move, or whose endpoint does."""
    return Q(kind=Kind.ENDPOINT) | ~Q(stage=Stage.BACKLOG) | (Q(parent__isnull=False) & ~Q(parent__stage__in=STILL))


def _fields_that_joined(changed: list[Changed], moving: frozenset[int]) -> list[Changed]:
    started = {each.route.id: each.number for each in changed if is_moving(each.route)}
    parents = started.keys() - moving
    if not parents:
        return []
    present = {each.route.id for each in changed}
    fields = _units(Q(parent_id__in=parents, gone_at__isnull=True))
    return [
        Changed(field.route, max(field.number, started[field.route.parent or 0]))
        for field in fields
        if field.route.id not in present
    ]


def _units(condition: Q) -> list[Changed]:
    rows = Unit.objects.filter(condition).order_by("table_version", "pk").values_list(*_COLUMNS)
    return [
        Changed(
            UnitRoute(
                id=pk,
                key=key,
                service=service,
                operation=Operation(operation),
                stage=Stage(stage),
                candidate=candidate,
                mirror=mirror,
                cohort=cohort,
                sister=sister,
                parent=parent,
                evidence_epoch=epoch,
                gone=gone_at is not None,
            ),
            number,
        )
        for pk, key, service, operation, stage, candidate, mirror, cohort, sister, parent, epoch, gone_at, number in (
            rows.iterator(chunk_size=5_000)
        )
    ]


def _upstreams(project: Project) -> tuple[Upstreams, ...]:
    return tuple(
        Upstreams(
            name=service.name,
            legacy_url=service.legacy_url,
            candidate_url=service.candidate_url,
            legacy_timeout_ms=service.legacy_timeout_ms,
            candidate_timeout_ms=service.candidate_timeout_ms,
            mirror_timeout_ms=service.mirror_timeout_ms,
            mirror_concurrency=service.mirror_concurrency,
            mirror_body_bytes=service.mirror_body_bytes,
        )
        for service in Service.objects.filter(project=project)
    )
