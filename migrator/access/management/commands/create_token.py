"""`manage.py create_token NAME --scope S [--project SLUG]`: prints a token once."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from migrator.access.models import Scope
from migrator.access.tokens import create_token
from migrator.inventory.models import Project


class Command(BaseCommand):
    help = "Make a token for a program. It is printed once; only its hash is kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what the token is for, such as gateway-eu")
        parser.add_argument("--scope", required=True, choices=Scope.values)
        parser.add_argument("--project", metavar="SLUG", help="the one project that the token opens")

    def handle(self, *args: Any, **options: Any) -> None:
        project = None
        if options["project"]:
            project = Project.objects.filter(slug=options["project"]).first()
            if project is None:
                raise CommandError(f"--project: there is no project {options['project']}.", returncode=2)
        if options["scope"] == Scope.INGEST and project is None:
            raise CommandError("--project: a data plane's token belongs to one project.", returncode=2)
        self.stdout.write(
            create_token(name=options["name"], scope=options["scope"], project=project, now=timezone.now())
        )
