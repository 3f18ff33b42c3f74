"""What stands on the time axis of a plan's charts: deadlines, changes of scope, rollbacks and freezes."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboards import words
from dashboards.sight import Event, Mark, Step
from migrator.inventory.models import Project
from migrator.ledger.models import Kind
from migrator.planning.queries import BurnUp, Pin, ScopeStep, Slice, events, scope_changes

BUCKETS: Final = 45
"""Pins across a chart, at most: what lies closer is one pin."""
MOST_MARKS: Final = 8
LOUDEST_FIRST: Final = (Kind.ROLLBACK, Kind.FREEZE, Kind.POLICY, Kind.FLIP)
QUIET: Final = ("--control-line", "line-ns-open")
LOOKS: Final = {
    Kind.ROLLBACK: ("--late", "triangle-down"),
    Kind.FREEZE: ("--stage-side_by_side", "square"),
}


def deadlines(*, project: Project, units: Slice, missed: bool) -> list[Mark]:
    """The deadline, and those of phases and milestones, as far as they concern these units."""
    phases = project.phases.filter(deadline__isnull=False)
    milestones = project.milestones.all()
    if units.phase:
        phases, milestones = phases.filter(name=units.phase), milestones.filter(phase__name=units.phase)
    if units.team:
        milestones = milestones.filter(Q(team=None) | Q(team__name=units.team))
    if units.service:
        milestones = milestones.filter(Q(service=None) | Q(service__name=units.service))
    marks = [Mark(day=phase.deadline, name=phase.name) for phase in phases if phase.deadline]
    marks += [Mark(day=each.due, name=each.name) for each in milestones]
    if project.deadline and not units.phase:
        marks.insert(0, Mark(day=project.deadline, name=_("Deadline"), colour="--act" if missed else "--ink"))
    return marks[:MOST_MARKS]


def link_to(project: Project, number: int) -> str:
    """Where the ledger tells of one link."""
    return f"{reverse('ledger', args=[project.slug])}?older_than={number + 1}#link-{number}"


# ----------------------------------------------------------------------------------------- scope


def scope_steps(*, project: Project, found: BurnUp, units: Slice) -> list[Step]:
    """Days on which scope changed, in the chart's measure, with who and why as far as the ledger knows."""
    days = [at for at in range(1, len(found.days)) if found.added[at] or found.gone[at]]
    if not days:
        return []
    since, until = _midnight(found.days[days[0]]), _midnight(found.days[-1] + timedelta(days=1))
    told: dict[date, list[ScopeStep]] = defaultdict(list)
    for change in scope_changes(project=project, since=since, until=until, units=units):
        told[change.at.astimezone(UTC).date()].append(change)
    return [_step(project, found, at, told.get(found.days[at], ())) for at in days]


def _step(project: Project, found: BurnUp, at: int, changes: Sequence[ScopeStep]) -> Step:
    added, gone = found.added[at], found.gone[at]
    sizes = " ".join(words.localised(f"{size:+,.0f}") for size in (added, -gone) if size)
    who = dict.fromkeys(": ".join(filter(None, (change.who, change.why))) for change in changes)
    link = next((change.link for change in changes if change.link), None)
    told = "; ".join([_("scope {sizes}").format(sizes=sizes), *filter(None, who)])
    return Step(day=found.days[at], change=added - gone, told=told, address=link_to(project, link) if link else "")


# ------------------------------------------------------------------------------------------ pins


def pins(*, project: Project, first: date, last: date) -> list[Event]:
    """Rollbacks, freezes and large flips: what happened close together is one pin, as loud as its loudest."""
    width = max(1, (last - first).days // BUCKETS)
    buckets: dict[int, list[Pin]] = defaultdict(list)
    for pin in events(project=project, since=_midnight(first), until=_midnight(last + timedelta(days=1))):
        if pin.kind in LOUDEST_FIRST:
            buckets[(last - pin.at.astimezone(UTC).date()).days // width].append(pin)
    found = [_event(project, inside) for inside in buckets.values()]
    return sorted(found, key=lambda event: event.day)


def _event(project: Project, inside: Sequence[Pin]) -> Event:
    loud = min(inside, key=lambda pin: (LOUDEST_FIRST.index(Kind(pin.kind)), -pin.link))
    colour, symbol = LOOKS.get(Kind(loud.kind), QUIET)
    told = f"{loud.headline}, {loud.who}{f': {loud.why}' if loud.why else ''}"
    if len(inside) > 1:
        counted = _counted(Counter(Kind(pin.kind) for pin in inside))
        told = _("{counted}; last: {told}").format(counted=counted, told=told)
    elif loud.kind == Kind.ROLLBACK:
        told = _("rolled back: {told}").format(told=told)
    day = loud.at.astimezone(UTC).date()
    return Event(day=day, told=told, address=link_to(project, loud.link), colour=colour, symbol=symbol)


def _counted(kinds: Mapping[Kind, int]) -> str:
    return ", ".join(_noun(kind, kinds[kind]) for kind in LOUDEST_FIRST if kinds.get(kind))


def _noun(kind: Kind, number: int) -> str:
    """`2 rollbacks`."""
    told = {
        Kind.ROLLBACK: ngettext("{count} rollback", "{count} rollbacks", number),
        Kind.FREEZE: ngettext("{count} freeze or thaw", "{count} freezes and thaws", number),
        Kind.POLICY: ngettext("{count} change of policy", "{count} changes of policy", number),
        Kind.FLIP: ngettext("{count} flip of many units", "{count} flips of many units", number),
    }
    return told[kind].format(count=words.number(number))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
