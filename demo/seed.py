"""`python -m demo.seed --legacy-url URL --candidate-url URL`: the demo's project and its history.

The history is made up and marked as such, but it came in as any history does: units through the import, every
move through the one door, each in its order and with its day's date. What a visitor does next goes on from there.
All of it is one transaction; a second run finds it done and only renews the services' addresses.
"""

import argparse
import os
import random
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import django
from django.apps import apps

if not apps.ready:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "migrator.settings")
    django.setup()

from django.contrib.auth import get_user_model
from django.db import transaction
from tqdm import tqdm

from demo.comments.candidate import Candidate
from demo.history import DAYS, Deployed, Event, Imported, Moved, RolledBack, history
from demo.past_evidence import passing_evidence, show
from demo.past_traffic import write_past_traffic
from demo.scope import COMMENTS, COMMENTS_TEAM, UNDERTAKINGS
from demo.tokens import gateway_token
from migrator.access.models import Membership, Role
from migrator.access.rights import RIGHTS, Actor, Via
from migrator.core.stages import Stage
from migrator.core.wire import Side
from migrator.inventory import services as inventory
from migrator.inventory.importers.reading import read_spec
from migrator.inventory.importers.spec import Spec
from migrator.inventory.imports import import_units
from migrator.inventory.models import Project, Service, Team, Unit
from migrator.rollout import services as rollout
from migrator.rollout.scopes import Scope

SLUG: Final = "comments"
DEADLINE_IN: Final = timedelta(days=63)
MANNERS: Final = {
    "subject_source": "header",
    "subject_name": "X-User",
    "announce_side": True,
    # Nothing here is anybody's: pages may show all values.
    "value_paths": ["$..*"],
}
POLICY: Final = {
    # Loose, so that a clean endpoint can pass within minutes of a demo's traffic: 377 callers without a difference.
    "mismatch_limit": 0.01,
    "harm_limit": 0.02,
}
PEOPLE: Final = {"engineer": Role.ENGINEER, "on-call": Role.ON_CALL, "viewer": Role.VIEWER}
"""Accounts of the other roles. Nobody can sign in as them before `manage.py changepassword` gives them a password."""
DOCUMENT: Final = Path(__file__).with_name("openapi.yaml")


class Taken(ValueError):
    """There is a project of the demo's name, and it is somebody's own."""


@transaction.atomic
def seed(*, legacy_url: str, candidate_url: str, now: datetime) -> Project:
    """The demo's project, made where there is none; its running service answers at these addresses.

    Raises Taken where a project of that name is no simulation.
    """
    project = Project.objects.filter(slug=SLUG).first()
    if project is None:
        project = _new_project(now=now)
    if not project.simulated:
        raise Taken(f"There is a project {SLUG} that is not the demo's: it stays untouched. Rename it first.")
    inventory.save_service(project=project, name=COMMENTS, legacy_url=legacy_url, candidate_url=candidate_url)
    return project


def _new_project(*, now: datetime) -> Project:
    project = inventory.create_project(
        slug=SLUG,
        name="Morning Post",
        legacy_name="monolith",
        candidate_name="comments-go",
        now=now - timedelta(days=DAYS, hours=1),
        deadline=(now + DEADLINE_IN).date(),
        simulated=True,
        manners=MANNERS,
        policy=POLICY,
    )
    _add_people(project)
    past = Past(project=project)
    with passing_evidence(project=project):
        for event in tqdm(history(now=now), desc="Three months", file=sys.stderr, mininterval=1):
            past.happen(event)
    write_past_traffic(project=project, now=now)
    # The build that runs from here on: what was simulated says nothing about it, so evidence starts afresh.
    inventory.record_deploy(service=past.services[COMMENTS], side=Side.CANDIDATE, build=Candidate.build, now=now)
    return project


def _add_people(project: Project) -> None:
    for name, role in PEOPLE.items():
        user, is_new = get_user_model().objects.get_or_create(username=name)
        if is_new:
            user.set_unusable_password()
            user.save()
        Membership.objects.get_or_create(project=project, user=user, defaults={"role": role})


@dataclass(slots=True)
class Past:
    """Takes events of the history through the doors that people use."""

    project: Project
    services: dict[str, Service]
    teams: dict[str, Team]
    dice: random.Random

    def __init__(self, *, project: Project) -> None:
        self.project, self.dice = project, random.Random(40)
        named = [(COMMENTS, COMMENTS_TEAM), *((one.service, one.team) for one in UNDERTAKINGS)]
        self.services = {name: inventory.save_service(project=project, name=name, **nowhere(name)) for name, _ in named}
        self.teams = {name: Team.objects.create(project=project, name=team) for name, team in named}

    def happen(self, event: Event) -> None:
        match event:
            case Imported():
                self._import(event)
            case Moved():
                self._move(event)
            case RolledBack():
                self._roll_back(event)
            case Deployed():
                inventory.record_deploy(
                    service=self.services[event.service], side=Side.CANDIDATE, build=event.build, now=event.at
                )

    def _import(self, event: Imported) -> None:
        service = self.services[event.service]
        spec = event.spec or running_spec()
        import_units(project=self.project, service=service, specs=[spec], now=event.at)
        service.units.filter(team=None).update(team=self.teams[event.service])

    def _move(self, event: Moved) -> None:
        units = self._units(event.keys)
        if event.proven and event.stage in (Stage.CANARY, Stage.CUTOVER, Stage.REMOVAL):
            show(units=units, harmed=False, now=event.at, dice=self.dice)
        changes = [
            rollout.Change(
                unit_id=unit.pk,
                version=unit.version,
                stage=event.stage,
                candidate=event.candidate,
                mirror=event.mirror,
            )
            for unit in units
        ]
        rollout.flip(
            project=self.project,
            changes=changes,
            actor=simulated(event.actor),
            reason=event.reason,
            now=event.at,
            override=True,
        )

    def _roll_back(self, event: RolledBack) -> None:
        units = self._units(event.keys)
        show(units=units, harmed=True, now=event.at, dice=self.dice)
        scope = Scope(unit_ids=tuple(unit.pk for unit in units))
        rollout.rollback(
            project=self.project, scope=scope, actor=simulated(event.actor), reason=event.reason, now=event.at
        )

    def _units(self, keys: tuple[str, ...]) -> list[Unit]:
        """The endpoints of these keys and the fields of their answers, which move with them here."""
        endpoints = Unit.objects.filter(project=self.project, key__in=keys)
        return [*endpoints, *Unit.objects.filter(parent__in=endpoints)]


def nowhere(service: str) -> dict[str, str]:
    """Addresses of a service that does not run: names that are kept free for such (RFC 6761)."""
    return {f"{side}_url": f"http://{service}.{side}.invalid" for side in Side}


def running_spec() -> Spec:
    """The document of the service that runs."""
    return read_spec(DOCUMENT.read_bytes(), filename=DOCUMENT.name)


def simulated(name: str) -> Actor:
    """Somebody who never was. They may override the gate, which is what writes need: nothing is compared of them."""
    return Actor(name=name, via=Via.SIMULATION, rights=RIGHTS[Role.ADMIN])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.seed", description="Make the demo's project and history.")
    parser.add_argument("--legacy-url", required=True)
    parser.add_argument("--candidate-url", required=True)
    parser.add_argument("--token-file", type=Path, required=True, help="where the gateway finds its token")
    options = parser.parse_args()
    now = datetime.now(UTC)
    project = seed(legacy_url=options.legacy_url, candidate_url=options.candidate_url, now=now)
    gateway_token(project=project, file=options.token_file, now=now)


if __name__ == "__main__":
    main()
