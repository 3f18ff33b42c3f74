"""`python -m demo.traffic --target http://127.0.0.1:8080`: readers and writers of the comments product.

A day takes ten minutes here: quiet nights, a rush towards the evening. Readers come one visit at a time, each
under a name of their own, so that sticky shares can be seen at work.
"""

import argparse
import json
import math
import random
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any, Final
from urllib.parse import quote, urlsplit

from demo.comments.store import COMMENTS_PER_THREAD, LIVELY_THREADS, USERS

DAY_SECONDS: Final = 600.0
NIGHT: Final = 0.3
"""The quietest hour's share of the busiest one's traffic."""
READERS: Final = 8
"""Visits at one time. More requests than their answers allow are never sent: a slow gateway slows us down."""
PATIENCE: Final = 10.0
"""Seconds to wait for an answer."""
PAUSE_AFTER_FAILURE: Final = 1.0
ARCHIVE: Final = LIVELY_THREADS.start - 1
"""Threads that nobody writes in: 1 to this number."""
SEARCHES: Final = ("park", "bus", "council budget", "summer", "night market", "rain", "vote", "train fare", "river")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request of a visit."""

    method: str
    path: str
    body: dict[str, Any] | None = None


Visit = Generator[Step, Any, None]
"""Yields requests, is sent the JSON of each answer (None where there is none)."""


def rate(*, seconds: float, peak: float) -> float:
    """Requests per second, so many seconds after the start, which is in the morning."""
    height = (1 + math.sin(2 * math.pi * seconds / DAY_SECONDS)) / 2
    return peak * (NIGHT + (1 - NIGHT) * height)


def visit(dice: random.Random) -> Visit:
    """What one person does: read a thread, look at this and that, and now and then write."""
    yield read("/threads" + dice.choice(("", "?page=2", "?page=3")))
    thread, comment = dice.randint(1, ARCHIVE), dice.randint(1, ARCHIVE * COMMENTS_PER_THREAD)
    yield read(f"/threads/{thread}")
    yield read(f"/users/{dice.randint(1, USERS)}")
    aside = [
        f"/threads/{thread}/comments",
        f"/threads/{thread}/summary",
        f"/comments/{comment}",
        f"/comments/{comment}/votes",
        f"/users/{dice.randint(1, USERS)}/profile",
        f"/users/{dice.randint(1, USERS)}/karma",
        f"/search?q={quote(dice.choice(SEARCHES))}%20{dice.choice('abcdefghi')}",
        dice.choice(("/moderation/queue", "/health")),
    ]
    for path in dice.sample(aside, 3):
        yield read(path)
    if dice.random() < 0.08:
        yield from writing(dice)


def writing(dice: random.Random) -> Visit:
    """Write a comment, look at it, correct it; some think better of it and delete it."""
    written = yield Step(
        method="POST",
        path=f"/threads/{dice.choice(LIVELY_THREADS)}/comments",
        body={"body": f"I was there, and it took {dice.randint(2, 90)} minutes."},
    )
    if not isinstance(written, dict) or "id" not in written:
        return
    own = f"/comments/{written['id']}"
    yield read(own)
    yield Step(method="PUT", path=own, body={"body": f"I was there. It took {dice.randint(2, 90)} minutes."})
    yield Step(method="POST", path=f"{own}/votes", body={"vote": dice.choice(("up", "up", "down"))})
    if dice.random() < 0.5:
        yield Step(method="DELETE", path=own)


def read(path: str) -> Step:
    return Step(method="GET", path=path)


@dataclass(slots=True, kw_only=True)
class Reader:
    """One connection that makes one visit after the other, for ever."""

    host: str
    port: int
    peak: float
    """Requests per second of all readers together at the busiest hour."""
    dice: random.Random
    started_at: float
    """By time.monotonic()."""

    def run(self) -> None:
        connection = HTTPConnection(self.host, self.port, timeout=PATIENCE)
        while True:
            try:
                self._visit(connection)
            except (OSError, HTTPException):
                # The gateway is not up yet, or is starting again.
                connection.close()
                time.sleep(PAUSE_AFTER_FAILURE)

    def _visit(self, connection: HTTPConnection) -> None:
        """Raises OSError or HTTPException where the connection fails."""
        user, steps, answer = self.dice.randint(1, USERS), visit(self.dice), None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration:
                return
            due = time.monotonic() + self._gap()
            answer = send(connection, step, user=user)
            time.sleep(max(0.0, due - time.monotonic()))

    def _gap(self) -> float:
        """Seconds from one request of this reader to its next."""
        now = rate(seconds=time.monotonic() - self.started_at, peak=self.peak)
        return self.dice.expovariate(now / READERS)


def send(connection: HTTPConnection, step: Step, *, user: int) -> Any:
    """Send one request and return its answer's JSON, None where it has none. Raises OSError or HTTPException."""
    body = None if step.body is None else json.dumps(step.body).encode()
    headers = {"X-User": str(user)} | ({"Content-Type": "application/json"} if body else {})
    connection.request(step.method, step.path, body=body, headers=headers)
    answer = connection.getresponse()
    text = answer.read()
    try:
        return json.loads(text)
    except ValueError:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.traffic", description="Readers of the comments product.")
    parser.add_argument("--target", default="http://127.0.0.1:8080", help="where the gateway listens")
    parser.add_argument("--peak", type=float, default=55.0, help="requests per second at the busiest hour")
    options = parser.parse_args()
    address = urlsplit(options.target)
    for number in range(READERS):
        reader = Reader(
            host=address.hostname or "127.0.0.1",
            port=address.port or 80,
            peak=options.peak,
            dice=random.Random(),
            started_at=time.monotonic(),
        )
        threading.Thread(target=reader.run, name=f"reader-{number}", daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
