"""Whether two answers agree, and where they do not.

`compare()` holds the candidate's answer against the control's: status, chosen headers, body. JSON is
compared by structure and to the last digit; lines of JSON, events, forms, XML and HTML as documents of
the same kind (`formats`), text by lines, everything else by size and hash. It never raises, whatever
the bytes are, and it is bounded: so many differences are kept, so many looked at.

It is quick where answers agree, which is the usual case: equal bytes are not even parsed, nor is JSON that
differs in white space only (`tokens`). Parsed documents are written in one canonical form, and only what
differs in that form is walked (`walk`): Python's own == takes 1, 1.0 and True for the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from migrator.core.body import Body, Document, blob, repeats, undo_codings
from migrator.core.collecting import KEPT, SHAPES, Collector, Comparison, Difference
from migrator.core.failures import failed_alone
from migrator.core.formats.media import MediaType, media_type
from migrator.core.formats.reading import MARKUP, Piece, read_one, read_pair
from migrator.core.formats.tree import ORDER, same_children
from migrator.core.header_meanings import header_differences
from migrator.core.paths import BODY, HEADER, LINE, STATUS, Steps, render, status_path
from migrator.core.rules import NO_RULES, Rules
from migrator.core.stages import Scrutiny
from migrator.core.tokens import same_tokens
from migrator.core.walk import Kind, Note, Walk, canonical

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
    hosts: Sequence[str] = ()
    """Lower-case authorities (`shop.example:8080`) under which this side was called: links to them stay at home."""


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
        found.at(
            STATUS,
            Kind.STATUS,
            control.status,
            candidate.status,
            path=status_path(control.status, candidate.status),
        )
    if scrutiny is Scrutiny.BODIES:
        left, right = chosen(control, compared_headers), chosen(candidate, compared_headers)
        if left != right or control.hosts != candidate.hosts:
            _compare_headers(found, compared_headers, (left, control.hosts), (right, candidate.hosts))
        if control.truncated or candidate.truncated:
            found.partial = True
        elif control.body != candidate.body or left.get(CODING) != right.get(CODING):
            _compare_bodies(found, _decoded(control, left), _decoded(candidate, right), _media(left), _media(right))
    if found.documents is not None:
        found.failure = failed_alone((control.status, candidate.status), found.documents)
    return found.finish() if found.found_anything else SAME


CODING: Final = b"content-encoding"
TYPE: Final = b"content-type"
Values = dict[bytes, list[str]]
"""Headers by lower-case name."""


def chosen(answer: Answer, names: Sequence[str]) -> Values:
    """The values of the named headers (lower case) as text, in the order in which they came; absent ones left out."""
    wanted = _wanted(tuple(names))
    values: Values = {}
    for raw, value in answer.headers:
        name = raw.lower()
        if name in wanted:
            values.setdefault(name, []).append(value.decode("latin-1").strip())
    return values


@lru_cache(maxsize=1_024)
def _wanted(names: tuple[str, ...]) -> frozenset[bytes]:
    return frozenset(name.encode("latin-1", "replace") for name in names) | {CODING, TYPE}


def document(answer: Answer) -> Document | None:
    """The document in an answer, None where there is none. For a pair whose comparison did not need it."""
    headers = chosen(answer, ())
    return read_one(Piece(_decoded(answer, headers).data, _media(headers)))


def _decoded(answer: Answer, headers: Values) -> Body:
    codings = headers.get(CODING)
    return undo_codings(answer.body, ",".join(codings)) if codings else Body(answer.body)


def _media(headers: Values) -> MediaType:
    return media_type(headers.get(TYPE, NO_TYPE)[0])


NO_TYPE: Final = [""]


def _compare_headers(
    found: Collector,
    names: Sequence[str],
    control: tuple[Values, Sequence[str]],
    candidate: tuple[Values, Sequence[str]],
) -> None:
    """The values of the chosen headers, and the authorities under which each side was called."""
    for name in names:
        key = name.encode("latin-1", "replace")
        for part, one, other in header_differences(
            name=name,
            control=control[0].get(key, ()),
            candidate=candidate[0].get(key, ()),
            control_hosts=control[1],
            candidate_hosts=candidate[1],
        ):
            found.at(f"{HEADER}{name}{part}", Kind.HEADER, one, other)


def _compare_bodies(found: Collector, left: Body, right: Body, claim: MediaType, candidate_claim: MediaType) -> None:
    if left.problem or right.problem:
        found.partial = True
        if left != right:
            found.at(BODY, Kind.BODY, blob(left), blob(right))
        return
    if left.data == right.data or same_tokens(left.data, right.data):
        return
    read = read_pair(Piece(left.data, claim), Piece(right.data, candidate_claim))
    one, other = found.documents = (read.control, read.candidate)
    if one is not None and other is not None:
        _compare_documents(found, one, other, _noting_order(found) if read.format in MARKUP else found.inside)
    elif read.lines is not None:
        _compare_lines(found, *read.lines)
    else:
        found.at(BODY, Kind.BODY, blob(left, one), blob(right, other))


def _noting_order(found: Collector) -> Note:
    """How differences of markup are noted: which children there are is said by the children themselves."""

    def note(steps: Steps, kind: Kind, control: Any, candidate: Any) -> bool:
        if not steps or steps[-1] != ORDER:
            return found.inside(steps, kind, control, candidate)
        return same_children(control, candidate) and found.inside(steps, Kind.ORDER, control, candidate)

    return note


def _compare_lines(found: Collector, one: Document, other: Document) -> None:
    """Two texts. What lines are missing or extra says how many there are."""

    def note(steps: Steps, kind: Kind, control: Any, candidate: Any) -> bool:
        if kind is Kind.LENGTH:
            return False
        found.at(LINE, kind, control, candidate, path=f"{LINE}[{steps[0]}]" if steps else LINE)
        return True

    left, right, write_left, write_right = canonical(one, other)
    if left != right:
        walk = Walk(note=note, control=write_left, candidate=write_right)
        found.unfinished = not walk.run(one.value, other.value) or found.unfinished


def _compare_documents(found: Collector, one: Document, other: Document, note: Note) -> None:
    left, right, write_left, write_right = canonical(one, other)
    if left != right:
        walk = Walk(note=note, control=write_left, candidate=write_right, lens=found.lens(one, other))
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
