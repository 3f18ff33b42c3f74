"""What is read out of a spec."""

from typing import Any

import pytest

from migrator.core.paths import parse_path
from migrator.core.stages import Operation
from migrator.core.wire import RoutingTable, UnitRoute, Version, decode_table, encode
from migrator.inventory.importers.spec import MAX_KEY
from migrator.inventory.services import check_key
from tests.inventory.specs import answering, fields, keys, public, read, refusal

# ------------------------------------------------------------------------------- public specs


@pytest.mark.parametrize(
    ("name", "paths", "operations"),
    [
        ("openapi/realworld-conduit.yml", 12, 19),
        ("openapi/stripe-spec3.2018-05-04.json", 118, 200),
        ("openapi/stripe-spec3.2018-11-09.json", 172, 295),
        ("openapi/ofrep.openapi.yaml", 2, 2),
    ],
)
def test_read_spec__public_openapi__finds_every_operation(name: str, paths: int, operations: int) -> None:
    spec = read(public(name), name)
    assert (spec.counts["paths"], spec.counts["operations"]) == (paths, operations)
    assert len(keys(spec, "endpoint")) == operations
    assert not spec.warnings


def test_read_spec__conduit__keys_are_what_its_traffic_looks_like() -> None:
    spec = read(public("openapi/realworld-conduit.yml"))
    units = {unit.key: unit for unit in spec.units}
    assert spec.title == "RealWorld Conduit API"
    assert units["GET /api/articles/{slug}"].operation is Operation.READ
    assert units["DELETE /api/articles/{slug}"].operation is Operation.WRITE
    field = units["GET /api/articles $.articles[*].author.username"]
    assert field.parent_key == "GET /api/articles" and field.kind == "field"


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("graphql/swapi.schema.graphql", {"types": 58, "fields": 242, "queries": 13}),
        (
            "graphql/genqlient-example.schema.graphql",
            {"types": 1037, "object_types": 613, "fields": 4477, "mutations": 144},
        ),
    ],
)
def test_read_spec__public_graphql__finds_every_type_and_field(name: str, counts: dict[str, int]) -> None:
    spec = read(public(name), name)
    assert {word: spec.counts[word] for word in counts} == counts
    assert len(spec.units) == spec.counts["fields"] + spec.counts["interface_fields"]
    writes = [unit for unit in spec.units if unit.operation is Operation.WRITE]
    assert len(writes) == spec.counts["mutations"] and all(unit.kind == "endpoint" for unit in writes)


@pytest.mark.parametrize("name", ["openapi/realworld-conduit.yml", "graphql/swapi.schema.graphql"])
def test_read_spec__every_key__could_have_been_typed_by_hand(name: str) -> None:
    for unit in read(public(name)).units:
        check_key(key=unit.key, kind=unit.kind)


def test_read_spec__longest_key__travels_to_data_planes() -> None:
    spec = read({"openapi": "3.0.0", "paths": {"/" + "a" * (MAX_KEY - len("GET /")): {"get": {}}}})
    table = RoutingTable(project="p", version=Version(), units=(UnitRoute(id=1, key=spec.units[0].key, service="s"),))
    assert decode_table(encode(table)) == table


# ---------------------------------------------------------------------------------- operations


def test_read_spec__every_method__is_an_endpoint_and_only_safe_ones_read() -> None:
    methods = ["get", "head", "options", "post", "put", "patch", "delete", "trace", "query"]
    item: dict[str, Any] = {method: {} for method in methods} | {"parameters": [], "summary": "s", "x-more": {}}
    spec = read({"openapi": "3.2.0", "paths": {"/x": item | {"additionalOperations": {"COPY": {}}}, "x-y": {}}})
    assert {unit.key.split()[0] for unit in spec.units if unit.operation is Operation.READ} == {
        "GET",
        "HEAD",
        "OPTIONS",
    }
    assert keys(spec) == [f"{method.upper()} /x" for method in [*methods, "copy"]]


