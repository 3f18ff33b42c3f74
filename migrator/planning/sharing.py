"""Links that show how far a project is to whoever has them. Only the hash of a secret is kept."""

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import Q

from migrator.access.rights import Actor, Right, demand
from migrator.inventory.models import Project
from migrator.inventory.services import Invalid
from migrator.ledger.models import Kind
from migrator.ledger.services import record
from migrator.planning.models import ShareLink

_SITE: Final = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?/?")
"""What a Content-Security-Policy can name: a header is ASCII, and any other mark could end its directive."""
USED_EVERY: Final = timedelta(minutes=1)
"""How often the last use is written down, however often a link is opened."""


@transaction.atomic
def make_share_link(
    *,
    project: Project,
    name: str,
    actor: Actor,
    now: datetime,
    embed_origins: Sequence[str] = (),
    expires_at: datetime | None = None,
) -> str:
    """Make a link and return its secret: it is shown once. Raises Forbidden without the right, and Invalid."""
    demand(actor=actor, right=Right.MANAGE)
    told = name.replace("\0", "").strip()[:100]
    if not told:
        raise Invalid("name", "Say whom the link is for.")
    if expires_at is not None and expires_at <= now:
        raise Invalid("expires_on", "A link ends in the future, or not at all.")
    origins = [_origin(each) for each in embed_origins]
    secret = secrets.token_urlsafe(24)
    ShareLink.objects.create(
        project=project,
        name=told,
        digest=_digest(secret),
        embed_origins=origins,
        created_by=actor.name,
        created_at=now,
        expires_at=expires_at,
    )
    ends = expires_at.isoformat() if expires_at else None
    body = {"headline": f"share link {told} made", "link": told, "embed_origins": origins, "expires_at": ends}
    record(project=project, kind=Kind.SETTINGS, actor=actor, now=now, body=body)
    return secret


@transaction.atomic
def revoke_share_link(*, link: ShareLink, actor: Actor, now: datetime) -> None:
    """Nobody sees anything through it from now on. Repeating it is harmless. Raises Forbidden without the right."""
    demand(actor=actor, right=Right.MANAGE)
    if ShareLink.objects.filter(pk=link.pk, revoked_at__isnull=True).update(revoked_at=now):
        body = {"headline": f"share link {link.name} revoked", "link": link.name}
        record(project=link.project, kind=Kind.SETTINGS, actor=actor, now=now, body=body)


def find_share_link(*, secret: str, now: datetime) -> ShareLink | None:
    """The link of this secret with its project, unless it is unknown, expired or revoked. Notes that it was used."""
    usable = Q(revoked_at__isnull=True) & (Q(expires_at__isnull=True) | Q(expires_at__gt=now))
    link = ShareLink.objects.filter(usable, digest=_digest(secret)).select_related("project").first()
    if link is not None and (link.last_used_at is None or link.last_used_at < now - USED_EVERY):
        ShareLink.objects.filter(pk=link.pk).update(last_used_at=now)
    return link


def _origin(text: str) -> str:
    """`https://wiki.example.com`: what a browser takes as the address of a site. Raises Invalid."""
    try:
        parts = urlsplit(text)
        whole = bool(parts.hostname) and parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:
        whole = False
    if not whole or not _SITE.fullmatch(text):
        advice = "" if text.isascii() else " Names in other scripts are written as browsers send them: xn--…"
        raise Invalid("embed_origins", f"{text!r} is no site. Write it like https://wiki.example.com.{advice}")
    return f"{parts.scheme}://{parts.netloc}"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
