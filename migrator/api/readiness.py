"""What must answer before this instance may be sent traffic. Each check says `ok` or what is wrong, in one line."""

from collections.abc import Callable
from functools import cache
from typing import Final

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

OK: Final = "ok"
PATIENCE_S: Final = 2.0


def check_database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return f"does not answer: {one_line(error)}"
    return OK


def check_redis() -> str:
    try:
        with redis_client() as client:
            client.ping()
    except redis.RedisError as error:
        return f"does not answer: {one_line(error)}"
    return OK


def check_migrations() -> str:
    try:
        missing = sorted(known_migrations() - set(MigrationRecorder(connection).applied_migrations()))
    except DatabaseError as error:
        return f"cannot be read: {one_line(error)}"
    if not missing:
        return OK
    return f"{len(missing)} not applied, such as {'.'.join(missing[0])}: run `manage.py migrate`"


@cache
def known_migrations() -> frozenset[tuple[str, str]]:
    """Every migration of this release. The files do not change while a process runs."""
    return frozenset(MigrationLoader(None).graph.nodes)


CHECKS: Final[dict[str, Callable[[], str]]] = {
    "database": check_database,
    "redis": check_redis,
    "migrations": check_migrations,
}


def redis_client() -> "redis.Redis":
    """A client that gives up soon: whoever asks for health is in a hurry."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S, retry=None
    )


def one_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__
