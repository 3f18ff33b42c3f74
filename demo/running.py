"""How the service that runs came to stand where a visitor finds it: something to see in every state."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from demo.events import Event, Moved, RolledBack
from demo.scope import COMMENTS
from migrator.core.stages import ALL, Stage

MOVED: Final = ("GET /health", "GET /moderation/queue")
"""Answered by the candidate alone; legacy stands by."""
KARMA: Final = "GET /users/{id}/karma"
"""Was in canary once, because it looked right on the page."""
VOTES: Final = "GET /comments/{id}/votes"
"""Climbed by itself until the guard took it back: it cools down."""
SEARCH: Final = "GET /search"
"""Its ramp pauses until its index is there."""
COMPARED: Final = (
    "GET /threads/{id}/summary",
    "GET /threads/{id}/comments",
    "GET /comments/{id}",
    VOTES,
    KARMA,
    SEARCH,
)
CLIMBING: Final = "GET /users/{id}"
"""Clean, and climbs by itself while the visitor looks on."""
READY: Final = "GET /threads"
"""Clean, and half of its callers meet the candidate: somebody asks for cutover."""
FRONT_PAGE: Final = "GET /threads/{id}"
"""Clean until the running candidate's cache fills (demo.comments.candidate): then the guard takes it back."""
HARMFUL: Final = "GET /users/{id}/profile"
"""Put into canary against the gate, and wrong: rolling it back is left to the visitor."""
CANARIES: Final = {READY: 5_000, FRONT_PAGE: 2_500, CLIMBING: 500, HARMFUL: 500}
"""Endpoints whose callers meet the candidate already, with the share in basis points."""

FELL: Final = timedelta(minutes=50)
"""So long ago the guard took VOTES back …"""
CLIMBED: Final = timedelta(hours=3, minutes=10)
"""… which went into canary so long ago."""


@dataclass(frozen=True, slots=True)
class _Step:
    """So many days ago these endpoints went there. Shares in basis points."""

    days: int
    keys: tuple[str, ...]
    stage: Stage
    candidate: int | None
    mirror: int
    why: str
    proven: bool = True


def _all_the_way(key: str, days: int) -> Iterator[_Step]:
    """An endpoint that nobody worried about, from the backlog to cutover within a week."""
    yield _Step(days, (key,), Stage.SHADOW, None, 1_000, "first traffic")
    yield _Step(days - 2, (key,), Stage.SIDE_BY_SIDE, None, ALL, "takes the load")
    yield _Step(days - 4, (key,), Stage.CANARY, 1_000, ALL, "answers agree")
    yield _Step(days - 6, (key,), Stage.CUTOVER, None, 1_000, "10 % went well")


_EARLY: Final = (
    "GET /threads",
    "GET /threads/{id}",
    "GET /threads/{id}/summary",
    "GET /threads/{id}/comments",
    CLIMBING,
)
_LATE: Final = ("GET /comments/{id}", VOTES, HARMFUL, KARMA, SEARCH)
_PLAN: Final = (
    *_all_the_way(MOVED[0], 58),
    *_all_the_way(MOVED[1], 33),
    _Step(41, _EARLY, Stage.SHADOW, None, 1_000, "first traffic"),
    _Step(36, _LATE, Stage.SHADOW, None, 1_000, "first traffic"),
    _Step(31, _EARLY, Stage.SIDE_BY_SIDE, None, 2_000, "takes the load"),
    _Step(24, _LATE, Stage.SIDE_BY_SIDE, None, 2_000, "takes the load"),
    _Step(17, (*_EARLY, *_LATE), Stage.SIDE_BY_SIDE, None, ALL, "compare everything"),
    _Step(12, (KARMA,), Stage.CANARY, 100, ALL, "looked the same on the page", proven=False),
    _Step(8, (READY,), Stage.CANARY, 100, ALL, "answers agree"),
    _Step(7, (READY, FRONT_PAGE), Stage.CANARY, 500, ALL, "answers agree"),
    _Step(6, (CLIMBING,), Stage.CANARY, 100, ALL, "answers agree"),
    _Step(4, (READY, FRONT_PAGE), Stage.CANARY, 2_500, ALL, "5 % went well"),
    _Step(3, (HARMFUL,), Stage.CANARY, 500, ALL, "the apps do not show it anyway", proven=False),
    _Step(2, (CLIMBING,), Stage.CANARY, 500, ALL, "1 % went well"),
    _Step(1, (READY,), Stage.CANARY, 5_000, ALL, "25 % went well"),
)


def of_comments(*, now: datetime, actors: Sequence[str]) -> Iterator[Event]:
    """The past of the running service. Its writes are in the backlog."""
    for step in _PLAN:
        yield Moved(
            at=_days_before(now, step.days),
            service=COMMENTS,
            keys=step.keys,
            actor=actors[step.days % len(actors)],
            reason=f"simulated: {step.why}",
            stage=step.stage,
            candidate=step.candidate,
            mirror=step.mirror,
            proven=step.proven,
        )
    yield RolledBack(
        at=_days_before(now, 11),
        service=COMMENTS,
        keys=(KARMA,),
        actor=actors[1],
        reason="simulated: apps show karma as 12.0",
    )
    yield from _votes(now, actors[0])


def _votes(now: datetime, actor: str) -> Iterator[Event]:
    yield Moved(
        at=now - CLIMBED,
        service=COMMENTS,
        keys=(VOTES,),
        actor=actor,
        reason="simulated: answers agree",
        stage=Stage.CANARY,
        candidate=100,
        mirror=ALL,
    )
    yield RolledBack(
        at=now - FELL,
        service=COMMENTS,
        keys=(VOTES,),
        actor="guard",
        reason="simulated: 61 of 10,400 calls failed, legacy's never: proven to be harm",
        by_guard=True,
    )


def _days_before(now: datetime, days: int) -> datetime:
    return (now - timedelta(days=days)).replace(hour=10, minute=days % 60, second=0, microsecond=0)
