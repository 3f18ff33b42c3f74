"""How long one look of the guard takes at 10,000 units whose callers meet the candidate.

`python -m bench.guard`. A PostgreSQL of its own, durable as in production. Median of the rounds after one to warm up;
looks that roll back find other harmful units each time.
"""

import statistics
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bench.database import own_database

ENDPOINTS = 4_000
"""With their fields 20,000 units, of which half serve callers."""
HARMFUL = 50
ROUNDS = 7
GOAL_MS = 1_000


def report() -> None:
    from bench.population import populate, settle  # noqa: PLC0415 - models exist once Django is set up
    from migrator.inventory.models import Unit  # noqa: PLC0415

    project = populate(endpoints=ENDPOINTS)
    settle()
    print(f"{Unit.objects.serving_candidate().count():,} units serve callers")
    print(f"{'one look':50}{'median ms':>10}{'judged':>8}{'taken back':>11}")
    show("nothing differs anywhere", lambda: spread("mismatch = 0"))
    show("one unit in ten differs a little", lambda: spread("mismatch = (s.unit_id % 10 = 0)::int * 17"))
    show("every unit differs a little", lambda: spread("mismatch = 17"))
    for automatic in ("suggest", "act"):
        policy = {"automatic": automatic}
        type(project).objects.filter(pk=project.pk).update(policy=policy)
        show(f"{HARMFUL} units harm, policy: {automatic}", harm)


def spread(counts: str) -> None:
    """Give every unit these counts, as if they had been counted just now."""
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE observations_standing s SET {counts}, last_at = now(), last_seen_at = now()")
        cursor.execute("VACUUM ANALYZE observations_standing")


def harm() -> None:
    """Let a fifth of the answers of some units that still serve callers be wrong, and all others be right."""
    from django.db import connection  # noqa: PLC0415

    from migrator.inventory.models import Unit  # noqa: PLC0415

    spread("mismatch = 0")
    # Endpoints take their fields along: each of these is a rollback of five units.
    endpoints = Unit.objects.serving_candidate().filter(kind="endpoint").order_by("?")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE observations_standing SET mismatch = 10000 WHERE unit_id = ANY(%s)",
            [list(endpoints.values_list("pk", flat=True)[:HARMFUL])],
        )


def show(name: str, prepare: Callable[[], Any]) -> None:
    from migrator.rollout.guard import look  # noqa: PLC0415

    looks = []
    for _ in range(ROUNDS + 1):
        prepare()
        looks.append(look(holder="bench", now=datetime.now(UTC)))
    took = statistics.median(each.took_ms for each in looks[1:])
    late = "" if took <= GOAL_MS else f"  over {GOAL_MS}"
    print(f"{name:50}{took:10.0f}{looks[-1].judged:8,}{looks[-1].rolled_back:11,}{late}", flush=True)


def main() -> None:
    with own_database():
        report()


if __name__ == "__main__":
    main()
