"""How plans and forecasts appear on pages. Words come from `dashboards.plan_words`; this is only their markup."""

from datetime import date
from urllib.parse import urlencode

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboards import plan_words, words
from dashboards.plan_teams import Axis, TeamRow
from migrator.core.what_if import Ranked

register = template.Library()

register.filter("sure", plan_words.sure)
register.filter("share_words", plan_words.share)


@register.filter
def day_or(on: date | None, otherwise: str) -> str:
    """A day with ISO on hover, or what stands for none."""
    if on is None:
        return otherwise
    return format_html('<time datetime="{}" title="{}">{}</time>', on.isoformat(), on.isoformat(), words.day(on))


@register.filter
def firm(sentence: str) -> str:
    """A sentence in which no number is torn from its percent sign."""
    return sentence.replace(" %", "\N{NO-BREAK SPACE}%")


@register.filter
def days_words(days: float) -> str:
    """3.2 -> `3.2 days`, 0.1 -> `2 h`."""
    return f"{days * 24:.0f} h" if days < 1 else f"{days:.1f} days" if days < 10 else f"{days:.0f} days"


@register.simple_tag
def date_moved(then: date | None, now: date | None) -> str:
    return plan_words.moved(then, now)


@register.simple_tag
def date_difference(today: date | None, other: date | None) -> str:
    return plan_words.difference(today, other)


@register.filter
def move_words(ranked: Ranked) -> str:
    return plan_words.capitalised(plan_words.move_words(ranked))


@register.filter
def gain_words(ranked: Ranked) -> str:
    return plan_words.gain_words(ranked.gained_weeks)


@register.filter
def move_query(ranked: Ranked) -> str:
    """The move as the query of the plan's form."""
    move = ranked.move
    return urlencode({"giver": move.giver, "taker": move.taker, "people": f"{move.people:g}"})


@register.filter
def difference(dates: tuple[str, date | None, date | None]) -> str:
    """Another plan's date beside today's, from one row of both."""
    return plan_words.difference(dates[1], dates[2])


@register.simple_tag
def team_bar(row: TeamRow, axis: Axis) -> SafeString:
    """When a team is done, from 50 to 85 % sure, against the day it must be and the deadline."""
    each = row.outlook
    left = axis.at(each.p50) if each.p50 else 100.0
    right = axis.at(each.p85) if each.p85 else 100.0
    told = f"50 % sure by {_told(each.p50)}, 85 % sure by {_told(each.p85)}"
    told += f", must be done by {words.day(each.due)}" if each.due else ""
    return format_html(
        '<svg class="span{}" viewBox="0 0 100 16" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<title>{}</title><rect class="way" y="7" width="{}" height="2"/>'
        '<rect class="sure" x="{}" y="3" width="{}" height="10"/>{}{}</svg>',
        " late" if row.is_late else "", told, told, f"{left:.2f}", f"{left:.2f}", f"{max(0.8, right - left):.2f}",
        _tick(axis, each.due, "due"), _tick(axis, axis.target, "target"),
    )  # fmt: skip


def _tick(axis: Axis, day: date | None, name: str) -> SafeString:
    if day is None:
        return SafeString("")
    return format_html('<line class="{}" x1="{}" x2="{}" y1="0" y2="16"/>', name, *[f"{axis.at(day):.2f}"] * 2)


def _told(day: date | None) -> str:
    return words.day(day) if day else "no day in ten years"


@register.simple_tag
def share_bar(fraction: float, name: str) -> SafeString:
    """A share of the runs as a bar."""
    return format_html(
        '<svg class="weight" viewBox="0 0 100 1" preserveAspectRatio="none" role="img" aria-label="{}: {} of the runs">'
        '<rect width="{}" height="1"/></svg>',
        name, plan_words.share(fraction), f"{fraction * 100:.1f}",
    )  # fmt: skip
