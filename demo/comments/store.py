"""The comments product's database: one SQLite file that legacy and candidate share, filled alike each time.

Sharing is what makes their answers comparable: a comment that was written through one is there for the other.
"""

import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

USERS: Final = 2_000
THREADS: Final = 500
COMMENTS_PER_THREAD: Final = 12
COMMENTS: Final = THREADS * COMMENTS_PER_THREAD
"""Comments that are there from the start; what people write gets greater numbers."""
LIVELY_THREADS: Final = range(THREADS - 19, THREADS + 1)
"""Where people write. The other threads are an archive that nobody changes."""

_FOUNDED: Final = 1_740_000_000
"""When the first thread was opened, seconds since the epoch."""
_SCHEMA: Final = """
CREATE TABLE users (
    id INTEGER PRIMARY KEY, name TEXT, handle TEXT, website TEXT, karma INTEGER, joined_at INTEGER
);
CREATE TABLE threads (
    id INTEGER PRIMARY KEY, title TEXT, author_id INTEGER, page TEXT, locked INTEGER, created_at INTEGER
);
CREATE TABLE comments (
    id INTEGER PRIMARY KEY, thread_id INTEGER, author_id INTEGER, body TEXT, created_at INTEGER,
    edited INTEGER DEFAULT 0, deleted INTEGER DEFAULT 0, flagged INTEGER DEFAULT 0,
    up INTEGER DEFAULT 0, down INTEGER DEFAULT 0
);
CREATE INDEX comments_of_thread ON comments (thread_id, created_at);
"""
_NAMES: Final = ("Ada", "Bo", "Chidi", "Dilan", "Elif", "Femi", "Greta", "Hana", "Ines", "Jonas", "Kofi", "Lena")
_FAMILIES: Final = ("Almeida", "Brandt", "Costa", "Dogan", "Eriksen", "Fischer", "Gupta", "Haas", "Ito", "Jansen")
_WORDS: Final = (
    *("bridge", "budget", "bus", "coffee", "council", "cycle", "election", "film", "garden", "harbour", "library"),
    *("market", "museum", "music", "night", "park", "price", "rain", "rent", "river", "school", "street", "summer"),
    *("theatre", "train", "tram", "vote", "water", "weather", "winter"),
)

Row = dict[str, Any]


class Store:
    """One connection to the file. Times are seconds since the epoch; every method is one short transaction."""

    def __init__(self, path: Path) -> None:
        create(path)
        self._db = sqlite3.connect(path, isolation_level=None, timeout=10)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA synchronous = OFF")

    def one(self, query: str, *values: object) -> Row | None:
        row = self._db.execute(query, values).fetchone()
        return dict(row) if row else None

    def all(self, query: str, *values: object) -> list[Row]:
        return [dict(row) for row in self._db.execute(query, values)]

    def write(self, query: str, *values: object) -> int:
        """Returns the id of the row that was inserted last."""
        return self._db.execute(query, values).lastrowid or 0

    def close(self) -> None:
        self._db.close()


def create(path: Path) -> None:
    """Make the file where there is none. Services that start together agree on one: a hard link appears whole."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    db = sqlite3.connect(draft)
    db.executescript(_SCHEMA)
    db.executemany("INSERT INTO users VALUES (?, ?, ?, ?, ?, ?)", _users())
    db.executemany("INSERT INTO threads VALUES (?, ?, ?, ?, ?, ?)", _threads())
    db.executemany("INSERT INTO comments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", _comments())
    db.commit()
    # Set last: journals of the write-ahead kind lie beside the file and bear its name.
    db.execute("PRAGMA journal_mode = DELETE")
    db.close()
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()


def _users() -> Iterator[tuple[object, ...]]:
    dice = random.Random(1)
    for number in range(1, USERS + 1):
        name = f"{dice.choice(_NAMES)} {dice.choice(_FAMILIES)}"
        handle = f"{name.split()[0].lower()}{number}"
        # Every fourth person has no website: the answer then says null.
        website = None if number % 4 == 0 else f"https://{handle}.example"
        yield number, name, handle, website, dice.randint(1, 900), _FOUNDED - dice.randint(0, 90_000_000)


def _threads() -> Iterator[tuple[object, ...]]:
    dice = random.Random(2)
    for number in range(1, THREADS + 1):
        title = " ".join(dice.sample(_WORDS, 4)).capitalize()
        page = f"/news/{title.lower().replace(' ', '-')}"
        yield number, title, dice.randint(1, USERS), page, int(number % 25 == 0), _FOUNDED + number * 60_000


def _comments() -> Iterator[tuple[object, ...]]:
    dice = random.Random(3)
    for number in range(1, COMMENTS + 1):
        thread, place = (number - 1) // COMMENTS_PER_THREAD + 1, (number - 1) % COMMENTS_PER_THREAD
        # In every fifth thread two people commented within one second.
        second = place - (thread % 5 == 0 and place == 7)
        # In every fiftieth thread one comment was deleted; every two-hundredth comment has no votes.
        deleted = thread % 50 == 0 and place == 3
        up, down = (0, 0) if number % 200 == 0 else (dice.randint(1, 60), dice.randint(0, 15))
        created_at = _FOUNDED + thread * 60_000 + (second + 1) * 777
        body = " ".join(dice.choices(_WORDS, k=dice.randint(6, 24))).capitalize() + "."
        yield number, thread, dice.randint(1, USERS), body, created_at, 0, int(deleted), int(number % 97 == 0), up, down
