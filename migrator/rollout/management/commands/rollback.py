"""`manage.py rollback UNIT|--service NAME|--all`: the way back with nothing but the database, and without it too."""

import re
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, InternalError, OperationalError, connection
from django.utils import timezone

from migrator.core.override import EVERYTHING, LIFETIME, LONGEST_LIFETIME, OverrideRefused
from migrator.core.stages import TransitionRefused
from migrator.core.wire import RoutingTable
from migrator.inventory.models import Project
from migrator.rollout import arguments, overrides
from migrator.rollout.irreversible import among
from migrator.rollout.scopes import Scope, one_unit
from migrator.rollout.services import Rollback, rollback, words

SHOWN: Final = 20
CONNECT_S: Final = 3
"""Patience with a database that may be away. Whoever rolls back is in a hurry."""
AWAY: Final = (OperationalError, InterfaceError, InternalError)
"""It does not answer, or is a standby that takes no writes."""
LONGEST_HOURS: Final = LONGEST_LIFETIME / 3600
SLUG: Final = re.compile(r"[A-Za-z0-9_-]{1,50}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to hold at legacy, in words that need no database."""

    project: str
    units: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    table: RoutingTable | None = None
    """The last that this host saw."""

    @property
    def name(self) -> str:
        return ", ".join((*self.units, *self.services)).replace(EVERYTHING, "every unit")

    @property
    def doubt(self) -> str:
        """Why the names may be wrong, in a sentence; empty where they are not."""
        if EVERYTHING in self.units:
            return ""
        if self.table is None:
            return "Nobody checked the name: this host has seen no table of that project."
        known = {unit.key for unit in self.table.units} | {service.name for service in self.table.services}
        if {*self.units, *self.services} <= known:
            return ""
        return f"Look at the name again: table {self.table.version}, the last that this host saw, has none such."


class Command(BaseCommand):
    help = (
        "Take a unit, a service or a project down to side by side with candidate 0 %. Repeating it is harmless. "
        "Where the database does not answer, leave a signed override that data planes obey until it is back."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("unit", metavar="UNIT", nargs="?", help="a unit's id or key")
        parser.add_argument("--service", metavar="NAME", help="every unit of this service")
        parser.add_argument("--all", action="store_true", help="every unit of the project")
        parser.add_argument("--stage", metavar="S", help="a lower stage than side_by_side: backlog or shadow")
        parser.add_argument("--reason", default="", help="why; the ledger keeps it")
        parser.add_argument("--sign", action="store_true", help="leave an override also where the database answers")
        parser.add_argument("--hours", default=str(LIFETIME / 3600), metavar="N", help="how long an override holds; 24")
        arguments.add_project(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if sum((bool(options["unit"]), bool(options["service"]), options["all"])) != 1:
            raise arguments.bad("Name one of: a UNIT, --service NAME, --all.")
        stage, hours = arguments.read_stage(options["stage"]), _hours(options["hours"])
        try:
            with _in_a_hurry():
                order, done = self._roll_back(stage, options)
        except AWAY as error:
            order = _order_without_database(options)
            first = str(error).strip().partition("\n")[0]
            self.stdout.write(f"NOT COMMITTED TO THE LEDGER YET: the database does not answer ({first}).")
            self._sign(order, hours=hours, options=options, committed=False)
            if order.doubt:
                self.stdout.write(order.doubt)
            if stage is not None:
                self.stdout.write(f"--stage {stage} is not part of it: legacy answers, whatever the stage.")
            return
        self._tell(done, named=bool(options["unit"]))
        if options["sign"]:
            self._sign(order, hours=hours, options=options, committed=True)

    def _roll_back(self, stage: Any, options: dict[str, Any]) -> tuple[Order, Rollback]:
        project, scope, order = self._scope(options)
        actor, now = arguments.operator(), timezone.now()
        try:
            done = rollback(project=project, scope=scope, actor=actor, now=now, reason=options["reason"], stage=stage)
        except TransitionRefused as refused:
            raise arguments.bad(f"--{refused.field}: {refused.message}") from None
        return order, done

    def _scope(self, options: dict[str, Any]) -> tuple[Project, Scope, Order]:
        project = arguments.find_project(options["project"])
        if options["unit"]:
            unit = arguments.find_unit(options["unit"], project=project)
            return unit.project, one_unit(unit), Order(project=unit.project.slug, units=(unit.key,))
        if options["service"]:
            service = arguments.find_service(options["service"], project=project)
            order = Order(project=service.project.slug, services=(service.name,))
            return service.project, Scope(service=service), order
        found = arguments.only_project(options["project"])
        return found, Scope(everything=True), Order(project=found.slug, units=(EVERYTHING,))

    def _tell(self, done: Rollback, *, named: bool) -> None:
        for flip in done.flips[:SHOWN]:
            self.stdout.write(f"{flip.unit.key}: {words(flip.before)} -> {words(flip.after)}")
        if len(done.flips) > SHOWN:
            self.stdout.write(f"and {len(done.flips) - SHOWN:,} more")
        for refused in done.left[:SHOWN]:
            self.stderr.write(f"{refused.unit.key}: {refused.message}")
        if named and done.left and not done.flips:
            raise CommandError("Nothing was rolled back.")
        self.stdout.write(f"Rolled back: {len(done.flips):,}. Left: {len(done.left):,}.")
        self._tell_what_stays(done)

    def _tell_what_stays(self, done: Rollback) -> None:
        """Writes that nothing undoes, each with where it says what to do."""
        lasting = among(unit_ids=[flip.unit_id for flip in done.flips if flip.from_candidate_bp])
        for write in lasting.writes:
            self.stdout.write(f"NOT UNDONE: what {write.key} did. Runbook: {write.runbook or 'nobody has named one'}")
        if lasting.more:
            self.stdout.write(f"NOT UNDONE: what {lasting.more:,} more writes did.")

    def _sign(self, order: Order, *, hours: float, options: dict[str, Any], committed: bool) -> None:
        try:
            override, path = overrides.issue(
                project=order.project,
                units=order.units,
                services=order.services,
                author=arguments.operator().name,
                reason=options["reason"],
                now=timezone.now(),
                version=order.table.version if order.table else None,
                seconds=hours * 3600,
            )
        except (OSError, OverrideRefused) as error:
            raise CommandError(
                f"No override could be left ({error}). Each gateway can still be held at legacy: "
                "write * into STATE_DIR/force_legacy, or POST /-/force-legacy on its admin address."
            ) from None
        name, project = order.name, override.project
        self.stdout.write(f"A signed override holds {name} of project {project} at legacy for {hours:g} h:")
        self.stdout.write(f"  {path}")
        self.stdout.write("Data planes that reach this control plane's address obey it within seconds.")
        self.stdout.write("For one that does not, copy the file into its STATE_DIR/overrides/.")
        if not committed:
            self.stdout.write("It becomes part of the ledger by itself once the database is back.")


@contextmanager
def _in_a_hurry() -> Iterator[None]:
    """Connect within CONNECT_S or not at all."""
    options = connection.settings_dict.setdefault("OPTIONS", {})
    before = dict(options)
    options.setdefault("connect_timeout", CONNECT_S)
    try:
        yield
    finally:
        connection.settings_dict["OPTIONS"] = before


def _hours(text: str) -> float:
    """Raises CommandError."""
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not 0 < hours <= LONGEST_HOURS:
        raise arguments.bad(f"--hours: a number above 0, at most {LONGEST_HOURS:g}; not {text!r}.")
    return hours


def _order_without_database(options: dict[str, Any]) -> Order:
    """What was named, with the help of the last table that this host saw. Raises CommandError."""
    slug, name = options["project"], options["unit"]
    if slug is not None and not SLUG.fullmatch(slug):
        raise arguments.bad(f"--project: {slug!r} is no project's slug.")
    tables = overrides.remembered(project=slug)
    table = tables[0] if len(tables) == 1 else None
    if slug is None and table is None:
        known = f" This host knows {', '.join(found.project for found in tables)}." if tables else ""
        raise arguments.bad(f"The database does not answer, so say which project: --project SLUG.{known}")
    project = slug or (table.project if table else "")
    if options["service"]:
        return Order(project=project, services=(options["service"],), table=table)
    if not name:
        return Order(project=project, units=(EVERYTHING,), table=table)
    if name.isdigit():
        key = next((unit.key for unit in (table.units if table else ()) if unit.id == int(name)), None)
        if key is None:
            raise arguments.bad(f"The database does not answer: name the unit by its key, not by its id {name}.")
        name = key
    return Order(project=project, units=(name,), table=table)
