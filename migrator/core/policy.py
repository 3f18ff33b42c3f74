"""What is demanded of evidence, and of people, before more callers meet the candidate.

A policy is laid together from layers: the project's, then what a service, a team, a class of units or
one unit sets otherwise. Each layer names only what it changes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Annotated, Any

import msgspec

Fraction = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Ratio = Annotated[float, msgspec.Meta(ge=1, le=1_000)]
Number = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
Days = Annotated[int, msgspec.Meta(ge=1, le=365)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class Automatic(StrEnum):
    """What the guard does where harm is proven."""

    OFF = "off"
    """Nothing: people look."""
    SUGGEST = "suggest"
    """It tells people, who act."""
    ACT = "act"
    """It rolls back, and tells people."""


class FourEyes(StrEnum):
    """What takes a second person. Going down never does."""

    CUTOVER = "cutover"
    REMOVAL = "removal"
    REMOVED = "removed"
    WAIVER = "waiver"
    POLICY = "policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Demands. Rates and shares are fractions; durations are seconds where their name does not say days or hours."""

    mismatch_limit: Fraction = 0.001
    """Promote when the rate is proven to lie below this."""
    harm_limit: Fraction = 0.01
    """Roll back when the rate is proven to lie above this."""
    alpha: Fraction = 0.05
    """Chance of wrongly promoting, over all looks together."""
    beta: Fraction = 0.001
    """Chance of wrongly rolling back, over all looks together."""
    independent_pairs: Number = 0
    """Least number of pairs that count once per caller, beside what the proof itself needs."""
    request_shapes: Number = 0
    """Least number of different shapes of request: which parameters were named."""
    callers: tuple[Text, ...] = ()
    """Kinds of caller (by the header that the project names) that must have been compared: `ios`, `web`."""
    weekly_cycle: bool = False
    """Every day of a week must have been compared."""
    month_end: bool = False
    """A last or first day of a month must have been compared."""
    completeness: Fraction = 0.99
    """Least share of observations that must have arrived."""
    freshness_s: Annotated[int, msgspec.Meta(gt=0)] = 900
    """Evidence whose newest pair is older than this is stale."""
    evidence_days: Days = 30
    """Pairs older than this count no more."""
    share_alpha: Fraction = 0.001
    """Chance of wrongly calling the observed share of traffic another than the one that was set."""
    critical_paths: tuple[Text, ...] = ()
    """Path shapes of which one mismatch is too much: `$.price`, `$.items[*].sku`."""
    latency_budget_ms: Annotated[float, msgspec.Meta(gt=0)] | None = None
    """The candidate answers within this …"""
    latency_over: Fraction = 0.01
    """… but for this share of its calls."""
    latency_ratio: Ratio | None = 3.0
    """The candidate's 99th percentile is at most this many times legacy's."""
    latency_floor_ms: Annotated[float, msgspec.Meta(ge=0)] = 50.0
    """Answers faster than this are never called slow, whatever the ratio."""
    cost_ratio: Ratio | None = None
    """The candidate's database cost per request (by the project's header) is at most this many times legacy's."""
    automatic: Automatic = Automatic.SUGGEST
    """What the guard does where harm is proven."""
    cool_down_s: Annotated[int, msgspec.Meta(ge=0, le=2_592_000)] = 3_600
    """After an automatic rollback nothing climbs for so long, but by a person who overrides."""
    four_eyes: tuple[FourEyes, ...] = tuple(FourEyes)
    """What takes a second person, in projects that have one."""
    approval_hours: Annotated[int, msgspec.Meta(ge=1, le=720)] = 72
    """An approval that nobody gave or used is void after so long."""
    removal_days: Days = 14
    """Days without a single call of legacy before its code may go."""
    sample_days: Days = 14
    """Samples older than this are deleted. Counters stay."""


def layered(layers: Iterable[Mapping[str, Any]]) -> Policy:
    """The policy that these layers amount to, the later before the earlier.

    Raises msgspec.ValidationError naming the setting where a layer holds what no policy may.
    """
    together: dict[str, Any] = {}
    for layer in layers:
        together |= layer
    return msgspec.convert(together, Policy)


SETTINGS = frozenset(field.name for field in fields(Policy))
