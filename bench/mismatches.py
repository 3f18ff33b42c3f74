"""How long lists and pages of causes take with 50,000 groups and 5 million counted differences, and how fast they fold.

`python -m bench.mismatches`. A PostgreSQL of its own, durable as in production. Reads are asked in this process, the
network left out: median of the rounds after one to warm up. Folding is measured in mismatches for each second of CPU
of this process, from encoded reports to committed rows, samples and clustering included.
"""

import random
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bench.database import own_database
from bench.pages import GOAL_MS
from migrator.core.tally import Folder, Observation, Place, subject_hash
from migrator.core.wire import Finding, Outcome, Report, Sample, Side, encode

ROUNDS = 11
GROUPS_EACH = 10
UNITS = 5_000
HOURS = 100
GOAL_FOLD = 5_000

# Ten groups for each of 5,000 units: of ten, four are followers of the first.
GROUPS = """
INSERT INTO observations_mismatchgroup (project_id, unit_id, cause, shape, kind, pattern, status, raised_at, settled_as,
    settled_epoch, total, whole, evidence_epoch, count, first_seen_at, last_seen_at, placed)
SELECT u.project_id, u.id, md5(u.id || ' ' || g), '$.items[*].part_' || g || '.field_' || u.id %% 97,
    (ARRAY['type', 'value', 'missing', 'order'])[1 + g %% 4],
    (ARRAY['number → string', 'string', 'string', ''])[1 + g %% 4],
    (ARRAY['new', 'ongoing', 'hidden', 'archived', 'regressed'])[1 + (u.id + g) %% 5],
    %(now)s - u.id * 7919 %% 2000000 * interval '1 second' - g * interval '1 minute', '', 0,
    100 + (u.id * g) %% 5000, 0, 0, 100 + (u.id * g) %% 5000, %(now)s - interval '20 days', %(now)s, true
FROM (SELECT id, project_id FROM inventory_unit WHERE project_id = %(project)s AND kind = 'endpoint'
      ORDER BY id LIMIT %(units)s) u CROSS JOIN generate_series(1, %(groups)s) g
"""
FOLLOWERS = """
UPDATE observations_mismatchgroup g SET leader_id = l.id
FROM (SELECT unit_id, min(id) AS id FROM observations_mismatchgroup GROUP BY 1) l
WHERE g.unit_id = l.unit_id AND g.id > l.id AND g.id <= l.id + 4
"""
COUNTS = """
INSERT INTO observations_groupcount (group_id, window_start, count)
SELECT id, date_trunc('hour', %(now)s::timestamptz) - h * interval '1 hour', 1
FROM observations_mismatchgroup CROSS JOIN generate_series(0, %(hours)s - 1) h
"""


def populate(project: Any) -> None:
    """50,000 groups, and 5 million differences in 5 million rows: the worst that so many can be."""
    from django.db import connection, transaction  # noqa: PLC0415 - models exist once Django is set up

    given = {
        "project": project.pk, "now": datetime.now(UTC), "units": UNITS, "groups": GROUPS_EACH, "hours": HOURS,
    }  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in (GROUPS, FOLLOWERS, COUNTS):
            cursor.execute(statement, given)


def reads(project: Any) -> list[tuple[str, Callable[[], Any]]]:
    from django.contrib.auth.models import User  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from migrator.inventory.models import Unit  # noqa: PLC0415
    from migrator.observations.models import MismatchGroup  # noqa: PLC0415
    from migrator.observations.queries import Wanted, cause, causes_across_units, groups, mismatches  # noqa: PLC0415
    from migrator.observations.reach import would_hide  # noqa: PLC0415
    from migrator.observations.specs import RuleDraft, checked  # noqa: PLC0415

    client = Client(HTTP_HOST="localhost")
    client.force_login(User.objects.create_superuser("bench"))
    group = MismatchGroup.objects.filter(leader__isnull=True).first()
    assert group is not None
    unit = Unit.objects.get(pk=group.unit_id)
    narrow = checked(RuleDraft(kind="ignore", path="$.items[*].part_1.field_1"))
    wide = checked(RuleDraft(kind="ignore", path="$.items[*].part_3"))

    def listed(**wanted: Any) -> Callable[[], Any]:
        return lambda: mismatches(project=project, wanted=Wanted(**wanted))

    def got(address: str) -> Callable[[], Any]:
        return lambda: client.get(f"/api/v1/{address}").content

    now = timezone.now()
    return [
        ("list: open, news first", listed()),
        ("list: one status", listed(statuses=("regressed",))),
        ("list: of the present evidence", listed(present=True)),
        ("list: one kind, all statuses", listed(statuses=(), kind="order")),
        ("list: search in paths and keys", listed(search="part_7.field_13")),
        ("list: search that finds nothing", listed(search="nowhere")),
        ("causes across units", lambda: causes_across_units(project=project)),
        ("one cause in full", lambda: cause(group=group)),
        ("groups of one unit", lambda: groups(unit=unit)),
        ("preview: one name", lambda: would_hide(project=project, specs=[narrow], now=now)),
        ("preview: 5,000 groups", lambda: would_hide(project=project, specs=[wide], now=now)),
        ("GET mismatches/", got("projects/bench/mismatches/?page_size=50")),
        ("GET mismatches/?search=", got("projects/bench/mismatches/?page_size=50&search=part_7")),
        (f"GET groups/{group.pk}/", got(f"groups/{group.pk}/")),
    ]


