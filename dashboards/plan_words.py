"""Will we make it? Forecasts, changes and plans in words. Pure: no request, no clock."""

import math
from collections.abc import Sequence
from datetime import date
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from dashboards import words
from dashboards.plan_outlook import Looked
from migrator.core.forecast import Forecast, NoForecast
from migrator.core.queues import SURE, Outlook
from migrator.core.stages import Stage
from migrator.core.what_if import Move, Ranked
from migrator.planning.models import Baseline
from migrator.planning.queries import BurnUp, Measure, Prospect

EVEN: Final = 0.5
"""A deadline that is missed in more than half of the runs is missed, said plainly."""
PACE_DAYS: Final = 28
SLOWED: Final = 0.75
"""Of the pace before. Whoever reads a forecast shall see what it may make of that: four weeks prove no trend."""
BELIEVED: Final = 1 / 3
"""Share of the runs: where so many count on a change of the pace, it moves the date that is 85 % sure."""
WORTH_A_WORD: Final = 14
"""Days between two ends that are told apart."""
LONG_MONTHS: Final = 24
"""More of them are said in years."""
SMALL: Final = (
    gettext_noop("no"), gettext_noop("one"), gettext_noop("two"), gettext_noop("three"), gettext_noop("four"),
    gettext_noop("five"), gettext_noop("six"), gettext_noop("seven"), gettext_noop("eight"), gettext_noop("nine"),
    gettext_noop("ten"), gettext_noop("eleven"), gettext_noop("twelve"),
)  # fmt: skip


def verdict(found: Prospect, *, legacy: str) -> str:
    """The sentence that answers whether it ends in time."""
    burn_up = found.found
    if not burn_up.scope[-1]:
        return _("Nothing is in scope here any more.") if any(burn_up.scope) else _("No unit is in scope here.")
    if burn_up.left <= 0:
        return _("Done: all {amount} in scope ({meaning}).").format(
            amount=amount(burn_up.scope[-1], burn_up.measure), meaning=meaning_of(burn_up.done_stage, legacy=legacy)
        )
    if found.reason:
        return f"{found.reason.rstrip('.')}. {_without_forecast(burn_up)}".strip()
    return _dated(found)


def _without_forecast(found: BurnUp) -> str:
    if found.deadline is None:
        return ""
    days = (found.deadline - found.days[-1]).days
    if days < 0:
        told = _("The deadline passed {span} ago with {amount} left.")
        return told.format(span=span(-days), amount=amount(found.left, found.measure))
    told = _("{amount} left, {span} to the deadline.")
    return told.format(amount=amount(found.left, found.measure).capitalize(), span=span(days))


def _dated(found: Prospect) -> str:
    forecast, deadline, chance = found.forecast, found.found.deadline, found.chance
    p85: date | None = getattr(forecast, "p85", None)
    end = _("in fewer than 85 of 100 runs it ends within ten years")
    if p85:
        end = _("85 % sure to finish by {day}").format(day=words.day(p85))
    if deadline is None or chance is None:
        return _("{end}; no deadline is set.").format(end=capitalised(end))
    if deadline < found.found.days[-1]:
        gone = span((found.found.days[-1] - deadline).days)
        left = amount(found.found.left, found.found.measure)
        return _("Late: the deadline passed {span} ago with {amount} left; {end}.").format(
            span=gone, amount=left, end=end
        )
    if chance >= SURE:
        told = _("On course: {end}; deadline {day} ({chance}).")
        return told.format(end=end, day=words.day(deadline), chance=sure(chance))
    head = _("At risk") if chance >= EVEN else _("Late")
    if p85 is None:
        told = _("{course}: {end}; {chance} sure to make {day}.")
        return told.format(course=head, end=end, chance=sure(chance), day=words.day(deadline))
    told = _("{course}: 85 % sure by {day}, {span} after the deadline; {chance} sure to make it.")
    return told.format(course=head, day=words.day(p85), span=span((p85 - deadline).days), chance=sure(chance))


def facts(found: BurnUp, forecast: Forecast | NoForecast | None = None) -> str:
    """How far it is, the pace beside what the deadline asks for, and what the forecast makes of the pace.

    Days before anything was in scope are no pace.
    """
    return " ".join(filter(None, (_standing(found), _trend(forecast))))


def _trend(forecast: Forecast | NoForecast | None) -> str:
    """What the forecast makes of a pace that changes, where it moves the date."""
    if not isinstance(forecast, Forecast):
        return ""
    if forecast.falls >= BELIEVED:
        told = _("The pace has been falling: in {share} of the runs it goes on falling, ever less.")
        return told.format(share=share(forecast.falls))
    if forecast.rose >= BELIEVED:
        told = _("The pace has risen: in {share} of the runs it stays so, and rises no further.")
        return told.format(share=share(forecast.rose))
    return ""


