"""core.formats: lines of JSON, server-sent events, forms and parts are compared by what is in them."""

import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.core.comparison import Answer, compare, document
from migrator.core.fields import FieldIndex
from migrator.core.formats.media import Format, MediaType, media_type
from migrator.core.walk import Kind
from tests.core.formats import answer, between, differing, found

LINES = "application/x-ndjson"
EVENTS = "text/event-stream"
FORM = "application/x-www-form-urlencoded"

# ------------------------------------------------------------------------------- lines of JSON


@pytest.mark.parametrize("content_type", ["", LINES, "text/plain"])
def test_lines__one_value_differs__is_addressed_by_line_and_path(content_type: str) -> None:
    comparison = between(b'{"a":1}\n{"a":2}\n', b'{"a":1}\n\n{ "a":3}', content_type)
    assert found(comparison) == [("$[1].a", "value")]
    assert comparison.shapes == (("$[*].a", Kind.VALUE),)


def test_lines__one_line_only__has_the_shape_of_several() -> None:
    assert differing(b'{"a":1}\n', b'{"a":2}\n', LINES) == [("$[0].a", "value")]


def test_lines__one_line_against_two__is_an_extra_line_whoever_claims_it() -> None:
    expected = [("$", "length"), ("$[1]", "extra")]
    assert differing(b'{"a":1}\n', b'{"a":1}\n{"a":2}\n', LINES) == expected
    comparison = compare(control=answer(b'{"a":1}\n'), candidate=answer(b'{"a":1}\n{"a":2}\n', LINES))
    assert found(comparison) == expected


@pytest.mark.parametrize(
    ("control", "candidate", "expected"),
    [
        (b"[1]\n[2]", b"\xef\xbb\xbf[1]\r\n[ 2]\r\n", []),
        (b"[12345678901234567890123]\n[1]", b"[12345678901234567890124]\n[1]", [("$[0][0]", "value")]),
        (b"[NaN]\n[1]", b"[NaN]\n[1.0]", [("$[1][0]", "number_form")]),
        (b'{"a":1,"a":2}\n{}', b'{"a":2}\n{}', [("$[0].a", "duplicate")]),
        (b'\x1e{"a":1}\n\x1e{"a":2}\n', b'\x1e{"a":1}\n\x1e{"a":2}\n\n', []),
    ],
)
def test_lines__read_as_json_is__to_the_last_digit(
    control: bytes, candidate: bytes, expected: list[tuple[str, str]]
) -> None:
    assert differing(control, candidate, "application/json-seq") == expected


def test_lines__the_last_one_cut__are_lines_of_text() -> None:
    assert differing(b'{"a":1}\n{"a":2}', b'{"a":1}\n{"a":', LINES) == [("body:line[1]", "value")]


def test_fields__in_lines_of_equal_bytes__occur() -> None:
    fields, same = FieldIndex([(1, "$[*].a"), (2, "$[*].b")]), answer(b'{"a":1}\n{"a":2}\n')
    assert fields.results(compare(control=same, candidate=same), same) == {1: False}


rows = st.lists(st.dictionaries(st.sampled_from("abc"), st.integers() | st.text(max_size=3)), min_size=1, max_size=5)


@given(rows, st.data())
def test_lines__one_planted_difference__is_found(values: list[dict[str, object]], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(values) - 1))
    changed = [{**value, "new": 1} if each == at else value for each, value in enumerate(values)]
    control, candidate = ("\n".join(map(json.dumps, each)).encode() for each in (values, changed))
    assert differing(control, candidate, LINES) == [(f"$[{at}].new", "extra")]


# -------------------------------------------------------------------------- server-sent events


@pytest.mark.parametrize(
    ("control", "candidate", "expected"),
    [
        (b'data: {"a":1}\n\n', b'data: { "a": 1}\r\n\r\n', []),
        (b'data: {"a":1}\n\n', b'data: {"a":2}\n\n', [("$[0].data.a", "value")]),
        (b"data: a\ndata: b\n\n", b"data: a\ndata: c\n\n", [("$[0].data", "value")]),
        (b": ping\ndata: a\n\n", b"data:a\n\n: pong\n\n", []),
        (b"event: message\ndata: a\n\n", b"data: a\n\n", []),
        (b"event: new\ndata: a\n\n", b"event: old\ndata: a\n\n", [("$[0].event", "value")]),
        (b"id: 1\ndata: a\n\n", b"id: 2\ndata: a\n\n", [("$[0].id", "value")]),
        (b"retry: 10\ndata: a\n\n", b"retry: 20\ndata: a\n\n", [("$[0].retry", "value")]),
        (b"data: a\n\ndata: b\n\n", b"data: a\n\n", [("$", "length"), ("$[1]", "missing")]),
        (b"data: a\n\n", b"data: a\n", [("$[0].unfinished", "extra")]),
        (b"data\n\n", b"data: x\n\n", [("$[0].data", "value")]),
        (b"\xef\xbb\xbfdata: a\n\n", b"data: a\r\r", []),
    ],
)
def test_events__differ__are_addressed_by_event_and_field(
    control: bytes, candidate: bytes, expected: list[tuple[str, str]]
) -> None:
    assert differing(control, candidate, EVENTS) == expected


