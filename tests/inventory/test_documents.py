"""How files are read, and how a broken or hostile one is refused."""

from typing import Any

import pytest

from migrator.inventory.importers import documents
from tests.inventory.specs import answering, keys, read, refusal

# ---------------------------------------------------------------------------------------- YAML


def test_parse__yaml__every_scalar_stays_as_written() -> None:
    text = "{on: off, 2018-01-01: 1.10, y: ~, n: 0o17, 200: !!python/object:os.system x, é: 1e3}"
    assert documents.parse("a: " + text, filename="s")["a"] == {
        "on": "off", "2018-01-01": "1.10", "y": "~", "n": "0o17", "200": "x", "é": "1e3",
    }  # fmt: skip


def test_parse__yaml_anchors_and_merges__are_resolved_in_their_order() -> None:
    text = """
        base: &base {a: 1, b: 1}
        more: &more {<<: *base, b: 2, c: 2}
        one: {<<: [*more, *base], c: 3}
        same: *base
    """
    tree = documents.parse(text, filename="s")
    assert tree["one"] == {"a": "1", "b": "2", "c": "3"}
    assert tree["same"] is tree["base"]


def test_parse__flow_yaml_or_bom__is_read() -> None:
    assert documents.parse("{a: [1, 2,],}", filename="s.yaml") == {"a": ["1", "2"]}
    assert keys(read(b'\xef\xbb\xbf{"openapi": "3.0.0", "paths": {"/x": {"get": {}}}}', "s.json")) == ["GET /x"]


def test_read_spec__yaml_bombs__are_refused_before_they_grow() -> None:
    laughs = "\n".join(["a0: &a0 {" + ", ".join(f"k{i}: x" for i in range(50)) + "}"] + [
        f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 1000)}], n{i}: x}}" for i in range(1, 100)
    ])  # fmt: skip
    assert "merge keys copy more than" in refusal(laughs)
    shared = "\n".join(["a0: &a0 [x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 60)])
    assert "not an OpenAPI document" in refusal(shared)


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, '{"a":' * 100_000, "? " * 50_000])
@pytest.mark.parametrize("filename", ["deep.yaml", "deep.json"])
def test_read_spec__deep_nesting__is_refused_not_crashed(text: str, filename: str) -> None:
    assert refusal(text, filename).startswith(filename)


@pytest.mark.parametrize(
    ("text", "filename", "expected"),
    [
        (b"", "s.yaml", "s.yaml: the file is empty."),
        (b"\xff\xfe\x00", "s.yaml", "s.yaml: not UTF-8 text at byte 0."),
        (b'{"openapi": "3.0.0",\n "paths": {]}', "s.json", "s.json:2:12: not JSON"),
        (b'{"a": ' + b"1" * 5000 + b"}", "s.json", "s.json: not JSON"),
        (b"openapi: 3.0.0\npaths: [", "s.yaml", "s.yaml:"),
        (b"a: b: c", "s.yaml", "s.yaml:1:5: not YAML"),
        (b"a: *nothing", "s.yaml", "s.yaml:1:4: alias *nothing names no anchor."),
        (b"a: &a [*a]", "s.yaml", "s.yaml:1:8: alias *a contains itself."),
        (b"[a]: 1", "s.yaml", "s.yaml:1:1: a key that is no text."),
        (b"? [a]\n: 1", "s.yaml", "s.yaml:1:3: a key that is no text."),
        (b"{<<: 3, a: 1}", "s.yaml", "s.yaml:1:13: a merge key (<<) takes mappings."),
        (b"a: 1\n---\nb: 1", "s.yaml", "s.yaml:2:1: a second document starts here"),
        (b"a: \x01", "s.yaml", "s.yaml: not YAML"),
        (b"[]", "s.json", "s.json: neither an OpenAPI document nor a GraphQL schema."),
        (b"hello", "s.txt", "s.txt: neither an OpenAPI document nor a GraphQL schema."),
        (b"asyncapi: 2.0.0", "s.yaml", "s.yaml: neither `openapi` nor `swagger` at the top"),
        (b"openapi: 4.0.0", "s.yaml", "s.yaml: OpenAPI 4.0.0 is not known"),
        (b"openapi: {a: b}", "s.yaml", "s.yaml: OpenAPI {'a': 'b'} is not known"),
        (b"openapi: 3.0.0\npaths: []", "s.yaml", "s.yaml: `paths` is no mapping of paths."),
        (b"openapi: 3.0.0\npaths: {/x: 3}", "s.yaml", "s.yaml: path /x is no mapping of methods."),
        (b'{"data": {"__schema": {}}}', "s.json", "s.json: a GraphQL introspection result."),
        (b"type A {\n  a:\n}", "s.graphql", "s.graphql:3:1: not a GraphQL schema: Expected Name, found '}'."),
        (b"type A { a: " + b"[" * 100_000, "s.graphql", "s.graphql:1:"),
    ],
)
def test_read_spec__broken_document__is_refused_in_one_line_with_its_place(
    text: bytes, filename: str, expected: str
) -> None:
    assert refusal(text, filename).startswith(expected)


def test_read_spec__file_beyond_the_limit__is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_BYTES", 1024 * 1024)
    assert refusal(b" " * (2 * 1024 * 1024)) == "spec.yaml: 2 MB; specs of up to 1 MB are read."


def test_read_spec__depth_out_of_bounds__is_refused() -> None:
    assert "depth" in refusal(answering({}), depth=11)
    assert "depth" in refusal(answering({}), depth=-1)


@pytest.mark.parametrize(
    "rubbish",
    [
        {"servers": [3, {"url": 3}]},
        {"paths": {"/x": {"get": {"responses": [1]}, "put": 3}}},
        {"paths": {"/x": {"get": {"responses": {"200": {"content": {"application/json": {"schema": []}}}}}}}},
        {"paths": {"/x": {"get": {"responses": {"200": {"content": []}}, "summary": [1], "description": {}}}}},
        {"paths": {"/x": {"get": {"responses": {"200": {"$ref": 3}}}}}},
        {"paths": {"/x": None, "/y": {"get": {}}}},
        {"info": "nonsense"},
    ],
)
def test_read_spec__rubbish_where_something_else_belongs__is_passed_over(rubbish: dict[str, Any]) -> None:
    assert len(read({"openapi": "3.0.0", "paths": {"/x": {"get": {}}}} | rubbish).units) == 1


def test_is_sdl__only_a_definition_at_the_start__is_a_schema() -> None:
    assert documents.is_sdl('# c\n"""block " quote"""\n"x" type A { a: Int }')
    assert documents.is_sdl("directive @a on FIELD") and documents.is_sdl("schema @b { query: Q }")
    assert not documents.is_sdl("type: object") and not documents.is_sdl("openapi: 3.0.0 # type A {")
    assert not documents.is_sdl('"' * 100_001 + "x")
