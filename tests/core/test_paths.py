"""core.paths: paths are written, read back, opened to shapes, and covered by patterns."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.core.paths import (
    EVERY,
    LONGEST,
    PathRefused,
    Steps,
    covers,
    is_data,
    parse_path,
    parse_shape,
    render,
    shape_of,
)

any_text = st.text(st.characters(codec=None, exclude_categories=()), max_size=8)


@pytest.mark.parametrize(
    ("steps", "path", "shape"),
    [
        ((), "$", "$"),
        (("items", 3, "price"), "$.items[3].price", "$.items[*].price"),
        (("odd key",), "$['odd key']", "$['odd key']"),
        (("it's",), "$['it\\'s']", "$['it\\'s']"),
        (("größe",), "$.größe", "$.größe"),
        (("",), "$['']", "$['']"),
        (("a\x00\ud800",), "$['a\\u0000\\ud800']", "$['a\\u0000\\ud800']"),
        (("users", "12345", "name"), "$.users['12345'].name", "$.users[*].name"),
    ],
)
def test_render__steps__are_written_and_opened(steps: Steps, path: str, shape: str) -> None:
    assert render(steps) == path
    assert shape_of(steps) == shape
    assert parse_path(path) == steps


@given(st.lists(any_text | st.integers(0, 10**6) | st.just(EVERY), max_size=6).map(tuple))
def test_parse_path__what_was_rendered__is_read_back(steps: Steps) -> None:
    written = render(steps)
    assert parse_path(written) == steps
    assert msgspec.json.decode(msgspec.json.encode(written)) == written


@pytest.mark.parametrize("path", ["", "a", "$a", "$..a", "$[?@.a]", "$[1:2]", "$['a','b']", "$[-1]", "$.a b"])
def test_parse_path__unsupported__is_refused_in_words(path: str) -> None:
    with pytest.raises(PathRefused, match=r"only names|starts with"):
        parse_path(path)


def test_render__longer_than_may_travel__is_cut_and_still_readable() -> None:
    steps = tuple("name" + "x" * 40 for _ in range(100))
    assert len(render(steps)) == LONGEST
    kept = parse_shape(render(steps))
    assert kept == steps[: len(kept)]
    assert len(kept) > 40


@pytest.mark.parametrize(
    ("pattern", "shape", "covered"),
    [
        ("$.a", "$.a", True),
        ("$.a", "$.a.b", True),
        ("$.a", "$.ab", False),
        ("$.a.b", "$.a", False),
        ("$.items[*].at", "$.items[*].at", True),
        ("$.items[2]", "$.items[*]", True),
        ("$.users[*].name", "$.users.joe.name", True),
        ("$.users.joe", "$.users[*]", False),
        ("$", "body", True),
        ("$.a", "body", False),
        ("status", "status", True),
        ("header:date", "header:etag", False),
    ],
)
def test_covers__at_or_under_the_pattern__is_covered(pattern: str, shape: str, covered: bool) -> None:
    assert covers(pattern, shape) is covered


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("id", False),
        ("first_name", False),
        ("sha256", False),
        ("iso8601", False),
        ("jane@example.com", True),
        ("42", True),
        ("2024-01-31", True),
        ("3f2b8c1e-0d4a-4f7e-9a6b-1c2d3e4f5a6b", True),
        ("x" * 65, True),
    ],
)
def test_is_data__names_and_values__are_told_apart(name: str, data: bool) -> None:
    assert is_data(name) is data