def _standing(found: BurnUp) -> str:
    if not found.scope[-1]:
        return ""
    done, noun = words.number(found.done[-1]), amount(found.scope[-1], found.measure)
    told = _("{done} of {amount} done, {left} left.").format(done=done, amount=noun, left=words.number(found.left))
    if found.pace is None:
        return " ".join([told, _("Too little history to speak of a pace.")])
    pace = _pace(found, found.pace)
    if found.pace_needed is None or found.left <= 0:
        return f"{told} {pace}."
    asks = _("{pace}; the deadline asks for {needed}.")
    return f"{told} {asks.format(pace=pace, needed=words.localised(f'{found.pace_needed:,.1f}'))}"


def _pace(found: BurnUp, pace: float) -> str:
    """What the last weeks brought."""
    days = len(found.days) - 1
    lately = ngettext("last {count} day", "last {count} days", days).format(count=days)
    if len(found.days) > PACE_DAYS:
        lately = _("last four weeks")
    told = _("The {lately} brought {pace} a week") if pace else _("In the {lately} nothing was done")
    told = told.format(lately=lately, pace=words.localised(f"{pace:,.1f}"))
    before = _pace_before(found)
    if before is None or pace > before * SLOWED:
        return told
    slower = _("{pace}, the eight before them {before}")
    return slower.format(pace=told, before=words.localised(f"{before:,.1f}"))


def _pace_before(found: BurnUp) -> float | None:
    """Done per week in the eight weeks before the last four; None without so much history."""
    done = found.done
    if len(done) <= 3 * PACE_DAYS:
        return None
    return (done[-1 - PACE_DAYS] - done[-1 - 3 * PACE_DAYS]) / 8


def done_meaning(found: BurnUp, *, legacy: str) -> str:
    """What is counted as done, as charts state it."""
    return done_at(found.done_stage, legacy=legacy)


def done_at(stage: Stage, *, legacy: str) -> str:
    """`done: removed, …`."""
    return _("done: {meaning}").format(meaning=meaning_of(stage, legacy=legacy))


def meaning_of(stage: Stage, *, legacy: str) -> str:
    if stage is Stage.REMOVED:
        return _("removed, the code of {legacy} is gone").format(legacy=legacy)
    return _("from cutover on, nobody is answered by {legacy}").format(legacy=legacy)


def amount(quantity: float, measure: Measure) -> str:
    """`3 units`, `12 points of effort`."""
    if measure is Measure.UNITS:
        return words.units(round(quantity))
    told = ngettext("{count} point of effort", "{count} points of effort", round(quantity))
    return told.format(count=words.number(quantity))


def capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def sure(chance: float) -> str:
    """A chance as a percentage: never 0 or 100, because no run of a forecast proves either."""
    hundredths = chance * 100
    if hundredths < 1:
        return f"< {words.in_percent('1')}"
    return f"> {words.in_percent('99')}" if hundredths > 99 else words.in_percent(f"{hundredths:.0f}")


def span(days: int) -> str:
    """Days as people say them: `5 days`, `six weeks`, `4 months`."""
    if days < 14:
        return ngettext("{count} day", "{count} days", days).format(count=words.number(days))
    weeks, months = round(days / 7), round(days / 30.44)
    if weeks < len(SMALL):
        return ngettext("{number} week", "{number} weeks", weeks).format(number=_(SMALL[weeks]))
    if months < LONG_MONTHS:
        return ngettext("{count} month", "{count} months", months).format(count=words.number(months))
    years = round(days / 365.25)
    return ngettext("{count} year", "{count} years", years).format(count=years)


def moved(before: date | None, after: date | None) -> str:
    """How an 85 % date went from one day to another; by how much is `moved_by`."""
    if before is None and after is None:
        return _("no date then, none now")
    if before is None:
        return _("no date then, now {day}").format(day=words.day(after or date.min))
    if after is None:
        return _("{day} then, no date now").format(day=words.day(before))
    if before == after:
        return _("still {day}").format(day=words.day(after))
    return _("{before} → {after}").format(before=words.day(before), after=words.day(after))


def moved_by(before: date | None, after: date | None) -> str:
    """`5 months sooner`; empty where one of the two is no day, or nothing moved."""
    return difference(before, after) if before and after and before != after else ""


# -------------------------------------------------------------------------------------- the plan


def plan_sentence(found: Outlook | None, best: Sequence[Ranked], *, target: date | None) -> str:
    """What the end hangs on, and when it comes. The moves that bring most have a list of their own."""
    if found is None or not found.teams:
        return _("Nothing is left to plan: all of it is done.")
    stuck = [team for team in found.teams if team.stuck]
    if stuck:
        told = _("No end in sight: {team} has {left} left. {why}")
        return told.format(team=stuck[0].team, left=words.number(stuck[0].left), why=stuck[0].stuck)
    first = found.teams[0]
    told = _("The end hangs on {team}, in {share} of the runs: {ends}")
    return told.format(team=first.team, share=share(first.critical), ends=ends(found, target))


