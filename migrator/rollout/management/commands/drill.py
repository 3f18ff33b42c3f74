"""`manage.py drill`: the rollback ladder on an instance of its own, each rung with what it is made for dead."""

import json
import time
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from migrator.drill.rungs import RUNGS, Result, drill, everything_returns
from migrator.drill.scene import SceneFailed, scene
from migrator.local.servers import ServerFailed
from migrator.rollout import arguments

WRITES_OVERRIDES: Final = ("2b", "2c", "2d")
ROW: Final = "{:<4} {:<26} {:<26} {:>9} {:>9} {:>9} {:>7}  {}"


class Command(BaseCommand):
    help = (
        "Try every rung of the rollback ladder on a private instance with traffic, killing database, Redis, workers "
        "and web in turn, and say how many seconds each took. Touches nothing else. Exit code 1 where one fails."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rung", action="append", default=[], metavar="N", help="only these, such as 2 or 2c")
        parser.add_argument("--json", action="store_true", help="print the results as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = tuple(options["rung"])
        known = [rung.number for rung, _ in RUNGS]
        if wanted and not all(any(number.startswith(each) for number in known) for each in wanted):
            raise arguments.bad(f"--rung: there are {', '.join(known)}.")
        began, self._quiet = time.monotonic(), options["json"]
        try:
            results, adopted = self._drill(wanted)
        except (SceneFailed, ServerFailed, OSError) as failure:
            raise CommandError(f"The drill could not be held: {failure}") from None
        written = sum(result.number in WRITES_OVERRIDES for result in results)
        took = time.monotonic() - began
        if options["json"]:
            rows = [asdict(result) | {"passed": result.passed} for result in results]
            self.stdout.write(json.dumps({"rungs": rows, "overrides": written, "adopted": adopted, "seconds": took}))
        self._say(f"{adopted} of {written} overrides are entries of the ledger. It took {took:.0f} s.")
        if adopted != written or not all(result.passed for result in results):
            raise CommandError("A rung of the ladder does not hold.")

    def _drill(self, wanted: tuple[str, ...]) -> tuple[list[Result], int]:
        self._say("Building an instance of its own …")
        with scene() as (made, load):
            self._say(ROW.format("", "way down", "dead", "seconds", "requests", "failed", "slowest", ""))
            results = []
            for result in drill(made, load, chosen=lambda number: not wanted or number.startswith(wanted)):
                results.append(result)
                self._say(_row(result))
            return results, everything_returns(made)

    def _say(self, line: str) -> None:
        if not self._quiet:
            self.stdout.write(line)
            self.stdout.flush()


def _row(result: Result) -> str:
    verdict = (
        "ok" if result.passed else f"FAILED: {result.error or f'within {result.limit:g} s, and no failed request'}"
    )
    return ROW.format(
        result.number,
        result.name,
        result.dead or "nothing",
        f"{result.seconds:.2f}",
        f"{result.requests:,}",
        result.failed,
        f"{result.slowest:.2f}",
        verdict,
    )
