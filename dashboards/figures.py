"""Plain data -> Plotly figures, as dictionaries. No template: the look is ours, and so is every default.

Colours are names of the stylesheet's tokens (`--candidate`, `--legacy/0.15`); the page's script puts in
the values of the scheme that is on. Nothing is animated, shares and counts start at zero, gaps stay gaps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from django.utils import timezone

Figure = dict[str, Any]
FONT = {"family": "system-ui, -apple-system, Segoe UI, Roboto, sans-serif", "size": 13, "color": "--muted"}
TICKS = [
    {"dtickrange": [None, 86_400_000 - 1], "value": "%H:%M\n%-d %b"},
    {"dtickrange": [86_400_000, "M1"], "value": "%-d %b"},
    {"dtickrange": ["M1", None], "value": "%b %Y"},
]
"""How moments are written under an axis, by the distance between two of them (milliseconds)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """Something that happened, on the time axis. Its colour is a token, its address is where a click leads."""

    at: datetime
    told: str
    colour: str = "--muted"
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One measured line. None in `values` is a gap."""

    name: str
    colour: str
    values: Sequence[float | None]
    dash: str = "solid"
    hover: str = "%{y}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What is drawn over one time axis."""

    moments: Sequence[datetime]
    lines: Sequence[Line]
    band: Line | None = None
    """What the lines are at most, as an area up to it."""
    pins: Sequence[Pin] = ()
    end: datetime | None = None
    """Where the axis ends, if not with the last moment: what has just happened is seen."""
    suffix: str = ""
    least_top: float = 0.0
    """How high the axis reaches at least, so that next to nothing does not look like much."""
    room: int = 12
    """Letters that the longest name at a line's end has, over all charts that share the axis."""

    @property
    def top(self) -> float:
        peak = max((value for line in self.lines for value in line.values if value), default=0.0)
        # Where little is known a band is wide; what it usually is must be seen, not its widest place.
        widths = sorted(value for value in self.band.values if value is not None) if self.band else []
        return max(peak * 1.15, widths[len(widths) // 2] * 1.3 if widths else 0.0, self.least_top)


def over_time(course: Course) -> Figure:
    """Lines over one time axis, named at their ends; a band behind them; pins along the top."""
    x, top = [_clock(moment) for moment in course.moments], course.top
    end = _clock(course.end) if course.end else x[-1] if x else ""
    data = [_plain(x, line) for line in course.lines]
    if course.band:
        data[:0] = [_bound(x, course.band)]
    if course.pins:
        data.append(_pins(course.pins, top))
    # Charts under each other share both edges, so that one moment is in one place.
    layout = base_layout(right=24 + 8 * course.room)
    layout["margin"] |= {"l": 64}
    layout["yaxis"] |= {"range": [0, top], "ticksuffix": course.suffix, "automargin": False}
    layout["xaxis"] |= {"type": "date", "range": [x[0], end]} if x else {"type": "date"}
    layout["shapes"] = [upright(_clock(pin.at), pin.colour) for pin in course.pins]
    layout["annotations"] = spread(
        [_name_of(end, line) for line in course.lines if _last(line.values) is not None], top
    )
    return {"data": data, "layout": layout}


def _clock(moment: datetime) -> str:
    """A moment as the reader's clock shows it: Plotly draws what is written and knows no zones."""
    return timezone.localtime(moment).strftime("%Y-%m-%dT%H:%M:%S")


def _plain(x: Sequence[str], line: Line) -> Figure:
    return {
        "type": "scatter", "mode": "lines+markers" if len(x) < 40 else "lines", "name": plain(line.name),
        "x": list(x), "y": list(line.values), "connectgaps": False, "marker": {"size": 4},
        "line": {"color": line.colour, "width": 2, "dash": line.dash}, "hovertemplate": line.hover + "<extra></extra>",
    }  # fmt: skip


def _bound(x: Sequence[str], band: Line) -> Figure:
    return {
        "type": "scatter", "mode": "lines", "name": plain(band.name), "x": list(x), "y": list(band.values),
        "line": {"width": 0}, "fill": "tozeroy", "fillcolor": f"{band.colour}/0.14", "connectgaps": False,
        "hovertemplate": band.hover + "<extra></extra>",
    }  # fmt: skip


def _pins(pins: Sequence[Pin], top: float) -> Figure:
    return {
        "type": "scatter", "mode": "markers", "name": "Events", "x": [_clock(pin.at) for pin in pins],
        "y": [top] * len(pins), "text": [plain(pin.told) for pin in pins],
        "meta": {"links": [pin.address for pin in pins]},
        "marker": {"size": 11, "symbol": "triangle-down", "color": [pin.colour for pin in pins]},
        "hovertemplate": "%{text}<extra></extra>", "cliponaxis": False,
    }  # fmt: skip


def plain(text: str) -> str:
    """A name as a chart shows it: Plotly takes tags and entities in texts for markup of its own."""
    return escape(text, quote=False)


def label(x: str, y: float, text: str, colour: str) -> Figure:
    return {
        "x": x, "y": y, "text": text, "xanchor": "left", "yanchor": "middle", "xshift": 8, "showarrow": False,
        "font": {"color": "--ink" if "stage" in colour else colour, "size": 13},
    }  # fmt: skip


def _name_of(end: str, line: Line) -> Figure:
    return label(end, _last(line.values) or 0.0, line.name, line.colour)


def _last(values: Sequence[float | None]) -> float | None:
    """The last measurement; None where there is none."""
    return next((value for value in reversed(values) if value is not None), None)


def spread(labels: list[Figure], top: float) -> list[Figure]:
    """Push labels apart that would be written over each other: at least a line's height between two."""
    least, below = top * 0.062, -top
    for each in sorted(labels, key=lambda one: float(one["y"])):
        each["y"] = below = max(float(each["y"]), below + least)
    return labels


def upright(x: str, colour: str) -> Figure:
    return {
        "type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper",
        "line": {"color": f"{colour}", "width": 1, "dash": "dot"},
    }  # fmt: skip


def base_layout(*, right: int = 96) -> Figure:
    axis = {"gridcolor": "--line", "zeroline": False, "fixedrange": True, "automargin": True}
    # Ticks that nobody sees keep the numbers off the axis.
    axis |= {"ticks": "outside", "ticklen": 6, "tickcolor": "rgba(0,0,0,0)"}
    return {
        "font": FONT,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 8, "r": right, "t": 28, "b": 8},
        "showlegend": False,
        "hovermode": "x unified",
        "dragmode": False,
        "hoverlabel": {"bgcolor": "--raised", "bordercolor": "--line", "font": {**FONT, "color": "--ink"}},
        "xaxis": axis
        | {
            "showgrid": False,
            "showline": True,
            "linecolor": "--line",
            "tickformatstops": TICKS,
            "nticks": 8,
            "tickangle": 0,
            "spikecolor": "--control-line",
            "spikethickness": 1,
            "spikedash": "solid",
        },
        "yaxis": axis | {"rangemode": "tozero", "nticks": 5},
    }
