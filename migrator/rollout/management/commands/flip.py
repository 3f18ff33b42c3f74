"""`manage.py flip UNIT --stage S …`: the single door, from a shell."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from migrator.rollout import arguments
from migrator.rollout.services import Change, Refused, flip, words


class Command(BaseCommand):
    help = "Move a unit to a stage, or change its percentages. Exit code 1 where the ladder or a gate refuses."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("unit", metavar="UNIT", help="a unit's id or key, such as 'GET /users/{id}'")
        parser.add_argument("--stage", metavar="S")
        parser.add_argument("--candidate-percent", metavar="N", help="0 to 100, at most two decimals")
        parser.add_argument("--mirror-percent", metavar="N", help="0 to 100, at most two decimals")
        parser.add_argument("--reason", default="", help="why; the ledger keeps it")
        parser.add_argument("--override", action="store_true", help="go on although the gate holds")
        arguments.add_project(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["reason"].strip():
            raise arguments.bad("--reason: say why; the ledger keeps it.")
        stage = arguments.read_stage(options["stage"])
        candidate = arguments.read_share("--candidate-percent", options["candidate_percent"])
        mirror = arguments.read_share("--mirror-percent", options["mirror_percent"])
        if stage is None and candidate is None and mirror is None:
            raise arguments.bad("Name a --stage, a --candidate-percent or a --mirror-percent.")
        with arguments.database_needed():
            unit = arguments.find_unit(options["unit"], project=arguments.find_project(options["project"]))
            change = Change(unit_id=unit.pk, version=unit.version, stage=stage, candidate=candidate, mirror=mirror)
            self._flip(unit, change, reason=options["reason"], override=options["override"])

    def _flip(self, unit: Any, change: Change, *, reason: str, override: bool) -> None:
        try:
            flips = flip(
                project=unit.project,
                changes=[change],
                actor=arguments.operator(),
                reason=reason,
                now=timezone.now(),
                override=override,
            )
        except Refused as refused:
            raise CommandError(refused.message) from None
        for entry in flips:
            self.stdout.write(f"{unit.key}: {words(entry.before)} -> {words(entry.after)}")
        if not flips:
            self.stdout.write(f"{unit.key}: already {words(unit.position)}")
