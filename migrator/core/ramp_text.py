"""Plans as people type them: `1, 5, 25, 50, 100, cutover`, `30m`, `mon-fri`, `09:00`, `Europe/Berlin`.

Page, API and command read them here, and write them here, so that what one shows another takes.
"""

import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from migrator.core import working_hours
from migrator.core.ramp import LONGEST_SOAK_S, USUAL_SOAK_S, USUAL_STEPS, Plan, PlanRefused, Step, check
from migrator.core.stages import ALL, Stage, percent
from migrator.core.working_hours import DAY_MINUTES, DAYS, WorkingHours

LONGEST_TEXT: Final = 500
UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION: Final = re.compile(r"(\d{1,7})\s*([smhd]?)", re.ASCII)
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})", re.ASCII)


def read_plan(
    *,
    steps: str = "",
    soak: str = "",
    days: str = "",
    begin: str = "",
    end: str = "",
    zone: str = "",
    at_once: str | int | None = None,
) -> Plan:
    """A plan from what was typed; what stays empty is the usual. Raises PlanRefused naming the field."""
    soak_s = read_duration(soak) if soak.strip() else USUAL_SOAK_S
    return check(
        Plan(
            steps=read_steps(steps, soak_s=soak_s) if steps.strip() else _usual(soak_s),
            working_hours=_read_hours(days, begin, end, zone),
            at_once=_read_number(at_once),
        )
    )


def _usual(soak_s: int) -> tuple[Step, ...]:
    return tuple(Step(candidate=step.candidate, soak_s=soak_s) for step in USUAL_STEPS)


def read_steps(text: str, *, soak_s: int) -> tuple[Step, ...]:
    """`1, 5, 25, cutover`; a step may name a soak of its own: `5 for 2h`. Raises PlanRefused."""
    if len(text) > LONGEST_TEXT:
        raise PlanRefused("steps", f"Steps are at most {LONGEST_TEXT} letters.")
    parts = [part.strip() for part in re.split(r"[,;→]|->", text) if part.strip()]
    if not parts:
        raise PlanRefused("steps", "Name at least one step, such as 5 or cutover.")
    return tuple(_read_step(part, soak_s) for part in parts)


def _read_step(text: str, soak_s: int) -> Step:
    what, _, own = text.partition(" for ")
    soak = read_duration(own) if own.strip() else soak_s
    if what.strip().lower() == Stage.CUTOVER:
        return Step(stage=Stage.CUTOVER, candidate=ALL, soak_s=soak)
    try:
        share = Decimal(what.strip().removesuffix("%").strip())
    except InvalidOperation:
        share = Decimal("NaN")
    if not share.is_finite() or not 0 < share <= 100 or share * 100 % 1:
        raise PlanRefused(
            "steps", f"{what.strip()[:40]!r} is no step: a number up to 100 with at most two decimals, or cutover."
        )
    return Step(candidate=int(share * 100), soak_s=soak)


def read_duration(text: str) -> int:
    """`45s`, `30m`, `2h`, `1d`, or seconds. Raises PlanRefused."""
    found = _DURATION.fullmatch(text.strip().lower())
    seconds = int(found[1]) * UNITS[found[2] or "s"] if found else -1
    if not 0 <= seconds <= LONGEST_SOAK_S:
        raise PlanRefused("soak", f"{text.strip()[:40]!r} is no soak: write 45s, 30m, 2h or up to 30d.")
    return seconds


def _read_hours(days: str, begin: str, end: str, zone: str) -> WorkingHours | None:
    if not any(part.strip() for part in (days, begin, end)):
        return None
    if not zone.strip():
        raise PlanRefused("working_hours", "Working hours need a time zone, such as Europe/Berlin.")
    return WorkingHours(
        days=read_days(days or "mon-fri"),
        begin=_read_clock(begin or "00:00"),
        end=_read_clock(end or "24:00"),
        zone=zone.strip(),
    )


def read_days(text: str) -> tuple[int, ...]:
    """`mon-fri`, `mon, wed`, `sat-mon`. Raises PlanRefused."""
    found: set[int] = set()
    for part in re.split(r"[,\s]+", text.strip().lower()):
        first, dash, last = part.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise PlanRefused("working_hours", f"{part[:20]!r} is no day: {', '.join(DAYS)}, or mon-fri.")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found |= {day % 7 for day in range(begin, end + 1 if end >= begin else end + 8)}
    return tuple(sorted(found))


def _read_clock(text: str) -> int:
    found = _CLOCK.fullmatch(text.strip())
    minute = int(found[1]) * 60 + int(found[2]) if found and int(found[2]) < 60 else -1
    if not 0 <= minute <= DAY_MINUTES:
        raise PlanRefused("working_hours", f"{text.strip()[:20]!r} is no time of day: write 09:00, up to 24:00.")
    return minute


def _read_number(told: str | int | None) -> int | None:
    text = "" if told is None else str(told).strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise PlanRefused("at_once", f"{text[:20]!r} is no number of units.")
    return int(text)


# ------------------------------------------------------------------------------------------ back


def as_text(plan: Plan) -> dict[str, str]:
    """The same as people type it, by the names that `read_plan` takes."""
    soak_s = plan.steps[0].soak_s
    hours = plan.working_hours
    return {
        "steps": ", ".join(_step_text(step, soak_s) for step in plan.steps),
        "soak": duration_text(soak_s),
        "days": working_hours.days_words(hours.days) if hours else "",
        "begin": working_hours.clock(hours.begin) if hours else "",
        "end": working_hours.clock(hours.end) if hours else "",
        "zone": hours.zone if hours else "",
        "at_once": str(plan.at_once) if plan.at_once else "",
    }


def _step_text(step: Step, soak_s: int) -> str:
    what = str(step.stage) if step.stage is Stage.CUTOVER else f"{percent(step.candidate)}"
    return what if step.soak_s == soak_s else f"{what} for {duration_text(step.soak_s)}"


def duration_text(seconds: int) -> str:
    """In the greatest unit that fits: 1800 -> `30m`, 5400 -> `90m`, 45 -> `45s`."""
    for letter in ("d", "h", "m"):
        if seconds and seconds % UNITS[letter] == 0:
            return f"{seconds // UNITS[letter]}{letter}"
    return f"{seconds}s"


def as_record(plan: Plan) -> dict[str, Any]:
    """Plain JSON, as it is kept."""
    record: dict[str, Any] = msgspec.to_builtins(plan)
    return record


def of_record(record: Any) -> Plan:
    """A plan that was kept. Raises PlanRefused where it is none."""
    try:
        return check(msgspec.convert(record, Plan))
    except msgspec.ValidationError as error:
        raise PlanRefused("steps", f"This plan cannot be read: {error}.") from None
