"""Signed overrides on the control plane's side: written without a database, entries of the ledger once it is back.

An override is a file in OVERRIDES_DIR. The data plane server hands it out from there, asking neither database nor
Redis. Whoever reaches the database first, a worker or that server, adopts it: rolls back what it names, through the
door, and notes its id in the same transaction, so that it counts once however often it is told.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction

from migrator.access.rights import Actor, Via, machine
from migrator.core.override import (
    EVERYTHING,
    LIFETIME,
    LONGEST_LIFETIME,
    OverrideRefused,
    decode_signed,
    public_key,
    read,
    sign,
    verify,
)
from migrator.core.wire import Override, RoutingTable, SignedOverride, Version, WireError, decode_table, encode
from migrator.inventory import versions
from migrator.inventory.models import Project, Service, Unit
from migrator.ledger.models import Kind
from migrator.ledger.services import record
from migrator.local import addresses
from migrator.rollout.models import CarriedOut
from migrator.rollout.scopes import Scope
from migrator.rollout.services import rollback
from migrator.telling.models import Event, Severity
from migrator.telling.services import tell

SUFFIX: Final = ".json"
REFUSED: Final = ".refused"
TABLES: Final = "tables"
MOST: Final = 1_000
"""Files that are looked at, and overrides that are remembered as adopted."""
REMEMBERED: Final = timedelta(seconds=LONGEST_LIFETIME)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A file in the directory. Either an override that is real and not over, or the reason why it is none."""

    path: Path
    signed: SignedOverride | None = None
    override: Override | None = None
    refusal: str = ""


def folder() -> Path:
    """Where overrides are written and handed out from."""
    return Path(settings.OVERRIDES_DIR or addresses.state_dir() / "overrides")


def key() -> str:
    """The public key that data planes get with their table."""
    return public_key(secret=settings.SECRET_KEY)


def issue(
    *,
    project: str,
    units: Sequence[str],
    services: Sequence[str],
    author: str,
    reason: str,
    now: datetime,
    version: Version | None = None,
    seconds: float = LIFETIME,
) -> tuple[Override, Path]:
    """Sign an override and leave it in the directory. Needs no database. Raises OverrideRefused or OSError."""
    at = now.timestamp()
    override = Override(
        id=f"{now.astimezone(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}",
        project=project,
        units=tuple(units),
        services=tuple(services),
        author=author,
        reason=reason[:1_000],
        issued_at=at,
        expires_at=at + seconds,
        version=version or Version(epoch=0, number=0),
    )
    signed = sign(override=override, secret=settings.SECRET_KEY)
    path = folder() / f"{override.id}{SUFFIX}"
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_bytes(encode(signed))
    draft.chmod(0o644)  # whoever serves it may be another account, and nothing in it is secret
    draft.rename(path)  # whole, or not there
    return override, path


def waiting(*, now: datetime) -> list[Waiting]:
    """What lies in the directory, oldest first. Asks no database."""
    paths = sorted(path for path in folder().glob(f"*{SUFFIX}") if not path.name.startswith("."))
    return [_read(path, now=now.timestamp()) for path in paths[:MOST]]


def _read(path: Path, *, now: float) -> Waiting:
    try:
        signed = decode_signed(path.read_bytes())
        override = verify(signed=signed, key=key(), project=read(signed).project, now=now)
    except (OSError, WireError, UnicodeError, OverrideRefused) as error:
        return Waiting(path=path, refusal=str(error))
    return Waiting(path=path, signed=signed, override=override)


def adopt_waiting(*, now: datetime) -> int:
    """Adopt what lies in the directory, and clear it away. Returns how many were. Raises django.db.Error."""
    adopted = 0
    for found in waiting(now=now):
        if found.signed is None or found.override is None:
            _set_aside(found)
            continue
        try:
            adopt(signed=found.signed, project=found.override.project, source=f"file {found.path.name}", now=now)
            adopted += 1
        except OverrideRefused as refusal:
            _set_aside(Waiting(path=found.path, refusal=str(refusal)))
        else:
            found.path.unlink(missing_ok=True)
    return adopted


def _set_aside(found: Waiting) -> None:
    """Keep a refused file for whoever looks into it, and look at it no more."""
    log.error("override.refused", file=str(found.path), reason=found.refusal)
    try:
        found.path.rename(found.path.with_suffix(REFUSED))
    except OSError as error:
        log.error("override.not_set_aside", file=str(found.path), reason=str(error))


