"""Takes the events of the history through the doors that people use, each with its day's date."""

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from demo.events import Deployed, Event, Imported, Moved, RolledBack
from demo.past_evidence import show
from demo.scene import Arranged, Scene, simulated
from migrator.access.rights import Actor, Via, machine
from migrator.core.stages import Stage
from migrator.core.wire import Side
from migrator.inventory.importers.reading import read_spec
from migrator.inventory.importers.spec import Spec
from migrator.inventory.models import Unit
from migrator.ledger.changes import deploy
from migrator.ledger.scoping import import_specs
from migrator.rollout import ramps
from migrator.rollout import services as rollout
from migrator.rollout.scopes import Scope

DOCUMENT: Final = Path(__file__).with_name("openapi.yaml")
GUARD: Final = machine(name="guard", via=Via.GUARD)


@dataclass(slots=True)
class Past:
    """The demo's project, living through its history."""

    scene: Scene
    dice: random.Random = field(default_factory=lambda: random.Random(40))

    def happen(self, event: Event | Arranged) -> None:
        match event:
            case Arranged():
                event.act(self.scene, event.at)
            case Imported():
                self._import(event)
            case Moved():
                self._move(event)
            case RolledBack():
                self._roll_back(event)
            case Deployed():
                service = self.scene.services[event.service]
                actor = simulated(event.actor)
                deploy(service=service, side=Side.CANDIDATE, build=event.build, actor=actor, now=event.at)

    def _import(self, event: Imported) -> None:
        service = self.scene.services[event.service]
        import_specs(
            project=self.scene.project,
            service=service,
            specs=[event.spec or running_spec()],
            actor=simulated(event.actor),
            reason=event.reason,
            now=event.at,
        )
        service.units.filter(team=None).update(team=self.scene.teams[event.service])

    def _move(self, event: Moved) -> None:
        units = self.scene.moved_together(event.keys)
        if event.proven and event.stage in (Stage.CANARY, Stage.CUTOVER, Stage.REMOVAL):
            show(units=units, harmed=False, now=event.at, dice=self.dice)
        rollout.flip(
            project=self.scene.project,
            changes=[_change(unit, event) for unit in units],
            actor=simulated(event.actor),
            reason=event.reason,
            now=event.at,
            override=True,
        )

    def _roll_back(self, event: RolledBack) -> None:
        units = self.scene.moved_together(event.keys)
        show(units=units, harmed=True, now=event.at, dice=self.dice)
        actor: Actor = GUARD if event.by_guard else simulated(event.actor)
        scope = Scope(unit_ids=tuple(unit.pk for unit in units))
        project = self.scene.project
        rollout.rollback(project=project, scope=scope, actor=actor, reason=event.reason, now=event.at)
        # Ramps of what was taken down notice it, as they do in life.
        ramps.tick(now=event.at, project=project)


def _change(unit: Unit, event: Moved) -> rollout.Change:
    return rollout.Change(
        unit_id=unit.pk,
        version=unit.version,
        stage=event.stage,
        candidate=event.candidate,
        mirror=event.mirror,
    )


def running_spec() -> Spec:
    """The document of the service that runs."""
    return read_spec(DOCUMENT.read_bytes(), filename=DOCUMENT.name)
