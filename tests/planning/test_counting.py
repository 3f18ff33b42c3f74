"""Days that are counted say the same as the ledger, and as every unit looked at one by one."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

import pytest

from migrator.core.stages import LADDER, RANK, Stage
from migrator.inventory.models import Project, Service, Team, Unit
from migrator.inventory.services import create_team, create_unit, save_service
from migrator.planning.counting import count, count_anew
from migrator.planning.models import Counted, DayCount
from migrator.planning.queries import BurnUp, Measure, Slice, Tagged, burn_up
from migrator.planning.services import set_effort
from tests.planning.conftest import ACTOR, NOW, days_ago, move, retagged

DAYS = 40


@dataclass
class Life:
    """What one unit went through, kept beside the database."""

    unit: Unit
    added: datetime
    gone: datetime | None = None
    points: float | None = None
    stages: list[tuple[datetime, Stage]] = field(default_factory=list)
    teams: list[tuple[datetime, str]] = field(default_factory=list)

    def stage_on(self, day: date) -> Stage | None:
        """None where it is not in scope at the end of that day."""
        if self.added.date() > day or (self.gone is not None and self.gone.date() <= day):
            return None
        return next((stage for at, stage in reversed(self.stages) if at.date() <= day), Stage.BACKLOG)

    def team_on(self, day: date) -> str:
        return next((team for at, team in reversed(self.teams) if at.date() <= day), self.teams[0][1])


class Past:
    """A random past, through the doors that people use."""

    def __init__(self, project: Project, seed: int) -> None:
        self.project, self.dice = project, random.Random(seed)
        self.services = [save_service(project=project, name=name) for name in ("one", "two")]
        self.teams: list[Team | None] = [*(create_team(project=project, name=name) for name in ("ants", "bees")), None]
        self.lives = [self.life(number) for number in range(16)]

    def life(self, number: int) -> Life:
        added, team = days_ago(self.dice.uniform(5, DAYS - 1)), self.dice.choice(self.teams)
        key, kind = (f"GET /{number}", "endpoint") if number % 3 else (f"Thing.f{number}", "field")
        unit = create_unit(
            project=self.project, service=self.dice.choice(self.services), key=key, kind=kind, team=team, now=added
        )
        life = Life(unit, added, teams=[(added, team.name if team else "")])
        for at in self.moments(added):
            self.happen(life, at)
        return life

    def moments(self, added: datetime) -> Iterator[datetime]:
        span = (days_ago(0.2) - added).total_seconds()
        yield from (added + timedelta(seconds=each) for each in sorted(self.dice.sample(range(1, int(span)), 7)))

    def happen(self, life: Life, at: datetime) -> None:
        rank = RANK[life.stages[-1][1]] if life.stages else 0
        if self.dice.random() < 0.15:
            other = self.dice.choice([team for team in self.teams if (team.name if team else "") != life.teams[-1][1]])
            retagged(life.unit, at, team=other)
            life.teams.append((at, other.name if other else ""))
        elif rank and self.dice.random() < 0.25:
            self.move(life, LADDER[self.dice.randrange(rank)].stage, at)
        elif rank < RANK[Stage.CUTOVER]:
            self.move(life, LADDER[rank + 1].stage, at)

    def move(self, life: Life, stage: Stage, at: datetime) -> None:
        move(life.unit, stage, at)
        life.stages.append((at, stage))

    def lose(self, life: Life) -> None:
        last = max(at for at, *_ in [(life.added,), *life.stages, *life.teams])
        life.gone = last + (NOW - last) / 2
        Unit.objects.filter(pk=life.unit.pk).update(gone_at=life.gone)

    def weigh(self, life: Life) -> None:
        life.points = float(self.dice.randint(1, 9))
        set_effort(project=self.project, points={life.unit.pk: life.points}, actor=ACTOR, now=NOW)


def naive(past: Past, *, team: str = "", kind: str = "", tagged: Tagged = Tagged.NOW, weighed: bool = False) -> BurnUp:
    """Every unit on every day."""
    known = [life.points for life in past.lives if life.points]
    mean = sum(known) / len(known) if known else 1.0
    days = tuple((NOW - timedelta(days=back)).date() for back in range(DAYS, -1, -1))
    counts = {rung.stage: [0.0] * len(days) for rung in LADDER}
    for life in past.lives:
        for at, day in enumerate(days):
            stage, whose = life.stage_on(day), life.team_on(day) if tagged is Tagged.THEN else life.teams[-1][1]
            if stage and (not team or whose == team) and (not kind or life.unit.kind == kind):
                counts[stage][at] += (life.points or mean) if weighed else 1
    return BurnUp(days=days, counts={stage: tuple(each) for stage, each in counts.items()}, deadline=None)


def same(found: BurnUp, wanted: BurnUp) -> None:
    for stage, counts in wanted.counts.items():
        assert found.counts[stage] == pytest.approx(counts), stage


def check(past: Past) -> None:
    of = {"project": past.project, "now": NOW, "days": DAYS}
    same(burn_up(**of), naive(past))
    same(burn_up(**of, measure=Measure.EFFORT), naive(past, weighed=True))
    for kind in ("endpoint", "field"):
        same(burn_up(**of, units=Slice(kind=kind)), naive(past, kind=kind))
    for tagged in Tagged:
        for team in ("ants", "bees"):
            same(burn_up(**of, units=Slice(team=team, tagged=tagged)), naive(past, team=team, tagged=tagged))
    found = burn_up(**of, units=Slice(team="ants", tagged=Tagged.THEN, kind="field"), measure=Measure.EFFORT)
    same(found, naive(past, team="ants", tagged=Tagged.THEN, kind="field", weighed=True))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_burn_up__of_a_random_past__is_what_units_looked_at_one_by_one_say(project: Project, seed: int) -> None:
    past = Past(project, seed)
    check(past)
    for life in past.lives[::2]:
        past.weigh(life)
    for life in past.lives[::5]:
        past.lose(life)
    count(project=project)
    check(past)
    # What comes later is read beside what is counted, and effort that is estimated anew weighs counted days anew.
    past.lives += [past.life(number) for number in (100, 101, 102)]
    for life in past.lives[::3]:
        if life.gone is None:
            past.weigh(life)
    check(past)
    count(project=project)
    check(past)


def test_count__twice__counts_nothing_twice(project: Project) -> None:
    past = Past(project, 4)
    before = count(project=project)
    rows = set(DayCount.objects.values_list("day", "from_stage", "to_stage", "units"))
    assert count(project=project) == before
    assert set(DayCount.objects.values_list("day", "from_stage", "to_stage", "units")) == rows
    check(past)


def test_count_anew__begins_again_and_says_the_same(project: Project) -> None:
    past = Past(project, 5)
    count(project=project)
    count_anew(project=project)
    assert not DayCount.objects.exists()
    check(past)
    count(project=project)
    assert Counted.objects.get().flip > 0
    check(past)


def test_count__of_another_project__leaves_this_one_alone(project: Project, stranger: object) -> None:
    Past(project, 6)
    count(project=Project.objects.get(slug="elsewhere"))
    assert not DayCount.objects.exists()


def test_days__at_their_borders__are_utcs(project: Project, service: Service) -> None:
    """A flip one second before midnight is that day's, whatever the reader's zone or its daylight saving."""
    eve = datetime.combine(date(2026, 10, 24), time(23, 59, 59), tzinfo=UTC)
    unit = create_unit(project=project, service=service, key="GET /a", kind="endpoint", now=eve - timedelta(days=2))
    move(unit, Stage.SHADOW, eve)
    move(unit, Stage.SIDE_BY_SIDE, eve + timedelta(seconds=1))
    for _ in range(2):
        found = burn_up(project=project, now=eve + timedelta(days=1), days=1)
        assert found.days == (date(2026, 10, 24), date(2026, 10, 25))
        assert found.counts[Stage.SHADOW] == (1, 0)
        assert found.counts[Stage.SIDE_BY_SIDE] == (0, 1)
        count(project=project)
