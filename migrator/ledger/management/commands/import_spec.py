"""`manage.py import_spec FILE --project SLUG`: endpoints and fields of a spec become units."""

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from getpass import getuser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm

from migrator.access.rights import console
from migrator.inventory.importers.documents import MAX_BYTES
from migrator.inventory.importers.reading import DEFAULT_DEPTH, read_spec
from migrator.inventory.importers.spec import Spec, SpecError
from migrator.inventory.imports import ImportReport, Progress, service_for_import
from migrator.inventory.models import Project
from migrator.inventory.services import Invalid
from migrator.ledger.scoping import import_specs

SHOWN = ("added", "changed", "gone", "unchanged")
SHOWN_IF_ANY = ("back", "contested", "kept")
EXIT_BAD_INPUT = 2


class Command(BaseCommand):
    help = "Import OpenAPI documents (2 or 3.x, JSON or YAML) or GraphQL schemas (SDL) as units."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "files", nargs="+", metavar="FILE", help="all specs of the service: what is in none is gone"
        )
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--service", metavar="NAME", help="needed where the project has several")
        parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--depth",
            type=int,
            default=DEFAULT_DEPTH,
            help="how many names deep fields of answers are tracked; 0 for endpoints only (default: %(default)s)",
        )
        parser.add_argument(
            "--base-path", metavar="PATH", help="stands before every path; '' for none (default: what the spec says)"
        )

    def handle(self, *, files: list[str], depth: int, base_path: str | None, **options: Any) -> None:
        try:
            specs = [read_spec(_bytes(name), filename=name, depth=depth, base_path=base_path) for name in files]
            report = _import(specs, files, **options)
        except (SpecError, Invalid) as error:
            raise CommandError(str(error), returncode=EXIT_BAD_INPUT) from None
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(report, specs), ensure_ascii=False))
        else:
            self._say(report, dry_run=options["dry_run"])

    def _say(self, report: ImportReport, *, dry_run: bool) -> None:
        counts = report.counts()
        shown = [*SHOWN, *(name for name in SHOWN_IF_ANY if counts[name])]
        line = ", ".join(f"{counts[name]:,} {name}" for name in shown)
        self.stdout.write(f"{'Would be: ' if dry_run else ''}{line}")
        for warning in report.warnings:
            self.stderr.write(f"warning: {warning}")


def _import(
    specs: list[Spec], files: list[str], *, project: str, service: str | None, dry_run: bool, **_: Any
) -> ImportReport:
    found = Project.objects.filter(slug=project).first()
    if found is None:
        raise Invalid("project", f"There is no project {project!r}.")
    with tqdm(unit=" units", file=sys.stderr, disable=not sys.stderr.isatty(), leave=False) as bar:
        return import_specs(
            actor=console(name=getuser()),
            file=", ".join(Path(name).name for name in files)[:100],
            project=found,
            service=service_for_import(project=found, name=service, dry_run=dry_run),
            specs=specs,
            now=timezone.now(),
            dry_run=dry_run,
            progress=_progress(bar),
        )


def _progress(bar: "tqdm[Any]") -> Progress:
    def show(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    return show


def _as_json(report: ImportReport, specs: list[Spec]) -> dict[str, Any]:
    """Counts under the plain names; keys beside them, but for what did not change."""
    keys = {f"{name}_keys": value for name, value in asdict(report).items() if name not in ("unchanged", "warnings")}
    read = [{"title": spec.title, "format": spec.format, "counts": dict(spec.counts)} for spec in specs]
    return report.counts() | {"warnings": list(report.warnings), "specs": read} | keys


def _bytes(name: str) -> bytes:
    """The file's content, one byte beyond the limit at most. Raises SpecError in words."""
    try:
        with Path(name).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SpecError(f"{name}: {error.strerror or error}.") from None
