"""The demo's history is a plan made from the date alone: on every day of the week it leaves something to see."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from demo.events import Event, Imported, Moved, RolledBack
from demo.history import FROZEN, FROZEN_FOR, history
from demo.running import CANARIES
from migrator.core.stages import Stage

NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
WEEK = [NOW + timedelta(days=days, hours=days) for days in range(7)]


def where(events: Sequence[Event]) -> dict[str, tuple[Stage, datetime]]:
    """Where each endpoint stands in the end, and since when."""
    found: dict[str, tuple[Stage, datetime]] = {}
    for event in events:
        if isinstance(event, Moved):
            found |= dict.fromkeys(event.keys, (event.stage, event.at))
        if isinstance(event, RolledBack):
            found |= dict.fromkeys(event.keys, (Stage.SIDE_BY_SIDE, event.at))
    return found


@pytest.mark.parametrize("now", WEEK, ids=[f"{now:%a}" for now in WEEK])
def test_history__whatever_the_day__is_in_order_and_never_ahead(now: datetime) -> None:
    events = history(now=now)
    assert all(event.at < now for event in events)
    assert [event.at for event in events] == sorted(event.at for event in events)
    assert isinstance(events[0], Imported)


@pytest.mark.parametrize("now", WEEK, ids=[f"{now:%a}" for now in WEEK])
def test_history__whatever_the_day__leaves_something_in_every_stage(now: datetime) -> None:
    stands = where(history(now=now))
    counts = Counter(stage for stage, _ in stands.values())
    assert set(counts) == set(Stage) - {Stage.BACKLOG}
    assert {key for key, (stage, _) in stands.items() if stage is Stage.CANARY} >= set(CANARIES)
    waited = [now - since for stage, since in stands.values() if stage is Stage.REMOVAL]
    assert max(waited) > timedelta(days=8), "something can be deleted today"


@pytest.mark.parametrize("now", WEEK, ids=[f"{now:%a}" for now in WEEK])
def test_history__whatever_the_day__people_worked_until_the_last_working_day(now: datetime) -> None:
    by_people = [event.at for event in history(now=now) if isinstance(event, Moved)]
    assert now - max(by_people) < timedelta(days=1)


def test_history__a_service_is_frozen__nothing_happens_to_it_since() -> None:
    last = max(event.at for event in history(now=NOW) if event.service == FROZEN and not isinstance(event, Imported))
    assert last < NOW - FROZEN_FOR
