"""The charts of a plan: how far it is, when it ends, how work flows. Plain data -> figures, as in dashboards.figures.

Days are UTC's, one point at the end of each; a long history is drawn by the week. All charts of a page share their
range, and what lies ahead of today is drawn lighter than what was.
"""

import math
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from dashboards import words
from dashboards.fans import ahead_of, falling, fan, growth, sure_dates
from dashboards.figures import Figure, base_layout, label, spread, upright
from dashboards.sight import DAY_MS, Mark, Sight, by_day, draw_marks, short, zoomable
from migrator.core.forecast import Week
from migrator.core.stages import LADDER, Stage
from migrator.planning.queries import Kept, TrafficDay

UPWARDS: Final = tuple(rung.stage for rung in reversed(LADDER))
"""From what is done to what is not begun: how bands lie on each other."""
LABEL: Final = {rung.stage: rung.label for rung in LADDER}
NAMED_STEPS: Final = 4
"""How many changes of scope have their size written beside them; the others tell it under the pointer."""


# -------------------------------------------------------------------------------------- the views


def burn_up(sight: Sight) -> Figure:
    """What stands in each stage, stacked from done upwards to the scope line; the forecast as a fan beyond today."""
    found = sight.found
    scope = {
        "type": "scatter", "mode": "lines", "name": "Scope", **sight.over_days(found.scope),
        "line": {"color": "--ink", "width": 2, "shape": "hv"}, "hovertemplate": "%{y:,} in scope<extra></extra>",
    }  # fmt: skip
    data, top = [*_bands(sight, UPWARDS), scope], max(found.scope)
    if sight.forecast:
        ahead = ahead_of(sight.forecast, done=found.done[-1], scope=found.scope[-1])
        data += [*fan(ahead), growth(ahead), sure_dates(sight, ahead, on=[each.scope for each in ahead])]
        top = max(top, *(each.scope for each in ahead if each.day <= sight.end))
    data += _steps(sight)
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
            "type": "scatter", "mode": "lines", "name": "Needed", "hoverinfo": "skip",
            "x": [str(sight.last), str(found.deadline)], "y": [left[-1], 0],
            "line": {"color": "--ink", "width": 1.5, "dash": "dot"},
        })  # fmt: skip
    return _finished(sight, data, top=top, labels=_names_at_end(sight, waiting))


def flow(sight: Sight) -> Figure:
    """How many units have come at least as far as each stage: the room between two lines is work that stands there."""
    data: list[Figure] = []
    above = [0.0] * len(sight.found.days)
    for stage in UPWARDS:
        above = [below + count for below, count in zip(above, sight.found.counts[stage], strict=True)]
        if not any(above):
            continue
        data.append({
            "type": "scatter", "mode": "lines", "name": LABEL[stage], **sight.over_days(above),
            "fill": "tonexty" if data else "tozeroy", "fillcolor": f"--stage-{stage}/0.55",
            "line": {"color": f"--stage-{stage}", "width": 2, "shape": "hv"},
            "hovertemplate": f"%{{y:,}} came to {LABEL[stage].lower()} or further<extra></extra>",
        })  # fmt: skip
    return _finished(sight, data, top=max(sight.found.scope), labels=_names_at_end(sight, UPWARDS))


def throughput(sight: Sight) -> Figure:
    """What each whole week brought: finished upwards, taken back downwards, and scope that came as a mark."""
    weeks = [(sight.last - timedelta(days=7 * back), week) for back, week in enumerate(reversed(sight.found.weeks))]
    weeks.reverse()
    data = [_bars(weeks), _came(weeks)]
    figure = by_day(sight, data, top=max([1.0, *(max(week.done, week.added) for _, week in weeks)]) * 1.15)
    least = min([0.0, *(week.done for _, week in weeks)])
    figure["layout"]["yaxis"]["range"][0] = least * 1.15
    figure["layout"]["bargap"] = 0.3
    needed = sight.found.pace_needed
    if needed:
        figure["layout"]["shapes"].append(_level(needed))
        figure["layout"]["annotations"].append(
            label(str(sight.end), needed, f"needed {needed:,.1f}", "--ink")
            | {"xanchor": "right", "yanchor": "bottom", "xshift": 0}
        )
    return figure


