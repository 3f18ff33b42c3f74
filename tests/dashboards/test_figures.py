"""Figures: what is drawn is what was counted."""

import json
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

from dashboards import figures, plan_figures
from dashboards.figures import Course, Line, Pin
from dashboards.sight import MOST_DAYS, Mark, Sight, Step
from migrator.core.stages import Stage
from migrator.planning.queries import BurnUp

TODAY = date(2027, 3, 3)
NOW = datetime(2027, 3, 3, 14, 2, tzinfo=UTC)


def burn_up(deadline: date | None = None) -> BurnUp:
    counts = dict.fromkeys(Stage, (0, 0, 0)) | {
        Stage.BACKLOG: (10, 12, 9),
        Stage.CANARY: (0, 1, 2),
        Stage.CUTOVER: (0, 0, 1),
        Stage.REMOVED: (0, 0, 3),
    }
    days = tuple(TODAY - timedelta(days=2 - n) for n in range(3))
    return BurnUp(days=days, counts=counts, deadline=deadline)


def long_past(days: int) -> BurnUp:
    """One unit more in the backlog on each day, and the last three of them at cutover."""
    span = tuple(TODAY - timedelta(days=days - 1 - at) for at in range(days))
    counts = dict.fromkeys(Stage, (0,) * days)
    counts[Stage.BACKLOG] = tuple(range(1, days + 1))
    counts[Stage.CUTOVER] = (0,) * (days - 1) + (3,)
    return BurnUp(days=span, counts=counts, deadline=None)


def steps_on(found: BurnUp, *places: int) -> list[Step]:
    return [Step(day=found.days[at], change=at, told=f"scope +{at}") for at in places]


def named(figure: dict[str, Any], name: str) -> dict[str, Any]:
    return next(trace for trace in figure["data"] if trace["name"] == name)


def test_burn_up__stacked_stages__reach_the_scope_line() -> None:
    figure = plan_figures.burn_up(Sight(found=burn_up()))

    bands = [trace for trace in figure["data"] if trace.get("stackgroup")]
    assert [sum(day) for day in zip(*(band["y"] for band in bands), strict=True)] == named(figure, "Scope")["y"]
    assert bands[0]["name"] == "Removed", "what is done lies at the bottom"


def test_burn_up__of_a_year__draws_each_day() -> None:
    found = long_past(366)
    figure = plan_figures.burn_up(Sight(found=found))

    assert named(figure, "Scope")["x0"] == str(found.days[0])
    assert named(figure, "Scope")["y"] == list(found.scope)
    assert "days" not in figure


def test_burn_up__of_five_years__draws_weeks_the_ends_and_where_scope_changed() -> None:
    found = long_past(1_826)
    figure = plan_figures.burn_up(Sight(found=found, steps=steps_on(found, 700, 1_111)))
    line, marks = named(figure, "Scope"), named(figure, "Scope changed")
    shown = dict(zip(figure["days"], line["y"], strict=True))

    assert line["x"] == "days", "the days are sent once, for all traces"
    assert len(figure["days"]) <= MOST_DAYS
    for at in (0, 700, 1_111, -8, -1):
        assert shown[str(found.days[at])] == found.scope[at]
    assert [shown[day] for day in marks["x"]] == marks["y"], "changes of scope stand on the line"


def test_burn_up__of_ten_years_with_scope_changed_daily__draws_the_largest_changes() -> None:
    found = long_past(3_660)
    figure = plan_figures.burn_up(Sight(found=found, steps=steps_on(found, *range(1, 3_660))))
    marks = named(figure, "Scope changed")

    assert len(figure["days"]) == MOST_DAYS
    assert set(marks["x"]) == set(figure["days"][1:])
    assert str(found.days[3_658]) in marks["x"]


def test_burn_down__only_what_legacy_answers__falls_to_the_deadline() -> None:
    figure = plan_figures.burn_down(Sight(found=burn_up(deadline=TODAY + timedelta(days=30))))

    assert {trace["name"] for trace in figure["data"]} == {"Canary", "Backlog", "Needed"}, "what is empty is left out"
    assert named(figure, "Needed")["y"] == [11, 0]
    assert named(figure, "Needed")["x"][-1] == "2027-04-02"


def test_over_time__nothing_measured__stays_a_gap() -> None:
    moments = [NOW + timedelta(minutes=n) for n in range(3)]
    line = Line(name="differ", colour="--candidate", values=[1.0, None, 3.0])
    figure = figures.over_time(Course(moments=moments, lines=[line]))

    assert named(figure, "differ")["y"] == [1.0, None, 3.0]
    assert named(figure, "differ")["connectgaps"] is False
    assert figure["layout"]["yaxis"]["range"][0] == 0


def test_over_time__pin__stands_at_its_moment_and_leads_somewhere() -> None:
    pin = Pin(at=NOW, told="ana: canary 2 % → canary 5 %", colour="--stage-canary", address="/p/shop/ledger")
    line = Line(name="a", colour="--ink", values=[1, 2])
    figure = figures.over_time(Course(moments=[NOW, NOW + timedelta(minutes=1)], lines=[line], pins=[pin]))

    pins = named(figure, "Events")
    assert pins["x"] == ["2027-03-03T14:02:00"]
    assert pins["meta"]["links"] == ["/p/shop/ledger"]
    assert figure["layout"]["shapes"][0]["x0"] == "2027-03-03T14:02:00"


def test_figure__any__is_plain_json_with_tokens_for_colours() -> None:
    text = json.dumps(plan_figures.burn_up(Sight(found=burn_up(deadline=TODAY))))

    assert "#" not in text, "colours are tokens of the stylesheet"
    assert '"template"' not in text


def test_labels__bands_too_thin__are_pushed_apart() -> None:
    labels = [
        label
        for label in plan_figures.burn_up(Sight(found=burn_up()))["layout"]["annotations"]
        if "Deadline" not in label["text"]
    ]
    heights = sorted(label["y"] for label in labels)

    assert all(above - below > 0.5 for below, above in pairwise(heights))


def test_names__that_look_like_markup__are_drawn_as_they_are_written() -> None:
    """Plotly would make a link of the one and bold letters of the other."""
    marks = [Mark(day=TODAY, name='<a href="https://elsewhere.example">Pay & go</a>')]
    drawn = plan_figures.burn_up(Sight(found=burn_up(), marks=marks))
    texts = [each["text"] for each in drawn["layout"]["annotations"]]
    assert any("&lt;a href=" in text and "Pay &amp; go" in text for text in texts)
    assert not any("<a" in text for text in texts)
