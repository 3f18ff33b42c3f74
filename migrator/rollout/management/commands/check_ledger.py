"""Hash the ledger again, and say what was edited, deleted, reordered or forged."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from migrator.inventory.models import Project
from migrator.rollout.chain import Anchor, anchor, check


class Command(BaseCommand):
    help = (
        "Check that every entry of the ledger still fits the chain. With --anchor FILE also that the chain still holds "
        "the head that was kept there; --keep FILE writes the present heads. Exit code 1 where something does not fit."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--project", help="the slug of one project; all of them where it is left out")
        parser.add_argument("--anchor", type=Path, help="a file that --keep wrote earlier")
        parser.add_argument("--keep", type=Path, help="write the present heads here, for a place nobody can edit")

    def handle(self, *args: Any, **options: Any) -> None:
        projects = self._projects(options["project"])
        kept = _read(options["anchor"]) if options["anchor"] else {}
        sound = True
        for project in tqdm(projects, desc="Checking", unit=" ledgers", disable=not sys.stderr.isatty()):
            found = check(project=project, kept=kept.get(project.slug))
            sound = sound and found.sound
            self.stdout.write(f"{project.slug}: {found.sentence}")
            for fault in found.faults[1:20]:
                self.stdout.write(f"  {fault.sentence}")
        if not sound:
            sys.exit(1)
        if options["keep"]:
            _write(options["keep"], projects)
            self.stdout.write(f"Heads kept in {options['keep']}.")

    def _projects(self, slug: str | None) -> list[Project]:
        projects = list(Project.objects.filter(slug=slug) if slug else Project.objects.all())
        if slug and not projects:
            raise CommandError(f"There is no project {slug}.", returncode=2)
        return projects


def _read(path: Path) -> dict[str, Anchor]:
    try:
        return {each.project: each for each in msgspec.json.decode(path.read_bytes(), type=list[Anchor])}
    except (OSError, msgspec.DecodeError) as error:
        raise CommandError(f"--anchor {path} cannot be read: {error}", returncode=2) from None


def _write(path: Path, projects: list[Project]) -> None:
    heads = [head for project in projects if (head := anchor(project=project))]
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(heads), indent=2) + b"\n")
    except OSError as error:
        raise CommandError(f"--keep {path} cannot be written: {error.strerror}", returncode=2) from None
