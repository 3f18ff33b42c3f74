"""What needs somebody, worst first. The same ranking feeds home, the overview and the on-call page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from dashboards import words
from migrator.core.gate import Verdict, Word
from migrator.core.stages import Position
from migrator.gates.queries import Judgement, judgements
from migrator.inventory.models import Project, Unit
from migrator.observations.queries.attention import most_harmed, most_proven, wrong_since
from migrator.rollout.queries import Entry, last_entries

LOOKED_AT = 60
"""Units that are judged for one page: the worst and the best of them, not all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A unit that somebody should look at."""

    unit_id: int
    key: str
    service: str
    position: Position
    verdict: Verdict
    rate: float | None
    since: datetime | None
    last: Entry | None

    @property
    def is_wrong(self) -> bool:
        return self.verdict.word is Word.ROLLBACK


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """What needs somebody in one project."""

    wrong: tuple[Case, ...]
    """Harm is proven, and callers meet it."""
    suspect: tuple[Case, ...]
    """Callers meet the candidate, and some answers differ: not proven, not nothing."""
    ready: tuple[Case, ...]
    """Proven safe: the next step waits for a person."""

    @property
    def count(self) -> int:
        return len(self.wrong) + len(self.ready)


def attention(*, project: Project, now: datetime, ready: bool = True) -> Attention:
    """Judge the units worth a look. A handful of queries, whatever the size of the inventory.

    Without `ready` only what is wrong is looked for: that is all that on-call asks.
    """
    harmed = most_harmed(project=project, limit=LOOKED_AT)
    proven = most_proven(project=project, limit=LOOKED_AT) if ready else []
    units = list(Unit.objects.filter(pk__in={*harmed, *proven}).select_related("service"))
    judged = judgements(units=units, now=now)
    by_id = {unit.pk: unit for unit in units}
    worst = [by_id[pk] for pk in harmed if pk in by_id]
    shown = [unit for unit in worst if judged[unit.pk].verdict.word is not Word.PROMOTE]
    safe = [by_id[pk] for pk in proven if pk in by_id and judged[pk].verdict.promotes]
    cases = _cases([*shown, *safe], judged)
    return Attention(
        wrong=tuple(cases[unit.pk] for unit in shown if cases[unit.pk].is_wrong),
        suspect=tuple(cases[unit.pk] for unit in shown if not cases[unit.pk].is_wrong),
        ready=tuple(cases[unit.pk] for unit in safe),
    )


def _cases(units: list[Unit], judged: Mapping[int, Judgement]) -> dict[int, Case]:
    ids = [unit.pk for unit in units]
    since, last = wrong_since(unit_ids=ids), last_entries(unit_ids=ids)
    return {
        unit.pk: Case(
            unit_id=unit.pk,
            key=unit.key,
            service=unit.service.name,
            position=unit.position,
            verdict=judged[unit.pk].verdict,
            rate=judged[unit.pk].evidence.mismatch_rate,
            since=since.get(unit.pk),
            last=last.get(unit.pk),
        )
        for unit in units
    }


def sentence(found: Attention) -> str:
    """What the page answers: `2 units need you`, and what for."""
    if found.wrong and found.ready:
        wrong, ready = words.number(len(found.wrong)), words.number(len(found.ready))
        return f"{words.count(found.count, 'unit')} need you: {wrong} to roll back, {ready} ready for the next step."
    if found.wrong:
        return f"{words.count(len(found.wrong), 'unit needs', 'units need')} you: proven to answer wrongly."
    if found.ready:
        return f"{words.count(len(found.ready), 'unit is', 'units are')} ready for the next step. Nothing is wrong."
    if found.suspect:
        return f"Nothing is proven wrong; {words.count(len(found.suspect), 'unit differs', 'units differ')} a little."
    return "Nothing needs you."
