"""What stands in the way of going up. Going sideways or down meets none of it.

In the order in which they are told:

1. Frozen: somebody said "not now" for the project, its service, or the unit;
2. CoolingDown: the unit was rolled back by itself a while ago, and nobody has looked yet;
3. NeedsProof: removal ends only with proof that nobody calls legacy any more;
4. NeedsApproval: the policy wants a second person for this step;
5. GateHolds: the evidence does not carry more callers.

An override passes 2 and 5. Breaking the glass passes everything but the proof. An approval passes 4.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final

from migrator.access.rights import Actor, Via
from migrator.access.second_person import needed
from migrator.core.gate import Verdict
from migrator.core.policy import FourEyes, Policy
from migrator.core.stages import Direction, Position, Stage, needs_evidence
from migrator.gates.queries import Judgement
from migrator.inventory.models import Project, Unit
from migrator.removal.queries import proof_of
from migrator.rollout.freezes import blocking
from migrator.rollout.models import Flip, Freeze

BY_ITSELF: Final = (Via.GUARD, Via.ALERT)
"""Who rolls back without a person: after them a unit cools down."""
TAKES_TWO: Final = {
    Stage.CUTOVER: FourEyes.CUTOVER,
    Stage.REMOVAL: FourEyes.REMOVAL,
    Stage.REMOVED: FourEyes.REMOVED,
}
"""Steps that a policy may want a second person for, by the stage they lead to."""


class Refused(Exception):
    """The door stays shut; nothing was changed. The message says what to do instead."""

    def __init__(self, unit: Unit, message: str) -> None:
        super().__init__(message)
        self.unit = unit
        self.message = message


class Barrier(Refused):
    """Something in the way of going up."""

    kind: ClassVar[str]
    """Its name for programs."""
    title: ClassVar[str]
    yields_to_override: ClassVar[bool] = False
    yields_to_glass: ClassVar[bool] = True


class Frozen(Barrier):
    """Nothing climbs here for a while. `freeze` says who wants that, why and until when."""

    kind = "frozen"
    title = "Nothing climbs here for now"

    def __init__(self, unit: Unit, freeze: Freeze) -> None:
        until = f"until {clock(freeze.ends_at)}" if freeze.ends_at else "until somebody lifts it"
        said = f"{freeze.what} is frozen {until} ({freeze.made_by}: {freeze.reason.rstrip('.')})"
        super().__init__(unit, f"Not applied: {said}. Wait, or lift the freeze. Going down is always possible.")
        self.freeze = freeze


class CoolingDown(Barrier):
    """The unit was rolled back by itself. `flip` is that rollback, `until` when it may climb again."""

    kind = "cooling-down"
    title = "The unit was rolled back by itself and cools down"
    yields_to_override = True

    def __init__(self, unit: Unit, flip: Flip, until: datetime) -> None:
        told = f"{flip.actor} rolled {unit.key} back at {clock(flip.at)}; it cools down until {clock(until)}"
        super().__init__(unit, f"Not applied: {told}. Find out what was wrong, or go on with an override.")
        self.flip = flip
        self.until = until


class NeedsProof(Barrier):
    """Legacy may still be needed. The message says what is missing."""

    kind = "needs-proof"
    title = "Removal ends with proof"
    yields_to_glass = False

    def __init__(self, unit: Unit, sentence: str) -> None:
        super().__init__(unit, f"Not applied: {unit.key} is not proven to be without use. {sentence}")


class NeedsApproval(Barrier):
    """The step takes a second person. `subject` says which kind of step it is."""

    kind = "approval-needed"
    title = "This step takes a second person"

    def __init__(self, unit: Unit, subject: FourEyes) -> None:
        message = f"Not applied: {NAMES[subject]} of {unit.key} takes a second person. Ask for approval; whoever"
        super().__init__(unit, f"{message} gives it carries the step out.")
        self.subject = subject


NAMES: Final = {FourEyes.CUTOVER: "cutover", FourEyes.REMOVAL: "removal", FourEyes.REMOVED: "the end of removal"}


class GateHolds(Barrier):
    """The evidence does not carry the step. `verdict` says what is missing."""

    kind = "gate-holds"
    title = "The evidence does not carry this step"
    yields_to_override = True

    def __init__(self, unit: Unit, verdict: Verdict) -> None:
        super().__init__(unit, f"Not applied: the gate holds {unit.key}. {verdict.reason}")
        self.verdict = verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Climb:
    """One unit that shall go up."""

    unit: Unit
    target: Position
    judgement: Judgement
    direction: Direction = Direction.FORWARD


def barriers(
    *, project: Project, climbs: Sequence[Climb], actor: Actor, now: datetime
) -> dict[int, tuple[Barrier, ...]]:
    """What stands in the way of each unit, by its id, in the order of telling. A handful of queries for a thousand.

    Moves that do not go forward are never asked. A made-up history has no callers to protect and nobody to ask:
    of it only freezes, cool-downs and gates are asked.
    """
    asked = [climb for climb in climbs if climb.direction is Direction.FORWARD]
    if not asked:
        return {}
    kinds: list[Iterator[Barrier]] = [_frozen(asked, now), _cooling(asked, now)]
    if actor.via is not Via.SIMULATION:
        kinds += [_unproven(asked, now), _unapproved(asked, project)]
    found: dict[int, list[Barrier]] = {}
    for barrier in (each for kind in (*kinds, _held(asked)) for each in kind):
        found.setdefault(barrier.unit.pk, []).append(barrier)
    return {pk: tuple(each) for pk, each in found.items()}


def _frozen(asked: Sequence[Climb], now: datetime) -> Iterator[Barrier]:
    frozen = blocking(units=[climb.unit for climb in asked], now=now)
    return (Frozen(climb.unit, frozen[climb.unit.pk]) for climb in asked if climb.unit.pk in frozen)


def _cooling(asked: Sequence[Climb], now: datetime) -> Iterator[Barrier]:
    longest = max(climb.judgement.policy.cool_down_s for climb in asked)
    recent = rolled_back_by_itself(unit_ids=[c.unit.pk for c in asked], since=now - timedelta(seconds=longest))
    for climb in asked:
        last = recent.get(climb.unit.pk)
        until = last.at + timedelta(seconds=climb.judgement.policy.cool_down_s) if last else None
        if last and until and until > now:
            yield CoolingDown(climb.unit, last, until)


def rolled_back_by_itself(*, unit_ids: Iterable[int], since: datetime) -> dict[int, Flip]:
    """The newest rollback that no person asked for, of each unit that had one since."""
    back = Flip.objects.filter(unit__in=list(unit_ids), via__in=BY_ITSELF, direction=Direction.BACK, at__gt=since)
    return {flip.unit_id: flip for flip in back.order_by("unit_id", "-id").distinct("unit_id")}


def _unproven(asked: Sequence[Climb], now: datetime) -> Iterator[Barrier]:
    """To `removed`: only with the proof that legacy is needed by nobody."""
    ending = [climb.unit for climb in asked if climb.target.stage is Stage.REMOVED]
    proofs = proof_of(units=ending, now=now) if ending else {}
    return (NeedsProof(unit, proofs[unit.pk].sentence) for unit in ending if not proofs[unit.pk].complete)


def _unapproved(asked: Sequence[Climb], project: Project) -> Iterator[Barrier]:
    """Units of one policy and team need one look at who could approve."""
    known: dict[tuple[FourEyes, Policy, int | None], bool] = {}
    for climb in asked:
        subject = takes_two(current=climb.unit.position, target=climb.target)
        if subject is None:
            continue
        case = subject, climb.judgement.policy, climb.unit.team_id
        if case not in known:
            known[case] = needed(project=project, subject=subject, policy=climb.judgement.policy, unit=climb.unit)
        if known[case]:
            yield NeedsApproval(climb.unit, subject)


def takes_two(*, current: Position, target: Position) -> FourEyes | None:
    """The kind of step for which a policy may want a second person; None for all others."""
    return TAKES_TWO.get(target.stage) if target.stage != current.stage else None


def _held(asked: Sequence[Climb]) -> Iterator[Barrier]:
    for climb in asked:
        gated = needs_evidence(current=climb.unit.position, target=climb.target)
        if gated and not climb.judgement.verdict.promotes:
            yield GateHolds(climb.unit, climb.judgement.verdict)


def clock(at: datetime) -> str:
    """A moment as messages tell it, wherever they are read: `3 Mar 2027, 14:02 UTC`."""
    return f"{at.day} {at:%b %Y, %H:%M} UTC"
