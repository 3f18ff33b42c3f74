"""What removal must prove, in words: four parts, each passed, failed or not known. Pure: nothing is read here."""

from dataclasses import dataclass
from typing import Final

from migrator.core.gate import Pass

TRAFFIC: Final = "traffic"
REFERENCES: Final = "references"
LABEL: Final = "label"
TEAR_DOWN: Final = "tear-down"

WAITS: Final = {
    TRAFFIC: "quiet days",
    REFERENCES: "references",
    LABEL: "the schema",
    TEAR_DOWN: "tear-down",
}
"""What a unit waits for, by the part that is not passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of the proof. Only an explicit pass counts."""

    name: str
    result: Pass
    sentence: str
    link: str
    """A path of ours: where to look, or to act."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Whether a unit's legacy code may be deleted."""

    complete: bool
    sentence: str
    parts: tuple[Part, ...]

    @property
    def failing(self) -> frozenset[str]:
        """Names of the parts that speak against it. Parts that are merely not known yet are not among them."""
        return frozenset(part.name for part in self.parts if part.result is Pass.FAIL)

    @property
    def open_parts(self) -> tuple[str, ...]:
        """Names of the parts that are not passed, in their order."""
        return tuple(part.name for part in self.parts if part.result is not Pass.PASS)

    @property
    def waits_for(self) -> tuple[str, ...]:
        return tuple(WAITS[name] for name in self.open_parts)

    def part(self, name: str) -> Part:
        return next(part for part in self.parts if part.name == name)


def proof_from(*parts: Part) -> Proof:
    """The parts as one: complete where each of them passed."""
    open_parts = [part for part in parts if part.result is not Pass.PASS]
    if not open_parts:
        return Proof(complete=True, sentence=f"Proven: {parts[0].sentence}", parts=parts)
    # What speaks against removal is said before what is merely not known yet.
    open_parts.sort(key=lambda part: part.result is not Pass.FAIL)
    return Proof(complete=False, sentence=" ".join(part.sentence for part in open_parts[:2]), parts=parts)
