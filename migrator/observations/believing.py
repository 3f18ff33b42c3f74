"""Whether what a data plane counted can be true. What cannot is refused, and counted as that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from migrator.core import histograms
from migrator.core import tally as tallies
from migrator.core.wire import Tally
from migrator.observations import joints

DAY: Final = 86_400
FUTURE_S: Final = DAY
"""A window that begins later than this after now is refused."""
PAST_S: Final = 7 * DAY
"""As is one older than this: no spool holds reports for so long."""
MOST: Final = 100_000_000
"""What one tally may count. No process meets ten million requests a second."""


@dataclass(frozen=True, slots=True)
class KnownUnit:
    """What folding must know of a unit."""

    project_id: int
    evidence_epoch: int
    is_field: bool
    parent_id: int | None


def believable(tally: Tally, unit: KnownUnit, now: float) -> bool:
    """Whether a tally can be true: its window, its epoch, its counts, its histograms and sketches."""
    received = tally.received
    return (
        now - PAST_S <= tally.window <= now + FUTURE_S
        and tally.evidence_epoch <= unit.evidence_epoch
        and received <= MOST
        and max((tally.served_candidate, *(path.count for path in tally.paths))) <= received
        and all(_is_histogram(latency, received) for latency in (tally.legacy_latency, tally.candidate_latency))
        and all(
            not cost or _is_histogram(cost, received, last=histograms.bucket_of_greatest_cost)
            for cost in (tally.legacy_cost, tally.candidate_cost)
        )
        and all(_is_sketch(hashes, received) for hashes in (tally.subjects, tally.mismatching_subjects, tally.shapes))
        and sum(tally.callers.values()) <= received
        and joints.is_believable(tally)
    )


def _is_histogram(counts: Mapping[int, int], received: int, *, last: int = histograms.bucket_of_greatest) -> bool:
    return not counts or (min(counts) >= 0 and max(counts) <= last and max(counts.values()) <= received)


def _is_sketch(hashes: Sequence[int], received: int) -> bool:
    return not hashes or (
        len(hashes) <= min(tallies.SKETCH_SIZE, received) and min(hashes) >= 0 and max(hashes) < 2**64
    )
