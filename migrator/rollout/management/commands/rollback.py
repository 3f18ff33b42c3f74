"""`manage.py rollback UNIT|--service NAME|--all`: the way back with nothing but the database."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from migrator.core.stages import TransitionRefused
from migrator.inventory.models import Project
from migrator.rollout import arguments
from migrator.rollout.scopes import Scope, one_unit
from migrator.rollout.services import Rollback, rollback, words

SHOWN = 20


class Command(BaseCommand):
    help = "Take a unit, a service or a project down to side by side with candidate 0 %. Repeating it is harmless."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("unit", metavar="UNIT", nargs="?", help="a unit's id or key")
        parser.add_argument("--service", metavar="NAME", help="every unit of this service")
        parser.add_argument("--all", action="store_true", help="every unit of the project")
        parser.add_argument("--stage", metavar="S", help="a lower stage than side_by_side: backlog or shadow")
        parser.add_argument("--reason", default="", help="why; the ledger keeps it")
        arguments.add_project(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if sum((bool(options["unit"]), bool(options["service"]), options["all"])) != 1:
            raise arguments.bad("Name one of: a UNIT, --service NAME, --all.")
        stage = arguments.read_stage(options["stage"])
        with arguments.database_needed():
            project, scope = self._scope(options)
            try:
                done = rollback(
                    project=project,
                    scope=scope,
                    actor=arguments.operator(),
                    now=timezone.now(),
                    reason=options["reason"],
                    stage=stage,
                )
            except TransitionRefused as refused:
                raise arguments.bad(f"--{refused.field}: {refused.message}") from None
        self._tell(done, named=bool(options["unit"]))

    def _scope(self, options: dict[str, Any]) -> tuple[Project, Scope]:
        project = arguments.find_project(options["project"])
        if options["unit"]:
            unit = arguments.find_unit(options["unit"], project=project)
            return unit.project, one_unit(unit)
        if options["service"]:
            service = arguments.find_service(options["service"], project=project)
            return service.project, Scope(service=service)
        return arguments.only_project(options["project"]), Scope(everything=True)

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
