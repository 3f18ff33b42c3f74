"""What a manager waits for at 100,000 units and five years of history: burn-up, forecast, plan and what-if.

`python -m bench.forecast`. A PostgreSQL of its own, durable as in production; the functions that the pages call are
called in this process. Medians of the rounds after one to warm up: of the first load after a change, when forecasts
are made, and of later ones, when they are remembered and the history alone is read.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bench.database import own_database
from bench.memory import forget

ROUNDS = 9


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    goal_ms: float
    work: Callable[[], Any]


def cases(project: Any) -> list[Case]:
    from dashboards.plan_outlook import look, otherwise  # noqa: PLC0415 - models exist once Django is set up
    from migrator.core.forecast import Stream, forecast  # noqa: PLC0415
    from migrator.core.what_if import Move, Wish  # noqa: PLC0415
    from migrator.planning.queries import Measure, Slice, burn_up, plan_of, prospect, record  # noqa: PLC0415

    now = datetime.now(UTC)
    of: dict[str, Any] = {"project": project, "now": now}
    seen = burn_up(**of, days=90)
    stream = Stream(left=max(0.0, seen.left), weeks=seen.weeks, grain=1.0)
    looked = look(**of, ranked=False)
    wish = Wish(moves=(Move(giver="team-3", taker="team-1", people=2.0),))
    return [
        Case("burn-up, 90 days", 200, lambda: burn_up(**of, days=90)),
        Case("burn-up, five years", 200, lambda: burn_up(**of, days=None)),
        Case("burn-up, one phase", 200, lambda: burn_up(**of, days=90, units=Slice(phase="Endgame"))),
        Case("forecast alone", 500, lambda: forecast(stream=stream, today=now.date())),
        Case("burn-up and forecast, by units", 500, lambda: prospect(**of)),
        Case("burn-up and forecast, by effort", 500, lambda: prospect(**of, measure=Measure.EFFORT)),
        Case("how good forecasts were", 500, lambda: record(**of)),
        Case("plan of the teams", 500, lambda: plan_of(**of)),
        Case("plan and its end", 2_000, lambda: look(**of, ranked=False)),
        Case("plan, its end, and the best moves", 2_000, lambda: look(**of)),
        Case(
            "what if two people move",
            2_000,
            lambda: otherwise(looked=looked, wish=wish, today=now.date(), target=looked.target),
        ),
        Case(
            "what if, from an empty hand",
            2_000,
            lambda: otherwise(looked=look(**of, ranked=False), wish=wish, today=now.date(), target=looked.target),
        ),
    ]


def median_ms(work: Callable[[], Any], *, before: Callable[[], None]) -> float:
    times = []
    for _ in range(ROUNDS + 1):
        before()
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1_000)
    return statistics.median(times[1:])


def report() -> None:
    from bench.population import FIVE_YEARS, populate, settle  # noqa: PLC0415

    project = populate(days=FIVE_YEARS)
    settle()
    print(f"{'of a manager, median ms':45}{'first':>10}{'again':>10}")
    for case in cases(project):
        first = median_ms(case.work, before=forget)
        again = median_ms(case.work, before=lambda: None)
        late = "" if first <= case.goal_ms else f"  over {case.goal_ms:g}"
        print(f"{case.name:45}{first:10.0f}{again:10.0f}{late}", flush=True)


def main() -> None:
    with own_database():
        report()


if __name__ == "__main__":
    main()
