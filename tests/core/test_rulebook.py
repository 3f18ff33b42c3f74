"""core.rulebook: each endpoint gets the rules that are meant for it, and one bad rule spoils nothing."""

from typing import Any

from migrator.core.rulebook import Rulebook
from migrator.core.rules import NO_RULES, Rules
from migrator.core.wire import RuleKind, RuleSpec


def ignoring(number: int, path: str = "$.a", **rest: Any) -> RuleSpec:
    return RuleSpec(id=number, kind=RuleKind.IGNORE, path=path, **rest)


def ids(rules: Rules) -> list[int]:
    return [rule.spec.id for rule in rules.rules]


def test_rulebook__an_endpoint__gets_the_rules_of_project_service_unit_and_fields() -> None:
    book = Rulebook(
        [ignoring(1), ignoring(2, service="users"), ignoring(3, unit=7), ignoring(4, unit=8), ignoring(5, unit=9)]
    )
    assert ids(book.rules(unit=7, fields=[8], service="users", now=0)) == [1, 2, 3, 4]
    assert ids(book.rules(unit=9, fields=[], service="orders", now=0)) == [1, 5]


def test_rulebook__endpoints_with_the_same_rules__share_what_is_compiled() -> None:
    book = Rulebook([ignoring(1)])
    assert book.rules(unit=1, fields=[], service="a", now=0) is book.rules(unit=2, fields=[], service="b", now=0)


def test_rulebook__a_rule_that_expires_meanwhile__is_left_out_from_then_on() -> None:
    book = Rulebook([ignoring(1), ignoring(2, expires_at=10.0)])
    assert ids(book.rules(unit=1, fields=[], service="a", now=9.9)) == [1, 2]
    rules = book.rules(unit=1, fields=[], service="a", now=10.0)
    assert ids(rules) == [1]
    assert rules.expired == (2,)


def test_rulebook__a_rule_that_is_not_understood__is_left_out_and_said() -> None:
    book = Rulebook([ignoring(1, path="$.a["), ignoring(2)])
    assert ids(book.rules(unit=1, fields=[], service="a", now=0)) == [2]
    assert list(book.refused) == [1]


def test_rulebook__other_fields__are_seen_after_forgetting() -> None:
    book = Rulebook([ignoring(1, unit=8)])
    assert ids(book.rules(unit=7, fields=[], service="a", now=0)) == []
    book.forget_units()
    assert ids(book.rules(unit=7, fields=[8], service="a", now=0)) == [1]


def test_rulebook__no_rules__costs_nothing() -> None:
    assert Rulebook().rules(unit=1, fields=[], service="a", now=0) is NO_RULES
