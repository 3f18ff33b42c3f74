"""Will we make it? Forecasts, changes and plans in words. Pure: no request, no clock."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from dashboards import words
from migrator.core.queues import SURE, Outlook
from migrator.core.stages import Stage
from migrator.core.what_if import Move, Ranked
from migrator.planning.queries import BurnUp, Measure, Prospect

EVEN: Final = 0.5
"""A deadline that is missed in more than half of the runs is missed, said plainly."""
SMALL: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
NOUNS: Final = {Measure.UNITS: ("unit", "units"), Measure.EFFORT: ("point of effort", "points of effort")}


def verdict(found: Prospect, *, legacy: str) -> str:
    """The sentence that answers whether it ends in time."""
    burn_up = found.found
    if not burn_up.scope[-1]:
        return "No unit is in scope here."
    if burn_up.left <= 0:
        return f"Done: {amount(burn_up.scope[-1], burn_up.measure)} in scope, {done_meaning(burn_up, legacy=legacy)}."
    if found.reason:
        return f"{found.reason.rstrip('.')}.{_without_forecast(burn_up)}"
    return _dated(found)


def _without_forecast(found: BurnUp) -> str:
    if found.deadline is None:
        return ""
    days = (found.deadline - found.days[-1]).days
    if days < 0:
        return f" The deadline passed {span(-days)} ago with {amount(found.left, found.measure)} left."
    return f" {amount(found.left, found.measure).capitalize()} left, {span(days)} to the deadline."


def _dated(found: Prospect) -> str:
    forecast, deadline, chance = found.forecast, found.found.deadline, found.chance
    p85: date | None = getattr(forecast, "p85", None)
    end = f"85 % sure to finish by {words.day(p85)}" if p85 else "in fewer than 85 of 100 runs it ends within ten years"
    if deadline is None or chance is None:
        return f"{capitalised(end)}; no deadline is set."
    if deadline < found.found.days[-1]:
        gone = span((found.found.days[-1] - deadline).days)
        left = amount(found.found.left, found.found.measure)
        return f"Late: the deadline passed {gone} ago with {left} left; {end}."
    if chance >= SURE:
        return f"On course: {end}; deadline {words.day(deadline)} ({sure(chance)})."
    head = "At risk" if chance >= EVEN else "Late"
    if p85 is None:
        return f"{head}: {end}; {sure(chance)} sure to make {words.day(deadline)}."
    late = f"85 % sure by {words.day(p85)}, {span((p85 - deadline).days)} after the deadline"
    return f"{head}: {late}; {sure(chance)} sure to make it."


def facts(found: BurnUp) -> str:
    """How far it is, and the pace beside what the deadline asks for."""
    if not found.scope[-1]:
        return ""
    done, noun = words.number(found.done[-1]), amount(found.scope[-1], found.measure)
    told = f"{done} of {noun} done, {words.number(found.left)} left."
    if found.pace is None:
        return f"{told} Too little history to speak of a pace."
    told += (
        f" The last four weeks brought {found.pace:,.1f} a week" if found.pace else " In four weeks nothing was done"
    )
    if found.pace_needed is None or found.left <= 0:
        return f"{told}."
    return f"{told}; the deadline asks for {found.pace_needed:,.1f}."


def done_meaning(found: BurnUp, *, legacy: str) -> str:
    """What is counted as done, as charts state it."""
    if found.done_stage is Stage.REMOVED:
        return f"done: the code of {legacy} is gone"
    return f"done: nobody is answered by {legacy}"


def amount(quantity: float, measure: Measure) -> str:
    one, many = NOUNS[measure]
    return f"{words.number(quantity)} {one if quantity == 1 else many}"


def capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def sure(chance: float) -> str:
    """A chance as a percentage: never 0 or 100, because no run of a forecast proves either."""
    hundredths = chance * 100
    if hundredths < 1:
        return "< 1 %"
    return "> 99 %" if hundredths > 99 else f"{hundredths:.0f} %"


def span(days: int) -> str:
    """Days as people say them: `5 days`, `six weeks`, `4 months`."""
    if days < 14:
        return words.count(days, "day")
    weeks = round(days / 7)
    if weeks < len(SMALL):
        return f"{SMALL[weeks]} weeks"
    return words.count(round(days / 30.44), "month")


def moved(before: date | None, after: date | None) -> str:
    """How an 85 % date went from one day to another."""
    if before is None and after is None:
        return "no date then, none now"
    if before is None or after is None:
        return (
            f"no date then, now {words.day(after)}" if after else f"{words.day(before or date.min)} then, no date now"
        )
    days = (after - before).days
    if not days:
        return f"still {words.day(after)}"
    return f"{words.day(before)} → {words.day(after)}, {span(abs(days))} {'later' if days > 0 else 'sooner'}"


# -------------------------------------------------------------------------------------- the plan


def plan_sentence(found: Outlook | None, best: Sequence[Ranked], *, target: date | None) -> str:
    """What the end hangs on, and what would bring it nearer."""
    if found is None or not found.teams:
        return "Nothing is left to plan: all of it is done."
    stuck = [team for team in found.teams if team.stuck]
    if stuck:
        return f"No end in sight: {stuck[0].team} has {words.number(stuck[0].left)} left. {stuck[0].stuck}"
    first = found.teams[0]
    told = f"The end hangs on {first.team}: {share(first.critical)} of the runs."
    if best:
        return f"{told} {capitalised(move_words(best[0]))}."
    if target is not None:
        return f"{told} {sure(found.chance(target))} sure to make {words.day(target)}."
    return told


def other_sentence(
    *, moves: Sequence[Move], cut: float, today: date | None, other: date | None, chance: float | None
) -> str:
    """What another plan brings, beside today's."""
    parts = [f"{people_words(move.people)} from {move.giver} to {move.taker}" for move in moves]
    if cut:
        parts.append(f"{words.number(cut)} less to do")
    end = f"85 % sure by {words.day(other)}" if other else "no end in sight"
    told = f"With {' and '.join(parts)}: {end}" if parts else capitalised(end)
    if parts:
        told += f", {difference(today, other)}"
    return f"{told}; {sure(chance)} sure to make the deadline." if chance is not None else f"{told}."


