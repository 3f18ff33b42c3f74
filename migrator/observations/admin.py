"""What was collected, under /admin/, to read. Dead letters may be thrown away once a person has looked."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from migrator.inventory.admin import Admin, ReadOnly
from migrator.observations.models import DeadLetter, KeptSample, MismatchGroup, ReportSource, Rule, StreamPosition


@admin.register(ReportSource)
class ReportSourceAdmin(ReadOnly):
    list_display = ("source", "boot", "kind", "committed_seq", "sent", "dropped", "committed", "last_at")


@admin.register(StreamPosition)
class StreamPositionAdmin(ReadOnly):
    list_display = ("shard", "last_id")


@admin.register(MismatchGroup)
class MismatchGroupAdmin(ReadOnly):
    list_display = ("unit", "shape", "kind", "status", "total", "last_seen_at")
    list_select_related = ("unit",)


@admin.register(Rule)
class RuleAdmin(ReadOnly):
    list_display = ("kind", "path", "project", "service", "unit", "author", "created_at", "expires_at", "revoked_at")
    list_select_related = ("project", "service", "unit")


@admin.register(KeptSample)
class KeptSampleAdmin(ReadOnly):
    list_display = ("unit", "outcome", "at")
    list_select_related = ("unit",)


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnly):
    list_display = ("at", "shard", "entry_id", "reason")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return Admin.has_delete_permission(self, request, obj)
