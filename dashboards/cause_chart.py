"""How often one cause came up, over time: with flips and deploys, and the table behind it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.utils.translation import gettext as _

from dashboards import words
from dashboards.figures import Course, Line, over_time
from dashboards.unit_charts import SPANS, Chart, Row, frame
from migrator.inventory.models import Unit
from migrator.observations.queries import Metric
from migrator.rollout.queries import Entry

CAUSE_SPANS: Final = {name: SPANS[name][0] for name in ("24h", "14d")}
"""Causes are counted by the hour."""
USUAL_SPAN: Final = "14d"


def cause_chart(
    *, hours: Sequence[tuple[datetime, int]], unit: Unit, span: str, entries: Sequence[Entry], slug: str, now: datetime
) -> Chart:
    """Pairs that differ like this, step by step; a gap where nothing was compared."""
    # No bound is drawn, so the level of certainty does not matter.
    shown = frame(unit=unit, span=span, alpha=1.0, entries=entries, slug=slug, now=now)
    points, length = shown.points(Metric.PAIRS), timedelta(seconds=shown.step_s)
    counts = [sum(count for at, count in hours if point.at <= at < point.at + length) for point in points]
    values = [count if count or point.value else None for point, count in zip(points, counts, strict=True)]
    course = Course(
        moments=[point.at for point in points],
        lines=[Line(name=_("pairs"), colour="--candidate", values=values, hover=_("%{y:,} pairs differ like this"))],
        pins=shown.pins,
        least_top=4.0,
        room=len(_("pairs")),
    )
    rows = [
        Row(at=point.at, cells=(words.number(value), words.number(point.value or 0)))
        for point, value in zip(points, values, strict=True)
        if value is not None
    ]
    return Chart(
        name="cause",
        title=_("Pairs that differ like this"),
        figure=over_time(course),
        columns=(_("Differ like this"), _("Compared")),
        rows=tuple(reversed(rows)),
    )
