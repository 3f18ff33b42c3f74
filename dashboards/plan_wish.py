"""What if? The form of another plan, read from an address, so that the answer can be sent to somebody."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

from django.http import QueryDict
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from dashboards.parameters import text
from migrator.core.queues import Plan
from migrator.core.what_if import Impossible, Move, Wish, applied

ROWS: Final = 2
"""Moves and cuts that the form has room for, at least; one more than are filled in."""
MOST_ROWS: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the form as it was typed, with what is wrong in which of its fields."""

    giver: str = ""
    taker: str = ""
    people: str = ""
    field: str = ""
    error: str = ""

    @property
    def is_empty(self) -> bool:
        return not (self.giver or self.taker)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Scope that one team is spared."""

    team: str = ""
    units: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The form, and the wish where all of it can be."""

    rows: Sequence[Row]
    cuts: Sequence[Cut]
    deadline: date | None = None
    deadline_typed: str = ""
    """As it came where it cannot be."""
    deadline_error: str = ""
    wish: Wish = field(default_factory=Wish)

    @property
    def is_empty(self) -> bool:
        return not (self.wish.moves or self.wish.cut or self.deadline or self.has_errors)

    @property
    def has_errors(self) -> bool:
        wrong = [row.error for row in self.rows] + [cut.error for cut in self.cuts]
        return any(wrong) or bool(self.deadline_error)


def wished(query: QueryDict, *, plan: Plan, today: date) -> Asked:
    """Read an address. What cannot be is told beside its control; then there is no wish."""
    rows, cuts = _rows(query), _cuts(query)
    rows, moves = _moves(rows, plan)
    cuts, shares = _amounts(cuts, plan)
    typed = text(query, "deadline")
    day, wrong = _deadline(typed, today)
    found = Asked(
        rows=_roomy(rows), cuts=cuts or [Cut()], deadline=day, deadline_typed=typed * bool(wrong), deadline_error=wrong
    )
    if found.has_errors:
        return found
    return replace(found, wish=Wish(moves=tuple(moves), cut=shares))


def _lists(query: QueryDict, *names: str) -> list[tuple[str, ...]]:
    columns = [[value.replace("\x00", "").strip()[:100] for value in query.getlist(name)] for name in names]
    length = min(MOST_ROWS, max(map(len, columns)))
    return [tuple(column[at] if at < len(column) else "" for column in columns) for at in range(length)]


def _rows(query: QueryDict) -> list[Row]:
    found = [Row(giver=giver, taker=taker, people=n) for giver, taker, n in _lists(query, "giver", "taker", "people")]
    return [row for row in found if not row.is_empty]


def _cuts(query: QueryDict) -> list[Cut]:
    return [Cut(team=team, units=units) for team, units in _lists(query, "cut_team", "cut") if team or units]


def _moves(rows: Sequence[Row], plan: Plan) -> tuple[list[Row], list[Move]]:
    """Each row is tried with those before it: so the one that cannot be is named."""
    told: list[Row] = []
    moves: list[Move] = []
    for row in rows:
        people = _number(row.people or "1")
        if people is None:
            told.append(replace(row, field="people", error=_("A number of people, such as 2 or 0.5.")))
            continue
        move = Move(giver=row.giver, taker=row.taker, people=people)
        try:
            applied(plan=plan, wish=Wish(moves=(*moves, move)))
        except Impossible as wrong:
            told.append(replace(row, field=wrong.field, error=wrong.message))
            continue
        told.append(row)
        moves.append(move)
    return told, moves


def _amounts(cuts: Sequence[Cut], plan: Plan) -> tuple[list[Cut], dict[str, float]]:
    told: list[Cut] = []
    shares: dict[str, float] = {}
    for cut in cuts:
        amount = _number(cut.units)
        if amount is None or cut.team not in plan.teams:
            known = cut.team in plan.teams
            told.append(
                replace(cut, error=_("How much is cut, as a number.") if known else _("Choose a team of the plan."))
            )
            continue
        try:
            applied(plan=plan, wish=Wish(cut=shares | {cut.team: amount}))
        except Impossible as wrong:
            told.append(replace(cut, error=wrong.message))
            continue
        told.append(cut)
        shares[cut.team] = amount
    return told, shares


def _number(told: str) -> float | None:
    try:
        found = float(told.replace(",", "."))
    except ValueError:
        return None
    return found if 0 < found < 1_000_000 else None


def _deadline(told: str, today: date) -> tuple[date | None, str]:
    if not told:
        return None, ""
    try:
        day = parse_date(told)
    except ValueError:
        day = None
    if day is None:
        return None, _("A day, such as 2027-03-31.")
    if day <= today:
        return None, _("A day that is still to come.")
    return day, ""


def _roomy(rows: Sequence[Row]) -> list[Row]:
    empty = max(ROWS - len(rows), 1 if len(rows) < MOST_ROWS else 0)
    return [*rows, *(Row() for _ in range(empty))]
