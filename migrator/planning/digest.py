"""The week of a project in a few sentences, told on Monday morning: what a manager would ask for otherwise."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from django.db import transaction

from migrator.core.queues import SURE, Cycle, outlook
from migrator.core.stages import RUNGS, Direction
from migrator.inventory import versions
from migrator.inventory.models import Project
from migrator.planning.queries import Prospect, Slice, oldest_stuck, plan_of, prospect
from migrator.planning.queries.since import Since, since
from migrator.rollout.models import Flip
from migrator.telling.models import Event, Message, Severity
from migrator.telling.services import tell

WEEK: Final = timedelta(days=7)
HOUR: Final = 8
"""Of Monday, UTC. Later on that day it is still told; on Tuesday it would be last week's news."""
NAMED: Final = 3
"""Units that are called by name where some were rolled back."""
LONGEST: Final = 2_000


def tell_week(*, now: datetime) -> int:
    """Tell the week that is over, of each project in which something is tracked, once. Returns how many were told."""
    monday = now.date() - timedelta(days=now.weekday())
    begin = datetime.combine(monday, time(HOUR), tzinfo=now.tzinfo)
    if not begin <= now < begin.replace(hour=0) + timedelta(days=1):
        return 0
    return sum(_tell(project, monday, now) for project in Project.objects.filter(simulated=False))


def _tell(project: Project, monday: date, now: datetime) -> bool:
    """Whether it was told now. The project's row is locked, so that two workers tell it once."""
    year, week, _ = (monday - WEEK).isocalendar()
    key = f"weekly:{project.slug}:{year}-{week:02}"
    if Message.objects.filter(project=project, key=key).exists():
        return False
    text = digest(project=project, monday=monday - WEEK, now=now)
    if not text:
        return False
    with transaction.atomic():
        versions.lock(project_id=project.pk)
        if Message.objects.filter(project=project, key=key).exists():
            return False
        tell(
            project=project,
            event=Event.WEEKLY,
            severity=Severity.INFO,
            key=key,
            title=f"{project.name}: week {week}",
            sentence=text,
            path=f"/p/{project.slug}/burndown",
            now=now,
        )
    return True


def digest(*, project: Project, monday: date, now: datetime) -> str:
    """What happened in the week of that Monday, and where it leads; empty where nothing is in scope.

    The week ends on Sunday however late it is told: what came after is the next week's news, and is told once.
    """
    begin = datetime.combine(monday, time(), tzinfo=UTC)
    until = min(now, begin + WEEK - timedelta(microseconds=1))
    found = prospect(project=project, now=until)
    if not found.found.scope[-1]:
        return ""
    told = since(project=project, found=found, units=Slice(), day=monday, until=until)
    parts = [
        _done(found, told),
        _scope(told),
        _forecast(found, told),
        _holding(project, found, until),
        _rollbacks(project, begin, until),
        _stuck(project, now),
    ]
    return " ".join(filter(None, parts))[:LONGEST]


def _done(found: Prospect, told: Since) -> str:
    back = f", {told.regressed:,} fell back" if told.regressed else ""
    return f"{told.finished:,} done{back}; {found.found.done[-1]:,.0f} of {found.found.scope[-1]:,.0f} in all."


def _scope(told: Since) -> str:
    if not told.added and not told.gone:
        return "Scope: unchanged."
    parts = [f"{told.added:,.0f} came in" if told.added else "", f"{told.gone:,.0f} went" if told.gone else ""]
    return f"Scope: {', '.join(filter(None, parts))}."


def _forecast(found: Prospect, told: Since) -> str:
    if found.found.left <= 0:
        return "All of it is done."
    if told.p85_now is None:
        return found.reason or "Forecast: no end in sight."
    moved = ""
    if told.p85_then is not None and told.p85_then != told.p85_now:
        days = (told.p85_now - told.p85_then).days
        moved = f", {abs(days)} day{'' if abs(days) == 1 else 's'} {'later' if days > 0 else 'sooner'} than a week ago"
    return f"Forecast: {SURE:.0%} sure by {_day(told.p85_now)}{moved}{_deadline(found)}."


def _deadline(found: Prospect) -> str:
    if found.found.deadline is None or found.chance is None:
        return ""
    return f"; deadline {_day(found.found.deadline)}, {found.chance:.0%} sure"


def _holding(project: Project, found: Prospect, now: datetime) -> str:
    """The team that the end hangs on, where the plan knows one."""
    if found.found.left <= 0:
        return ""
    plan = plan_of(project=project, now=now)
    try:
        teams = outlook(plan=plan, today=now.date(), target=found.found.deadline).teams if plan.pieces else ()
    except Cycle as ring:
        return f"The plan has a ring: {ring}"
    if not teams:
        return ""
    return f"It hangs on {teams[0].team}: {teams[0].left:,.0f} left.{f' {teams[0].stuck}' if teams[0].stuck else ''}"


def _rollbacks(project: Project, begin: datetime, until: datetime) -> str:
    back = Flip.objects.filter(project=project, direction=Direction.BACK, at__gte=begin, at__lte=until)
    keys = list(back.order_by("unit__key").values_list("unit__key", flat=True).distinct())
    if not keys:
        return "Nothing was rolled back."
    more = f" and {len(keys) - NAMED:,} more" if len(keys) > NAMED else ""
    return f"Rolled back: {', '.join(keys[:NAMED])}{more}."


def _stuck(project: Project, now: datetime) -> str:
    for unit in oldest_stuck(project=project, limit=1):
        days = (now - unit.since).days
        if days >= WEEK.days:
            return f"Oldest: {unit.key}, {days:,} days in {RUNGS[unit.stage].label.lower()}."
    return ""


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"
