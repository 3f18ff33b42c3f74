"""The shared cases that every data plane must pass, passed by the core that gateway and sdk share."""

import json
from pathlib import Path
from typing import Any

import pytest

import migrator.core.bucketing
from migrator.core.bucketing import bucket
from migrator.core.routing import build_table, decide, is_repeatable, prepare
from migrator.core.stages import Operation
from migrator.core.wire import BUCKET_ALGORITHM, BUCKET_ALGORITHM_VERSION, RoutingTable, UnitRoute, Version

VECTORS = Path(migrator.core.bucketing.__file__).parent / "vectors"
SHARED = Path(__file__).parents[3] / "shared" / "data" / "vectors" / "buckets.json"
BUCKETS = json.loads((VECTORS / "buckets.json").read_text())
ROUTING = json.loads((VECTORS / "routing.json").read_text())


def test_buckets__of_the_vectors__are_ours() -> None:
    assert (BUCKETS["algorithm"], BUCKETS["algorithm_version"]) == (BUCKET_ALGORITHM, BUCKET_ALGORITHM_VERSION)
    wrong = [case for case in BUCKETS["cases"] if bucket(case["subject"], case["cohort"]) != case["bucket"]]
    assert wrong == []


@pytest.mark.skipif(not SHARED.exists(), reason="the shared vectors are not beside this checkout")
def test_buckets__checked_against_another_data_plane__are_ours() -> None:
    cases = json.loads(SHARED.read_text())["cases"]
    assert len(cases) > 500
    assert [case for case in cases if bucket(case["subject"], case["cohort"]) != case["bucket"]] == []


@pytest.mark.parametrize("case", ROUTING["matches"], ids=lambda case: f"{case['method']} {case['path']}")
def test_match__of_the_vectors__is_ours(case: dict[str, Any]) -> None:
    units = tuple(UnitRoute(id=at, key=key, service="main") for at, key in enumerate(ROUTING["templates"], 1))
    routes = build_table(RoutingTable(project="p", version=Version(number=1), units=units))
    found = routes.match(method=case["method"], path=case["path"])
    assert (found and found.unit.key) == case["key"]


@pytest.mark.parametrize("case", ROUTING["decisions"], ids=lambda case: case["name"])
def test_decision__of_the_vectors__is_ours(case: dict[str, Any]) -> None:
    unit, request = case["unit"], case["request"]
    route = prepare(UnitRoute(id=1, key="GET /", service="main", **{**unit, "operation": Operation(unit["operation"])}))
    repeatable = is_repeatable(
        method=request["method"],
        operation=route.unit.operation,
        headers=request.get("headers", []),
        graphql_query=request.get("graphql_query", False),
    )
    decision = decide(
        route,
        request["subject"],
        case["dice"],
        repeatable=repeatable,
        opted_in=request.get("opted_in", False),
        random=case["anonymous"] == "random",
    )
    assert (decision.serve, decision.mirror) == (case["serve"], case["mirror"])
