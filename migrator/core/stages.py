"""The ladder that every endpoint and every field climbs, and the rules of climbing.

Nothing here knows Django, time or traffic. `LADDER` says what each stage means;
`check_transition()` says which moves are allowed. Both the single door (`rollout.services.flip`)
and the database constraints (`inventory.models.Unit`) are made from this table, so they cannot disagree.

Shares are basis points: 10,000 is all traffic, 1 is 0.01 %.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

ALL = 10_000


class Stage(StrEnum):
    """Where a unit stands on its way from legacy to candidate."""

    BACKLOG = "backlog"
    """Tracked; nothing is built yet."""
    SHADOW = "shadow"
    """The candidate also receives traffic: can it take it?"""
    SIDE_BY_SIDE = "side_by_side"
    """Both answers are compared: does the candidate say the same?"""
    CANARY = "canary"
    """The candidate answers a share of the callers: does it serve?"""
    CUTOVER = "cutover"
    """The candidate answers everyone; legacy stands by, rollback is one flip."""
    REMOVAL = "removal"
    """Legacy is being taken out, with proof that nobody needs it."""
    REMOVED = "removed"
    """Done: the proof was accepted. There is no way back."""


class Operation(StrEnum):
    """What a unit does to data. It decides whether a request may be sent to both sides."""

    READ = "read"
    """Repeating it harms nobody."""
    WRITE = "write"
    """Executed on one side only, unless the unit is declared to write to sister datastores."""


class Scrutiny(IntEnum):
    """How closely the two answers are held against each other."""

    NOTHING = 0
    """The second side is not called."""
    STATUS = 1
    """Status and latency only: the candidate may still answer nonsense."""
    BODIES = 2
    """Status, chosen headers and body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One stage as a row of the ladder: what it answers, what it mirrors, what it compares."""

    stage: Stage
    label: str
    candidate: tuple[int, int]
    """Least and greatest share that the candidate may answer, in basis points."""
    mirror: tuple[int, int]
    """Least and greatest share of requests that the other side receives too, in basis points."""
    scrutiny: Scrutiny
    question: str


LADDER: tuple[Rung, ...] = (
    Rung(
        stage=Stage.BACKLOG,
        label="Backlog",
        candidate=(0, 0),
        mirror=(0, 0),
        scrutiny=Scrutiny.NOTHING,
        question="Tracked, nothing built yet.",
    ),
    Rung(
        stage=Stage.SHADOW,
        label="Shadow",
        candidate=(0, 0),
        mirror=(0, ALL),
        scrutiny=Scrutiny.STATUS,
        question="Can the candidate take the traffic?",
    ),
    Rung(
        stage=Stage.SIDE_BY_SIDE,
        label="Side by side",
        candidate=(0, 0),
        mirror=(0, ALL),
        scrutiny=Scrutiny.BODIES,
        question="Does it give the same answers?",
    ),
    Rung(
        stage=Stage.CANARY,
        label="Canary",
        candidate=(0, ALL),
        mirror=(0, ALL),
        scrutiny=Scrutiny.BODIES,
        question="Does it serve?",
    ),
    Rung(
        stage=Stage.CUTOVER,
        label="Cutover",
        candidate=(ALL, ALL),
        mirror=(0, ALL),
        scrutiny=Scrutiny.BODIES,
        question="Legacy stands by: rollback is one flip.",
    ),
    Rung(
        stage=Stage.REMOVAL,
        label="Removal",
        candidate=(ALL, ALL),
        mirror=(0, 0),
        scrutiny=Scrutiny.NOTHING,
        question="Legacy is being taken out, with proof.",
    ),
    Rung(
        stage=Stage.REMOVED,
        label="Removed",
        candidate=(ALL, ALL),
        mirror=(0, 0),
        scrutiny=Scrutiny.NOTHING,
        question="Done: the proof was accepted.",
    ),
)

RANK: dict[Stage, int] = {rung.stage: rank for rank, rung in enumerate(LADDER)}
RUNGS: dict[Stage, Rung] = {rung.stage: rung for rung in LADDER}
SAFE_STAGE = Stage.SIDE_BY_SIDE
"""Where a rollback leads unless a lower stage is named: legacy answers, evidence keeps flowing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where one unit stands. Shares in basis points."""

    stage: Stage
    candidate: int
    mirror: int

    @property
    def rung(self) -> Rung:
        return RUNGS[self.stage]


START = Position(stage=Stage.BACKLOG, candidate=0, mirror=0)


class Direction(StrEnum):
    """What a flip does to the callers."""

    FORWARD = "forward"
    """More callers may meet the candidate: this is what evidence is asked for."""
    SIDEWAYS = "sideways"
    """Only the mirror changes: nobody's answer is another."""
    BACK = "back"
    """Fewer callers meet the candidate: never gated, never refused as stale."""


