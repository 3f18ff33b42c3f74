"""Noise: where a side disagrees with itself. Counted by data planes, made into rules by the control plane.

A rule that hides a difference needs more than one bad moment: data moves between two calls at any place,
now and then, and reading again settles that. Noise is a place at which a side disagrees with itself often.
It is forgotten when it has not been seen for a while.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from migrator.core.paths import BODY, HEADER
from migrator.core.walk import Kind
from migrator.core.wire import NoiseCount, RuleKind, Side

SHAPES_KEPT: Final = 200
"""Places that one tally counts apart. Those beyond are not counted: it takes many to make a rule."""
LEAST: Final = 3
"""Disagreements that make a place noise."""
LEAST_SHARE: Final = 0.05
"""Of the times that the side was asked twice."""
HOLDS_SECONDS: Final = 86_400
"""How long a rule made of noise holds after the last disagreement."""


@dataclass(slots=True)
class NoiseTally:
    """One unit's noise while it is being counted."""

    pairs: dict[Side, int] = field(default_factory=dict)
    """How often each side was asked twice."""
    places: dict[tuple[Side, str, str], int] = field(default_factory=dict)

    def add(self, side: Side, shapes: Iterable[tuple[str, str]]) -> None:
        """A side was asked twice and disagreed with itself at these places and kinds, each given once."""
        self.pairs[side] = self.pairs.get(side, 0) + 1
        for shape, kind in shapes:
            key = (side, shape, kind)
            if key in self.places or len(self.places) < SHAPES_KEPT:
                self.places[key] = self.places.get(key, 0) + 1

    def counts(self) -> tuple[NoiseCount, ...]:
        """As a tally carries them."""
        return tuple(
            NoiseCount(side=side, shape=shape, kind=str(kind), count=count)
            for (side, shape, kind), count in self.places.items()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How often one side of a unit disagreed with itself at one place, over the last HOLDS_SECONDS."""

    unit: int
    side: Side
    shape: str
    kind: str
    count: int
    asked: int
    """How often that side was asked twice in that time."""
    last_at: float
    """Seconds since the epoch."""

    @property
    def is_noise(self) -> bool:
        """Whether it is often enough. A status never is noise: a side that now and then fails is not excused."""
        return self.kind != Kind.STATUS and self.count >= max(LEAST, LEAST_SHARE * self.asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """A place that says nothing about the candidate, as a rule would address it."""

    unit: int
    kind: RuleKind
    path: str
    until: float
    """Seconds since the epoch."""
    because: str


def noise(evidence: Iterable[Evidence]) -> tuple[Noise, ...]:
    """What is noise, each unit and place once, until HOLDS_SECONDS after it was last seen.

    Where only the order is random, only the order is left out; the rest of the place stays compared.
    """
    found: dict[tuple[int, str, RuleKind], Noise] = {}
    for each in sorted(evidence, key=lambda each: each.last_at):
        if each.is_noise:
            kind = RuleKind.UNORDERED if each.kind == Kind.ORDER else RuleKind.IGNORE
            path = path_of(each.shape)
            found[each.unit, path, kind] = Noise(
                unit=each.unit,
                kind=kind,
                path=path,
                until=each.last_at + HOLDS_SECONDS,
                because=f"Asked twice, {each.side} disagreed with itself {each.count:,} of {each.asked:,} times.",
            )
    return tuple(found.values())


def path_of(shape: str) -> str:
    """A shape as a rule addresses it: places outside of documents by what they are part of."""
    if shape.startswith(("$", HEADER)):
        return shape
    return BODY if shape.startswith(BODY) else shape
