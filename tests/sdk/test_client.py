"""A Python service that decides and compares in its own process."""

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from subprocess import run
from typing import Any

import pytest

from migrator.core.requested import work_hash
from migrator.core.stages import Stage
from migrator.core.tally import subject_hash
from migrator.core.wire import Side
from migrator.sdk.client import Client
from tests.wires import Plane, eventually


class Broken(Exception):
    """What a side raises."""


@pytest.fixture
def make_client() -> Iterator[Callable[..., Client]]:
    clients: list[Client] = []

    def make(plane: Plane, **settings: Any) -> Client:
        clients.append(Client(control_plane=plane.url, token="t", project="shop", name="shop-1", **settings))
        clients[-1].start()
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def shop(*units: dict[str, Any], rules: Sequence[dict[str, Any]] = ()) -> Plane:
    plane = Plane()
    rows = [{"id": at, "service": "main", **unit} for at, unit in enumerate(units, 1)]
    service = {"name": "main", "legacy_url": "http://127.0.0.1:1", "candidate_url": "http://127.0.0.1:2"}
    plane.publish({"project": "shop", "version": {"number": 1}, "services": [service], "units": rows, "rules": rules})
    return plane


def ready(client: Client) -> Client:
    eventually(lambda: client.version.number == 1)
    return client


def fail() -> Any:
    raise Broken("on purpose")


def test_run__side_by_side__gives_legacys_value_and_reports_the_difference(make_client: Callable[..., Client]) -> None:
    plane = shop({"key": "GET /a", "stage": "side_by_side", "mirror": 10_000})
    client = ready(make_client(plane))
    given = client.run("GET /a", legacy=lambda: {"n": 1, "s": {1, 2}}, candidate=lambda: {"n": 1.0, "s": {1, 2}})
    given["n"] = 99  # what a caller does to its value is not what legacy said
    client.run("GET /a", legacy=lambda: {"n": 1}, candidate=lambda: {"n": 1})
    eventually(lambda: plane.outcomes() == {"mismatch": 1, "match": 1})
    (sample,) = eventually(plane.samples)
    assert [finding["shape"] for finding in sample["findings"]] == ["$.n"]


def test_run__with_a_rule_about_what_differs__compares_by_it(
    make_client: Callable[..., Client],
) -> None:
    plane = shop(
        {"key": "GET /a", "stage": "side_by_side", "mirror": 10_000},
        rules=[{"id": 7, "kind": "ignore", "path": "$.n"}],
    )
    client = ready(make_client(plane))
    client.run("GET /a", legacy=lambda: {"n": 1, "m": 1}, candidate=lambda: {"n": 2, "m": 1})
    client.run("GET /a", legacy=lambda: {"n": 1, "m": 1}, candidate=lambda: {"n": 2, "m": 2})
    eventually(lambda: plane.outcomes() == {"match": 1, "mismatch": 1})


def test_run__with_a_hanging_or_failing_candidate__changes_nothing(make_client: Callable[..., Client]) -> None:
    plane = shop({"key": "GET /a", "stage": "side_by_side", "mirror": 10_000})
    client = ready(make_client(plane, mirrors=1))
    go = threading.Event()
    assert client.run("GET /a", legacy=lambda: 1, candidate=lambda: go.wait(10)) == 1
    assert client.run("GET /a", legacy=lambda: 1, candidate=lambda: 1) == 1
    go.set()
    eventually(lambda: plane.outcomes() == {"mismatch": 1, "skipped": 1})
    assert client.run("GET /a", legacy=lambda: 1, candidate=fail) == 1
    eventually(lambda: plane.outcomes() == {"mismatch": 1, "skipped": 1, "candidate_error": 1})


def test_run__with_a_candidate_that_fails_a_read__calls_legacy(make_client: Callable[..., Client]) -> None:
    plane = shop({"key": "GET /a", "stage": "cutover", "candidate": 10_000})
    client = ready(make_client(plane))
    assert client.run("GET /a", legacy=lambda: "legacy", candidate=fail) == "legacy"
    eventually(lambda: plane.outcomes() == {"candidate_error": 1})


@pytest.mark.parametrize(("stage", "candidate"), [("side_by_side", 0), ("canary", 5_000), ("cutover", 10_000)])
def test_run__of_a_write__executes_one_side_once(
    make_client: Callable[..., Client], stage: str, candidate: int
) -> None:
    unit = {"key": "POST /a", "stage": stage, "candidate": candidate, "mirror": 10_000, "operation": "write"}
    plane = shop(unit)
    client = ready(make_client(plane))
    executed: list[str] = []
    for user in range(20):
        client.run(
            "POST /a",
            subject=f"u{user}",
            legacy=lambda: executed.append("legacy"),
            candidate=lambda: executed.append("candidate"),
        )
    with pytest.raises(Broken):
        client.run("POST /a", legacy=fail, candidate=fail)
    assert len(executed) == 20
    assert set(executed) == {0: {"legacy"}, 5_000: {"legacy", "candidate"}, 10_000: {"candidate"}}[candidate]


def test_decide__with_no_table_at_all__is_the_stage_that_the_caller_named(make_client: Callable[..., Client]) -> None:
    plane = Plane()
    plane.service.refuse()
    stages = {"GET /new": Stage.CUTOVER, "GET /old": Stage.CANARY}
    client = make_client(plane, stages=stages)
    serves = [client.decide(key).serve for key in ("GET /new", "GET /old", "GET /unknown")]
    assert serves == [Side.CANDIDATE, Side.LEGACY, Side.LEGACY]
    assert client.run("GET /new", legacy=fail, candidate=lambda: "candidate") == "candidate"


def test_client__restarted_without_its_control_plane__decides_from_disk(
    make_client: Callable[..., Client], tmp_path: Path
) -> None:
    plane = shop({"key": "GET /a", "stage": "cutover", "candidate": 10_000})
    first = ready(make_client(plane, state_dir=tmp_path))
    first.close()
    plane.service.refuse()
    assert make_client(plane, state_dir=tmp_path).decide("GET /a").serve is Side.CANDIDATE


def test_import__of_what_runs_beside_production__loads_neither_django_nor_celery() -> None:
    program = """
import pkgutil, sys, importlib
import migrator.sdk, migrator.gateway
for package in (migrator.sdk, migrator.gateway):
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
print([name for name in ("django", "celery", "rest_framework", "psycopg", "redis") if name in sys.modules])
"""
    done = run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_run__without_a_subject__counts_what_repeats_once_where_the_caller_names_it(
    make_client: Callable[..., Client],
) -> None:
    plane = shop({"key": "GET /a", "stage": "side_by_side", "mirror": 10_000})
    client = ready(make_client(plane))

    def run(**whose: str) -> None:
        client.run("GET /a", legacy=lambda: 1, candidate=lambda: 1, **whose)

    for _ in range(3):
        run(entity="order-7")
        run(subject="jane", entity="order-8")
        run()
    eventually(lambda: plane.outcomes() == {"match": 9})
    subjects = {number for tally in plane.tallies() for number in tally["subjects"]}
    assert {subject_hash("jane"), work_hash(key="GET /a", entity="order-7")} < subjects
    assert len(subjects) == 2 + 3
