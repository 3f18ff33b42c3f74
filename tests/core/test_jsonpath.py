"""core.jsonpath: a path selects what RFC 9535 says, or is refused in words."""

import json
from ast import literal_eval
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.core.jsonpath import compile_path
from migrator.core.paths import PathRefused, Steps

SUITE = Path(__file__).parents[2].parent / "shared" / "data" / "diff" / "jsonpath-cts.json"
needs_suite = pytest.mark.skipif(not SUITE.is_file(), reason="the public JSONPath cases are not on this machine")


def cases() -> list[dict[str, Any]]:
    return json.loads(SUITE.read_text())["tests"] if SUITE.is_file() else []


def places(document: Any) -> Iterator[Steps]:
    stack: list[tuple[Steps, Any]] = [((), document)]
    while stack:
        steps, value = stack.pop()
        yield steps
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        stack.extend(((*steps, step), child) for step, child in inner)


def steps_in(normalised: str) -> Steps:
    """A normalised path of the suite: brackets with one quoted name or one index each."""
    return tuple(
        literal_eval(selector.text) for segment in compile_path(normalised).segments for selector in segment.selectors
    )


@needs_suite
def test_compile_path__every_case_of_the_suite__is_read_as_it_says_or_refused() -> None:
    read = unsupported = 0
    for case in cases():
        try:
            query = compile_path(case["selector"])
        except PathRefused:
            unsupported += not case.get("invalid_selector", False)
            continue
        assert not case.get("invalid_selector"), case["name"]
        selected = {steps for steps in places(case["document"]) if query.selects(steps, case["document"])}
        expected = case.get("result_paths") or case.get("results_paths", [[]])[0]
        assert selected == set(map(steps_in, expected)), case["name"]
        read += 1
    assert read >= 390
    assert unsupported <= 60


@needs_suite
@pytest.mark.parametrize("wanted", ["match(", "search(", "whole document", "all depths"])
def test_compile_path__what_is_not_supported__is_refused_in_words(wanted: str) -> None:
    refusals = []
    for case in cases():
        try:
            compile_path(case["selector"])
        except PathRefused as refusal:
            refusals.append(str(refusal))
    assert any(wanted in refusal for refusal in refusals)


@pytest.mark.parametrize(
    ("text", "place"),
    [("items", "starts with"), ("$.a.", "character 4"), ("$[", "character 2"), ("$.a[01]", "character 5")],
)
def test_compile_path__no_path__names_the_place(text: str, place: str) -> None:
    with pytest.raises(PathRefused, match=place):
        compile_path(text)


@given(st.text(max_size=40) | st.text(alphabet="$.[]*'\"?@:,-01a()=&|! \\", max_size=40).map(lambda text: "$" + text))
def test_compile_path__any_text__is_read_or_refused(text: str) -> None:
    try:
        query = compile_path(text)
    except PathRefused as refusal:
        assert str(refusal)
    else:
        assert query.text == text


def test_query__a_place_under_what_it_selects__is_covered_not_selected() -> None:
    query = compile_path("$.items[-1]")
    document = {"items": [1, {"a": 2}]}
    assert query.covers(("items", 1, "a"), document)
    assert not query.selects(("items", 1, "a"), document)
    assert not query.covers(("items", 0), document)
