"""What removal's proof rests on, under /admin/, to read."""

from django.contrib import admin

from migrator.inventory.admin import ReadOnly
from migrator.removal.models import Reference, Reopening, Repository, Scan, TearDown


@admin.register(Repository)
class RepositoryAdmin(ReadOnly):
    list_display = ("name", "project", "url", "branch", "required")
    list_select_related = ("project",)


@admin.register(Scan)
class ScanAdmin(ReadOnly):
    list_display = ("repository", "commit", "branch", "dirty", "at", "reporter", "files", "found")
    list_select_related = ("repository",)
    exclude = ("looked_for",)


@admin.register(Reference)
class ReferenceAdmin(ReadOnly):
    list_display = ("unit", "path", "line", "alias", "scan")
    list_select_related = ("unit", "scan__repository")


@admin.register(TearDown)
class TearDownAdmin(ReadOnly):
    list_display = ("what", "unit", "service", "done_by", "done_at")
    list_select_related = ("unit", "service")


@admin.register(Reopening)
class ReopeningAdmin(ReadOnly):
    list_display = ("unit", "why", "at", "closed_at")
    list_select_related = ("unit",)
