"""Another plan beside today's: people who move, scope that is cut; and which moves bring most.

Somebody new to a team brings little at first and costs a colleague's time (Brooks 1975): until the ramp-up is
over a newcomer counts for a part of a person, and takes a part of one away.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

from migrator.core.forecast import SEED, Stream
from migrator.core.queues import STEPS, SURE, Outlook, Plan, draw, outlook, runs_of

RAMP_UP_WEEKS: Final = 4
NEWCOMER: Final = 0.5
"""What somebody new brings during the ramp-up, in people."""
MENTOR: Final = 0.25
"""What a newcomer takes from the team meanwhile, in people."""
RANKING_RUNS: Final = 120
LEAST_RANKING_RUNS: Final = 50
"""All moves live through the same luck: their order shows before their sizes do."""
SETTLED: Final = 3
"""Moves that are weighed as carefully as the plan itself: the best ones."""
NEVER: Final = date.max
"""An end where there was none is worth more than any gain."""
TRIED: Final = 3
"""Teams that are tried as givers, and as takers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """People who change their team."""

    giver: str
    taker: str
    people: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What could be otherwise. `cut` takes that much work away from a team, in the plan's measure."""

    moves: tuple[Move, ...] = ()
    cut: Mapping[str, float] = field(default_factory=dict)
    ramp_up_weeks: int = RAMP_UP_WEEKS


