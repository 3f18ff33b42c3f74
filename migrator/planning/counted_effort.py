"""From a tree of code, or from specs, to points of effort for a project's units."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from migrator.access.rights import Actor
from migrator.inventory.models import Project, Unit
from migrator.planning.attribution import Attributing, Attribution, Entry, Target, points_of, points_of_specs
from migrator.planning.lines import files_below, place, read
from migrator.planning.models import EffortSource
from migrator.planning.services import set_effort

Progress = Callable[[int, int], None]
"""Called with the files read so far, and all there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """What was counted, before it is kept. Points and lines by the ids of units."""

    source: EffortSource
    targets: Mapping[int, Target]
    points: Mapping[int, float]
    code: Attribution | None = None
    """None where specs were asked."""
    unread: tuple[str, ...] = ()
    """Files, and folders that could not be listed, of which nothing is known: where they are below the root."""

    @property
    def lines(self) -> dict[int, int]:
        return {pk: round(lines) for pk, lines in self.code.lines.items()} if self.code else {}


def targets_of(*, project: Project) -> list[Target]:
    """Every tracked unit, with the endpoint that it belongs to."""
    rows = Unit.objects.tracked().filter(project=project).order_by("key")
    return [
        Target(id=pk, key=key, service=service, endpoint=parent or pk)
        for pk, key, service, parent in rows.values_list("pk", "key", "service__name", "parent_id")
    ]


def count_code(
    *,
    project: Project,
    root: Path,
    per_100_lines: float,
    mapping: list[Entry],
    progress: Progress | None = None,
) -> Counting:
    """Lines of code below `root`, given to units by the mapping, or without one by the paths that stand in the code.

    What cannot be read is left out, and named.
    """
    targets = targets_of(project=project)
    attributing = Attributing(targets=targets, mapping=mapping)
    unread: list[str] = []
    paths = list(files_below(root, refused=lambda error: unread.append(place(Path(error.filename), root))))
    for number, path in enumerate(paths, start=1):
        try:
            source = read(path, root)
        except OSError:
            source = None
            unread.append(place(path, root))
        if source is not None:
            attributing.take(source)
        if progress is not None:
            progress(number, len(paths))
    found = attributing.found
    return Counting(
        source=EffortSource.LINES,
        targets={target.id: target for target in targets},
        points=points_of(found.lines, per_100_lines=per_100_lines),
        code=found,
        unread=tuple(unread),
    )


def count_specs(*, project: Project) -> Counting:
    """Points from the inventory, as specs filled it: parameters of endpoints, and depth of fields."""
    targets = targets_of(project=project)
    return Counting(
        source=EffortSource.SPEC,
        targets={target.id: target for target in targets},
        points=points_of_specs(targets),
    )


def keep(*, project: Project, counting: Counting, actor: Actor, now: datetime, reason: str = "") -> int:
    """Make the points the units' effort; what a person said stays. Returns how many changed. Raises Forbidden."""
    if not counting.points:
        return 0
    return set_effort(
        project=project,
        points=counting.points,
        lines=counting.lines,
        source=counting.source,
        actor=actor,
        now=now,
        reason=reason,
    )
