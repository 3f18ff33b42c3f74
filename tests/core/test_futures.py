"""What is shared or drawn in a faster way says exactly what the slow way says."""

import random
from dataclasses import replace
from datetime import date
from itertools import accumulate
from operator import mul

from hypothesis import given, settings
from hypothesis import strategies as st

from migrator.core import trend
from migrator.core.forecast import HORIZON, SEED, Forecast, Stream, Week, forecast, futures, recent, worked
from migrator.core.queues import Piece, Plan, draw, outlook, runs_of
from migrator.core.what_if import NEVER, Wish, applied, best_moves

TODAY = date(2026, 11, 21)
TEAMS = ("ants", "bees", "cats")
WEEKS = st.builds(Week, done=st.integers(-2, 9), added=st.integers(0, 3))
HISTORIES = st.lists(WEEKS, min_size=6, max_size=30).map(lambda weeks: (Week(done=3, added=0), *weeks))
STREAMS = st.builds(Stream, left=st.integers(1, 200), weeks=HISTORIES)


@st.composite
def plans(choose: st.DrawFn) -> Plan:
    pieces = [
        Piece(
            id=f"p{at}",
            team=choose(st.sampled_from(TEAMS)),
            size=choose(st.floats(0.5, 9)),
            needs=tuple(f"p{need}" for need in sorted(choose(st.sets(st.integers(0, max(0, at - 1)), max_size=2)))),
        )
        for at in range(choose(st.integers(1, 9)))
    ]
    pieces[0] = replace(pieces[0], needs=())
    left = {team: sum(piece.size for piece in pieces if piece.team == team) for team in TEAMS}
    teams = {team: replace(choose(STREAMS), left=size) for team, size in left.items() if size}
    return Plan(pieces=tuple(pieces), teams=teams, people=dict.fromkeys(teams, 3.0))


@settings(deadline=None, max_examples=40)
@given(weeks=HISTORIES)
def test_course__week_by_week__is_what_the_library_draws(weeks: tuple[Week, ...]) -> None:
    stream = Stream(left=50, weeks=tuple(replace(week, added=0) for week in weeks))
    dones = [week.done for week in recent(stream.weeks)]
    dice = random.Random(0)
    weights = list(accumulate(dice.expovariate(1.0) for _ in dones))
    dice.gammavariate(0.5, 1.0)
    dice.gauss(0.0, 1.0)
    believed = trend.slopes(dones=[week.done for week in worked(stream.weeks)])
    (slope,) = dice.choices(believed, weights=[each.share for each in believed])
    tempo = trend.tempo(a_week=slope.a_week, drawn=len(dones), horizon=HORIZON) or [1.0] * HORIZON
    drawn = dice.choices(dones, cum_weights=weights, k=HORIZON)
    at_once = list(accumulate(accumulate(map(mul, drawn, tempo)), max))
    course = futures(stream=stream, runs=1, seed=0)[0]
    assert [course.done_by(week) for week in range(1, HORIZON)] == at_once[:-1]


@settings(deadline=None, max_examples=30)
@given(stream=STREAMS, pace=st.sampled_from([(), (0.5, 1.5)]), looks=st.lists(st.integers(1, 519), min_size=2))
def test_course__in_whatever_order_it_is_looked_at__is_the_same_future(
    stream: Stream, pace: tuple[float, ...], looks: list[int]
) -> None:
    one, other = (futures(stream=replace(stream, pace=pace), runs=1, seed=7)[0] for _ in range(2))
    told = {week: one.done_by(week) for week in looks}
    assert {week: other.done_by(week) for week in sorted(looks, reverse=True)} == told


@settings(deadline=None, max_examples=20)
@given(stream=STREAMS)
def test_forecast__without_its_fan__has_the_same_dates(stream: Stream) -> None:
    whole = forecast(stream=stream, today=TODAY, runs=50)
    without = forecast(stream=stream, today=TODAY, runs=50, fanned=False)
    assert without == (replace(whole, fan=()) if isinstance(whole, Forecast) else whole)


@settings(deadline=None, max_examples=20)
@given(plan=plans())
def test_outlook__of_futures_that_were_drawn_before__is_the_same(plan: Plan) -> None:
    drawn = draw(plan=plan, runs=runs_of(plan), seed=SEED)
    turned = replace(plan, teams=dict(reversed(plan.teams.items())), people=dict(reversed(plan.people.items())))
    assert outlook(plan=turned, today=TODAY) == outlook(plan=plan, today=TODAY, drawn=drawn)


@settings(deadline=None, max_examples=8)
@given(plan=plans())
def test_best_moves__each__gain_what_their_own_plan_says(plan: Plan) -> None:
    for each in best_moves(plan=plan, today=TODAY):
        now = outlook(plan=plan, today=TODAY)
        then = outlook(plan=applied(plan=plan, wish=Wish(moves=(each.move,))), today=TODAY)
        assert then.p85 is not None
        assert each.gained_weeks == ((now.p85 or NEVER) - then.p85).days / 7
