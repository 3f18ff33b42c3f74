"""Where this checkout keeps its embedded servers, and how to reach them.

All of it follows from the checkout's path and the user alone: whoever runs in the same checkout, be it
`make up` or `manage.py`, finds the same instance without being told. Servers listen on Unix sockets in
a directory that nobody else may enter, so they need no ports and no passwords.
"""

import os
import secrets
from contextlib import suppress
from hashlib import blake2s
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

CHECKOUT: Final = Path(__file__).resolve().parents[2]
SOCKETS: Final = Path("/tmp")  # noqa: S108 - sockets need short paths; the directory below it is private
SOCKET_PATH_LIMIT: Final = 103
"""Bytes that a Unix socket's path may have on every system (Linux takes 107)."""
DATABASE: Final = "migrator"


def runtime_dir(checkout: Path = CHECKOUT) -> Path:
    """Sockets and process ids: short, and gone after a reboot."""
    digest = blake2s(os.fsencode(checkout), digest_size=6).hexdigest()
    return SOCKETS / f"migrator-{os.getuid()}-{digest}"


def state_dir(checkout: Path = CHECKOUT) -> Path:
    """What survives: data, logs, secrets. In the checkout, or in the home directory of a checkout that is read-only."""
    local = checkout / ".local"
    if os.access(local if local.exists() else checkout, os.W_OK):
        return local
    base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return base / "migrator" / runtime_dir(checkout).name


def postgres_socket_dir(runtime: Path) -> Path:
    return runtime / "postgres"


def valkey_socket(runtime: Path) -> Path:
    return runtime / "valkey.sock"


def database_url(runtime: Path | None = None, *, database: str = DATABASE) -> str:
    """For psycopg and Django: `postgresql://migrator@/migrator?host=/tmp/…/postgres`."""
    query = urlencode({"host": postgres_socket_dir(runtime or runtime_dir())}, safe="/")
    return f"postgresql://{DATABASE}@/{database}?{query}"


def redis_url(runtime: Path | None = None, *, number: int = 0) -> str:
    """For redis-py: `unix:///tmp/…/valkey.sock?db=0`."""
    return f"unix://{valkey_socket(runtime or runtime_dir())}?db={number}"


def broker_url(redis_url: str) -> str:
    """The same Redis as Celery spells it: sockets are `redis+socket://` there, and db is called virtual_host."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    return f"redis+socket://{parts.path}?virtual_host={parse_qs(parts.query).get('db', ['0'])[0]}"


def secret_key(state: Path | None = None) -> str:
    """The key of a checkout that was given none: made once, kept for the owner's eyes.

    Raises OSError where it cannot be kept: then SECRET_KEY must be set.
    """
    path = (state or state_dir()) / "secret-key"
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        # A hard link appears whole or not at all: processes that start together agree on one key.
        draft = path.with_name(f"secret-key.{secrets.token_hex(8)}")
        draft.touch(mode=0o600, exist_ok=False)
        draft.write_text(secrets.token_urlsafe(50))
        try:
            os.link(draft, path)
        finally:
            draft.unlink()
    return path.read_text()
