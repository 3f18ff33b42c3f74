"""`manage.py overrides`: the signed overrides that lie on this host, and what became of them."""

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from migrator.rollout import arguments, overrides
from migrator.rollout.overrides import Waiting


class Command(BaseCommand):
    help = "List the signed overrides that wait in OVERRIDES_DIR, or make them entries of the ledger now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--adopt", action="store_true", help="make them entries of the ledger now")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        found = overrides.waiting(now=now)
        for each in found:
            self.stdout.write(_line(each))
        if not found:
            self.stdout.write(f"Nothing waits in {overrides.folder()}.")
        if options["adopt"]:
            with arguments.database_needed():
                self.stdout.write(f"Adopted: {overrides.adopt_waiting(now=now)}.")


def _line(each: Waiting) -> str:
    if each.override is None:
        return f"{each.path.name}: refused, {each.refusal}"
    override = each.override
    until = datetime.fromtimestamp(override.expires_at, UTC)
    names = ", ".join((*override.units, *override.services))
    return f"{each.path.name}: {override.project}, {names}, by {override.author}, until {until:%Y-%m-%d %H:%M} UTC"
