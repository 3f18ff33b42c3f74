"""The inventory under /admin/, to look things up. It is changed by pages and API, so that data planes hear of it."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from migrator.inventory.models import Deploy, ObservedEndpoint, Project, Service, Team, Unit

if TYPE_CHECKING:
    Admin = admin.ModelAdmin[Any]
else:
    Admin = admin.ModelAdmin  # its type takes an argument, the class itself does not


class ReadOnly(Admin):
    """Shown, never written. Counting 100,000 rows for a page's title is left out."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Project)
class ProjectAdmin(ReadOnly):
    list_display = ("slug", "name", "deadline", "epoch", "version", "simulated")


@admin.register(Service)
class ServiceAdmin(ReadOnly):
    list_display = ("name", "project", "legacy_url", "candidate_url", "legacy_deployed")
    list_filter = ("project",)
    list_select_related = ("project",)


@admin.register(Deploy)
class DeployAdmin(ReadOnly):
    list_display = ("service", "side", "build", "at")
    list_select_related = ("service",)


@admin.register(Unit)
class UnitAdmin(ReadOnly):
    """Where a unit stands is written by the single door alone."""

    list_display = ("key", "project", "kind", "stage", "candidate_bp", "mirror_bp", "version")
    list_filter = ("project", "stage", "kind")
    list_select_related = ("project",)
    search_fields = ("key",)


@admin.register(ObservedEndpoint)
class ObservedEndpointAdmin(ReadOnly):
    list_display = ("key", "project", "count", "last_seen_at", "dismissed_at")
    list_select_related = ("project",)


@admin.register(Team)
class TeamAdmin(Admin):
    """A name, and nothing that data planes know: it may be changed here."""

    list_display = ("name", "project")
    list_select_related = ("project",)
