"""What if? Today's plan and another one side by side, and the moves of people that help most."""

from dataclasses import dataclass
from datetime import date, datetime

from migrator.core.queues import Outlook, Plan, outlook
from migrator.core.stages import Stage
from migrator.core.what_if import Ranked, Wish, beside, best_moves
from migrator.inventory.models import Project
from migrator.planning.queries.plans import plan_of
from migrator.planning.queries.slices import Measure, Slice
from migrator.planning.remembered import remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How a plan ends today, and how it would end. Chances are fractions, None without a deadline."""

    today: Outlook
    then: Outlook
    deadline_today: date | None
    deadline: date | None
    """What was wished for; today's where nobody wished for another."""
    chance_today: float | None
    """Of today's plan, for today's deadline."""
    chance_then: float | None
    plan_today: Plan
    plan_then: Plan


def compare(
    *,
    project: Project,
    now: datetime,
    wish: Wish,
    deadline: date | None = None,
    phase: str = "",
    measure: Measure = Measure.UNITS,
    done_stage: Stage = Stage.CUTOVER,
) -> Comparison:
    """Both plans live through the same luck. Raises core's Impossible and Cycle, in words."""
    plan = plan_of(project=project, now=now, units=Slice(phase=phase), measure=measure, done_stage=done_stage)
    promised = deadline_of(project=project, phase=phase)
    wished = deadline or promised
    today, then, other = beside(plan=plan, wish=wish, today=now.date(), target=promised, wished=wished)
    return Comparison(
        today=today,
        then=then,
        deadline_today=promised,
        deadline=wished,
        chance_today=today.chance(promised) if promised else None,
        chance_then=then.chance(wished) if wished else None,
        plan_today=plan,
        plan_then=other,
    )


def moves(
    *,
    project: Project,
    now: datetime,
    people: float = 1.0,
    deadline: date | None = None,
    phase: str = "",
    measure: Measure = Measure.UNITS,
    done_stage: Stage = Stage.CUTOVER,
) -> tuple[Ranked, ...]:
    """Moves of so many people that bring the end nearer, the best first. Raises core's Cycle."""
    plan = plan_of(project=project, now=now, units=Slice(phase=phase), measure=measure, done_stage=done_stage)
    target = deadline or deadline_of(project=project, phase=phase)
    return remembered(tuple[Ranked, ...], best_moves, plan=plan, today=now.date(), target=target, people=people)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A plan and how it ends, with the deadline that its teams' mini-deadlines keep."""

    plan: Plan
    outlook: Outlook
    deadline: date | None
    chance: float | None


def standing(
    *,
    project: Project,
    now: datetime,
    phase: str = "",
    measure: Measure = Measure.UNITS,
    done_stage: Stage = Stage.CUTOVER,
) -> Standing:
    """How today's plan ends: teams, critical path, mini-deadlines. Raises core's Cycle."""
    plan = plan_of(project=project, now=now, units=Slice(phase=phase), measure=measure, done_stage=done_stage)
    deadline = deadline_of(project=project, phase=phase)
    found = remembered(Outlook, outlook, plan=plan, today=now.date(), target=deadline)
    return Standing(plan=plan, outlook=found, deadline=deadline, chance=found.chance(deadline) if deadline else None)


def deadline_of(*, project: Project, phase: str = "") -> date | None:
    """The phase's, or else the project's."""
    own = project.phases.filter(name=phase).values_list("deadline", flat=True).first() if phase else None
    return own or project.deadline
