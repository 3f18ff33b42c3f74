"""A live product whose worker and beat are killed: the standby takes over, and says that the guard is dead."""

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.product import LiveProduct, running_product


@pytest.fixture(scope="module")
def doomed_product() -> Iterator[LiveProduct]:
    """A product of its own, whose worker and beat are killed."""
    with running_product() as product:
        yield product


PLANT = """
import sys
from django.utils import timezone
from migrator.core.stages import Stage
from migrator.inventory.models import Project
from migrator.inventory.services import create_project, save_service
from tests.rollout.climbers import observe, raised
project = create_project(slug="shop", name="Shop", now=timezone.now())
Project.objects.update(policy={"automatic": "act"})
service = save_service(project=project, name="main", legacy_url="http://l:1", candidate_url="http://c:1")
raised(service, "GET /users/{id}", Stage.CANARY, timezone.now(), 500)
"""
HARM = """
from django.utils import timezone
from migrator.inventory.models import Unit
from tests.rollout.climbers import observe
observe(Unit.objects.get(), timezone.now(), match=900, mismatch=100)
"""


def test_product__worker_and_beat_killed__the_standby_rolls_back_and_alarms(doomed_product: LiveProduct) -> None:
    product = doomed_product
    product.manage("shell", "-c", PLANT)
    with psycopg.connect(product.database_url, autocommit=True) as database:
        assert _wait(database, "SELECT holder FROM rollout_pulse WHERE name = 'guard' AND holder LIKE 'worker%'")
        for name in ("beat", "worker"):
            product.children[name].kill()
        product.manage("shell", "-c", HARM)
        rolled_back = "SELECT actor FROM rollout_flip WHERE via = 'guard' AND to_candidate_bp = 0"
        assert _wait(database, rolled_back, seconds=40) == ("guard",)
        assert "standby" in _wait(database, "SELECT holder FROM rollout_pulse WHERE name = 'guard standby'")[0]
        # Half a minute of silence more, without waiting for it.
        database.execute("UPDATE rollout_pulse SET beat_at = beat_at - interval '30 seconds' WHERE name = 'guard'")
        assert _wait(database, "SELECT severity FROM telling_message WHERE event = 'guard'", seconds=60) == (
            "critical",
        )


def _wait(database: psycopg.Connection[Any], query: str, *, seconds: float = 30) -> Any:
    """The first row of a query, as soon as there is one."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        row = database.execute(query).fetchone()
        if row is not None:
            return row
        time.sleep(0.2)
    raise AssertionError(f"nothing within {seconds:.0f} s: {query}")
