"""Reads of ramps, as plain data: for pages, the API and the command."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Count, F, Q, QuerySet

from migrator.core.ramp import Plan, PlanRefused
from migrator.core.ramp_text import of_record
from migrator.core.stages import RANK, Position
from migrator.inventory.models import Project
from migrator.rollout.models import Ramp, RampState

NEEDS_A_PERSON: Final = (RampState.PAUSED, RampState.COOLING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One step in the picture of a ramp. `mark` is passed, next or ahead."""

    words: str
    mark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RampRow:
    """One ramp as lists show it."""

    id: int
    unit_id: int
    unit_key: str
    service: str
    position: Position
    plan: str
    """`1 → 5 → 25 %`."""
    dots: tuple[Dot, ...]
    step: int
    steps: int
    state: str
    state_words: str
    waiting: str
    next_at: datetime | None
    starter: str
    started_at: datetime
    reason: str
    batch: str
    ended_at: datetime | None
    ended_because: str

    @property
    def is_open(self) -> bool:
        return self.ended_at is None

    @property
    def needs_a_person(self) -> bool:
        return self.state in NEEDS_A_PERSON

    @property
    def picture(self) -> str:
        """The dots in words: `1 %, 5 % taken; next 25 %; then 50 %`."""
        taken = ", ".join(dot.words for dot in self.dots if dot.mark == "passed")
        following = next((dot.words for dot in self.dots if dot.mark == "next"), "")
        then = ", ".join(dot.words for dot in self.dots if dot.mark == "ahead")
        parts = [taken and f"{taken} taken", following and f"next {following}", then and f"then {then}"]
        return "; ".join(filter(None, parts))


def ramps_of(
    *, project: Project, state: str = "", search: str = "", older_than: int | None = None, limit: int = 100
) -> list[RampRow]:
    """Newest first. `state` is a state of ramps, `open` for those that have not ended, or empty for all."""
    ramps = Ramp.objects.filter(project=project)
    if state == "open":
        ramps = ramps.filter(ended_at__isnull=True)
    elif state:
        ramps = ramps.filter(state=state)
    if search:
        ramps = ramps.filter(Q(unit__key__icontains=search) | Q(starter__icontains=search))
    if older_than is not None:
        ramps = ramps.filter(pk__lt=older_than)
    return [row_of(ramp) for ramp in with_units(ramps)[:limit]]


def with_units(ramps: QuerySet[Ramp]) -> QuerySet[Ramp]:
    """What `row_of` reads, loaded."""
    return ramps.select_related("unit__service").order_by("-pk")


def latest_ramp(*, unit_id: int) -> RampRow | None:
    """The ramp that a unit is on, or was on last."""
    ramp = with_units(Ramp.objects.filter(unit=unit_id)).first()
    return row_of(ramp) if ramp else None


def row_of(ramp: Ramp) -> RampRow:
    """A ramp, with unit and service loaded, as plain data."""
    try:
        plan: Plan | None = of_record(ramp.plan)
    except PlanRefused:
        plan = None  # shown without its steps; the next tick pauses it and says why
    return RampRow(
        id=ramp.pk,
        unit_id=ramp.unit_id,
        unit_key=ramp.unit.key,
        service=ramp.unit.service.name,
        position=ramp.unit.position,
        plan=plan.words if plan else "",
        dots=dots(plan, ramp) if plan else (),
        step=ramp.step,
        steps=len(plan.steps) if plan else 0,
        state=ramp.state,
        state_words=str(RampState(ramp.state).label),
        waiting=ramp.waiting,
        next_at=ramp.next_at,
        starter=ramp.starter,
        started_at=ramp.started_at,
        reason=ramp.reason,
        batch=str(ramp.batch),
        ended_at=ramp.ended_at,
        ended_because=ramp.ended_because,
    )


def dots(plan: Plan, ramp: Ramp) -> tuple[Dot, ...]:
    """Steps at or below where the unit stands are passed, whoever took them."""
    here = RANK[ramp.unit.position.stage], ramp.unit.position.candidate
    following = next((at for at, step in enumerate(plan.steps) if step.height > here), len(plan.steps))
    open_ramp = ramp.ended_at is None
    return tuple(
        Dot(
            words=step.words,
            mark="passed" if at < following else "next" if at == following and open_ramp else "ahead",
        )
        for at, step in enumerate(plan.steps)
    )


def counts(*, project: Project) -> dict[str, int]:
    """How many ramps have not ended, by state."""
    found = Ramp.objects.filter(project=project, ended_at__isnull=True).order_by().values_list("state")
    return dict(found.annotate(number=Count("pk")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Ramps that were started together and have not all ended."""

    id: str
    starter: str
    started_at: datetime
    reason: str
    open: int


def batches(*, project: Project, limit: int = 10) -> list[Batch]:
    """Starts of more than one unit, newest first."""
    grouped = Ramp.objects.filter(project=project, ended_at__isnull=True).order_by()
    rows = grouped.values("batch", "starter", "started_at", "reason").annotate(open=Count("pk")).filter(open__gt=1)
    return [
        Batch(
            id=str(row["batch"]),
            starter=row["starter"],
            started_at=row["started_at"],
            reason=row["reason"],
            open=row["open"],
        )
        for row in rows.order_by(F("started_at").desc())[:limit]
    ]


def batch_ids(*, project: Project, batch: str) -> list[int]:
    """Ids of the ramps of one start that have not ended; none where there is no such start."""
    found = Ramp.objects.filter(project=project, ended_at__isnull=True, batch=batch)
    return list(found.values_list("pk", flat=True))


def sentence(numbers: dict[str, int]) -> str:
    """`12 units climb by themselves; 2 wait for you.`"""
    running = numbers.get(RampState.RUNNING, 0)
    waiting = sum(numbers.get(state, 0) for state in NEEDS_A_PERSON)
    if not running and not waiting:
        return "No unit climbs by itself."
    climb = f"{running:,} units climb by themselves" if running > 1 else f"{running or 'No'} unit climbs by itself"
    return f"{climb}; {waiting:,} wait{'s' if waiting == 1 else ''} for you." if waiting else f"{climb}."