class TransitionRefused(ValueError):
    """The ladder does not allow this move. `field` names the input that must change."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def check_transition(*, current: Position, target: Position, legacy_deployed: bool = True) -> Direction:
    """Say which way a move leads, or refuse it.

    `legacy_deployed` is what the service's team declares: without a running legacy service
    there is nothing to go back to from removal.

    Raises TransitionRefused naming the field and the remedy.
    """
    check_shares(target)
    if current.stage is Stage.REMOVED and target != current:
        raise TransitionRefused("stage", "A removed unit stays removed: its legacy code is gone.")
    steps = RANK[target.stage] - RANK[current.stage]
    if steps > 1:
        following = LADDER[RANK[current.stage] + 1]
        raise TransitionRefused(
            "stage", f"One step forward at a time: after {current.rung.label.lower()} comes {following.label.lower()}."
        )
    if steps < 0 and current.stage is Stage.REMOVAL and not legacy_deployed:
        raise TransitionRefused("stage", "Legacy is declared as no longer deployed: there is nothing to go back to.")
    return direction_of(current=current, target=target)


def direction_of(*, current: Position, target: Position) -> Direction:
    """The rank of the stages decides; within one stage, the candidate's share."""
    before = (RANK[current.stage], current.candidate)
    after = (RANK[target.stage], target.candidate)
    if after == before:
        return Direction.SIDEWAYS
    return Direction.FORWARD if after > before else Direction.BACK


def check_shares(position: Position) -> None:
    """Refuse shares that the stage does not allow. Raises TransitionRefused."""
    for field, share, (least, greatest) in (
        ("candidate_percent", position.candidate, position.rung.candidate),
        ("mirror_percent", position.mirror, position.rung.mirror),
    ):
        if least <= share <= greatest:
            continue
        allowed = f"{percent(least)} %" if least == greatest else f"{percent(least)} to {percent(greatest)} %"
        raise TransitionRefused(
            field, f"{position.rung.label} takes {field} {allowed}, not {percent(share)} %. Choose another stage first."
        )


def needs_evidence(*, current: Position, target: Position) -> bool:
    """Whether the gate is asked: only where more callers would be answered by the candidate."""
    return direction_of(current=current, target=target) is Direction.FORWARD and target.candidate > current.candidate


def settle(
    *, current: Position, stage: Stage | None = None, candidate: int | None = None, mirror: int | None = None
) -> Position:
    """Fill in what a request to flip leaves open.

    Shares that are not named stay as they are, as far as the new stage allows them: so a step to
    cutover means 100 %, a step down to side by side means 0 %, and the mirror goes on mirroring.
    """
    rung = RUNGS[stage or current.stage]
    return Position(
        stage=rung.stage,
        candidate=clamp(current.candidate, rung.candidate) if candidate is None else candidate,
        mirror=clamp(current.mirror, rung.mirror) if mirror is None else mirror,
    )


def rolled_back(*, current: Position, stage: Stage | None = None) -> Position:
    """Where a rollback leads: to side by side with candidate 0 %, or to a lower stage that is named.

    A unit that stands at or below that stage with nothing on the candidate stays where it is.

    Raises TransitionRefused where `stage` would still let the candidate answer.
    """
    goal = RUNGS[stage or SAFE_STAGE]
    if goal.candidate[1] > 0:
        raise TransitionRefused("stage", f"A rollback leads to {RUNGS[SAFE_STAGE].label.lower()} or lower.")
    if RANK[current.stage] <= RANK[goal.stage]:
        return current
    return Position(stage=goal.stage, candidate=0, mirror=clamp(current.mirror, goal.mirror))


def clamp(share: int, bounds: tuple[int, int]) -> int:
    return min(max(share, bounds[0]), bounds[1])


def percent(share: int) -> float | int:
    """Basis points as people write them: 1234 -> 12.34, 500 -> 5."""
    whole, rest = divmod(share, 100)
    return share / 100 if rest else whole
