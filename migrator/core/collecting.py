"""What a comparison finds: differences, what rules made of them, and the judgement over both."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from migrator.core.arranging import Lens
from migrator.core.body import Document
from migrator.core.mapping import consistent, identifiers
from migrator.core.paths import Steps, render, shape_of
from migrator.core.rules import UNRULED, Effect, Rules, Ruling
from migrator.core.walk import Kind
from migrator.core.wire import Outcome

KEPT: Final = 100
"""Differences that a comparison keeps with their values."""
SHAPES: Final = 200
"""Different places and kinds that a comparison counts."""
MAPPED: Final = 10_000
"""Differences of identifiers that are held until the end of a pair. More are taken for what they seem."""


@dataclass(slots=True, eq=False)
class Difference:
    """One place where two answers differ. Not frozen: many are made. A side that has nothing there holds ABSENT."""

    path: str
    shape: str
    """The path with indexes left open: `$.items[*].price`; `status`; `header:content-type`; `body`."""
    kind: Kind
    control: Any
    candidate: Any
    rules: tuple[int, ...] = ()
    """The rules that hid or accepted it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """The judgement over two answers."""

    differences: tuple[Difference, ...] = ()
    """What speaks against the candidate: the first KEPT."""
    accepted: tuple[Difference, ...] = ()
    """What differs as a rule says it may: the first KEPT."""
    shapes: tuple[tuple[str, Kind], ...] = ()
    """Each place and kind of the differences once, the accepted ones left out."""
    ruled: Mapping[int, int] = field(default_factory=dict)
    """How many differences each rule hid or accepted, by its id. Where two did it together, both count."""
    hidden: tuple[Difference, ...] = ()
    """What would differ were it not for rules: the first KEPT."""
    truncated: bool = False
    """There are more differences than are kept."""
    unfinished: bool = False
    """There may be differences at places that `shapes` does not name: the search was given up."""
    partial: bool = False
    """A body was cut or could not be decoded: what agrees proves nothing about the rest."""
    documents: tuple[Document | None, Document | None] | None = None
    """The parsed bodies of control and candidate, where they had to be parsed."""
    failure: str | None = None
    """Why the candidate's answer is a failure although its status says that it is none (`failures`), in words."""

    @property
    def outcome(self) -> Outcome:
        """What this pair counts as. A body too large to be compared is one more limit of the mirror."""
        if self.failure is not None:
            return Outcome.CANDIDATE_ERROR
        if self.differences:
            return Outcome.MISMATCH
        if self.partial or self.unfinished:
            return Outcome.SKIPPED
        return Outcome.ACCEPTED if self.accepted else Outcome.MATCH


@dataclass(slots=True)
class Collector:
    """Where differences are put as they are found."""

    rules: Rules
    differences: list[Difference] = field(default_factory=list)
    accepted: list[Difference] = field(default_factory=list)
    hidden: list[Difference] = field(default_factory=list)
    ruled: dict[int, int] = field(default_factory=dict)
    shapes: dict[tuple[str, Kind], None] = field(default_factory=dict)
    truncated: bool = False
    unfinished: bool = False
    partial: bool = False
    documents: tuple[Document | None, Document | None] | None = None
    failure: str | None = None
    _mapped: list[tuple[Ruling, Difference]] = field(default_factory=list)

    def at(self, place: str, kind: Kind, control: Any, candidate: Any, *, path: str | None = None) -> None:
        """Note a difference that lies in no document. `path` says more than its shape, `place`."""
        difference = Difference(path or place, place, kind, control, candidate)
        if not self.rules:
            self._count(difference)
        else:
            self._sort(difference, self.rules.at(place, kind, control, candidate))

    def inside(self, steps: Steps, kind: Kind, control: Any, candidate: Any) -> bool:
        """Note a difference between two documents. Whether it counts, as far as is known yet."""
        if not self.rules:
            self._count(Difference(render(steps), shape_of(steps), kind, control, candidate))
            return True
        ruling = self.rules.inside(steps, kind, control, candidate, self._values())
        if ruling.effect is Effect.HIDDEN and len(self.hidden) >= KEPT:
            self._credit(ruling.rules)
            return False
        self._sort(Difference(render(steps), shape_of(steps), kind, control, candidate), ruling)
        return ruling.effect is Effect.NONE or ruling.effect is Effect.ACCEPTED

    def lens(self, one: Document, other: Document) -> Lens | None:
        """How the rules see the arrays of these documents."""
        return Lens(self.rules, (one.value, other.value), plain=one.plain and other.plain) if self.rules else None

    def finish(self) -> Comparison:
        self._settle_mapped()
        return Comparison(
            differences=tuple(self.differences),
            accepted=tuple(self.accepted),
            shapes=tuple(self.shapes),
            ruled=self.ruled,
            hidden=tuple(self.hidden),
            truncated=self.truncated or self.unfinished,
            unfinished=self.unfinished,
            partial=self.partial,
            documents=self.documents,
            failure=self.failure,
        )

    @property
    def found_anything(self) -> bool:
        return bool(self.differences or self.accepted or self.ruled or self._mapped or self.partial or self.documents)

    def _values(self) -> tuple[Any, Any]:
        one, other = self.documents or (None, None)
        return one and one.value, other and other.value

    def _sort(self, difference: Difference, ruling: Ruling) -> None:
        difference.rules = ruling.rules
        if ruling.effect is Effect.NONE:
            self._count(difference)
        elif ruling.effect is Effect.HIDDEN:
            self._keep(self.hidden, difference)
        elif ruling.effect is Effect.ACCEPTED:
            self.truncated |= len(self.accepted) >= KEPT
            self._keep(self.accepted, difference)
        elif len(self._mapped) < MAPPED:
            self._mapped.append((ruling, difference))
        else:
            self._count(difference)

    def _keep(self, kept: list[Difference], difference: Difference) -> None:
        self._credit(difference.rules)
        if len(kept) < KEPT:
            kept.append(difference)

    def _credit(self, rules: tuple[int, ...]) -> None:
        for rule in rules:
            self.ruled[rule] = self.ruled.get(rule, 0) + 1

    def _count(self, difference: Difference) -> None:
        difference.rules = ()
        if len(self.differences) < KEPT:
            self.differences.append(difference)
        else:
            self.truncated = True
        if len(self.shapes) < SHAPES:
            self.shapes[difference.shape, difference.kind] = None
        elif (difference.shape, difference.kind) not in self.shapes:
            self.unfinished = True

    def _settle_mapped(self) -> None:
        """Let identifiers that stand for each other, one for one, pass."""
        one, other = self._values()
        for query in dict.fromkeys(ruling.query for ruling, _ in self._mapped):
            mapped = [(ruling, difference) for ruling, difference in self._mapped if ruling.query is query]
            known = ([], []) if query is None else (identifiers(query, one), identifiers(query, other))
            fits = consistent([(difference.control, difference.candidate) for _, difference in mapped], *known)
            for (ruling, difference), fit in zip(mapped, fits, strict=True):
                if fit:
                    self._keep(self.hidden, difference)
                else:
                    self._sort(difference, ruling.otherwise or UNRULED)
        self._mapped = []