def test_read_spec__description__is_one_line_that_fits() -> None:
    document = {"openapi": "3.0.0", "paths": {"/x": {"get": {"description": "a\n  b\x00" + "c" * 9000}}}}
    (unit,) = read(document).units
    assert unit.description.startswith("a b c") and len(unit.description) == 500


@pytest.mark.parametrize(
    ("base", "key"),
    [
        ({"servers": [{"url": "https://host/api/"}]}, "GET /api/x"),
        ({"servers": [{"url": "/api"}, {"url": "https://other/api"}]}, "GET /api/x"),
        ({"servers": [{"url": "https://{h}/{v}", "variables": {"v": {"default": "v2"}}}]}, "GET /v2/x"),
        ({"servers": [{"url": "https://host/{tenant}"}]}, "GET /{tenant}/x"),
        ({"servers": [{"url": "https://[host/api"}]}, "GET /x"),
        ({"servers": "nonsense"}, "GET /x"),
        ({}, "GET /x"),
    ],
)
def test_read_spec__servers__their_path_stands_before_every_path(base: dict[str, Any], key: str) -> None:
    assert keys(read({"openapi": "3.1.0", "paths": {"/x": {"get": {}}}} | base)) == [key]


def test_read_spec__servers_that_disagree__first_one_with_a_warning() -> None:
    spec = read({"openapi": "3.1.0", "servers": [{"url": "/v2"}, {"url": "/v1"}], "paths": {"/x": {"get": {}}}})
    assert keys(spec) == ["GET /v2/x"]
    assert "not /v1" in spec.warnings[0]


def test_read_spec__servers_of_an_operation__are_nearer_than_those_of_the_document() -> None:
    item = {"servers": [{"url": "/path"}], "get": {"servers": [{"url": "/operation"}]}, "put": {}}
    spec = read({"openapi": "3.1.0", "servers": [{"url": "/document"}], "paths": {"/x": item, "/y": {"get": {}}}})
    assert keys(spec) == ["GET /operation/x", "PUT /path/x", "GET /document/y"]


@pytest.mark.parametrize(("given", "key"), [("", "GET /x"), ("/", "GET /x"), ("new/", "GET /new/x")])
def test_read_spec__base_path_chosen__replaces_that_of_the_document(given: str, key: str) -> None:
    assert keys(read({"swagger": "2.0", "basePath": "/old", "paths": {"/x": {"get": {}}}}, base_path=given)) == [key]


def test_read_spec__paths_that_no_request_has__become_ones_that_match() -> None:
    item: dict[str, Any] = {"get": {}}
    paths = {"no-slash": item, "/q?a=1": item, "/two words/ü": item, "/f/{id}.json": item}
    spec = read({"openapi": "3.0.0", "paths": paths})
    assert keys(spec) == ["GET /no-slash", "GET /q", "GET /two%20words/%C3%BC", "GET /f/{id}.json"]
    assert [warning.split(":")[0] for warning in spec.warnings] == ["path /q?a=1"]


def test_read_spec__two_paths_of_one_shape__warns_that_one_sees_no_traffic() -> None:
    spec = read({"openapi": "3.0.0", "paths": {"/a/{x}": {"get": {}}, "/a/{y}": {"get": {}, "put": {}}}})
    assert len(spec.units) == 3
    assert spec.warnings == ("GET /a/{y} and GET /a/{x} match the same requests: only one of them will see traffic",)


def test_read_spec__path_by_reference__is_followed() -> None:
    document = {
        "openapi": "3.1.0",
        "paths": {"/x": {"$ref": "#/components/pathItems/a~1b"}},
        "components": {"pathItems": {"a/b": {"get": {}}}},
    }
    assert keys(read(document)) == ["GET /x"]


def test_read_spec__document_without_operations__says_so() -> None:
    assert read({"openapi": "3.1.0", "webhooks": {}}).warnings == ("the document has no operations",)


# ------------------------------------------------------------------------------------- answers


