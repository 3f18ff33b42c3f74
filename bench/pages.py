"""How long the server takes for each page and list at 100,000 units and five years of history, and how large it is.

A PostgreSQL of its own, durable as in production; the pages are asked for in this process, templates and
queries included, the network left out. Medians of the rounds after one to warm up: of the first load after a change,
when forecasts are made, and of later ones, or of one after the task that counts the days has made them.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bench.database import own_database
from bench.memory import forget

ROUNDS = 15
GOAL_MS = 200
GOAL_KB = 100
"""Of a page, before it is compressed and without the chart library."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What one address took: the medians in milliseconds, and the bytes of its answer."""

    address: str
    first: float
    again: float
    size: int
    status: int

    @property
    def faults(self) -> list[str]:
        late = f"over {GOAL_MS} ms" if self.first > GOAL_MS else ""
        large = f"over {GOAL_KB} KB" if self.size > GOAL_KB * 1_024 else ""
        return [fault for fault in (late, large, "" if self.status == 200 else f"answers {self.status}") if fault]


def measure(project: Any, wanted: Sequence[str]) -> Iterator[Figure]:
    from django.contrib.auth.models import User  # noqa: PLC0415 - models exist once Django is set up
    from django.test import Client  # noqa: PLC0415

    from migrator.access.rights import console  # noqa: PLC0415
    from migrator.inventory.models import Unit  # noqa: PLC0415
    from migrator.planning.sharing import make_share_link  # noqa: PLC0415

    client = Client(HTTP_HOST="localhost")
    client.force_login(User.objects.create_superuser("bench"))
    unit = Unit.objects.filter(project=project, stage="canary", kind="endpoint").latest("pk")
    host, now = console(name="bench"), datetime.now(UTC)
    secret = make_share_link(project=project, name="bench", actor=host, now=now)
    for address in addresses(unit.pk, secret):
        if not all(part in address for part in wanted):
            continue
        answer = client.get(address)
        first, again = (median_ms(client, address, before=before) for before in (forget, lambda: None))
        yield Figure(address, first, again, len(answer.content), answer.status_code)


def median_ms(client: Any, address: str, *, before: Callable[[], None]) -> float:
    times = []
    for _ in range(ROUNDS):
        before()
        start = time.perf_counter()
        client.get(address)
        times.append((time.perf_counter() - start) * 1_000)
    return statistics.median(times)


def addresses(unit: int, secret: str) -> tuple[str, ...]:
    project, rest = "/p/bench", "/api/v1/projects/bench"
    return (
        "/",
        f"{project}/",
        f"{project}/inventory",
        f"{project}/inventory?search=things/777",
        f"{project}/inventory?stage=canary",
        f"{project}/units/{unit}",
        f"{project}/units/{unit}/policy",
        f"{project}/mismatches",
        f"{project}/rules",
        f"{project}/policies",
        f"{project}/ramps",
        f"{project}/approvals",
        f"{project}/freezes",
        f"{project}/burndown",
        f"{project}/burndown?days=all",
        f"{project}/burndown?by=effort",
        f"{project}/burndown?team=team-3",
        f"{project}/burndown?phase=Endgame&done=removed",
        f"{project}/burndown?view=flow",
        f"{project}/burndown/holding",
        f"{project}/burndown/below",
        f"{project}/plan",
        f"{project}/plan?whole=1",
        f"{project}/plan?people=2&giver=team-3&taker=team-1",
        f"{project}/oncall",
        "/oncall",
        f"{project}/removal",
        f"{project}/ledger",
        f"{project}/notifications",
        f"{project}/data-planes",
        f"{project}/settings",
        f"/share/{secret}",
        f"/badge/{secret}.svg",
        f"{rest}/units/",
        f"{rest}/units/?search=things/777",
        f"/api/v1/units/{unit}/evidence/",
        f"{rest}/burndown/",
    )


def main() -> int:
    with own_database():
        return report(sys.argv[1:])


def report(wanted: Sequence[str]) -> int:
    """`wanted` are parts of addresses: only those that have all of them are measured."""
    from bench.population import FIVE_YEARS, populate, settle  # noqa: PLC0415

    project = populate(days=FIVE_YEARS)
    settle()
    failed = False
    print(f"{'page, median ms':60}{'first':>10}{'again':>10}{'KB':>8}")
    for figure in measure(project, wanted):
        failed |= figure.status != 200
        times = f"{figure.first:10.0f}{figure.again:10.0f}"
        line = f"{figure.address:60}{times}{figure.size / 1_024:8.1f}"
        print(line, *figure.faults, sep="  ", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
