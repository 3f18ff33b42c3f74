"""The best moves of people, weighed as carefully as the plan itself: what is said of one is what its own page says.

Ranking tries many moves and lives through each of them less often; the order and the size of the first few are
settled here.
"""

from datetime import date
from typing import Final

from dashboards.plan_answers import too_young
from dashboards.plan_outlook import LEAST_GAIN, Looked, otherwise
from migrator.core.what_if import Move, Ranked, Wish

MOST: Final = 3
AN_END: Final = 520.0
"""Weeks: an end where there was none is worth more than any gain."""


def weighed(looked: Looked, *, today: date) -> tuple[Ranked, ...]:
    """The first of the ranked moves, each with what it brings; those that bring nothing after all are left out."""
    if too_young(looked):
        return ()
    found = [_weighed(looked, each.move, today) for each in looked.best[:MOST]]
    return tuple(sorted((each for each in found if each.gained_weeks >= LEAST_GAIN), key=_most_first))


def _weighed(looked: Looked, move: Move, today: date) -> Ranked:
    then = otherwise(looked=looked, wish=Wish(moves=(move,)), today=today, target=looked.target)
    before = looked.found.p85 if looked.found else None
    chance = then.chance(looked.target) if looked.target else None
    return Ranked(move=move, chance=chance, gained_weeks=_gained(before, then.p85))


def _gained(before: date | None, after: date | None) -> float:
    """Weeks."""
    if after is None:
        return 0.0
    return (before - after).days / 7 if before else AN_END


def _most_first(each: Ranked) -> float:
    return -each.gained_weeks
