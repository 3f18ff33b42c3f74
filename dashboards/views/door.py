"""What stands in the way of a proposal, and what this reader can do about it, said before anything is pressed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from dashboards.proposals import Proposal, next_step
from dashboards.seats import Seat
from dashboards.views.standpoint import Subject
from migrator.access import second_factor
from migrator.access.models import Approval
from migrator.core.stages import Direction, Position
from migrator.rollout.approvals import asked_by, open_approvals
from migrator.rollout.barriers import Barrier, Climb, CoolingDown, Frozen, GateHolds, NeedsApproval, barriers

PAGES = {
    "frozen": ("freezes", gettext_noop("Freezes")),
    "needs-proof": ("removal", gettext_noop("What the proof lacks")),
}
"""Where something can be done about a barrier, by its kind: an address of the project, and its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """One barrier in words."""

    kind: str
    sentence: str
    href: str = ""
    page: str = ""
    """What `href` is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Whether a proposal may be pressed. `way` names the act that the page offers."""

    obstacles: tuple[Obstacle, ...]
    way: str
    """`open`, `ask` a second person, `override`, or `shut`."""
    glass: str
    """`break` where a code opens it, `set up` where the reader has no second factor yet; empty for no glass here."""

    @property
    def against(self) -> str:
        """What an override goes against: `the gate holds`."""
        kinds = {each.kind for each in self.obstacles}
        if kinds == {"gate-holds"}:
            return _("the gate holds")
        return _("it cools down") if kinds == {"cooling-down"} else _("it cools down and the gate holds")


def door_of(*, seat: Seat, subject: Subject, proposal: Proposal, user: Any, now: datetime) -> Door:
    """The door before a proposal. Going sideways or down it stands open."""
    if not proposal.possible or proposal.direction is not Direction.FORWARD:
        return Door(obstacles=(), way="open", glass="")
    met = met_by(seat=seat, subject=subject, target=proposal.target, now=now)
    return Door(
        obstacles=tuple(_obstacle(seat, barrier) for barrier in met),
        way=_way(seat, met),
        glass=_glass(seat, met, user),
    )


def met_by(*, seat: Seat, subject: Subject, target: Position, now: datetime) -> tuple[Barrier, ...]:
    """What a step forward meets, in the order of telling: the door's own barriers, so that page and door agree."""
    climb = Climb(unit=subject.unit, target=target, judgement=subject.judgement)
    return barriers(project=seat.project, climbs=[climb], actor=seat.actor, now=now).get(subject.unit.pk, ())


def _way(seat: Seat, met: tuple[Barrier, ...]) -> str:
    if not met:
        return "open"
    if any(isinstance(barrier, NeedsApproval) for barrier in met):
        return "ask"
    return "override" if seat.may_override and all(barrier.yields_to_override for barrier in met) else "shut"


def _glass(seat: Seat, met: tuple[Barrier, ...], user: Any) -> str:
    """An override is the lesser force: where it is enough, no glass is offered."""
    if not met or _way(seat, met) == "override" or not all(barrier.yields_to_glass for barrier in met):
        return ""
    return "break" if second_factor.is_ready(user=user) else "set up"


def _obstacle(seat: Seat, barrier: Barrier) -> Obstacle:
    told = barrier.message.removeprefix("Not applied: ")
    if isinstance(barrier, GateHolds):
        told = _("The gate holds: {reason}").format(reason=barrier.verdict.reason)
    address, page = PAGES.get(barrier.kind, ("", ""))
    return Obstacle(
        kind=barrier.kind,
        sentence=told[:1].upper() + told[1:],
        href=reverse(address, args=[seat.project.slug]) if address else "",
        page=_(page) if page else "",
    )


def holds(*, seat: Seat, subject: Subject, now: datetime) -> tuple[Obstacle, ...]:
    """What keeps the unit from climbing at all for now, whatever its evidence says: a freeze, a cool-down."""
    target = next_step(subject.unit.position)
    if target is None or subject.unit.gone_at is not None:
        return ()
    met = met_by(seat=seat, subject=subject, target=target, now=now)
    return tuple(_obstacle(seat, barrier) for barrier in met if isinstance(barrier, Frozen | CoolingDown))


def open_here(*, seat: Seat, subject: Subject) -> list[tuple[Approval, bool]]:
    """What was asked for this unit and waits for a second person, each with whether the reader asked."""
    waiting = open_approvals(project=seat.project).filter(unit=subject.unit)
    return [(approval, asked_by(approval, seat.actor)) for approval in waiting]
