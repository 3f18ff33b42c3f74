"""The token of a demo's gateway, kept between runs."""

from datetime import datetime
from pathlib import Path

from migrator.access.models import Scope
from migrator.access.tokens import create_token, find_token
from migrator.inventory.models import Project


def gateway_token(*, project: Project, file: Path, now: datetime) -> str:
    """A token for data planes of the project: the one in `file` while it is good, else a new one, kept there."""
    kept = file.read_text() if file.exists() else ""
    found = find_token(secret=kept, now=now) if kept else None
    if found is not None and found.project_id == project.pk:
        return kept
    secret = create_token(name="demo gateway", scope=Scope.INGEST, project=project, now=now)
    keep(secret=secret, file=file)
    return secret


def keep(*, secret: str, file: Path) -> None:
    """Leave a secret where only this account reads it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(secret)
