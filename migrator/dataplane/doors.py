"""Who may talk to the data plane server: tokens of scope ingest, each for its project."""

from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic
from typing import Final

from django.db import Error as DatabaseError
from django.utils import timezone
from starlette.requests import Request

from migrator.access.models import Scope
from migrator.access.tokens import digest, find_token, note_use
from migrator.dataplane.problems import Problem, later
from migrator.dataplane.threads import in_thread

TRUSTED_S: Final = 5.0
"""A token that was revoked opens nothing after this."""
REMEMBERED: Final = 10_000
ENOUGH: Final = frozenset({Scope.INGEST, Scope.ADMIN})


@dataclass(frozen=True, slots=True)
class Bearer:
    """What a token opens. `project` is a slug, None for all projects."""

    scope: str
    project: str | None


class Doors:
    """Checks tokens, and remembers the answer for a few seconds."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Bearer | None]] = {}

    async def bearer(self, request: Request) -> Bearer:
        """Whoever sends this request. Raises Problem: 401 without a valid token, 403 without the scope."""
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise _unknown("Send a token of scope ingest: `Authorization: Bearer …`.")
        bearer = await self._look_up(secret.strip())
        if bearer is None:
            raise _unknown("This token is unknown, expired or revoked.")
        if bearer.scope not in ENOUGH:
            raise Problem(HTTPStatus.FORBIDDEN, f"A token of scope ingest is needed; this one has {bearer.scope}.")
        return bearer

    async def admit(self, request: Request, *, project: str) -> Bearer:
        """The sender, where this project is open to it. Raises Problem: 401 or 403."""
        bearer = await self.bearer(request)
        if bearer.project is not None and bearer.project != project:
            raise Problem(HTTPStatus.FORBIDDEN, f"This token is for project {bearer.project}, not for {project}.")
        return bearer

    async def _look_up(self, secret: str) -> Bearer | None:
        key = digest(secret)
        until, known = self._known.get(key, (0.0, None))
        if monotonic() < until:
            return known
        try:
            found = await in_thread(lambda: _find(secret))
        except DatabaseError:
            # While the database is away, who was let in before still is: data planes keep their tables.
            if known is None:
                raise later("The database does not answer, so this token cannot be checked. Ask again.") from None
            self._known[key] = (monotonic() + TRUSTED_S, known)
            return known
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[key] = (monotonic() + TRUSTED_S, found)
        return found


def _find(secret: str) -> Bearer | None:
    now = timezone.now()
    token = find_token(secret=secret, now=now)
    if token is None:
        return None
    with suppress(DatabaseError):  # a database that only reads still opens doors
        note_use(token=token, now=now)
    return Bearer(token.scope, token.project.slug if token.project else None)


def _unknown(detail: str) -> Problem:
    return Problem(HTTPStatus.UNAUTHORIZED, detail, headers={"WWW-Authenticate": "Bearer"})
