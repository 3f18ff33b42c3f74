"""core.rules: what a rule hides or accepts is exactly what it says, and is counted."""

import copy
import json
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from migrator.core.comparison import Answer, Comparison, compare
from migrator.core.paths import PathRefused, parse_path
from migrator.core.rules import Effect, RuleRefused, Rules, compile_rules
from migrator.core.walk import Kind
from migrator.core.wire import Form, Outcome, RoutingTable, RuleKind, RuleSpec, Version, decode_table, encode

MATCH, MISMATCH, ACCEPTED = Outcome.MATCH, Outcome.MISMATCH, Outcome.ACCEPTED


def rule(kind: str, path: str, **rest: Any) -> RuleSpec:
    return RuleSpec(kind=RuleKind(kind), path=path, **{"id": 1, **rest})


def compiled(*specs: RuleSpec) -> Rules:
    return compile_rules(specs, now=0)


def between(control: Any, candidate: Any, *specs: RuleSpec, **rest: Any) -> Comparison:
    left, right = (Answer(status=200, body=json.dumps(value).encode()) for value in (control, candidate))
    return compare(control=left, candidate=right, rules=compiled(*specs), **rest)


def found(comparison: Comparison) -> list[tuple[str, str]]:
    return [(difference.path, str(difference.kind)) for difference in comparison.differences]


# ---------------------------------------------------------------------------------------- ignore


@pytest.mark.parametrize(
    "path",
    ["$.a", "$['a']", "$.*", "$..t", "$.a[*].t", "$.a[0]", "$.a[-1].t", "$.a[0:1]", "$.a[-2:].t", "$..*", "$", "body"],
)  # fmt: skip
def test_ignore__at_or_under_the_path__hides(path: str) -> None:
    comparison = between({"a": [{"id": 7, "t": 1}]}, {"a": [{"id": 7, "t": 2}]}, rule("ignore", path))
    assert comparison.outcome is MATCH
    assert comparison.ruled == {1: 1}
    assert [(each.path, each.rules) for each in comparison.hidden] == [("$.a[0].t", (1,))]


@pytest.mark.parametrize("path", ["$.b", "$.a[1]", "$.a[?@.id==8]", "$.a[-2]", "$.a[0].t.u", "$.a[0].id", "status"])
def test_ignore__beside_the_path__counts(path: str) -> None:
    comparison = between({"a": [{"id": 7, "t": 1}]}, {"a": [{"id": 7, "t": 2}]}, rule("ignore", path))
    assert found(comparison) == [("$.a[0].t", "value")]
    assert comparison.ruled == {}


def test_ignore__what_is_missing_or_extra__is_hidden() -> None:
    ignored = rule("ignore", "$[?@.draft==true]"), rule("ignore", "$[*].note", id=2)
    assert between([{"draft": True, "a": 1}], [{"draft": True}], *ignored).outcome is MATCH
    assert between([{"note": 1}], [{}], *ignored).ruled == {2: 1}
    assert between([{}], [{"note": 1}], *ignored).ruled == {2: 1}


def test_ignore__noise_in_every_member__does_not_spoil_the_alignment() -> None:
    control = [{"id": number, "at": number} for number in range(6)]
    candidate = [{"id": number, "at": number + 100} for number in range(6) if number != 2]
    comparison = between(control, candidate, rule("ignore", "$[*].at"))
    assert found(comparison) == [("$", "length"), ("$[2]", "missing")]
    assert comparison.ruled == {1: 5}


@pytest.mark.parametrize(
    ("path", "place"), [("status", "status"), ("header:location", "header:location"), ("header:*", "header:location")]
)
def test_ignore__another_place_of_the_answer__hides_it_alone(path: str, place: str) -> None:
    left = Answer(status=200, headers=[(b"Location", b"/a")], body=b"1")
    right = Answer(status=201, headers=[(b"Location", b"/b")], body=b"2")
    comparison = compare(
        control=left, candidate=right, rules=compiled(rule("ignore", path)), compared_headers=("location",)
    )
    assert place not in [each.path for each in comparison.differences]
    assert len(comparison.differences) == 2
    assert [each.path for each in comparison.hidden] == [place]


