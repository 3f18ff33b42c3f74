"""The charts of a plan: how far it is, when it ends, how work flows. Plain data -> figures, as in dashboards.figures.

Days are UTC's, one point at the end of each; of a long history the weeks, and the days on which scope changed. All
charts of a page share their range, and what lies ahead of today is drawn lighter than what was.
"""

import math
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from django.utils.translation import gettext as _

from dashboards import words
from dashboards.fans import NO_NAME, ahead_of, falling, fan, growth, sure_dates
from dashboards.figures import Figure, base_layout, label, plain, spread, upright
from dashboards.sight import DAY_MS, Mark, Sight, Step, by_day, draw_marks, short, zoomable
from dashboards.vocabulary import spoken
from migrator.core.forecast import Week
from migrator.core.stages import LADDER, RUNGS, Stage
from migrator.planning.queries import Kept, TrafficDay

UPWARDS: Final = tuple(rung.stage for rung in reversed(LADDER))
"""From what is done to what is not begun: how bands lie on each other."""
NAMED_STEPS: Final = 6
"""How many changes of scope have their size written beside them; the others tell it under the pointer."""
APART: Final = 0.06
"""How far two written sizes are apart at least, as a part of the chart's width."""
FAR: Final = 2.5
"""Times the best week: a pace that is needed beyond it would leave no room for what was."""
PATTERNS: Final = {
    Stage.SHADOW: ".",
    Stage.SIDE_BY_SIDE: "/",
    Stage.CANARY: "x",
    Stage.REMOVAL: "\\",
    Stage.REMOVED: "|",
}
"""Bands are told apart without their colours too."""


# -------------------------------------------------------------------------------------- the views


def burn_up(sight: Sight) -> Figure:
    """What stands in each stage, stacked from done upwards to the scope line; the forecast as a fan beyond today."""
    found = sight.found
    scope = {
        "type": "scatter", "mode": "lines", "name": _("Scope"), **sight.over_days(found.scope),
        "line": {"color": "--ink", "width": 2, "shape": "hv"}, "hovertemplate": _("%{y:,} in scope") + NO_NAME,
    }  # fmt: skip
    data, top = [*_bands(sight, UPWARDS), scope], max(found.scope)
    if sight.forecast:
        ahead = ahead_of(sight.forecast, done=found.done[-1], scope=found.scope[-1])
        data += [*fan(ahead), growth(ahead), sure_dates(sight, ahead, on=[each.scope for each in ahead])]
        top = max(top, *(each.scope for each in ahead if each.day <= sight.end))
    data += _steps(sight, found.scope)
    return _finished(sight, data, top=top, labels=_names_at_end(sight, UPWARDS))


def burn_down(sight: Sight) -> Figure:
    """What is not done, stacked by stage, falling; what regressed rises again."""
    found = sight.found
    waiting = [stage for stage in UPWARDS if stage not in found.done_stages]
    left = [scope - done for scope, done in zip(found.scope, found.done, strict=True)]
    data, top = _bands(sight, waiting), max(left)
    if sight.forecast:
        ahead = ahead_of(sight.forecast, done=found.done[-1], scope=found.scope[-1])
        left_then = [falling(each) for each in ahead]
        data += [*fan(left_then), sure_dates(sight, left_then, on=[0.0] * len(left_then))]
        top = max(top, *(each.high for each in left_then if each.day <= sight.end))
    if found.deadline and found.deadline > sight.last:
        data.append({
            "type": "scatter", "mode": "lines", "name": _("Needed"), "hoverinfo": "skip",
            "x": [str(sight.last), str(found.deadline)], "y": [left[-1], 0],
            "line": {"color": "--ink", "width": 1.5, "dash": "dot"},
        })  # fmt: skip
    data += _steps(sight, left)
    return _finished(sight, data, top=top, labels=_names_at_end(sight, waiting))


