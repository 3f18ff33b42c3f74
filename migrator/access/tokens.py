"""Tokens: made once, shown once, kept as a hash."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q

from migrator.access.models import Scope, Token
from migrator.inventory.models import Project

PREFIX = "mig_"
USE_IS_NOTED_EVERY: Final = timedelta(minutes=1)


def create_token(
    *,
    name: str,
    scope: str,
    now: datetime,
    project: Project | None = None,
    expires_at: datetime | None = None,
    owner_id: int | None = None,
) -> str:
    """Make a token and return it. It cannot be shown again: only its SHA-256 is stored. Raises ValueError.

    `owner_id` is the person who answers for it: a program and its owner are one where two people must agree.
    """
    if scope not in Scope.values:
        raise ValueError(f"scope is one of {', '.join(Scope.values)}, not {scope!r}")
    secret = PREFIX + secrets.token_urlsafe(32)
    Token.objects.create(
        name=name,
        prefix=secret[:12],
        digest=digest(secret),
        scope=scope,
        project=project,
        created_at=now,
        expires_at=expires_at,
        owner_id=owner_id,
    )
    return secret


def find_token(*, secret: str, now: datetime) -> Token | None:
    """The token of this secret, unless it is unknown, expired or revoked."""
    usable = Q(revoked_at__isnull=True) & (Q(expires_at__isnull=True) | Q(expires_at__gt=now))
    return Token.objects.filter(usable, digest=digest(secret)).select_related("project", "owner").first()


def note_use(*, token: Token, now: datetime) -> None:
    """Remember that a token was used, at most once a minute: reads must not cost a write each."""
    due = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - USE_IS_NOTED_EVERY)
    if token.last_used_at is None or token.last_used_at < now - USE_IS_NOTED_EVERY:
        Token.objects.filter(due, pk=token.pk).update(last_used_at=now)


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
