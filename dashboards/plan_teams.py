"""The plan as rows: teams, phases, milestones, and the way that the end hangs on. Plain data for the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from dashboards import words
from dashboards.plan_outlook import Looked
from migrator.core.forecast import recent, worked
from migrator.core.queues import Outlook, Piece, TeamOutlook
from migrator.core.what_if import Wish, applied

PACE_WEEKS: Final = 4
LONGEST_WAY: Final = 7
"""Pieces of the critical path on the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamRow:
    """One team of the plan."""

    outlook: TeamOutlook
    pace: float | None
    """Done per week over the last four weeks; None without any."""
    people: float | None
    """None where nobody said."""
    people_then: float | None = None
    """With the other plan that was asked for; None where it leaves the team as it is."""

    @property
    def is_late(self) -> bool:
        return is_late(self.outlook)


def is_late(team: TeamOutlook) -> bool:
    """Whether a team is not 85 % sure by the day on which it must be done."""
    return team.due is not None and (team.p85 is None or team.p85 > team.due)


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """The days that a row of bars is drawn over."""

    first: date
    last: date
    target: date | None

    def at(self, day: date) -> float:
        """Where a day lies, from 0 to 100."""
        whole = max(1, (self.last - self.first).days)
        return min(100.0, max(0.0, 100 * (day - self.first).days / whole))


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One piece of the critical path."""

    piece: Piece
    share: float
    """Of the runs in which the end hung on it."""


def weeks_of_work(looked: Looked) -> int:
    """Whole weeks since any team finished something for the first time."""
    return max((len(worked(stream.weeks)) for stream in looked.plan.teams.values()), default=0)


def team_rows(looked: Looked, wish: Wish | None = None) -> list[TeamRow]:
    """In the order of how much the end hangs on them. `wish` is another plan beside today's, which can be."""
    then = applied(plan=looked.plan, wish=wish).people if wish else looked.plan.people
    return [_team_row(looked, each, then.get(each.team)) for each in looked.teams]


def _team_row(looked: Looked, team: TeamOutlook, then: float | None) -> TeamRow:
    people = looked.plan.people.get(team.team)
    return TeamRow(
        outlook=team, pace=_pace(looked, team.team), people=people, people_then=then if then != people else None
    )


def _pace(looked: Looked, team: str) -> float | None:
    weeks = recent(looked.plan.teams[team].weeks)[-PACE_WEEKS:]
    return sum(week.done for week in weeks) / len(weeks) if weeks else None


def axis_of(looked: Looked, today: date) -> Axis:
    """From today past the last date that matters."""
    days = [day for each in looked.teams for day in (each.p50, each.p85, each.due) if day]
    last = max([*days, *filter(None, [looked.target]), today + timedelta(days=14)])
    return Axis(first=today, last=last + (last - today) / 20, target=looked.target)


def critical_path(looked: Looked) -> list[Leg]:
    """The chain on which the end hangs most: from its weightiest piece back along what it needs, and on to the end."""
    if looked.found is None or not looked.found.critical:
        return []
    shares = dict(looked.found.critical)
    pieces = {piece.id: piece for piece in looked.plan.pieces}
    first = looked.found.critical[0][0]
    back = _walked(first, needs_of(pieces), shares)
    on = _walked(first, followers_of(looked.plan.pieces), shares)
    chain = [*reversed(back[1:]), *on]
    return [Leg(piece=pieces[pk], share=shares.get(pk, 0.0)) for pk in chain][:LONGEST_WAY]


def needs_of(pieces: Mapping[str, Piece]) -> Mapping[str, Sequence[str]]:
    return {pk: [need for need in piece.needs if need in pieces] for pk, piece in pieces.items()}


def followers_of(pieces: Sequence[Piece]) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {piece.id: [] for piece in pieces}
    for piece in pieces:
        for need in piece.needs:
            if need in found:
                found[need].append(piece.id)
    return found


def _walked(start: str, ways: Mapping[str, Sequence[str]], shares: Mapping[str, float]) -> list[str]:
    """From one piece to the next that the end hangs on most, until it hangs on none."""
    path = [start]
    while True:
        onward = [pk for pk in ways[path[-1]] if shares.get(pk) and pk not in path]
        if not onward or len(path) >= LONGEST_WAY:
            return path
        path.append(max(onward, key=lambda pk: shares[pk]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Today's plan beside another one."""

    today: Outlook
    other: Outlook
    target: date | None
    other_target: date | None

    @property
    def chance(self) -> float | None:
        return self.today.chance(self.target) if self.target else None

    @property
    def other_chance(self) -> float | None:
        return self.other.chance(self.other_target) if self.other_target else None

    @property
    def rows(self) -> list[tuple[str, date | None, date | None]]:
        """What is said of an end, for both."""
        return [
            (words.in_percent("50"), self.today.p50, self.other.p50),
            (words.in_percent("85"), self.today.p85, self.other.p85),
            (words.in_percent("95"), self.today.p95, self.other.p95),
        ]
