"""Which pairs ran beside a write that may have moved their data."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from migrator.gateway.record import Record
from migrator.gateway.steering import path_of

LAG_SECONDS: Final = 5.0
"""How long after its end a write may still be on its way to wherever a side reads."""
KEPT: Final = 20_000
"""Places of writes that are remembered."""

Key = tuple[str, str]


class Drift:
    """The writes of the last seconds and those under way: whose they were, and what they were about.

    A write is about its own path and everything above and below it: `PUT /users/7` moves `/users`, `/users/7`
    and `/users/7/orders`. That is more than it really moves, and costs no more than a second look.
    """

    def __init__(self) -> None:
        self._open: Counter[Key] = Counter()
        self._ended: dict[Key, float] = {}
        self._writes: set[Record] = set()

    def began(self, record: Record) -> None:
        """A write was sent on."""
        if record not in self._writes:
            self._writes.add(record)
            self._open.update(_moved(_path(record), record.subject))

    def ended(self, record: Record, now: float) -> None:
        """Nothing more will come of this record. `now` in seconds of the loop's clock."""
        if record not in self._writes:
            return
        self._writes.discard(record)
        self._open -= Counter(_moved(_path(record), record.subject))
        self.seen(_path(record), record.subject, now)

    def seen(self, path: str, subject: str | None, now: float) -> None:
        """A write happened of which nothing more will be told."""
        for key in _moved(path, subject):
            self._ended.pop(key, None)
            self._ended[key] = now
        while len(self._ended) > KEPT:
            self._ended.pop(next(iter(self._ended)))

    def near(self, record: Record) -> bool:
        """Whether a write may have moved the record's data between its two calls, or shortly before them."""
        if not self._ended and not self._open:
            return False
        since = min(reply.started for reply in (record.served, record.mirrored) if reply is not None) - LAG_SECONDS
        return any(
            key in self._open or self._ended.get(key, -1.0) >= since for key in _read(_path(record), record.subject)
        )


def _path(record: Record) -> str:
    return path_of(record.target).rstrip("/")


def _moved(path: str, subject: str | None) -> Iterator[Key]:
    if subject is not None:
        yield "subject", subject
    yield "at", path
    for above in _upwards(path):
        yield "above", above


def _read(path: str, subject: str | None) -> Iterator[Key]:
    if subject is not None:
        yield "subject", subject
    yield "above", path
    for above in _upwards(path):
        yield "at", above


def _upwards(path: str) -> Iterator[str]:
    """The path, and each above it but the root."""
    while path:
        yield path
        path = path.rpartition("/")[0]
