"""The verb that brings specs into the inventory.

A spec says what there is, never where it stands: stage, shares and evidence of units that are tracked
already are not touched. 100,000 units arrive in a handful of statements.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction

from migrator.core.stages import Operation
from migrator.inventory import versions
from migrator.inventory.importers.reconciling import Change, Known, Plan, reconcile
from migrator.inventory.importers.spec import Spec, UnitSpec, shape_of
from migrator.inventory.models import ObservedEndpoint, Project, Service, Source, Unit
from migrator.inventory.services import Invalid, save_service

DEFAULT_SERVICE: Final = "main"
ANALYZE_FROM: Final = 5_000
"""New units from which the planner's statistics are renewed at once, so that lists are fast right after."""
PROGRESS_EVERY: Final = 1_000

Progress = Callable[[int, int], None]
"""Called with units written so far, and all units to write."""

_UPDATE: Final = """
    UPDATE inventory_unit AS unit
    SET key = wanted.key, kind = wanted.kind, description = wanted.description, label = wanted.label,
        parent_id = wanted.parent_id, runbook = wanted.runbook, irreversible = wanted.irreversible,
        gone_at = NULL, table_version = CASE WHEN wanted.rerouted THEN %s ELSE unit.table_version END
    FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::boolean[],
        %s::boolean[]) AS wanted(id, key, kind, description, label, parent_id, runbook, irreversible, rerouted)
    WHERE unit.id = wanted.id
"""


_REMEMBER_ABSENCES: Final = """
    INSERT INTO inventory_absence (unit_id, gone_at, back_at)
    SELECT id, gone_at, greatest(gone_at, %s) FROM inventory_unit WHERE id = ANY(%s) AND gone_at IS NOT NULL
"""
"""Before units come back: the history of scope goes on saying that they were not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What a spec says otherwise of a tracked unit than was known: its runbook, or whether it can be undone."""

    key: str
    before: Mapping[str, str | bool]
    after: Mapping[str, str | bool]
    """Both name what differs only: `runbook`, `irreversible`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did, or would do: keys of units. Every unit of the specs is in exactly one of the first four."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    contested: tuple[str, ...]
    """Owned by another service, and left with it."""
    gone: tuple[str, ...]
    kept: tuple[str, ...]
    """Gone from the spec, but tracked on because the candidate answers some of their callers."""
    renamed: tuple[tuple[str, str], ...]
    """Before and after, where only the names of parameters changed. They count as changed."""
    warnings: tuple[str, ...]
    back: tuple[str, ...] = ()
    """In scope again after they were gone. They count as changed."""
    claimed: tuple[str, ...] = ()
    """Units of other services that this import newly marks as contested."""
    declared: tuple[Declaration, ...] = ()
    """Of the changed, those of which on-call is told something else from now on."""

    def counts(self) -> dict[str, int]:
        return {each.name: len(getattr(self, each.name)) for each in fields(self)}


def service_for_import(*, project: Project, name: str | None, dry_run: bool = False) -> Service:
    """The service that a spec describes: the one named, else the only one, else a new one in a project without any.

    A dry run returns the new one unsaved. Raises Invalid naming the services there are.
    """
    services = list(project.services.all())
    if not services:
        new = name or DEFAULT_SERVICE
        return Service(project=project, name=new) if dry_run else save_service(project=project, name=new)
    names = ", ".join(service.name for service in services)
    if name is None and len(services) > 1:
        raise Invalid("service", f"{project} has several services: {names}. Name the one that this spec describes.")
    found = next((service for service in services if name in (None, service.name)), None)
    if found is None:
        raise Invalid("service", f"{project} has no service {name!r}. It has: {names}.")
    return found


@transaction.atomic
def import_units(
    *,
    project: Project,
    service: Service,
    specs: Sequence[Spec],
    now: datetime,
    source: str = Source.SPEC,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Make the inventory of one service say what its specs say; all specs of a service belong in one call.

    Units of the service that came from a spec of the same format and are in none of these are marked as gone,
    and come back with everything they had when a spec names them again. Data planes hear of it once.
    """
    if not dry_run:
        versions.lock(project_id=project.pk)
    wanted, warnings = _united(specs)
    plan = reconcile(
        known=_known_units(project),
        wanted=wanted,
        service_id=service.pk,
        formats={spec.format for spec in specs},
    )
    if not dry_run:
        _Writing(project=project, service=service, plan=plan, now=now, source=source, progress=progress).write()
    return _report(plan, [*warnings, *_advice(plan)])


