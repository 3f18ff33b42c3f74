"""Units that went from one team or service to another, each with all that it went through."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import F, Q

from migrator.core.stages import Stage
from migrator.inventory.models import Absence, Project, TagChange, Unit
from migrator.rollout.models import Flip


@dataclass(slots=True)
class Wanderer:
    """One unit with all that it went through."""

    added_at: datetime
    gone_at: datetime | None
    points: float | None
    moves: list[tuple[datetime, str, str, int]] = field(default_factory=list)
    """When, from where, to where, by which flip."""
    tags: list[tuple[datetime, int, int | None]] = field(default_factory=list)
    """Since when it was which service's and which team's."""
    absences: list[tuple[datetime, datetime]] = field(default_factory=list)
    """From when to when it was out of scope, before it came back."""

    def turns(self) -> list[datetime]:
        """The moments at which it may come into somebody's scope, or leave it."""
        gone = [] if self.gone_at is None else [self.gone_at]
        return sorted({*(at for at, *_ in self.tags), *(at for each in self.absences for at in each), *gone})

    def is_tracked(self, moment: datetime) -> bool:
        is_away = any(gone <= moment < back for gone, back in self.absences)
        return not is_away and (self.gone_at is None or moment < self.gone_at)

    def stage_at(self, moment: datetime) -> Stage:
        stage = Stage.BACKLOG
        for at, _, after, _ in self.moves:
            if at > moment:
                break
            stage = Stage(after)
        return stage

    def tags_at(self, moment: datetime) -> tuple[int, int | None]:
        """Service and team; only of units whose tags were read."""
        standing = [(service, team) for at, service, team in self.tags if at <= moment]
        return standing[-1] if standing else self.tags[0][1:]


def _read(unit_ids: Iterable[int]) -> dict[int, Wanderer]:
    rows = Unit.objects.filter(pk__in=list(unit_ids)).values_list("pk", "added_at", "gone_at", "effort__points")
    known = {pk: Wanderer(added, gone, points) for pk, added, gone, points in rows}
    flips = Flip.objects.filter(unit_id__in=known).exclude(from_stage=F("to_stage")).order_by("pk")
    for pk, at, before, after, flip in flips.values_list("unit_id", "at", "from_stage", "to_stage", "pk"):
        known[pk].moves.append((at, before, after, flip))
    for pk, gone, back in Absence.objects.filter(unit_id__in=known).values_list("unit_id", "gone_at", "back_at"):
        known[pk].absences.append((gone, back))
    return known


def tag_histories(project: Project, kind: str) -> dict[int, Wanderer]:
    """Units that ever changed their tags."""
    changes = TagChange.objects.filter(Q(unit__kind=kind) if kind else Q(), unit__project=project).order_by("pk")
    rows = list(changes)
    known = _read({row.unit_id for row in rows})
    for row in rows:
        history = known[row.unit_id]
        if not history.tags:
            history.tags.append((history.added_at, row.service_before, row.team_before))
        history.tags.append((row.at, row.service_after, row.team_after))
    return known
