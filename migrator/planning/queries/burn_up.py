"""How far a project has come: units or effort per stage, day by day, from the ledger and the history of its scope."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import accumulate
from math import log10

from migrator.core.forecast import Week
from migrator.core.stages import LADDER, RANK, Stage
from migrator.inventory.models import Project
from migrator.planning.queries.history import History, history
from migrator.planning.queries.slices import Measure, Slice

MOVED = (Stage.CUTOVER, Stage.REMOVAL, Stage.REMOVED)
"""Stages in which nobody is answered by legacy any more."""
PACE_WEEKS = 4
DIGITS = 12
"""Of points: further on a sum of them is only what floating point left over, and would be work that nobody has."""


@dataclass(frozen=True, kw_only=True)
class BurnUp:
    """What stood in each stage at the end of each day. Every series is as long as `days`; the last day is today."""

    days: tuple[date, ...]
    counts: Mapping[Stage, tuple[float, ...]]
    deadline: date | None
    measure: Measure = Measure.UNITS
    done_stage: Stage = Stage.CUTOVER
    """What is done: this stage and those after it."""
    added: tuple[float, ...] = field(default=())
    """Scope that came on each day."""
    gone: tuple[float, ...] = field(default=())
    """Scope that went on each day."""
    grain: float = 1.0
    """How large one unit is: 1 where units are counted, their mean effort where points are."""

    def last(self, days: int) -> "BurnUp":
        """The same over the last days only."""
        at = max(0, len(self.days) - days - 1)
        return replace(
            self,
            days=self.days[at:],
            counts={stage: counts[at:] for stage, counts in self.counts.items()},
            added=self.added[at:],
            gone=self.gone[at:],
        )

    @cached_property
    def scope(self) -> tuple[float, ...]:
        return tuple(sum(day) for day in zip(*self.counts.values(), strict=True))

    @property
    def done_stages(self) -> tuple[Stage, ...]:
        return tuple(rung.stage for rung in LADDER if RANK[rung.stage] >= RANK[self.done_stage])

    @cached_property
    def done(self) -> tuple[float, ...]:
        return tuple(sum(day) for day in zip(*(self.counts[stage] for stage in self.done_stages), strict=True))

    @property
    def moved(self) -> tuple[float, ...]:
        return tuple(sum(day) for day in zip(*(self.counts[stage] for stage in MOVED), strict=True))

    @property
    def left(self) -> float:
        """What is not done, today."""
        return self.scope[-1] - self.done[-1]

    @property
    def pace(self) -> float | None:
        """Done per week over the last four weeks; None where the history is shorter than one week."""
        span = min(len(self.days) - 1, 7 * PACE_WEEKS)
        if span < 7:
            return None
        done = self.done
        return (done[-1] - done[-1 - span]) / span * 7

    @property
    def pace_needed(self) -> float | None:
        """What the deadline asks for, per week; None without a deadline ahead."""
        if self.deadline is None or self.deadline <= self.days[-1]:
            return None
        return self.left / (self.deadline - self.days[-1]).days * 7

    @property
    def weeks(self) -> tuple[Week, ...]:
        """Whole weeks that end today, oldest first: what was finished, and what came into scope."""
        done, scope = self.done, self.scope
        ends = range(len(self.days) - 1, 6, -7)
        lived = [Week(done=done[end] - done[end - 7], added=scope[end] - scope[end - 7]) for end in ends]
        return tuple(reversed(lived))


def burn_up(
    *,
    project: Project,
    now: datetime,
    units: Slice | None = None,
    days: int | None = 90,
    measure: Measure = Measure.UNITS,
    done_stage: Stage = Stage.CUTOVER,
) -> BurnUp:
    """The last `days` days until `now`; None is all there were."""
    today = now.date()
    read = history(
        project=project,
        units=units or Slice(),
        measure=measure,
        done_stage=done_stage,
        first=None if days is None else today - timedelta(days=days),
    )
    return burn_up_of(read, today=today)


def burn_up_of(read: History, *, today: date) -> BurnUp:
    """What stands now, and before that what stood before each move."""
    first = read.first or _first_day(read, today)
    span = tuple(first + timedelta(days=offset) for offset in range((today - first).days + 1))
    grown: dict[Stage, Counter[date]] = {stage: Counter() for stage in RANK}
    added: Counter[date] = Counter()
    gone: Counter[date] = Counter()
    for move in read.moves:
        if move.before is None:
            _add(move.day, move.size, added)
        else:
            _add(move.day, -move.size, grown[move.before])
        _add(move.day, move.size, grown[move.after] if move.after else gone)
    return BurnUp(
        days=span,
        counts={stage: _running(_now_in(read, stage), days, span) for stage, days in grown.items()},
        deadline=_deadline(read),
        measure=read.measure,
        done_stage=read.done_stage,
        added=tuple(added.get(day, 0) for day in span),
        gone=tuple(gone.get(day, 0) for day in span),
        grain=read.grain,
    )


def _add(day: date, size: float, to: Counter[date]) -> None:
    to[day] += size  # type: ignore[assignment]  # points are no whole numbers


def _now_in(read: History, stage: Stage) -> float:
    return sum(size for (_team, stands), size in read.stands.items() if stands is stage)


def _deadline(read: History) -> date | None:
    name = read.units.phase
    phase = read.project.phases.filter(name=name).first() if name else None
    return phase.deadline if phase and phase.deadline else read.project.deadline


def _first_day(read: History, today: date) -> date:
    # Another computer's clock may be ahead: what it wrote tomorrow is no history yet.
    return min(today, min((move.day for move in read.moves), default=today - timedelta(days=1)))


def _running(now: float, changes: Mapping[date, float], span: tuple[date, ...]) -> tuple[float, ...]:
    """What stands now, and changes per day -> what stood at the end of each day."""
    before = now - sum(changes.values())
    stood = accumulate((changes.get(day, 0) for day in span), initial=before)
    if isinstance(before, int):
        return tuple(stood)[1:]
    decimals = DIGITS - 1 - int(log10(max(1.0, now + sum(map(abs, changes.values())))))
    return tuple(round(each, decimals) for each in stood)[1:]
