"""Noticing that a proof became complete, or that something came back. Nothing here moves a unit."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from django.db import transaction

from migrator.access.rights import Actor, Via, machine
from migrator.core.stages import Stage
from migrator.inventory.models import Unit
from migrator.ledger.models import Kind
from migrator.ledger.services import record
from migrator.removal.models import LastLook, ProofMark, Reopening
from migrator.removal.proof import REFERENCES, TRAFFIC, Proof
from migrator.removal.queries import proof_of
from migrator.telling.models import Event, Severity
from migrator.telling.services import tell

BATCH: Final = 1_000
RETURNS: Final = (TRAFFIC, REFERENCES)
"""What can come back to a unit that is removed."""
REMEMBERED: Final = ("stage_since", "complete", "failing", "open_parts", "at")


def watch(*, now: datetime) -> int:
    """Look at every unit in removal or removed; tell of what changed. Returns how many changed.

    Repeating it is harmless: each change is noticed once, whoever looks at the same time.
    """
    units = Unit.objects.tracked().filter(stage__in=[Stage.REMOVAL, Stage.REMOVED]).order_by("project_id", "pk")
    changed = sum(_look(batch, now=now) for batch in _batches(units.select_related("project").iterator(BATCH)))
    _say_when(now)
    return changed


def _say_when(now: datetime) -> None:
    """Only once all were looked at: lists say that nothing in them is older than this."""
    projects = Unit.objects.tracked().filter(stage=Stage.REMOVAL).order_by().values_list("project_id", flat=True)
    looks = [LastLook(project_id=pk, at=now) for pk in projects.distinct()]
    LastLook.objects.bulk_create(looks, update_conflicts=True, unique_fields=["project"], update_fields=["at"])


def _batches(units: Iterable[Unit]) -> Iterator[list[Unit]]:
    rest = iter(units)
    while batch := list(islice(rest, BATCH)):
        yield batch


def _look(units: Sequence[Unit], *, now: datetime) -> int:
    """Judged without any lock: only a change takes one, so that no flip waits for this."""
    proofs = proof_of(units=units, now=now)
    marks = ProofMark.objects.in_bulk([unit.pk for unit in units])
    standing = {row.unit_id: row for row in Reopening.objects.standing().filter(unit__in=units)}
    changed, quiet = 0, []
    for unit in units:
        if unit.stage == Stage.REMOVED:
            changed += _look_at_removed(unit, proofs[unit.pk], standing.get(unit.pk), now=now)
        elif change := _change(unit, proofs[unit.pk], marks.get(unit.pk), now=now):
            if change.is_news:
                changed += _tell(change, now=now)
            else:
                quiet.append(change)
    return changed + _remember_all(quiet)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """A proof that stands otherwise than its mark says."""

    unit: Unit
    proof: Proof
    mark: ProofMark | None
    wanted: ProofMark
    came_back: bool
    """Something speaks against the removal that did not before."""

    @property
    def is_news(self) -> bool:
        return self.proof.complete or self.came_back


def _change(unit: Unit, proof: Proof, mark: ProofMark | None, *, now: datetime) -> _Change | None:
    """What changed since the mark was made; None for nothing. Of another stay in removal nothing is remembered."""
    began, failing = unit.stage_since or unit.added_at, ",".join(sorted(proof.failing))
    before = mark if mark is not None and mark.stage_since == began else None
    if before is not None and (before.failing, before.open_parts) == (failing, list(proof.open_parts)):
        return None
    wanted = ProofMark(
        unit=unit,
        stage_since=began,
        complete=proof.complete,
        failing=failing,
        open_parts=list(proof.open_parts),
        at=now,
    )
    came_back = before is not None and (before.complete or bool(proof.failing - set(before.failing.split(","))))
    return _Change(unit=unit, proof=proof, mark=mark, wanted=wanted, came_back=came_back and not proof.complete)


@transaction.atomic
def _tell(change: _Change, *, now: datetime) -> bool:
    """Remember and tell that a proof became complete, or that something came back; False where another did."""
    if not _remember(change):
        return False
    unit, sentence = change.unit, change.proof.sentence
    if change.came_back:
        _told(unit, sentence, f"The removal of {unit.key} is open again", now=now)
        _recorded(unit, "Proof open again", sentence, now=now)
    else:
        _told(unit, sentence, f"{unit.key} can be deleted from legacy", now=now, resolves=True)
        _recorded(unit, "Proof complete", sentence, now=now)
    return True


def _remember(change: _Change) -> bool:
    """Whether it was us who noticed: of two who look at the same time one finds the mark changed."""
    values = {name: getattr(change.wanted, name) for name in REMEMBERED}
    if change.mark is None:
        return ProofMark.objects.get_or_create(unit=change.unit, defaults=values)[1]
    return ProofMark.objects.filter(pk=change.mark.pk, at=change.mark.at).update(**values) == 1


@transaction.atomic
def _remember_all(changes: Sequence[_Change]) -> int:
    """Remember together what is no news: one scan that grows old changes the proofs of thousands of units."""
    known = [change for change in changes if change.mark is not None]
    held = ProofMark.objects.select_for_update().filter(pk__in=[change.unit.pk for change in known]).order_by("pk")
    seen = dict(held.values_list("pk", "at"))
    ours = [change.wanted for change in known if change.mark and seen.get(change.unit.pk) == change.mark.at]
    ProofMark.objects.bulk_create(ours, update_conflicts=True, unique_fields=["unit"], update_fields=REMEMBERED)
    added = [change.wanted for change in changes if change.mark is None]
    ProofMark.objects.bulk_create(added, ignore_conflicts=True)
    return len(ours) + len(added)


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