def test_read_spec__swagger_2__has_base_path_definitions_and_schemas() -> None:
    document = """
        swagger: 2.0
        basePath: /v1
        produces: [application/json]
        paths:
          /users/{id}:
            parameters: [{name: id, in: path}]
            get:
              responses:
                200: {schema: {$ref: '#/definitions/User'}}
                404: {schema: {properties: {error: {}}}}
            delete:
              produces: [text/csv]
              responses: {200: {schema: {$ref: '#/definitions/User'}}}
        definitions:
          User: {properties: {first_name: {type: string, description: "Given\\nname"}, on: {type: boolean}}}
    """
    spec = read(document)
    get, delete = "GET /v1/users/{id}", "DELETE /v1/users/{id}"
    assert keys(spec) == [get, f"{get} $.first_name", f"{get} $.on", delete]
    assert spec.units[1].description == "Given name"


def test_read_spec__depth__counts_names() -> None:
    leaf = {"type": "object", "properties": {"c": {"properties": {"d": {}}}}}
    document = answering({"type": "array", "items": {"properties": {"a": {"items": {"properties": {"b": leaf}}}}}})
    every = ["$[*].a", "$[*].a[*].b", "$[*].a[*].b.c", "$[*].a[*].b.c.d"]
    for depth in range(5):
        assert fields(document, depth=depth) == every[:depth]
    assert fields(document) == every[:3]


def test_read_spec__branches__are_laid_over_each_other() -> None:
    document = answering(
        {
            "properties": {"a": {}},
            "allOf": [{"$ref": "#/components/schemas/B"}, {"properties": {"shared": {"properties": {"one": {}}}}}],
            "oneOf": [{"properties": {"shared": {"properties": {"two": {}}}}}, {"type": "null"}],
            "anyOf": [{"then": {"properties": {"c": {}}}}],
        },
        components={"schemas": {"B": {"properties": {"b": {}}}}},
    )
    assert sorted(fields(document)) == ["$.a", "$.b", "$.c", "$.shared", "$.shared.one", "$.shared.two"]


def test_read_spec__openapi_3_1__type_lists_and_siblings_of_references() -> None:
    document = answering(
        {"$ref": "#/$defs/A", "properties": {"own": {"type": ["string", "null"]}}},
        openapi="3.1.0",
        **{"$defs": {"A": {"type": ["object", "null"], "properties": {"referred": {"type": ["array"]}}}}},
    )
    assert fields(document) == ["$.own", "$.referred"]


def test_read_spec__maps_and_tuples__members_are_left_open() -> None:
    price: dict[str, Any] = {"properties": {"amount": {}}}
    document = answering(
        {
            "properties": {
                "prices": {"additionalProperties": price},
                "free": {"additionalProperties": True},
                "named": {"patternProperties": {"^x": price}},
                "pair": {"prefixItems": [price, {"properties": {"unit": {}}}]},
                "old_pair": {"items": [price]},
            }
        }
    )
    assert fields(document) == [
        "$.prices", "$.prices[*].amount", "$.free", "$.named", "$.named[*].amount",
        "$.pair", "$.pair[*].amount", "$.pair[*].unit", "$.old_pair", "$.old_pair[*].amount",
    ]  # fmt: skip


def test_read_spec__odd_names__give_paths_that_comparison_understands() -> None:
    names = ["first name", "it's", "x-y", "ключ", "a.b", "", "$ref"]
    found = fields(answering({"properties": {name: {} for name in names}}))
    assert [parse_path(path) for path in found] == [(name,) for name in names]
    assert not any(" " in path for path in found)


def test_read_spec__passwords_and_other_write_only_fields__are_not_in_answers() -> None:
    assert fields(answering({"properties": {"name": {}, "password": {"writeOnly": True}}})) == ["$.name"]


@pytest.mark.parametrize(
    ("responses", "expected"),
    [
        ({"200": "a", "201": "b", "404": "c"}, ["$.a", "$.b"]),
        ({"2xx": "a", "default": "error"}, ["$.a"]),
        ({"default": "a"}, ["$.a"]),
        ({"404": "a"}, []),
        ({"204": None, "default": "error"}, []),
    ],
)
def test_read_spec__responses__successful_ones_count(responses: dict[str, str | None], expected: list[str]) -> None:
    answers: dict[str, Any] = {
        code: {"content": {"application/json; charset=utf-8": {"schema": {"properties": {name: {}}}}}} if name else {}
        for code, name in responses.items()
    }
    assert fields({"openapi": "3.0.0", "paths": {"/x": {"get": {"responses": answers}}}}) == expected