def share(days: Sequence[TrafficDay], marks: Sequence[Mark] = ()) -> Figure:
    """The share of requests that the candidate answered, from 0 to 100 %; days without requests are gaps."""
    y = [None if each.share is None else round(each.share * 100, 3) for each in days]
    line = {
        "type": "scatter", "mode": "lines+markers" if len(days) < 40 else "lines", "name": "Candidate",
        "x0": str(days[0].day), "dx": DAY_MS, "y": y, "connectgaps": False, "fill": "tozeroy",
        "fillcolor": "--candidate/0.18", "line": {"color": "--candidate", "width": 2}, "marker": {"size": 4},
        "customdata": [each.received for each in days],
        "hovertemplate": "%{y:.2f} % of %{customdata:,} requests<extra></extra>",
    }  # fmt: skip
    layout = base_layout(right=120)
    layout["xaxis"] |= zoomable(days[0].day, days[-1].day)
    layout["yaxis"] |= {"range": [0, 100], "ticksuffix": " %"}
    last = next((value for value in reversed(y) if value is not None), None)
    named = [] if last is None else [label(str(days[-1].day), last, f"candidate {last:.0f} %", "--candidate")]
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
    layout = base_layout(right=84)
    layout["xaxis"] |= {"type": "date", "hoverformat": "%-d %b %Y"}
    layout["yaxis"] |= {"type": "date", "rangemode": "normal", "hoverformat": "%-d %b %Y", "tickformat": "%-d %b %Y"}
    layout["annotations"] = [
        label(x[-1], 0, f"{name} sure", "--candidate") | {"y": said}
        for name, said in (("50 %", data[0]["y"][-1]), ("85 %", data[1]["y"][-1]))
        if data[0]["y"][-1] != data[1]["y"][-1] or name == "85 %"
    ]
    layout["shapes"] = []
    for day, told, colour in ((deadline, "deadline", "--ink"), (ended, "done", "--stage-cutover")):
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


# ------------------------------------------------------------------------------------------ parts


def _bands(sight: Sight, stages: Sequence[Stage]) -> list[Figure]:
    return [_band(sight, stage) for stage in stages if any(sight.found.counts[stage])]


def _band(sight: Sight, stage: Stage) -> Figure:
    return {
        "type": "scatter", "mode": "lines", "name": LABEL[stage], "stackgroup": "stages",
        **sight.over_days(sight.found.counts[stage]),
        "line": {"width": 0.5, "color": f"--stage-{stage}", "shape": "hv"},
        "fillcolor": f"--stage-{stage}/{0.25 if stage is Stage.BACKLOG else 0.8}",
        "hovertemplate": f"{LABEL[stage]} %{{y:,}}<extra></extra>",
    }  # fmt: skip


def _steps(sight: Sight) -> list[Figure]:
    """Changes of scope on the scope line, each with who and why."""
    found = sight.found
    height = dict(zip(found.days, found.scope, strict=True))
    seen = [step for step in sight.steps if step.day in height and step.day > found.days[0]]
    if not seen:
        return []
    largest = sorted(seen, key=lambda step: -abs(step.change))[:NAMED_STEPS]
    return [{
        "type": "scatter", "mode": "markers+text", "name": "Scope changed", "x": [str(step.day) for step in seen],
        "y": [short(height[step.day]) for step in seen],
        "text": [f"{step.change:+,.0f}" if step in largest else "" for step in seen],
        "textposition": "top center", "textfont": {"color": "--ink", "size": 13},
        "customdata": [step.told for step in seen], "meta": {"links": [step.address for step in seen]},
        "marker": {"size": 9, "symbol": "diamond", "color": "--surface", "line": {"color": "--ink", "width": 2}},
        "hovertemplate": "%{customdata}<extra></extra>", "cliponaxis": False,
    }]  # fmt: skip


def _bars(weeks: Sequence[tuple[date, Week]]) -> Figure:
    return {
        "type": "bar", "name": "Done", "x": [str(day) for day, _ in weeks],
        "y": [short(week.done) for _, week in weeks],
        "marker": {"color": ["--stage-cutover/0.85" if week.done >= 0 else "--late" for _, week in weeks]},
        "hovertemplate": "week to %{x|%-d %b %Y}: %{y:,} done<extra></extra>", "offset": -6 * DAY_MS,
        "width": 5 * DAY_MS,
    }  # fmt: skip


def _came(weeks: Sequence[tuple[date, Week]]) -> Figure:
    grown = [(day, week.added) for day, week in weeks if week.added]
    return {
        "type": "scatter", "mode": "markers", "name": "Scope", "x": [str(day) for day, _ in grown],
        "y": [short(added) for _, added in grown],
        "marker": {"size": 9, "symbol": "diamond", "color": "--surface", "line": {"color": "--ink", "width": 2}},
        "hovertemplate": "scope %{y:+,}<extra></extra>",
    }  # fmt: skip


def _said(x: Sequence[str], y: Sequence[str], name: str, dash: str) -> Figure:
    return {
        "type": "scatter", "mode": "lines+markers" if len(x) < 40 else "lines", "name": name, "x": list(x),
        "y": list(y), "line": {"color": "--candidate", "width": 2, "dash": dash, "shape": "hv"},
        "marker": {"size": 4}, "hovertemplate": f"{name} sure by %{{y}}<extra></extra>",
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
        "type": "scatter", "mode": "markers", "name": "Events", "x": [str(event.day) for event in seen],
        "y": [top * 0.98] * len(seen), "text": [event.told for event in seen],
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
    return figure


def _names_at_end(sight: Sight, stages: Sequence[Stage]) -> list[Figure]:
    """A name in the middle of each band that is thick enough, at its last day."""
    labels, base = [], 0.0
    for stage in stages:
        count = sight.found.counts[stage][-1]
        if count:
            text = f"{LABEL[stage]} {words.number(count)}"
            placed = label(str(sight.last), base + count / 2, text, f"--stage-{stage}")
            labels.append(placed | {"bgcolor": "--surface/0.75", "borderpad": 1})
        base += count
    return labels
