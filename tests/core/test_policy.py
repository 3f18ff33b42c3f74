"""Policies that can never pass, or always do, are shown as such."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.core.policy import SETTINGS, Automatic, Policy, Severity, flaws, layered

NEVER, ALWAYS, ODD = Severity.NEVER_PASSES, Severity.ALWAYS_PASSES, Severity.ODD


def test_flaws__default_policy__has_none() -> None:
    assert flaws(Policy()) == ()


def test_flaws__every_demand_that_makes_sense__has_none() -> None:
    strict = Policy(
        independent_pairs=10_000,
        request_shapes=20,
        callers=("ios", "web"),
        weekly_cycle=True,
        month_end=True,
        critical_paths=("$.price",),
        latency_budget_ms=300.0,
        cost_ratio=2.0,
        automatic=Automatic.ACT,
    )
    assert flaws(strict, pairs_per_day=5_000) == ()


@pytest.mark.parametrize(
    ("settings", "field", "severity"),
    [
        ({"harm_limit": 0.001}, "harm_limit", ODD),
        ({"harm_limit": 0.0005}, "harm_limit", ODD),
        ({"mismatch_limit": 0.5, "harm_limit": 0.9}, "mismatch_limit", ALWAYS),
        ({"mismatch_limit": 1e-12}, "mismatch_limit", NEVER),
        ({"alpha": 0.51}, "alpha", ALWAYS),
        ({"beta": 0.2}, "beta", ODD),
        ({"share_alpha": 0.2}, "share_alpha", ODD),
        ({"completeness": 0.5}, "completeness", ALWAYS),
        ({"completeness": 0.999999}, "completeness", ODD),
        ({"freshness_s": 29}, "freshness_s", NEVER),
        ({"weekly_cycle": True, "evidence_days": 6}, "evidence_days", NEVER),
        ({"month_end": True, "evidence_days": 29}, "evidence_days", ODD),
        ({"cool_down_s": 0, "automatic": "act"}, "cool_down_s", ODD),
        ({"independent_pairs": 1_000_000_000}, "independent_pairs", ODD),
        ({"request_shapes": 1_001}, "request_shapes", ODD),
        ({"latency_budget_ms": 0.01}, "latency_budget_ms", NEVER),
        ({"latency_budget_ms": 100, "latency_over": 0.5}, "latency_over", ALWAYS),
        ({"latency_floor_ms": 60_000}, "latency_floor_ms", ALWAYS),
    ],
)
def test_flaws__a_setting_that_demands_nothing_or_the_impossible__is_named(
    settings: dict[str, object], field: str, severity: Severity
) -> None:
    found = flaws(layered([settings]))
    assert [(flaw.field, flaw.severity) for flaw in found] == [(field, severity)]
    assert found[0].sentence.endswith(".")


@pytest.mark.parametrize(
    "settings",
    [
        {"freshness_s": 30},
        {"weekly_cycle": True, "evidence_days": 7},
        {"month_end": True, "evidence_days": 30},
        {"cool_down_s": 0},
        {"latency_floor_ms": 60_000, "latency_ratio": None},
        {"latency_over": 0.5},
    ],
)
def test_flaws__just_within__has_none(settings: dict[str, object]) -> None:
    assert flaws(layered([settings])) == ()


def test_flaws__what_the_project_names_no_header_for__never_passes() -> None:
    policy = Policy(callers=("ios",), cost_ratio=2.0)
    found = flaws(policy, names_callers=False, names_costs=False)
    assert [(flaw.field, flaw.severity) for flaw in found] == [("callers", NEVER), ("cost_ratio", NEVER)]
    assert flaws(Policy(), names_callers=False, names_costs=False) == ()


def test_flaws__too_little_traffic_for_the_limit__never_passes_and_says_the_numbers() -> None:
    (flaw,) = flaws(Policy(), pairs_per_day=100)
    assert (flaw.field, flaw.severity) == ("mismatch_limit", NEVER)
    assert flaw.sentence == "3,787 clean pairs prove it, and in 30 days 3,000 come."
    assert flaws(Policy(), pairs_per_day=127) == ()


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "mismatch_limit": st.floats(1e-15, 0.999),
            "harm_limit": st.floats(1e-15, 0.999),
            "alpha": st.floats(1e-9, 0.999),
            "evidence_days": st.integers(1, 365),
            "month_end": st.booleans(),
            "callers": st.lists(st.text(min_size=1, max_size=5), max_size=2),
        },
    ),
    st.none() | st.floats(0, 1e9),
)
def test_flaws__any_policy__names_settings_that_exist(settings: dict[str, object], per_day: float | None) -> None:
    assert {flaw.field for flaw in flaws(layered([settings]), pairs_per_day=per_day)} <= SETTINGS


def test_layered__the_later_layer__wins_and_the_rest_stays() -> None:
    policy = layered([{"alpha": 0.1, "beta": 0.01}, {"alpha": 0.2}])
    assert (policy.alpha, policy.beta, policy.harm_limit) == (0.2, 0.01, Policy().harm_limit)
