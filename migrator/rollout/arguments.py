"""What people type on the command line, made into what the door takes. Every refusal is one line and exit code 2."""

import getpass
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeVar

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError
from django.db import OperationalError

from migrator.access.rights import Actor, console
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Service, Unit

BAD_INPUT: Final = 2

Found = TypeVar("Found", Project, Unit, Service)


def add_project(parser: ArgumentParser) -> None:
    parser.add_argument("--project", metavar="SLUG", help="needed where several projects have what is named")


def bad(message: str) -> CommandError:
    return CommandError(message, returncode=BAD_INPUT)


def read_share(option: str, text: str | None) -> int | None:
    """`12.5` -> 1250 basis points. Raises CommandError."""
    if text is None:
        return None
    try:
        exact = Decimal(text.strip().removesuffix("%").strip())
    except InvalidOperation:
        exact = Decimal("NaN")
    if not exact.is_finite() or not 0 <= exact <= 100 or exact * 100 % 1:
        raise bad(f"{option}: a number from 0 to 100 with at most two decimals, such as 12.5; not {text!r}.")
    return int(exact * 100)


def read_stage(text: str | None) -> Stage | None:
    """Raises CommandError naming the stages."""
    if text is None or text in list(Stage):
        return Stage(text) if text else None
    raise bad(f"--stage: {text!r} is no stage. Stages: {', '.join(Stage)}.")


def find_project(slug: str | None) -> Project | None:
    """The project named, None where none is. Raises CommandError."""
    if slug is None:
        return None
    found = Project.objects.filter(slug=slug).first()
    if found is None:
        raise bad(
            f"--project: there is no project {slug}. {_there_are(Project.objects.values_list('slug', flat=True))}"
        )
    return found


def only_project(slug: str | None) -> Project:
    """The project named, or the only one there is. Raises CommandError."""
    project = find_project(slug)
    if project is not None:
        return project
    projects = list(Project.objects.all()[:20])
    if not projects:
        raise bad("There is no project yet.")
    return _the_one(projects, "--all", [found.slug for found in projects])


def find_unit(name: str, *, project: Project | None) -> Unit:
    """A tracked unit by its id or its key. Raises CommandError where there is none, or more than one."""
    units = Unit.objects.tracked().select_related("project")
    if project is not None:
        units = units.filter(project=project)
    by_id = name.isascii() and name.isdigit() and len(name) < 19
    found = list(units.filter(pk=int(name)) if by_id else units.filter(key=name))
    return _the_one(found, f"{'id ' if by_id else ''}{name}", [unit.project.slug for unit in found])


def find_service(name: str, *, project: Project | None) -> Service:
    """A service by its name. Raises CommandError."""
    services = Service.objects.select_related("project").filter(name=name)
    if project is not None:
        services = services.filter(project=project)
    found = list(services)
    return _the_one(found, f"service {name}", [service.project.slug for service in found])


def _the_one(found: list[Found], what: str, projects: list[str]) -> Found:
    if not found:
        raise bad(f"There is no {what} here.")
    if len(found) > 1:
        raise bad(f"{what} could be in any of these projects: {', '.join(projects)}. Say which with --project.")
    return found[0]


def _there_are(names: Any) -> str:
    return f"There are: {', '.join(names[:20])}." if names else "There are none yet."


def find_account(name: str) -> Any:
    """An account by its name. Raises CommandError."""
    found = get_user_model().objects.filter(**{get_user_model().USERNAME_FIELD: name}, is_active=True).first()
    if found is None:
        raise bad(f"There is no account {name} here.")
    return found


def operator() -> Actor:
    """Whoever runs the command, by the name of their account on this host."""
    return console(name=getpass.getuser())


@contextmanager
def database_needed() -> Iterator[None]:
    """Say in one line that the database is away, and what can still be done without it."""
    try:
        yield
    except OperationalError as error:
        first = str(error).strip().partition("\n")[0]
        raise CommandError(
            f"Nothing changed: the database does not answer ({first}). "
            "Each gateway can still be held at legacy: POST /-/force-legacy on its admin address."
        ) from None
