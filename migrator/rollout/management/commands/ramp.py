"""`manage.py ramp start|pause|resume|skip-wait|stop|list`: units that climb by themselves, from the command line."""

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any, Final

from django.core.management.base import BaseCommand

from migrator.core.ramp import Plan, PlanRefused
from migrator.core.ramp_text import read_plan
from migrator.inventory.models import Project, Unit
from migrator.inventory.queries import Wanted
from migrator.rollout import arguments, ramp_queries, ramps
from migrator.rollout.models import Ramp
from migrator.rollout.pulse import database_now

SHOWN: Final = 20
PLAN: Final = ("steps", "soak", "days", "begin", "end", "zone", "at_once")
VERBS: Final = {"pause": ramps.pause, "resume": ramps.resume, "skip-wait": ramps.skip_wait, "stop": ramps.stop}


class Command(BaseCommand):
    help = "Let units climb by themselves, step by step, as far as their evidence carries them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="start|pause|resume|skip-wait|stop|list")
        self._add_start(verbs.add_parser("start", help="begin"))
        for verb in VERBS:
            self._add_change(verbs.add_parser(verb, help=f"{verb} ramps of units, or all of a project"))
        listing = verbs.add_parser("list", help="the ramps that have not ended")
        arguments.add_project(listing)

    def _add_start(self, parser: ArgumentParser) -> None:
        parser.add_argument("unit", nargs="*", metavar="UNIT", help="ids or keys")
        for name in ("service", "team", "stage", "search"):
            parser.add_argument(f"--{name}", default="", help=f"instead of naming units: every unit of this {name}")
        parser.add_argument("--steps", default="", help="`1, 5, 25, 50, 100, cutover`; `5 for 2h` has its own soak")
        parser.add_argument("--soak", default="", help="how long evidence flows at each step: 30m")
        parser.add_argument("--days", default="", help="working hours: mon-fri")
        parser.add_argument("--begin", default="", help="working hours: 09:00")
        parser.add_argument("--end", default="", help="working hours: 17:00")
        parser.add_argument("--zone", default="", help="working hours: Europe/Berlin")
        parser.add_argument("--at-once", default="", help="so many units of one service under way at once")
        parser.add_argument("--all-or-none", action="store_true", help="start none where one cannot be started")
        parser.add_argument("--dry-run", action="store_true", help="say what would be started and what not")
        parser.add_argument("--reason", default="", help="why; the ledger keeps it")
        arguments.add_project(parser)

    def _add_change(self, parser: ArgumentParser) -> None:
        parser.add_argument("unit", nargs="*", metavar="UNIT", help="ids or keys of the units that climb")
        parser.add_argument("--all", action="store_true", help="every ramp of the project")
        parser.add_argument("--reason", default="", help="why; the ledger keeps it")
        arguments.add_project(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with arguments.database_needed():
            if options["verb"] == "list":
                self._list(options)
            elif options["verb"] == "start":
                self._start(options)
            else:
                self._change(options)

    def _start(self, options: dict[str, Any]) -> None:
        try:
            plan = read_plan(**{name: options[name] for name in PLAN})
        except PlanRefused as refused:
            raise arguments.bad(f"--{refused.field.replace('_', '-')}: {refused.message}") from None
        project, ids = self._units(options)
        if options["dry_run"]:
            self._preview(ramps.preview(project=project, unit_ids=ids, plan=plan), plan)
            return
        try:
            done = ramps.start(
                project=project,
                unit_ids=ids,
                plan=plan,
                actor=arguments.operator(),
                reason=options["reason"],
                now=database_now(),
                all_or_none=options["all_or_none"],
            )
        except (ramps.NoneReady, PlanRefused) as refused:
            raise arguments.bad(str(refused)) from None
        self._tell_left(done.left)
        self.stdout.write(f"Started: {len(done.ramps):,} ({plan.words}). Left out: {len(done.left):,}.")

    def _preview(self, seen: ramps.Preview, plan: Plan) -> None:
        self._tell_left(seen.left)
        self.stdout.write(f"{seen.sentence} Plan: {plan.words}. Nothing was started.")

    def _units(self, options: dict[str, Any]) -> tuple[Project, list[int]]:
        """The units named, or those that a filter finds."""
        wanted = Wanted(**{name: options[name] for name in ("service", "team", "stage", "search")})
        if bool(options["unit"]) == (not wanted.is_empty):
            raise arguments.bad("Name units, or a filter (--service, --team, --stage, --search), not both.")
        if options["unit"]:
            return self._named(options)
        project = arguments.only_project(options["project"])
        units = Unit.objects.tracked().filter(project=project).filter(wanted.as_query())
        return project, list(units.order_by("key").values_list("pk", flat=True)[: ramps.MOST])

    def _named(self, options: dict[str, Any]) -> tuple[Project, list[int]]:
        project = arguments.find_project(options["project"])
        units = [arguments.find_unit(name, project=project) for name in options["unit"]]
        if len({unit.project_id for unit in units}) > 1:
            raise arguments.bad("These units are of several projects. Name one with --project.")
        return units[0].project, [unit.pk for unit in units]

    def _change(self, options: dict[str, Any]) -> None:
        project, ids = self._ramps(options)
        done = VERBS[options["verb"]](
            project=project, ramp_ids=ids, actor=arguments.operator(), now=database_now(), reason=options["reason"]
        )
        self._tell_left(done.left)
        for ramp in done.ramps[:SHOWN]:
            self.stdout.write(f"{ramp.unit.key}: {ramp.get_state_display()}. {ramps.keeps_running(ramp.unit)}")
        self.stdout.write(f"Changed: {len(done.ramps):,}. Left: {len(done.left):,}.")
        if ids and not done.ramps:
            raise arguments.bad("Nothing was changed.")

    def _ramps(self, options: dict[str, Any]) -> tuple[Project, list[int]]:
        if bool(options["unit"]) == options["all"]:
            raise arguments.bad("Name units, or --all.")
        open_ramps = Ramp.objects.filter(ended_at__isnull=True)
        if options["all"]:
            project = arguments.only_project(options["project"])
            return project, list(open_ramps.filter(project=project).values_list("pk", flat=True))
        project, units = self._named(options)
        found = dict(open_ramps.filter(unit__in=units).values_list("unit_id", "pk"))
        for name, unit in zip(options["unit"], units, strict=True):
            if unit not in found:
                raise arguments.bad(f"{name} does not climb.")
        return project, list(found.values())

    def _list(self, options: dict[str, Any]) -> None:
        project = arguments.only_project(options["project"])
        self.stdout.write(ramp_queries.sentence(ramp_queries.counts(project=project)))
        for row in ramp_queries.ramps_of(project=project, state="open"):
            self.stdout.write(f"{row.unit_key}: {row.plan}; {row.state_words}; {row.waiting} (by {row.starter})")

    def _tell_left(self, left: Sequence[ramps.Left]) -> None:
        for each in left[:SHOWN]:
            self.stderr.write(f"{each.key}: {each.reason}")
        if len(left) > SHOWN:
            self.stderr.write(f"and {len(left) - SHOWN:,} more")
