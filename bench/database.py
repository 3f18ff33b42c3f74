"""Servers of a benchmark's own: nothing that anybody works with is measured, or written to."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django

from migrator.local.child import Child
from migrator.local.servers import Postgres, Valkey


@contextmanager
def own_database() -> Iterator[None]:
    """PostgreSQL, durable as in production, and Valkey, with the product's tables; Django is set up upon them."""
    with tempfile.TemporaryDirectory(prefix="mb-", dir="/tmp") as folder:
        home = Path(folder)
        home.chmod(0o711)
        postgres = Postgres(data=home / "data", runtime=home / "run", log=home / "postgres.log", options={})
        valkey = Valkey(data=home / "valkey", runtime=home / "run2", log=home / "valkey.log", options={})
        servers = [started(postgres), started(valkey)]
        os.environ |= {"DATABASE_URL": postgres.url, "REDIS_URL": valkey.url, "SECRET_KEY": "bench"}
        os.environ["DJANGO_SETTINGS_MODULE"] = "migrator.settings"
        try:
            django.setup()
            from django.core.management import call_command  # noqa: PLC0415 - commands exist once Django is set up

            call_command("migrate", verbosity=0)
            yield
        finally:
            for server in reversed(servers):
                server.stop()


def started(server: Postgres | Valkey) -> Child:
    server.prepare()
    child = server.child()
    child.start()
    server.wait_ready(child)
    return child
