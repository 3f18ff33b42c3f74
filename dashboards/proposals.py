"""What a change would do, said before it is made.

A proposal is an address (`?stage=canary&candidate_percent=5`), so it can be sent to a colleague, works
without a script, and is worked out again by the single door when it is pressed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboards import words
from dashboards.vocabulary import spoken
from migrator.core.ramp import USUAL_STEPS
from migrator.core.stages import (
    ALL,
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
PLANNED = tuple(step.candidate for step in USUAL_STEPS)
"""The plan's steps: each of them is one press. Whoever skips one says why, and types the share."""
STEPS = ((10, 1), (100, 10), (2_000, 100), (ALL + 1, 500))
"""Below which share one press of the stepper is how much, in basis points. The page's script has the same."""


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
    irreversible: bool = False
    """What it does cannot be taken back."""


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
    lasts: bool = False
    """More of what cannot be taken back would happen on the candidate."""

    @property
    def changes(self) -> bool:
        return self.target != self.current and not self.errors

    @property
    def possible(self) -> bool:
        return self.changes and not self.refusal

    @property
    def skipped(self) -> tuple[int, ...]:
        """Steps of the plan that it would jump over."""
        return skipped(self.current, self.target)

    @property
    def skipped_words(self) -> str:
        """`5 %, 25 %`."""
        return ", ".join(words.percentage(share) for share in self.skipped)

    @property
    def typed(self) -> str:
        """What is typed to confirm it, where it asks for that: `50`."""
        return f"{self.target.candidate / 100:g}"

    @property
    def act(self) -> str:
        """What the button says."""
        share = words.percentage(self.target.candidate)
        if self.target.stage != self.current.stage:
            stage, (least, most) = spoken(self.target.rung.label).lower(), self.target.rung.candidate
            told = _("Move to {stage}") if least == most else _("Move to {stage} at {share}")
            return told.format(stage=stage, share=share)
        if self.target.candidate != self.current.candidate:
            return _("Set to {share}").format(share=share)
        return _("Mirror {share}").format(share=words.percentage(self.target.mirror))

    @property
    def headline(self) -> str:
        """From where to where: `Canary 2 % → canary 5 %`."""
        if self.target.stage == self.current.stage and self.target.candidate == self.current.candidate:
            shares = words.percentage(self.current.mirror), words.percentage(self.target.mirror)
            return _("Mirror {before} → {after}").format(before=shares[0], after=shares[1])
        return f"{place(self.current)} → {place(self.target)}"


def place(position: Position) -> str:
    """A position as a page says it: `Canary 5 %`, `Side by side`."""
    least, most = position.rung.candidate
    label = spoken(position.rung.label)
    return label if least == most else f"{label} {words.percentage(position.candidate)}"


def read_wish(parameters: Mapping[str, str]) -> Wish:
    """A proposal from an address or a form. What cannot be read is named, never guessed."""
    errors: dict[str, str] = {}
    stage = parameters.get("stage") or None
    if stage is not None and stage not in list(Stage):
        errors["stage"] = _("There is no stage {stage!r}.").format(stage=stage)
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
        lasts=at.irreversible and not refusal and target.candidate > at.position.candidate,
    )


def stages_in_reach(position: Position) -> tuple[Stage, ...]:
    """The present stage, every lower one, and the next."""
    return tuple(rung.stage for rung in LADDER[: RANK[position.stage] + 2])


def next_step(position: Position) -> Position | None:
    """What usually follows: the plan's next share in canary, the next stage elsewhere; None at the top."""
    if position.stage is Stage.CANARY and position.candidate < ALL:
        return settle(current=position, candidate=next_planned(position.candidate))
    following = stages_in_reach(position)[-1]
    return None if following is position.stage else settle(current=position, stage=following)


def next_planned(candidate: int) -> int | None:
    """The plan's next share; None at the top."""
    return next((share for share in PLANNED if share > candidate), None)


def skipped(current: Position, target: Position) -> tuple[int, ...]:
    """The plan's steps on the way up between two positions, both ends left out."""
    return tuple(share for share in PLANNED if current.candidate < share < target.candidate)