class Impossible(ValueError):
    """A wish that cannot be. `field` names its part."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def applied(*, plan: Plan, wish: Wish) -> Plan:
    """The plan as it would be. Raises Impossible naming what cannot be."""
    people = dict(plan.people)
    newcomers: dict[str, float] = {}
    for move in wish.moves:
        _check(plan, people, move)
        people[move.giver] -= move.people
        people[move.taker] += move.people
        newcomers[move.taker] = newcomers.get(move.taker, 0.0) + move.people
    teams = {
        team: _paced(
            stream, before=plan.people.get(team), after=people.get(team), new=newcomers.get(team, 0.0), wish=wish
        )
        for team, stream in plan.teams.items()
    }
    return _cut(replace(plan, teams=teams, people=people), wish.cut)


def beside(
    *, plan: Plan, wish: Wish, today: date, target: date | None = None, wished: date | None = None, seed: int = SEED
) -> tuple[Outlook, Outlook, Plan]:
    """How a plan ends, how it ends with the wish, and that plan. `wished` is the target that goes with the wish.

    Teams of which nothing is wished live the same futures in both. Raises Impossible, and queues.Cycle.
    """
    other = applied(plan=plan, wish=wish)
    runs = runs_of(plan)
    drawn = draw(plan=plan, runs=runs, seed=seed)
    same = {team for team in plan.teams if _unchanged(plan, other, team)}
    anew = draw(plan=other, runs=runs, seed=seed, only=other.teams.keys() - same)
    shared = {team: courses for team, courses in drawn.items() if team in same}
    now = outlook(plan=plan, today=today, target=target, runs=runs, drawn=drawn)
    then = outlook(plan=other, today=today, target=wished or target, runs=runs, drawn={**shared, **anew})
    return now, then, other


def _unchanged(plan: Plan, other: Plan, team: str) -> bool:
    return (plan.teams[team], plan.people.get(team)) == (other.teams[team], other.people.get(team))


def _check(plan: Plan, people: Mapping[str, float], move: Move) -> None:
    for part, team in (("giver", move.giver), ("taker", move.taker)):
        if team not in plan.teams and team not in people:
            raise Impossible(part, f"There is no team {team} in this plan.")
        if team not in people:
            raise Impossible(part, f"Nobody said how many people {team} has. Say so first.")
    if move.giver == move.taker:
        raise Impossible("taker", "People move from one team to another one.")
    if move.taker not in plan.teams:
        raise Impossible("taker", f"{move.taker} has nothing left to do.")
    if not 0 < move.people <= people[move.giver]:
        raise Impossible("people", f"{move.giver} has {people[move.giver]:g} people to give, not {move.people:g}.")
    if plan.people[move.taker] <= 0:
        raise Impossible("taker", f"{move.taker} has nobody today: nobody knows its pace.")


def _paced(stream: Stream, *, before: float | None, after: float | None, new: float, wish: Wish) -> Stream:
    if before is None or after is None or before <= 0 or after == before:
        return stream
    settled = after / before
    learning = max(0.0, after - new * (1.0 - NEWCOMER) - new * MENTOR) / before
    return replace(stream, pace=(*(learning for _ in range(wish.ramp_up_weeks)), settled))


def _cut(plan: Plan, cut: Mapping[str, float]) -> Plan:
    """Less work: each piece of the team gets smaller by the same share."""
    shares = {}
    for team, points in cut.items():
        left = plan.teams[team].left if team in plan.teams else 0.0
        if not 0 <= points <= left:
            raise Impossible("cut", f"{team or 'Nobody'} has {left:g} left; {points:g} cannot be cut.")
        shares[team] = 1.0 - points / left if left else 1.0
    return replace(
        plan,
        pieces=tuple(replace(piece, size=piece.size * shares.get(piece.team, 1.0)) for piece in plan.pieces),
        teams={team: replace(s, left=s.left * shares.get(team, 1.0)) for team, s in plan.teams.items()},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """One move and what it brings."""

    move: Move
    chance: float | None
    """Of making the target with it; None without a target."""
    gained_weeks: float
    """By how many weeks the 85 % date comes earlier; negative where it comes later."""


def best_moves(
    *, plan: Plan, today: date, target: date | None = None, people: float = 1.0, seed: int = SEED
) -> tuple[Ranked, ...]:
    """The few moves that bring the end nearest, the best first: from teams that the end hangs on least, or that are
    done, to those it hangs on. Raises queues.Cycle.
    """
    rough = sorted(_roughly(plan, today, people, seed), key=lambda each: -each[0])[:SETTLED]
    good = [move for gained, move in rough if gained > 0]
    now = outlook(plan=plan, today=today, target=target, seed=seed) if good else None
    settled = [_settled(plan, move, now, target, seed) for move in good if now]
    return tuple(sorted((each for each in settled if each.gained_weeks > 0), key=lambda each: -each.gained_weeks))


def _roughly(plan: Plan, today: date, people: float, seed: int) -> Iterable[tuple[float, Move]]:
    """What moves gain, in weeks, in so few runs that many can be tried: which of them are good for anything."""
    runs = runs_of(plan, most=RANKING_RUNS, least=LEAST_RANKING_RUNS, steps=STEPS // 3)
    drawn = draw(plan=plan, runs=runs, seed=seed)
    now = outlook(plan=plan, today=today, runs=runs, drawn=drawn)
    for move in _worth_a_try(plan, now, people):
        other = applied(plan=plan, wish=Wish(moves=(move,)))
        moved = draw(plan=other, runs=runs, seed=seed, only=(move.giver, move.taker))
        yield _sure(now) - _sure(outlook(plan=other, today=today, runs=runs, drawn={**drawn, **moved})), move


def _settled(plan: Plan, move: Move, now: Outlook, target: date | None, seed: int) -> Ranked:
    """Lived through as often as the plan itself: what is said of a move is what its own comparison says."""
    then = outlook(plan=applied(plan=plan, wish=Wish(moves=(move,))), today=now.start, target=target, seed=seed)
    gained = ((now.p85 or NEVER) - then.p85).days / 7 if then.p85 else 0.0
    return Ranked(move=move, chance=then.chance(target) if target else None, gained_weeks=gained)


def _worth_a_try(plan: Plan, now: Outlook, people: float) -> Iterable[Move]:
    ranked: Sequence[str] = [each.team for each in now.teams if plan.people.get(each.team, 0.0) > 0]
    takers = ranked[:TRIED]
    # Who has nothing left to do can go as a whole; who has, keeps somebody.
    idle = sorted(team for team in plan.idle if plan.people.get(team, 0.0) >= people)
    givers = [*idle, *(team for team in reversed(ranked) if plan.people[team] > people)][:TRIED]
    return [Move(giver=giver, taker=taker, people=people) for taker in takers for giver in givers if giver != taker]


def _sure(found: Outlook) -> float:
    """Weeks until the end in 85 of 100 runs; ten years where it never comes."""
    return min(520.0, found.finish[min(len(found.finish) - 1, int(SURE * len(found.finish)))])
