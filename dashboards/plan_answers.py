"""The manager's questions in words: what holds us, what changed since Monday, what if two people move."""

from datetime import date
from typing import Final

from django.utils import dateformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboards import words
from dashboards.plan_outlook import Looked
from dashboards.plan_teams import weeks_of_work
from dashboards.plan_words import gain_words, share, sure
from migrator.core.forecast import LEAST_WEEKS
from migrator.core.what_if import Ranked
from migrator.planning.queries import Slice
from migrator.planning.queries.since import Since

WEEK: Final = 7
"""Days for which the name of a weekday is enough."""


# ------------------------------------------------------------------------------ what changed since


def since_name(day: date, *, today: date) -> str:
    """`Monday` for a day of the last week, else the day."""
    return dateformat.format(day, "l") if (today - day).days <= WEEK else words.day(day)


def news(found: Since) -> str:
    """What was done, and what went back."""
    if not found.finished and not found.regressed:
        return _("Nothing was done, nothing went back.")
    done = words.number(found.finished) if found.finished else _("None")
    if not found.regressed:
        return _("{done} done, none went back.").format(done=done)
    return _("{done} done, {back} went back.").format(done=done, back=words.number(found.regressed))


def scope_moved(found: Since) -> str:
    """`+22 −3`."""
    told = [f"+{words.number(found.added)}"] if found.added else []
    told += [f"\N{MINUS SIGN}{words.number(found.gone)}"] if found.gone else []
    return " ".join(told) or _("as it was")


# ------------------------------------------------------------------------------------ what holds us


def too_young(looked: Looked) -> str:
    """Why the teams' dates are not told; empty where they are."""
    weeks = weeks_of_work(looked)
    if not looked.teams or weeks >= LEAST_WEEKS or not weeks:
        return ""
    return ngettext(
        "No dates yet: they need {least} weeks since the first unit was finished; there are {count} week.",
        "No dates yet: they need {least} weeks since the first unit was finished; there are {count} weeks.",
        weeks,
    ).format(least=LEAST_WEEKS, count=words.number(weeks))


def holds(looked: Looked) -> str:
    """What the end hangs on, in a line."""
    if looked.ring:
        return looked.ring
    if not looked.teams:
        return _("Nothing: all of it is done.")
    first, stuck = looked.teams[0], _stuck(looked)
    if stuck:
        return stuck
    if len(looked.teams) == 1 or too_young(looked):
        longest = max(looked.teams, key=lambda team: team.left)
        return _("{team}: {count} left.").format(team=longest.team, count=words.number(longest.left))
    return _("{team}, in {share} of the runs.").format(team=first.team, share=share(first.critical))


def looked_at(units: Slice) -> str:
    """Whose queues these are."""
    narrow = " · ".join(filter(None, (units.phase, units.service, units.team)))
    if units.service or units.team:
        told = _("Of {units}, with what it waits for elsewhere; due is when the deadline needs it.")
        both = _("Teams work on endpoints and fields in one queue: both are looked at.") if units.kind else ""
        return f"{told.format(units=narrow)} {both}".rstrip()
    if units.kind:
        return _("Of the whole plan, not only of this filter. Due is when the deadline needs it.")
    return _("Each team works off its own queue; due is when the deadline needs it.")


def _stuck(looked: Looked) -> str:
    stuck = next((team for team in looked.teams if team.stuck), None)
    if stuck is None:
        return ""
    told = _("{team} is stuck: {count} left. {why}")
    return told.format(team=stuck.team, count=words.number(stuck.left), why=stuck.stuck)


# --------------------------------------------------------------------------------- what if they move


def chance_with(looked: Looked, best: Ranked) -> str:
    """What a move does to the chance of the deadline; empty where it does nothing that shows."""
    if looked.target is None or looked.chance is None or best.chance is None:
        return ""
    before, after = sure(looked.chance), sure(best.chance)
    if before == after or best.chance < looked.chance:
        return ""
    told = _("{before} → {after} sure to make {day}.")
    return told.format(before=before, after=after, day=words.day(looked.target))


def no_move(looked: Looked) -> str:
    """Why no move is named."""
    if looked.ring:
        return _("No move brings an end while units wait for each other in a ring.")
    if not looked.teams:
        return _("Nobody has to.")
    stuck = next((team for team in looked.teams if team.stuck), None)
    if stuck:
        return _("No move brings an end while {team} is stuck.").format(team=stuck.team)
    if len(looked.teams) == 1:
        return _("There is only one team here.")
    if not looked.plan.people:
        return _("Nobody said how many people the teams have.")
    return too_young(looked) or _("No move of two people brings the end nearer.")


def moves(looked: Looked) -> tuple[Ranked, ...]:
    """The best moves; none while the teams are too young for dates."""
    return () if too_young(looked) else looked.best


def move_short(ranked: Ranked) -> str:
    """`media to feed: three weeks nearer`."""
    told = _("{giver} to {taker}: {gain}")
    return told.format(giver=ranked.move.giver, taker=ranked.move.taker, gain=gain_words(ranked.gained_weeks))
