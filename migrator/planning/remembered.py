"""What takes long to work out, worked out once for all processes: a forecast is remembered by what it is made from.

Never by time: other work, another day or another release ask for something else, so nothing stale comes back. It is
kept in Redis. Where Redis is away, it is worked out again, and nobody waits for Redis.
"""

import hashlib
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar, get_origin

import msgspec
import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from migrator import core

KEPT_S: Final = 6 * 3600
"""Then Redis lets go of it, asked for or not: it is there for reports first."""
PATIENCE_S: Final = 0.2
REST_S: Final = 10.0
"""For so long a Redis that did not answer is not asked again."""
RELEASE: Final = hashlib.sha256(
    b"".join(path.read_bytes() for path in sorted(Path(core.__path__[0]).glob("*.py")))
).digest()
"""What the answers are worked out by: core imports nothing but itself."""
PREFIX: Final = "migrator:remembered:"

log = structlog.get_logger()
encode = msgspec.msgpack.Encoder(order="deterministic").encode
P = ParamSpec("P")
Answer = TypeVar("Answer")


def remembered(kind: Any, make: Callable[P, Answer], *args: P.args, **of: P.kwargs) -> Answer:
    """What `make` answers to these. Only answers of that kind are kept; what `make` raises passes."""
    source = encode((make.__qualname__, RELEASE, args, of))
    key = PREFIX + hashlib.sha256(source).hexdigest()
    found: Answer | None = _decoded(kind, _shelf().ask(lambda client: client.get(key)))
    if found is not None:
        return found
    made = make(*args, **of)
    if isinstance(made, get_origin(kind) or kind):
        body = encode(made)
        _shelf().ask(lambda client: client.set(key, body, ex=KEPT_S))
    return made


def _decoded(kind: Any, body: bytes | None) -> Any:
    try:
        return None if body is None else msgspec.msgpack.decode(body, type=kind)
    except msgspec.DecodeError:
        return None


class _Shelf:
    """Redis, as long as it answers."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url, socket_timeout=PATIENCE_S, retry=Retry(NoBackoff(), 0))
        self._resting_until = 0.0

    def ask(self, question: Callable[["redis.Redis"], Any]) -> Any:
        """None where it did not answer just now."""
        if time.monotonic() < self._resting_until:
            return None
        try:
            return question(self._client)
        except redis.RedisError as error:
            self._resting_until = time.monotonic() + REST_S
            log.warning("memory.away", reason=str(error))
            return None


@lru_cache(maxsize=1)
def _shelf() -> _Shelf:
    """This process's."""
    return _Shelf(settings.REDIS_URL)