def test_normalise__lines_of_a_text__are_compared_without_what_means_nothing() -> None:
    left, right = Answer(status=200, body=b"took 12 ms\nok\n"), Answer(status=200, body=b"took 9 ms\nok\n")
    numbers_in_it = rule("normalise", "body:line", form=Form.PATTERN, pattern="[0-9]+")
    assert compare(control=left, candidate=right, rules=compiled(numbers_in_it)).outcome is MATCH
    assert compare(control=left, candidate=right, rules=compiled(rule("ignore", "body"))).outcome is MATCH
    assert compare(control=left, candidate=right).outcome is MISMATCH


def test_accept__what_differs__is_accepted_and_counted_unless_it_is_hidden() -> None:
    specs = rule("accept", "$.a"), rule("ignore", "$.a.noise", id=2)
    comparison = between({"a": {"x": 1, "noise": 1}}, {"a": {"x": 2, "noise": 2}}, *specs)
    assert comparison.outcome is ACCEPTED
    assert [(each.path, each.rules) for each in comparison.accepted] == [("$.a.x", (1,))]
    assert comparison.ruled == {1: 1, 2: 1}


# ------------------------------------------------------------------------------------- tolerance


@pytest.mark.parametrize(
    ("bounds", "left", "right", "outcome"),
    [
        ({"absolute": 0.1}, 0.3, 0.4, MATCH),
        ({"absolute": 0.1}, 0.3, 0.41, MISMATCH),
        ({"absolute": 1}, 10**40, 10**40 + 1, MATCH),
        ({"absolute": 1}, 10**40, 10**40 + 2, MISMATCH),
        ({"relative": 0.01}, 100, 101, MATCH),
        ({"relative": 0.01}, 100, 102, MISMATCH),
        ({"absolute": 0}, 1, 1.0, MATCH),
        ({"absolute": 1}, 1, "1", MISMATCH),
        ({"absolute": 0.01}, "12.50", "12.51", MATCH),
        ({"absolute": 9}, True, False, MISMATCH),
        ({"seconds": 5}, "2024-01-02T03:04:05Z", "2024-01-02T03:04:09Z", MATCH),
        ({"seconds": 5}, "2024-01-02T03:04:05Z", "2024-01-02T03:04:11Z", MISMATCH),
        ({"seconds": 5}, "2024-01-02T03:04:05Z", 1704164649, MATCH),
        ({"seconds": 5}, "soon", "later", MISMATCH),
    ],
)
def test_tolerance__two_values__pass_within_it(
    bounds: dict[str, float], left: Any, right: Any, outcome: Outcome
) -> None:
    assert between({"v": left}, {"v": right}, rule("tolerance", "$.v", **bounds)).outcome is outcome


numbers = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
bounds = st.fixed_dictionaries(
    {}, optional={"absolute": st.floats(0, 1e6), "relative": st.floats(0, 1), "seconds": st.floats(0, 1e6)}
)


@given(numbers, numbers, bounds)
def test_tolerance__either_side_first__says_the_same(left: float, right: float, allowed: dict[str, float]) -> None:
    assume(allowed)
    spec = rule("tolerance", "$", **allowed)
    assert between(left, right, spec).outcome is between(right, left, spec).outcome


# ------------------------------------------------------------------------------------- unordered


@pytest.mark.parametrize(
    ("left", "right", "rest", "expected"),
    [
        ([1, 2, 3], [3, 1, 2], {}, []),
        ([1, 2, 2], [2, 1, 1], {}, [("$.v[2]", "value")]),
        ([1, 2], [2, 1, 4], {}, [("$.v", "length"), ("$.v[2]", "extra")]),
        ([{"id": 1, "x": 1}, {"id": 2, "x": 2}], [{"id": 2, "x": 9}, {"id": 1, "x": 1}], {"key": "id"},
         [("$.v[1].x", "value")]),
        ([{"id": 1}, {"id": 2}], [{"id": 3}, {"id": 1}], {"key": "id"}, [("$.v[1]", "missing"), ("$.v[0]", "extra")]),
        ([], [1], {}, [("$.v", "length"), ("$.v[0]", "extra")]),
        ([1, [1, 2]], [[2, 1], 1], {}, [("$.v[1]", "order")]),
    ],
)  # fmt: skip
def test_unordered__an_array__is_compared_as_a_multiset(left: Any, right: Any, rest: Any, expected: Any) -> None:
    assert found(between({"v": left}, {"v": right}, rule("unordered", "$.v", **rest))) == expected


