"""`manage.py flip UNIT --stage S …`: the single door, from a shell."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from migrator.access.rights import Forbidden, Via, person
from migrator.access.second_factor import WrongCode
from migrator.inventory.models import Unit
from migrator.inventory.services import Invalid
from migrator.rollout import arguments
from migrator.rollout.approvals import ask
from migrator.rollout.barriers import clock
from migrator.rollout.glass import break_glass
from migrator.rollout.services import Change, Refused, flip, words


class Command(BaseCommand):
    help = (
        "Move a unit to a stage, or change its percentages. Exit code 1 where the ladder refuses, or what stands in "
        "the way: a freeze, a cool-down, a missing proof, a second person who has not agreed, a gate."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("unit", metavar="UNIT", help="a unit's id or key, such as 'GET /users/{id}'")
        parser.add_argument("--stage", metavar="S")
        parser.add_argument("--candidate-percent", metavar="N", help="0 to 100, at most two decimals")
        parser.add_argument("--mirror-percent", metavar="N", help="0 to 100, at most two decimals")
        parser.add_argument("--reason", default="", help="why; the ledger keeps it")
        parser.add_argument("--override", action="store_true", help="go on although a gate or a cool-down holds")
        parser.add_argument("--ask", action="store_true", help="ask a second person for the step, where it takes two")
        parser.add_argument(
            "--break-glass",
            metavar="USER",
            help="go on whatever holds, as this account, by a code of its second factor",
        )
        parser.add_argument("--code", metavar="N", help="that code")
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
            try:
                self._ask(unit, change, options) if options["ask"] else self._flip(unit, change, options)
            except (Refused, WrongCode, Forbidden) as refused:
                raise CommandError(str(refused)) from None
            except Invalid as invalid:
                raise arguments.bad(invalid.message) from None

    def _ask(self, unit: Unit, change: Change, options: dict[str, Any]) -> None:
        asked = ask(
            project=unit.project,
            change=change,
            actor=arguments.operator(),
            reason=options["reason"],
            now=timezone.now(),
        )
        self.stdout.write(f"Asked: {asked.headline}. Open until {clock(asked.expires_at)}.")

    def _flip(self, unit: Unit, change: Change, options: dict[str, Any]) -> None:
        common: dict[str, Any] = {
            "project": unit.project,
            "changes": [change],
            "reason": options["reason"],
            "now": timezone.now(),
        }
        if options["break_glass"]:
            user = arguments.find_account(options["break_glass"])
            actor = person(user=user, project=unit.project, via=Via.COMMAND)
            flips = break_glass(user=user, actor=actor, code=options["code"] or "", **common)
        else:
            flips = flip(actor=arguments.operator(), override=options["override"], **common)
        for entry in flips:
            self.stdout.write(f"{unit.key}: {words(entry.before)} -> {words(entry.after)}")
        if not flips:
            self.stdout.write(f"{unit.key}: already {words(unit.position)}")
