"""A table laid over another is the same as the whole one."""

from hypothesis import given
from hypothesis import strategies as st

from migrator.core.routing import Routes, build_table
from migrator.core.wire import RoutingTable, UnitRoute, Version

KEYS = [
    "GET /users/{id}",
    "GET /users/{name}",
    "GET /users/me",
    "GET /users/{id}.json",
    "GET /users/{id}/posts",
    "GET /files/*",
    "POST /users/{id}",
    "GET /users/{id} $.name",
    "Query.user",
]
PATHS = ["/users/1", "/users/me", "/users/1.json", "/users/me/posts", "/files/a/b", "/users", "/files/"]

units = st.builds(
    UnitRoute,
    id=st.integers(1, 8),
    key=st.sampled_from(KEYS),
    service=st.just("main"),
    mirror=st.integers(0, 3),
    parent=st.sampled_from([None, 1, 2]),
    gone=st.booleans(),
)
steps = st.lists(st.lists(units, max_size=4, unique_by=lambda unit: unit.id), min_size=2, max_size=5)


def seen(routes: Routes) -> object:
    """Everything a data plane can ask of a table."""
    matches = {}
    for path in PATHS:
        for method in ("GET", "POST"):
            route = routes.match(method=method, path=path)
            matches[method, path] = route and route.unit
    fields = {parent: {child.unit.id for child in children} for parent, children in routes.fields.items() if children}
    return matches, fields, {unit_id: route.unit for unit_id, route in routes.units.items()}


@given(steps)
def test_build_table__from_changes__equals_the_whole_table(steps: list[list[UnitRoute]]) -> None:
    known: dict[int, UnitRoute] = {}
    routes: Routes | None = None
    for number, changes in enumerate(steps, 1):
        known |= {unit.id: unit for unit in changes}
        since = None if routes is None else Version(epoch=1, number=number - 1)
        version = Version(epoch=1, number=number)
        before = routes and seen(routes)
        previous, routes = (
            routes,
            build_table(RoutingTable(project="p", version=version, since=since, units=tuple(changes)), previous=routes),
        )
        whole = build_table(RoutingTable(project="p", version=version, units=tuple(known.values())))
        assert seen(routes) == seen(whole)
        assert previous is None or seen(previous) == before
