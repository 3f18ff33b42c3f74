"""What the demo's story is told with: the project, its people, and things that happen beside the moves."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from migrator.access.models import Role
from migrator.access.rights import RIGHTS, Actor, Via
from migrator.inventory.models import Project, Service, Team, Unit

MARK: Final = "simulated: "
"""What every reason of somebody who never was begins with."""


@dataclass(slots=True, kw_only=True)
class Scene:
    """The demo's project while its past is told."""

    project: Project
    services: dict[str, Service]
    teams: dict[str, Team]
    accounts: dict[str, int]
    """Accounts of the demo's people, by name."""

    def unit(self, key: str) -> Unit:
        return Unit.objects.select_related("project", "service").get(project=self.project, key=key)

    def moved_together(self, keys: Iterable[str]) -> list[Unit]:
        """The endpoints of these keys and the fields of their answers, which move with them here."""
        endpoints = Unit.objects.filter(project=self.project, key__in=list(keys))
        return [*endpoints, *Unit.objects.filter(parent__in=endpoints)]

    def person(self, name: str, role: Role = Role.ENGINEER) -> Actor:
        """One of the demo's accounts, as an actor of the simulation."""
        return Actor(name=name, via=Via.SIMULATION, rights=RIGHTS[role], user_id=self.accounts[name])


@dataclass(frozen=True, slots=True, kw_only=True)
class Arranged:
    """Something beside the moves: a plan, a policy, a note. `act` takes it through the door that people use."""

    at: datetime
    act: Callable[[Scene, datetime], object]


def simulated(name: str) -> Actor:
    """Somebody who never was. They may override the gate, which is what writes need: nothing is compared of them."""
    return Actor(name=name, via=Via.SIMULATION, rights=RIGHTS[Role.ADMIN])