def _united(specs: Sequence[Spec]) -> tuple[dict[str, UnitSpec], list[str]]:
    wanted: dict[str, UnitSpec] = {}
    warnings = [warning for spec in specs for warning in spec.warnings]
    for spec in specs:
        doubles = [unit.key for unit in spec.units if unit.key in wanted and unit.kind == "endpoint"]
        warnings += [f"{key} is in two of the specs; the first one counts" for key in doubles]
        wanted = {unit.key: unit for unit in spec.units} | wanted
    return wanted, warnings


def _known_units(project: Project) -> list[Known]:
    rows = Unit.objects.filter(project=project).order_by().values_list(
        "id", "key", "kind", "service_id", "parent_id", "description", "label", "source", "gone_at", "contested_by_id",
        "candidate_bp", "runbook", "irreversible", "operation",
    )  # fmt: skip
    return [
        Known(
            id=pk,
            key=key,
            kind=kind,
            service_id=service_id,
            parent_id=parent_id,
            description=description,
            label=label,
            runbook=runbook,
            irreversible=irreversible,
            writes=operation == Operation.WRITE,
            from_spec=source == Source.SPEC,
            gone=gone_at is not None,
            contested_by_id=contested_by,
            answers_callers=candidate > 0,
        )
        for (
            pk, key, kind, service_id, parent_id, description, label, source, gone_at, contested_by, candidate, runbook,
            irreversible, operation,
        ) in rows
    ]  # fmt: skip


def _report(plan: Plan, warnings: Sequence[str]) -> ImportReport:
    return ImportReport(
        added=tuple(unit.key for unit in plan.added),
        changed=tuple(change.spec.key for change in plan.changed),
        unchanged=tuple(unit.key for unit in plan.unchanged),
        contested=tuple(unit.key for unit in plan.contested),
        gone=tuple(unit.key for unit in plan.gone),
        kept=tuple(unit.key for unit in plan.kept),
        renamed=tuple(
            (change.known.key, change.spec.key) for change in plan.changed if change.known.key != change.spec.key
        ),
        warnings=tuple(warnings),
        back=tuple(change.spec.key for change in plan.changed if change.known.gone),
        claimed=tuple(unit.key for unit in plan.newly_contested),
        declared=tuple(_declaration(change) for change in plan.changed if change.declares),
    )


def _declaration(change: Change) -> Declaration:
    before: dict[str, str | bool] = {"runbook": change.known.runbook, "irreversible": change.known.irreversible}
    after: dict[str, str | bool] = {"runbook": change.runbook, "irreversible": change.irreversible}
    differing = [name for name in after if after[name] != before[name]]
    return Declaration(
        key=change.spec.key,
        before={name: before[name] for name in differing},
        after={name: after[name] for name in differing},
    )


