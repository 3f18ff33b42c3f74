"""What a page that comes in one answer carries in itself."""

from django import template

from dashboards import alone

register = template.Library()
register.simple_tag(alone.style, name="inline_style")
register.simple_tag(alone.signs, name="inline_signs")
register.simple_tag(alone.mark, name="inline_mark")
