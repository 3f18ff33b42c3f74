"""How runbooks appear: an address as a link beside the page, anything else as the words that it is."""

from collections.abc import Iterable

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from dashboards.templatetags.ui import key
from migrator.inventory.runbooks import address_of

register = template.Library()
LONGEST = 48
"""Characters of an address that are shown; the whole of it is behind the link."""


@register.filter
def runbook(text: str) -> SafeString:
    """Opens in another tab: whoever reads it goes on rolling back in this one."""
    address = address_of(text)
    if not address:
        return format_html('<span class="runbook">{}</span>', text)
    return format_html(
        '<a class="runbook" href="{}" target="_blank" rel="noopener noreferrer">{}<span class="unseen"> {}</span></a>',
        address, _short(address), _("(in another tab)"),
    )  # fmt: skip


def _short(address: str) -> SafeString:
    """Without its scheme, and where it is long without its middle: it ends in what tells it from others."""
    bare = address.partition("://")[2].removesuffix("/")
    shown = bare if len(bare) <= LONGEST else f"{bare[: LONGEST // 2]}…{bare[-LONGEST // 2 :]}"
    return format_html_join(SafeString("/<wbr>"), "{}", ((part,) for part in shown.split("/")))


@register.filter
def keys(names: Iterable[str]) -> SafeString:
    """Keys of units as code, with commas between."""
    return format_html_join(", ", "{}", ((key(name),) for name in names))