@transaction.atomic
def adopt(*, signed: SignedOverride, project: str, source: str, now: datetime) -> CarriedOut:
    """Make an override entries of the ledger: roll back what it names. Repeating it is harmless.

    `project` is the slug of whoever tells of it, `source` who that is. Raises OverrideRefused where it is forged,
    over, of another project, or of none.
    """
    override = verify(signed=signed, key=key(), project=project, now=now.timestamp())
    found = Project.objects.filter(slug=project).first()
    if found is None:
        raise OverrideRefused(f"there is no project {project}")
    home = versions.lock(project_id=found.pk)
    known = CarriedOut.objects.filter(pk=override.id).first()
    if known is not None:
        return known
    actor = machine(name=override.author[:200], via=Via.OVERRIDE)
    taken, unknown = _roll_back(home, override, actor=actor, now=now)
    present = Project.objects.get(pk=home.pk)
    carried = CarriedOut.objects.create(
        id=override.id,
        project=home,
        document=signed.document,
        signature=signed.signature,
        author=override.author[:200],
        issued_at=datetime.fromtimestamp(override.issued_at, UTC),
        adopted_at=now,
        source=source[:200],
        rolled_back=taken,
        epoch=present.epoch,
        version=present.version,
    )
    _note(carried, override, unknown=unknown, actor=actor, now=now)
    return carried


def _roll_back(project: Project, override: Override, *, actor: Actor, now: datetime) -> tuple[int, list[str]]:
    """Take down what an override names. Returns how many units moved, and the names that nobody knows here."""
    reason = f"Override {override.id}: {override.reason or 'rolled back while the database was away'}"[:1_000]
    scopes, unknown = _scopes(project, override)
    moved = sum(
        len(rollback(project=project, scope=scope, actor=actor, now=now, reason=reason).flips) for scope in scopes
    )
    return moved, unknown


def _scopes(project: Project, override: Override) -> tuple[list[Scope], list[str]]:
    if EVERYTHING in override.units:
        return [Scope(everything=True)], []
    units = dict(Unit.objects.tracked().filter(project=project, key__in=override.units).values_list("key", "pk"))
    services = {
        service.name: service for service in Service.objects.filter(project=project, name__in=override.services)
    }
    scopes = [Scope(service=service) for service in services.values()]
    if units:
        scopes.append(Scope(unit_ids=tuple(units.values())))
    named: Iterable[str] = (*override.units, *override.services)
    return scopes, [name for name in named if name not in units and name not in services]


def _note(carried: CarriedOut, override: Override, *, unknown: list[str], actor: Actor, now: datetime) -> None:
    """Write the link of the chain, and tell people: in the same transaction."""
    body = {
        "id": override.id,
        "units": list(override.units),
        "services": list(override.services),
        "issued_at": carried.issued_at.isoformat(),
        "source": carried.source,
        "rolled_back": carried.rolled_back,
        "unknown": unknown,
        "signature": carried.signature,
    }
    project = carried.project
    record(project=project, kind=Kind.OVERRIDE, actor=actor, now=now, body=body, reason=override.reason[:1_000])
    names = ", ".join((*override.units, *override.services)[:5]).replace(EVERYTHING, "everything")
    tell(
        project=project,
        event=Event.OVERRIDE,
        severity=Severity.WARNING,
        title=f"{project.slug}: a rollback made without the database is in the ledger now",
        sentence=f"{override.author} held {names} at legacy while the database was away; {carried.rolled_back} units "
        f"are rolled back in the ledger since.",
        path=f"/p/{project.slug}/ledger",
        now=now,
        key=f"override:{override.id}",
    )
    log.warning("override.adopted", id=override.id, rolled_back=carried.rolled_back, unknown=unknown)


def remember(*, project: str, table: bytes) -> None:
    """Keep a project's table on disk: who rolls back without a database can see what there is. Raises OSError."""
    path = folder() / TABLES / f"{project}{SUFFIX}"
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_bytes(table)
    draft.rename(path)


def remembered(*, project: str | None) -> list[RoutingTable]:
    """The tables that this host last saw: of one project, or of all. Those that cannot be read are left out."""
    found = []
    for path in sorted((folder() / TABLES).glob(f"{project or '*'}{SUFFIX}")):
        try:
            found.append(decode_table(path.read_bytes()))
        except (OSError, WireError) as error:
            log.warning("table.unreadable", path=str(path), reason=str(error))
    return found


def adopted(*, now: datetime) -> dict[str, dict[str, Version]]:
    """By project slug and id: what is in the ledger, and the table that carries it. Only what is not long over."""
    rows = CarriedOut.objects.filter(adopted_at__gt=now - REMEMBERED).select_related("project")[:MOST]
    found: dict[str, dict[str, Version]] = {}
    for row in rows:
        found.setdefault(row.project.slug, {})[row.pk] = Version(epoch=row.epoch, number=row.version)
    return found
