"""core.redaction: nothing leaves the data plane that was not allowed to."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.core.comparison import Answer, compare
from migrator.core.redaction import findings, permits, redact_path, token
from migrator.core.wire import Finding, encode

SECRET = "jane.doe@example.com"
KEY = "user-12345678"
"""Data rather than a name, and no secret."""


def shown(control: Any, candidate: Any, *allowed: str) -> tuple[Finding, ...]:
    left, right = (
        Answer(status=200, body=side if isinstance(side, bytes) else json.dumps(side).encode())
        for side in (control, candidate)
    )
    return findings(compare(control=left, candidate=right), allowed)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "null"), (True, "true"), (12, "number"), (1.5, "number"), ([1, 2], "array(2)"), ({"a": 1}, "object(1)")],
)
def test_token__value__tells_its_type_only(value: Any, expected: str) -> None:
    assert token(value) == expected


def test_token__strings__equal_ones_are_seen_as_equal() -> None:
    assert token("abc") == token("abc") != token("abd")
    assert token("abc").startswith("string(3) #")
    assert token("\ud800").startswith("string(1) #")


def test_findings__nothing_allowed__show_tokens() -> None:
    finding = shown({"mail": SECRET}, {"mail": None})[0]
    assert (finding.path, finding.kind, finding.candidate) == ("$.mail", "type", "null")
    assert finding.control == token(SECRET)


def test_findings__number_form__tells_the_forms() -> None:
    finding = shown({"a": 1}, {"a": 1.0})[0]
    assert (finding.control, finding.candidate) == ("integer", "decimal")


def test_findings__missing_side__is_none() -> None:
    finding = shown({"a": 1}, {})[0]
    assert (finding.control, finding.candidate) == ("number", None)


def test_findings__allowed_path__shows_the_value() -> None:
    finding = shown({"items": [{"price": 1}]}, {"items": [{"price": 2}]}, "$.items[*].price")[0]
    assert (finding.control, finding.candidate) == ("1", "2")


@pytest.mark.parametrize(
    ("body", "written"),
    [
        (b"[NaN]", "NaN"),
        (b"[Infinity]", "Infinity"),
        (b'["\\u0000"]', '"\\u0000"'),
        (b'["\\ud800"]', '"\\ud800"'),
        ('["é"]'.encode(), '"\\u00e9"'),
        (b"[123456789012345678901234567890]", "123456789012345678901234567890"),
        (b"[0.1234567890123456789]", "0.1234567890123456789"),
    ],
)
def test_findings__values_that_stores_refuse__are_written_in_ascii(body: bytes, written: str) -> None:
    finding = shown(body, b"[false]", "$..*")[0]
    assert finding.control == written
    assert msgspec.json.decode(encode(finding), type=Finding) == finding


def test_findings__long_value__is_cut_to_what_may_travel() -> None:
    finding = shown({"a": "x" * 10_000}, {"a": list(range(10_000))}, "$..*")[0]
    assert finding.control is not None
    assert finding.candidate is not None
    assert len(finding.control) == len(finding.candidate) == 2_000
    assert msgspec.json.decode(encode(finding), type=Finding) == finding


@pytest.mark.parametrize("allowed", [(), ("$.other",), ("$.user",), ("$.user.name",), ("not a path",), ("$..name",)])
def test_findings__secret_inside_an_object__is_not_shown_by_a_narrower_right(allowed: tuple[str, ...]) -> None:
    for control, candidate in (
        ({"user": {"name": "x", "mail": SECRET}}, {"user": None}),
        ({"user": [SECRET]}, {"user": [SECRET, SECRET]}),
        ({"user": {SECRET: 1}}, {"user": {SECRET: 2}}),
        ({SECRET: {"mail": SECRET}}, {SECRET: {"mail": SECRET + "x"}}),
    ):
        assert SECRET.encode() not in encode(shown(control, candidate, *allowed))


def test_findings__everything_under_a_path_allowed__shows_it() -> None:
    finding = shown({"user": {"name": "Jane"}}, {"user": None}, "$.user..*")[0]
    assert finding.control == '{"name": "Jane"}'


def test_findings__key_that_is_data__is_shown_only_where_everything_under_it_is() -> None:
    pair = ({"users": {KEY: {"age": 1}}}, {"users": {KEY: {"age": 2}}})
    narrow, wide = shown(*pair, "$.users[*].age")[0], shown(*pair, "$.users..*")[0]
    assert (narrow.control, wide.control) == ("1", "1")
    assert narrow.shape == wide.shape == "$.users[*].age"
    assert narrow.path == f"$.users['{token(KEY)}'].age"
    assert wide.path == f"$.users['{KEY}'].age"


def test_findings__status_and_content_type__are_always_shown() -> None:
    control = Answer(status=200, headers=[(b"content-type", b"text/html"), (b"location", b"/users/7")])
    candidate = Answer(status=404, headers=[(b"content-type", b"text/plain"), (b"location", b"/users/8")])
    comparison = compare(control=control, candidate=candidate, compared_headers=("content-type", "location"))
    status, content_type, location = findings(comparison, ())
    assert (status.control, status.candidate) == ("200", "404")
    assert (content_type.control, content_type.candidate) == ('"text/html"', '"text/plain"')
    assert location.control is not None
    assert location.control.startswith("string(8) #")
    assert findings(comparison, ["header:location"])[2].control == '"/users/7"'


def test_findings__other_bodies__are_told_by_size_and_hash() -> None:
    finding = shown(b"<html>Jane</html>", b"", "$..*")[0]
    assert finding.path == "body"
    assert finding.control is not None
    assert finding.control.startswith("html, 17 bytes #")
    assert finding.candidate == "empty"


def test_findings__more_than_the_limit__are_left_out() -> None:
    assert len(shown([0] * 50, [1] * 50)) == 20


secret_values = st.text("jane.doe@xmpl-0123456789", min_size=6, max_size=20).map(lambda text: f"{text}§secret")
holders = st.recursive(
    secret_values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
)


@given(holders, holders)
def test_findings__planted_secrets__never_leave(control: Any, candidate: Any) -> None:
    assert "§secret" not in encode(shown(control, candidate)).decode()


@pytest.mark.parametrize(
    ("pattern", "shape", "permitted"),
    [
        ("$..*", "header:location", True),
        ("$.a", "$.a", True),
        ("$.a", "$.a.b", False),
        ("$.a..*", "$.a.b", True),
        ("$.a..*", "$.b", False),
        ("$[*].a", "$[*].a", True),
        ("header:location", "header:location", True),
        ("$[?@.a]", "$.a", False),
    ],
)
def test_permits__pattern_and_shape__agree(pattern: str, shape: str, permitted: bool) -> None:
    assert permits(pattern, shape) is permitted


@pytest.mark.parametrize(
    ("target", "template", "allowed", "expected"),
    [
        (b"/users/42", "/users/{id}", (), "/users/{id}"),
        (b"/users/42?page=2&token=abc", "/users/{id}", (), "/users/{id}?page=…&token=…"),
        (b"/users/42?page=2&q=a", "/users/{id}", ("path:id", "query:page"), "/users/42?page=2&q=…"),
        (b"/users/42?page=2", "/users/{id}", ("$..*",), "/users/42?page=2"),
        (b"/files/a/b/c", "/files/*", (), "/files/*"),
        (b"/users/4200?x", None, (), "/users/{…}?x"),
        (b"/users/\xff", "/users/{id}", (), "/users/{id}"),
        (b"/a?jane@example.com", "/a", (), "/a?…"),
        (b"/a?empty=", "/a", (), "/a?empty="),
        (b"/a", "/a", (), "/a"),
    ],
)
def test_redact_path__values__are_hidden_unless_allowed(
    target: bytes, template: str | None, allowed: tuple[str, ...], expected: str
) -> None:
    assert redact_path(target, template, allowed) == expected


@pytest.mark.parametrize(
    "secret", [SECRET, "4111 1111 1111 1111", "+49 170 1234567", "Bearer abcdefghijk", 4111111111111111]
)
def test_findings__secret_at_an_allowed_place__is_not_shown(secret: Any) -> None:
    for allowed in ("$..*", "$.a"):
        finding = shown({"a": secret}, {"a": 1}, allowed)[0]
        assert finding.control == token(secret)
    whole = shown({"a": {"deep": [secret], SECRET: 1}}, {"a": 1}, "$..*")[0]
    assert (whole.control, whole.candidate) == ("object(2)", "1")


def test_findings__secret_far_into_an_allowed_text__is_not_shown_in_part() -> None:
    text = "x " * 990 + SECRET
    assert shown({"a": text}, {"a": 1}, "$..*")[0].control == token(text)


def test_findings__secret_as_a_name__is_not_shown() -> None:
    for name in (SECRET, "DE89370400440532013000", "+49 170 12 34 56 7", "sk_live_abcdefghijkl"):
        finding = shown({"by": {name: "Jane"}}, {"by": {name: "John"}}, "$..*")[0]
        assert finding.shape == "$.by[*]"
        assert name not in finding.path


def header(name: str, control: str, candidate: str, *allowed: str) -> Finding:
    left, right = (
        Answer(status=200, headers=[(name.encode(), value.encode())], body=b"{}") for value in (control, candidate)
    )
    found = findings(compare(control=left, candidate=right, compared_headers=[name]), allowed)
    return next(each for each in found if each.control != each.candidate)


@pytest.mark.parametrize("name", ["authorization", "x-api-key", "x-auth-token", "www-authenticate"])
def test_findings__header_that_opens_doors__is_never_shown(name: str) -> None:
    finding = header(name, "open sesame", "closed", f"header:{name}")
    assert (finding.control, finding.candidate) == (token("open sesame"), token("closed"))


def test_findings__cookie__is_never_shown() -> None:
    finding = header("set-cookie", "sid=sesame; Path=/", "sid=simsim; Path=/", "header:set-cookie", "$..*")
    assert "sesame" not in str(finding)
    assert "simsim" not in str(finding)


def test_findings__address_in_a_header__is_shown_without_its_query() -> None:
    finding = header("location", "/a/b?code=sesame#here", "/a/c?code=sesame", "header:location")
    assert (finding.control, finding.candidate) == ('"/a/b?…"'.replace("…", "\\u2026"), '"/a/c?\\u2026"')


@pytest.mark.parametrize(
    ("target", "template", "shown"),
    [
        ("/users/7?page=2", "/users/{id}", "/users/7?page=2"),
        ("/users/jane%40example.com?page=2", "/users/{id}", "/users/{id}?page=…"),
        ("/users/7?mail=jane@example.com&page=2", "/users/{id}", "/users/{id}?mail=…&page=…"),
        ("/pay/4111-1111-1111-1111", None, "/pay/{…}"),
        ("/a?jane%40example.com", None, "/a?…"),
    ],
)
def test_redact_path__secret_where_everything_is_allowed__is_hidden(
    target: str, template: str | None, shown: str
) -> None:
    assert redact_path(target.encode(), template, ["$..*"]) == shown


def test_redact_path__secret_in_an_allowed_parameter__is_hidden() -> None:
    allowed = ["path:id", "query:q"]
    assert redact_path(b"/u/ada?q=x", "/u/{id}", allowed) == "/u/ada?q=x"
    assert redact_path(b"/u/a%40b.org?q=a%40b.org", "/u/{id}", allowed) == "/u/{id}?q=…"