@pytest.mark.parametrize(
    ("media_type", "is_read"),
    [("application/hal+json", True), ("*/*", True), ("text/html", False), ("application/x-ndjson", False)],
)
def test_read_spec__media_types__json_ones_have_fields(media_type: str, is_read: bool) -> None:
    answer: dict[str, Any] = {"content": {media_type: {"schema": {"properties": {"a": {}}}}}}
    found = fields({"openapi": "3.0.0", "paths": {"/x": {"get": {"responses": {"200": answer}}}}})
    assert bool(found) is is_read


# ---------------------------------------------------------------------------- cycles and loads


def test_read_spec__schema_that_contains_itself__ends_at_the_depth() -> None:
    person = {"properties": {"name": {}, "boss": {"$ref": "#/components/schemas/Person"}}}
    document = answering({"$ref": "#/components/schemas/Person"}, components={"schemas": {"Person": person}})
    assert fields(document, depth=2) == ["$.name", "$.boss", "$.boss.name", "$.boss.boss"]


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/components/schemas/A"},
        {"allOf": [{"$ref": "#/components/schemas/A"}]},
        {"items": {"$ref": "#/components/schemas/A"}},
        {"additionalProperties": {"$ref": "#/components/schemas/A"}},
        {"anyOf": [{"items": {"$ref": "#/components/schemas/A"}}, {"$ref": "#/components/schemas/A"}]},
    ],
)
def test_read_spec__circles_without_names__end(schema: dict[str, Any]) -> None:
    document = answering({"$ref": "#/components/schemas/A"}, components={"schemas": {"A": schema}})
    assert fields(document, depth=10) == []


def test_read_spec__schema_that_multiplies__is_refused_with_the_remedy() -> None:
    wide = {"properties": {f"n{i}": {"$ref": "#/components/schemas/Wide"} for i in range(60)}}
    text = refusal(answering({"$ref": "#/components/schemas/Wide"}, components={"schemas": {"Wide": wide}}))
    assert "GET /x" in text and "--depth" in text


def test_read_spec__thousands_of_nested_branches__are_no_recursion() -> None:
    schemas: dict[str, Any] = {
        f"S{i}": {"allOf": [{"$ref": f"#/components/schemas/S{i + 1}"}]} for i in range(5_000)
    } | {"S5000": {"properties": {"deep": {}}}}
    document = answering({"$ref": "#/components/schemas/S0"}, components={"schemas": schemas})
    assert fields(document) == ["$.deep"]


def test_read_spec__references_that_lead_nowhere__warn_once_and_keep_the_rest() -> None:
    document = answering(
        {"properties": {"a": {"$ref": "#/components/schemas/Missing"}, "b": {"$ref": "#/components/schemas/Missing"}}}
    )
    spec = read(document)
    assert keys(spec) == ["GET /x", "GET /x $.a", "GET /x $.b"]
    assert spec.warnings == ("GET /x: #/components/schemas/Missing does not exist",)


@pytest.mark.parametrize("reference", ["https://host/spec.yaml#/X", "other.yaml", "#anchor", "#/paths/~1x/get/nope"])
def test_read_spec__references_that_are_not_followed__are_said(reference: str) -> None:
    spec = read(answering({"$ref": reference}))
    assert keys(spec) == ["GET /x"] and reference in spec.warnings[0]


def test_read_spec__path_in_another_file__is_refused_because_endpoints_would_be_lost() -> None:
    text = refusal({"openapi": "3.0.0", "paths": {"/x": {"$ref": "https://host/x.yaml"}}})
    assert text.startswith("spec.yaml: path /x: https://host/x.yaml is in another file")


