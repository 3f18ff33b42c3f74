"""The outbox under /admin/, to look at. Channels and hooks are changed on their page, which checks them."""

from django.contrib import admin

from migrator.inventory.admin import ReadOnly
from migrator.telling.models import Alarm, Channel, Delivery, Hook, Message


@admin.register(Message)
class MessageAdmin(ReadOnly):
    list_display = ("title", "project", "event", "severity", "resolves", "at", "routed_at")
    list_filter = ("project", "event", "severity")
    list_select_related = ("project",)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly):
    list_display = ("message", "channel", "state", "attempts", "due_at", "ended_at", "error")
    list_filter = ("state", "channel")
    list_select_related = ("message", "channel")


@admin.register(Channel)
class ChannelAdmin(ReadOnly):
    # Not even in their encrypted form are secrets shown.
    exclude = ("target", "signing")
    list_display = ("name", "project", "kind", "hint", "enabled", "last_success_at", "last_error")
    list_filter = ("project", "kind")
    list_select_related = ("project",)


@admin.register(Hook)
class HookAdmin(ReadOnly):
    exclude = ("digest", "signing")
    list_display = ("name", "project", "action", "enabled", "last_used_at")
    list_filter = ("project", "action")
    list_select_related = ("project",)


@admin.register(Alarm)
class AlarmAdmin(ReadOnly):
    list_display = ("name", "hook", "unit", "service", "firing", "flaps", "since", "over_at")
    list_filter = ("firing", "hook")
    list_select_related = ("hook", "unit", "service")
