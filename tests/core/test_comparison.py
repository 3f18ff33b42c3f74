"""core.comparison, core.walk: what differs is found, what does not is not, whatever the bytes."""

import copy
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from migrator.core.comparison import KEPT, Answer, Comparison, Difference, compare
from migrator.core.paths import Steps, parse_path
from migrator.core.rules import Rules, compile_rules
from migrator.core.stages import Scrutiny
from migrator.core.walk import ABSENT, LOOKED_AT, Kind, align
from migrator.core.wire import Outcome, RuleKind, RuleSpec

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "diff"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the public diff documents are not on this machine")

numbers = (
    st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0, 1, 0.0, -0.0, 1.0, 1e17])
)
scalars = st.none() | st.booleans() | numbers | st.text(max_size=6)
names = st.text(max_size=4) | st.sampled_from(["id", "items", "odd key", "it's", "2024-01-01", "a@b.example"])
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(names, inner, max_size=5), max_leaves=25
)


def answer(body: Any, **rest: Any) -> Answer:
    return Answer(status=200, body=body if isinstance(body, bytes) else json.dumps(body).encode(), **rest)


def between(control: Any, candidate: Any, **rest: Any) -> Comparison:
    return compare(control=answer(control), candidate=answer(candidate), **rest)


def accepting(path: str) -> Rules:
    return compile_rules([RuleSpec(id=1, kind=RuleKind.ACCEPT, path=path)], now=0)


def found(comparison: Comparison) -> list[tuple[str, str]]:
    return [(difference.path, str(difference.kind)) for difference in comparison.differences]


