"""Units that wait for each other in a ring: each alone looks sensible, and none can ever begin."""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence

from migrator.core.queues import Cycle, Piece, by_urgency
from migrator.inventory.models import Project, Unit
from migrator.planning.models import Dependency
from migrator.planning.queries.slices import Slice


def ring_with(*, unit: Unit, needs: Unit) -> list[str]:
    """The keys of the ring that would close if `unit` needed `needs`, as a reader walks it; empty if none would."""
    if unit.pk == needs.pk:
        return [unit.key]
    way = _way(_needs_of(unit.project), needs.pk, unit.pk)
    keys = Unit.objects.in_bulk(way)
    return [unit.key, *(keys[pk].key for pk in way[:-1])] if way else []


def ring(*, project: Project, phase: str = "") -> str:
    """What is wrong with the dependencies of a project or of one phase, in words; empty where nothing is."""
    inside = Slice(phase=phase).of_units(project, "unit__")
    pairs = Dependency.objects.filter(inside, unit__project=project).values_list("unit__key", "needs__key")
    needs: dict[str, list[str]] = defaultdict(list)
    for unit, needed in pairs:
        needs[unit].append(needed)
    try:
        by_urgency([Piece(id=key, team="", size=1.0, needs=tuple(each)) for key, each in needs.items()])
    except Cycle as found:
        return str(found)
    return ""


def _needs_of(project: Project) -> Mapping[int, Sequence[int]]:
    needs: dict[int, list[int]] = defaultdict(list)
    for unit, needed in Dependency.objects.filter(unit__project=project).values_list("unit_id", "needs_id"):
        needs[unit].append(needed)
    return needs


def _way(needs: Mapping[int, Sequence[int]], start: int, goal: int) -> list[int]:
    """The shortest way from one unit to another along what each needs; empty where there is none."""
    came_from: dict[int, int | None] = {start: None}
    waiting = deque([start])
    while waiting and goal not in came_from:
        at = waiting.popleft()
        for needed in needs.get(at, ()):
            if needed not in came_from:
                came_from[needed] = at
                waiting.append(needed)
    way: list[int] = []
    step = goal if goal in came_from else None
    while step is not None:
        way.append(step)
        step = came_from[step]
    return way[::-1]
