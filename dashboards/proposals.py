"""What a change would do, said before it is made.

A proposal is an address (`?stage=canary&candidate_percent=5`), so it can be sent to a colleague, works
without a script, and is worked out again by the single door when it is pressed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from dashboards import words
from migrator.core.stages import (
    LADDER,
    RANK,
    RUNGS,
    Direction,
    Operation,
    Position,
    Stage,
    TransitionRefused,
    check_transition,
    settle,
)

PRESETS = (0, 100, 500, 1_000, 2_500, 5_000, 7_500, 10_000)
"""Shares in basis points that are one press away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standpoint:
    """The unit as the page shows it, and what is known about it."""

    key: str
    operation: Operation
    sister: bool
    position: Position
    bound: float | None
    requests_per_minute: float | None
    counted: str = "answers"
    """What the bound is a share of: each caller counts once where callers are told apart."""
    legacy_deployed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the reader chose. None leaves a part as it is; `errors` say what could not be read, by field."""

    stage: Stage | None = None
    candidate: int | None = None
    mirror: int | None = None
    errors: Mapping[str, str]

    @property
    def is_empty(self) -> bool:
        return self.stage is None and self.candidate is None and self.mirror is None and not self.errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A wish held against a standpoint."""

    current: Position
    target: Position
    direction: Direction
    refusal: str
    """Why the ladder does not allow it; empty where it does."""
    facts: tuple[str, ...]
    errors: Mapping[str, str]

    @property
    def changes(self) -> bool:
        return self.target != self.current and not self.errors

    @property
    def possible(self) -> bool:
        return self.changes and not self.refusal

    @property
    def act(self) -> str:
        """What the button says."""
        if self.target.stage != self.current.stage:
            moved = f"Move to {self.target.rung.label.lower()}"
            least, most = self.target.rung.candidate
            return moved if least == most else f"{moved} at {words.percentage(self.target.candidate)}"
        if self.target.candidate != self.current.candidate:
            return f"Set to {words.percentage(self.target.candidate)}"
        return f"Mirror {words.percentage(self.target.mirror)}"

    @property
    def headline(self) -> str:
        """From where to where: `Canary 2 % → canary 5 %`."""
        if self.target.stage == self.current.stage and self.target.candidate == self.current.candidate:
            return f"Mirror {words.percentage(self.current.mirror)} → {words.percentage(self.target.mirror)}"
        return f"{place(self.current)} → {place(self.target)}"


def place(position: Position) -> str:
    """A position as a page says it: `Canary 5 %`, `Side by side`."""
    least, most = position.rung.candidate
    return position.rung.label if least == most else f"{position.rung.label} {words.percentage(position.candidate)}"


def read_wish(parameters: Mapping[str, str]) -> Wish:
    """A proposal from an address or a form. What cannot be read is named, never guessed."""
    errors: dict[str, str] = {}
    stage = parameters.get("stage") or None
    if stage is not None and stage not in list(Stage):
        errors["stage"] = f"There is no stage {stage!r}."
        stage = None
    shares: dict[str, int | None] = {}
    for field in ("candidate_percent", "mirror_percent"):
        text = parameters.get(field, "").strip()
        try:
            shares[field] = words.read_percent(text) if text else None
        except words.NotAPercentage as error:
            errors[field], shares[field] = str(error), None
    return Wish(
        stage=Stage(stage) if stage else None,
        candidate=shares["candidate_percent"],
        mirror=shares["mirror_percent"],
        errors=errors,
    )


def propose(*, at: Standpoint, wish: Wish) -> Proposal:
    """Work out where a wish leads and what it would do to callers."""
    target = settle(current=at.position, stage=wish.stage, candidate=wish.candidate, mirror=wish.mirror)
    refusal, direction = "", Direction.SIDEWAYS
    try:
        direction = check_transition(current=at.position, target=target, legacy_deployed=at.legacy_deployed)
    except TransitionRefused as refused:
        refusal = refused.message
    return Proposal(
        current=at.position,
        target=target,
        direction=direction,
        refusal=refusal,
        facts=() if refusal or target == at.position else tuple(_facts(at, target, direction)),
        errors=wish.errors,
    )


def stages_in_reach(position: Position) -> tuple[Stage, ...]:
    """The present stage, every lower one, and the next."""
    return tuple(rung.stage for rung in LADDER[: RANK[position.stage] + 2])


def next_step(position: Position) -> Position | None:
    """What usually follows: the next share in canary, the next stage elsewhere; None at the top."""
    if position.stage is Stage.CANARY and position.candidate < PRESETS[-1]:
        return settle(current=position, candidate=next_preset(position.candidate))
    following = stages_in_reach(position)[-1]
    return None if following is position.stage else settle(current=position, stage=following)


def next_preset(candidate: int) -> int | None:
    """The share that usually follows; None at the top."""
    return next((preset for preset in PRESETS if preset > candidate), None)


def _facts(at: Standpoint, target: Position, direction: Direction) -> list[str]:
    """What it would do, most important first."""
    now = at.position
    facts = [_callers(at, target)] if target.candidate != now.candidate else []
    if direction is Direction.FORWARD and target.candidate > now.candidate and at.bound is not None:
        facts.append(f"Evidence: at most {words.rate(at.bound)} of {at.counted} differ.")
    if target.mirror != now.mirror:
        facts.append(_mirrored(at, target))
    if at.operation is Operation.WRITE and target.candidate not in (0, now.candidate):
        facts.append("It is a write: each request is executed by exactly one side.")
    if RUNGS[now.stage].scrutiny != RUNGS[target.stage].scrutiny:
        facts.append("Evidence starts afresh, because what is compared changes.")
    if target.stage is Stage.REMOVED:
        facts.append("There is no way back from here.")
    elif direction is Direction.BACK:
        facts.append("Going down asks for no evidence and takes effect at once.")
    else:
        facts.append(f"Undo takes it back to {place(now).lower()}.")
    return facts


def _callers(at: Standpoint, target: Position) -> str:
    """How many more or fewer requests the candidate answers."""
    more = target.candidate > at.position.candidate
    span = abs(target.candidate - at.position.candidate) / 10_000
    if at.requests_per_minute is None:
        return (
            f"{words.percentage(int(span * 10_000))} {'more' if more else 'fewer'} of the callers meet the candidate."
        )
    requests = at.requests_per_minute * span
    change = "more" if more else "fewer"
    if requests < 1:
        return f"Less than one request a minute {change} is answered by the candidate."
    told = words.count(round(requests), f"{change} request")
    return f"About {told} a minute {'is' if round(requests) == 1 else 'are'} answered by the candidate."


def _mirrored(at: Standpoint, target: Position) -> str:
    if target.mirror == 0:
        return "Nothing is mirrored any more, so no new evidence is collected."
    if at.operation is Operation.WRITE and not at.sister:
        return "Writes are not mirrored: the unit is not declared to write to sister datastores."
    other = "legacy" if target.candidate == 10_000 else "the other side"
    return f"{words.percentage(target.mirror)} of requests are sent to {other} too, after the caller is served."


RECENT = timedelta(minutes=30)
"""How long the last change keeps its place on top of the page, with its undo."""