def test_unordered__members_with_noise__still_find_each_other() -> None:
    control = [{"id": number, "at": number, "price": 1.0, "ref": f"a{number}"} for number in range(5)]
    candidate = [
        {"id": number, "at": -number - 1, "price": 1.0000000001, "ref": f"b{number}"} for number in (3, 1, 4, 0, 2)
    ]
    specs = (
        rule("unordered", "$", id=1),
        rule("ignore", "$[*].at", id=2),
        rule("tolerance", "$[*].price", id=3, relative=1e-9),
        rule("map", "$[*].ref", id=4),
    )
    comparison = between(control, candidate, *specs)
    assert comparison.outcome is MATCH
    assert comparison.ruled == {1: 1, 2: 5, 3: 5, 4: 5}
    del candidate[0]["price"]
    assert found(between(control, candidate, *specs))[:1] == [("$[3].price", "missing")]


def test_unordered__a_header__is_a_set_of_its_parts() -> None:
    left = Answer(status=200, headers=[(b"allow", b"GET, HEAD")])
    right = Answer(status=200, headers=[(b"allow", b"HEAD,GET")])
    rules = compiled(rule("unordered", "header:allow"))
    assert compare(control=left, candidate=right, rules=rules, compared_headers=("allow",)).outcome is MATCH


# ------------------------------------------------------------------------------------- normalise


@pytest.mark.parametrize(
    ("form", "left", "right", "rest"),
    [
        ("instant", "2024-01-02T03:04:05Z", "Tue, 02 Jan 2024 03:04:05 GMT", {}),
        ("instant", "2024-01-02T03:04:05Z", "2024-01-02T04:04:05.000+01:00", {}),
        ("instant", "2024-01-02T03:04:05.123Z", 1704164645123, {}),
        ("instant", "2024-01-02 03:04:05 UTC", "1704164645", {}),
        ("instant", "2024-07-02 05:04:05", "2024-07-02T03:04:05Z", {"zone": "Europe/Berlin"}),
        ("instant", "2024-01-02 03:04:05", "2024-01-02T03:04:05.000", {}),
        ("number", 1, 1.0, {}),
        ("number", 0.0, -0.0, {}),
        ("case", "Straße", "STRASSE", {}),
        ("percent", "/a%2fb%7E", "/a/b~", {}),
        ("trailing_zeros", "1.50", "1.5", {}),
        ("trailing_zeros", "2.00", "2", {}),
        ("scalar_list", "x", ["x"], {}),
        ("scalar_list", [{"a": 1}], {"a": 1}, {}),
        ("whitespace", " a \n b", "a b", {}),
        ("pattern", "req-1f9c done", "req-77aa done", {"pattern": "req-[0-9a-f]+"}),
    ],
)
def test_normalise__two_ways_of_writing_one_value__are_no_difference(
    form: str, left: Any, right: Any, rest: dict[str, str]
) -> None:
    spec = rule("normalise", "$.v", form=Form(form), **rest)
    for one, other in ((left, right), (right, left)):
        comparison = between({"v": one}, {"v": other}, spec)
        assert comparison.outcome is MATCH
        assert comparison.ruled == {1: 1}


@pytest.mark.parametrize(
    ("form", "left", "right"),
    [
        ("instant", "2024-01-02T03:04:05Z", "2024-01-02T03:04:06Z"),
        ("instant", "2024-01-02T03:04:05.000000001Z", "2024-01-02T03:04:05.000000002Z"),
        ("instant", "2024-01-02T03:04:05Z", "2024-01-02T03:04:05"),
        ("instant", "2024-13-02", "2024-02-13"),
        ("number", 1, 2.0),
        ("number", 1, True),
        ("number", 1, "1"),
        ("trailing_zeros", "10", "1"),
        ("scalar_list", "x", ["x", "x"]),
        ("scalar_list", 1, [1.0]),
        ("null", None, 0),
        ("case", "a", "b"),
    ],
)
def test_normalise__two_values__still_differ(form: str, left: Any, right: Any) -> None:
    assert between({"v": left}, {"v": right}, rule("normalise", "$.v", form=Form(form))).outcome is MISMATCH


def test_normalise__null_and_nothing__are_one() -> None:
    spec = rule("normalise", "$.v", form=Form.NULL)
    assert between({"v": None}, {}, spec).outcome is MATCH
    assert between({}, {"v": None}, spec).outcome is MATCH
    assert between({}, {"v": 0}, spec).outcome is MISMATCH


