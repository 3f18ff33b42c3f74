"""What holds the end up, and what would bring it nearer: the plan of the teams, lived through."""

from dataclasses import dataclass
from datetime import date, datetime

from django.utils.translation import gettext as _

from migrator.core.queues import Cycle, Outlook, Plan, TeamOutlook, outlook, takes_long
from migrator.core.stages import Stage
from migrator.core.what_if import Impossible, Ranked, Wish, applied, best_moves
from migrator.inventory.models import Project
from migrator.planning.queries import Measure, Slice, deadline_of, plan_of
from migrator.planning.remembered import remembered

LEAST_GAIN = 0.5
"""Weeks. A move that brings less is within what luck brings."""
TRIED_PEOPLE = 2.0
"""How many people are moved when moves are ranked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A plan and how it ends."""

    plan: Plan
    target: date | None
    found: Outlook | None
    """None where nothing is left, or where pieces need each other in a ring."""
    ring: str = ""
    """The ring in words; empty where there is none."""
    best: tuple[Ranked, ...] = ()
    is_pending: bool = False
    """Whether it was not lived through, because that takes long."""

    @property
    def teams(self) -> tuple[TeamOutlook, ...]:
        return self.found.teams if self.found else ()

    @property
    def idle(self) -> list[str]:
        """Teams whose people could all go: nothing is left there."""
        return sorted(self.plan.idle)

    @property
    def chance(self) -> float | None:
        return self.found.chance(self.target) if self.found and self.target else None


def look(
    *,
    project: Project,
    now: datetime,
    units: Slice | None = None,
    measure: Measure = Measure.UNITS,
    done_stage: Stage = Stage.CUTOVER,
    target: date | None = None,
    ranked: bool = True,
    patient: bool = True,
) -> Looked:
    """Today's plan of these units, and the best moves where they are asked for. Without a target the deadline of their
    phase, or the project's.

    Who is not patient gets a plan that takes long as it is, without its end.
    """
    units = units or Slice()
    plan = plan_of(project=project, now=now, units=units, measure=measure, done_stage=done_stage)
    target = target or deadline_of(project=project, phase=units.phase)
    if not plan.pieces:
        return Looked(plan=plan, target=target, found=None)
    if not patient and takes_long(plan):
        return Looked(plan=plan, target=target, found=None, is_pending=True)
    try:
        found = remembered(Outlook, outlook, plan=plan, today=now.date(), target=target)
    except Cycle as ring:
        return Looked(plan=plan, target=target, found=None, ring=str(ring))
    moves = _ranked(plan, now.date(), target) if ranked else ()
    worthwhile = tuple(move for move in moves if move.gained_weeks >= LEAST_GAIN)
    return Looked(plan=plan, target=target, found=found, best=worthwhile)


def _ranked(plan: Plan, today: date, target: date | None) -> tuple[Ranked, ...]:
    return remembered(tuple[Ranked, ...], best_moves, plan=plan, today=today, target=target, people=TRIED_PEOPLE)


def otherwise(*, looked: Looked, wish: Wish, today: date, target: date | None) -> Outlook:
    """How the same plan ends with the wish. Raises Impossible naming the part that cannot be."""
    if looked.found is None:
        raise Impossible("moves", looked.ring or _("Nothing is left to plan."))
    return remembered(Outlook, outlook, plan=applied(plan=looked.plan, wish=wish), today=today, target=target)
