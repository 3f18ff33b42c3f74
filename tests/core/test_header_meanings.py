"""core.header_meanings: two ways of saying one thing are no difference, and a difference names its part."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.core.comparison import Answer, compare
from migrator.core.header_meanings import MEANINGS, header_differences
from migrator.core.paths import covers
from migrator.core.redaction import findings
from migrator.core.rules import compile_rules
from migrator.core.wire import Outcome, RuleKind, RuleSpec

NOON = "Sat, 21 Nov 2026 12:00:00 GMT"
LATER = "Sat, 21 Nov 2026 12:00:20 GMT"
MUCH_LATER = "Sat, 21 Nov 2026 13:00:00 GMT"

values = st.lists(
    st.text(alphabet=st.characters(codec="latin-1"), max_size=20)
    | st.sampled_from(
        [
            'a=1; Path=/; Max-Age=3; HttpOnly, "',
            "session=abc; Expires=Sat, 21 Nov 2026 12:00:00 GMT",
            '<https://a.example/?page=2>; rel="next", </x>; rel=prev; title="a, b"',
            'no-cache="Set-Cookie, X", max-age=60',
            'W/"tag"',
            "https://a.example/x",
            'text/html; charset="utf-8"; boundary=x',
            NOON,
        ]
    ),
    max_size=3,
)


def parts(name: str, control: list[str], candidate: list[str]) -> list[str]:
    return [part for part, _, _ in header_differences(name=name, control=control, candidate=candidate)]


@pytest.mark.parametrize(
    ("name", "control", "candidate"),
    [
        ("set-cookie", ["a=1; Secure; Path=/"], ["a=1;path=/; secure"]),
        ("set-cookie", ["a=1", "b=2"], ["b=2", "a=1"]),
        ("set-cookie", [f"a=1; Expires={NOON}"], [f"a=1; Expires={LATER}"]),
        ("set-cookie", ["a=1; Max-Age=3600; SameSite=Lax"], ["a=1; Max-Age=3590; SameSite=lax"]),
        ("set-cookie", ["a=1; Domain=.Shop.example"], ["a=1; Domain=shop.example"]),
        ("date", [NOON], [LATER]),
        ("date", [NOON], ["Saturday, 21-Nov-26 12:00:01 GMT"]),
        ("expires", [NOON], [LATER]),
        ("last-modified", [NOON], ["Sat Nov 21 12:00:00 2026"]),
        ("cache-control", ["no-store, max-age=60"], ["Max-Age=60", "no-store"]),
        ("allow", ["GET, HEAD"], ["head,GET"]),
        ("vary", ["Accept, Origin"], ["origin", "accept"]),
        ("connection", ["Keep-Alive"], ["keep-alive"]),
        ("content-type", ["application/json"], ["application/json; charset=UTF-8"]),
        ("content-type", ["application/problem+json;charset=utf-8"], ["application/problem+json"]),
        ("content-type", ["multipart/form-data; boundary=a"], ["multipart/form-data; boundary=b"]),
        ("link", ['</a>; rel="next", </b>; rel="prev"'], ["</b>; rel=prev", "</a>; rel=next"]),
    ],
)
def test_header__said_otherwise__is_no_difference(name: str, control: list[str], candidate: list[str]) -> None:
    assert parts(name, control, candidate) == []


@pytest.mark.parametrize(
    ("name", "control", "candidate", "expected"),
    [
        ("set-cookie", ["session=1; Secure"], ["session=1"], ["[session]@secure"]),
        ("set-cookie", ["session=1"], ["session=2"], ["[session]"]),
        ("set-cookie", ["a=1; Path=/", "b=2; Secure"], ["a=1; Path=/x"], ["[a]@path", "[b]"]),
        ("set-cookie", ["a=1"], [], ["[a]"]),
        ("set-cookie", ["a=1; Path=/", "a=2; Path=/x"], ["a=1; Path=/"], ["[a]"]),
        ("set-cookie", ["jane@example.com=1"], [], ["[*]"]),
        ("set-cookie", ["a=1; Max-Age=0"], ["a=1; Max-Age=30"], ["[a]@max-age"]),
        ("set-cookie", [f"a=1; Expires={NOON}"], [f"a=1; Expires={MUCH_LATER}"], ["[a]@expires"]),
        ("date", [NOON], [MUCH_LATER], [""]),
        ("date", [NOON], ["yesterday"], [""]),
        ("last-modified", [NOON], [LATER], [""]),
        ("cache-control", ["max-age=60, no-store"], ["max-age=0"], ["[max-age]", "[no-store]"]),
        ("allow", ["GET, delete"], ["GET"], ["[DELETE]"]),
        ("vary", ["accept"], [], [""]),
        ("content-type", ["text/html"], ["text/html; charset=utf-8"], ["@charset"]),
        ("content-type", ["text/html"], ["application/json"], [""]),
        ("etag", ['"a"'], ['W/"a"'], ["@weak"]),
        ("etag", ['"a"'], ['"b"'], [""]),
        ("link", ["</a>; rel=next; title=x"], ["</b>; rel=next; title=y"], ["[next]", "[next]@title"]),
        ("link", ["a"], ["b"], [""]),
        ("location", ["/a"], ["http://shop.example/a"], [""]),
        ("x-other", ["a", "b"], ["b", "a"], [""]),
    ],
)
def test_header__says_something_else__names_the_part(
    name: str, control: list[str], candidate: list[str], expected: list[str]
) -> None:
    assert parts(name, control, candidate) == expected


def located(address: str, *hosts: str) -> Answer:
    return Answer(status=302, headers=[(b"Location", address.encode())], hosts=hosts)


@pytest.mark.parametrize(
    ("control", "candidate", "same"),
    [
        (located("http://old:80/a?b", "old:80"), located("http://new/a?b", "new"), True),
        (located("/a", "old"), located("https://NEW/a", "new"), True),
        (located("http://old", "old"), located("/", "new"), True),
        (located("http://old/a", "old"), located("https://new/a", "new"), False),
        (located("/a", "old"), located("http://elsewhere/a", "new"), False),
        (located("http://old/a", "old"), located("http://old/a", "new"), False),
        (located("http://old/a", "old"), located("http://new/b", "new"), False),
    ],
)
def test_location__at_home__compares_by_its_path(control: Answer, candidate: Answer, same: bool) -> None:
    comparison = compare(control=control, candidate=candidate, compared_headers=("location",))
    assert (comparison.outcome is Outcome.MATCH) is same


def test_set_cookie__differs__shows_attributes_and_hides_values() -> None:
    control = Answer(status=200, headers=[(b"Set-Cookie", b"session=s3cr3t; SameSite=Lax")])
    candidate = Answer(status=200, headers=[(b"Set-Cookie", b"session=t0ken; SameSite=None")])
    comparison = compare(control=control, candidate=candidate, compared_headers=("set-cookie",))
    value, attribute = findings(comparison, ())
    assert (value.path, attribute.path) == ("header:set-cookie[session]", "header:set-cookie[session]@samesite")
    assert "s3cr3t" not in str(value)
    assert "t0ken" not in str(value)
    assert attribute.control == '"Lax"'


@pytest.mark.parametrize("path", ["header:set-cookie", "header:set-cookie[*]@path", "header:set-cookie[a]@path"])
def test_rule__on_a_header_or_its_part__speaks_about_the_part(path: str) -> None:
    rules = compile_rules([RuleSpec(id=1, kind=RuleKind.IGNORE, path=path)], now=0.0)
    control = Answer(status=200, headers=[(b"Set-Cookie", b"a=1; Path=/")])
    candidate = Answer(status=200, headers=[(b"Set-Cookie", b"a=1; Path=/x")])
    comparison = compare(control=control, candidate=candidate, compared_headers=("set-cookie",), rules=rules)
    assert comparison.outcome is Outcome.MATCH
    assert comparison.ruled == {1: 1}


def test_covers__part_of_another_header__is_not_covered() -> None:
    assert covers("header:set-cookie", "header:set-cookie[a]")
    assert not covers("header:set-cookie[a]", "header:set-cookie[b]")
    assert not covers("header:set", "header:set-cookie[a]")


@given(st.sampled_from([*MEANINGS, "x-other"]), values, values)
def test_header__whatever_it_says__is_symmetric_and_never_raises(name: str, one: list[str], other: list[str]) -> None:
    there = list(header_differences(name=name, control=one, candidate=other))
    back = list(header_differences(name=name, control=other, candidate=one))
    assert sorted((part, repr(left), repr(right)) for part, left, right in there) == sorted(
        (part, repr(right), repr(left)) for part, left, right in back
    )


@given(st.sampled_from([*MEANINGS, "x-other"]), values)
def test_header__held_against_itself__has_no_difference(name: str, one: list[str]) -> None:
    assert parts(name, one, list(one)) == []
