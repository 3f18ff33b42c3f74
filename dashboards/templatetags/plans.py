"""How plans and forecasts appear on pages. Words come from `dashboards.plan_words`; this is only their markup."""

import math
from datetime import date
from typing import Final
from urllib.parse import urlencode

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from dashboards import plan_answers, plan_words, words
from dashboards.plan_teams import Axis, Beside, TeamRow, is_late
from migrator.core.queues import TeamOutlook
from migrator.core.what_if import Ranked

LONG_DAYS: Final = 730
"""More of them are said in years."""

register = template.Library()

register.filter("sure", plan_words.sure)
register.filter("share_words", plan_words.share)
register.filter("scope_moved", plan_answers.scope_moved)
register.filter("holds_words", plan_answers.holds)
register.filter("moves", plan_answers.moves)
register.filter("too_young", plan_answers.too_young)
register.filter("chance_words", plan_answers.chance_with)
register.filter("no_move_words", plan_answers.no_move)
register.filter("move_short", plan_answers.move_short)
register.filter("is_late", is_late)
register.filter("ends_words", plan_words.ends_of)
register.filter("promised_words", plan_words.promised)


@register.filter
def day_or(on: date | None, otherwise: str) -> str:
    """A day with ISO on hover, or what stands for none."""
    if on is None:
        return otherwise
    return format_html('<time datetime="{}" title="{}">{}</time>', on.isoformat(), on.isoformat(), words.day(on))


@register.filter
def days_words(days: float) -> str:
    """3.2 -> `3.2 days`, 0.1 -> `2 h`, 1300 -> `3.6 years`."""
    if days > LONG_DAYS:
        return _("{number} years").format(number=words.localised(f"{days / 365.25:.1f}"))
    if days < 1:
        return pgettext("duration", "{number} h").format(number=f"{days * 24:.0f}")
    digits = f"{days:.1f}" if days < 10 else f"{days:.0f}"
    return ngettext("{number} day", "{number} days", max(2, math.ceil(days))).format(number=words.localised(digits))


@register.simple_tag
def date_moved(then: date | None, now: date | None) -> str:
    """How a date went, and on a line of its own by how much."""
    told, by = plan_words.moved(then, now), plan_words.moved_by(then, now)
    if not by:
        return told
    return format_html('{}<br><span class="nowrap">{}</span>', told, by)


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
    told = _("50 % sure by {p50}, 85 % sure by {p85}")
    if each.due:
        told = _("50 % sure by {p50}, 85 % sure by {p85}, must be done by {due}")
    told = told.format(p50=_told(each.p50), p85=_told(each.p85), due=words.day(each.due) if each.due else "")
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
    return words.day(day) if day else _("no day in ten years")


@register.simple_tag
def team_with_wish(beside: Beside, team: TeamOutlook) -> SafeString:
    """When a team is done in the other plan, and how that differs."""
    other = next((each for each in beside.other.teams if each.team == team.team), None)
    after = other.p85 if other else None
    if after == team.p85:
        return format_html('<span class="muted">{}</span>', _("as today"))
    return format_html(
        '{}<span class="sub"><br>{}</span>', day_or(after, _("no end")), plan_words.difference(team.p85, after)
    )


@register.simple_tag
def share_bar(fraction: float, name: str) -> SafeString:
    """A share of the runs as a bar."""
    return format_html(
        '<svg class="weight" viewBox="0 0 100 1" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<rect width="{}" height="1"/></svg>',
        _("{name}: {share} of the runs").format(name=name, share=plan_words.share(fraction)), f"{fraction * 100:.1f}",
    )  # fmt: skip
