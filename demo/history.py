"""Four months that never were: who moved what, when, and what went wrong.

A plan only, made from the date alone: `demo.seed` takes it through the door, event by event. It works like
teams do: reads before writes, a little on weekdays, slowly at first, and every seventh canary comes back.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from demo.events import Deployed, Event, Imported, Moved, RolledBack
from demo.running import of_comments
from demo.scope import COMMENTS, PILOT, UNDERTAKINGS, Undertaking
from migrator.core.stages import ALL, Stage

DAYS: Final = 120
WORK: Final = {
    PILOT: (2, 80),
    "accounts": (9, DAYS - 3),
    "feed": (13, DAYS - 5),
    "media": (8, DAYS + 8),
    "subscriptions": (10, DAYS + 14),
}
"""On these days work on the first and on the last resource of a service begins: some of it still lies ahead."""
SETBACKS: Final = 1 / 7
"""Share of canaries that are rolled back and tried again."""
FROZEN: Final = "media"
"""The service that is frozen today; FROZEN_FOR says since when."""
FROZEN_FOR: Final = timedelta(hours=20)

ACTORS: Final = {
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
    Step(Stage.SHADOW, None, 1_000, (3, 5), "built, first traffic"),
    Step(Stage.SIDE_BY_SIDE, None, ALL, (2, 5), "takes the load"),
    Step(Stage.CANARY, 100, ALL, (1, 3), "answers agree", "its test suite passes"),
    Step(Stage.CANARY, 2_500, ALL, (2, 5), "1 % went well", "1 %, and nobody complained"),
    Step(Stage.CUTOVER, None, 1_000, (3, 6), "a quarter went well", "a quarter, and nobody complained"),
    Step(Stage.REMOVAL, None, None, (10, 17), "a quiet week"),
    Step(Stage.REMOVED, None, None, (0, 0), "nobody calls legacy any more"),
)


def history(*, now: datetime) -> list[Event]:
    """Everything that happened until `now`, oldest first. The same `now` gives the same history."""
    dice, start = random.Random(20), now - timedelta(days=DAYS)
    events: list[Event] = [*_imports(start, now), *of_comments(now=now, actors=ACTORS[COMMENTS])]
    for undertaking in UNDERTAKINGS:
        batches, (first, last) = list(_batches(undertaking)), WORK[undertaking.service]
        dice.shuffle(batches)
        for number, batch in enumerate(batches):
            begins = max(first + (last - first) * number / (len(batches) - 1), batch.known_after + 3)
            events += _climb(batch, start + timedelta(days=begins), dice)
    return sorted((event for event in events if event.at < _end(event, now)), key=lambda event: event.at)


def _end(event: Event, now: datetime) -> datetime:
    """Until when something can have happened to a service: what is frozen stands still."""
    return now - FROZEN_FOR if event.service == FROZEN and not isinstance(event, Imported) else now


def _imports(start: datetime, now: datetime) -> Iterator[Imported]:
    """The first documents on the first day; whatever was noticed later, on the day it was; all once more yesterday."""
    yield Imported(
        at=start, service=COMMENTS, spec=None, actor=ACTORS[COMMENTS][0], reason="simulated: the service's own document"
    )
    for undertaking in UNDERTAKINGS:
        actor = ACTORS[undertaking.service][0]
        for day in sorted({resource.known_after for resource in undertaking.resources}):
            found = [resource.name for resource in undertaking.resources if resource.known_after == day]
            why = f"nobody had thought of {' and '.join(found)}" if day else "what the catalogue lists"
            at = start + timedelta(days=day, minutes=5)
            yield _imported(undertaking, at, actor, day=day, why=why)
        yield _imported(undertaking, now - timedelta(days=1), actor, day=DAYS, why="the nightly import")


def _imported(undertaking: Undertaking, at: datetime, actor: str, *, day: int, why: str) -> Imported:
    spec = undertaking.spec(day=day)
    return Imported(at=at, service=undertaking.service, spec=spec, actor=actor, reason=f"simulated: {why}")


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
        actor = dice.choice(ACTORS[service])
        yield _moved(service, keys, at, actor, step)
        if step.stage is Stage.CANARY and dice.random() < SETBACKS:
            fell = at + timedelta(minutes=dice.randint(20, 600))
            yield RolledBack(at=fell, service=service, keys=keys, actor=actor, reason=dice.choice(_SETBACK_REASONS))
            at = working_hour(fell + timedelta(days=dice.randint(1, 4)), dice)
            build = f"{service}-{at:%Y.%j}"
            yield Deployed(at=at - timedelta(hours=2), service=service, build=build, actor=actor)
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
    )


def working_hour(day: datetime, dice: random.Random) -> datetime:
    """A moment between nine and five, on that day or the Monday after it; always later than `day`."""
    day += timedelta(days=1)
    day += timedelta(days=max(0, 7 - day.weekday()) if day.weekday() > 4 else 0)
    return day.replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(seconds=dice.randint(0, 8 * 3_600))