@pytest.mark.parametrize("operation", [7, None, "later", []])
def test_read_spec__operation_that_is_no_mapping__is_left_out_and_said(operation: Any) -> None:
    spec = read({"openapi": "3.1.0", "paths": {"/x": {"get": operation, "post": {}}}})
    assert keys(spec) == ["POST /x"]
    assert spec.warnings == ("path /x: get is no mapping, so that operation was left out",)


def test_read_spec__additional_operations_that_are_none__are_said() -> None:
    spec = read({"openapi": "3.2.0", "paths": {"/x": {"get": {}, "additionalOperations": {"COPY": 7}}}})
    assert keys(spec) == ["GET /x"]
    assert spec.warnings == ("path /x: COPY is no mapping, so that operation was left out",)
    spec = read({"openapi": "3.2.0", "paths": {"/x": {"get": {}, "additionalOperations": []}}})
    assert spec.warnings == ("path /x: additionalOperations is no mapping of methods and was left out",)


def test_read_spec__many_warnings__are_cut_with_their_number() -> None:
    paths: dict[str, Any] = {f"/x/{i}?q": {"get": {}} for i in range(80)}
    assert read({"openapi": "3.0.0", "paths": paths}).warnings[-1] == "… and 30 more warnings"


def test_read_spec__key_too_long_or_unprintable__is_left_out_and_said() -> None:
    spec = read({"openapi": "3.0.0", "paths": {"/" + "a" * 600: {"get": {}}, "/ok": {"get": {}}}})
    assert keys(spec) == ["GET /ok"] and "longer than" in spec.warnings[0]
    odd = read(answering({"properties": {"zero\u200bwidth": {}, "ok": {}}}))
    assert keys(odd, "field") == ["GET /x $.ok"] and "left out" in odd.warnings[0]


# ------------------------------------------------------------------------------------- GraphQL

SCHEMA = """
    # A schema that only its gateway understands: unknown directives and types.
    extend schema @link(url: "https://specs.apollo.dev/federation/v2.0")
    schema { query: Root, mutation: Changes, subscription: News }
    type Root { "One user." user(id: ID!): User, node: Node @cost(weight: 2) }
    type Changes { rename(input: Name): User }
    type News { userChanged: User }
    type User implements Node @key(fields: "id") { id: ID!, firstName: String }
    extend type User { age: Int }
    interface Node { id: ID! }
    input Name { first: String }
    enum Role { ADMIN }
    union Any = User | Elsewhere
"""


def test_read_graphql__roots_by_their_own_names__are_endpoints() -> None:
    spec = read(SCHEMA)
    assert keys(spec, "endpoint") == ["Root.user", "Root.node", "Changes.rename", "News.userChanged"]
    assert [unit.key for unit in spec.units if unit.operation is Operation.WRITE] == ["Changes.rename"]
    assert spec.units[0].description == "One user."


def test_read_graphql__types_and_interfaces__are_fields_without_parent() -> None:
    spec = read(SCHEMA)
    assert keys(spec, "field") == ["User.id", "User.firstName", "User.age", "Node.id"]
    assert not any(unit.parent_key for unit in spec.units)
    assert spec.counts["types"] == 8 + 4  # its own, and String, Boolean, ID, Int


def test_read_graphql__no_schema_definition__has_the_customary_roots() -> None:
    spec = read(
        "extend type Query { a: Int } type Mutation { b: Int } type Subscription { c: Int } type Root { d: Int }"
    )
    assert keys(spec, "endpoint") == ["Query.a", "Mutation.b", "Subscription.c"]


def test_read_graphql__roots_added_by_an_extension__join_the_customary_ones() -> None:
    spec = read("extend schema { mutation: Changes } type Query { a: Int } type Changes { b: Int }")
    assert keys(spec, "endpoint") == ["Query.a", "Changes.b"]


def test_read_graphql__field_defined_twice__counts_once_with_a_warning() -> None:
    spec = read("type A { b: Int } extend type A { b: Int }")
    assert keys(spec) == ["A.b"] and "twice" in spec.warnings[0]
