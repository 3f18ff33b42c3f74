"""core.formats: XML and HTML by their structure, text by its lines."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.core.comparison import Answer, compare, document
from migrator.core.paths import BODY, LINE, covers, parse_path
from migrator.core.redaction import findings
from migrator.core.rules import compile_rules
from migrator.core.wire import Outcome, RuleKind, RuleSpec
from tests.core.formats import answer, between, differing, found

HTML = "text/html; charset=utf-8"
XML = "application/xml"


def value(body: bytes, content_type: str) -> Any:
    read = document(answer(body, content_type))
    return None if read is None else read.value


# ------------------------------------------------------------------------------------------ XML


@pytest.mark.parametrize(
    ("control", "candidate"),
    [
        (b'<a x="1" y="2"/>', b"<a y='2' x='1'></a>"),
        (b"<a><b>t</b></a>", b"<?xml version='1.0'?>\n<a>\n  <b> t </b>\n</a><!-- end -->"),
        (b"<a>x &amp; y</a>", b"<a><![CDATA[x & y]]></a>"),
        (b'<p:a xmlns:p="urn:x"><p:b/></p:a>', b'<a xmlns="urn:x"><b/></a>'),
        (b'<a xmlns:p="urn:x" p:y="1"/>', b'<a xmlns:q="urn:x" q:y="1"/>'),
        ("<a>é</a>".encode(), "<?xml version='1.0' encoding='latin-1'?><a>é</a>".encode("latin-1")),
        ("<a>é</a>".encode(), "<?xml version='1.0' encoding='utf-16'?><a>é</a>".encode("utf-16")),
    ],
)
def test_xml__written_otherwise__is_the_same(control: bytes, candidate: bytes) -> None:
    assert differing(control, candidate, XML) == []
    assert differing(control, candidate) == []


@pytest.mark.parametrize(
    ("control", "candidate", "expected"),
    [
        (b"<o><i>a</i><i>b</i></o>", b"<o><i>a</i><i>c</i></o>", [("$.o.i[1]['#text']", "value")]),
        (b'<o x="1"/>', b'<o x="2"/>', [("$.o['@x']", "value")]),
        (b'<o x="1"/>', b"<o/>", [("$.o['@x']", "missing")]),
        (b"<o><i/></o>", b"<o/>", [("$.o.i", "missing")]),
        (b"<o><i/></o>", b"<o><i/><i/></o>", [("$.o.i", "length"), ("$.o.i[1]", "extra")]),
        (b"<o><a/><b/></o>", b"<o><b/><a/></o>", [("$.o['#order']", "order")]),
        (b"<o>x<b/>y</o>", b"<o>xy<b/></o>", [("$.o['#text']", "type")]),
        (b"<o>x<b/></o>", b"<o><b/>x</o>", [("$.o['#order']", "order")]),
        (b"<o><a/><b/></o>", b"<o><b/><a/><c/></o>", [("$.o.c", "extra")]),
        (b'<o xmlns="urn:x"/>', b'<o xmlns="urn:y"/>', [("$.o['#namespace']", "value")]),
        (b"<o/>", b"<p/>", [("$.o", "missing"), ("$.p", "extra")]),
        (b"<o>a  b</o>", b"<o>a b</o>", [("$.o['#text']", "value")]),
        (b'<o xml:space="preserve"> a</o>', b'<o xml:space="preserve">a</o>', [("$.o['#text']", "value")]),
    ],
)
def test_xml__differs__is_addressed_by_element(
    control: bytes, candidate: bytes, expected: list[tuple[str, str]]
) -> None:
    assert differing(control, candidate, XML) == expected


def test_xml__paths__are_ones_that_rules_and_fields_can_name() -> None:
    comparison = between(b'<o><i k="1">a</i></o>', b'<o><i k="2">b</i></o>', XML)
    assert [shape for shape, _ in comparison.shapes] == ["$.o.i[*]['@k']", "$.o.i[*]['#text']"]
    assert all(parse_path(shape) for shape, _ in comparison.shapes)
    rules = compile_rules([RuleSpec(id=1, kind=RuleKind.IGNORE, path="$.o.i[*]['@k']")], now=0.0)
    ruled = compare(control=answer(b'<o><i k="1"/></o>', XML), candidate=answer(b'<o><i k="2"/></o>', XML), rules=rules)
    assert ruled.outcome is Outcome.MATCH


def test_xml__order_of_children_ruled_unordered__is_no_difference() -> None:
    rules = compile_rules([RuleSpec(id=1, kind=RuleKind.UNORDERED, path="$.o['#order']")], now=0.0)
    control, candidate = answer(b"<o><a/><b/></o>", XML), answer(b"<o><b/><a/></o>", XML)
    assert compare(control=control, candidate=candidate, rules=rules).outcome is Outcome.MATCH


def test_xml__values__are_redacted_as_those_of_json() -> None:
    comparison = between(b"<u><name>Magdalena</name></u>", b"<u><name>Magda</name></u>", XML)
    assert "Magda" not in str(findings(comparison, ()))
    assert "Magdalena" in str(findings(comparison, ("$.u.name..*",)))


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>',
        b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:1/">%x;]><a/>',
        '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'.encode("utf-16"),
        b"<a><b></a>",
        b"<a>&nbsp;</a>",
        b"<a",
    ],
)
def test_xml__entities_of_its_own_or_malformed__has_no_structure(body: bytes) -> None:
    assert value(body, XML) is None


def test_xml__entity_that_is_declared_elsewhere__is_kept_by_its_name() -> None:
    page = b'<!DOCTYPE a PUBLIC "x" "http://127.0.0.1:1/a.dtd"><a>x%sy</a>'
    assert differing(page % b"&nbsp;", page % b"&copy;", XML) == [("$.a['#text']", "value")]


# ----------------------------------------------------------------------------------------- HTML


@pytest.mark.parametrize(
    ("control", "candidate"),
    [
        (b"<html><body><p>a<p>b</body></html>", b"<HTML>\n<body>\n<p>a</p>\n<p>b</p>\n</body>\n</html>"),
        (b'<div CLASS="x" id=y>t</div>', b"<div id='y' class=x>\n t\n</div>"),
        (b"<ul><li>a<li>b</ul>", b"<ul><li>a</li><li>b</li></ul>"),
        (b"<table><tr><td>1<td>2<tr><td>3</table>", b"<table><tr><td>1</td><td>2</td></tr><tr><td>3</td></tr></table>"),
        (b"<p>a<br>b</p>", b"<p>a<br/>b</p>"),
        (b"<input disabled>", b'<input disabled="">'),
        (b"<p>&eacute; &#233;</p>", "<p>é é</p>".encode()),
        (b"<p>a<!-- x -->b</p>", b"<p>ab</p>"),
        (b"<!DOCTYPE html><p>a", b"<!doctype HTML>\n<p>a</p>"),
        (b"<svg><path d='1'/><path d='2'/></svg>", b"<svg><path d=1></path><path d=2></path></svg>"),
    ],
)
def test_html__written_otherwise__is_the_same(control: bytes, candidate: bytes) -> None:
    assert differing(control, candidate, HTML) == []


@pytest.mark.parametrize(
    ("control", "candidate", "expected"),
    [
        (
            b"<html><body><div></div><div class=a></div></body></html>",
            b"<html><body><div></div><div class=b></div></body></html>",
            [("$.html.body.div[1]['@class']", "value")],
        ),
        (b"<p>a</p>", b"<p>b</p>", [("$.p[0]['#text']", "value")]),
        (b"<p>a</p>", b"<p>a</p><p>b</p>", [("$.p", "length"), ("$.p[1]", "extra")]),
        (b"<pre>a  b</pre>", b"<pre>a b</pre>", [("$.pre[0]['#text']", "value")]),
        (b"<script>if (a<b) x</script>", b"<script>if (a<c) x</script>", [("$.script[0]['#text']", "value")]),
        (b"<p>1 < 2</p>", b"<p>1 < 3</p>", [("$.p[0]['#text']", "value")]),
        (b"<!doctype html><p>a", b"<p>a", [("$['#doctype']", "missing")]),
    ],
)
def test_html__differs__is_addressed_by_element(
    control: bytes, candidate: bytes, expected: list[tuple[str, str]]
) -> None:
    assert differing(control, candidate, HTML) == expected


names = st.sampled_from(["div", "p", "b", "ul", "li", "x-y"])
texts = st.text(alphabet="ab <>&\"'", max_size=5)
pages = st.recursive(
    texts.map(lambda text: text.replace("&", "&amp;").replace("<", "&lt;")),
    lambda inner: st.builds(
        lambda name, children: f"<{name}>{''.join(children)}</{name}>", names, st.lists(inner, max_size=4)
    ),
    max_leaves=12,
)


@given(pages)
def test_html__any_page_wrapped_in_blanks__is_the_same(page: str) -> None:
    assert differing(f"<div>{page}</div>".encode(), f"\n<div>{page}</div >\n".encode(), HTML) == []


@given(pages)
def test_html__a_planted_attribute__is_found(page: str) -> None:
    control, candidate = f"<main>{page}</main>".encode(), f"<main planted>{page}</main>".encode()
    assert ("$.main[0]['@planted']", "extra") in differing(control, candidate, HTML)


# ----------------------------------------------------------------------------------------- text


@pytest.mark.parametrize(
    ("control", "candidate", "expected"),
    [
        (b"one\ntwo\nthree", b"one\n2\nthree", [("body:line[1]", "value")]),
        (b"one\ntwo\nthree", b"one\nthree", [("body:line[1]", "missing")]),
        (b"one\nthree", b"one\ntwo\nthree", [("body:line[1]", "extra")]),
        (b"one\ntwo", b"two\none", [("body:line", "order")]),
        (b"one\n", b"one", [("body:line[1]", "missing")]),
        (b"one\r\n", b"one\n", [("body:line[0]", "value")]),
        (b"hello", b"", [("body", "body")]),
        (b"a\0", b"b\0", [("body", "body")]),
        (b"caf\xe9", b"cafe", [("body", "body")]),
    ],
)
def test_text__differs__names_the_lines(control: bytes, candidate: bytes, expected: list[tuple[str, str]]) -> None:
    assert differing(control, candidate) == expected
    assert differing(control, candidate, "text/plain") == expected


def test_text__in_other_charsets_that_are_declared__is_the_same() -> None:
    control = answer("café".encode(), "text/plain; charset=utf-8")
    candidate = answer("café".encode("latin-1"), "text/plain; charset=iso-8859-1")
    assert found(compare(control=control, candidate=candidate)) == []


@pytest.mark.parametrize("path", [BODY, "$"])
def test_text__rule_on_the_body__speaks_about_its_lines(path: str) -> None:
    assert covers(path, LINE)
    rules = compile_rules([RuleSpec(id=1, kind=RuleKind.ACCEPT, path=path)], now=0.0)
    control, candidate = Answer(status=200, body=b"one"), Answer(status=200, body=b"two")
    assert compare(control=control, candidate=candidate, rules=rules).outcome is Outcome.ACCEPTED


def test_text__values__are_redacted() -> None:
    assert "s3cret" not in str(findings(between(b"a\ns3cret", b"a\ns3cretly"), ()))
