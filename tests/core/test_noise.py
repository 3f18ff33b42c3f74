"""core.noise: what is often enough, and what a rule of it leaves out."""

import pytest

from migrator.core.noise import HOLDS_SECONDS, SHAPES_KEPT, Evidence, NoiseTally, noise
from migrator.core.wire import RuleKind, Side


def evidence(**changes: object) -> Evidence:
    usual = {
        "unit": 1,
        "side": Side.LEGACY,
        "shape": "$.at",
        "kind": "value",
        "count": 5,
        "asked": 10,
        "last_at": 100.0,
    }
    return Evidence(**{**usual, **changes})


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"count": 2, "asked": 2}, False),
        ({"count": 3, "asked": 60}, True),
        ({"count": 3, "asked": 61}, False),
        ({"kind": "status", "shape": "status"}, False),
    ],
)
def test_noise__by_how_often_a_side_disagrees__is_told(changes: dict[str, object], found: bool) -> None:
    assert bool(noise([evidence(**changes)])) is found


@pytest.mark.parametrize(
    ("shape", "kind", "rule", "path"),
    [
        ("$.items[*].at", "value", RuleKind.IGNORE, "$.items[*].at"),
        ("$.items", "order", RuleKind.UNORDERED, "$.items"),
        ("header:set-cookie[sid]", "header", RuleKind.IGNORE, "header:set-cookie[sid]"),
        ("body:line", "value", RuleKind.IGNORE, "body"),
    ],
)
def test_noise__of_a_place__leaves_out_no_more_than_it_must(shape: str, kind: str, rule: RuleKind, path: str) -> None:
    (found,) = noise([evidence(shape=shape, kind=kind)])
    assert (found.kind, found.path) == (rule, path)


def test_noise__of_both_sides_at_one_place__is_one_until_a_day_after_the_last() -> None:
    both = [evidence(), evidence(side=Side.CANDIDATE, last_at=500.0), evidence(kind="type", last_at=50.0)]
    (found,) = noise(both)
    assert found.until == 500.0 + HOLDS_SECONDS
    assert "candidate" in found.because


def test_tally__of_endless_places__is_bounded() -> None:
    tally = NoiseTally()
    for number in range(2 * SHAPES_KEPT):
        tally.add(Side.LEGACY, [(f"$.a{number}", "value")])
    assert len(tally.counts()) == SHAPES_KEPT
    assert tally.pairs == {Side.LEGACY: 2 * SHAPES_KEPT}
