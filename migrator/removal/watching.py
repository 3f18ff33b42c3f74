"""Noticing that a proof became complete, or that something came back. Nothing here moves a unit."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from django.db import transaction

from migrator.access.rights import Actor, Via, machine
from migrator.core.stages import Stage
from migrator.inventory.models import Unit
from migrator.ledger.models import Kind
from migrator.ledger.services import record
from migrator.removal.models import ProofMark, Reopening
from migrator.removal.proof import REFERENCES, TRAFFIC, Proof
from migrator.removal.queries import proof_of
from migrator.telling.models import Event, Severity
from migrator.telling.services import tell

BATCH: Final = 1_000
RETURNS: Final = (TRAFFIC, REFERENCES)
"""What can come back to a unit that is removed."""


def watch(*, now: datetime) -> int:
    """Look at every unit in removal or removed; tell of what changed. Returns how many changed.

    Repeating it is harmless: each change is noticed once, whoever looks at the same time.
    """
    units = Unit.objects.tracked().filter(stage__in=[Stage.REMOVAL, Stage.REMOVED]).order_by("project_id", "pk")
    return sum(_look(batch, now=now) for batch in _batches(units.select_related("project").iterator(BATCH)))


def _batches(units: Iterable[Unit]) -> Iterator[list[Unit]]:
    rest = iter(units)
    while batch := list(islice(rest, BATCH)):
        yield batch


def _look(units: Sequence[Unit], *, now: datetime) -> int:
    """Judged without any lock: only a change takes one, so that no flip waits for this."""
    proofs = proof_of(units=units, now=now)
    marks = ProofMark.objects.in_bulk([unit.pk for unit in units])
    standing = {row.unit_id: row for row in Reopening.objects.standing().filter(unit__in=units)}
    changed = 0
    for unit in units:
        if unit.stage == Stage.REMOVED:
            changed += _look_at_removed(unit, proofs[unit.pk], standing.get(unit.pk), now=now)
        else:
            changed += _look_at_removal(unit, proofs[unit.pk], marks.get(unit.pk), now=now)
    return changed


@transaction.atomic
def _look_at_removal(unit: Unit, proof: Proof, mark: ProofMark | None, *, now: datetime) -> bool:
    """Remember how the proof stands; tell where it became complete, or where something came back."""
    failing = ",".join(sorted(proof.failing))
    began = unit.stage_since or unit.added_at
    # Of another stay in removal nothing is remembered.
    before = mark if mark is not None and mark.stage_since == began else None
    if before is not None and (before.complete, before.failing) == (proof.complete, failing):
        return False
    if not _remember(unit, mark, ProofMark(stage_since=began, complete=proof.complete, failing=failing, at=now)):
        return False
    if proof.complete:
        _told(unit, proof.sentence, f"{unit.key} can be deleted from legacy", now=now, resolves=True)
        _recorded(unit, "Proof complete", proof.sentence, now=now)
    elif before is not None and (before.complete or proof.failing - set(before.failing.split(","))):
        _told(unit, proof.sentence, f"The removal of {unit.key} is open again", now=now)
        _recorded(unit, "Proof open again", proof.sentence, now=now)
    return True


def _remember(unit: Unit, mark: ProofMark | None, wanted: ProofMark) -> bool:
    """Whether it was us who noticed: of two who look at the same time one finds the mark changed."""
    values = {name: getattr(wanted, name) for name in ("stage_since", "complete", "failing", "at")}
    if mark is None:
        return ProofMark.objects.get_or_create(unit=unit, defaults=values)[1]
    return ProofMark.objects.filter(pk=mark.pk, at=mark.at).update(**values) == 1


@transaction.atomic
def _look_at_removed(unit: Unit, proof: Proof, standing: Reopening | None, *, now: datetime) -> bool:
    """Open or close the reopening of a removed unit."""
    returned = [part.sentence for part in proof.parts if part.name in RETURNS and part.name in proof.failing]
    why = " ".join(returned)[:1_000]
    if returned and standing is None:
        _, created = Reopening.objects.get_or_create(unit=unit, closed_at=None, defaults={"why": why, "at": now})
        if not created:
            return False
        _told(unit, why, f"{unit.key} is removed, and still needed", now=now, severity=Severity.CRITICAL)
        _recorded(unit, "Reopened after removal", why, now=now)
        return True
    if returned and standing is not None and standing.why != why:
        Reopening.objects.standing().filter(pk=standing.pk).update(why=why)
        return False
    if standing is None or returned:
        return False
    return _close(unit, standing, now=now)


def _close(unit: Unit, standing: Reopening, *, now: datetime) -> bool:
    if not Reopening.objects.standing().filter(pk=standing.pk).update(closed_at=now):
        return False
    sentence = "Nothing calls or names it any more."
    _told(unit, sentence, f"{unit.key} is quiet again", now=now, resolves=True)
    _recorded(unit, "Closed again", sentence, now=now)
    return True


def _watcher() -> Actor:
    return machine(name="removal watch", via=Via.TASK)


def _recorded(unit: Unit, what: str, sentence: str, *, now: datetime) -> None:
    body = {"headline": what, "sentence": sentence}
    record(project=unit.project, kind=Kind.REMOVAL, actor=_watcher(), now=now, unit=unit, body=body)


def _told(
    unit: Unit, sentence: str, title: str, *, now: datetime, severity: str = Severity.WARNING, resolves: bool = False
) -> None:
    tell(
        project=unit.project,
        event=Event.REMOVAL,
        severity=Severity.INFO if resolves else severity,
        title=title,
        sentence=sentence,
        path=f"/p/{unit.project.slug}/removal/{unit.pk}",
        now=now,
        unit=unit,
        resolves=resolves,
    )
