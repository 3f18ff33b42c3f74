"""Whatever makes the scope grow or shrink, with who did it and why: the burn-up tells both."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from migrator.access.rights import Actor
from migrator.inventory import services as inventory
from migrator.inventory.imports import ImportReport, import_units
from migrator.inventory.models import ObservedEndpoint, Service, Unit
from migrator.ledger.changes import scope
from migrator.ledger.models import Kind
from migrator.ledger.services import record

DECLARED_KEPT: Final = 100
"""Units that one link of the ledger names, of those whose runbook or reversibility an import changed."""


@transaction.atomic
def import_specs(*, actor: Actor, reason: str = "", file: str = "", **options: Any) -> ImportReport:
    """What `inventory.imports.import_units` does with these options, recorded. A dry run records nothing."""
    report = import_units(**options)
    if not options.get("dry_run"):
        told = _Told(
            actor=actor,
            reason=reason,
            now=options["now"],
            service=options["service"],
            document=f"{file or 'spec'} of {options['service'].name}",
        )
        told.scope(report)
        told.declared(report)
    return report


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What the ledger says of one import."""

    actor: Actor
    reason: str
    now: datetime
    service: Service
    document: str

    def scope(self, report: ImportReport) -> None:
        back = f", {len(report.back):,} back" if report.back else ""
        scope(
            project=self.service.project,
            actor=self.actor,
            now=self.now,
            added=len(report.added) + len(report.back),
            gone=len(report.gone),
            headline=f"{self.document}: {len(report.added):,} added, {len(report.gone):,} gone{back}",
            reason=self.reason,
            service=self.service.name,
        )

    def declared(self, report: ImportReport) -> None:
        """Runbooks, and what can be undone: on-call acts on both, so it is kept who said otherwise before."""
        if not report.declared:
            return
        names = sorted({name for each in report.declared for name in each.after})
        count = len(report.declared)
        body = {
            "headline": f"{self.document}: {' and '.join(names)} of {count:,} unit{'' if count == 1 else 's'}",
            "service": self.service.name,
            "count": count,
            "units": [asdict(each) for each in report.declared[:DECLARED_KEPT]],
        }
        record(
            project=self.service.project, kind=Kind.SETTINGS, actor=self.actor, now=self.now, body=body,
            reason=self.reason,
        )  # fmt: skip


@transaction.atomic
def create_unit(*, actor: Actor, now: datetime, reason: str = "", **columns: Any) -> Unit:
    """One unit by hand. Raises inventory's Invalid."""
    unit = inventory.create_unit(now=now, **columns)
    _one_more(unit, "by hand", actor, now, reason)
    return unit


@transaction.atomic
def track_observed(*, observed: ObservedEndpoint, service: Service, actor: Actor, now: datetime) -> Unit:
    """An endpoint that traffic showed. Raises inventory's Invalid."""
    unit = inventory.track_observed(observed=observed, service=service, now=now)
    _one_more(unit, "seen in traffic", actor, now, "")
    return unit


def _one_more(unit: Unit, how: str, actor: Actor, now: datetime, reason: str) -> None:
    headline = f"{unit.key}, {how}"
    scope(project=unit.project, actor=actor, now=now, added=1, gone=0, headline=headline, reason=reason, unit=unit.key)
