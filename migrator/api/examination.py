"""What `manage.py doctor` looks at: what was found, and the remedy where it is wrong."""

import http.client
import os
import shutil
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import DatabaseError, connection

from migrator.api.readiness import OK, PATIENCE_S, check_migrations, one_line, redis_client
from migrator.celery import app
from migrator.inventory.models import Project
from migrator.local import addresses
from migrator.observations.queries import lag
from migrator.rollout import guard
from migrator.rollout.queries import convergence

OLDEST_POSTGRES: Final = 150_000
LAG_S: Final = 60.0
FREE_BYTES: Final = 1_000_000_000
FREE_SHARE: Final = 0.05
PLACEHOLDERS: Final = ("change", "secret", "insecure", "example", "password")
LOOPBACK: Final = {"localhost", "127.0.0.1", "[::1]"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the doctor's report. `remedy` is set where something is wrong."""

    name: str
    said: str
    remedy: str = ""

    @property
    def ok(self) -> bool:
        return not self.remedy


def examine(*, now: datetime, url: str | None = None) -> Iterator[Finding]:
    """Every finding, cheapest first. `url` is where the product is reached, where it does not run in this checkout."""
    yield from settings_of_this_process()
    database = database_found()
    yield database
    yield redis_found()
    yield disk_found()
    yield web_found(url)
    yield worker_found()
    if database.ok:
        for examination in (migrations_found, accounts_found, reports_found, data_planes_found, guard_found):
            yield examined(examination, now)


def examined(examination: Callable[[datetime], Finding], now: datetime) -> Finding:
    """A finding, also where the database or Redis fails in the middle of it."""
    try:
        return examination(now)
    except (DatabaseError, redis.RedisError) as error:
        name = examination.__name__.removesuffix("_found").replace("_", " ")
        return Finding(name=name, said=one_line(error), remedy="Mend what is wrong above first.")


# ----------------------------------------------------------------------------------- settings


def settings_of_this_process() -> Iterator[Finding]:
    """Settings that the environment decides; whoever starts the product must have the same."""
    yield secret_key_found()
    yield hosts_found()


def secret_key_found() -> Finding:
    given = os.environ.get("SECRET_KEY", "")
    if not given:
        return Finding(name="SECRET_KEY", said=f"made for this checkout, kept in {addresses.state_dir()}")
    if len(given) < 32 or any(word in given.lower() for word in PLACEHOLDERS):
        remedy = "Set it to 50 random characters; everybody is signed out once."
        return Finding(name="SECRET_KEY", said="short, or a placeholder", remedy=remedy)
    return Finding(name="SECRET_KEY", said="set")


def hosts_found() -> Finding:
    hosts = ", ".join(settings.ALLOWED_HOSTS) or "none"
    if "*" in settings.ALLOWED_HOSTS:
        return Finding(name="ALLOWED_HOSTS", said="any name", remedy="Name the hosts that people type.")
    if settings.DEBUG and not set(settings.ALLOWED_HOSTS) <= LOOPBACK:
        remedy = "Unset DEBUG: its error pages show settings to strangers."
        return Finding(name="ALLOWED_HOSTS", said=f"{hosts}, with DEBUG on", remedy=remedy)
    return Finding(name="ALLOWED_HOSTS", said=hosts)


# ------------------------------------------------------------------------------------ servers


def database_found() -> Finding:
    where = address_without_password("DATABASE_URL", addresses.database_url())
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('server_version_num')::int, current_setting('server_version')")
            number, version = cursor.fetchone()
    except DatabaseError as error:
        remedy = "Start it (`make up` starts the embedded one) or correct DATABASE_URL."
        return Finding(name="database", said=f"{where} does not answer: {one_line(error)}", remedy=remedy)
    if number < OLDEST_POSTGRES:
        return Finding(name="database", said=f"PostgreSQL {version}", remedy="Use PostgreSQL 15 or newer.")
    return Finding(name="database", said=f"PostgreSQL {version} at {where}")


def redis_found() -> Finding:
    where = address_without_password("REDIS_URL", addresses.redis_url())
    try:
        with redis_client() as client:
            info: Any = client.info()
    except redis.RedisError as error:
        remedy = "Start it (`make up` starts the embedded one) or correct REDIS_URL. Rollback works without it."
        return Finding(name="redis", said=f"{where} does not answer: {one_line(error)}", remedy=remedy)
    said = f"{info.get('server_name', 'redis')} {info.get('valkey_version', info['redis_version'])} at {where}"
    if info["maxmemory_policy"] != "noeviction":
        remedy = "Set maxmemory-policy noeviction: otherwise reports vanish when memory is short."
        return Finding(name="redis", said=f"{said}, {info['maxmemory_policy']}", remedy=remedy)
    if not info["aof_enabled"]:
        remedy = "Set appendonly yes: otherwise a crash loses reports that were accepted."
        return Finding(name="redis", said=f"{said}, append-only file off", remedy=remedy)
    return Finding(name="redis", said=f"{said}, nothing evicted, append-only file on")


def address_without_password(variable: str, fallback: str) -> str:
    """Where a server is, fit for a log."""
    if variable not in os.environ:
        return f"the embedded address ({fallback})"
    parts = urlsplit(os.environ[variable])
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def disk_found() -> Finding:
    state = addresses.state_dir()
    usage = shutil.disk_usage(state if state.exists() else Path.cwd())
    said = f"{usage.free / 1e9:,.1f} GB of {usage.total / 1e9:,.1f} GB free at {state}"
    if usage.free < FREE_BYTES or usage.free < FREE_SHARE * usage.total:
        return Finding(name="disk", said=said, remedy="Make room: a full disk stops database and collecting.")
    return Finding(name="disk", said=said)


# ---------------------------------------------------------------------------------- processes


def web_found(url: str | None) -> Finding:
    url = url or os.environ.get("WEB_UPSTREAM") or f"unix:{addresses.runtime_dir() / 'web.sock'}"
    place = url.rstrip("/")
    try:
        status = _livez_of_socket(place.removeprefix("unix:")) if place.startswith("unix:") else _livez_at(place)
    except (OSError, http.client.HTTPException) as error:
        remedy = "Start it with `make up`, or say with --url where it runs."
        return Finding(name="web", said=f"{place} does not answer: {one_line(error)}", remedy=remedy)
    if status != 200:
        return Finding(name="web", said=f"{place} answers {status}", remedy="Read .local/logs/web.log.")
    return Finding(name="web", said=f"answers at {place}")


def _livez_at(url: str) -> int:
    try:
        request = urllib.request.Request(f"{url}/livez", headers={"Host": known_host()})  # noqa: S310 - as told
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _livez_of_socket(path: str) -> int:
    with closing(http.client.HTTPConnection(known_host(), timeout=PATIENCE_S)) as client:
        client.sock = socket.socket(socket.AF_UNIX)
        client.sock.settimeout(PATIENCE_S)
        client.sock.connect(path)
        client.request("GET", "/livez")
        return client.getresponse().status


def known_host() -> str:
    """A name that the product answers to: it refuses requests for others."""
    names = [name.lstrip(".") for name in settings.ALLOWED_HOSTS if name != "*"]
    return names[0] if names else "localhost"


def worker_found() -> Finding:
    remedy = "Start worker and beat (`make up` starts both); until then evidence stands still."
    try:
        answers = app.control.ping(timeout=1.0)
    except Exception as error:  # whatever the broker's client raises, it is not reachable
        return Finding(name="worker", said=f"the broker does not answer: {one_line(error)}", remedy=remedy)
    if not answers:
        return Finding(name="worker", said="no Celery worker answers", remedy=remedy)
    return Finding(name="worker", said=", ".join(sorted(name for answer in answers for name in answer)))


# ---------------------------------------------------------------------------------- the inside


def migrations_found(now: datetime) -> Finding:
    said = check_migrations()
    if said == OK:
        return Finding(name="migrations", said="all applied")
    return Finding(name="migrations", said=said, remedy="Run `manage.py migrate`.")


def accounts_found(now: datetime) -> Finding:
    active = get_user_model().objects.filter(is_active=True).count()
    if not active:
        return Finding(name="accounts", said="nobody can sign in", remedy="Run `manage.py createsuperuser`.")
    return Finding(name="accounts", said=f"{active:,} can sign in")


def reports_found(now: datetime) -> Finding:
    with redis_client() as client:
        seen = lag(now=now, client=client)
    if seen.oldest_s is not None and seen.oldest_s > LAG_S:
        remedy = "Start worker and beat, or read their logs: reports are safe, but evidence stands still."
        return Finding(
            name="reports", said=f"{seen.waiting:,} wait, the oldest for {seen.oldest_s:,.0f} s", remedy=remedy
        )
    if seen.dead_letters:
        remedy = "Look at them under /admin/ and delete them."
        return Finding(name="reports", said=f"{seen.dead_letters:,} could not be counted", remedy=remedy)
    return Finding(name="reports", said=f"{seen.waiting:,} wait")


def data_planes_found(now: datetime) -> Finding:
    behind = [
        f"{project.slug}: {', '.join(seen.waiting[:5])}"
        for project in Project.objects.all()
        if (seen := convergence(project=project, now=now)).waiting
    ]
    if behind:
        remedy = "Ask again in a minute; then read the log of each."
        return Finding(name="data planes", said=f"on an older table: {'; '.join(behind[:5])}", remedy=remedy)
    return Finding(name="data planes", said="all that are live obey the committed table")


def guard_found(now: datetime) -> Finding:
    """Whether somebody takes harm back by itself. The standby alone is too little: nobody stands by for it."""
    beat = guard.pulse()
    wrong = beat.is_late or beat.is_standby
    remedy = "start the Celery worker and its beat, or run `manage.py guard`" if wrong else ""
    return Finding(name="guard", said=beat.sentence, remedy=remedy)
