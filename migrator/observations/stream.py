"""The reports on their way: one Redis stream per shard.

Appended to by the data plane server, read by whoever holds the shard's lock. Nothing is trimmed but what
lies behind the position that is stored in the database: a limit on length would drop reports that nobody
has counted yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import redis
from xxhash import xxh64_intdigest

REPORT: Final = b"report"
"""The field of an entry that holds the report, as JSON."""
START: Final = "0-0"
KEEPS: Final = "noeviction"
"""The only maxmemory-policy under which a stream keeps what it was given."""
PAGE: Final = 32
BATCH: Final = 512
"""Reports folded in one transaction."""
BATCH_BYTES: Final = 16_000_000
"""Fewer, where they are large."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One report in the stream. `id` orders it within its shard: `milliseconds-number`."""

    id: str
    report: bytes


def key_of(shard: int) -> str:
    return f"migrator:reports:{shard}"


def shard_of(source: str, shards: int) -> int:
    """All reports of one source pass through one shard, in order."""
    return int(xxh64_intdigest(source.encode())) % shards


def read_after(client: "redis.Redis", *, shard: int, position: str) -> list[Entry]:
    """The next entries of a shard, as many as make a good batch. Raises redis.RedisError.

    A Redis that lost its data, and whose clock is behind the one before, numbers entries below our
    position. They are read from the start then: reports know themselves whether they are counted.
    """
    entries = _page(client, shard, position)
    if not entries and position != START and _was_reborn(client, shard, position):
        entries = _page(client, shard, START)
    size = sum(len(entry.report) for entry in entries)
    while entries and len(entries) % PAGE == 0 and len(entries) < BATCH and size < BATCH_BYTES:
        page = _page(client, shard, entries[-1].id)
        if not page:
            break
        entries += page
        size += sum(len(entry.report) for entry in page)
    return entries


def trim(client: "redis.Redis", *, shard: int, position: str) -> None:
    """Let go of everything up to the stored position. Raises redis.RedisError."""
    milliseconds, number = numbers(position)
    client.xtrim(key_of(shard), minid=f"{milliseconds}-{number + 1}", approximate=False)


def waiting(client: "redis.Redis", *, shards: Sequence[int]) -> dict[int, int]:
    """How many reports wait in each shard. Raises redis.RedisError."""
    with client.pipeline(transaction=False) as pipe:
        for shard in shards:
            pipe.xlen(key_of(shard))
        return dict(zip(shards, pipe.execute(), strict=True))


def oldest_after(client: "redis.Redis", *, shard: int, position: str) -> tuple[float | None, int]:
    """When the oldest uncounted report came, in seconds since the epoch, and how many wait. Raises redis.RedisError."""
    first: Any = client.xrange(key_of(shard), min=f"({position}", count=1)
    if not first:
        return None, 0
    return numbers(first[0][0].decode())[0] / 1_000, int(client.xlen(key_of(shard)))


def evicts(client: "redis.Redis") -> str | None:
    """The policy by which this Redis throws out what it was given; None where it keeps it. Raises redis.RedisError."""
    policy = str(client.info("memory").get("maxmemory_policy", KEEPS))
    return None if policy == KEEPS else policy


def numbers(entry_id: str) -> tuple[int, int]:
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number)


def _was_reborn(client: "redis.Redis", shard: int, position: str) -> bool:
    if not client.xlen(key_of(shard)):
        return False
    newest: Any = client.xrevrange(key_of(shard), count=1)
    return bool(newest) and numbers(newest[0][0].decode()) < numbers(position)


def _page(client: "redis.Redis", shard: int, position: str) -> list[Entry]:
    found: Any = client.xrange(key_of(shard), min=f"({position}", count=PAGE)
    return [Entry(entry_id.decode(), fields.get(REPORT, b"")) for entry_id, fields in found or ()]
