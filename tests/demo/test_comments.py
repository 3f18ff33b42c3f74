"""The demo's services keep their contract, and the candidate is wrong exactly where it was made so."""

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from demo.comments.candidate import Candidate
from demo.comments.legacy import Call, Legacy
from demo.comments.store import COMMENTS, THREADS, USERS, Store
from migrator.core.routing import build_table
from migrator.core.walk import Kind
from migrator.core.wire import RoutingTable, UnitRoute, Version
from tests.demo.pair import Pair, ask

DOCUMENT = Path(__file__).parents[2] / "demo" / "openapi.yaml"
READS = {
    "/health": "/health",
    "/threads": "/threads?page=2",
    "/threads/{id}": "/threads/12",
    "/threads/{id}/summary": "/threads/12/summary",
    "/threads/{id}/comments": "/threads/12/comments",
    "/comments/{id}": "/comments/34",
    "/comments/{id}/votes": "/comments/34/votes",
    "/users/{id}": "/users/8",
    "/users/{id}/profile": "/users/8/profile",
    "/users/{id}/karma": "/users/8/karma",
    "/search": "/search?q=park",
    "/moderation/queue": "/moderation/queue",
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return yaml.safe_load(DOCUMENT.read_text())


def schema_of(document: dict[str, Any], path: str, method: str, status: int) -> dict[str, Any]:
    answer = document["paths"][path][method]["responses"][str(status)]
    if "$ref" in answer:
        answer = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    return answer["content"]["application/json"]["schema"] | {"components": document["components"]}


def check(document: dict[str, Any], path: str, method: str, status: int, body: bytes) -> None:
    """Raises jsonschema.ValidationError. Members beyond the schema count as faults too."""
    schema = schema_of(document, path, method, status) | {"unevaluatedProperties": False}
    Draft202012Validator(schema).validate(json.loads(body))


def test_document__lists_reads__every_read_is_tested(document: dict[str, Any]) -> None:
    assert set(READS) == {path for path, item in document["paths"].items() if "get" in item}


@pytest.mark.parametrize("path", READS)
def test_legacy__a_read__answers_as_the_document_says(pair: Pair, document: dict[str, Any], path: str) -> None:
    answer = ask(pair.legacy + READS[path])
    assert answer.status == 200
    check(document, path, "get", 200, answer.body)


def test_legacy__a_comment_is_written__candidate_sees_each_change(pair: Pair, document: dict[str, Any]) -> None:
    written = ask(f"{pair.legacy}/threads/490/comments", method="POST", body=b'{"body": "I was there."}')
    check(document, "/threads/{id}/comments", "post", 201, written.body)
    number = json.loads(written.body)["id"]
    assert number > COMMENTS
    assert (b"location", f"/comments/{number}".encode()) in written.headers
    edited = ask(f"{pair.candidate}/comments/{number}", method="PUT", body=b'{"body": "I was not there."}')
    check(document, "/comments/{id}", "put", 200, edited.body)
    assert json.loads(ask(f"{pair.legacy}/comments/{number}").body)["body"] == "I was not there."
    voted = ask(f"{pair.legacy}/comments/{number}/votes", method="POST", body=b'{"vote": "down"}')
    check(document, "/comments/{id}/votes", "post", 201, voted.body)
    assert json.loads(ask(f"{pair.candidate}/comments/{number}/votes").body)["down"] == 1
    assert ask(f"{pair.candidate}/comments/{number}", method="DELETE").status == 204
    assert ask(f"{pair.legacy}/comments/{number}").status == 404


@pytest.mark.parametrize(
    ("path", "method", "body", "status"),
    [
        ("/threads/0", "GET", None, 404),
        ("/comments/abc", "GET", None, 404),
        ("/threads?page=x", "GET", None, 400),
        ("/threads/1/comments", "POST", b"{", 400),
        ("/threads/1/comments", "POST", b'{"body": " "}', 400),
        ("/comments/1/votes", "POST", b'{"vote": "sideways"}', 400),
    ],
)
def test_services__bad_input__both_say_the_same(
    pair: Pair, path: str, method: str, body: bytes | None, status: int
) -> None:
    legacy, candidate = (ask(url + path, method=method, body=body) for url in (pair.legacy, pair.candidate))
    assert legacy.status == candidate.status == status
    assert legacy.body == candidate.body


@pytest.mark.parametrize(
    ("path", "causes"),
    [
        ("/comments/34", {("$.created_at", Kind.VALUE)}),
        ("/users/8/profile", {("$.website", Kind.MISSING)}),
        ("/users/8/karma", {("$.karma", Kind.NUMBER_FORM)}),
        ("/threads/15/comments", {("$.comments", Kind.ORDER)}),
        ("/threads/100/summary", {("$.comment_count", Kind.VALUE)}),
    ],
)
def test_candidate__a_planted_fault__is_one_cause(pair: Pair, path: str, causes: set[tuple[str, Kind]]) -> None:
    assert set(pair.compare(path).shapes) == causes


def test_candidate__a_comment_without_votes__fails(pair: Pair) -> None:
    assert ask(f"{pair.legacy}/comments/400/votes").status == 200
    assert ask(f"{pair.candidate}/comments/400/votes").status == 500


def test_candidate__faults_of_few_records__are_as_rare_as_planned(pair: Pair) -> None:
    assert not pair.compare("/users/7/profile").shapes
    assert not pair.compare("/threads/16/comments").shapes
    assert not pair.compare("/threads/101/summary").shapes
    assert not pair.compare("/comments/401/votes").shapes


def test_candidate__clean_endpoints__never_differ(pair: Pair) -> None:
    dice = random.Random(5)
    paths = ["/health", "/threads", "/threads?page=3", "/search?q=park%20bus", "/moderation/queue"]
    paths += [f"/threads/{dice.randint(1, THREADS)}" for _ in range(30)]
    paths += [f"/users/{dice.randint(1, USERS)}" for _ in range(30)]
    assert {path: pair.compare(path).shapes for path in paths if pair.compare(path).shapes} == {}


def test_candidate__its_cache_is_full__a_third_of_the_threads_shows_another_ones_title(tmp_path: Path) -> None:
    store = Store(tmp_path / "comments.sqlite3")
    legacy, candidate = Legacy(store), Candidate(store)
    calls = [Call(id=number) for number in range(1, 31)]
    assert all(candidate.thread(call) == legacy.thread(call) for call in calls)
    candidate.cache_full_at = time.monotonic()
    wrong = [call.id for call in calls if candidate.thread(call) != legacy.thread(call)]
    store.close()
    assert wrong == list(range(3, 31, 3))


def test_routing__every_endpoint_of_the_document__is_found_by_its_path(document: dict[str, Any]) -> None:
    keys = [
        f"{method.upper()} {path}"
        for path, item in document["paths"].items()
        for method in item
        if method != "parameters"
    ]
    units = tuple(UnitRoute(id=number, key=key, service="comments") for number, key in enumerate(keys, start=1))
    routes = build_table(RoutingTable(project="comments", version=Version(), services=(), units=units))
    assert len(units) == 16
    for path, sent in READS.items():
        found = routes.match(method="GET", path=sent.partition("?")[0])
        assert found is not None and found.unit.key == f"GET {path}"
