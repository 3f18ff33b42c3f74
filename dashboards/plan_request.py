"""What a reader asks of the burndown, read from its address. Whatever cannot be read asks for the usual."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from django.http import QueryDict
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from dashboards.parameters import text
from migrator.core.stages import Stage
from migrator.inventory.models import Kind
from migrator.planning.models import DONE_STAGES
from migrator.planning.queries import BurnUp, Measure, Slice, Tagged

VIEWS: Final = {
    "up": gettext_noop("Burn-up"),
    "down": gettext_noop("Burndown"),
    "flow": gettext_noop("Flow"),
    "traffic": gettext_noop("Traffic"),
    "throughput": gettext_noop("Weekly"),
}
SPANS: Final = {
    "30": gettext_noop("30 days"),
    "90": gettext_noop("90 days"),
    "365": gettext_noop("1 year"),
    "all": gettext_noop("All"),
}
USUAL: Final = "90"
LONGEST: Final = 3_660
"""Days that an address may ask for, back and ahead: ten years."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One state of the page."""

    view: str
    span: str
    """A key of SPANS; `custom` where days are named."""
    measure: Measure
    done_stage: Stage
    units: Slice
    first: date | None
    until: date | None
    since: date

    @property
    def days(self) -> int | None:
        """How far back from today; None is all there is. `custom` is cut by `shown()`."""
        return None if self.span in ("all", "custom") else int(self.span)

    @property
    def by_of_views(self) -> str | None:
        """What links to other views say of the measure: by traffic there is only one."""
        return str(self.measure) if self.measure is Measure.EFFORT else None

    @property
    def _kinds(self) -> str:
        return (
            {Kind.ENDPOINT: _("endpoints"), Kind.FIELD: _("fields")}.get(Kind(self.units.kind), "")
            if self.units.kind
            else ""
        )

    @property
    def filters(self) -> list[str]:
        """What narrows the page, in words."""
        named = [self.units.phase, self.units.service, self.units.team, self._kinds]
        told = [name for name in named if name]
        if self.units.tagged is Tagged.THEN:
            told.append(_("as tagged then"))
        if self.measure is Measure.EFFORT:
            told.append(_("by effort"))
        if self.done_stage is Stage.REMOVED:
            told.append(_("done is removed"))
        return told

    def shown(self, found: BurnUp) -> BurnUp:
        """The days that are asked for, of those that are known; not those before anything was in scope."""
        if self.span != "custom":
            return begun(found.last(self.days) if self.days is not None else found)
        first = min(max(self.first or found.days[0], found.days[0]), found.days[-1] - timedelta(days=1))
        until = min(self.until or found.days[-1], found.days[-1])
        return begun(between(found, first, max(until, first + timedelta(days=1))))


def asked(query: QueryDict, *, today: date) -> Asked:
    """Read an address. Raises nothing."""
    first, until = _day(query, "from", today), _day(query, "to", today, ahead=LONGEST)
    if first and until and first > until:
        first, until = until, first
    by = text(query, "by")
    view = "traffic" if by == "traffic" else text(query, "view")
    span = text(query, "days")
    return Asked(
        view=view if view in VIEWS else "up",
        span="custom" if first or until else span if span in SPANS else USUAL,
        measure=Measure.EFFORT if by == Measure.EFFORT else Measure.UNITS,
        done_stage=Stage.REMOVED if text(query, "done") == Stage.REMOVED else DONE_STAGES[0],
        units=_units(query),
        first=first,
        until=until,
        since=_day(query, "since", today) or last_monday(today),
    )


def _units(query: QueryDict) -> Slice:
    kind = text(query, "kind")
    return Slice(
        service=text(query, "service"),
        team=text(query, "team"),
        phase=text(query, "phase"),
        kind=kind if kind in Kind.values else "",
        tagged=Tagged.THEN if text(query, "tagged") == Tagged.THEN else Tagged.NOW,
    )


def _day(query: QueryDict, name: str, today: date, *, ahead: int = 0) -> date | None:
    """A day from ten years ago until today, or `ahead` days later; what lies outside is drawn to the nearest."""
    try:
        told = parse_date(text(query, name))
    except ValueError:
        return None
    return min(max(told, today - timedelta(days=LONGEST)), today + timedelta(days=ahead)) if told else None


def last_monday(today: date) -> date:
    """The Monday that a week's news count from: last week's on a Monday, when this one's has only begun."""
    return today - timedelta(days=today.weekday() or 7)


def begun(found: BurnUp) -> BurnUp:
    """The same from the first day on which anything was in scope; as it is where nothing ever was."""
    first = next((at for at, scope in enumerate(found.scope) if scope), 0)
    return between(found, found.days[first], found.days[-1]) if first else found


def between(found: BurnUp, first: date, until: date) -> BurnUp:
    """The same from one day to another."""
    here = slice((first - found.days[0]).days, (until - found.days[0]).days + 1)
    return replace(
        found,
        days=found.days[here],
        counts={stage: counts[here] for stage, counts in found.counts.items()},
        added=found.added[here],
        gone=found.gone[here],
    )
