"""core.failures: an error under a status that says there is none is an error all the same."""

import json
from typing import Any

import pytest

from migrator.core.body import Document
from migrator.core.comparison import Answer, compare
from migrator.core.failures import answer_failed
from migrator.core.wire import Outcome

GRAPHQL = {"errors": [{"message": "boom"}], "data": None}
GOOD = {"data": {"user": {"name": "jane"}}}


def answer(body: Any, status: int = 200) -> Answer:
    return Answer(status=status, body=json.dumps(body).encode())


@pytest.mark.parametrize(
    "value",
    [
        GRAPHQL,
        {"errors": [{"message": "boom"}]},
        {"errors": [{"message": "boom"}], "data": {"user": None}},
        [GRAPHQL, GRAPHQL],
        {"error": "not found"},
        {"error": {"code": 7, "detail": "x"}},
        {"ok": False, "error": "invalid_auth"},
        {"Error": "x", "error": "x", "traceId": "1"},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "no such method"}},
        {"error": True, "message": "no", "data": None},
    ],
)
def test_answer_failed__nothing_but_an_error_under_200__is_a_failure(value: Any) -> None:
    assert answer_failed(200, Document(value)) is not None


@pytest.mark.parametrize(
    "value",
    [
        GOOD,
        {"errors": [{"message": "slow"}], "data": {"user": {"name": "jane"}, "posts": None}},
        {"errors": []},
        {"errors": ["a", "b"], "name": "form"},
        [GRAPHQL, GOOD],
        [],
        {"error": None, "data": {"a": 1}},
        {"error": "", "name": "jane"},
        {"error": 0.25, "samples": 12},
        {"error": "rounded", "value": 3.2},
        {"error": False},
        {"error": "partly", "data": {"a": 1}},
        {"message": "hello"},
        "error",
        None,
    ],
)
def test_answer_failed__something_to_say__is_none(value: Any) -> None:
    assert answer_failed(200, Document(value)) is None


@pytest.mark.parametrize(("status", "failed"), [(500, True), (503, True), (404, False), (304, False), (200, False)])
def test_answer_failed__status__decides_first(status: int, failed: bool) -> None:
    assert (answer_failed(status, None) is not None) is failed
    assert (answer_failed(status, Document(GRAPHQL)) is not None) is (failed or status == 200)


def test_compare__envelope_of_the_candidate_alone__is_a_candidate_error_with_its_reason() -> None:
    comparison = compare(control=answer(GOOD), candidate=answer(GRAPHQL))
    assert comparison.outcome is Outcome.CANDIDATE_ERROR
    assert comparison.failure == "errors and no data under status 200"
    assert comparison.differences


@pytest.mark.parametrize(
    ("control", "candidate"),
    [
        (answer(GRAPHQL), answer({"errors": [{"message": "bang"}], "data": None})),
        (answer(GRAPHQL), answer(GOOD)),
        (answer({"error": "gone"}, 404), answer({"error": "none"}, 404)),
    ],
)
def test_compare__both_failed_or_the_control_alone__is_compared_as_usual(control: Answer, candidate: Answer) -> None:
    assert compare(control=control, candidate=candidate).outcome is Outcome.MISMATCH


def test_compare__same_envelope_written_otherwise__is_a_match() -> None:
    spaced = Answer(status=200, body=json.dumps(GRAPHQL, indent=2).encode())
    assert compare(control=answer(GRAPHQL), candidate=spaced).outcome is Outcome.MATCH
