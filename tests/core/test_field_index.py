"""core.fields: which fields occur in a pair, and which of them differ."""

import json
from typing import Any

import pytest

from migrator.core.comparison import Answer, compare
from migrator.core.fields import FieldIndex
from migrator.core.paths import PathRefused

PATHS = ["$.total", "$.items[*].id", "$.items[*].owner", "$.items[*].owner.email", "$.map.*.x", "$", "$[0]", "$.absent"]
INDEX = FieldIndex(enumerate(PATHS))


def told(control: Any, candidate: Any) -> dict[str, bool]:
    left, right = (Answer(status=200, body=json.dumps(side).encode()) for side in (control, candidate))
    results = INDEX.results(compare(control=left, candidate=right), left)
    return {PATHS[identifier]: differs for identifier, differs in results.items()}


ITEM = {"id": 1, "owner": {"email": "a"}}


def test_results__equal_bytes__tell_every_field_that_occurs() -> None:
    assert told({"items": [{}, ITEM]}, {"items": [{}, ITEM]}) == {
        "$": False,
        "$.items[*].id": False,
        "$.items[*].owner": False,
        "$.items[*].owner.email": False,
    }


def test_results__difference_under_a_field__counts_for_it_and_what_holds_it() -> None:
    assert told({"items": [ITEM]}, {"items": [{"id": 1, "owner": {"email": "b"}}]}) == {
        "$": True,
        "$.items[*].id": False,
        "$.items[*].owner": True,
        "$.items[*].owner.email": True,
    }


def test_results__difference_above_a_field__counts_where_it_occurs() -> None:
    assert told({"items": [ITEM]}, {"items": None}) == {
        "$": True,
        "$.items[*].id": True,
        "$.items[*].owner": True,
        "$.items[*].owner.email": True,
    }


def test_results__field_on_one_side_only__occurs_and_differs() -> None:
    assert told({}, {"total": 1})["$.total"] is True
    assert told({"total": None}, {})["$.total"] is True


def test_results__candidate_is_no_json__every_field_differs() -> None:
    left = Answer(status=200, body=b'{"total":1}')
    right = Answer(status=500, body=b"<html>oops</html>")
    assert INDEX.results(compare(control=left, candidate=right), left) == {0: True, 5: True}


def test_results__wildcards__reach_members_of_objects_and_arrays() -> None:
    assert told({"map": {"joe": {"x": 1}, "12": {"x": 2}}}, {"map": {"joe": {"x": 1}, "12": {"x": 3}}})["$.map.*.x"]
    assert told([1, 2], [1, 3]) == {"$": True, "$[0]": True}  # the shape leaves the index open
    assert told([1], [1]) == {"$": False, "$[0]": False}


def test_results__cut_body__tells_nothing_that_is_not_known() -> None:
    left = Answer(status=200, body=b'{"total":1}')
    right = Answer(status=200, body=b'{"tot', truncated=True)
    assert INDEX.results(compare(control=left, candidate=right), left) == {}


def test_results__search_given_up__tells_only_fields_that_are_known_to_differ() -> None:
    many = {"items": [{"id": number} for number in range(10_001)], "total": 1}
    other = {"items": [{"id": -number - 1} for number in range(10_001)], "total": 1}
    results = told(many, other)
    assert results["$.items[*].id"] is True
    assert "$.total" not in results


def test_field_index__unsupported_path__is_refused() -> None:
    with pytest.raises(PathRefused):
        FieldIndex([(1, "$..a")])