def pending_sentence(looked: Looked) -> str:
    """What is known of a plan before it is lived through."""
    left = words.number(sum(stream.left for stream in looked.plan.teams.values()))
    teams = len(looked.plan.teams)
    return ngettext(
        "{left} left, {count} team at work: the end is being worked out.",
        "{left} left, {count} teams at work: the end is being worked out.",
        teams,
    ).format(left=left, count=words.number(teams))


def ends(found: Outlook, target: date | None) -> str:
    """When a plan is done, beside the day on which it should be."""
    if found.p85 is None:
        end = _("fewer than 85 of 100 end within ten years")
    else:
        end = _("85 % sure by {day}").format(day=words.day(found.p85))
    if target is None:
        return f"{end}."
    if found.p85 is not None and found.p85 > target:
        end = _("{end}, {span} after the deadline").format(end=end, span=span((found.p85 - target).days))
    told = _("{end}; {chance} sure to make {day}.")
    return told.format(end=end, chance=sure(found.chance(target)), day=words.day(target))


def if_shared(found: Prospect) -> str:
    """When it would end if nobody kept to a team's own queue; empty where that is no other day worth a word."""
    made, own = found.if_shared, getattr(found.forecast, "p85", None)
    if made is None or made.p85 is None or (own is not None and (own - made.p85).days < WORTH_A_WORD):
        return ""
    return _("If everybody worked on whatever is left: 85 % sure by {day}.").format(day=words.day(made.p85))


def ends_of(looked: Looked) -> str:
    return ends(looked.found, looked.target) if looked.found else ""


def promised(made: Baseline) -> str:
    """`312 units by 27 Mar 2027, 85 % sure by 16 Mar 2027`."""
    told = amount(made.scope, Measure.UNITS)
    if made.deadline:
        told = _("{units} by {day}").format(units=told, day=words.day(made.deadline))
    return _("{promise}, 85 % sure by {day}").format(promise=told, day=words.day(made.p85)) if made.p85 else told


def other_sentence(
    *, moves: Sequence[Move], cut: float, today: date | None, other: date | None, chance: float | None
) -> str:
    """What another plan brings, beside today's."""
    parts = [
        _("{people} from {giver} to {taker}").format(
            people=people_words(move.people), giver=move.giver, taker=move.taker
        )
        for move in moves
    ]
    if cut:
        parts.append(_("{count} less to do").format(count=words.number(cut)))
    end = _("85 % sure by {day}").format(day=words.day(other)) if other else _("no end in sight")
    told = capitalised(end)
    if parts:
        told = _("With {changes}: {end}, {difference}").format(
            changes=_(" and ").join(parts), end=end, difference=difference(today, other)
        )
    if chance is None:
        return f"{told}."
    return _("{told}; {chance} sure to make the deadline.").format(told=told, chance=sure(chance))


def move_words(ranked: Ranked) -> str:
    """`two people from media to feed bring the end three weeks nearer`."""
    move = ranked.move
    gained, number = ranked.gained_weeks, _counted(move.people)
    told = ngettext(
        "{people} from {giver} to {taker} brings the end {gain}",
        "{people} from {giver} to {taker} bring the end {gain}",
        number,
    )
    if gained >= 100:
        told = ngettext(
            "{people} from {giver} to {taker} brings an end in sight",
            "{people} from {giver} to {taker} bring an end in sight",
            number,
        )
    return told.format(people=people_words(move.people), giver=move.giver, taker=move.taker, gain=gain_words(gained))


def gain_words(weeks: float) -> str:
    """`three weeks nearer`; less than a week is said in days."""
    days = round(weeks * 7)
    return (_("{span} nearer") if days >= 0 else _("{span} farther off")).format(span=span(abs(days)))


def people_words(people: float) -> str:
    """`one person`, `two people`, `0.5 people`."""
    is_small = people == int(people) and 0 < people < len(SMALL)
    few = _(SMALL[int(people)]) if is_small else words.localised(f"{people:g}")
    return ngettext("{number} person", "{number} people", _counted(people)).format(number=few)


def _counted(people: float) -> int:
    """A number of people as plurals go by it: half a person is no single one."""
    return 1 if people == 1 else max(2, math.ceil(people))


def share(fraction: float) -> str:
    return words.in_percent(f"{fraction * 100:.0f}")


def difference(today: date | None, other: date | None) -> str:
    """Another plan's date beside today's."""
    if today is None or other is None:
        if today == other:
            return _("no end either way")
        return _("no end any more") if other is None else _("an end at last")
    days = (other - today).days
    if not days:
        return _("the same day")
    return (_("{span} later") if days > 0 else _("{span} sooner")).format(span=span(abs(days)))


def record_sentence(*, held: int, judged: int) -> str:
    """How good past forecasts were."""
    if not judged:
        return _("No past forecast can be judged yet: none of their 85 % dates has come.")
    return ngettext(
        "{held} of {count} forecast held their 85 % date.", "{held} of {count} forecasts held their 85 % date.", judged
    ).format(held=held, count=words.number(judged))
