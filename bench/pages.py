"""How long the server takes for each page and list at 100,000 units and 90 days of history.

A PostgreSQL of its own, durable as in production; the pages are asked for in this process, templates and
queries included, the network left out. Median of the rounds after one to warm up.
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import django

from migrator.local.child import Child
from migrator.local.servers import Postgres, Valkey

ROUNDS = 15
GOAL_MS = 200


def started(server: Postgres | Valkey) -> Child:
    server.prepare()
    child = server.child()
    child.start()
    server.wait_ready(child)
    return child


def measure(project_id: int) -> list[tuple[str, float, int]]:
    """(address, median milliseconds, bytes) of each page."""
    from django.contrib.auth.models import User  # noqa: PLC0415 - models exist once Django is set up
    from django.test import Client  # noqa: PLC0415

    from migrator.inventory.models import Unit  # noqa: PLC0415

    client = Client(HTTP_HOST="localhost")
    client.force_login(User.objects.create_superuser("bench"))
    unit = Unit.objects.filter(project=project_id, stage="canary", kind="endpoint").latest("pk")
    figures = []
    for address in addresses(unit.pk):
        times, size = [], 0
        for _ in range(ROUNDS + 1):
            start = time.perf_counter()
            answer = client.get(address)
            size = len(answer.content)
            times.append((time.perf_counter() - start) * 1_000)
            if answer.status_code != 200:
                sys.exit(f"{address}: {answer.status_code}")
        figures.append((address, statistics.median(times[1:]), size))
    return figures


def addresses(unit: int) -> tuple[str, ...]:
    return (
        "/",
        "/p/bench/",
        "/p/bench/inventory",
        "/p/bench/inventory?search=things/777",
        "/p/bench/inventory?stage=canary",
        f"/p/bench/units/{unit}",
        "/p/bench/burndown",
        "/p/bench/oncall",
        "/p/bench/ledger",
        "/p/bench/data-planes",
        "/api/v1/projects/bench/units/",
        "/api/v1/projects/bench/units/?search=things/777",
        f"/api/v1/units/{unit}/evidence/",
        "/api/v1/projects/bench/burndown/",
    )


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="mb-", dir="/tmp") as folder:
        home = Path(folder)
        home.chmod(0o711)
        postgres = Postgres(data=home / "data", runtime=home / "run", log=home / "postgres.log", options={})
        valkey = Valkey(data=home / "valkey", runtime=home / "run2", log=home / "valkey.log", options={})
        servers = [started(postgres), started(valkey)]
        os.environ |= {"DATABASE_URL": postgres.url, "REDIS_URL": valkey.url, "SECRET_KEY": "bench"}
        os.environ["DJANGO_SETTINGS_MODULE"] = "migrator.settings"
        django.setup()
        try:
            report()
        finally:
            for server in servers:
                server.stop()


def report() -> None:
    from django.core.management import call_command  # noqa: PLC0415

    from bench.population import populate, settle  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    project = populate()
    settle()
    print(f"{'page':55}{'median ms':>10}{'KB':>8}")
    for address, milliseconds, size in measure(project.pk):
        late = "" if milliseconds <= GOAL_MS else f"  over {GOAL_MS}"
        print(f"{address:55}{milliseconds:10.0f}{size / 1024:8.1f}{late}")


if __name__ == "__main__":
    main()
