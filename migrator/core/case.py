"""What a gate is asked, what it answers, and how its numbers are worded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from migrator.core.evidence import Evidence
from migrator.core.policy import Policy

DAY_S: Final = 86_400


class Pass(StrEnum):
    """How one gate came out."""

    PASS = "pass"  # noqa: S105 - a word, not a password
    FAIL = "fail"
    NO_DATA = "no_data"
    """Nothing, too little, too old or too incomplete to say. Never shown green."""
    WAIVED = "waived"
    """Not passed: somebody signed for it, for a time. Never shown green either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One demand and whether it is met."""

    name: str
    result: Pass
    reason: str
    numbers: Mapping[str, float | None] = field(default_factory=dict)
    """What the reason says, as plain numbers: counts, fractions, milliseconds."""
    evidence: str = ""
    """What shows it: `mismatches`, `latency`, `series:share` … Pages turn it into a link. Empty for nothing to show."""
    eta: float | None = None
    """When it will be met if traffic and rate stay as they are, in seconds since the epoch; None for nobody knows."""
    harm: bool = False
    """Callers are proven to be hurt: where the candidate serves them, it is taken back."""
    advice: bool = False
    """Shown beside the others, and never decides."""

    @property
    def is_met(self) -> bool:
        return self.result in (Pass.PASS, Pass.WAIVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One unit at one moment. `now` is seconds since the epoch."""

    evidence: Evidence
    policy: Policy
    now: float

    def when_more(self, missing: int | None) -> float | None:
        """When so many more independent pairs will have come, at the pace until now. None for never: where evidence
        expires before enough of it has come together, or where nothing comes."""
        pace = self.evidence.independent_rate(now=self.now)
        if missing is None or not pace:
            return None
        if self.evidence.independent_pairs + missing > pace * self.policy.evidence_days * DAY_S:
            return None
        return self.now + missing / pace


# ---------------------------------------------------------------------------------------- words


def percent(fraction: float) -> str:
    """As people write it, with the digits that matter: 0.00382 -> `0.38 %`, 0.000043 -> `0.0043 %`."""
    hundredths = fraction * 100
    if 0 < hundredths < 0.001:
        return "less than 0.001 %"
    return f"{hundredths:.1f} %".replace(".0 ", " ") if hundredths >= 10 else f"{hundredths:.2g} %"


def counted(number: float, one: str) -> str:
    """`1 second`, `5 seconds`."""
    return f"{number:,.0f} {one}" if round(number) == 1 else f"{number:,.0f} {one}s"


def milliseconds(ms: float) -> str:
    return f"{ms:,.0f} ms" if ms >= 10 else f"{ms:.2g} ms"


def when(*, at: float, now: float) -> str:
    """A moment to come as people say it: `in 20 minutes`, `in 5 hours`, `on Thursday`, `in 3 weeks`. Days are UTC's."""
    ahead = max(0.0, at - now)
    if ahead < 3_600:
        return f"in {counted(max(1, -(-ahead // 60)), 'minute')}"
    if ahead < DAY_S:
        return f"in {counted(-(-ahead // 3_600), 'hour')}"
    if ahead < 6 * DAY_S:
        return f"on {datetime.fromtimestamp(at, tz=UTC):%A}"
    if ahead < 14 * DAY_S:
        return f"in {counted(-(-ahead // DAY_S), 'day')}"
    return f"in {counted(-(-ahead // (7 * DAY_S)), 'week')}"
