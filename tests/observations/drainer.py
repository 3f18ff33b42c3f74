"""A worker to kill: `python -m tests.observations.drainer` drains for ever, with `setup` it makes the unit first."""

import sys
import time

import django
import redis

django.setup()

from django.core.management import call_command  # noqa: E402 - Django must be set up
from django.db import Error, connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from migrator.inventory.models import Kind  # noqa: E402
from migrator.inventory.services import create_project, create_unit, save_service  # noqa: E402
from migrator.observations.services import drain  # noqa: E402


def set_up() -> None:
    call_command("migrate", verbosity=0)
    now = timezone.now()
    project = create_project(slug="shop", name="Shop", now=now)
    service = save_service(project=project, name="api")
    unit = create_unit(project=project, service=service, key="GET /users", kind=Kind.ENDPOINT, now=now)
    sys.stdout.write(str(unit.pk))


def work() -> None:
    while True:
        try:
            if drain(now=timezone.now(), patience_s=1.0):
                continue
        except (Error, redis.RedisError):
            connection.close()
        time.sleep(0.01)


if __name__ == "__main__":
    set_up() if sys.argv[1:] == ["setup"] else work()
