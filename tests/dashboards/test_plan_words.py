"""Forecasts and plans in words: what is known, no more; the same number in the same words everywhere."""

from datetime import date, timedelta

import pytest

from dashboards import plan_answers, plan_words
from dashboards.plan_outlook import Looked
from dashboards.templatetags.plans import date_moved
from migrator.core.forecast import Forecast, NoForecast, Stream, Week, forecast
from migrator.core.queues import Outlook, Plan, TeamOutlook
from migrator.core.stages import Stage
from migrator.core.what_if import Move, Ranked
from migrator.planning.queries import BurnUp, Measure
from migrator.planning.queries.since import Since

TODAY = date(2027, 3, 3)


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (0, "0 days"), (1, "1 day"), (13, "13 days"), (14, "two weeks"), (84, "twelve weeks"), (100, "3 months"),
        (700, "23 months"), (740, "2 years"), (2_880, "8 years"),
    ],
)  # fmt: skip
def test_span__of_days__is_as_people_say_it(days: int, told: str) -> None:
    assert plan_words.span(days) == told


@pytest.mark.parametrize(
    ("chance", "told"),
    [(0.0, "< 1 %"), (0.004, "< 1 %"), (0.016, "2 %"), (0.85, "85 %"), (0.999, "> 99 %"), (1, "> 99 %")],
)
def test_sure__of_a_chance__is_never_certain(chance: float, told: str) -> None:
    assert plan_words.sure(chance) == told


def burn_up(*done: float, scope: float = 10, deadline: date | None = None) -> BurnUp:
    days = tuple(TODAY - timedelta(days=len(done) - 1 - at) for at in range(len(done)))
    counts = dict.fromkeys(Stage, tuple(0.0 for _ in done))
    left = tuple(scope - count for count in done)
    return BurnUp(days=days, counts=counts | {Stage.CUTOVER: done, Stage.BACKLOG: left}, deadline=deadline)


def test_facts__short_history__speak_of_the_days_that_there_are() -> None:
    assert plan_words.facts(burn_up(0, 1)) == "1 of 10 units done, 9 left. Too little history to speak of a pace."
    told = plan_words.facts(burn_up(*range(10), deadline=TODAY + timedelta(days=7)))
    assert told == "9 of 10 units done, 1 left. The last 9 days brought 7.0 a week; the deadline asks for 1.0."


def test_facts__nothing_in_four_weeks__say_so() -> None:
    assert (
        plan_words.facts(burn_up(*[2] * 40)) == "2 of 10 units done, 8 left. In the last four weeks nothing was done."
    )


def test_facts__slowed_down__say_what_it_was_before() -> None:
    quick, slow = [at * 2.0 for at in range(57)], [112 + at * 0.5 for at in range(1, 29)]
    told = plan_words.facts(burn_up(*quick, *slow, scope=200))
    assert told.endswith("The last four weeks brought 3.5 a week, the eight before them 14.0.")
    steady = plan_words.facts(burn_up(*(at * 2.0 for at in range(85)), scope=200))
    assert "before them" not in steady


def forecast_of(*paces: int) -> Forecast:
    weeks = tuple(Week(done=pace, added=0) for pace in paces)
    found = forecast(stream=Stream(left=200, weeks=weeks), today=TODAY)
    assert isinstance(found, Forecast)
    return found


def test_facts__where_a_trend_moves_the_date__say_so() -> None:
    falls, rose, steady = forecast_of(*range(35, 9, -1)), forecast_of(*range(10, 36)), forecast_of(*[20, 22] * 13)
    found = burn_up(0, 1)
    told = plan_words.facts(found, falls)
    assert told.endswith(
        f" The pace has been falling: in {falls.falls * 100:.0f} % of the runs it goes on falling, ever less."
    )
    assert plan_words.facts(found, rose).endswith(" of the runs it stays so, and rises no further.")
    assert plan_words.facts(found, steady) == plan_words.facts(found, NoForecast(reason="")) == plan_words.facts(found)


def test_done_meaning__of_both__names_legacy() -> None:
    assert plan_words.done_at(Stage.CUTOVER, legacy="monolith").endswith("nobody is answered by monolith")
    assert plan_words.done_at(Stage.REMOVED, legacy="monolith").endswith("the code of monolith is gone")


def test_amount__of_one__is_singular() -> None:
    assert plan_words.amount(1, Measure.UNITS) == "1 unit"
    assert plan_words.amount(1_200, Measure.EFFORT) == "1,200 points of effort"


# ------------------------------------------------------------------------------------- the answers


