"""core.proposals: the narrowest rule that explains all samples of a group, or the truth that none is known."""

import json
from typing import Any

import pytest

from migrator.core.collecting import Difference
from migrator.core.comparison import Answer, compare
from migrator.core.proposals import Proposal, Token, explains, propose, specimen
from migrator.core.redaction import findings
from migrator.core.rules import compile_rules
from migrator.core.wire import Form, Outcome, RuleKind

LONG = ["9f1c2a7e55b0", "0a44b1c29ef7"]


def answers(control: Any, candidate: Any) -> tuple[Answer, Answer]:
    left, right = (Answer(status=200, body=json.dumps({"v": value}).encode()) for value in (control, candidate))
    return left, right


def differences(*pairs: tuple[Any, Any]) -> list[Difference]:
    found: list[Difference] = []
    for control, candidate in pairs:
        left, right = answers(control, candidate)
        found += compare(control=left, candidate=right).differences
    return found


def first(*pairs: tuple[Any, Any]) -> Proposal:
    return propose(differences(*pairs))[0]


@pytest.mark.parametrize(
    ("pairs", "kind", "form"),
    [
        ([("2024-01-02T03:04:05Z", 1704164645)], RuleKind.NORMALISE, Form.INSTANT),
        ([(1704164645, 1704164645000)], RuleKind.NORMALISE, Form.INSTANT),
        ([("2024-01-02 03:04:05", "2024-01-02T03:04:05Z")], RuleKind.NORMALISE, Form.INSTANT),
        ([("2024-01-02T03:04:05Z", "2024-01-02T03:04:07Z")], RuleKind.TOLERANCE, None),
        ([(1, 1.0), (2.0, 2)], RuleKind.NORMALISE, Form.NUMBER),
        ([([1, 2], [2, 1])], RuleKind.UNORDERED, None),
        ([("a", ["a"]), ("b", ["b"])], RuleKind.NORMALISE, Form.LIST),
        ([(0.1 + 0.2, 0.3)], RuleKind.TOLERANCE, None),
        ([("Ada", "ADA")], RuleKind.NORMALISE, Form.CASE),
        ([("a%2Fb", "a/b")], RuleKind.NORMALISE, Form.PERCENT),
        ([("1.50", "1.5")], RuleKind.NORMALISE, Form.ZEROS),
        ([("a  b", "a b")], RuleKind.NORMALISE, Form.WHITESPACE),
        ([(LONG[0], 17), (LONG[1], 18)], RuleKind.MAP, None),
        ([("Ada", "Bob"), ("Ada", "Eve")], RuleKind.ACCEPT, None),
        ([(LONG[0], LONG[1]), (LONG[0], "1234567890ab")], RuleKind.ACCEPT, None),
        ([(1, 1.0), (2, 3.0)], RuleKind.ACCEPT, None),
        ([("Ada", "ADA"), ("a b", "a  b")], RuleKind.ACCEPT, None),
    ],
)  # fmt: skip
def test_propose__samples_of_one_cause__gives_the_narrowest_rule(
    pairs: list[tuple[Any, Any]], kind: RuleKind, form: Form | None
) -> None:
    proposal = first(*pairs)
    assert (proposal.kind, proposal.rules[0].form) == (kind, form)
    assert proposal.rules[0].path == "$.v"
    assert proposal.sentence.endswith(".")


@pytest.mark.parametrize(
    "pair",
    [("2024-01-02T03:04:05Z", 1704164645), (1, 1.0), ([1, 2], [2, 1]), ("a", ["a"]), (0.1 + 0.2, 0.3), ("A", "a")],
)
def test_propose__what_is_proposed__does_settle_the_pair(pair: tuple[Any, Any]) -> None:
    left, right = answers(*pair)
    rules = compile_rules(first(pair).rules, now=0)
    assert compare(control=left, candidate=right, rules=rules).outcome is Outcome.MATCH


def test_propose__always__ends_with_accept_and_ignore() -> None:
    kinds = [proposal.kind for proposal in propose(differences((1, 1.0)))]
    assert kinds == [RuleKind.NORMALISE, RuleKind.ACCEPT, RuleKind.IGNORE]
    assert propose([]) == ()


def test_propose__null_and_nothing__are_one_form() -> None:
    left, right = Answer(status=200, body=b'{"v":null,"w":1}'), Answer(status=200, body=b'{"w":1}')
    proposal = propose(compare(control=left, candidate=right).differences)[0]
    assert proposal.rules[0].form is Form.NULL


def test_propose__siblings_that_changed_together__get_a_rule_each() -> None:
    left = Answer(status=200, body=b'{"a":"x","b":"y"}')
    right = Answer(status=200, body=b'{"a":["x"],"b":["y"]}')
    proposal = propose(compare(control=left, candidate=right).differences)[0]
    assert [(rule.path, rule.form) for rule in proposal.rules] == [("$.a", Form.LIST), ("$.b", Form.LIST)]
    assert "Likewise at 1 more" in proposal.sentence


@pytest.mark.parametrize(
    ("pairs", "form", "certain"),
    [
        ([(1, 1.0)], Form.NUMBER, True),
        ([("a", ["a"])], Form.LIST, False),
        ([("Ada", "ADA")], Form.CASE, False),
        ([("2024-01-02T03:04:05Z", "2024-01-02T03:04:05.000Z")], Form.INSTANT, False),
        ([("2024-01-02T03:04:05Z", 1704164645)], Form.INSTANT, False),
    ],
)
def test_propose__redacted_samples__say_what_they_cannot_know(
    pairs: list[tuple[Any, Any]], form: Form, certain: bool
) -> None:
    left, right = answers(*pairs[0])
    shown = findings(compare(control=left, candidate=right), ())
    proposal = propose(shown)[0]
    assert (proposal.rules[0].form, proposal.certain) == (form, certain)
    assert certain or "redacted" in proposal.sentence


def test_propose__redacted_identifiers__are_recognised_by_their_hashes() -> None:
    shown = [
        finding
        for pair in ((LONG[0], "x" * 12), (LONG[1], "y" * 12), (LONG[0], "x" * 12))
        for finding in findings(compare(control=answers(*pair)[0], candidate=answers(*pair)[1]), ())
    ]
    proposal = propose(shown)[0]
    assert (proposal.kind, proposal.certain) == (RuleKind.MAP, False)
    assert isinstance(specimen(shown[0]).control, Token)


def test_propose__samples_with_values__are_as_good_as_differences() -> None:
    left, right = answers("Ada", "ADA")
    shown = findings(compare(control=left, candidate=right), ("$..*",))
    proposal = propose(shown)[0]
    assert proposal.certain
    assert explains(proposal.rules[0], specimen(shown[0]))


def test_propose__another_status__is_accepted_or_ignored_at_its_place() -> None:
    found = compare(control=Answer(status=200), candidate=Answer(status=204)).differences
    assert [(each.kind, each.rules[0].path) for each in propose(found)] == [
        (RuleKind.ACCEPT, "status"),
        (RuleKind.IGNORE, "status"),
    ]
