"""Which unit a request belongs to, and what happens to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.core.bucketing import bucket
from migrator.core.routing import Routes, build_table, decide, fallback, is_repeatable, prepare
from migrator.core.stages import ALL, LADDER, Operation, Stage
from migrator.core.wire import RoutingTable, Side, UnitRoute, Upstreams, Version


def table(*keys: str, **fields: object) -> Routes:
    units = tuple(UnitRoute(id=at, key=key, service="main") for at, key in enumerate(keys, 1))
    services = (Upstreams(name="main", legacy_url="http://l", candidate_url="http://c"),)
    return build_table(RoutingTable(project="p", version=Version(number=1), units=units, services=services))


ROUTES = table(
    "GET /users/me",
    "GET /users/{id}",
    "GET /users/{id}/posts",
    "POST /users",
    "GET /files/*",
    "GET /users/{id} $.name",
    "GET /users/me/settings",
    "GET /",
    "GET /reports/{id}.json",
    "GET /reports/{year}-{month}.json",
    "GET /reports/latest.json",
    "GET /reports/{anything}",
)


@pytest.mark.parametrize(
    ("method", "path", "key"),
    [
        ("GET", "/users/me", "GET /users/me"),
        ("GET", "/users/7", "GET /users/{id}"),
        ("HEAD", "/users/7", "GET /users/{id}"),
        ("GET", "/users/me/posts", "GET /users/{id}/posts"),
        ("GET", "/users/me/settings", "GET /users/me/settings"),
        ("POST", "/users", "POST /users"),
        ("GET", "/users", None),
        ("GET", "/users/7/", None),
        ("GET", "/users//posts", None),
        ("GET", "/files/a/b.png", "GET /files/*"),
        ("GET", "/", "GET /"),
        ("DELETE", "/users/7", None),
        ("GET", "//users/7", None),
        ("GET", "/reports/7.json", "GET /reports/{id}.json"),
        ("GET", "/reports/2026-11.json", "GET /reports/{year}-{month}.json"),
        ("GET", "/reports/latest.json", "GET /reports/latest.json"),
        ("GET", "/reports/7.csv", "GET /reports/{anything}"),
        ("GET", "/reports/.json", "GET /reports/{anything}"),
    ],
)
def test_match__paths__find_the_most_literal_unit(method: str, path: str, key: str | None) -> None:
    route = ROUTES.match(method=method, path=path)
    assert (route and route.unit.key) == key


@st.composite
def units(draw: st.DrawFn) -> UnitRoute:
    rung = draw(st.sampled_from(LADDER))
    return UnitRoute(
        id=1,
        key="GET /x",
        service="main",
        stage=rung.stage,
        operation=draw(st.sampled_from(Operation)),
        candidate=draw(st.integers(*rung.candidate)),
        mirror=draw(st.integers(*rung.mirror)),
        sister=draw(st.booleans()),
    )


@given(units(), st.none() | st.text(), st.integers(0, ALL * ALL - 1), st.booleans(), st.booleans())
def test_decide__anything__keeps_the_promises_of_the_stages(
    unit: UnitRoute, subject: str | None, dice: int, repeatable: bool, opted_in: bool
) -> None:
    decision = decide(prepare(unit), subject, dice, repeatable=repeatable, opted_in=opted_in)
    if unit.candidate == 0:
        assert decision.serve is Side.LEGACY
    if unit.candidate == ALL:
        assert decision.serve is Side.CANDIDATE
    if decision.mirror is not None:
        assert decision.mirror is decision.serve.other
        assert unit.stage not in (Stage.BACKLOG, Stage.REMOVAL, Stage.REMOVED)
        if not repeatable:
            assert unit.sister
            assert unit.stage in (Stage.SHADOW, Stage.SIDE_BY_SIDE)


@given(st.text(), st.integers(0, ALL), st.integers(0, ALL), st.none() | st.text(min_size=1))
def test_decide__share_raised__moves_nobody_back(subject: str, one: int, other: int, cohort: str | None) -> None:
    low, high = sorted((one, other))

    def side(share: int) -> Side:
        unit = UnitRoute(id=1, key="GET /x", service="m", stage=Stage.CANARY, candidate=share, cohort=cohort)
        return decide(prepare(unit), subject, 0, repeatable=True).serve

    assert not (side(low) is Side.CANDIDATE and side(high) is Side.LEGACY)


def test_decide__anonymous_and_project_prefers_legacy__stays_with_legacy() -> None:
    route = prepare(UnitRoute(id=1, key="GET /x", service="m", stage=Stage.CANARY, candidate=9_999))
    assert decide(route, None, 0, repeatable=True, random=False).serve is Side.LEGACY
    assert decide(route, None, 0, repeatable=True).serve is Side.CANDIDATE


def test_decide__opted_in__is_mirrored_though_the_share_is_zero() -> None:
    route = prepare(UnitRoute(id=1, key="GET /x", service="m", stage=Stage.SHADOW))
    assert decide(route, "u", 0, repeatable=True, opted_in=True).mirror is Side.CANDIDATE
    assert decide(route, "u", 0, repeatable=False, opted_in=True).mirror is None


@pytest.mark.parametrize(
    ("method", "operation", "headers", "graphql", "repeatable"),
    [
        ("GET", Operation.READ, (), False, True),
        ("HEAD", Operation.READ, (), False, True),
        ("POST", Operation.READ, (), False, False),
        ("POST", Operation.READ, (), True, True),
        ("POST", Operation.WRITE, (), True, False),
        ("GET", Operation.WRITE, (), False, False),
        ("GET", Operation.READ, ("x-http-method-override",), False, False),
        ("POST", Operation.READ, ("x-http-method-override",), True, False),
    ],
)
def test_is_repeatable__method_and_operation__a_write_stays_a_write(
    method: str, operation: Operation, headers: tuple[str, ...], graphql: bool, repeatable: bool
) -> None:
    said = is_repeatable(method=method, operation=operation, headers=headers, graphql_query=graphql)
    assert said is repeatable


def test_build_table__changes_since__are_laid_over_what_was_there() -> None:
    moved = UnitRoute(id=2, key="GET /users/{id}", service="main", stage=Stage.CANARY, candidate=100)
    gone = UnitRoute(id=1, key="GET /users/me", service="main", gone=True)
    changes = RoutingTable(project="p", version=Version(number=2), since=Version(number=1), units=(moved, gone))
    after = build_table(changes, previous=ROUTES)
    assert after.by_key["GET /users/{id}"].candidate == 100
    assert "GET /users/me" not in after.by_key
    assert after.match(method="GET", path="/users/me") is after.by_key["GET /users/{id}"]
    assert "POST /users" in after.by_key
    assert ROUTES.by_key["GET /users/{id}"].candidate == 0


def test_build_table__changes_that_do_not_continue__are_refused() -> None:
    changes = RoutingTable(project="p", version=Version(number=9), since=Version(number=8))
    with pytest.raises(ValueError, match="do not continue"):
        build_table(changes, previous=ROUTES)


@pytest.mark.parametrize("stage", Stage)
def test_fallback__no_table_at_all__legacy_until_cutover(stage: Stage) -> None:
    after = stage in (Stage.CUTOVER, Stage.REMOVAL, Stage.REMOVED)
    assert fallback(stage) is (Side.CANDIDATE if after else Side.LEGACY)


@given(st.text(st.characters(codec="utf-8")), st.none() | st.text(st.characters(codec="utf-8"), min_size=1))
def test_bucket__any_text__lies_within_range_and_stays(subject: str, cohort: str | None) -> None:
    assert 0 <= bucket(subject, cohort) < ALL
    assert bucket(subject, cohort) == bucket(subject, cohort)


@pytest.mark.parametrize("odd", ["\ud800", "caf\udce9"])
def test_bucket__no_valid_unicode__still_has_a_bucket(odd: str) -> None:
    assert 0 <= bucket(odd) < ALL