def flow(sight: Sight) -> Figure:
    """How many units have come at least as far as each stage: the room between two lines is work that stands there."""
    data: list[Figure] = []
    came = _("{count} came to {stage} or further")
    above = [0.0] * len(sight.found.days)
    for stage in UPWARDS:
        above = [below + count for below, count in zip(above, sight.found.counts[stage], strict=True)]
        if not any(above):
            continue
        data.append({
            "type": "scatter", "mode": "lines", "name": _label(stage), **sight.over_days(above),
            "fill": "tonexty" if data else "tozeroy", **_filled(stage, 0.25 if stage is Stage.BACKLOG else 0.55),
            "line": {"color": f"--stage-{stage}", "width": 2, "shape": "hv"},
            "hovertemplate": came.format(count="%{y:,}", stage=_label(stage).lower()) + NO_NAME,
        })  # fmt: skip
    return _finished(sight, data, top=max(sight.found.scope), labels=_names_at_end(sight, UPWARDS))


def throughput(sight: Sight) -> Figure:
    """What each whole week brought: finished upwards, taken back downwards; scope that came as a pin, not to scale."""
    weeks = [(sight.last - timedelta(days=7 * back), week) for back, week in enumerate(reversed(sight.found.weeks))]
    weeks.reverse()
    needed, most = sight.found.pace_needed or 0.0, max([1.0, *(week.done for _day, week in weeks)])
    is_in_reach = 0 < needed <= FAR * most
    top = max(most, needed if is_in_reach else 0.0) * 1.3
    figure = by_day(sight, [_bars(weeks), _came(weeks, top)], top=top)
    figure["layout"]["yaxis"]["range"][0] = min([0.0, *(week.done for _day, week in weeks)]) * 1.15
    figure["layout"]["bargap"] = 0.3
    if is_in_reach:
        figure["layout"]["shapes"].append(_level(needed))
    if needed:
        said = _("needed {pace}") if is_in_reach else _("needed {pace}, far above")
        said = said.format(pace=words.localised(f"{needed:,.1f}"))
        height = needed if is_in_reach else top * 0.86
        figure["layout"]["annotations"].append(
            label(str(sight.last if sight.is_roomy else sight.end), height, said, "--ink") | {"yanchor": "bottom"}
        )
    return figure


def share(days: Sequence[TrafficDay], marks: Sequence[Mark] = ()) -> Figure:
    """The share of requests that the candidate answered, from 0 to 100 %; days without requests are gaps."""
    y = [None if each.share is None else round(each.share * 100, 3) for each in days]
    line = {
        "type": "scatter", "mode": "lines+markers" if len(days) < 40 else "lines", "name": _("Candidate"),
        "x0": str(days[0].day), "dx": DAY_MS, "y": y, "connectgaps": False, "fill": "tozeroy",
        "fillcolor": "--candidate/0.18", "line": {"color": "--candidate", "width": 2}, "marker": {"size": 4},
        "customdata": [each.received for each in days],
        "hovertemplate": _("%{y:.2f} % of %{customdata:,} requests") + NO_NAME,
    }  # fmt: skip
    layout = base_layout(right=120)
    layout["xaxis"] |= zoomable(days[0].day, days[-1].day)
    layout["yaxis"] |= {"range": [0, 100], "ticksuffix": " %"}
    last = next((value for value in reversed(y) if value is not None), None)
    named = (
        []
        if last is None
        else [
            label(
                str(days[-1].day),
                last,
                _("candidate {share}").format(share=words.in_percent(f"{last:.0f}")),
                "--candidate",
            )
        ]
    )
    draw_marks(layout, [mark for mark in marks if days[0].day <= mark.day <= days[-1].day], days[0].day, days[-1].day)
    layout["annotations"] += named
    return {"data": [line], "layout": layout}


