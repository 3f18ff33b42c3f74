"""What needs somebody, worst first. The same ranking feeds home, the overview and the on-call page.

An endpoint and its fields are one case: people look at them together, and roll them back together.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboards import words
from migrator.core.gate import Verdict, Word
from migrator.core.stages import Position, Stage
from migrator.gates.queries import Judgement, judgements
from migrator.inventory.models import Kind, Project, Unit
from migrator.observations.queries.attention import Family, most_differing, most_harmed, most_proven, wrong_since
from migrator.rollout.queries import Entry, last_entries

LOOKED_AT = 40
"""Units that are judged for one page, of each kind: the worst and the best of them, not all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An endpoint, or a field on its own, that somebody should look at."""

    unit_id: int
    key: str
    is_endpoint: bool
    service: str
    position: Position
    verdict: Verdict
    rate: float | None
    fields: int
    """How many of its fields are in the same case."""
    since: datetime | None
    last: Entry | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """What needs somebody in one project. A unit is in one list only, the worst that is true of it."""

    wrong: tuple[Case, ...] = ()
    """Harm is proven, and callers meet it."""
    suspect: tuple[Case, ...] = ()
    """Callers meet the candidate, and some answers differ: not proven, not nothing."""
    differs: tuple[Case, ...] = ()
    """Proven to differ, and nobody meets it: the candidate must be fixed or the difference accepted."""
    ready: tuple[Case, ...] = ()
    """Proven safe: the next step waits for a person."""
    partial: frozenset[str] = frozenset()
    """The lists that may be longer than what is looked at for one page: their counts are least numbers."""

    @property
    def needing(self) -> tuple[Case, ...]:
        """The cases in which somebody can do something now."""
        return (*self.wrong, *self.differs, *self.ready)


def attention(*, project: Project, now: datetime, only_harm: bool = False) -> Attention:
    """Judge the units worth a look. A handful of queries, whatever the size of the inventory.

    With `only_harm` what callers do not meet is left out: on-call asks no more.
    """
    harmed = most_harmed(project=project, limit=LOOKED_AT + 1)
    differing = [] if only_harm else most_differing(project=project, limit=LOOKED_AT + 1)
    proven = [] if only_harm else most_proven(project=project, limit=LOOKED_AT + 1)
    search = _Search([harmed, differing, proven], now)
    return Attention(
        wrong=search.take("wrong", harmed, lambda verdict: verdict.word is Word.ROLLBACK),
        suspect=search.take("suspect", harmed, lambda verdict: not verdict.promotes),
        differs=search.take("differs", differing, lambda verdict: verdict.word is Word.HOLD),
        ready=search.take("ready", proven, lambda verdict: verdict.promotes),
        partial=frozenset(search.partial),
    )


def case_of(*, unit: Unit, now: datetime) -> Case:
    """One unit as a case, whatever is known of it: for whoever comes by a link about it."""
    judged = judgements(units=[unit], now=now)[unit.pk]
    since = wrong_since(unit_ids=[unit.pk]).get(unit.pk)
    return _case(unit, judged, others=0, since=since, last=last_entries(unit_ids=[unit.pk]).get(unit.pk))


class _Search:
    """The units of some families, loaded and judged once. Each family is handed out once."""

    def __init__(self, ranked: Sequence[Sequence[Family]], now: datetime) -> None:
        looked_at = {pk for families in ranked for pk in islice(_ids(families), LOOKED_AT)}
        self._units = Unit.objects.select_related("service").in_bulk(looked_at)
        self._judged = judgements(units=list(self._units.values()), now=now)
        self._since = wrong_since(unit_ids=list(looked_at))
        self._last = last_entries(unit_ids=list(looked_at))
        self._taken: set[int] = set()
        self.partial: set[str] = set()

    def take(self, name: str, families: Sequence[Family], fits: Callable[[Verdict], bool]) -> tuple[Case, ...]:
        """The families with units that fit and that no earlier list has."""
        cases: list[Case] = []
        fitting: list[int] = []
        for family in families:
            known = [pk for pk in family.unit_ids if pk in self._judged]
            fitting = [pk for pk in known if fits(self._judged[pk].verdict)] if known else fitting
            if known and fitting and family.endpoint_id not in self._taken:
                self._taken.add(family.endpoint_id)
                cases.append(self._case(fitting))
        # They come ranked: where the last one looked at fits, those behind it may fit too.
        if fitting and sum(1 for _ in _ids(families)) > LOOKED_AT:
            self.partial.add(name)
        return tuple(cases)

    def _case(self, fitting: Sequence[int]) -> Case:
        """The first speaks for the others: the endpoint if it is among them."""
        unit, judged = self._units[fitting[0]], self._judged[fitting[0]]
        began = [self._since[pk] for pk in fitting if pk in self._since]
        return _case(
            unit, judged, others=len(fitting) - 1, since=min(began, default=None), last=self._last.get(unit.pk)
        )


def _ids(families: Iterable[Family]) -> Iterable[int]:
    return (pk for family in families for pk in family.unit_ids)


def _case(unit: Unit, judged: Judgement, *, others: int, since: datetime | None, last: Entry | None) -> Case:
    return Case(
        unit_id=unit.pk,
        key=unit.key,
        is_endpoint=unit.kind == Kind.ENDPOINT,
        service=unit.service.name,
        position=unit.position,
        verdict=judged.verdict,
        rate=judged.evidence.mismatch_rate,
        fields=others,
        since=since,
        last=last,
    )


# -------------------------------------------------------------------------------------- in words


def counted(cases: Collection[Case]) -> str:
    """`1 endpoint`, `3 endpoints`; `units` where a field stands for itself."""
    if not all(case.is_endpoint for case in cases):
        return words.units(len(cases))
    return ngettext("{count} endpoint", "{count} endpoints", len(cases)).format(count=words.number(len(cases)))


def sentence(found: Attention, *, is_blind: bool = False, waits: Sequence[str] = ()) -> str:
    """What the page answers: who must be rolled back, what must be fixed, what may go on.

    `is_blind`: units are under way and no data plane lives, so that nothing found is nothing known.
    `waits`: what else waits for the reader, such as `1 approval`.
    """
    parts = [*_to_do(found)]
    if not parts:
        if found.suspect:
            told = ngettext(
                "Nothing is proven wrong; {cases} differs a little.",
                "Nothing is proven wrong; {cases} differ a little.",
                len(found.suspect),
            )
            return told.format(cases=counted(found.suspect))
        if is_blind:
            return _("Nobody reports: no data plane is connected, so nothing is known.")
        return _("Waits for you: {things}.").format(things=", ".join(waits)) if waits else _("Nothing needs you.")
    told = "; ".join(parts)
    return f"{told[0].upper()}{told[1:]}."


def under_way(counts: Mapping[Stage, int]) -> bool:
    """Whether there are units on whose traffic somebody should report."""
    return any(number for stage, number in counts.items() if stage not in (Stage.BACKLOG, Stage.REMOVED))


def _to_do(found: Attention) -> Iterable[str]:
    if found.wrong:
        told = ngettext(
            "{cases} answers callers wrongly: roll back",
            "{cases} answer callers wrongly: roll back",
            len(found.wrong),
        )
        yield told.format(cases=at_least(found, "wrong", counted(found.wrong)))
    if found.differs:
        yield _differing(found).format(cases=at_least(found, "differs", counted(found.differs)))
    if found.ready and (found.wrong or found.differs):
        told = ngettext("{count} is ready", "{count} are ready", len(found.ready))
        yield told.format(count=at_least(found, "ready", words.number(len(found.ready))))
    elif found.ready:
        told = ngettext("{cases} is ready for the next step", "{cases} are ready for the next step", len(found.ready))
        yield told.format(cases=at_least(found, "ready", counted(found.ready)))


def _differing(found: Attention) -> str:
    if found.wrong:
        return ngettext("{cases} differs from legacy", "{cases} differ from legacy", len(found.differs))
    return ngettext(
        "{cases} differs from legacy: fix the candidate or accept it",
        "{cases} differ from legacy: fix the candidate or accept it",
        len(found.differs),
    )


def at_least(found: Attention, name: str, told: str) -> str:
    """A number of cases; where not all were looked at, as the least that it is."""
    return _("at least {number}").format(number=told) if name in found.partial else told
