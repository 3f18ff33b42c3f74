"""core.exact: the reader of last resort, its fingerprints and its writer."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.core.exact import NotJson, Written, literal, mark, marks, number, read

DEEP = 2_000

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


def deeply(text: str) -> str:
    """The same text where only the reader with a stack of its own can reach it."""
    return "[" * DEEP + text + "]" * DEEP


def unwrapped(value: Any) -> Any:
    for _ in range(DEEP):
        (value,) = value
    return value


@given(values, st.sampled_from([None, 1]))
def test_read__what_json_wrote__comes_back_at_any_depth(value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    assert repr(read(text)[0]) == repr(value)
    assert repr(unwrapped(read(deeply(text))[0])) == repr(value)


@pytest.mark.parametrize(
    "text", ["", "[", "]", "[1,]", "[,1]", "{", '{"a"}', '{"a":}', '{"a":1,}', "{1:2}", "[1 2]", "01"]
)
def test_read__what_is_no_json__is_refused_at_any_depth(text: str) -> None:
    for written in (text, deeply(text) if text else "[" * DEEP, deeply("1") + "1"):
        with pytest.raises(NotJson):
            read(written)


@pytest.mark.parametrize(
    "text",
    ["1", "-0.0", "1.5", "1e17", "NaN", "-Infinity", '"\\ud800"', '"\\u0000"', "12345678901234567890.5", "9" * 5_000],
)
def test_literal__what_was_read__is_written_back(text: str) -> None:
    value = read(text)[0]
    assert repr(read(literal(value, 10_000))[0]) == repr(value) or isinstance(value, Written)
    assert literal(value, 10_000).isascii()


@given(values)
def test_literal__any_value__is_what_json_writes(value: Any) -> None:
    assert literal(value, 10**9) == json.dumps(value)


def test_literal__longer_than_its_room__is_cut() -> None:
    assert literal(["abc"] * 100, 20) == '["abc", "abc", "abc…'
    assert len(literal("x" * 100, 20)) == 20


def test_number__no_form_is_rounded() -> None:
    assert repr(number("0.1")) == "0.1"
    assert str(number("0.12345678901234567890")) == "0.12345678901234567890"
    assert number("9" * 100) == 10**100 - 1
    assert str(number("1e99999999999999999999")) == "1e99999999999999999999"


@given(values, values)
def test_marks__equal_marks__mean_equal_values(one: Any, other: Any) -> None:
    left, right = mark(one, marks(one)), mark(other, marks(other))
    assert (left == right) == (json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True))
