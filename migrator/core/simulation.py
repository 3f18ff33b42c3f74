"""Whether judge() keeps its promises: units with known faults, climbing for a month.

Traffic is drawn hour by hour, faults caller by caller; the verdicts are the product's own. A unit is looked at before
and after each bad caller, where proof of safety and proof of harm are at their greatest, and at the end of every
hour: so no look in between, however often somebody looks, could say more. Looks that cannot change anything are left
out: where safety is not proven, while a step soaks, and where no stretch of time lies above the harm limit.

What a rollback takes besides is LAG_S: the data planes' window of 10 seconds and the guard's look after it. Evidence
arrives complete and in time: what happens where it does not is a matter of core.gaps.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil, cos, exp, log, log1p, pi, sqrt
from random import Random
from typing import Final

from migrator.core import stats
from migrator.core.gate import Evidence, Minute, Verdict, Word, judge
from migrator.core.policy import Policy
from migrator.core.ramp import ActKind, Moment, Plan, next_act
from migrator.core.stages import Position, Stage
from migrator.core.wire import Outcome

HOUR_S: Final = 3_600
DAY_S: Final = 24 * HOUR_S
BEGIN: Final = 1_790_000_000 // DAY_S * DAY_S
LAG_S: Final = 15.0
TYPICAL_PER_DAY: Final = 4_300
SPREAD: Final = 1.5
"""Standard deviation of the logarithm: one unit in a hundred has thirty times the traffic of the typical one."""
MOST_PER_DAY: Final = 1_000_000
HARM: Final = 0.1
PLAN: Final = Plan()
SOAK_S: Final = min(step.soak_s for step in PLAN.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of unit: how often it is drawn, and its true mismatch rates, as multiples of the policy's limit."""

    name: str
    weight: int
    least: float
    most: float
    harm: str = ""
    """When harm of 10 % begins: `deploy` (the evidence starts afresh with it), `unannounced`, or never."""

    @property
    def is_healthy(self) -> bool:
        return self.most < 1 and not self.harm

    @property
    def is_faulty(self) -> bool:
        """Whether its rate never lies below the limit."""
        return self.least >= 1


KINDS: Final = (
    Kind(name="clean", weight=25, least=0, most=0),
    Kind(name="below the limit", weight=20, least=0.05, most=0.6),
    Kind(name="at the limit", weight=15, least=1, most=1),
    Kind(name="above the limit", weight=15, least=1, most=10),
    Kind(name="harmful from the first", weight=5, least=20, most=200),
    Kind(name="harm with a deploy", weight=10, least=0, most=0.1, harm="deploy"),
    Kind(name="harm unannounced", weight=10, least=0, most=0.1, harm="unannounced"),
)
REPEATS: Final = (1, 1, 1, 1, 3, 10)
"""How many requests a caller sends, of whom all are answered well or none is: drawn from these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of one unit."""

    kind: str
    repeats: int
    pairs: int
    promoted: bool
    """Some look said promote."""
    share: int
    """Where it stood at the end, or before it was taken back, in basis points."""
    rolled_back: bool
    harmed: bool
    """Harm of 10 % began while callers met the candidate."""
    until_back: int | None = None
    """Requests from the beginning of harm until its rollback was effective; None where it never was."""
    callers_until_back: int | None = None
    """The same in callers: what repeats counts once."""
    callers_in_harm: int = 0
    """Callers that came since harm began."""
    climbed_in_harm: int = 0
    """Steps that were taken between the two."""


def fates(*, numbers: Sequence[int], seed: int, days: int, policy: Policy | None = None) -> list[Fate]:
    """What becomes of these units. Each has dice of its own, so that any may be drawn again alone."""
    chosen = policy or Policy()
    return [_Unit(Random(f"{seed}:{number}"), chosen, days).live() for number in numbers]


# ----------------------------------------------------------------------------------- one unit


@dataclass(slots=True)
class _Counts:
    """The evidence of one epoch, in callers: everything that one caller sends is one bet."""

    callers: int = 0
    marks: list[tuple[float, int]] = field(default_factory=list)
    """When an hour began, and how many callers had come by then; the last is the present."""
    bad: list[tuple[float, int]] = field(default_factory=list)
    """When a bad caller came, and the how manieth it was."""


