"""Which units a chart looks at, and by what measure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db.models import Avg, Q, QuerySet

from migrator.inventory.models import Project
from migrator.planning.models import Effort, PhaseUnit


class Measure(StrEnum):
    """What is added up."""

    UNITS = "units"
    EFFORT = "effort"
    """Points of effort. A unit that nobody estimated counts as the mean of those that somebody did."""


class Tagged(StrEnum):
    """Whose a unit is, where it went from one team or service to another."""

    NOW = "now"
    """As today: the whole past of a unit is its present team's."""
    THEN = "then"
    """As it was on each day: history does not change when somebody reorganises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Which units are looked at. None and empty mean all of them."""

    service: str = ""
    team: str = ""
    kind: str = ""
    phase: str = ""
    tagged: Tagged = Tagged.NOW

    @property
    def by_tags(self) -> bool:
        """Whether it asks for what a unit can change."""
        return bool(self.service or self.team or self.phase)

    @property
    def as_then(self) -> bool:
        """Whether it asks for units as they were tagged on each day, where that makes a difference."""
        return self.by_tags and self.tagged is Tagged.THEN

    @property
    def is_everything(self) -> bool:
        """Whether no unit is left out: then it does not matter as of when they are tagged."""
        return not (self.by_tags or self.kind)

    def of_units(self, project: Project, prefix: str = "") -> Q:
        """The units as tagged now.

        Names are looked up once here: joined to every flip they would double the time of the page.
        """
        wanted: dict[str, Any] = {"kind": self.kind} if self.kind else {}
        if self.service:
            wanted["service_id__in"] = self.services(project)
        if self.team:
            wanted["team_id__in"] = self.teams(project)
        if self.phase:
            phases = ids(project.phases.filter(name=self.phase))
            wanted["pk__in"] = PhaseUnit.objects.filter(phase__in=phases, removed_at__isnull=True).values("unit")
        return Q(**{prefix + column: value for column, value in wanted.items()})

    def services(self, project: Project) -> list[int]:
        return ids(project.services.filter(name=self.service))

    def teams(self, project: Project) -> list[int]:
        return ids(project.teams.filter(name=self.team))


def ids(rows: QuerySet[Any]) -> list[int]:
    return list(rows.values_list("pk", flat=True))


def mean_effort(*, project: Project) -> float:
    """Points of a unit that nobody estimated."""
    return Effort.objects.filter(unit__project=project).aggregate(mean=Avg("points"))["mean"] or 1.0


def named(rows: Iterable[Any]) -> dict[int, str]:
    return {row.pk: row.name for row in rows}
