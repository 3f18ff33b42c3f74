"""A unit's way up by itself: a plan of steps, and what to do of it at this moment.

Nothing here knows the database or the time: whoever calls says how long the evidence has flowed, what the
verdict is and who else is moving. A step is taken only where nothing speaks against it; every doubt waits.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final

import msgspec

from migrator.core import working_hours
from migrator.core.gate import Word
from migrator.core.stages import (
    ALL,
    RANK,
    RUNGS,
    SAFE_STAGE,
    Position,
    Stage,
    TransitionRefused,
    check_shares,
    percent,
    settle,
)
from migrator.core.working_hours import DAY_MINUTES, WorkingHours

USUAL_SOAK_S: Final = 1_800
LONGEST_SOAK_S: Final = 30 * 86_400
MOST_STEPS: Final = 50
MOST_AT_ONCE: Final = 10_000
Share = Annotated[int, msgspec.Meta(ge=0, le=ALL)]
Soak = Annotated[int, msgspec.Meta(ge=0, le=LONGEST_SOAK_S)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One rise. `candidate` in basis points, `soak_s` in seconds."""

    candidate: Share
    stage: Stage = Stage.CANARY
    soak_s: Soak = USUAL_SOAK_S
    """How long evidence must have flowed here before the next step is taken."""

    @property
    def height(self) -> tuple[int, int]:
        """What orders steps and positions."""
        return RANK[self.stage], self.candidate

    @property
    def words(self) -> str:
        return RUNGS[self.stage].label.lower() if self.stage is Stage.CUTOVER else f"{percent(self.candidate)} %"


USUAL_STEPS: Final[tuple[Step, ...]] = tuple(Step(candidate=share) for share in (100, 500, 2_500, 5_000, ALL))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where a ramp leads and how. A plan that was read from outside passes `check()` first."""

    steps: tuple[Step, ...] = USUAL_STEPS
    working_hours: WorkingHours | None = None
    """Steps are taken within these only; None is always."""
    at_once: Annotated[int, msgspec.Meta(ge=1, le=MOST_AT_ONCE)] | None = None
    """At most so many units of one service are under way at once; None is without a limit."""

    @property
    def words(self) -> str:
        """`1 → 5 → 25 → 50 → 100 %`, `50 % → cutover`."""
        shares = [step for step in self.steps if step.stage is not Stage.CUTOVER]
        told = " → ".join(f"{percent(step.candidate)}" for step in shares)
        ends = [step.words for step in self.steps if step.stage is Stage.CUTOVER]
        return " → ".join([f"{told} %"] * bool(told) + ends)


class PlanRefused(ValueError):
    """No ramp can follow this plan. `field` names the input to change: steps, working_hours, at_once, soak."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def check(plan: Plan) -> Plan:
    """The plan itself, where a unit in side by side could climb it from its first step to its last.

    Raises PlanRefused with a sentence.
    """
    if not 1 <= len(plan.steps) <= MOST_STEPS:
        raise PlanRefused("steps", f"A plan has 1 to {MOST_STEPS} steps, not {len(plan.steps)}.")
    for step in plan.steps:
        _check_step(step)
    if plan.steps[0].stage is Stage.CUTOVER:
        raise PlanRefused("steps", "After side by side comes canary: put a share before cutover.")
    for before, after in zip(plan.steps, plan.steps[1:], strict=False):
        if after.height <= before.height:
            raise PlanRefused("steps", f"Steps only rise: {after.words} does not come after {before.words}.")
    if plan.at_once is not None and not 1 <= plan.at_once <= MOST_AT_ONCE:
        raise PlanRefused("at_once", f"At once: 1 to {MOST_AT_ONCE:,} units of one service, not {plan.at_once:,}.")
    if plan.working_hours is not None:
        _check_hours(plan.working_hours)
    return plan


def _check_step(step: Step) -> None:
    if step.stage not in (Stage.CANARY, Stage.CUTOVER):
        raise PlanRefused("steps", f"A ramp goes through canary to cutover; {step.stage} is a person's flip.")
    if step.stage is Stage.CANARY and step.candidate == 0:
        raise PlanRefused("steps", "0 % is no step: nobody would meet the candidate.")
    try:
        check_shares(Position(stage=step.stage, candidate=step.candidate, mirror=0))
    except TransitionRefused as refused:
        raise PlanRefused("steps", refused.message) from None
    if not 0 <= step.soak_s <= LONGEST_SOAK_S:
        raise PlanRefused("soak", f"A soak lasts 0 seconds to {LONGEST_SOAK_S // 86_400} days.")


def _check_hours(hours: WorkingHours) -> None:
    if not hours.days:
        raise PlanRefused("working_hours", "Working hours without a day never come: name one, such as mon-fri.")
    if any(not 0 <= day <= 6 for day in hours.days):
        raise PlanRefused("working_hours", "Days are mon, tue, wed, thu, fri, sat, sun.")
    if not 0 <= hours.begin < DAY_MINUTES or not 0 <= hours.end <= DAY_MINUTES:
        raise PlanRefused("working_hours", "Working hours begin from 00:00 to 23:59 and end up to 24:00.")
    if hours.begin == hours.end:
        raise PlanRefused("working_hours", "Working hours that end when they begin never come.")
    if not working_hours.known_zone(hours.zone):
        raise PlanRefused("working_hours", f"There is no time zone {hours.zone}. An example is Europe/Berlin.")