def neighbour(candidate: int, *, up: bool) -> int:
    """The share beside this one: in small steps where little is answered, in larger ones where much is."""
    if up:
        step = 10 if candidate == 0 else next(step for below, step in STEPS if candidate < below)
        return min(ALL, candidate + step)
    return max(0, candidate - next(step for below, step in STEPS if candidate <= below))


def merged(*, base: Position, wish: Wish, present: Position) -> Wish | None:
    """What is left to do of a wish that was made before `base`, where somebody else has changed other parts since.

    None where both changed the same, or a stage moved: that is for a person to decide.
    """
    wanted = settle(current=base, stage=wish.stage, candidate=wish.candidate, mirror=wish.mirror)
    parts = ("stage", "candidate", "mirror")
    mine = {part for part in parts if getattr(wanted, part) != getattr(base, part)}
    theirs = {part for part in parts if getattr(present, part) != getattr(base, part)}
    if not mine or mine & theirs or "stage" in mine | theirs:
        return None
    return Wish(
        candidate=wanted.candidate if "candidate" in mine else None,
        mirror=wanted.mirror if "mirror" in mine else None,
        errors={},
    )


# ------------------------------------------------------------------------------ the consequences


def _facts(at: Standpoint, target: Position, direction: Direction) -> list[str]:
    """What it would do, in short, most important first."""
    now = at.position
    facts = [_callers(at, target)] if target.candidate != now.candidate else []
    if direction is Direction.FORWARD and target.candidate > now.candidate:
        facts.append(_bound(at))
    if target.mirror != now.mirror:
        facts.append(_mirrored(at, target))
    if at.operation is Operation.WRITE and target.candidate not in (0, now.candidate):
        facts.append(_("a write: each request is executed by exactly one side"))
    if RUNGS[now.stage].scrutiny != RUNGS[target.stage].scrutiny:
        facts.append(_("evidence starts afresh, because what is compared changes"))
    facts.append(_afterwards(now, target, direction))
    return facts


def _bound(at: Standpoint) -> str:
    if at.bound is None:
        return _("how many differ is not known")
    told = _("at most {rate} of callers differ") if at.counted == "callers" else _("at most {rate} of answers differ")
    return told.format(rate=words.rate(at.bound))


def _afterwards(now: Position, target: Position, direction: Direction) -> str:
    if target.stage is Stage.REMOVED:
        return _("there is no way back from here")
    if direction is Direction.BACK:
        return _("takes effect at once, without asking for evidence")
    if target.stage is now.stage and target.candidate != now.candidate:
        return _("undo restores {share}").format(share=words.percentage(now.candidate))
    return _("undo restores {place}").format(place=place(now).lower())


def _callers(at: Standpoint, target: Position) -> str:
    """How many more or fewer requests the candidate answers."""
    more, span = target.candidate > at.position.candidate, abs(target.candidate - at.position.candidate)
    if at.requests_per_minute is None:
        told = _("{share} more of the callers") if more else _("{share} fewer of the callers")
        return told.format(share=words.percentage(span))
    requests = round(at.requests_per_minute * span / ALL)
    if requests < 1:
        return _("less than one more request a minute") if more else _("less than one request a minute fewer")
    told = (
        ngettext("about {count} more request a minute", "about {count} more requests a minute", requests)
        if more
        else ngettext("about {count} fewer request a minute", "about {count} fewer requests a minute", requests)
    )
    return told.format(count=words.number(requests))


def _mirrored(at: Standpoint, target: Position) -> str:
    if target.mirror == 0:
        return _("nothing is mirrored any more, so no new evidence is collected")
    if at.operation is Operation.WRITE and not at.sister:
        return _("writes are not mirrored: the unit is not declared to write to sister datastores")
    share = words.percentage(target.mirror)
    if target.candidate == ALL:
        return _("{share} of requests are sent to legacy too, after the caller is served").format(share=share)
    return _("{share} of requests are sent to the other side too, after the caller is served").format(share=share)


RECENT = timedelta(minutes=30)
"""How long the last change keeps its place on top of the page, with its undo."""