# ---------------------------------------------------------------------------------------- forms


@pytest.mark.parametrize(
    ("control", "candidate", "expected"),
    [
        (b"a=1&b=2", b"b=2&a=1", []),
        (b"a=%c3%a9+x", b"a=%C3%A9%20x", []),
        (b"a=1&b=2", b"a=1&b=3", [("$.b", "value")]),
        (b"a=1", b"a=1&b=2", [("$.b", "extra")]),
        (b"a=1&a=2", b"a=2&a=1", [("$.a", "order")]),
        (b"a=%ff", b"a=%fe", [("$.a", "value")]),
    ],
)
def test_form__differs__is_addressed_by_name(control: bytes, candidate: bytes, expected: list[tuple[str, str]]) -> None:
    assert differing(control, candidate, FORM) == expected


@given(st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), max_size=6))
def test_form__names_in_another_order__is_the_same(pairs: list[tuple[str, str]]) -> None:
    by_name = sorted(pairs, key=lambda pair: pair[0])
    assert differing(urlencode(pairs).encode(), urlencode(by_name).encode(), FORM) == []


def parts(boundary: str, *given: tuple[str, bytes]) -> Answer:
    written = (
        b"".join(f"--{boundary}\r\n{head}\r\n\r\n".encode() + content + b"\r\n" for head, content in given)
        + f"--{boundary}--\r\n".encode()
    )
    return answer(written, f"multipart/form-data; boundary={boundary}")


NAME = 'Content-Disposition: form-data; name="name"'
PHOTO = 'Content-Disposition: form-data; name="photo"; filename="p.png"\r\nContent-Type: image/png'
DATA = 'Content-Disposition: form-data; name="data"\r\nContent-Type: application/json'


@pytest.mark.parametrize(
    ("control", "candidate", "expected"),
    [
        (parts("x", (NAME, b"jane")), parts("y", (NAME, b"jane")), []),
        (parts("x", (NAME, b"jane"), (PHOTO, b"\0")), parts("y", (PHOTO, b"\0"), (NAME, b"jane")), []),
        (parts("x", (NAME, b"jane")), parts("y", (NAME, b"joe")), [("$.name", "value")]),
        (parts("x", (PHOTO, b"\0\1")), parts("y", (PHOTO, b"\0\2")), [("$.photo.content.hash", "value")]),
        (parts("x", (DATA, b'{"a":1}')), parts("y", (DATA, b'{"a": 2}')), [("$.data.content.a", "value")]),
        (
            parts("x", (PHOTO, b"\0")),
            parts("y", (PHOTO.replace("p.png", "q.png"), b"\0")),
            [("$.photo.filename", "value")],
        ),
    ],
)
def test_multipart__differs__is_addressed_by_part(
    control: Answer, candidate: Answer, expected: list[tuple[str, str]]
) -> None:
    assert found(compare(control=control, candidate=candidate)) == expected


def test_multipart__without_names__is_addressed_by_index() -> None:
    control, candidate = (
        b"--x\r\nContent-Type: text/plain\r\n\r\none\r\n--x\r\n\r\n" + last + b"\r\n--x--" for last in (b"two", b"2")
    )
    assert differing(control, candidate, 'multipart/mixed; boundary="x"') == [("$[1].content", "value")]


# ---------------------------------------------------------------------------------- media types


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", MediaType()),
        ("Text/HTML; Charset=UTF-8", MediaType("text/html", {"charset": "UTF-8"}, Format.HTML)),
        ('multipart/mixed; boundary="a;\\"b"', MediaType("multipart/mixed", {"boundary": 'a;"b'}, Format.MULTIPART)),
        ("image/svg+xml;;x", MediaType("image/svg+xml", {}, Format.XML)),
        ("application/stream+json", MediaType("application/stream+json", {}, Format.LINES)),
        ("application/ld+json", MediaType("application/ld+json", {}, None)),
    ],
)
def test_media_type__written_by_hand__is_read(written: str, expected: MediaType) -> None:
    assert media_type(written) == expected


def test_document__of_one_answer__is_read_in_its_format() -> None:
    read = document(answer(b"a=1", FORM))
    assert read is not None
    assert read.value == {"a": "1"}
