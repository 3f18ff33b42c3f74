"""Ledger and data planes under /admin/, to read."""

from django.contrib import admin

from migrator.inventory.admin import ReadOnly
from migrator.rollout.models import DataPlane, Flip


@admin.register(Flip)
class FlipAdmin(ReadOnly):
    """The ledger only grows, and only through the single door."""

    list_display = ("at", "unit", "from_stage", "from_candidate_bp", "to_stage", "to_candidate_bp", "actor", "reason")
    list_filter = ("project", "direction", "via")
    list_select_related = ("unit",)
    search_fields = ("unit__key", "actor")


@admin.register(DataPlane)
class DataPlaneAdmin(ReadOnly):
    list_display = ("source", "project", "kind", "applied_epoch", "applied_number", "forced_legacy", "last_seen_at")
    list_select_related = ("project",)
