"""`manage.py guard`: a guard of its own, for hosts without Celery or for whoever wants one more."""

import signal
import threading
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection

from migrator.rollout import arguments, guard
from migrator.rollout.pulse import REGULAR, database_now, holder


class Command(BaseCommand):
    help = "Watch every unit that serves callers, and take back what is proven to harm. Needs the database alone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--every", type=float, default=3.0, metavar="SECONDS", help="from 0.5 to 10, usually 3")
        parser.add_argument("--once", action="store_true", help="look once and say what was found")
        parser.add_argument("--seconds", type=float, metavar="N", help="stop by itself after so long")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0.5 <= options["every"] <= 10:
            raise arguments.bad("--every: from 0.5 to 10 seconds; silent for longer, the standby takes over.")
        self.name = holder("guard")
        if options["once"]:
            with arguments.database_needed():
                self._tell(guard.look(holder=self.name, now=database_now(), name=REGULAR))
            return
        self._watch(options["every"], options["seconds"])

    def _watch(self, every_s: float, seconds: float | None) -> None:
        """Look until somebody asks us to stop. A database that is away is waited for."""
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        ends = None if seconds is None else time.monotonic() + seconds
        while not stopping.is_set() and (ends is None or time.monotonic() < ends):
            try:
                self._tell(guard.look(holder=self.name, now=database_now(), unless_within_s=every_s / 2), quiet=True)
            except DatabaseError as error:
                self.stderr.write(f"The database does not answer: {str(error).strip().splitlines()[0]}")
                connection.close()
            stopping.wait(every_s)

    def _tell(self, look: guard.Look, *, quiet: bool = False) -> None:
        if quiet and not (look.rolled_back or look.suggested):
            return
        if not look.mine:
            self.stdout.write("Another guard is looking.")
            return
        self.stdout.write(
            f"Serving: {look.serving:,}. Judged: {look.judged:,}. Rolled back: {look.rolled_back:,}. "
            f"Suggested: {look.suggested:,}. Took {look.took_ms:,.0f} ms."
        )
