"""Where answers differ, as it is counted; and as it is said."""

import json
from typing import Any

import pytest

from migrator.core.comparison import Answer, compare
from migrator.core.places import Place, is_turned, places
from migrator.core.sentences import sentence


def between(control: Any, candidate: Any, **options: Any) -> tuple[Place, ...]:
    left, right = (Answer(status=200, body=json.dumps(each).encode()) for each in (control, candidate))
    return places(compare(control=left, candidate=right, **options))


@pytest.mark.parametrize(
    ("control", "candidate", "pattern"),
    [
        (1.5, "1.5", "number → string of the same"),
        (1.5, "x", "number → string"),
        ("a", ["a"], "string → array of it"),
        (["a"], "a", "array → string out of it"),
        (True, "true", "boolean → string of the same"),
        (None, 1, "null → number"),
        ("Ada", "ADA", "string, case"),
        ("a  b", "a b ", "string, blanks"),
        ("2026-01-02T03:04:05Z", "2026-01-02T04:04:05+01:00", "string, same instant"),
        ("1.50", "1.5", "string, trailing zeros"),
        ("a", "b", "string"),
        (1, 2, "number"),
    ],
)
def test_pattern__of_a_difference__says_what_happened_to_the_value(control: Any, candidate: Any, pattern: str) -> None:
    [place] = between({"n": control, "same": 1}, {"n": candidate, "same": 1})
    assert (place.shape, place.pattern, place.whole) == ("$.n", pattern, False)


def test_pattern__never_holds_a_value() -> None:
    found = between({"n": "secret-a", "m": ["secret-b"]}, {"n": ["secret-a"], "m": {"secret-c": 1}})
    assert found
    assert "secret" not in "".join(place.pattern for place in found)


def test_status__that_differs__is_told_by_both_numbers() -> None:
    [place] = places(compare(control=Answer(status=200), candidate=Answer(status=404)))
    assert (place.shape, place.pattern) == ("status", "200 → 404")


def test_whole__object_whose_members_all_differ_alike__is_said_of_each() -> None:
    control = {"headers": {"a": "1", "b": "2"}, "url": "u"}
    candidate = {"headers": {"a": ["1"], "b": ["2"]}, "url": "u"}
    assert {(place.shape, place.whole) for place in between(control, candidate)} == {
        ("$.headers.a", True),
        ("$.headers.b", True),
    }


def test_whole__one_member_that_stays__takes_it_from_all() -> None:
    control, candidate = {"h": {"a": "1", "b": "2", "c": "3"}}, {"h": {"a": ["1"], "b": ["2"], "c": "3"}}
    assert [place.whole for place in between(control, candidate)] == [False, False]


def test_whole__in_one_item_of_many__is_not_said_of_the_place() -> None:
    control = [{"m": {"a": "1"}}, {"m": {"a": "1", "b": "2"}}]
    candidate = [{"m": {"a": ["1"]}}, {"m": {"a": ["1"], "b": "2"}}]
    [place] = between(control, candidate)
    assert (place.shape, place.whole) == ("$[*].m.a", False)


def test_whole__members_that_are_all_extra__are_counted_on_the_candidates_side() -> None:
    found = between({"x": 1, "m": {}}, {"x": 1, "m": {"a": 1, "b": 2}})
    assert [(place.kind, place.pattern, place.whole) for place in found] == [("extra", "number", True)] * 2


@pytest.mark.parametrize(("pattern", "turned"), [("number → string", True), ("string, case", True), ("string", False)])
def test_turned__is_what_tells_what_became_of_the_value(pattern: str, turned: bool) -> None:
    assert is_turned(pattern) is turned


@pytest.mark.parametrize(
    ("shapes", "kind", "pattern", "whole", "said"),
    [
        (["$.price"], "type", "number → string", False, "$.price is a number in legacy, a string in the candidate."),
        (["$.a", "$.b"], "value", "string, case", False, "$.a and $.b differ in case only."),
        (
            ["$.a", "$.b", "$.c", "$.d"], "missing", "string", False,
            "$.a, $.b, $.c and 1 more are missing in the candidate.",
        ),
        (["status"], "status", "200 → 404", False, "The status is 200 in legacy, 404 in the candidate."),
        (["header:location"], "header", "", False, "The header location differs."),
        (["answer"], "candidate_error", "", False, "The candidate failed where legacy answered."),
        (["$.t"], "value", "string, same instant", False, "$.t is the same instant, written differently."),
        (
            ["$.h.a", "$.h.b", "$.args.x"], "type", "string → array of it", True,
            "Every value under $.args and $.h is a string in legacy, an array of it in the candidate.",
        ),
    ],
)  # fmt: skip
def test_sentence__of_a_cause__reads_like_one(shapes: Any, kind: str, pattern: str, whole: bool, said: str) -> None:
    assert sentence(shapes=shapes, kind=kind, pattern=pattern, whole=whole) == said
