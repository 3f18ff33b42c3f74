"""How plans and forecasts appear on pages. Words come from `dashboards.plan_words`; this is only their markup."""

from datetime import date
from urllib.parse import urlencode

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboards import plan_words, words
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


@register.simple_tag
def share_bar(fraction: float, name: str) -> SafeString:
    """A share of the runs as a bar."""
    return format_html(
        '<svg class="weight" viewBox="0 0 100 1" preserveAspectRatio="none" role="img" aria-label="{}: {} of the runs">'
        '<rect width="{}" height="1"/></svg>',
        name, plan_words.share(fraction), f"{fraction * 100:.1f}",
    )  # fmt: skip
