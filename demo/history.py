"""Three months that never were: who moved what, when, and what went wrong.

A plan only, made from the date alone: `demo.seed` takes it through the door, event by event. It works like
teams do: reads before writes, a little on weekdays, slowly at first, and every seventh canary comes back.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from demo.scope import COMMENTS, UNDERTAKINGS, Undertaking
from migrator.core.stages import ALL, Stage
from migrator.inventory.importers.spec import Spec

DAYS: Final = 90
STARTS_WITHIN: Final = 100
"""Days over which work on the resources begins: some of it still lies ahead."""
SETBACKS: Final = 1 / 7
"""Share of canaries that are rolled back and tried again."""

_ACTORS: Final = {
    "accounts": ("Mara Lindqvist", "Teo Marchetti"),
    "feed": ("Priya Raman", "Jonas Weber"),
    "media": ("Aiko Tanabe",),
    "reach": ("Samuel Okafor",),
    "subscriptions": ("Ines Carvalho", "Lukas Novak"),
    COMMENTS: ("Mara Lindqvist", "Noor Haddad"),
}
_SETBACK_REASONS: Final = (
    "simulated: 2 of 1,400 callers got another currency format",
    "simulated: the candidate's p99 doubled under the evening's load",
    "simulated: errors after the connection pool ran dry",
    "simulated: readers reported stale answers",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A service's document came in, for the first time or grown."""

    at: datetime
    service: str
    spec: Spec | None
    """None is the document of the service that runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Units went to a stage. Shares in basis points; None leaves them as the stage allows."""

    at: datetime
    service: str
    keys: tuple[str, ...]
    """Endpoints; the fields of their answers go along."""
    actor: str
    reason: str
    stage: Stage
    candidate: int | None = None
    mirror: int | None = None
    proven: bool = True
    """Where more callers would meet the candidate: the evidence carried it. Else somebody went on against the gate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """Units came back to side by side."""

    at: datetime
    service: str
    keys: tuple[str, ...]
    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A service's candidate was replaced by another build: what was known of the one before counts no more."""

    at: datetime
    service: str
    build: str


Event = Imported | Moved | RolledBack | Deployed


@dataclass(frozen=True, slots=True)
class Step:
    """One move of the usual way, and how many days it takes until the next: at least, at most."""

    stage: Stage
    candidate: int | None
    mirror: int | None
    days: tuple[int, int]
    why: str
    why_writes: str = ""
    """Where nothing is compared, somebody answers for it: these steps are taken against the gate."""


_WAY: Final = (
    Step(Stage.SHADOW, None, 1_000, (1, 3), "built, first traffic"),
    Step(Stage.SIDE_BY_SIDE, None, ALL, (2, 5), "takes the load"),
    Step(Stage.CANARY, 100, ALL, (1, 3), "answers agree", "its test suite passes"),
    Step(Stage.CANARY, 1_000, ALL, (0, 2), "1 % went well", "1 %, and nobody complained"),
    Step(Stage.CANARY, 5_000, ALL, (1, 3), "10 % went well", "10 %, and nobody complained"),
    Step(Stage.CUTOVER, None, 1_000, (3, 6), "half went well", "half, and nobody complained"),
    Step(Stage.REMOVAL, None, None, (2, 5), "a quiet week"),
    Step(Stage.REMOVED, None, None, (0, 0), "nobody calls legacy any more"),
)


def history(*, now: datetime) -> list[Event]:
    """Everything that happened until `now`, oldest first. The same `now` gives the same history."""
    dice, start = random.Random(20), now - timedelta(days=DAYS)
    events: list[Event] = [*_imports(start), *_comments(now)]
    batches = [batch for undertaking in UNDERTAKINGS for batch in _batches(undertaking)]
    dice.shuffle(batches)
    for number, batch in enumerate(batches):
        # The exponent: few begin early, more and more later.
        begins = max(2 + STARTS_WITHIN * (number / len(batches)) ** 0.7, batch.known_after + 3)
        events += _climb(batch, start + timedelta(days=begins), dice)
    return sorted((event for event in events if event.at < now), key=lambda event: event.at)


def _imports(start: datetime) -> Iterator[Imported]:
    """The first documents on the first day; whatever was noticed later, on the day it was."""
    yield Imported(at=start, service=COMMENTS, spec=None)
    for undertaking in UNDERTAKINGS:
        for day in sorted({resource.known_after for resource in undertaking.resources}):
            at = start + timedelta(days=day, minutes=5)
            yield Imported(at=at, service=undertaking.service, spec=undertaking.spec(day=day))