def milliseconds(read: Callable[[], Any]) -> float:
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        read()
        times.append((time.perf_counter() - start) * 1_000)
    return statistics.median(times[1:])


def reports(units: list[int], *, count: int, pairs: int) -> list[bytes]:
    """Reports of ten seconds each, in which every pair differs at three of ten places, with five samples."""
    dice = random.Random(7)
    places = [Place(f"$.items[*].p{n}", "type", "number → string") for n in range(10)]
    made = []
    for seq in range(count):
        folder, now = Folder(), time.time()
        for _ in range(pairs):
            unit, at = dice.choice(units), dice.randrange(8)
            subject = subject_hash(f"u{dice.randrange(50_000)}")
            folder.observe(
                Observation(
                    unit=unit,
                    at=now,
                    evidence_epoch=0,
                    outcome=Outcome.MISMATCH,
                    served=Side.LEGACY,
                    legacy_ms=12.0,
                    candidate_ms=14.0,
                    subject=subject,
                    shapes=places[at : at + 3],
                    caller=f"client-{dice.randrange(5)}",
                )
            )
        finding = Finding(
            path="$.items[0].p1", shape="$.items[*].p1", kind="type", pattern="number → string", control=str(seq)
        )
        samples = tuple(
            Sample(
                unit=unit, evidence_epoch=0, at=now, outcome=Outcome.MISMATCH, served=Side.LEGACY, method="GET",
                path="/a", findings=(finding,), subject=seq,
            )
            for unit in units[:5]
        )  # fmt: skip
        made.append(
            encode(
                Report(
                    project="bench", source=f"gw-{seq % 4}", boot="b", seq=seq // 4 + 1, sent=pairs,
                    tallies=tuple(folder.take()), samples=samples,
                )
            )
        )  # fmt: skip
    return made


def fold_speed(project: Any) -> float:
    """Mismatches folded for each second of CPU of this process."""
    from django.db import transaction  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from migrator.inventory.models import Unit  # noqa: PLC0415
    from migrator.observations.clustering import place_new  # noqa: PLC0415
    from migrator.observations.services import fold_batch  # noqa: PLC0415
    from migrator.observations.stream import Entry  # noqa: PLC0415

    endpoints = Unit.objects.filter(project=project, kind="endpoint").order_by("-pk")
    units = list(endpoints.values_list("pk", flat=True)[:40])
    count, pairs = 120, 1_000
    waiting = [Entry(f"{at}-0", each) for at, each in enumerate(reports(units, count=count, pairs=pairs), 1)]
    start = time.process_time()
    for at in range(0, count, 40):
        with transaction.atomic():
            fold_batch(shard=0, entries=waiting[at : at + 40], now=timezone.now())
        place_new()
    return count * pairs / (time.process_time() - start)


def report() -> None:
    from bench.population import populate as populate_units  # noqa: PLC0415
    from bench.population import settle  # noqa: PLC0415

    project = populate_units()
    populate(project)
    settle()
    print(f"{'read':45}{'median ms':>10}")
    for name, read in reads(project):
        took = milliseconds(read)
        print(f"{name:45}{took:10.0f}{'' if took <= GOAL_MS else f'  over {GOAL_MS}'}")
    speed = fold_speed(project)
    late = "" if speed >= GOAL_FOLD else f"  under {GOAL_FOLD}"
    print(f"{'mismatches folded a second and core':45}{speed:10,.0f}{late}")


def main() -> None:
    with own_database():
        report()


if __name__ == "__main__":
    main()
