"""How the values of samples appear: as they came, or as the token that stands for them."""

import re
from typing import Final

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from dashboards.templatetags.ui import key
from dashboards.vocabulary import spoken
from migrator.observations.models import GroupStatus

register = template.Library()

_TOKEN: Final = re.compile(r"(?:string|array|object|number|integer|decimal)(?:\(\d+\))?(?: #[0-9a-f]{6})?")
_HIDDEN: Final = "…"
STATES: Final = {
    GroupStatus.NEW: "differs",
    GroupStatus.REGRESSED: "rollback",
    GroupStatus.ESCALATING: "rollback",
    GroupStatus.ACCEPTED: "promote",
}
"""Verdicts whose tint a status wears. The others are neutral."""


@register.filter
def seen(value: str | None) -> SafeString | str:
    """A value of one side; redacted ones carry a mark that says so."""
    if value is None:
        return format_html('<span class="muted">{}</span>', _("not there"))
    if _TOKEN.fullmatch(value):
        told = _("Redacted: type, length and a hash. Equal values have equal hashes.")
        return format_html('<span class="redacted" title="{}">{}</span>', told, value)
    return value


@register.filter
def is_redacted(value: str) -> bool:
    """Whether a text leaves something out."""
    return _HIDDEN in value


@register.simple_tag
def status(value: str) -> SafeString:
    """The status of a cause as its word, in the tint of what it asks for."""
    known = GroupStatus(value)
    tint = STATES.get(known, "hold")
    return format_html('<span class="verdict verdict-{}">{}</span>', tint, spoken(str(known.label)))


@register.filter
def kind_name(kind: str) -> str:
    """`number_form` -> `number form`."""
    return spoken(kind.replace("_", " "))


@register.filter
def key_words(sentence: str) -> SafeString:
    """A sentence whose paths are written as code, and may break after a dot."""
    return format_html_join(" ", "{}", ((_word(word),) for word in sentence.split(" ")))


def _word(word: str) -> SafeString | str:
    if not word.startswith("$"):
        return word
    path = word.rstrip(",.;:")
    return format_html("{}{}", key(path), word[len(path) :])