@dataclass(frozen=True, slots=True)
class Batch:
    """What moves together: the reads of one resource, or its writes."""

    service: str
    keys: tuple[str, ...]
    known_after: int


def _batches(undertaking: Undertaking) -> Iterator[Batch]:
    for resource in undertaking.resources:
        for units in (resource.reads(), resource.writes()):
            endpoints = tuple(unit.key for unit in units if unit.kind == "endpoint")
            yield Batch(undertaking.service, endpoints, resource.known_after)


def _climb(batch: Batch, begins: datetime, dice: random.Random) -> Iterator[Event]:
    """One batch on its way up, with the falls in between."""
    service, keys = batch.service, batch.keys
    at = working_hour(begins, dice)
    for step in _WAY:
        actor = dice.choice(_ACTORS[service])
        yield _moved(service, keys, at, actor, step)
        if step.stage is Stage.CANARY and dice.random() < SETBACKS:
            fell = at + timedelta(minutes=dice.randint(20, 600))
            yield RolledBack(at=fell, service=service, keys=keys, actor=actor, reason=dice.choice(_SETBACK_REASONS))
            at = working_hour(fell + timedelta(days=dice.randint(1, 4)), dice)
            yield Deployed(at=at - timedelta(hours=2), service=service, build=f"{service}-{at:%Y.%j}")
            yield _moved(service, keys, at, actor, step)
        at = working_hour(at + timedelta(days=dice.randint(*step.days)), dice)


def _moved(service: str, keys: tuple[str, ...], at: datetime, actor: str, step: Step) -> Moved:
    is_read = keys[0].startswith("GET ")
    return Moved(
        at=at,
        service=service,
        keys=keys,
        actor=actor,
        reason=f"simulated: {step.why if is_read else step.why_writes or step.why}",
        stage=step.stage,
        candidate=step.candidate,
        mirror=step.mirror,
        proven=keys != (_KARMA,),
    )


def working_hour(day: datetime, dice: random.Random) -> datetime:
    """A moment between nine and five, on that day or the Monday after it; always later than `day`."""
    day += timedelta(days=1)
    day += timedelta(days=max(0, 7 - day.weekday()) if day.weekday() > 4 else 0)
    return day.replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(seconds=dice.randint(0, 8 * 3_600))


# ------------------------------------------------------------------------- the service that runs

SHADOWED: Final = ("GET /health", "GET /moderation/queue")
COMPARED: Final = (
    "GET /threads",
    "GET /threads/{id}",
    "GET /threads/{id}/summary",
    "GET /threads/{id}/comments",
    "GET /comments/{id}",
    "GET /comments/{id}/votes",
    "GET /users/{id}/profile",
    "GET /users/{id}/karma",
    "GET /search",
)
CANARY: Final = "GET /users/{id}"
"""The one endpoint whose callers meet the candidate already: 5 % of them."""
_KARMA: Final = "GET /users/{id}/karma"


def _comments(now: datetime) -> Iterator[Event]:
    """How the running service came to stand where a visitor finds it. Its writes are in the backlog."""
    plan = (
        (41, (*COMPARED[:4], CANARY), Stage.SHADOW, None, 1_000, "first traffic"),
        (36, COMPARED[4:], Stage.SHADOW, None, 1_000, "first traffic"),
        (31, (*COMPARED[:4], CANARY), Stage.SIDE_BY_SIDE, None, 2_000, "takes the load"),
        (24, COMPARED[4:], Stage.SIDE_BY_SIDE, None, 2_000, "takes the load"),
        (17, (*COMPARED, CANARY), Stage.SIDE_BY_SIDE, None, ALL, "compare everything"),
        (12, (_KARMA,), Stage.CANARY, 100, ALL, "looked the same on the page"),
        (9, SHADOWED, Stage.SHADOW, None, ALL, "first traffic"),
        (6, (CANARY,), Stage.CANARY, 100, ALL, "answers agree"),
        (2, (CANARY,), Stage.CANARY, 500, ALL, "1 % went well"),
    )
    for days, keys, stage, candidate, mirror, why in plan:
        step = Step(stage, candidate, mirror, (0, 0), why)
        yield _moved(COMMENTS, keys, _days_before(now, days), _ACTORS[COMMENTS][days % 2], step)
    yield RolledBack(
        at=_days_before(now, 11),
        service=COMMENTS,
        keys=(_KARMA,),
        actor=_ACTORS[COMMENTS][1],
        reason="simulated: apps show karma as 12.0",
    )


def _days_before(now: datetime, days: int) -> datetime:
    return (now - timedelta(days=days)).replace(hour=10, minute=days % 60, second=0, microsecond=0)
