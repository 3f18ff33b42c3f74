"""`manage.py create_token NAME --scope S [--project SLUG] [--owner PERSON]`: prints a token once."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
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
        parser.add_argument(
            "--owner", metavar="PERSON", help="who answers for it: nobody approves what their own token asks for"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        project = None
        if options["project"]:
            project = Project.objects.filter(slug=options["project"]).first()
            if project is None:
                raise CommandError(f"--project: there is no project {options['project']}.", returncode=2)
        if options["scope"] == Scope.INGEST and project is None:
            raise CommandError("--project: a data plane's token belongs to one project.", returncode=2)
        owner_id = _owner(options["owner"])
        secret = create_token(
            name=options["name"], scope=options["scope"], project=project, now=timezone.now(), owner_id=owner_id
        )
        self.stdout.write(secret)


def _owner(name: str | None) -> int | None:
    """The id of the person of that name; None where none is named. Raises CommandError where nobody is called so."""
    if name is None:
        return None
    accounts = get_user_model()
    person = accounts.objects.filter(**{accounts.USERNAME_FIELD: name}).first()
    if person is None:
        raise CommandError(f"--owner: there is no account {name}.", returncode=2)
    return int(person.pk)
