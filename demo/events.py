"""What can happen in the demo's history, as data. `demo.past` takes it through the doors that people use."""

from dataclasses import dataclass
from datetime import datetime

from migrator.core.stages import Stage
from migrator.inventory.importers.spec import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A service's document came in, for the first time or grown."""

    at: datetime
    service: str
    spec: Spec | None
    """None is the document of the service that runs."""
    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Units went to a stage. Shares in basis points; None leaves them as the stage allows."""

    at: datetime
    service: str
    keys: tuple[str, ...]
    """Endpoints; the fields of their answers go along."""
    actor: str
    reason: str
    stage: Stage
    candidate: int | None = None
    mirror: int | None = None
    proven: bool = True
    """Where more callers would meet the candidate: the evidence carried it. Else somebody went on against the gate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """Units came back to side by side."""

    at: datetime
    service: str
    keys: tuple[str, ...]
    actor: str
    reason: str
    by_guard: bool = False
    """The guard did it; `actor` is not asked then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A service's candidate was replaced by another build: what was known of the one before counts no more."""

    at: datetime
    service: str
    build: str
    actor: str


Event = Imported | Moved | RolledBack | Deployed