def test_normalise__two_forms_at_one_place__work_together_and_both_count() -> None:
    specs = rule("normalise", "$.v", form=Form.CASE), rule("normalise", "$.v", id=2, form=Form.WHITESPACE)
    assert between({"v": "A  b"}, {"v": "a B"}, *specs).ruled == {1: 1, 2: 1}
    assert between({"v": "A b"}, {"v": "a b"}, *specs).ruled == {1: 1}


# ------------------------------------------------------------------------------------------- map


def test_map__a_one_to_one_mapping__is_no_difference() -> None:
    control = {"users": [{"id": 1}, {"id": 2}], "owner": {"id": 2}}
    candidate = {"users": [{"id": "a"}, {"id": "b"}], "owner": {"id": "b"}}
    assert between(control, candidate, rule("map", "$..id")).ruled == {1: 3}


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ([1, 2, 1], ["a", "b", "b"], ["$[2]"]),
        ([1, 1, 1], ["a", "b", "a"], ["$[1]"]),
        ([1, 2, 1], [1, 2, 3], ["$[2]"]),
        ([1, 2, 3], [1, 2, 1], ["$[2]"]),
        ([1, 1, 1], ["a", "a", 1], ["$[0]", "$[1]"]),
        ([1, 2], ["a", None], ["$[1]"]),
        ([1, 2], ["a", 2.5], ["$[1]"]),
    ],
)
def test_map__one_that_stands_for_two__differs(left: Any, right: Any, expected: list[str]) -> None:
    assert [path for path, _ in found(between(left, right, rule("map", "$[*]")))] == expected


@given(st.lists(st.integers(0, 6), max_size=12), st.permutations(range(7)))
def test_map__any_renaming__passes_and_one_slip_is_found(ids: list[int], names: list[int]) -> None:
    spec = rule("map", "$[*]")
    renamed = [f"n{names[number]}" for number in ids]
    assert between(ids, renamed, spec).outcome is MATCH
    slipped = [*renamed, renamed[0] if renamed else "n0", "n0", "n1"]
    broken = [*ids, ids[0] if ids else 0, 7, 7]
    assert between(broken, slipped, spec).outcome is MISMATCH


# ------------------------------------------------------------------------------- of all of them

scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([1.0, -0.0, "a", "A ", "1.50", "1.5"])
names = st.sampled_from(["a", "b", "id", "items", "odd key", "12345"])
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=15
)
paths = st.builds(
    lambda steps: "$" + "".join(steps),
    st.lists(st.sampled_from([".a", ".b", ".id", ".items", "[*]", "[0]", "[-1]", "..id", "..*", "[1:]", "[?@.a]"]),
             max_size=3),
)  # fmt: skip
specs = st.builds(
    lambda kind, path, form, key, number: RuleSpec(
        id=number, kind=kind, path=path, form=form, key=key if kind is RuleKind.UNORDERED else None, absolute=1
    ),
    st.sampled_from(RuleKind),
    paths,
    st.sampled_from([form for form in Form if form is not Form.PATTERN]),
    st.none() | st.just("id"),
    st.integers(1, 50),
)


@settings(max_examples=150)
@given(documents, documents, st.lists(specs, max_size=5))
def test_rules__added__never_turn_a_match_into_a_mismatch(control: Any, candidate: Any, added: list[RuleSpec]) -> None:
    assert between(control, control, *added).outcome is MATCH
    if between(control, candidate).outcome is MATCH:
        assert between(control, candidate, *added).outcome is MATCH


def mutated(document: Any, data: st.DataObject) -> Any:
    """The document with some of its scalars replaced: places stay what they are."""
    if isinstance(document, list):
        return [mutated(member, data) for member in document]
    if isinstance(document, dict):
        return {name: mutated(member, data) for name, member in document.items()}
    return data.draw(scalars) if data.draw(st.booleans()) else document


@settings(max_examples=150)
@given(documents, st.data(), st.lists(specs.filter(lambda spec: spec.kind is not RuleKind.UNORDERED), max_size=5))
def test_rules__added__leave_a_part_of_the_differences(
    control: Any, data: st.DataObject, added: list[RuleSpec]
) -> None:
    candidate = mutated(control, data)
    plain, ruled = between(control, candidate), between(control, candidate, *added)
    assert set(found(ruled)) <= set(found(plain))
    assert ruled.outcome in (plain.outcome, MATCH, ACCEPTED)
    assert len(found(ruled)) + len(ruled.hidden) + len(ruled.accepted) == len(found(plain))


