"""`python -m demo.httpbin_seed --legacy-url URL --candidate-url URL --token-file FILE`: the httpbin project.

Its units come from the OpenAPI document that the candidate serves, and all reads are compared at once.
A second run finds it done and only renews the addresses.
"""

import argparse
import os
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import django
from django.apps import apps

if not apps.ready:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "migrator.settings")
    django.setup()

from django.db import transaction

from demo.tokens import gateway_token
from migrator.access.rights import Actor, console
from migrator.core.stages import ALL, Operation, Stage
from migrator.inventory import services as inventory
from migrator.inventory.importers.reading import read_spec
from migrator.inventory.models import Project, Unit
from migrator.ledger.scoping import import_specs
from migrator.rollout import services as rollout

SLUG: Final = "httpbin"
MANNERS: Final = {
    "announce_side": True,
    "value_paths": ["$..*"],
    # httpbin repeats the headers that it was sent: without this, the mark of a mirrored call would be a difference.
    "candidate_headers_dropped": ["x-migrator-mirror"],
}
PATIENCE: Final = 30.0
"""Seconds to wait for the document."""


@transaction.atomic
def seed(*, slug: str = SLUG, legacy_url: str, candidate_url: str, document: bytes, now: datetime) -> Project:
    """The project, made where there is none, with a unit for each endpoint and field of `document`."""
    project = Project.objects.filter(slug=slug).first()
    is_new = project is None
    if project is None:
        project = inventory.create_project(
            slug=slug,
            name="httpbin",
            legacy_name="httpbin, old",
            candidate_name="httpbin, new",
            now=now,
            manners=MANNERS,
        )
    service = inventory.save_service(project=project, name=SLUG, legacy_url=legacy_url, candidate_url=candidate_url)
    import_specs(
        project=project,
        service=service,
        specs=[read_spec(document, filename="spec.json")],
        file="spec.json",
        actor=console(name="make demo-httpbin"),
        now=now,
    )
    if is_new:
        compare_reads(project=project, actor=console(name="make demo-httpbin"), now=now)
    return project


def compare_reads(*, project: Project, actor: Actor, now: datetime) -> None:
    """Take all reads from the backlog to side by side, one step after the other, all of their requests mirrored."""
    for stage in (Stage.SHADOW, Stage.SIDE_BY_SIDE):
        units = Unit.objects.tracked().filter(project=project, operation=Operation.READ)
        changes = [rollout.Change(unit_id=unit.pk, version=unit.version, stage=stage, mirror=ALL) for unit in units]
        rollout.flip(project=project, changes=changes, actor=actor, reason="Compare every read", now=now)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.httpbin_seed", description="Make the httpbin project.")
    parser.add_argument("--project", metavar="SLUG", default=SLUG)
    parser.add_argument("--legacy-url", required=True)
    parser.add_argument("--candidate-url", required=True)
    parser.add_argument("--token-file", type=Path, required=True, help="where the gateway finds its token")
    options = parser.parse_args()
    now = datetime.now(UTC)
    with urllib.request.urlopen(f"{options.candidate_url}/spec.json", timeout=PATIENCE) as answer:
        document = answer.read()
    project = seed(
        slug=options.project,
        legacy_url=options.legacy_url,
        candidate_url=options.candidate_url,
        document=document,
        now=now,
    )
    gateway_token(project=project, file=options.token_file, now=now)


if __name__ == "__main__":
    main()
