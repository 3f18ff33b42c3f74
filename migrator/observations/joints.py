"""Which causes came together in a pair, before whom, and what rules took out: the part of a batch that groups are
judged by. Pure, like the rest of folding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from migrator.core import tally as tallies
from migrator.core.tally import CALLERS_KEPT, CAUSES_KEPT, NAMES_KEPT, OTHER_SHAPE, RULES_KEPT
from migrator.core.wire import CauseCount, Tally

NAMES_OF_GROUP: Final = 20
"""Values of the caller's header, and builds of a side, that a group counts apart."""
MOST_PLACES: Final = 200
"""Causes that one joint may name."""


@dataclass(slots=True)
class JointSum:
    """Pairs that differed in just these causes."""

    causes: tuple[str, ...]
    count: int = 0
    last: int = 0


@dataclass(slots=True)
class AudienceSum:
    """Who met a cause. The sketch of callers is a set here, and cut when it is packed."""

    subjects: set[int] = field(default_factory=set)
    callers: dict[str, int] = field(default_factory=dict)
    legacy_builds: dict[str, int] = field(default_factory=dict)
    candidate_builds: dict[str, int] = field(default_factory=dict)

    def add(self, other: "AudienceSum | CauseCount") -> None:
        self.subjects.update(other.subjects)
        add_names(self.callers, other.callers)
        add_names(self.legacy_builds, other.legacy_builds)
        add_names(self.candidate_builds, other.candidate_builds)

    @property
    def is_empty(self) -> bool:
        return not (self.subjects or self.callers or self.legacy_builds or self.candidate_builds)

    def packed(self) -> bytes:
        return tallies.pack_sketch(tallies.smallest(self.subjects, CALLERS_KEPT))


@dataclass(slots=True)
class HitSum:
    """Pairs in which a rule hid or accepted something."""

    count: int = 0
    last: int = 0


def add_names(total: dict[str, int], more: Mapping[str, int], most: int = NAMES_OF_GROUP) -> None:
    """Add counts by name, those beyond the first `most` under one name."""
    for name, count in more.items():
        kept = name.replace("\x00", "")[: tallies.NAME_LENGTH]
        if kept not in total and len(total) >= most:
            kept = OTHER_SHAPE
        total[kept] = total.get(kept, 0) + count


def is_believable(tally: Tally) -> bool:
    """Whether what a tally says about its causes and rules can be true beside the rest of it."""
    received, places = tally.received, len(tally.paths)
    return (
        len(tally.causes) <= CAUSES_KEPT
        and len(tally.hidden) <= RULES_KEPT
        and all(path.whole <= path.count for path in tally.paths)
        and all(hidden.count <= received for hidden in tally.hidden)
        and sum(cause.count for cause in tally.causes) <= received
        and all(_can_be(cause, places) for cause in tally.causes)
    )


def _can_be(cause: CauseCount, places: int) -> bool:
    names: Sequence[Mapping[str, int]] = (cause.callers, cause.legacy_builds, cause.candidate_builds)
    return (
        len(cause.subjects) <= CALLERS_KEPT
        and all(0 <= subject < 2**64 for subject in cause.subjects)
        and all(place < places for place in cause.places)
        and all(len(counts) <= NAMES_KEPT + 1 and sum(counts.values()) <= cause.count for counts in names)
    )