def track_record(kept: Sequence[Kept], ended: date | None, deadline: date | None) -> Figure:
    """What was said on each day about the end: the 50 and the 85 % date, and what the end was."""
    rows = [each for each in reversed(kept) if each.p85]
    x = [str(each.day) for each in rows]
    data = [
        _said(x, [str(each.p50) for each in rows], "50 %", "dot"),
        _said(x, [str(each.p85) for each in rows], "85 %", "solid"),
    ]
    layout = base_layout(right=132)
    layout["xaxis"] |= {"type": "date", "hoverformat": "%-d %b %Y"}
    layout["yaxis"] |= {"type": "date", "rangemode": "normal", "hoverformat": "%-d %b %Y", "tickformat": "%-d %b %Y"}
    layout["annotations"] = _ends_of_record(rows)
    layout["shapes"] = []
    for day, told, colour in ((deadline, _("deadline"), "--ink"), (ended, _("done"), "--stage-cutover")):
        if day:
            layout["shapes"].append({
                "type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": str(day), "y1": str(day),
                "line": {"color": colour, "width": 1, "dash": "dot"},
            })  # fmt: skip
            layout["annotations"].append({
                "xref": "paper", "x": 0, "xanchor": "left", "y": str(day), "yanchor": "bottom", "text": told,
                "showarrow": False, "font": {"color": colour, "size": 13},
            })  # fmt: skip
    return {"data": data, "layout": layout}


def _ends_of_record(rows: Sequence[Kept]) -> list[Figure]:
    """What was said last, named; two names that would lie on each other are one."""
    last = rows[-1]
    days = [day for each in rows for day in (each.p50, each.p85) if day]
    apart = (max(days) - min(days)) / 8
    if last.p50 is None or last.p85 is None or last.p85 - last.p50 < apart:
        return [_said_last(last.day, last.p85, _("50 and 85 % sure") if last.p50 else _("85 % sure"))]
    return [_said_last(last.day, last.p50, _("50 % sure")), _said_last(last.day, last.p85, _("85 % sure"))]


def _said_last(on: date, said: date | None, name: str) -> Figure:
    return label(str(on), 0, name, "--candidate") | {"y": str(said), "bgcolor": "--surface/0.85"}


# ------------------------------------------------------------------------------------------ parts


def _label(stage: Stage) -> str:
    return spoken(RUNGS[stage].label)


def _bands(sight: Sight, stages: Sequence[Stage]) -> list[Figure]:
    return [_band(sight, stage) for stage in stages if any(sight.found.counts[stage])]


def _band(sight: Sight, stage: Stage) -> Figure:
    return {
        "type": "scatter", "mode": "lines", "name": _label(stage), "stackgroup": "stages",
        **sight.over_days(sight.found.counts[stage]),
        "line": {"width": 0.5, "color": f"--stage-{stage}", "shape": "hv"},
        **_filled(stage, 0.25 if stage is Stage.BACKLOG else 0.8),
        "hovertemplate": f"{_label(stage)} %{{y:,}}" + NO_NAME,
    }  # fmt: skip


def _filled(stage: Stage, opacity: float) -> Figure:
    """A stage's colour, and its pattern."""
    colour = f"--stage-{stage}/{opacity}"
    if stage not in PATTERNS:
        return {"fillcolor": colour}
    pattern = {"shape": PATTERNS[stage], "fgcolor": "--surface", "fgopacity": 0.4, "size": 9, "solidity": 0.12}
    return {"fillcolor": colour, "fillpattern": pattern | {"bgcolor": colour}}


def _steps(sight: Sight, line: Sequence[float]) -> list[Figure]:
    """Changes of scope on the line that they moved, each with who and why."""
    height, seen = dict(zip(sight.found.days, line, strict=True)), sight.drawn_steps
    if not seen:
        return []
    told = _told_steps(sight, seen)
    return [{
        "type": "scatter", "mode": "markers+text", "name": _("Scope changed"), "x": [str(step.day) for step in seen],
        "y": [short(height[step.day]) for step in seen],
        "text": [f"{step.change:+,.0f}" if step in told else "" for step in seen],
        "textposition": ["top right" if sight.place(step.day) < APART else "top left" for step in seen],
        "textfont": {"color": "--ink", "size": 13}, "customdata": [plain(step.told) for step in seen],
        "meta": {"links": [step.address for step in seen], "narrow": [""] * len(seen)},
        "marker": {"size": 9, "symbol": "diamond", "color": "--surface", "line": {"color": "--ink", "width": 2}},
        "hovertemplate": "%{customdata}<extra></extra>", "cliponaxis": False,
    }]  # fmt: skip