# ------------------------------------------------------------------------------------ at this moment


class ActKind(StrEnum):
    FLIP = "flip"
    """Take the step now."""
    WAIT = "wait"
    """Stay; the sentence says for what."""
    DONE = "done"
    """The last step is taken."""
    STOP = "stop"
    """This plan cannot go on from where the unit stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What a ramp does now."""

    kind: ActKind
    sentence: str
    target: Position | None = None
    """Where a flip leads."""
    next_at: datetime | None = None
    """When the next step is possible at the earliest, where only time is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What is known of one unit and its surroundings when its ramp is looked at."""

    now: datetime
    position: Position
    soaked_s: float
    """Seconds for which evidence flowed since the last step."""
    word: Word
    because: str
    """The verdict and its sentence."""
    frozen: str = ""
    """What freezes it, in words; empty where nothing does."""
    moving: int = 0
    """Other units of its service that are under way."""


def next_act(*, plan: Plan, step: int, moment: Moment) -> Act:
    """What to do of a plan whose next step is number `step`, from 0.

    The order of the reasons to wait is the order in which a person would want to hear them: harm, a freeze, the
    soak, missing evidence, then the hours and the others.
    """
    if step >= len(plan.steps):
        return Act(kind=ActKind.DONE, sentence=f"Done: the plan ended at {plan.steps[-1].words}.")
    if RANK[moment.position.stage] < RANK[SAFE_STAGE]:
        here = moment.position.rung.label.lower()
        return Act(kind=ActKind.STOP, sentence=f"It stands in {here}: a ramp begins in side by side.")
    if RANK[moment.position.stage] > RANK[Stage.CUTOVER]:
        return Act(kind=ActKind.DONE, sentence=f"Done: it stands in {moment.position.rung.label.lower()}.")
    return _waits(plan, step, moment) or _rise(plan.steps[step], moment)


def _rise(step: Step, moment: Moment) -> Act:
    target = settle(current=moment.position, stage=step.stage, candidate=step.candidate)
    return Act(kind=ActKind.FLIP, sentence=f"Ramp to {step.words}: {moment.because}", target=target)


def _waits(plan: Plan, step: int, moment: Moment) -> Act | None:
    """The first reason to wait; None where there is none."""
    goal = plan.steps[step].words
    if moment.word is Word.ROLLBACK:
        return _wait(f"Harm is proven, so it does not climb: {moment.because}")
    if moment.frozen:
        return _wait(f"Frozen: {moment.frozen}")
    missing = _soak(plan, step) - moment.soaked_s
    if missing > 0:
        ready = _within(plan.working_hours, moment.now + timedelta(seconds=missing))
        return _wait(f"Soaks for another {duration(missing)} before {goal}, while evidence flows.", ready)
    if moment.word is not Word.PROMOTE:
        return _wait(f"Waits for evidence before {goal}: {moment.because}")
    hours = plan.working_hours
    if hours is not None and not working_hours.is_open(hours=hours, at=moment.now):
        ready = working_hours.opens_at(hours=hours, after=moment.now)
        return _wait(f"Ready for {goal}; waits for working hours ({working_hours.words(hours)}).", ready)
    if step == 0 and plan.at_once is not None and moment.moving >= plan.at_once:
        others = f"{moment.moving} unit{'s' if moment.moving != 1 else ''}"
        return _wait(f"Ready for {goal}; {others} of its service climb, at most {plan.at_once} may at once.")
    return None


def _wait(sentence: str, next_at: datetime | None = None) -> Act:
    return Act(kind=ActKind.WAIT, sentence=sentence, next_at=next_at)


def _soak(plan: Plan, step: int) -> int:
    """What the step before asks for. Before the first step the evidence alone decides."""
    return plan.steps[step - 1].soak_s if step else 0


def _within(hours: WorkingHours | None, moment: datetime) -> datetime:
    return moment if hours is None else working_hours.opens_at(hours=hours, after=moment)


def soak_of(*, plan: Plan, step: int) -> int:
    """Seconds of flowing evidence that are asked for before step number `step`."""
    return _soak(plan, step) if step < len(plan.steps) else 0


def step_after(*, plan: Plan, position: Position) -> int:
    """The number of the first step above a position; the number of steps where there is none."""
    here = RANK[position.stage], position.candidate
    return next((at for at, step in enumerate(plan.steps) if step.height > here), len(plan.steps))


def soaked(*, soaked_s: float, elapsed_s: float, flowing: bool, longest_s: float) -> float:
    """The soak after one more look, `elapsed_s` after the look before.

    Time counts only while evidence flows. A clock that went back adds nothing, and one that leapt adds no more than
    `longest_s`: a ramp may come late, never early.
    """
    return soaked_s + min(max(0.0, elapsed_s), longest_s) if flowing else soaked_s


def duration(seconds: float) -> str:
    """As people say it, never less than it is: `45 seconds`, `12 minutes`, `3 hours`, `2 days`."""
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return f"{-int(-seconds // size)} {name}s"
    whole = max(1, -int(-seconds // 1))
    return f"{whole} second{'s' if whole > 1 else ''}"