def strict(value: Any) -> Any:
    """A form in which Python's == tells 1, 1.0, -0.0 and True apart and keeps the order of arrays."""
    if isinstance(value, dict):
        return {name: strict(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [strict(inner) for inner in value]
    return (type(value).__name__, repr(value))


# ------------------------------------------------------------------------------- what differs


@pytest.mark.parametrize(
    ("control", "candidate", "expected"),
    [
        ({"a": 1}, {}, [("$.a", "missing")]),
        ({}, {"a": None}, [("$.a", "extra")]),
        ({"a": None}, {"a": ""}, [("$.a", "type")]),
        ({"a": 1}, {"a": 2}, [("$.a", "value")]),
        ({"a": 1}, {"a": 1.0}, [("$.a", "number_form")]),
        ({"a": 1}, {"a": 1.5}, [("$.a", "value")]),
        ({"a": 1}, {"a": True}, [("$.a", "type")]),
        ({"a": 0.0}, {"a": -0.0}, [("$.a", "number_form")]),
        ({"a": "1"}, {"a": 1}, [("$.a", "type")]),
        ({"a": {}}, {"a": []}, [("$.a", "type")]),
        ([1, 2, 3], [3, 1, 2], [("$", "order")]),
        ([1, 1, 2], [1, 2, 2], [("$[1]", "value")]),
        ([1], [1.0], [("$[0]", "number_form")]),
        ([{"p": 1}, {"p": 2}], [{"p": 1}, {"p": 3}], [("$[1].p", "value")]),
        ({"odd key": 1}, {"odd key": 2}, [("$['odd key']", "value")]),
        (1, "1", [("$", "type")]),
        (10**30, 10**30 + 1, [("$", "value")]),
        (2**53, float(2**53), [("$", "number_form")]),
    ],
)
def test_compare__one_planted_difference__is_found_by_path_and_kind(
    control: Any, candidate: Any, expected: list[tuple[str, str]]
) -> None:
    assert found(between(control, candidate)) == expected


@pytest.mark.parametrize(
    ("control", "candidate", "expected"),
    [
        (b"12345678901234567890123", b"12345678901234567890124", ["value"]),
        (b"12345678901234567890123", b"12345678901234567890123.0", ["number_form"]),
        (b"0.12345678901234567890", b"0.12345678901234567891", ["value"]),
        (b"0.1", b"0.10000000000000000000000001", ["value"]),
        (b"1.0", b"1.00000000000000000000", []),
        (b"1e17", b"100000000000000000.0", []),
        (b"1e17", b"100000000000000000", ["number_form"]),
        (b"[1e400]", b"[2e400]", ["value"]),
        (b"[1e400]", b"[ 1e400]", []),
        (b"1e99999999999999999999", b"2e99999999999999999999", ["value"]),
        (b"9" * 5000, b"9" * 4999 + b"8", ["value"]),
        (b"[NaN]", b"[ NaN]", []),
        (b"[NaN]", b"[null]", ["type"]),
        (b"[Infinity]", b"[-Infinity]", ["value"]),
        (b'["\\ud800"]', b'["\\ud801"]', ["value"]),
        (b'["\\ud800"]', b'[ "\\uD800"]', []),
        (b'["\\u0000"]', b'["\\u0001"]', ["value"]),
        (b'"\\u00e9"', '"é"'.encode(), []),
        (b'{"a":1,"a":2}', b'{"a":2}', ["duplicate"]),
        (b'{"a":1,"a":2}', b'{ "a":1,"a":2}', []),
        (b'{"a":":","b":1}', b'{"a":"\\u003a","b":1}', []),
        (b'{"a":1,"b":2}', b'{"b":2,\n"a":1}', []),
        (b'[{"a":[]},{"a":1,"b":2}]', b'[{"a":[]},{"b":2,"a":1}]', []),
        (b'[123456789012345678901,{"a":1,"b":2}]', b'[123456789012345678901,{"b":2,"a":1}]', []),
        (b'[123456789012345678901,{"a":1},[1]]', b'[[1],{"a":1},123456789012345678901]', ["order"]),
        (b'[NaN,{"a":1,"a":2}]', b'[NaN,{"a":2}]', ["duplicate"]),
        (b'\xef\xbb\xbf{"a":1}', b'{"a":1}', []),
        ('{"a":"é"}'.encode("utf-16"), '{"a": "é"}'.encode(), []),
    ],
)
def test_compare__bodies_that_fast_parsers_round_or_refuse__are_exact(
    control: bytes, candidate: bytes, expected: list[str]
) -> None:
    comparison = between(control, candidate)
    assert [difference.kind for difference in comparison.differences] == expected


@pytest.mark.parametrize("offset", range(8))
@pytest.mark.parametrize(
    ("control", "candidate"),
    [("1.23456789012345678", "1.23456789012345679"), ("18446744073709551616", "18446744073709551617")],
)
def test_compare__shortest_numbers_that_a_double_rounds__are_exact_wherever_they_stand(
    offset: int, control: str, candidate: str
) -> None:
    one, other = (f"[{' ' * offset}{number},1]".encode() for number in (control, candidate))
    assert found(between(one, other)) == [("$[0]", "value")]


def test_compare__one_member_inserted__is_one_extra_and_the_length() -> None:
    members = [{"id": number, "name": f"n{number}"} for number in range(50)]
    comparison = between(members, [*members[:7], {"id": 99, "name": "new"}, *members[7:]])
    assert found(comparison) == [("$", "length"), ("$[7]", "extra")]
    assert comparison.shapes == (("$", Kind.LENGTH), ("$[*]", Kind.EXTRA))


def test_compare__one_member_gone_and_one_changed__are_told_apart() -> None:
    assert found(between(["a", "b", "c", "d", "e"], ["a", "X", "c", "e"])) == [
        ("$", "length"),
        ("$[1]", "value"),
        ("$[3]", "missing"),
    ]


def test_compare__members_differ_in_one_way__have_one_shape() -> None:
    control = {"items": [{"price": number} for number in range(5)]}
    candidate = {"items": [{"price": str(number)} for number in range(5)]}
    comparison = between(control, candidate)
    assert len(comparison.differences) == 5
    assert comparison.shapes == (("$.items[*].price", Kind.TYPE),)


def test_compare__keys_that_are_data__share_a_shape() -> None:
    control = {"users": {"jane@example.com": {"age": 1}, "joe@example.com": {"age": 2}}}
    candidate = {"users": {"jane@example.com": {"age": 3}, "joe@example.com": {"age": 4}}}
    assert between(control, candidate).shapes == (("$.users[*].age", Kind.VALUE),)


# ----------------------------------------------------------------- status, headers, other bodies


def test_compare__status_and_chosen_headers__differ_by_name() -> None:
    control = Answer(status=200, headers=[(b"Location", b"/a"), (b"X-Other", b"1")])
    candidate = Answer(status=404, headers=[(b"location", b"/b"), (b"x-other", b"2"), (b"ETag", b"1")])
    comparison = compare(control=control, candidate=candidate, compared_headers=("location", "etag"))
    assert found(comparison) == [("status:2xx→4xx", "status"), ("header:location", "header"), ("header:etag", "header")]
    assert comparison.differences[2].control is ABSENT


def test_compare__content_type_written_otherwise__is_the_same() -> None:
    control = Answer(status=200, headers=[(b"Content-Type", b"application/json;charset=UTF-8")])
    candidate = Answer(status=200, headers=[(b"content-type", b'application/json; charset="utf-8"')])
    assert compare(control=control, candidate=candidate, compared_headers=("content-type",)).differences == ()


def test_compare__repeated_headers__keep_their_order() -> None:
    control = Answer(status=200, headers=[(b"Link", b"a"), (b"Link", b"b")])
    candidate = Answer(status=200, headers=[(b"Link", b"b"), (b"Link", b"a")])
    assert found(compare(control=control, candidate=candidate, compared_headers=("link",))) == [
        ("header:link", "header")
    ]


def test_compare__status_only__leaves_bodies_alone() -> None:
    control, candidate = answer({"a": 1}), Answer(status=500, body=b"oops")
    comparison = compare(control=control, candidate=candidate, scrutiny=Scrutiny.STATUS)
    assert found(comparison) == [("status:2xx→5xx", "status")]
    assert comparison.shapes == (("status", Kind.STATUS),)


@pytest.mark.parametrize(
    ("control", "candidate"),
    [(b'{"a":1}', b"<html>b</html>"), (b"\x00\x01", b"\x00\x02"), (b'{"a":1}', b""), (b'{"a":1}', b'{"a":')],
)
def test_compare__bodies_that_are_not_both_json__differ_as_a_whole(control: bytes, candidate: bytes) -> None:
    difference = between(control, candidate).differences[0]
    assert (difference.path, difference.kind) == ("body", Kind.BODY)
    assert (difference.control.size, difference.candidate.size) == (len(control), len(candidate))


def test_compare__json_under_a_lying_content_type__is_compared_by_structure() -> None:
    headers = [(b"Content-Type", b"text/html")]
    control, candidate = answer({"a": 1}, headers=headers), answer(b'{ "a":1 }', headers=headers)
    assert compare(control=control, candidate=candidate).differences == ()


def test_compare__cut_body__proves_nothing() -> None:
    comparison = compare(control=answer(b"[1,2"), candidate=answer(b"[1,2", truncated=True))
    assert comparison.partial
    assert comparison.outcome is Outcome.SKIPPED


def test_compare__nothing_differs__does_not_parse() -> None:
    comparison = between(b"[1]", b"[1]")
    assert comparison.documents is None
    assert comparison.outcome is Outcome.MATCH


# ------------------------------------------------------------------------------------------ rules


def test_compare__difference_under_an_accepted_path__is_accepted() -> None:
    control = {"items": [{"at": 1, "id": 1}]}
    candidate = {"items": [{"at": 2, "id": 1}]}
    comparison = between(control, candidate, rules=accepting("$.items[*].at"))
    assert comparison.outcome is Outcome.ACCEPTED
    assert [difference.path for difference in comparison.accepted] == ["$.items[0].at"]
    assert comparison.shapes == ()


def test_compare__difference_beside_an_accepted_path__still_mismatches() -> None:
    comparison = between({"at": 1, "id": 1}, {"at": 2, "id": 2}, rules=accepting("$.at"))
    assert comparison.outcome is Outcome.MISMATCH
    assert found(comparison) == [("$.id", "value")]


# ----------------------------------------------------------------------------------------- bounds


def test_compare__more_differences_than_are_kept__says_so() -> None:
    comparison = between([0] * (KEPT + 50), [1] * (KEPT + 50))
    assert len(comparison.differences) == KEPT
    assert comparison.truncated
    assert not comparison.unfinished
    assert comparison.shapes == (("$[*]", Kind.VALUE),)


def test_compare__more_differences_than_are_looked_at__is_unfinished() -> None:
    comparison = between([0] * (LOOKED_AT + 1), [1] * (LOOKED_AT + 1))
    assert comparison.unfinished


@pytest.mark.parametrize("depth", [300, 1_100, 50_000])
def test_compare__documents_deeper_than_any_stack__are_compared(depth: int) -> None:
    def nested(core: bytes) -> bytes:
        return b'{"a":[' * depth + core + b"]}" * depth

    assert between(nested(b"1"), nested(b" 1")).differences == ()
    difference = between(nested(b"1"), nested(b"2")).differences[0]
    assert (difference.kind, difference.control, difference.candidate) == (Kind.VALUE, 1, 2)
    assert difference.path.startswith("$.a[0].a[0]")
    assert len(difference.path) <= 2_000


def test_compare__wide_documents__are_compared() -> None:
    control = [[number, {"a": number}] for number in range(200_000)]
    candidate = copy.copy(control)
    candidate[123_456] = [123_456, {"a": -1}]
    assert found(between(control, candidate)) == [("$[123456][1].a", "value")]


def test_compare__many_equal_members__align_in_time() -> None:
    assert len(align([b"1"] * 5_000, [b"1"] * 5_001)) == 1
    assert len(align([b"1", b"2"] * 2_000, [b"2", b"1"] * 2_000 + [b"3"])) == 4_001


# ------------------------------------------------------------------------------------- properties


@given(documents)
@example([1, 1.0, True, -0.0, 10**40])
def test_compare__a_document_with_itself__is_empty(document: Any) -> None:
    comparison = between(json.dumps(document).encode(), json.dumps(document, indent=1).encode())
    assert comparison.differences == ()


@given(documents, documents)
@example([1, 2], [2.0, 1])
@example({"a": [True]}, {"a": [1]})
def test_compare__any_two_documents__differ_where_they_are_not_strictly_equal(one: Any, other: Any) -> None:
    assert bool(between(one, other).differences) == (strict(one) != strict(other))


@given(documents, documents)
@example([1, 2, 3], [1, 3])
@example([{"a": 1}, {"a": 2}], [{"a": 2}, {"a": 3}, {"a": 4}])
def test_compare__differences_applied_to_the_control__give_the_candidate(one: Any, other: Any) -> None:
    comparison = between(one, other)
    if not comparison.truncated:
        assert strict(applied(one, comparison.differences)) == strict(other)


MIRRORED = {Kind.MISSING: Kind.EXTRA, Kind.EXTRA: Kind.MISSING}


@given(documents, documents)
def test_compare__sides_exchanged__gives_the_mirrored_kinds(one: Any, other: Any) -> None:
    there, back = between(one, other), between(other, one)
    assert bool(there.differences) == bool(back.differences)
    if not any(kind is Kind.LENGTH for _, kind in there.shapes):
        assert {(shape, MIRRORED.get(kind, kind)) for shape, kind in there.shapes} == set(back.shapes)


bodies = st.binary(max_size=60) | documents.map(lambda value: json.dumps(value).encode()[:-1])
codings = st.sampled_from([b"", b"gzip", b"deflate", b"br", b"gzip, br", b"zstd", b"\xff"])


@given(bodies, bodies, codings, st.text(max_size=5).map(lambda text: text.encode("utf-8", "replace")))
@settings(max_examples=300)
def test_compare__arbitrary_bytes__never_raises(one: bytes, other: bytes, coding: bytes, charset: bytes) -> None:
    headers = [(b"Content-Encoding", coding), (b"Content-Type", b"text/plain; charset=" + charset)]
    control = Answer(status=200, headers=headers, body=one)
    candidate = Answer(status=200, headers=headers[1:], body=other)
    comparison = compare(control=control, candidate=candidate, compared_headers=("content-type",))
    assert one != other or coding or comparison.outcome is Outcome.MATCH


# ------------------------------------------------------------------------------------ conformance


def schema_cases() -> Iterator[Any]:
    for name in ("const.json", "enum.json"):
        for group in json.loads((DATA / "json-schema-test-suite" / name).read_bytes()) if DATA.is_dir() else ():
            allowed = group["schema"].get("enum", [group["schema"].get("const")])
            if "properties" in group["schema"]:
                continue
            for case in group["tests"]:
                yield pytest.param(allowed, case, id=f"{group['description']}: {case['description']}")


@needs_data
@pytest.mark.parametrize(("allowed", "case"), list(schema_cases()))
def test_compare__json_schema_equality_cases__agree(allowed: list[Any], case: dict[str, Any]) -> None:
    def equal(value: Any) -> bool:
        kinds = {difference.kind for difference in between(value, case["data"]).differences}
        return kinds <= {Kind.NUMBER_FORM}  # JSON Schema says that 1 and 1.0 are one number

    assert any(map(equal, allowed)) is case["valid"]


@needs_data
@pytest.mark.parametrize("name", ["tests.json", "spec_tests.json"])
def test_compare__json_patch_documents__differences_lead_from_one_to_the_other(name: str) -> None:
    pairs = [
        (case["doc"], case["expected"])
        for case in json.loads((DATA / "json-patch-tests" / name).read_bytes())
        if "doc" in case and "expected" in case
    ]
    assert pairs
    for one, other in pairs:
        assert strict(applied(one, between(one, other).differences)) == strict(other)


# ---------------------------------------------------------------------------------------- a patch


def applied(document: Any, differences: tuple[Difference, ...]) -> Any:
    """The control with every difference carried out. Arrays of another order or length are taken whole."""
    whole: list[Steps] = []
    box = [copy.deepcopy(document)]
    for difference in differences:
        steps = parse_path(difference.path)
        if any(steps[: len(taken)] == taken for taken in whole):
            continue
        if difference.kind in (Kind.ORDER, Kind.LENGTH):
            whole.append(steps)
        holder: Any = box
        key: Any = 0
        for step in steps:
            holder, key = holder[key], step
        if difference.candidate is ABSENT:
            del holder[key]
        else:
            holder[key] = difference.candidate
    return box[0]


def test_strict__tells_apart_what_python_does_not() -> None:
    assert strict([1]) != strict([1.0]) != strict([True])
    assert math.copysign(1, json.loads(json.dumps(-0.0))) == -1