def since(**changed: float | int) -> Since:
    usual = {"finished": 0, "regressed": 0, "added": 0, "gone": 0}
    dates = {"p85_then": None, "p85_now": None, "chance_then": None, "chance_now": None}
    return Since(day=TODAY, **(usual | changed), **dates)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, "Nothing was done, nothing went back."),
        ({"finished": 12}, "12 done, none went back."),
        ({"regressed": 2}, "None done, 2 went back."),
        ({"finished": 1_000, "regressed": 1}, "1,000 done, 1 went back."),
    ],
)
def test_news__of_a_week__says_what_was_done_and_what_went_back(changed: dict[str, int], told: str) -> None:
    assert plan_answers.news(since(**changed)) == told


def test_scope_moved__both_ways__has_both_signs() -> None:
    assert plan_answers.scope_moved(since(added=22, gone=3)) == "+22 \N{MINUS SIGN}3"
    assert plan_answers.scope_moved(since()) == "as it was"


def test_since_name__of_last_week__is_a_weekday() -> None:
    assert plan_answers.since_name(date(2027, 3, 1), today=TODAY) == "Monday"
    assert plan_answers.since_name(date(2027, 1, 4), today=TODAY) == "4 Jan 2027"


def looked(*teams: TeamOutlook, weeks: int = 8, **options: object) -> Looked:
    past = tuple(Week(done=1, added=0) for _ in range(weeks))
    streams = {team.team: Stream(left=team.left, weeks=past) for team in teams}
    plan = Plan(pieces=(), teams=streams, people={})
    found = Outlook(finish=(1.0,) * 100, start=TODAY, teams=teams, critical=()) if teams else None
    return Looked(plan=plan, target=None, found=found, **options)  # type: ignore[arg-type]


def team(name: str, *, left: float = 5, critical: float = 0.5, stuck: str = "") -> TeamOutlook:
    return TeamOutlook(team=name, left=left, p50=TODAY, p85=TODAY, due=None, critical=critical, stuck=stuck)


def test_holds__of_every_kind_of_plan__is_a_line() -> None:
    ants, bees = team("ants", critical=0.42), team("bees", left=90, critical=0.4)
    assert plan_answers.holds(looked()) == "Nothing: all of it is done."
    assert plan_answers.holds(looked(ants, bees)) == "ants, in 42 % of the runs."
    assert plan_answers.holds(looked(ants)) == "ants: 5 left."
    assert plan_answers.holds(looked(ants, team("moths", stuck="Nobody works there."))) == (
        "moths is stuck: 5 left. Nobody works there."
    )
    assert plan_answers.holds(looked(ants, bees, weeks=3)) == "bees: 90 left.", "three weeks say who has most, not when"
    assert plan_answers.holds(looked(ring="a needs b, b needs a.")) == "a needs b, b needs a."


def test_no_move__of_every_kind_of_plan__says_why() -> None:
    ants, bees = team("ants"), team("bees")
    assert plan_answers.no_move(looked()) == "Nobody has to."
    assert plan_answers.no_move(looked(ants)) == "There is only one team here."
    assert plan_answers.no_move(looked(ants, bees)) == "Nobody said how many people the teams have."
    assert "while bees is stuck" in plan_answers.no_move(looked(ants, team("bees", stuck="Nobody works there.")))


def test_move_short__of_three_weeks__names_both_teams() -> None:
    ranked = Ranked(move=Move(giver="ants", taker="bees", people=2), chance=None, gained_weeks=3.0)
    assert plan_answers.move_short(ranked) == "ants to bees: three weeks nearer"


@pytest.mark.parametrize(
    ("before", "after", "told", "by"),
    [
        (date(2027, 8, 1), date(2027, 3, 3), "1 Aug 2027 → 3 Mar 2027", "5 months sooner"),
        (date(2027, 3, 3), date(2027, 3, 6), "3 Mar 2027 → 6 Mar 2027", "3 days later"),
        (date(2027, 3, 3), date(2027, 3, 3), "still 3 Mar 2027", ""),
        (None, date(2027, 3, 3), "no date then, now 3 Mar 2027", ""),
        (date(2027, 3, 3), None, "3 Mar 2027 then, no date now", ""),
        (None, None, "no date then, none now", ""),
    ],
)
def test_moved__by_how_much__stands_for_itself(before: date | None, after: date | None, told: str, by: str) -> None:
    assert plan_words.moved(before, after) == told
    assert plan_words.moved_by(before, after) == by
    drawn = date_moved(before, after)
    assert drawn == (f'{told}<br><span class="nowrap">{by}</span>' if by else told)
