"""A rule as it travels to the data planes. What it does there: core.rules."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import msgspec

from migrator.core.measures import Count, Identity


class RuleKind(StrEnum):
    """What a rule says about the place that it addresses."""

    IGNORE = "ignore"
    """Nothing at or under it is compared."""
    TOLERANCE = "tolerance"
    """Two numbers, or two times, may lie so far apart."""
    UNORDERED = "unordered"
    """The order of its members means nothing."""
    NORMALISE = "normalise"
    """Two ways of writing one value are no difference."""
    MAP = "map"
    """Identifiers that differ by nature: each of legacy's stands for one of the candidate's, within a pair."""
    ACCEPT = "accept"
    """What differs at or under it differs because the candidate is right."""


class Form(StrEnum):
    """What about the way in which a value is written means nothing."""

    INSTANT = "instant"
    """An instant in time, whatever its format: ISO 8601, HTTP date, seconds to nanoseconds since 1970."""
    NUMBER = "number"
    """1 and 1.0."""
    CASE = "case"
    """Letters' case."""
    PERCENT = "percent"
    """Percent-encoding: `%7E` and `~`."""
    ZEROS = "trailing_zeros"
    """Zeros that end a decimal in a string: "1.50" and "1.5"."""
    LIST = "scalar_list"
    """A value and a list of nothing but it."""
    WHITESPACE = "whitespace"
    """Blanks at either end, and how many there are in between."""
    NULL = "null"
    """A null and nothing at all."""
    PATTERN = "pattern"
    """What matches a regular expression: each match is replaced by a token before comparing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSpec:
    """What a project has settled about a place in the answers of a unit, of a service, or of all."""

    id: Count
    kind: RuleKind
    path: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    """JSONPath into the body, or `status`, `header:<name>`, `header:*`, `body`, `body:line`."""
    unit: int | None = None
    """An endpoint, or a field, whose endpoint is then meant. With neither unit nor service: the whole project."""
    service: Identity | None = None
    absolute: Annotated[float, msgspec.Meta(ge=0)] | None = None
    """Tolerance: how far two numbers may lie apart."""
    relative: Annotated[float, msgspec.Meta(ge=0)] | None = None
    """Tolerance: the same as a share (0–1) of the greater of the two."""
    seconds: Annotated[float, msgspec.Meta(ge=0)] | None = None
    """Tolerance: how far two times may lie apart."""
    key: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    """Unordered: the name by which members find their counterparts. Without one, equal members do."""
    form: Form | None = None
    zone: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    """Instant: the time zone of times that name none, such as `Europe/Berlin`."""
    pattern: Annotated[str, msgspec.Meta(max_length=500)] | None = None
    replacement: Annotated[str, msgspec.Meta(max_length=100)] = "*"
    """Pattern: what each match is replaced by."""
    expires_at: float | None = None
    noise: bool = False
    """Nobody wrote it: a side was seen to disagree with itself there."""