@settings(max_examples=150)
@given(documents, st.data(), paths)
def test_ignore__any_path__hides_exactly_what_lies_at_or_under_it(control: Any, data: st.DataObject, path: str) -> None:
    candidate = mutated(control, data)
    spec = rule("ignore", path)
    query = compiled(spec).rules[0].query
    assert query is not None
    expected = [
        (each.path, str(each.kind))
        for each in between(control, candidate).differences
        if not query.covers(parse_path(each.path), candidate if each.kind is Kind.EXTRA else control)
    ]
    assert found(between(control, candidate, spec)) == expected


@given(st.text(max_size=30) | st.text(alphabet="$.[]*'\"?@:,-01ab()=", max_size=30), st.sampled_from(RuleKind))
def test_compile__any_text__is_compiled_or_refused(path: str, kind: RuleKind) -> None:
    try:
        compiled(RuleSpec(id=1, kind=kind, path=path, absolute=1, form=Form.CASE))
    except (PathRefused, RuleRefused) as refusal:
        assert str(refusal)


@given(st.text(max_size=12) | st.text(alphabet="a+*()[]|\\1{},?.", max_size=12), st.text(max_size=20))
def test_compile__any_pattern__is_compiled_or_refused(pattern: str, value: str) -> None:
    spec = rule("normalise", "$", form=Form.PATTERN, pattern=pattern)
    try:
        compiled(spec)
    except RuleRefused as refusal:
        assert refusal.field == "pattern"
    else:
        assert between(value, value + "x", spec).outcome in (MATCH, MISMATCH)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|ab)+", "(a)\\1", "[", "a*", "", ".+.+.+.+.+x"])
def test_compile__a_pattern_that_may_take_for_ever__is_refused(pattern: str) -> None:
    with pytest.raises(RuleRefused):
        compiled(rule("normalise", "$", form=Form.PATTERN, pattern=pattern))


@pytest.mark.parametrize(
    ("spec", "error", "words"),
    [
        (rule("ignore", "nowhere"), PathRefused, "is no place"),
        (rule("ignore", "header:"), PathRefused, "is no place"),
        (rule("ignore", "header:Location"), PathRefused, "lower case"),
        (rule("map", "status"), RuleRefused, "says nothing about"),
        (rule("tolerance", "body", absolute=1), RuleRefused, "says nothing about"),
        (rule("tolerance", "$.a"), RuleRefused, "needs absolute or relative or seconds"),
        (rule("normalise", "$.a"), RuleRefused, "needs form"),
        (rule("normalise", "$.a", form=Form.INSTANT, zone="Moon/Base"), RuleRefused, "no time zone"),
    ],
)
def test_compile__a_rule_that_means_nothing__is_refused_in_words(spec: RuleSpec, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        compiled(spec)


# ------------------------------------------------------------------------------ scope and expiry


def test_compile__scopes_and_expiry__choose_the_rules_in_force() -> None:
    specs = [
        rule("ignore", "$.a", id=1),
        rule("ignore", "$.a", id=2, service="users"),
        rule("ignore", "$.a", id=3, unit=7),
        rule("ignore", "$.a", id=4, unit=8),
        rule("ignore", "$.a", id=5, service="orders"),
        rule("ignore", "$.a", id=6, expires_at=100.0),
        rule("ignore", "$.a", id=7, expires_at=300.0),
        rule("ignore", "$.a", id=8, unit=8, expires_at=1.0),
    ]
    rules = compile_rules(specs, now=100.0, units={7}, service="users")
    assert [each.spec.id for each in rules.rules] == [1, 2, 3, 7]
    assert rules.expired == (6,)
    assert rules.until == 300.0


def test_table__rules__survive_the_wire_and_lies_are_refused() -> None:
    table = RoutingTable(
        project="p", version=Version(), rules=(rule("tolerance", "$.a", seconds=2.0),), rules_version=4
    )
    assert decode_table(encode(table)) == table
    for lie in (b'"kind":"magic"', b'"kind":"ignore","seconds":-1', b'"kind":"ignore","unit":"x"'):
        with pytest.raises(msgspec.ValidationError, match=r"\$\.rules\[0\]"):
            decode_table(b'{"project":"p","version":{},"rules":[{"id":1,"path":"$",%b}]}' % lie)


# --------------------------------------------------------------------------------------- foresee


@pytest.mark.parametrize(
    ("spec", "shape", "kind", "expected"),
    [
        (rule("ignore", "$.a"), "$.a[*].b", Kind.VALUE, (Effect.HIDDEN, True)),
        (rule("ignore", "$..b"), "$.a[*].b", Kind.VALUE, (Effect.HIDDEN, True)),
        (rule("ignore", "$.a[0]"), "$.a[*].b", Kind.VALUE, (Effect.HIDDEN, False)),
        (rule("ignore", "$.a[?@.x]"), "$.a[*].b", Kind.VALUE, (Effect.HIDDEN, False)),
        (rule("ignore", "$.b"), "$.a[*].b", Kind.VALUE, None),
        (rule("ignore", "body"), "body", Kind.BODY, (Effect.HIDDEN, True)),
        (rule("ignore", "header:*"), "header:etag", Kind.HEADER, (Effect.HIDDEN, True)),
        (rule("accept", "$.a"), "$.a", Kind.TYPE, (Effect.ACCEPTED, True)),
        (rule("unordered", "$.a"), "$.a", Kind.ORDER, (Effect.HIDDEN, True)),
        (rule("unordered", "$.a"), "$.a", Kind.LENGTH, None),
        (rule("normalise", "$.a", form=Form.NUMBER), "$.a", Kind.NUMBER_FORM, (Effect.HIDDEN, True)),
        (rule("normalise", "$.a", form=Form.CASE), "$.a", Kind.VALUE, (Effect.HIDDEN, False)),
        (rule("tolerance", "$.a", absolute=1), "$.a.b", Kind.VALUE, None),
        (rule("tolerance", "$.a", absolute=1), "$.a", Kind.DUPLICATE, None),
    ],
)
def test_foresee__a_stored_difference__is_told_what_a_rule_would_do(
    spec: RuleSpec, shape: str, kind: Kind, expected: tuple[Effect, bool] | None
) -> None:
    seen = [(each.effect, each.certain) for each in compiled(spec).foresee(shape, kind)]
    assert seen == ([] if expected is None else [expected])


def test_rules__so_many_hidden_that_the_search_ends__prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migrator.core.walk.HIDDEN_AT", 10)
    control = {"a": list(range(20))}
    candidate = copy.deepcopy(control)
    candidate["a"] = [number + 1 for number in control["a"]]
    comparison = between(control, candidate, rule("ignore", "$.a"))
    assert comparison.outcome is Outcome.SKIPPED


@pytest.mark.parametrize(
    "spec",
    [
        rule("ignore", "$..x"),
        rule("ignore", "$..[?@.x]"),
        rule("unordered", "$..*"),
        rule("map", "$..*"),
        rule("tolerance", "$..*", relative=0.1),
        rule("normalise", "$..*", form=Form.INSTANT, zone="Europe/Berlin"),
        rule("normalise", "$..*", form=Form.LIST),
    ],
)
@pytest.mark.parametrize("depth", [150, 1_000])
def test_rules__deep_documents_and_strange_numbers__never_raise(spec: RuleSpec, depth: int) -> None:
    values = (
        b'1e9999999,-1e9999999,NaN,Infinity,"\\ud800",%d,"0001-01-01","9999-12-31T23:59:59-23:59",[1],{"x":1}' % 10**400
    )
    left = b"[" * depth + values + b"]" * depth
    right = b"[" * depth + values.replace(b"1", b"2", 3) + b',{"x":2}' + b"]" * depth
    for one, other in ((left, right), (right, left)):
        comparison = compare(
            control=Answer(status=200, body=one), candidate=Answer(status=200, body=other), rules=compiled(spec)
        )
        assert comparison.outcome in (MATCH, MISMATCH)


def test_rules__keys_that_are_data__do_not_make_the_automaton_grow() -> None:
    rules = compiled(rule("ignore", "$.users.*.at"), rule("ignore", "$..noise", id=2))
    for number in range(2_000):
        assert rules.inside(("users", f"u{number}", "at"), Kind.VALUE, 1, 2, ({}, {})).effect is Effect.HIDDEN
    assert rules._automaton is not None
    assert len(rules._automaton._states) < 10
