"""Projects with a past, made through the doors that people use, at the moments at which they would have been."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from migrator.access.rights import Actor, console
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Service, Team, Unit
from migrator.inventory.services import create_team, create_unit, save_service
from migrator.planning.services import set_capacity, set_milestone
from migrator.rollout.freezes import freeze
from migrator.rollout.scopes import Scope
from migrator.rollout.services import Change, flip, rollback

CLIMB = (Stage.SHADOW, Stage.SIDE_BY_SIDE, Stage.CANARY, Stage.CUTOVER)
HOST = console(name="ana")


@dataclass(slots=True, kw_only=True)
class Past:
    """What happened so many days before `now`."""

    project: Project
    actor: Actor = HOST
    now: datetime = field(default_factory=timezone.now)
    services: dict[str, Service] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)

    def ago(self, days: float) -> datetime:
        return self.now - timedelta(days=days)

    def team(self, name: str, *, people: float | None = None, days: float = 400) -> Team:
        """A team with a service of its own, and as many people since so many days."""
        self.teams[name] = create_team(project=self.project, name=name)
        self.services[name] = save_service(project=self.project, name=name)
        if people is not None:
            since = self.ago(days).date()
            set_capacity(team=self.teams[name], people=people, since=since, actor=self.actor, now=self.now)
        return self.teams[name]

    def unit(
        self, key: str, *, known: float, done: float | None = None, team: str = "", stages: Sequence[Stage] = CLIMB
    ) -> Unit:
        """A unit that is known since `known` days; since `done` days it stands in the last of the stages."""
        if team not in self.services:
            self.services[team] = save_service(project=self.project, name=team or "main")
        unit = create_unit(
            project=self.project, service=self.services[team], team=self.teams.get(team), key=key, kind="endpoint",
            now=self.ago(known),
        )  # fmt: skip
        for at, stage in enumerate(stages if done is not None else ()):
            self.move(unit, stage, days=(done or 0) + (len(stages) - 1 - at) / 100)
        return unit

    def move(self, unit: Unit, stage: Stage, *, days: float) -> None:
        unit.refresh_from_db()
        change = Change(unit_id=unit.pk, version=unit.version, stage=stage)
        moment = self.ago(days)
        flip(project=self.project, changes=[change], actor=self.actor, reason="x", now=moment, override=True)

    def take_back(self, unit: Unit, *, days: float, reason: str = "prices differ") -> None:
        scope = Scope(unit_ids=(unit.pk,))
        rollback(project=self.project, scope=scope, actor=self.actor, reason=reason, now=self.ago(days))

    def weekly(self, team: str, *, done: int, left: int, known: float | None = None) -> list[Unit]:
        """A team that finished one unit a week until now, and has some left. Returns those that are left."""
        known = done * 7 + 7 if known is None else known
        for number in range(done):
            self.unit(f"GET /{team}/{number}", known=known, done=(done - number - 1) * 7 + 1, team=team)
        return [self.unit(f"GET /{team}/{number}", known=known, team=team) for number in range(done, done + left)]


def two_teams(project: Project) -> Past:
    """Ten weeks of two teams: one nearly done, one far behind; a rollback, a freeze, later scope, a mini-deadline."""
    past = Past(project=project)
    Project.objects.filter(pk=project.pk).update(deadline=(past.now + timedelta(days=150)).date())
    project.refresh_from_db()
    past.team("ants", people=4)
    past.team("bees", people=4)
    past.weekly("ants", done=10, left=3)
    past.weekly("bees", done=10, left=18)
    for number in range(2):
        past.unit(f"GET /bees/late/{number}", known=30, team="bees")
    past.take_back(Unit.objects.get(project=project, key="GET /bees/2"), days=2)
    freeze(project=project, actor=past.actor, reason="Black Friday", now=past.ago(12), ends_at=past.ago(10))
    due = (past.now + timedelta(days=60)).date()
    set_milestone(
        project=project, name="Ants are done", due=due, team=past.teams["ants"], actor=past.actor, now=past.ago(40)
    )
    return past
