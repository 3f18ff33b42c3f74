"""`python -m demo.seed --legacy-url URL --candidate-url URL …`: the demo's project and its history.

The history is made up and marked as such, but it came in as any history does: units through the import, every
move through the one door, every plan, policy and note through its service, each in its order and with its day's
date. What a visitor does next goes on from there. All of it is one transaction; a second run finds it done and
only renews the addresses.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from operator import attrgetter
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

from demo import removing, told, under_way
from demo.comments.candidate import Candidate
from demo.demanded import demanded, waive
from demo.events import Event
from demo.history import ACTORS, DAYS, history
from demo.past import Past
from demo.past_evidence import passing_evidence
from demo.past_traffic import write_past_traffic
from demo.planned import planned
from demo.scene import MARK, Arranged, Scene, simulated
from demo.scope import COMMENTS, COMMENTS_TEAM, RUNBOOKS, UNDERTAKINGS
from demo.tokens import gateway_token, keep
from migrator.access.models import Membership, Role
from migrator.core.wire import Side
from migrator.inventory import services as inventory
from migrator.inventory.models import Project, Team
from migrator.ledger.changes import deploy

SLUG: Final = "comments"
DEADLINE_IN: Final = timedelta(days=240)
"""Until then nobody is answered by the monolith any more: just missed, unless people move to who falls behind. Its code
may go later: that is the last phase."""
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
    "cool_down_s": 14_400,
    "removal_days": 7,
    # A visitor is alone here: policies and waivers may be tried without a second person.
    "four_eyes": ["cutover", "removal", "removed"],
}
PEOPLE: Final = {
    under_way.MARA: Role.ENGINEER,
    under_way.NOOR: Role.ENGINEER,
    "on-call": Role.ON_CALL,
    "viewer": Role.VIEWER,
}
"""Accounts of the other roles. Nobody can sign in as them before `manage.py changepassword` gives them a password."""
OF_ONE_TEAM: Final = ("ines", "subscriptions")
"""An engineer of one team only, and that team's service."""


class Taken(ValueError):
    """There is a project of the demo's name, and it is somebody's own."""


@transaction.atomic
def seed(*, legacy_url: str, candidate_url: str, receiver_url: str, secrets: Path, now: datetime) -> Project:
    """The demo's project, made where there is none; its running service answers at these addresses.

    `secrets` is the folder for what is shown once. Raises Taken where a project of that name is no simulation.
    """
    project = Project.objects.filter(slug=SLUG).first()
    if project is None:
        project = _new_project(secrets=secrets, now=now)
    if not project.simulated:
        raise Taken(f"There is a project {SLUG} that is not the demo's: it stays untouched. Rename it first.")
    inventory.save_service(project=project, name=COMMENTS, legacy_url=legacy_url, candidate_url=candidate_url)
    told.set_channel(project=project, url=receiver_url, now=now)
    return project


def _new_project(*, secrets: Path, now: datetime) -> Project:
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
    scene = _scene(project)
    past = Past(scene=scene)
    story: list[Event | Arranged] = [*history(now=now), *planned(now=now), *demanded(now=now)]
    story += [*removing.removing(now=now), *under_way.under_way(now=now)]
    with passing_evidence(project=project):
        for event in tqdm(sorted(story, key=attrgetter("at")), desc="Four months", file=sys.stderr, mininterval=1):
            past.happen(event)
    write_past_traffic(project=project, now=now)
    for arranged in _today(scene, now):
        past.happen(arranged)
    told.forget_old_news(now=now)
    under_way.ask_for_cutover(scene, now)
    keep(secret=told.set_hook(project=project, now=now), file=secrets / f"hook-{SLUG}")
    keep(secret=told.share(project=project, now=now), file=secrets / f"share-{SLUG}")
    return project


def _today(scene: Scene, now: datetime) -> Iterator[Arranged]:
    """What rests on the counters of the past, and what goes on."""
    yield Arranged(at=now, act=removing.tear_down)
    yield Arranged(at=now, act=removing.look)
    yield Arranged(at=now, act=removing.scan_again)
    yield Arranged(at=now, act=removing.look)
    # The build that runs from here on: what was simulated says nothing about it, so evidence starts afresh.
    yield Arranged(at=now, act=deploy_what_runs)
    yield Arranged(at=now, act=waive)
    yield Arranged(at=now, act=under_way.let_climb)
    yield Arranged(at=now, act=under_way.leave_notes)


def deploy_what_runs(scene: Scene, now: datetime) -> None:
    deploy(
        service=scene.services[COMMENTS],
        side=Side.CANDIDATE,
        build=Candidate.build,
        actor=simulated(ACTORS[COMMENTS][0]),
        now=now,
        reason=f"{MARK}the build that runs here",
    )


def _scene(project: Project) -> Scene:
    named = [(COMMENTS, COMMENTS_TEAM), *((one.service, one.team) for one in UNDERTAKINGS)]
    by_name = {team: inventory.create_team(project=project, name=team) for team in sorted({team for _, team in named})}
    teams = {name: by_name[team] for name, team in named}
    services = {name: inventory.save_service(project=project, name=name, **nowhere(name)) for name, _ in named}
    services[COMMENTS] = inventory.save_service(project=project, name=COMMENTS, runbook=f"{RUNBOOKS}/{COMMENTS}")
    accounts = {name: _member(project, name, role) for name, role in PEOPLE.items()}
    name, service = OF_ONE_TEAM
    accounts[name] = _member(project, name, Role.ENGINEER, team=teams[service])
    return Scene(project=project, services=services, teams=teams, accounts=accounts)


def _member(project: Project, name: str, role: Role, *, team: Team | None = None) -> int:
    user, is_new = get_user_model().objects.get_or_create(username=name)
    if is_new:
        user.set_unusable_password()
        user.save()
    Membership.objects.get_or_create(project=project, user=user, team=team, defaults={"role": role})
    return int(user.pk)


def nowhere(service: str) -> dict[str, str]:
    """Addresses of a service that does not run: names that are kept free for such (RFC 6761)."""
    return {f"{side}_url": f"http://{service}.{side}.invalid" for side in Side}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.seed", description="Make the demo's project and history.")
    parser.add_argument("--legacy-url", required=True)
    parser.add_argument("--candidate-url", required=True)
    parser.add_argument("--receiver-url", required=True, help="where the demo's messages go")
    parser.add_argument("--token-file", type=Path, required=True, help="where the gateway finds its token")
    options = parser.parse_args()
    now = datetime.now(UTC)
    project = seed(
        legacy_url=options.legacy_url,
        candidate_url=options.candidate_url,
        receiver_url=options.receiver_url,
        secrets=options.token_file.parent,
        now=now,
    )
    gateway_token(project=project, file=options.token_file, now=now)


if __name__ == "__main__":
    main()
