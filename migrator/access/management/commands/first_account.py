"""`manage.py first_account`: makes the first admin of a fresh instance and prints its name and password."""

import os
import secrets
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Make the first admin where there is none. Prints `name password` once, nothing if an account exists."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", default="admin")

    def handle(self, *args: Any, **options: Any) -> None:
        accounts = get_user_model().objects
        if accounts.exists():
            return
        password = os.environ.get("FIRST_PASSWORD") or secrets.token_urlsafe(9)
        accounts.create_superuser(username=options["name"], password=password)
        self.stdout.write(f"{options['name']} {password}")
