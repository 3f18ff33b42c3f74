"""What is going on in the demo when a visitor comes: ramps, a question, a freeze, notes."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from demo.history import FROZEN, FROZEN_FOR
from demo.running import CLIMBED, CLIMBING, HARMFUL, READY, SEARCH, VOTES
from demo.scene import MARK, Arranged, Scene, simulated
from migrator.core.ramp import Plan
from migrator.core.ramp_text import read_plan
from migrator.core.stages import Stage
from migrator.rollout import ramps
from migrator.rollout.approvals import ask
from migrator.rollout.freezes import freeze
from migrator.rollout.models import Ramp
from migrator.rollout.remarks import comment, hand_over
from migrator.rollout.services import Change

MARA: Final = "mara"
NOOR: Final = "noor"
QUICK: Final = read_plan(steps="10, 25, 50, 100", soak="2m")
"""Quick enough to be watched; in life a step soaks for hours."""
USUAL: Final = read_plan(
    steps="1, 5, 25, 50, 100", soak="30m", days="mon-fri", begin="09:00", end="17:00", zone="Europe/Berlin"
)
CAREFUL: Final = read_plan(steps="1, 5, 25, 50", soak="2h")


def under_way(*, now: datetime) -> Iterator[Arranged]:
    yield Arranged(at=now - FROZEN_FOR, act=freeze_media)
    yield Arranged(at=now - CLIMBED + timedelta(minutes=5), act=let_votes_climb)


def freeze_media(scene: Scene, now: datetime) -> None:
    freeze(
        project=scene.project,
        service=scene.services[FROZEN],
        reason=f"{MARK}renditions move to new storage",
        ends_at=now + timedelta(days=4),
        actor=simulated("Aiko Tanabe"),
        now=now,
    )


def let_votes_climb(scene: Scene, now: datetime) -> None:
    start(scene, VOTES, CAREFUL, NOOR, "votes go on by themselves", now)


def start(scene: Scene, key: str, plan: Plan, name: str, reason: str, now: datetime) -> list[Ramp]:
    """Let an endpoint climb by itself, and the fields of its answer with it."""
    units = [unit.pk for unit in scene.moved_together([key])]
    actor = scene.person(name)
    done = ramps.start(project=scene.project, unit_ids=units, plan=plan, actor=actor, reason=MARK + reason, now=now)
    return list(done.ramps)


def let_climb(scene: Scene, now: datetime) -> None:
    start(scene, CLIMBING, QUICK, NOOR, "clean for a week", now)
    waiting = start(scene, SEARCH, USUAL, MARA, "its answers agree", now)
    ramps.pause(
        project=scene.project,
        ramp_ids=[ramp.pk for ramp in waiting],
        actor=scene.person(MARA),
        reason=f"{MARK}the new index goes in first",
        now=now,
    )


def ask_for_cutover(scene: Scene, now: datetime) -> None:
    unit = scene.unit(READY)
    ask(
        project=scene.project,
        change=Change(unit_id=unit.pk, version=unit.version, stage=Stage.CUTOVER),
        actor=scene.person(MARA),
        reason=f"{MARK}a day at half of the callers, and nothing differs",
        now=now,
    )


def leave_notes(scene: Scene, now: datetime) -> None:
    comment(
        unit=scene.unit(HARMFUL),
        text=f"{MARK}Some people's website is missing here. The apps do not show it; the desktop site does.",
        actor=scene.person(NOOR),
        now=now - timedelta(hours=1),
    )
    comment(
        unit=scene.unit(VOTES),
        text=f"{MARK}Comments that nobody voted on make the candidate divide by zero. A fix is in review.",
        actor=scene.person(MARA),
        now=now - timedelta(minutes=30),
    )
    hand_over(
        project=scene.project,
        text=(
            f"{MARK}The guard took the votes back within the hour; leave them. "
            "Profiles are in canary against the gate: if anybody complains, roll them back at once. "
            "Media is frozen, that is meant so."
        ),
        actor=scene.person(NOOR),
        now=now,
    )
