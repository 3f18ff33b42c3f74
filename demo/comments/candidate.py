"""The comments service, rewritten. Nearly the same.

Every override is a fault that real rewrites have, on an endpoint of its own, so that each shows as one cause.
What is not overridden is clean: `GET /threads` and `GET /users/{id}` among them can be promoted.
"""

import time
from dataclasses import replace
from math import inf
from zlib import crc32

from demo.comments.legacy import Answer, Call, Legacy, rfc3339
from demo.comments.store import Row


class Candidate(Legacy):
    """The rewrite: quicker at most things, and wrong in eight ways."""

    build = "comments-candidate-0.9"
    pace_ms = 4.0
    cache_full_at = inf
    """By time.monotonic(). Until then `GET /threads/{id}` is clean; the demo sets it to a minute and a half."""

    def thread(self, call: Call) -> Answer:
        """A cache that is full answers a third of all threads with what it has of another. `$.page`, `$.title`."""
        said = super().thread(call)
        if call.id % 3 or time.monotonic() < self.cache_full_at:
            return said
        other = super().thread(replace(call, id=call.id - 1)).body
        return Answer(body=said.body | {"page": other["page"], "title": other["title"]})

    def comment_time(self, seconds: int) -> str:
        """A timestamp in another format: RFC 3339, as one does today. `GET /comments/{id}` `$.created_at`."""
        return rfc3339(seconds)

    def profile(self, call: Call) -> Answer:
        """Null became missing: empty members are left out. `GET /users/{id}/profile` `$.website`."""
        said = super().profile(call).body
        return Answer(body={name: value for name, value in said.items() if value is not None})

    def karma(self, call: Call) -> Answer:
        """A float for an integer: the sum was made in doubles. `GET /users/{id}/karma` `$.karma`."""
        said = super().karma(call).body
        return Answer(body=said | {"karma": float(said["karma"])})

    def in_order(self, thread_id: int) -> list[Row]:
        """Another order of ties: newest stored first. `GET /threads/{id}/comments`, every fifth thread."""
        return self.store.all(
            "SELECT * FROM comments WHERE thread_id = ? AND NOT deleted ORDER BY created_at, id DESC", thread_id
        )

    def comment_count(self, thread_id: int) -> int:
        """Deleted comments are counted too. `GET /threads/{id}/summary` `$.comment_count`, one thread in fifty."""
        found = self.store.one("SELECT count(*) AS n FROM comments WHERE thread_id = ?", thread_id)
        return int(found["n"]) if found else 0

    def approval(self, up: int, down: int) -> float | None:
        """Nobody voted, nobody checked: division by zero. `GET /comments/{id}/votes`, one comment in 200."""
        return round(100 * up / (up + down), 1)

    def extra_ms(self, call: Call) -> float:
        """The new index is quick, and one search in thirty misses it. `GET /search`: a better median, a worse p99."""
        return 400.0 if crc32(call.query.get("q", "").encode()) % 30 == 0 else 1.0
