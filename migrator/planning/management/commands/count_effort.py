"""`manage.py count_effort PATH --project SLUG`: how much work each unit is, counted in code or in specs."""

import json
import math
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand
from django.utils import timezone
from tqdm import tqdm

from migrator.inventory.models import Project
from migrator.inventory.services import Invalid
from migrator.planning.attribution import Attribution, Entry, read_mapping
from migrator.planning.counted_effort import Counting, Progress, count_code, count_specs, keep
from migrator.rollout import arguments

SHOWN: Final = 20
NAMED: Final = 3
"""Files that could not be read and are called by name."""
NAME: Final = 200
"""Characters of such a name."""
PER_100_LINES: Final = 1.0


class Command(BaseCommand):
    help = "Estimate the effort of units from lines of code, or from what their specs say."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", nargs="?", metavar="PATH", help="the folder of legacy's code, or one file of it")
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--from-spec", action="store_true", help="count parameters and fields instead of code")
        parser.add_argument(
            "--mapping", metavar="FILE", help="YAML: whose which files are; without it, paths in the code say so"
        )
        parser.add_argument(
            "--points-per-100-lines", type=_positive, default=PER_100_LINES, metavar="N", help="(default: %(default)s)"
        )
        parser.add_argument("--reason", default="", metavar="WHY", help="the ledger keeps it")
        parser.add_argument("--dry-run", action="store_true", help="say what would be set, and set nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, path: str | None, project: str, **options: Any) -> None:
        if (path is None) != options["from_spec"]:
            raise arguments.bad("Name the folder of the code, or --from-spec.")
        with arguments.database_needed():
            found = _project(project)
            try:
                counting = self._counted(found, path, options)
                changed = 0 if options["dry_run"] else self._kept(found, counting, options["reason"])
            except Invalid as invalid:
                raise arguments.bad(f"{invalid.field}: {invalid.message}") from None
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(counting, changed), ensure_ascii=False))
        else:
            self._say(counting, changed, dry_run=options["dry_run"])

    def _counted(self, project: Project, path: str | None, options: dict[str, Any]) -> Counting:
        if path is None:
            return count_specs(project=project)
        root = Path(path)
        if not root.exists():
            raise Invalid("PATH", f"{path} is not there.")
        with tqdm(unit=" files", file=sys.stderr, disable=not sys.stderr.isatty(), leave=False) as bar:
            return count_code(
                project=project,
                root=root,
                per_100_lines=options["points_per_100_lines"],
                mapping=_mapping(options["mapping"]),
                progress=_progress(bar),
            )

    def _kept(self, project: Project, counting: Counting, reason: str) -> int:
        return keep(project=project, counting=counting, actor=arguments.operator(), now=timezone.now(), reason=reason)

    def _say(self, counting: Counting, changed: int, *, dry_run: bool) -> None:
        for line in _table(counting):
            self.stdout.write(line)
        if counting.code is not None:
            self.stdout.write(_told(counting.code))
        if counting.unread:
            self.stderr.write(_unread(counting.unread))
        total = sum(counting.points.values())
        missing = len(counting.targets) - len(counting.points)
        verb = "would be estimated" if dry_run else "estimated"
        self.stdout.write(
            f"{len(counting.points):,} units {verb}, {total:,.1f} points in all; {missing:,} units without a finding."
        )
        if not dry_run:
            self.stdout.write(f"{changed:,} have other points than before; what people said stays.")


def _table(counting: Counting) -> list[str]:
    """The largest units, with what they were estimated from."""
    largest = sorted(counting.points.items(), key=lambda each: (-each[1], counting.targets[each[0]].key))
    lines = counting.lines
    rows = [f"{'points':>9}  {'lines':>8}  {'files':>6}  unit"] if largest else []
    for pk, points in largest[:SHOWN]:
        files = f"{counting.code.files[pk]:,}" if counting.code else "-"
        counted = f"{lines[pk]:,}" if pk in lines else "-"
        rows.append(f"{points:>9,.2f}  {counted:>8}  {files:>6}  {counting.targets[pk].key}")
    if len(largest) > SHOWN:
        rows.append(f"… and {len(largest) - SHOWN:,} more")
    return rows


def _told(code: Attribution) -> str:
    languages = ", ".join(f"{name} {lines:,}" for name, lines in code.languages.most_common())
    total = sum(code.languages.values())
    return (
        f"{total:,} lines of code in {code.seen_files:,} files ({languages or 'no language that is known'});"
        f" {code.unclaimed:,} lines are nobody's."
    )


def _unread(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    what = "file or folder" if len(names) == 1 else "files or folders"
    return f"warning: {len(names):,} {what} could not be read and not counted: {', '.join(_named(names))}{more}"


def _named(names: Sequence[str]) -> list[str]:
    """The first ones, as they can be printed: a path is bytes, and may be long."""
    printable = (name.encode("utf-8", "backslashreplace").decode() for name in names[:NAMED])
    return [name if len(name) <= NAME else f"{name[:NAME]}…" for name in printable]


def _as_json(counting: Counting, changed: int) -> dict[str, Any]:
    lines = counting.lines
    units = [
        {"id": pk, "key": counting.targets[pk].key, "points": points, "lines": lines.get(pk)}
        for pk, points in sorted(counting.points.items(), key=lambda each: -each[1])
    ]
    told: dict[str, Any] = {"source": str(counting.source), "changed": changed, "units": units}
    if counting.code is not None:
        code = counting.code
        told |= {"files": code.seen_files, "languages": dict(code.languages), "unclaimed_lines": code.unclaimed}
        told |= {"unread": len(counting.unread), "unread_first": _named(counting.unread)}
    return told


def _project(slug: str) -> Project:
    found = arguments.find_project(slug)
    if found is None:
        raise arguments.bad("--project: name the project.")
    return found


def _mapping(name: str | None) -> list[Entry]:
    if name is None:
        return []
    try:
        return read_mapping(Path(name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid("--mapping", f"{name}: {getattr(error, 'strerror', None) or error}.") from None


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and 0 < number <= 1e6):
        raise ArgumentTypeError(f"a number above 0, not {text!r}.")
    return number


def _progress(bar: "tqdm[Any]") -> Progress:
    def show(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    return show
