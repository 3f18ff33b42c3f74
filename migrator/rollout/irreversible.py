"""Writes that no rollback takes back: which of them the candidate may have executed, and where it says what to do.

Declared by people (`Unit.irreversible`), such as a payment or a mail. It is only told: no rollback is refused for it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Final

from django.db.models import Q, QuerySet

from migrator.core.stages import Stage
from migrator.inventory.models import Project, Unit
from migrator.inventory.queries import runbooks_of
from migrator.rollout.models import Flip
from migrator.rollout.queries import Entry
from migrator.rollout.scopes import Scope, units_of

SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One that is declared irreversible."""

    unit_id: int
    key: str
    runbook: str
    """Where it says what to do; empty where nobody named that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lasting:
    """What stays done. False where nothing does."""

    writes: tuple[Write, ...] = ()
    """The first of them, those with a runbook first."""
    more: int = 0
    """Further ones."""

    def __bool__(self) -> bool:
        return bool(self.writes)

    @property
    def by_runbook(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Each runbook with the keys of the writes that it is about: one is read once."""
        return tuple(
            (runbook, tuple(write.key for write in writes))
            for runbook, writes in groupby(self.writes, attrgetter("runbook"))
        )


def left_by(*, project: Project, scope: Scope) -> Lasting:
    """What a rollback of this scope would leave done: writes that go down, and that the candidate answers now."""
    stuck = Q(stage=Stage.REMOVED) | Q(stage=Stage.REMOVAL, service__legacy_deployed=False)
    return _lasting(units_of(project=project, scope=scope).filter(candidate_bp__gt=0).exclude(stuck))


def left_behind(*, project: Project, last: Entry) -> Lasting:
    """What the change of this entry left done: writes that it took off the candidate, whoever it took along."""
    flips = Flip.objects.filter(
        project=project, epoch=last.version.epoch, version=last.version.number, from_candidate_bp__gt=0
    )
    return _lasting(Unit.objects.filter(pk__in=flips.values("unit")))


def among(*, unit_ids: Collection[int]) -> Lasting:
    """The irreversible writes among some units."""
    return _lasting(Unit.objects.filter(pk__in=unit_ids))


def _lasting(units: QuerySet[Unit]) -> Lasting:
    found = units.filter(irreversible=True)
    first = list(found.order_by("key").values_list("pk", "key")[: SHOWN + 1])
    runbooks = runbooks_of(unit_ids=[pk for pk, _ in first[:SHOWN]]) if first else {}
    writes = [Write(unit_id=pk, key=key, runbook=runbooks.get(pk, "")) for pk, key in first[:SHOWN]]
    writes.sort(key=lambda write: (not write.runbook, write.runbook, write.key))
    return Lasting(writes=tuple(writes), more=found.count() - SHOWN if len(first) > SHOWN else 0)
