"""Forecasts made along the way of projects whose end is known, from flips in the database to the promised day."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final

from migrator.access.rights import console
from migrator.core.forecast import Forecast
from migrator.core.stages import Stage
from migrator.inventory.models import Project, Service, Unit
from migrator.inventory.services import create_project, create_unit, save_service
from migrator.planning.counting import count as count_days
from migrator.planning.queries import prospect
from migrator.rollout.services import Change, flip

START: Final = datetime(2025, 1, 6, 12, tzinfo=UTC)
PROJECTS: Final = 12
SCOPE: Final = 40
DISCOVERY: Final = 0.2
BEFORE_DONE: Final = (Stage.SHADOW, Stage.SIDE_BY_SIDE, Stage.CANARY)
ACTOR: Final = console(name="test")


@dataclass
class Lived:
    """A project that was lived to its end, week by week, through the doors."""

    project: Project
    ended: datetime


def live(seed: int) -> Lived:
    """Some weeks much is finished, some nothing; what is finished uncovers more."""
    dice = random.Random(seed)
    project = create_project(slug=f"p{seed}", name="P", now=START)
    service = save_service(project=project, name="main")
    numbers = count()
    waiting = found(service, numbers, SCOPE, START)
    pace = dice.uniform(1.5, 3.0)
    for week in count():
        now = START + timedelta(weeks=week, days=3)
        done = min(len(waiting), round(dice.gammavariate(pace, 1.0)))
        moved([waiting.pop() for _ in range(done)], Stage.CUTOVER, now)
        uncovered = sum(dice.random() < DISCOVERY for _ in range(done))
        waiting += found(service, numbers, uncovered, now)
        if not waiting:
            return Lived(project=project, ended=now)
    raise AssertionError("not reached")


def found(service: Service, numbers: Iterator[int], size: int, now: datetime) -> list[Unit]:
    """New units, in canary at once."""
    made = [
        create_unit(project=service.project, service=service, key=f"GET /{next(numbers)}", kind="endpoint", now=now)
        for _ in range(size)
    ]
    for stage in BEFORE_DONE:
        moved(made, stage, now)
    return made


def moved(units: list[Unit], stage: Stage, now: datetime) -> None:
    if units:
        changes = [Change(unit_id=unit.pk, version=list(Stage).index(stage) - 1, stage=stage) for unit in units]
        flip(project=units[0].project, changes=changes, actor=ACTOR, reason="x", now=now, override=True)


def test_forecasts__of_projects_whose_end_is_known__hold_about_as_often_as_they_say(db: None) -> None:
    """Thirty-odd forecasts: 85 % sure ones hold in at least seven of ten, and half sure ones in neither all nor few."""
    asked, held = 0, {"p50": 0, "p85": 0, "p95": 0}
    for seed in range(PROJECTS):
        lived = live(seed)
        for part in (0.25, 0.5, 0.75):
            now = START + (lived.ended - START) * part
            # What came later is in the database already, and must not be seen.
            seen = prospect(project=lived.project, now=now).forecast
            if isinstance(seen, Forecast):
                asked += 1
                for name in held:
                    day = getattr(seen, name)
                    held[name] += day is None or lived.ended.date() <= day
        count_days(project=lived.project)
    assert asked >= 2 * PROJECTS
    assert 0.25 <= held["p50"] / asked <= 0.8
    assert held["p85"] / asked >= 0.7
    assert held["p95"] / asked >= 0.8
    assert held["p50"] <= held["p85"] <= held["p95"]
