"""The table behind each chart of the burndown: the same numbers, newest first, for eyes, ears and spreadsheets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.utils.translation import gettext as _

from dashboards import words
from dashboards.vocabulary import spoken
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
    is_daily: bool = False

    @property
    def thinned(self) -> list[tuple[date, tuple[str, ...]]]:
        """As many rows as a page bears, written."""
        return self.thinned_to(MOST_ROWS)

    def thinned_to(self, most: int) -> list[tuple[date, tuple[str, ...]]]:
        step = max(1, -(-len(self.rows) // most))
        if step > 1:
            step = -(-step // 7) * 7 if self.is_daily else step
        return [(day, tuple(written(cell) for cell in cells)) for day, cells in self.rows[::step]]


def written(cell: Cell) -> str:
    if cell is None:
        return _("no data")
    if isinstance(cell, str):
        return cell
    return words.number(cell) if cell == int(cell) else words.localised(f"{cell:,.1f}")


def by_stage(found: BurnUp) -> Table:
    """What stood in each stage at the end of each day."""
    rows = [
        (day, (*(found.counts[rung.stage][at] for rung in LADDER), done, scope))
        for at, (day, done, scope) in enumerate(zip(found.days, found.done, found.scope, strict=True))
    ]
    columns = (*(spoken(rung.label) for rung in LADDER), _("Done"), _("Scope"))
    return Table(first_column=_("Day"), is_daily=True, columns=columns, rows=tuple(reversed(rows)))


def by_week(found: BurnUp) -> Table:
    """What each whole week brought."""
    weeks = reversed(found.weeks)
    rows = [(found.days[-1] - timedelta(days=7 * back), (week.done, week.added)) for back, week in enumerate(weeks)]
    return Table(first_column=_("Week to"), columns=(_("Done"), _("Scope added")), rows=tuple(rows))


def by_traffic(days: Sequence[TrafficDay]) -> Table:
    """What the candidate answered on each day."""
    rows = [
        (each.day, (each.received, each.served_candidate, None if each.share is None else words.rate(each.share)))
        for each in reversed(days)
    ]
    return Table(
        first_column=_("Day"),
        is_daily=True,
        columns=(_("Requests"), _("By the candidate"), _("Share")),
        rows=tuple(rows),
    )


def to_come(forecast: Forecast, *, done: float, scope: float) -> Table:
    """The fan of the forecast."""
    rows = [
        (
            forecast.start + timedelta(weeks=point.weeks),
            (round(done + point.low), round(done + point.middle), round(done + point.high), round(scope + point.scope)),
        )
        for point in forecast.fan[:: max(1, len(forecast.fan) // 12)]
    ]
    columns = (_("Done at least, 85 % sure"), _("Done, median"), _("Done at most, 85 % sure"), _("Scope"))
    return Table(first_column=_("By"), columns=columns, rows=tuple(rows))
