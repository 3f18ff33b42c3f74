"""Whatever makes the scope grow or shrink, with who did it and why: the burn-up tells both."""

from datetime import datetime
from typing import Any

from django.db import transaction

from migrator.access.rights import Actor
from migrator.inventory import services as inventory
from migrator.inventory.imports import ImportReport, import_units
from migrator.inventory.models import ObservedEndpoint, Service, Unit
from migrator.ledger.changes import scope


@transaction.atomic
def import_specs(*, actor: Actor, reason: str = "", file: str = "", **options: Any) -> ImportReport:
    """What `inventory.imports.import_units` does with these options, recorded. A dry run records nothing."""
    report = import_units(**options)
    if not options.get("dry_run"):
        service = options["service"]
        back = f", {len(report.back):,} back" if report.back else ""
        told = f"{len(report.added):,} added, {len(report.gone):,} gone{back}"
        scope(
            project=options["project"],
            actor=actor,
            now=options["now"],
            added=len(report.added) + len(report.back),
            gone=len(report.gone),
            headline=f"{file or 'spec'} of {service.name}: {told}",
            reason=reason,
            service=service.name,
        )
    return report


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
