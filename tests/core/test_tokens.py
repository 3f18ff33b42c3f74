"""core.tokens: what is found to be the same without parsing is the same when parsed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.core.body import parse_exactly
from migrator.core.tokens import same_tokens

BLANK = st.text(alphabet=" \t\r\n", max_size=3)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def written(value: Any, *, blank: str, ascii_only: bool) -> bytes:
    separators = (f"{blank},{blank}", f":{blank}")
    return (json.dumps(value, separators=separators, ensure_ascii=ascii_only) + blank).encode("utf-8", "surrogatepass")


@given(JSON, BLANK, BLANK, st.booleans())
def test_same_tokens__one_document_spaced_in_two_ways__is_the_same(
    value: Any, blank: str, other: str, ascii_only: bool
) -> None:
    left = written(value, blank=blank, ascii_only=ascii_only)
    right = written(value, blank=other, ascii_only=ascii_only)
    assert same_tokens(left, right) is (len(left) != len(right))


@given(JSON, JSON, BLANK, st.booleans())
def test_same_tokens__two_documents__are_the_same_only_where_they_read_the_same(
    one: Any, other: Any, blank: str, ascii_only: bool
) -> None:
    left, right = written(one, blank="", ascii_only=ascii_only), written(other, blank=blank, ascii_only=ascii_only)
    if same_tokens(left, right):
        read, candidate = parse_exactly(left), parse_exactly(right)
        assert read is not None
        assert candidate is not None
        assert repr(read.value) == repr(candidate.value)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (b'{"a":"x y"}', b'{"a":"xy"}'),
        (b"[1]", b"[1.0]"),
        (b"[0.0]", b"[-0.0]"),
        (b"[12]", b"[1 2]"),
        (b'{"a":1}', b'{"a":1,"a":1}'),
        (b'{"a":1,"b":2}', b'{"b": 2, "a": 1}'),
        (b'["\\u0041"]', b'["A"]'),
        (b'["\xff"]', b'["\xff" ]'),
        (b"[NaN]", b"[NaN ]"),
        (b"[01]", b"[01 ]"),
        (b"[1]", b"[1]\xc2\xa0"),
        (b"[1]", b"[1]\x00"),
        (b"plain text", b"plain  text"),
        (b"", b" "),
        (b"[" * 100_000, b"[" * 100_001),
        (b'["' + b"x" * 600 + b'1"]', b'["' + b"x" * 600 + b'2", 3]'),
    ],
)
def test_same_tokens__anything_but_white_space_between_tokens__is_not_the_same(left: bytes, right: bytes) -> None:
    assert not same_tokens(left, right)
    assert not same_tokens(right, left)


def test_same_tokens__difference_far_from_both_ends__is_seen() -> None:
    numbers = list(range(2_000))
    changed = [*numbers[:1_000], 7, *numbers[1_001:]]
    spaced = json.dumps(numbers).encode()
    assert same_tokens(json.dumps(numbers, separators=(",", ":")).encode(), spaced)
    assert not same_tokens(json.dumps(changed, separators=(",", ":")).encode(), spaced)
