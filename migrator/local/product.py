"""The processes that make up the product, as `make up` and the tests run them.

`docker/entrypoint.sh` starts the same commands, one to a container.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from migrator.local.addresses import CHECKOUT
from migrator.local.child import Child

WEB_WORKERS: Final = 2
WEB_THREADS: Final = 8
WORKER_PROCESSES: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One running product: where it listens, where it keeps sockets and logs, and its environment."""

    host: str
    port: int
    runtime: Path
    logs: Path
    env: Mapping[str, str] = field(default_factory=dict)
    """On top of our own environment: DATABASE_URL, REDIS_URL, SECRET_KEY where they are not the checkout's, and the
    PUBLIC_URL that links in messages begin with."""

    @property
    def url(self) -> str:
        return address_of(self.host, self.port)

    @property
    def web_upstream(self) -> str:
        """Where Django listens; the front forwards to it whatever is not for data planes."""
        return f"unix:{self.runtime / 'web.sock'}"

    def environment(self) -> dict[str, str]:
        return {"DJANGO_SETTINGS_MODULE": "migrator.settings", "WEB_UPSTREAM": self.web_upstream, **self.env}

    def child(self, name: str, *arguments: str, grace: float = 10.0) -> Child:
        """Our Python with these arguments, as a process to supervise. `grace` in seconds."""
        return Child(
            name=name,
            command=[sys.executable, *arguments],
            log=self.logs / f"{name}.log",
            pid_file=self.runtime / f"{name}.pid",
            env={"PYTHONUNBUFFERED": "1", **self.environment()},
            cwd=CHECKOUT,
            grace=grace,
        )

    def manage(self, *arguments: str) -> Child:
        """`manage.py …` as a process to run to its end."""
        return self.child(arguments[0], str(CHECKOUT / "manage.py"), *arguments)


def address_of(host: str, port: int) -> str:
    """What to type into a browser on this machine: nobody can visit 0.0.0.0."""
    visited = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104
    return f"http://[{visited}]:{port}" if ":" in visited else f"http://{visited}:{port}"


def children(instance: Instance) -> list[Child]:
    """Web, front, worker and beat, in the order in which they start; they stop in the reverse order."""
    return [web(instance), worker(instance), beat(instance), front(instance)]


def web(instance: Instance) -> Child:
    """Django under gunicorn: pages and REST."""
    return instance.child(
        "web",
        *("-m", "gunicorn", "migrator.wsgi:application", "--bind", instance.web_upstream),
        *("--worker-class", "gthread", "--workers", str(WEB_WORKERS), "--threads", str(WEB_THREADS)),
        # A worker that hangs in its temporary file's heartbeat is no reason to use the disk.
        *("--worker-tmp-dir", "/dev/shm" if os.access("/dev/shm", os.W_OK) else str(instance.runtime)),  # noqa: S108
        *("--graceful-timeout", "5", "--no-control-socket"),
    )


def front(instance: Instance) -> Child:
    """The one address: answers data planes, forwards the rest."""
    return instance.child(
        "front",
        *("-m", "uvicorn", "migrator.asgi:application", "--host", instance.host, "--port", str(instance.port)),
        # Waiting polls are told to go at once; whoever is left after five seconds is cut off.
        *("--loop", "uvloop", "--no-access-log", "--no-server-header", "--timeout-graceful-shutdown", "5"),
    )


def worker(instance: Instance) -> Child:
    """Celery: drains reports."""
    return instance.child(
        "worker",
        *(
            "-m",
            "celery",
            "-A",
            "migrator",
            "worker",
            "--concurrency",
            str(WORKER_PROCESSES),
            "--prefetch-multiplier",
            "1",
        ),
        *("--without-gossip", "--without-mingle", "--loglevel", "INFO"),
    )


def beat(instance: Instance) -> Child:
    """Celery's clock."""
    return instance.child(
        "beat",
        *("-m", "celery", "-A", "migrator", "beat", "--schedule", str(instance.runtime / "beat-schedule")),
        *("--pidfile", "", "--loglevel", "INFO"),
    )
