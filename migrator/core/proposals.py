"""The rule that would explain a group of differences.

Proposals are tried from the narrowest to the widest, with the same rules that comparison asks: one is
made only where it would hide every sample. Samples may be redacted to types, lengths and hashes; then a
proposal is made as far as those allow, and says what they leave open.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

import msgspec

from migrator.core.advice import explain
from migrator.core.collecting import Difference
from migrator.core.exact import NotJson, read
from migrator.core.forms import amount
from migrator.core.instants import instant
from migrator.core.mapping import consistent
from migrator.core.paths import PathRefused, is_data
from migrator.core.rules import Effect, Panel, RuleRefused, is_identifier, ready
from migrator.core.walk import ABSENT, Kind
from migrator.core.wire import Finding, Form, RuleKind, RuleSpec

PLACES: Final = 20
"""Path shapes of one group that get a rule each."""
CLOSE_SECONDS: Final = (1, 5, 60)
"""Tolerances of time that are worth proposing."""
EARLIEST: Final = 10**8
"""Seconds since 1970 from which on a number is taken for a time: in 1973."""
_GIVEN = re.compile(r"(?=.*\d)[0-9A-Za-z_:-]{6,}")
"""Without blanks, with a digit, and not short."""
_TOKEN = re.compile(r"(string|array|object|number|integer|decimal)(?:\((\d+)\))?(?: #([0-9a-f]{6}))?")


@dataclass(frozen=True, slots=True)
class Token:
    """What a redacted sample tells of a value."""

    type: str
    size: int | None = None
    digest: str | None = None
    """Equal values have equal ones."""


@dataclass(frozen=True, slots=True)
class Specimen:
    """One difference as far as it is known: the values, or tokens of them."""

    shape: str
    kind: Kind
    control: Any
    candidate: Any

    @property
    def redacted(self) -> bool:
        return isinstance(self.control, Token) or isinstance(self.candidate, Token)


@dataclass(frozen=True, slots=True)
class Proposal:
    """Rules that would settle a group, one for each place, with id 0 and the scope of the whole project."""

    rules: tuple[RuleSpec, ...]
    certain: bool
    """False where the samples are redacted too much to know."""
    sentence: str

    @property
    def kind(self) -> RuleKind:
        return self.rules[0].kind


_PLAIN_FORMS: Final = [form for form in Form if form not in (Form.PATTERN, Form.INSTANT)]
_CANDIDATES: Final = (
    *(RuleSpec(id=0, kind=RuleKind.NORMALISE, path="$", form=form) for form in _PLAIN_FORMS),
    RuleSpec(id=0, kind=RuleKind.UNORDERED, path="$"),
    RuleSpec(id=0, kind=RuleKind.TOLERANCE, path="$", relative=1e-9),
)
_OF_TIMES: Final = (
    RuleSpec(id=0, kind=RuleKind.NORMALISE, path="$", form=Form.INSTANT),
    RuleSpec(id=0, kind=RuleKind.NORMALISE, path="$", form=Form.INSTANT, zone="UTC"),
    *(RuleSpec(id=0, kind=RuleKind.TOLERANCE, path="$", seconds=seconds) for seconds in CLOSE_SECONDS),
)
_LAST: Final = (RuleKind.ACCEPT, RuleKind.IGNORE)


def propose(differences: Iterable[Difference | Finding]) -> tuple[Proposal, ...]:
    """What would settle the samples of one group: the narrowest rule that explains all of them, then accept, ignore.

    Empty where there are no samples, or where their places cannot be written as paths.
    """
    specimens = [specimen(difference) for difference in differences]
    places = [shape for shape in dict.fromkeys(each.shape for each in specimens) if _writable(shape)][:PLACES]
    if not places:
        return ()
    narrow = _explaining(specimens) or _mapping(specimens) or _guessed(specimens)
    made = [] if narrow is None else [_proposal(narrow[0], places, specimens, certain=narrow[1], note=narrow[2])]
    wide = (RuleSpec(id=0, kind=kind, path="$") for kind in _LAST)
    return (*made, *(_proposal(spec, places, specimens, certain=True, note="") for spec in wide))


def specimen(difference: Difference | Finding) -> Specimen:
    """A difference as it was found, or as a sample shows it."""
    if isinstance(difference, Difference):
        return Specimen(difference.shape, difference.kind, difference.control, difference.candidate)
    kind = Kind(difference.kind) if difference.kind in set(Kind) else Kind.VALUE
    return Specimen(difference.shape, kind, _understood(difference.control), _understood(difference.candidate))


def explains(spec: RuleSpec, each: Specimen) -> bool:
    """Whether a rule at its very place would hide this difference."""
    rule = ready(spec)
    panel = Panel([rule], [rule])
    return panel.rule(each.kind, each.control, each.candidate, lambda _: True).effect is Effect.HIDDEN


Narrow = tuple[RuleSpec, bool, str]
"""A rule, whether it is certain, and what is to be said with it."""


def _explaining(specimens: Sequence[Specimen]) -> Narrow | None:
    """The first rule that hides every sample, redacted ones by what is known of them."""
    times = all(is_time(value) for each in specimens for value in (each.control, each.candidate))
    for spec in (*_CANDIDATES, *(_OF_TIMES if times else ())):
        if all(explains(spec, each) or _surely(spec, each) for each in specimens):
            return spec, True, ""
    return None


def is_time(value: Any) -> bool:
    """Whether a value looks like a time: a small number could be one, but is none."""
    number = amount(value)
    return instant(value) is not None and (number is None or abs(number) >= EARLIEST)


def _surely(spec: RuleSpec, each: Specimen) -> bool:
    """Whether the kind of a redacted difference says enough."""
    return each.redacted and each.kind is Kind.NUMBER_FORM and spec.form is Form.NUMBER


def _mapping(specimens: Sequence[Specimen]) -> Narrow | None:
    """Identifiers on both sides, each standing for one: seen at least twice, or nothing is known."""
    pairs = list(dict.fromkeys((each.control, each.candidate) for each in specimens if _identifying(each)))
    if len(pairs) < 2 or not all(map(_identifying, specimens)) or not all(consistent(pairs, (), ())):
        return None
    redacted = any(each.redacted for each in specimens)
    note = f"{len(pairs)} identifiers of legacy each stand for one of the candidate's."
    if redacted:
        note += " Whether they are identifiers cannot be seen: their values are redacted."
    return RuleSpec(id=0, kind=RuleKind.MAP, path="$"), not redacted, note


def _identifying(each: Specimen) -> bool:
    return each.kind in (Kind.VALUE, Kind.TYPE) and all(map(_looks_given, (each.control, each.candidate)))


def _looks_given(value: Any) -> bool:
    """Whether a value looks like one that a system gave away: a long number, a text without words."""
    if isinstance(value, Token):
        return value.type == "string" and value.digest is not None and (value.size or 0) >= 8
    if not is_identifier(value) or is_time(value):
        return False
    return not isinstance(value, str) or is_data(value) or _GIVEN.fullmatch(value) is not None


def _guessed(specimens: Sequence[Specimen]) -> Narrow | None:
    """What types and lengths suggest where values are redacted."""
    if not specimens or not all(each.redacted for each in specimens):
        return None
    types = {(_type(each.control), _type(each.candidate)) for each in specimens}
    sizes = {(_size(each.control), _size(each.candidate)) for each in specimens}
    if all("array" in pair and pair != ("array", "array") for pair in types) and all(1 in pair for pair in sizes):
        return _guess(Form.LIST, "A list of one against a single value. Whether it is the same value is redacted.")
    if types == {("string", "string")}:
        if all(left == right for left, right in sizes):
            return _guess(Form.CASE, "Texts of equal length. Whether only letters' case differs is redacted.")
        if len(sizes) == 1 and all(size is not None and 10 <= size <= 35 for pair in sizes for size in pair):
            return _guess(Form.INSTANT, "Texts of two fixed lengths, as times have them. What they say is redacted.")
    if types <= {("string", "number"), ("number", "string")} and all({10, 19, 20, 24} & set(pair) for pair in sizes):
        return _guess(Form.INSTANT, "A text as long as a time, and a number. What they say is redacted.")
    return None


def _guess(form: Form, note: str) -> Narrow:
    return RuleSpec(id=0, kind=RuleKind.NORMALISE, path="$", form=form), False, note


def _proposal(
    spec: RuleSpec, places: Sequence[str], specimens: Sequence[Specimen], *, certain: bool, note: str
) -> Proposal:
    rules = tuple(replace(spec, path=place) for place in places)
    more = f" Likewise at {len(places) - 1} more." if len(places) > 1 else ""
    seen = f" It explains all {len(specimens)} samples." if certain and spec.kind not in _LAST else ""
    return Proposal(rules, certain, " ".join(filter(None, (note, explain(rules[0]) + more + seen))))


def _writable(shape: str) -> bool:
    try:
        ready(msgspec.convert({"id": 0, "kind": "ignore", "path": shape}, RuleSpec))
    except (PathRefused, RuleRefused, msgspec.ValidationError):
        return False
    return True


def _understood(shown: str | None) -> Any:
    """A value as a sample writes it: JSON where it is shown, a token where it is redacted."""
    if shown is None:
        return ABSENT
    match = _TOKEN.fullmatch(shown)
    if match is not None:
        return Token(match[1], None if match[2] is None else int(match[2]), match[3])
    try:
        return read(shown)[0]
    except NotJson:  # cut, or what stands for a body
        return Token("unknown")


def _type(value: Any) -> str:
    if isinstance(value, Token):
        return "number" if value.type in ("integer", "decimal") else value.type
    if isinstance(value, str):
        return "string"
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return "number"
    return "array" if isinstance(value, list) else "other"


def _size(value: Any) -> int | None:
    if isinstance(value, Token):
        return value.size
    return len(value) if isinstance(value, (str, list)) else None