def _told_steps(sight: Sight, seen: Sequence[Step]) -> list[Step]:
    """The largest ones that are not written over each other."""
    told: list[Step] = []
    for step in sorted(seen, key=lambda each: -abs(each.change)):
        # At the left edge a size is written to the right of its step: there must be nothing.
        others = told if sight.place(step.day) >= APART else [other for other in seen if other is not step]
        if all(abs(sight.place(step.day) - sight.place(other.day)) >= APART for other in others):
            told.append(step)
    return told[:NAMED_STEPS]


def _bars(weeks: Sequence[tuple[date, Week]]) -> Figure:
    return {
        "type": "bar", "name": _("Done"), "x": [str(day) for day, _week in weeks],
        "y": [short(week.done) for _day, week in weeks],
        "marker": {"color": ["--stage-cutover/0.85" if week.done >= 0 else "--late" for _day, week in weeks]},
        "hovertemplate": _("week to %{x|%-d %b %Y}: %{y:,} done") + NO_NAME, "offset": -6 * DAY_MS,
        "width": 5 * DAY_MS,
    }  # fmt: skip


def _came(weeks: Sequence[tuple[date, Week]], top: float) -> Figure:
    grown = [(day, week.added) for day, week in weeks if week.added]
    return {
        "type": "scatter", "mode": "markers", "name": _("Scope"),
        "x": [str(day - timedelta(days=3)) for day, _week in grown],
        "y": [top * 0.95] * len(grown), "customdata": [short(added) for _day, added in grown],
        "marker": {"size": 9, "symbol": "diamond", "color": "--surface", "line": {"color": "--ink", "width": 2}},
        "hovertemplate": _("scope %{customdata:+,}") + NO_NAME,
    }  # fmt: skip


def _said(x: Sequence[str], y: Sequence[str], name: str, dash: str) -> Figure:
    return {
        "type": "scatter", "mode": "lines+markers" if len(x) < 40 else "lines", "name": name, "x": list(x),
        "y": list(y), "line": {"color": "--candidate", "width": 2, "dash": dash, "shape": "hv"},
        "marker": {"size": 4}, "hovertemplate": _("{share} sure by {day}").format(share=name, day="%{y}") + NO_NAME,
    }  # fmt: skip


def _level(y: float) -> Figure:
    return {
        "type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": y, "y1": y,
        "line": {"color": "--ink", "width": 1, "dash": "dot"},
    }  # fmt: skip


def _pins(sight: Sight, top: float) -> list[Figure]:
    seen = [event for event in sight.events if sight.first <= event.day <= sight.last]
    if not seen:
        return []
    return [{
        "type": "scatter", "mode": "markers", "name": _("Events"), "x": [str(event.day) for event in seen],
        "y": [top * 0.98] * len(seen), "text": [plain(event.told) for event in seen],
        "meta": {"links": [event.address for event in seen]},
        "marker": {
            "size": 9, "line": {"width": 1.5, "color": [event.colour for event in seen]},
            "symbol": [event.symbol for event in seen],
            "color": [event.colour for event in seen],
        },
        "hovertemplate": "%{text}<extra></extra>", "cliponaxis": False,
    }]  # fmt: skip


# ----------------------------------------------------------------------------------- the frame


def _finished(sight: Sight, data: list[Figure], *, top: float, labels: list[Figure]) -> Figure:
    height = math.ceil(max(top * 1.14, 1))
    figure = by_day(sight, [*data, *_pins(sight, height)], top=height)
    figure["layout"]["annotations"] += spread(labels, height)
    if sight.end > sight.last:
        figure["layout"]["shapes"].append(upright(str(sight.last), "--control-line") | {"layer": "below"})
    return figure | sight.shared_days


def _names_at_end(sight: Sight, stages: Sequence[Stage]) -> list[Figure]:
    """The name of each band: at its last day, or beside the chart where there is little room ahead."""
    labels, base, at = [], 0.0, sight.last if sight.is_roomy else sight.end
    for stage in stages:
        count = sight.found.counts[stage][-1]
        if count:
            text = f"{_label(stage)} {words.number(count)}"
            placed = label(str(at), base + count / 2, text, f"--stage-{stage}")
            labels.append(placed | {"bgcolor": "--surface/0.75", "borderpad": 1})
        base += count
    return labels
