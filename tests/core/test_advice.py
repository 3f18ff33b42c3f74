"""core.advice and core.overlap: rules that go too far or stand in each other's way are named."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.core.advice import contradictions, explain, hides_everything
from migrator.core.jsonpath import compile_path
from migrator.core.overlap import overlap
from migrator.core.wire import Form, RuleKind, RuleSpec


def rule(kind: str, path: str, **rest: Any) -> RuleSpec:
    return RuleSpec(kind=RuleKind(kind), path=path, **{"id": 1, **rest})


@pytest.mark.parametrize(
    "path", ["$", "body", "$..*", "$.*", "$[*]", "$..[*]", "$[0:]", "$['a',*]", "$.data", "header:*"]
)
@pytest.mark.parametrize("kind", ["ignore", "accept"])
def test_hides_everything__a_path_of_all_there_is__is_named(kind: str, path: str) -> None:
    sentence = hides_everything(rule(kind, path))
    assert sentence is not None
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    "spec",
    [
        rule("ignore", "$.items[*].at"),
        rule("ignore", "$..at"),
        rule("ignore", "$[?@.draft]"),
        rule("ignore", "$[-1]"),
        rule("ignore", "status"),
        rule("normalise", "$..*", form=Form.INSTANT),
        rule("normalise", "$.a", form=Form.PATTERN, pattern="[0-9]+"),
        rule("tolerance", "$..*", relative=0.01),
    ],
)
def test_hides_everything__a_narrow_rule__is_left_alone(spec: RuleSpec) -> None:
    assert hides_everything(spec) is None


def test_hides_everything__values_that_all_become_equal__are_named() -> None:
    assert hides_everything(rule("tolerance", "$.a", relative=1)) is not None
    assert hides_everything(rule("normalise", "$.a", form=Form.PATTERN, pattern=".+")) is not None


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        (rule("ignore", "$.a"), rule("accept", "$.a"), "never applies"),
        (rule("tolerance", "$.items[*].x", absolute=1), rule("ignore", "$.items"), "never applies"),
        (rule("ignore", "$..x"), rule("map", "$.a.x"), "never applies"),
        (rule("unordered", "$.a", key="id"), rule("unordered", "$.a"), "their id and by being equal"),
        (rule("unordered", "$..a", key="id"), rule("unordered", "$.b.a", key="name"), "share places"),
        (rule("tolerance", "$.a", absolute=1), rule("tolerance", "$.*", absolute=2), "The wider one wins"),
        (rule("normalise", "$.a", form=Form.INSTANT, zone="UTC"), rule("normalise", "$.a", form=Form.INSTANT), "UTC"),
        (rule("map", "$.a"), rule("tolerance", "$.a", absolute=2), "a quantity"),
        (rule("ignore", "header:*"), rule("accept", "header:etag"), "never applies"),
    ],
)
def test_contradictions__two_that_cannot_both_hold__are_named(one: RuleSpec, other: RuleSpec, words: str) -> None:
    found = contradictions([one, other])
    assert len(found) == 1
    assert words in found[0].sentence


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (rule("accept", "$.a"), rule("ignore", "$.a.noise")),
        (rule("ignore", "$.a"), rule("accept", "$.b")),
        (rule("ignore", "$.a"), rule("ignore", "$.a.b")),
        (rule("unordered", "$.a", key="id"), rule("unordered", "$.b")),
        (rule("normalise", "$.a", form=Form.CASE), rule("normalise", "$.a", form=Form.WHITESPACE)),
        (rule("ignore", "$.a", unit=1), rule("accept", "$.a", unit=2)),
        (rule("ignore", "$.a", service="x"), rule("accept", "$.a", service="y")),
        (rule("ignore", "$.items[0]"), rule("accept", "$.items[*]")),
        (rule("ignore", "header:etag"), rule("accept", "$.etag")),
    ],
)
def test_contradictions__two_that_get_on__are_not_named(one: RuleSpec, other: RuleSpec) -> None:
    assert contradictions([one, other]) == ()


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (rule("ignore", "$.a", service="users"), "Nothing is compared at $.a and under it of users."),
        (rule("tolerance", "$.a", relative=0.01, unit=1), "Values may lie 1 % apart at $.a of this unit."),
        (rule("unordered", "$.a", key="k"), "Order means nothing, members found by their k, at $.a of all endpoints."),
        (rule("accept", "status"), "The candidate is right in the status of all endpoints."),
    ],
)  # fmt: skip
def test_explain__a_rule__is_a_sentence(spec: RuleSpec, sentence: str) -> None:
    assert explain(spec) == sentence


segments = st.sampled_from([".a", ".b", "[*]", "[0]", "[1:]", "..a", "..*", "['a','b']"])
paths = st.lists(segments, max_size=3).map(lambda parts: "$" + "".join(parts))
places = st.lists(st.sampled_from(["a", "b", 0, 1]), max_size=5).map(tuple)


@given(paths, paths, places)
def test_overlap__a_place_that_both_select__is_never_denied(one: str, other: str, place: Any) -> None:
    first, second = compile_path(one), compile_path(other)
    if first.selects(place, None) and second.selects(place, None):
        assert overlap(first, second)
    if first.covers(place, None) and second.selects(place, None):
        assert overlap(first, second, under_one=True)


def test_overlap__paths_apart__do_not_meet() -> None:
    apart = [("$.a", "$.b"), ("$.a", "$.a.b"), ("$[0]", "$.a"), ("$[0]", "$[1:]"), ("$..a", "$.a.b"), ("$", "$.a")]
    for one, other in apart:
        assert not overlap(compile_path(one), compile_path(other))
