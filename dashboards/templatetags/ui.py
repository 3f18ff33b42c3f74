"""How values appear on pages. Words come from `dashboards.words`; this is only their markup."""

import re
from datetime import datetime
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from dashboards import words
from dashboards.vocabulary import spoken
from migrator.core.stages import ALL, LADDER, RANK, RUNGS, Stage
from migrator.core.walk import Kind

register = template.Library()

register.filter("percentage", words.percentage)
register.filter("number", words.number)
register.filter("milliseconds", words.milliseconds)
register.filter("date_words", words.day)
register.filter("spoken", spoken)


def no_data() -> SafeString:
    return format_html('<span class="nodata">{}</span>', _("no data"))


@register.simple_tag(takes_context=True)
def icon(context: template.Context, name: str, label: str = "") -> SafeString:
    """A sign of the sprite. Without a label it decorates and is silent."""
    told = format_html(' role="img" aria-label="{}"', label) if label else mark_safe(' aria-hidden="true"')
    inside = getattr(context.get("request"), "in_one_answer", False)
    sprite = "#sign-" if inside else f"{static('dashboards/icons.svg')}#"
    return format_html('<svg class="icon"{}><use href="{}{}"/></svg>', told, sprite, name)


@register.filter
def rate(fraction: float | None) -> str:
    """A rate, or the state of having none: never zero for want of data."""
    return no_data() if fraction is None else words.rate(fraction)


@register.filter
def rate_words(fraction: float | None) -> str:
    """The same without markup, for tiles that are hatched as a whole."""
    return _("no data") if fraction is None else words.rate(fraction)


@register.filter
def ms_words(value: float | None) -> str:
    return _("no data") if value is None else words.milliseconds(value)


@register.filter
def percent_text(share: int) -> str:
    """Basis points as a form field holds them: `2.5`."""
    return f"{share / 100:g}"


@register.filter
def known(value: Any) -> Any:
    """The value, or `no data`: zero is a value."""
    return no_data() if value is None else value


@register.filter
def ms(value: float | None) -> str:
    return no_data() if value is None else words.milliseconds(value)


@register.simple_tag
def when(at: datetime | None) -> str:
    """`3 Mar 2027, 14:02 (Berlin)`, with ISO on hover."""
    if at is None:
        return no_data()
    iso = at.isoformat(timespec="seconds")
    return format_html('<time datetime="{}" title="{}">{}</time>', iso, iso, words.moment(at))


@register.simple_tag
def ago(at: datetime | None) -> str:
    """`4 s ago`, with the full moment on hover."""
    if at is None:
        return no_data()
    iso, told = at.isoformat(timespec="seconds"), words.ago(at, now=timezone.now())
    return format_html('<time class="age" datetime="{}" title="{} · {}">{}</time>', iso, words.moment(at), iso, told)


@register.simple_tag
def stage(value: str) -> SafeString:
    """A stage as its colour and its name, always together."""
    return format_html('<span class="stage stage-{}">{}</span>', value, spoken(RUNGS[Stage(value)].label))


@register.simple_tag
def side(value: str, name: str = "") -> SafeString:
    return format_html('<span class="side side-{}">{}</span>', value, name or spoken(value).capitalize())


@register.inclusion_tag("dashboards/_rail.html")
def rail(current: str) -> dict[str, Any]:
    """All seven stages as a line, with the one the unit stands on."""
    at = RANK[Stage(current)]
    return {"rungs": LADDER, "current": LADDER[at], "at": at, "place": at + 1, "of": len(LADDER)}


@register.simple_tag
def share(candidate_bp: int, mini: bool = False) -> SafeString:
    """Who answers, as a bar: legacy slate, candidate blue."""
    return format_html(
        '<svg class="share{}" viewBox="0 0 100 1" preserveAspectRatio="none" role="img"'
        ' aria-label="{}"><rect width="{}" height="1"/></svg>',
        " mini" if mini else "",
        _("{share} answered by the candidate").format(share=words.percentage(candidate_bp)),
        candidate_bp * 100 / ALL,
    )


@register.simple_tag
def stages_bar(counts: dict[str, int]) -> SafeString:
    """How many units stand on each stage, as one bar in the order of the ladder."""
    total = sum(counts.values()) or 1
    pieces, left = [], 0.0
    for rung in LADDER:
        width = 100 * counts.get(rung.stage, 0) / total
        if width:
            pieces.append((rung.stage.value, f"{left:.3f}", f"{width:.3f}"))
            left += width
    drawn = format_html_join("", '<rect class="stage-{}" x="{}" width="{}" height="1"/>', pieces)
    told = ", ".join(f"{stage_label(s)} {words.number(n)}" for s, n in counts.items() if n)
    return format_html(
        '<svg class="stackbar" viewBox="0 0 100 1" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>',
        told or _("No units"),
        drawn,
    )


KINDS = {
    Kind.MISSING: gettext_noop("missing in the candidate"),
    Kind.EXTRA: gettext_noop("only in the candidate"),
    Kind.TYPE: gettext_noop("of another type"),
    Kind.VALUE: gettext_noop("another value"),
    Kind.NUMBER_FORM: gettext_noop("same number, written otherwise"),
    Kind.ORDER: gettext_noop("in another order"),
    Kind.LENGTH: gettext_noop("of another length"),
    Kind.DUPLICATE: gettext_noop("named twice on one side"),
    Kind.STATUS: gettext_noop("another status"),
    Kind.HEADER: gettext_noop("another value"),
    Kind.BODY: gettext_noop("other bytes"),
}


@register.filter
def kind_words(kind: str) -> str:
    """In which way two answers differ, as a sentence goes on after the path."""
    return _(KINDS[Kind(kind)]) if kind in list(Kind) else spoken(kind.replace("_", " "))


@register.filter
def stage_label(value: str) -> str:
    return spoken(RUNGS[Stage(value)].label)


@register.filter
def key(text: str) -> SafeString:
    """A unit's key as code that may break after a slash or a dot, as people write it."""
    return format_html("<code>{}</code>", mark_safe(re.sub(r"([/.])(?=\w|\{)", r"\1<wbr>", str(escape(text)))))  # noqa: S308


@register.filter
def getitem(mapping: dict[str, Any], name: str) -> Any:
    return mapping.get(name)