def _advice(plan: Plan) -> Iterator[str]:
    for unit in plan.kept:
        yield f"{unit.key} is gone from the spec, but the candidate answers its callers: it stays tracked"
    endpoints = [unit.key for unit in plan.contested if unit.parent_key is None]
    if endpoints:
        yield f"{len(endpoints):,} keys belong to another service and stay with it, such as {endpoints[0]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Writing:
    """Writes one plan. Few statements, whatever the number of units."""

    project: Project
    service: Service
    plan: Plan
    now: datetime
    source: str
    progress: Progress | None

    def write(self) -> None:
        version = versions.advance(project_id=self.project.pk) if self.plan.reroutes else 0
        self._insert(version)
        self._change(version)
        Unit.objects.filter(pk__in=_ids(self.plan.gone)).update(gone_at=self.now, table_version=version)
        Unit.objects.filter(pk__in=_ids(self.plan.cleared)).update(label="")
        if self.source == Source.SPEC:
            Service.objects.filter(pk=self.service.pk).update(spec_imported_at=self.now)
        Unit.objects.filter(pk__in=_ids(self.plan.newly_contested)).update(contested_by=self.service)
        Unit.objects.filter(pk__in=_ids(self.plan.settled)).update(contested_by=None)
        self._withdraw_offers()

    def _insert(self, version: int) -> None:
        """COPY the new units. Their ids are drawn first, because fields name their endpoints."""
        if not self.plan.added:
            return
        columns = {column.attname: column.get_default() for column in Unit._meta.concrete_fields}
        names = ", ".join(f'"{name}"' for name in columns)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence('inventory_unit', 'id')) FROM generate_series(1, %s)",
                [len(self.plan.added)],
            )
            self.plan.ids.update(zip((unit.key for unit in self.plan.added), (row[0] for row in cursor), strict=True))
            with cursor.copy(f"COPY inventory_unit ({names}) FROM STDIN") as copy:
                for row in self._new_rows(columns, version):
                    copy.write_row(row)
            if len(self.plan.added) >= ANALYZE_FROM:
                cursor.execute("ANALYZE inventory_unit")

    def _new_rows(self, defaults: Mapping[str, Any], version: int) -> Iterator[tuple[Any, ...]]:
        """Rows in the order of `defaults`. Every column but these starts as the model says."""
        row = dict(defaults, project_id=self.project.pk, service_id=self.service.pk, added_at=self.now)
        row["source"] = str(self.source)
        total, ids = len(self.plan.added), self.plan.ids
        for done, unit in enumerate(self.plan.added, start=1):
            row["id"], row["key"], row["kind"] = ids[unit.key], unit.key, unit.kind
            row["operation"], row["description"], row["label"] = unit.operation.value, unit.description, unit.label
            row["runbook"], row["irreversible"] = unit.runbook, bool(unit.irreversible)
            row["parent_id"] = ids[unit.parent_key] if unit.parent_key else None
            # A field in the backlog is nothing to data planes: its first flip makes it known to them.
            row["table_version"] = version if unit.kind == "endpoint" else 0
            yield tuple(row.values())
            if self.progress is not None and (done % PROGRESS_EVERY == 0 or done == total):
                self.progress(done, total)

    def _change(self, version: int) -> None:
        if not self.plan.changed:
            return
        rows = [self._changed_row(change) for change in self.plan.changed]
        back = [change.known.id for change in self.plan.changed if change.known.gone]
        with connection.cursor() as cursor:
            if back:
                cursor.execute(_REMEMBER_ABSENCES, [self.now, back])
            cursor.execute(_UPDATE, [version, *map(list, zip(*rows, strict=True))])

    def _changed_row(self, change: Change) -> tuple[Any, ...]:
        known, spec = change.known, change.spec
        described = known.from_spec and spec.description
        return (
            known.id,
            spec.key,
            spec.kind,
            spec.description if described else known.description,
            spec.label,
            self.plan.ids[spec.parent_key] if spec.parent_key else known.parent_id,
            change.runbook,
            change.irreversible,
            change.rerouted,
        )

    def _withdraw_offers(self) -> None:
        """Endpoints that traffic had shown are tracked now: they are no longer offered."""
        shapes = {shape_of(unit.key) for unit in self.plan.added if unit.kind == "endpoint"}
        offers = ObservedEndpoint.objects.filter(project=self.project).values_list("pk", "key") if shapes else ()
        ObservedEndpoint.objects.filter(pk__in=[pk for pk, key in offers if shape_of(key) in shapes]).delete()


def _ids(units: Sequence[Known]) -> list[int]:
    return [unit.id for unit in units]
