"""What is worked out once for all processes: found again by what it was made from, and worked out where it is not."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from migrator.core.forecast import Forecast, NoForecast, Stream, Week, forecast
from migrator.core.queues import Cycle, Outlook, Piece, Plan, outlook
from migrator.inventory.models import Project
from migrator.inventory.services import create_team
from migrator.planning import remembered as memory
from migrator.planning.queries import prospect
from migrator.planning.remembered import PREFIX, remembered
from migrator.planning.tasks import count_days
from tests.planning.conftest import NOW, History, finished, move

TODAY = date(2026, 11, 21)
STREAM = Stream(left=9.0, weeks=(Week(done=1.0, added=2.0), *(Week(done=1.0, added=0.0),) * 9))
"""Some of its futures never end."""


class Asked:
    """A question that counts how often it was worked out."""

    def __init__(self) -> None:
        self.times = 0

    def forecast(self, **of: Any) -> Forecast | NoForecast:
        self.times += 1
        return forecast(**of)


@pytest.fixture
def asked(redis_client: object) -> Iterator[Asked]:
    memory._shelf.cache_clear()
    yield Asked()
    memory._shelf.cache_clear()


def test_remembered__asked_again__is_not_worked_out_again_and_is_the_same(asked: Asked) -> None:
    first = remembered(Forecast, asked.forecast, stream=STREAM, today=TODAY)
    again = remembered(Forecast, asked.forecast, stream=STREAM, today=TODAY)
    assert first == again == forecast(stream=STREAM, today=TODAY)
    assert asked.times == 1


def test_remembered__of_other_work_or_another_day__is_worked_out(asked: Asked) -> None:
    more = Stream(left=10.0, weeks=STREAM.weeks)
    for stream, today in ((STREAM, TODAY), (more, TODAY), (STREAM, TODAY + timedelta(days=1))):
        assert remembered(Forecast, asked.forecast, stream=stream, today=today) == forecast(stream=stream, today=today)
    assert asked.times == 3


def test_remembered__no_forecast__is_told_and_not_kept(asked: Asked, redis_client: Any) -> None:
    found = remembered(Forecast, asked.forecast, stream=Stream(left=1.0, weeks=()), today=TODAY)
    assert isinstance(found, NoForecast)
    assert not redis_client.keys(f"{PREFIX}*")


def test_remembered__what_cannot_be_read__is_worked_out(asked: Asked, redis_client: Any) -> None:
    made = remembered(Forecast, asked.forecast, stream=STREAM, today=TODAY)
    redis_client.set(redis_client.keys(f"{PREFIX}*")[0], b"no forecast")
    assert remembered(Forecast, asked.forecast, stream=STREAM, today=TODAY) == made
    assert asked.times == 2


def test_remembered__while_redis_is_away__is_worked_out(asked: Asked, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    for _ in range(2):
        assert remembered(Forecast, asked.forecast, stream=STREAM, today=TODAY) == forecast(stream=STREAM, today=TODAY)
    assert asked.times == 2


def test_remembered__an_outlook__is_the_same_and_what_it_raises_passes(asked: Asked) -> None:
    pieces = (Piece(id="a", team="ants", size=4.0), Piece(id="b", team="ants", size=5.0, needs=("a",)))
    plan = Plan(pieces=pieces, teams={"ants": STREAM}, people={"ants": 2.0}, idle=frozenset({"bees"}))
    for _ in range(2):
        found = remembered(Outlook, outlook, plan=plan, today=TODAY, target=TODAY)
        assert found == outlook(plan=plan, today=TODAY, target=TODAY)
    ring = Plan(pieces=(Piece(id="a", team="ants", size=9.0, needs=("a",)),), teams={"ants": STREAM})
    with pytest.raises(Cycle):
        remembered(Outlook, outlook, plan=ring, today=TODAY)


def test_prospect__after_the_tick__finds_its_forecast_made(
    project: Project, history: History, redis_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ants = create_team(project=project, name="ants")
    for number in range(10):
        history(f"GET /{number}", 90, finished(80 - 7 * number), team=ants)
    history("GET /left", 90, team=ants)
    monkeypatch.setattr("migrator.planning.tasks.timezone.now", lambda: NOW)

    assert count_days() == 1
    made = set(redis_client.keys(f"{PREFIX}*"))
    found = prospect(project=project, now=NOW)

    assert isinstance(found.forecast, Forecast)
    assert made
    assert set(redis_client.keys(f"{PREFIX}*")) == made, "nothing was worked out for the page"


def test_prospect__after_a_flip__is_of_the_flip(project: Project, history: History) -> None:
    for number in range(10):
        history(f"GET /{number}", 90, finished(80 - 7 * number))
    history("GET /left", 90)
    last = history("GET /last", 90, {20: finished(20)[20.0]})
    before = prospect(project=project, now=NOW)
    for at, stage in sorted(finished(0).items(), reverse=True)[1:]:
        move(last, stage, NOW - timedelta(days=max(0.0, at)))
    after = prospect(project=project, now=NOW)
    assert (before.found.left, after.found.left) == (2, 1)
    assert isinstance(before.forecast, Forecast)
    assert isinstance(after.forecast, Forecast)
    assert before.forecast.finish != after.forecast.finish