class _Unit:
    """A unit, its traffic and its way up."""

    def __init__(self, dice: Random, policy: Policy, days: int) -> None:
        self.dice, self.policy, self.days = dice, policy, days
        self.kind = dice.choices(KINDS, weights=[kind.weight for kind in KINDS])[0]
        self.repeats = dice.choice(REPEATS)
        self.rate = min(0.5, dice.uniform(self.kind.least, self.kind.most) * policy.mismatch_limit)
        self.per_day = min(TYPICAL_PER_DAY * exp(dice.gauss(0, SPREAD)), MOST_PER_DAY)
        self.onset_at = BEGIN + dice.uniform(1, max(2, days - 3)) * DAY_S if self.kind.harm else None
        self.counts, self.position, self.step = _Counts(), Position(stage=Stage.SIDE_BY_SIDE, candidate=0, mirror=0), 0
        self.since, self.onset_callers, self.seen = float(BEGIN), 0, 0
        self.promoted = self.harmed = False
        self.climbed_in_harm = 0

    def live(self) -> Fate:
        for hour in range(self.days * 24):
            begin = float(BEGIN + hour * HOUR_S)
            for start, end in self._parts(begin):
                back_at = self._pass(start, end)
                if back_at is not None:
                    return self._fate(back_at)
        return self._fate(None)

    def _parts(self, begin: float) -> Iterator[tuple[float, float]]:
        """An hour, cut in two where harm begins in it."""
        end, onset = begin + HOUR_S, self.onset_at
        if onset is None or not begin <= onset < end:
            yield begin, end
            return
        yield begin, onset
        self._harm_begins()
        yield onset, end

    def _harm_begins(self) -> None:
        self.rate = HARM
        self.harmed = self.position.candidate > 0
        if self.kind.harm == "deploy":
            self.counts = _Counts()
        self.onset_callers = self.seen

    def _pass(self, start: float, end: float) -> float | None:
        """Let the callers of this time come. The time of a rollback, where one was proven."""
        counts, came = self.counts, self._arrivals(start, end)
        first = counts.callers
        counts.marks.append((start, first))
        for order in self._bad_among(came):
            at = start + (end - start) * order / came
            counts.callers = first + order - 1
            self._look_up(at)
            counts.callers += 1
            counts.bad.append((at, counts.callers))
            if self._is_harm(at):
                self.seen += order
                return at
        counts.callers = first + came
        self.seen += came
        self._look_up(end)
        return None

    def _arrivals(self, start: float, end: float) -> int:
        """Callers of a time: a wave over the day, half of it at week-ends, and chance."""
        day, hour = divmod((start - BEGIN) / HOUR_S, 24)
        wave = 1 - 0.6 * cos(2 * pi * (hour - 3) / 24)
        weekend = 0.5 if day % 7 >= 5 else 1.0
        mean = self.per_day / self.repeats * wave * weekend * (end - start) / DAY_S
        return max(0, round(self.dice.gauss(mean, sqrt(mean)))) if mean > 50 else self._poisson(mean)

    def _poisson(self, mean: float) -> int:
        came, left = 0, self.dice.expovariate(1.0)
        while left < mean:
            came, left = came + 1, left + self.dice.expovariate(1.0)
        return came

    def _bad_among(self, came: int) -> Iterator[int]:
        """The places of the bad ones among so many callers, from 1."""
        place = 0
        while self.rate > 0:
            place += 1 + int(log(1 - self.dice.random()) / log1p(-self.rate))
            if place > came:
                return
            yield place

    # ---------------------------------------------------------------------------------- looks

    def _look_up(self, at: float) -> None:
        """Ask for the next step, where the answer can be yes."""
        if (self.promoted and at - self.since < SOAK_S) or not self._is_proven():
            return
        if self.step < len(PLAN.steps) or not self.promoted:
            self._climb(self._verdict(at), at)

    def _is_proven(self) -> bool:
        """What the verdict asks first: without it no other question matters."""
        bad, callers, limit = len(self.counts.bad), self.counts.callers, self.policy.mismatch_limit
        if not callers or bad > limit * callers:
            return False
        return stats.proof_of_safety(bad=bad, pairs=callers, limit=limit) >= 1 / self.policy.alpha

    def _climb(self, verdict: Verdict, at: float) -> None:
        self.promoted = self.promoted or verdict.promotes
        if verdict.word is not Word.PROMOTE:
            return
        moment = Moment(
            now=datetime.fromtimestamp(at, tz=UTC),
            position=self.position,
            soaked_s=at - self.since,
            word=verdict.word,
            because=verdict.reason,
        )
        act = next_act(plan=PLAN, step=self.step, moment=moment)
        if act.kind is ActKind.FLIP and act.target is not None:
            self.position, self.step, self.since = act.target, self.step + 1, at
            self.climbed_in_harm += self.rate == HARM and bool(self.kind.harm)

    def _is_harm(self, at: float) -> bool:
        """Ask whether to go back, where callers meet the candidate and the answer can be yes."""
        if not self.position.candidate or not self._is_suspect(at):
            return False
        return self._verdict(at).word is Word.ROLLBACK

    def _is_suspect(self, at: float) -> bool:
        """Whether some stretch of time, until now, holds two bad callers and more than the limit allows."""
        bad, limit = self.counts.bad, self.policy.harm_limit
        if len(bad) > limit * self.counts.callers:
            return len(bad) >= 2
        for back in range(2, len(bad) + 1):
            came_at, order = bad[-back]
            if at - came_at > DAY_S:
                return False
            if back > limit * (self.counts.callers - order + 1):
                return True
        return False

    def _verdict(self, at: float) -> Verdict:
        return judge(evidence=self._evidence(at), policy=self.policy, now=at, serving=self.position.candidate > 0)

    def _evidence(self, at: float) -> Evidence:
        callers, bad, repeats = self.counts.callers, len(self.counts.bad), self.repeats
        return Evidence(
            outcomes={Outcome.MATCH: (callers - bad) * repeats, Outcome.MISMATCH: bad * repeats},
            served_candidate=callers * repeats * self.position.candidate // 10_000,
            subjects=callers,
            mismatching_subjects=bad,
            completeness=1.0,
            first_at=self.counts.marks[0][0],
            last_at=at,
            minutes=tuple(self._minutes(at)),
        )

    def _minutes(self, at: float) -> Iterator[Minute]:
        """The last day by the hour, and from the hour before this one by the minute, from the first bad caller on."""
        bad = [came_at for came_at, _ in self.counts.bad if came_at > at - DAY_S]
        if not bad:
            return
        fine = int(at) // HOUR_S * HOUR_S - HOUR_S
        hours = range(int(bad[0]) // HOUR_S * HOUR_S, fine, HOUR_S)
        starts = [*hours, *range(max(fine, int(bad[0]) // 60 * 60), int(at) + 1, 60)]
        ends = [*starts[1:], at + 1]
        for start, end in zip(starts, ends, strict=True):
            before, by = self._came_by(start, at), self._came_by(end, at)
            met, met_by = bisect_left(bad, start), bisect_left(bad, end)
            if by > before:
                pairs, bad_pairs = (by - before) * self.repeats, (met_by - met) * self.repeats
                yield Minute(start=start, pairs=pairs, bad=bad_pairs)

    def _came_by(self, moment: float, at: float) -> int:
        """How many callers had come by a moment, between the marks in proportion to time."""
        marks = self.counts.marks
        if moment >= at:
            return self.counts.callers
        place = bisect_right(marks, (moment, 1 << 60)) - 1
        if place < 0:
            return 0
        (start, came), (end, until) = marks[place], (*marks, (at, self.counts.callers))[place + 1]
        return came + ceil((until - came) * (moment - start) / (end - start)) if end > start else came

    def _fate(self, back_at: float | None) -> Fate:
        lag = self._arrivals(back_at, back_at + LAG_S) if back_at is not None else 0
        met = self.seen - self.onset_callers + lag if back_at is not None and self.harmed else None
        return Fate(
            kind=self.kind.name,
            repeats=self.repeats,
            pairs=self.seen * self.repeats,
            promoted=self.promoted,
            share=self.position.candidate,
            rolled_back=back_at is not None,
            harmed=self.harmed,
            until_back=met * self.repeats if met is not None else None,
            callers_until_back=met,
            callers_in_harm=self.seen - self.onset_callers if self.harmed else 0,
            climbed_in_harm=self.climbed_in_harm if self.harmed else 0,
        )
