"""Whether two paths can mean the same place."""

from typing import Final

from migrator.core.jsonpath import Query, Segment
from migrator.core.paths import EVERY, Step, Steps

_SOME_NAME: Final = "\ue000"
"""A name that no path spells out."""


def overlap(one: Query, other: Query, *, under_one: bool = False, under_other: bool = False) -> bool:
    """Whether some place in some document is selected by both.

    `under_one` and `under_other` say that a path also means what lies under the places that it selects.
    What a filter chooses is not known: it may choose anything.
    """
    ends = len(one.segments), len(other.segments)
    seen, waiting = {(0, 0)}, [(0, 0)]
    while waiting:
        at = waiting.pop()
        if at == ends:
            return True
        steps = (
            (left, right)
            for left, takes in _moves(one, at[0], under=under_one)
            for right, accepts in _moves(other, at[1], under=under_other)
            if takes is None or accepts is None or compatible(takes, accepts)
        )
        for following in steps:
            if following not in seen:
                seen.add(following)
                waiting.append(following)
    return False


def _moves(query: Query, at: int, *, under: bool) -> list[tuple[int, Segment | None]]:
    """Where a path may stand after one step, and the segment that must admit it; None where any step will do."""
    if at == len(query.segments):
        return [(at, None)] if under else []
    segment = query.segments[at]
    return [(at + 1, segment), *([(at, None)] if segment.deep else [])]


def compatible(one: Segment, other: Segment) -> bool:
    """Whether some step is admitted by both."""
    known = [selector.witness for segment in (one, other) for selector in segment.selectors]
    steps: list[Step] = [step for step in known if step is not None]
    return any(one.may(step) and other.may(step) for step in (*steps, _SOME_NAME, 0))


def open_steps(query: Query) -> Steps | None:
    """The places that a path selects as steps, open ones where it selects several; None where depth is open too."""
    if any(segment.deep for segment in query.segments):
        return None
    return tuple(_open_step(segment) for segment in query.segments)


def _open_step(segment: Segment) -> Step:
    if len(segment.selectors) > 1:
        return EVERY
    step = segment.selectors[0].witness
    return step if step is not None and segment.surely(step) and not segment.may(_SOME_NAME) else EVERY


def holds_everything(query: Query) -> bool:
    """Whether all that an object or an array holds lies at or under what the path selects."""
    return query.surely_covers((_SOME_NAME,), under=True) or query.surely_covers((EVERY,), under=True)
