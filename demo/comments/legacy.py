"""The comments service as it has answered for years: a Python monolith with its habits."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from demo.comments.store import Row, Store

PAGE_SIZE: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: the number in its path, its query, its JSON body and who sent it."""

    id: int = 0
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    user_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back. `body` becomes JSON; None is an empty answer."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class NotFound(LookupError):
    """Nothing has this number. The message names what was looked for."""


class Invalid(ValueError):
    """The body of a write lacks something. The message says what."""


class Legacy:
    """One method per endpoint. The candidate is the same product, rewritten: see candidate.py."""

    build = "comments-legacy-7.31"
    pace_ms = 9.0
    """Milliseconds that its database and its framework take for a usual answer."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def extra_ms(self, call: Call) -> float:
        """Milliseconds that this search takes beyond the usual."""
        return 6.0 * len(call.query.get("q", "").split())

    # ------------------------------------------------------------------------------- threads

    def health(self, _call: Call) -> Answer:
        return Answer(body={"status": "ok"})

    def threads(self, call: Call) -> Answer:
        """Newest first, a page at a time."""
        page = max(1, number(call.query.get("page", "1")))
        rows = self.store.all(
            "SELECT * FROM threads ORDER BY id DESC LIMIT ? OFFSET ?", PAGE_SIZE, (page - 1) * PAGE_SIZE
        )
        return Answer(body={"page": page, "threads": [{"id": row["id"], "title": row["title"]} for row in rows]})

    def thread(self, call: Call) -> Answer:
        row = self.find("thread", call.id)
        return Answer(
            body={
                "id": row["id"],
                "title": row["title"],
                "page": row["page"],
                "author_id": row["author_id"],
                "locked": bool(row["locked"]),
                "created_at": rfc3339(row["created_at"]),
            }
        )

    def summary(self, call: Call) -> Answer:
        thread = self.find("thread", call.id)
        return Answer(body={"thread_id": thread["id"], "comment_count": self.comment_count(call.id)})

    def comment_count(self, thread_id: int) -> int:
        """Deleted comments are gone for readers, so they are not counted."""
        found = self.store.one("SELECT count(*) AS n FROM comments WHERE thread_id = ? AND NOT deleted", thread_id)
        return int(found["n"]) if found else 0

    def thread_comments(self, call: Call) -> Answer:
        self.find("thread", call.id)
        return Answer(body={"thread_id": call.id, "comments": [brief(row) for row in self.in_order(call.id)]})

    def in_order(self, thread_id: int) -> list[Row]:
        """Oldest first; of two within one second, the one that was stored first."""
        return self.store.all(
            "SELECT * FROM comments WHERE thread_id = ? AND NOT deleted ORDER BY created_at, id", thread_id
        )

    # ------------------------------------------------------------------------------ comments

    def comment(self, call: Call) -> Answer:
        row = self.find("comment", call.id)
        return Answer(
            body=brief(row) | {"edited": bool(row["edited"]), "created_at": self.comment_time(row["created_at"])}
        )

    def comment_time(self, seconds: int) -> str:
        """As str(datetime) wrote it before anybody had thought about time zones."""
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")

    def votes(self, call: Call) -> Answer:
        row = self.find("comment", call.id)
        up, down = row["up"], row["down"]
        return Answer(body={"comment_id": row["id"], "up": up, "down": down, "approval": self.approval(up, down)})

    def approval(self, up: int, down: int) -> float | None:
        """The share of those who liked it, in percent; None before anybody voted."""
        return round(100 * up / (up + down), 1) if up + down else None

    def add_comment(self, call: Call) -> Answer:
        self.find("thread", call.id)
        text, now = wanted_text(call.body), int(time.time())
        new = self.store.write(
            "INSERT INTO comments (thread_id, author_id, body, created_at, up) VALUES (?, ?, ?, ?, 1)",
            *(call.id, call.user_id, text, now),
        )
        return Answer(status=201, body=brief(self.find("comment", new)), headers={"location": f"/comments/{new}"})

    def edit_comment(self, call: Call) -> Answer:
        self.find("comment", call.id)
        self.store.write("UPDATE comments SET body = ?, edited = 1 WHERE id = ?", wanted_text(call.body), call.id)
        return self.comment(call)

    def delete_comment(self, call: Call) -> Answer:
        self.find("comment", call.id)
        self.store.write("UPDATE comments SET deleted = 1 WHERE id = ?", call.id)
        return Answer(status=204)

    def vote(self, call: Call) -> Answer:
        self.find("comment", call.id)
        if call.body.get("vote") not in ("up", "down"):
            raise Invalid("vote is up or down")
        column = "up" if call.body["vote"] == "up" else "down"
        self.store.write(f"UPDATE comments SET {column} = {column} + 1 WHERE id = ?", call.id)
        return Answer(status=201, body={"comment_id": call.id, "vote": column})

    # -------------------------------------------------------------------- people, moderation

    def user(self, call: Call) -> Answer:
        row = self.find("user", call.id)
        return Answer(
            body={
                "id": row["id"],
                "name": row["name"],
                "handle": row["handle"],
                "joined_at": rfc3339(row["joined_at"]),
            }
        )

    def profile(self, call: Call) -> Answer:
        """What a person says of themselves: null where they say nothing."""
        row = self.find("user", call.id)
        return Answer(body={"user_id": row["id"], "handle": row["handle"], "website": row["website"]})

    def karma(self, call: Call) -> Answer:
        row = self.find("user", call.id)
        return Answer(body={"user_id": row["id"], "karma": row["karma"]})

    def search(self, call: Call) -> Answer:
        """Threads whose title has all of the words, newest first."""
        words = call.query.get("q", "").lower().split()[:5]
        clause = " AND ".join(["lower(title) LIKE ?"] * len(words)) or "1"
        rows = self.store.all(
            f"SELECT id, title FROM threads WHERE {clause} ORDER BY id DESC LIMIT {PAGE_SIZE}",
            *(f"%{word}%" for word in words),
        )
        return Answer(body={"query": call.query.get("q", ""), "total": len(rows), "threads": rows})

    def moderation_queue(self, _call: Call) -> Answer:
        rows = self.store.all("SELECT * FROM comments WHERE flagged AND NOT deleted ORDER BY id LIMIT ?", PAGE_SIZE)
        return Answer(body={"waiting": len(rows), "comments": [brief(row) for row in rows]})

    def find(self, what: str, wanted: int) -> Row:
        """The thread, comment or user of this number. Raises NotFound; a deleted comment is not found either."""
        row = self.store.one(f"SELECT * FROM {what}s WHERE id = ?", wanted)
        if row is None or row.get("deleted"):
            raise NotFound(f"no {what} {wanted}")
        return row


def brief(row: Row) -> dict[str, Any]:
    """A comment as lists show it."""
    return {name: row[name] for name in ("id", "thread_id", "author_id", "body")}


def rfc3339(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def number(text: str) -> int:
    """Raises Invalid where a number was wanted and none came."""
    if not (text.isascii() and text.isdigit()):
        raise Invalid(f"{text!r} is no number")
    return int(text)


def wanted_text(body: Mapping[str, Any]) -> str:
    """The text of a comment that is written. Raises Invalid."""
    text = body.get("body")
    if not isinstance(text, str) or not text.strip():
        raise Invalid("body is the text of the comment")
    return text
