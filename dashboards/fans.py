"""The forecast as it is drawn: a fan beyond today, the scope that is still to come, the days by which it is done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.utils.translation import gettext as _

from dashboards import words
from dashboards.figures import Figure
from dashboards.sight import Sight, short
from migrator.core.forecast import Fan, Forecast

NO_NAME: Final = "<extra></extra>"
"""Ends what is written beside the pointer: the name of the line is not repeated there."""
NUMBER_WIDE: Final = 0.075
DATE_WIDE: Final = 0.11
"""Parts of the chart's width that a share and a share with its date need beside the 85 % date."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """One day to come, in the measure of the chart."""

    day: date
    low: float
    middle: float
    high: float
    scope: float


def ahead_of(forecast: Forecast, *, done: float, scope: float) -> list[Ahead]:
    points = [Fan(weeks=0, low=0.0, middle=0.0, high=0.0, scope=0.0), *forecast.fan]
    return [
        Ahead(
            forecast.start + timedelta(weeks=point.weeks),
            done + point.low,
            done + point.middle,
            done + point.high,
            scope + point.scope,
        )
        for point in points
    ]


def falling(each: Ahead) -> Ahead:
    """The same as what is left; the low end of what is done is the high end of what is not."""
    low, middle, high = (max(0.0, each.scope - done) for done in (each.high, each.middle, each.low))
    return Ahead(each.day, low, middle, high, each.scope)


def fan(ahead: Sequence[Ahead]) -> list[Figure]:
    x = [str(each.day) for each in ahead]
    edge = {"type": "scatter", "mode": "lines", "x": x, "line": {"width": 0}, "hoverinfo": "skip"}
    return [
        edge | {"name": "15 %", "y": [short(each.low) for each in ahead]},
        edge | {
            "name": _("15 to 85 %"), "y": [short(each.high) for each in ahead],
            "fill": "tonexty", "fillcolor": "--candidate/0.2",
        },
        {
            "type": "scatter", "mode": "lines", "name": _("Median"), "x": x,
            "y": [short(each.middle) for each in ahead],
            "line": {"color": "--candidate", "width": 2, "dash": "dash"},
            "customdata": [[round(each.low), round(each.high)] for each in ahead],
            "hovertemplate": _("forecast %{y:,.0f}, 15–85 %: %{customdata[0]:,} to %{customdata[1]:,}") + NO_NAME,
        },
    ]  # fmt: skip


def growth(ahead: Sequence[Ahead]) -> Figure:
    return {
        "type": "scatter", "mode": "lines", "name": _("Scope to come"), "x": [str(each.day) for each in ahead],
        "y": [short(each.scope) for each in ahead], "line": {"color": "--ink", "width": 1.5, "dash": "dot"},
        "hovertemplate": _("%{y:,.0f} in scope by then") + NO_NAME,
    }  # fmt: skip


def sure_dates(sight: Sight, ahead: Sequence[Ahead], *, on: Sequence[float]) -> Figure:
    """The days by which it is done with 50, 85 and 95 %, where the fan meets what it must reach."""
    forecast = sight.forecast
    known = [] if forecast is None else [(50, forecast.p50), (85, forecast.p85), (95, forecast.p95)]
    shown = [(share, day) for share, day in known if day and day <= sight.end]
    heights = [short(_at(ahead, on, day)) for _share, day in shown]
    return {
        "type": "scatter", "mode": "markers+text", "name": _("Done by"),
        "x": [str(day) for _share, day in shown], "y": heights,
        "text": _texts(shown, sight), "meta": {"narrow": [f"{share} %" * (share == 85) for share, _day in shown]},
        "textposition": ["top left" if sight.place(day) > 0.92 else "top center" for _share, day in shown],
        "textfont": {"color": "--ink", "size": 13},
        "marker": {"symbol": "line-ns-open", "size": 16, "color": "--candidate", "line": {"width": 2}},
        "customdata": [[share, words.day(day)] for share, day in shown],
        "hovertemplate": _("%{customdata[0]} % sure by %{customdata[1]}") + NO_NAME, "cliponaxis": False,
    }  # fmt: skip


def _texts(shown: Sequence[tuple[int, date]], sight: Sight) -> list[str]:
    """The 85 % date is always written; its neighbours where they leave it room, with their dates in much of it."""
    sure = next((day for share, day in shown if share == 85), None)
    return [_text(share, day, sight, away=None if sure in (None, day) else abs(day - sure)) for share, day in shown]


def _text(share: int, day: date, sight: Sight, *, away: timedelta | None) -> str:
    part = None if away is None else away / max(sight.end - sight.first, timedelta(days=1))
    if part is not None and part < NUMBER_WIDE:
        return ""
    return f"{share} % {sight.named(day)}" if part is None or part > DATE_WIDE else f"{share} %"


def _at(ahead: Sequence[Ahead], on: Sequence[float], day: date) -> float:
    after = next((at for at, each in enumerate(ahead) if each.day >= day), len(ahead) - 1)
    return on[after]