def move_words(ranked: Ranked) -> str:
    """`two people from media to feed bring the end three weeks nearer`."""
    move = ranked.move
    people = people_words(move.people)
    verb = "brings" if move.people == 1 else "bring"
    gained = ranked.gained_weeks
    if gained >= 100:
        return f"{people} from {move.giver} to {move.taker} {verb} an end in sight"
    return f"{people} from {move.giver} to {move.taker} {verb} the end {gain_words(gained)}"


def gain_words(weeks: float) -> str:
    """`three weeks nearer`; less than a week is said in days."""
    days = round(weeks * 7)
    return f"{span(abs(days))} {'nearer' if days >= 0 else 'farther off'}"


def people_words(people: float) -> str:
    """`one person`, `two people`, `0.5 people`."""
    few = SMALL[int(people)] if people == int(people) and 0 < people < len(SMALL) else f"{people:g}"
    return f"{few} {'person' if people == 1 else 'people'}"


def share(fraction: float) -> str:
    return f"{fraction * 100:.0f} %"


def difference(today: date | None, other: date | None) -> str:
    """Another plan's date beside today's."""
    if today is None or other is None:
        return "no end either way" if today == other else ("no end any more" if other is None else "an end at last")
    days = (other - today).days
    return "the same day" if not days else f"{span(abs(days))} {'later' if days > 0 else 'sooner'}"


def record_sentence(*, held: int, judged: int) -> str:
    """How good past forecasts were."""
    if not judged:
        return "No past forecast can be judged yet: none of their 85 % dates has come."
    return f"{held} of {words.count(judged, 'forecast')} held their 85 % date."
