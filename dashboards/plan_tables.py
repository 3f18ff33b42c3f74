"""The table behind each chart of the burndown: the same numbers, newest first, for eyes, ears and spreadsheets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from dashboards import words
from migrator.core.forecast import Forecast
from migrator.core.stages import LADDER
from migrator.planning.queries import BurnUp, TrafficDay

MOST_ROWS: Final = 60
"""Rows on a page: a longer span is told by the week, or by more of them. The export has every day."""
Cell = float | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Numbers by day, newest first. None is no data."""

    first_column: str
    columns: tuple[str, ...]
    rows: tuple[tuple[date, tuple[Cell, ...]], ...]

    @property
    def thinned(self) -> list[tuple[date, tuple[str, ...]]]:
        """As many rows as a page bears, written."""
        step = max(1, -(-len(self.rows) // MOST_ROWS))
        if step > 1:
            step = -(-step // 7) * 7 if self.first_column == "Day" else step
        return [(day, tuple(written(cell) for cell in cells)) for day, cells in self.rows[::step]]


def written(cell: Cell) -> str:
    if cell is None:
        return "no data"
    if isinstance(cell, str):
        return cell
    return words.number(cell) if cell == int(cell) else f"{cell:,.1f}"


def by_stage(found: BurnUp) -> Table:
    """What stood in each stage at the end of each day."""
    rows = [
        (day, (*(found.counts[rung.stage][at] for rung in LADDER), done, scope))
        for at, (day, done, scope) in enumerate(zip(found.days, found.done, found.scope, strict=True))
    ]
    columns = (*(rung.label for rung in LADDER), "Done", "Scope")
    return Table(first_column="Day", columns=columns, rows=tuple(reversed(rows)))


def by_week(found: BurnUp) -> Table:
    """What each whole week brought."""
    weeks = reversed(found.weeks)
    rows = [(found.days[-1] - timedelta(days=7 * back), (week.done, week.added)) for back, week in enumerate(weeks)]
    return Table(first_column="Week to", columns=("Done", "Scope added"), rows=tuple(rows))


def by_traffic(days: Sequence[TrafficDay]) -> Table:
    """What the candidate answered on each day."""
    rows = [
        (each.day, (each.received, each.served_candidate, None if each.share is None else words.rate(each.share)))
        for each in reversed(days)
    ]
    return Table(first_column="Day", columns=("Requests", "By the candidate", "Share"), rows=tuple(rows))


def to_come(forecast: Forecast, *, done: float, scope: float) -> Table:
    """The fan of the forecast."""
    rows = [
        (
            forecast.start + timedelta(weeks=point.weeks),
            (round(done + point.low), round(done + point.middle), round(done + point.high), round(scope + point.scope)),
        )
        for point in forecast.fan[:: max(1, len(forecast.fan) // 12)]
    ]
    columns = ("Done at least, 85 % sure", "Done, median", "Done at most, 85 % sure", "Scope")
    return Table(first_column="By", columns=columns, rows=tuple(rows))
