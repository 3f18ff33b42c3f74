"""Whether two answers agree, and where they do not.

`compare()` holds the candidate's answer against the control's: status, chosen headers, body. JSON is
compared by structure and to the last digit, everything else by size and hash. It never raises,
whatever the bytes are, and it is bounded: so many differences are kept, so many looked at.

It is quick where answers agree, which is the usual case: equal bytes are not even parsed. Parsed
documents are written in one canonical form, and only what differs in that form is walked (`walk`):
Python's own == takes 1, 1.0 and True for the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from migrator.core.body import Body, Document, blob, parse, repeats, undo_codings
from migrator.core.collecting import KEPT, SHAPES, Collector, Comparison, Difference
from migrator.core.paths import BODY, HEADER, STATUS, render
from migrator.core.rules import NO_RULES, Rules
from migrator.core.stages import Scrutiny
from migrator.core.walk import ABSENT, Kind, Walk, canonical

__all__ = [
    "KEPT",
    "NO_RULES",
    "SHAPES",
    "Answer",
    "Comparison",
    "Difference",
    "Rules",
    "compare",
    "document",
]


@dataclass(slots=True, kw_only=True, eq=False)
class Answer:
    """What one side answered. Not frozen, which would triple the cost of making the two for every pair."""

    status: int
    headers: Sequence[tuple[bytes, bytes]] = ()
    """As received: order, case and repetitions kept."""
    body: bytes = b""
    """As received, content codings included. Empty for HEAD, 204 and 304."""
    truncated: bool = False
    """The body was longer than what is kept for comparing."""


SAME: Final = Comparison()


def compare(
    *,
    control: Answer,
    candidate: Answer,
    rules: Rules = NO_RULES,
    scrutiny: Scrutiny = Scrutiny.BODIES,
    compared_headers: Sequence[str] = (),
) -> Comparison:
    """Hold the candidate's answer against the control's, as closely as `scrutiny` says.

    `compared_headers` are lower-case names; their values count in the order in which they came.
    Never raises, whatever was answered.
    """
    found = Collector(rules)
    if control.status != candidate.status:
        found.at(STATUS, Kind.STATUS, control.status, candidate.status)
    if scrutiny is Scrutiny.BODIES:
        left, right = chosen(control, compared_headers), chosen(candidate, compared_headers)
        if left != right:
            _compare_headers(found, compared_headers, left, right)
        if control.truncated or candidate.truncated:
            found.partial = True
        elif control.body != candidate.body or left.get(CODING) != right.get(CODING):
            _compare_bodies(
                found, control, candidate, _decoded(control, left.get(CODING)), _decoded(candidate, right.get(CODING))
            )
    return found.finish() if found.found_anything else SAME


CODING: Final = b"content-encoding"


def chosen(answer: Answer, names: Sequence[str]) -> dict[bytes, list[str]]:
    """The values of the named headers (lower case) as text, in the order in which they came; absent ones left out."""
    wanted = _wanted(tuple(names))
    values: dict[bytes, list[str]] = {}
    for raw, value in answer.headers:
        name = raw.lower()
        if name in wanted:
            values.setdefault(name, []).append(value.decode("latin-1").strip())
    return values


@lru_cache(maxsize=1_024)
def _wanted(names: tuple[str, ...]) -> frozenset[bytes]:
    return frozenset(name.encode("latin-1", "replace") for name in names) | {CODING}


def document(answer: Answer) -> Document | None:
    """The JSON document in an answer, None where there is none. For a pair whose comparison did not need it."""
    return _parsed(_decoded(answer, chosen(answer, ()).get(CODING)), answer)


def media_type(value: str) -> str:
    """A Content-Type with what its letters' case and blanks do not mean taken out."""
    return ";".join(part.strip().replace('"', "") for part in value.lower().split(";"))


def charset(answer: Answer) -> str | None:
    """What Content-Type claims about the letters."""
    for value in chosen(answer, ("content-type",)).get(b"content-type", ()):
        for part in media_type(value).split(";")[1:]:
            name, _, claim = part.partition("=")
            if name.strip() == "charset":
                return claim.strip()
    return None


def _decoded(answer: Answer, codings: list[str] | None) -> Body:
    return undo_codings(answer.body, ",".join(codings)) if codings else Body(answer.body)


def _compare_headers(
    found: Collector, names: Sequence[str], left: dict[bytes, list[str]], right: dict[bytes, list[str]]
) -> None:
    for name in names:
        one, other = left.get(name.encode("latin-1", "replace"), []), right.get(name.encode("latin-1", "replace"), [])
        if one == other or (name == "content-type" and list(map(media_type, one)) == list(map(media_type, other))):
            continue
        found.at(
            f"{HEADER}{name}",
            Kind.HEADER,
            ", ".join(one) if one else ABSENT,
            ", ".join(other) if other else ABSENT,
        )


def _compare_bodies(found: Collector, control: Answer, candidate: Answer, left: Body, right: Body) -> None:
    if left.problem or right.problem:
        found.partial = True
        if left != right:
            found.at(BODY, Kind.BODY, blob(left), blob(right))
        return
    if left.data == right.data:
        return
    one, other = _parsed(left, control), _parsed(right, candidate)
    found.documents = (one, other)
    if one is not None and other is not None:
        _compare_documents(found, one, other)
    else:
        found.at(BODY, Kind.BODY, blob(left, one), blob(right, other))


def _parsed(body: Body, answer: Answer) -> Document | None:
    document = parse(body.data)
    if document is None and (claim := charset(answer)) is not None:
        return parse(body.data, claim)
    return document


def _compare_documents(found: Collector, one: Document, other: Document) -> None:
    left, right, write_left, write_right = canonical(one, other)
    if left != right:
        walk = Walk(note=found.inside, control=write_left, candidate=write_right, lens=found.lens(one, other))
        found.unfinished = not walk.run(one.value, other.value) or found.unfinished
    if _may_repeat(one, other, left, right):
        repeated, candidate_repeated = set(repeats(one)), set(repeats(other))
        for steps in sorted(repeated ^ candidate_repeated, key=render):
            found.inside(steps, Kind.DUPLICATE, 1 + (steps in repeated), 1 + (steps in candidate_repeated))


def _may_repeat(one: Document, other: Document, left: bytes, right: bytes) -> bool:
    """Whether one side may name more keys twice than the other, which the fast parser does not tell.

    A pair that is dropped takes a colon with it: so many more there are in the source than in the
    canonical form. An escaped colon raises a false alarm, and the exact reader settles it.
    """
    if not (one.plain and other.plain):
        return True
    colons, candidate_colons = one.source.count(b":"), other.source.count(b":")
    if colons == candidate_colons or left == right:
        return colons != candidate_colons
    return colons - left.count(b":") != candidate_colons - right.count(b":")
