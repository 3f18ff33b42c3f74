"""Who may do what, under /admin/: roles are given here, tokens are taken back here."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from migrator.access.models import Membership, Token
from migrator.inventory.admin import Admin


@admin.register(Membership)
class MembershipAdmin(Admin):
    list_display = ("user", "project", "team", "role")
    list_filter = ("project", "role")
    list_select_related = ("user", "project", "team")
    autocomplete_fields = ("user",)


@admin.register(Token)
class TokenAdmin(Admin):
    """A token is made by `create_token`, which shows it once. Here it is only ended."""

    list_display = ("name", "prefix", "scope", "project", "created_at", "last_used_at", "expires_at", "revoked_at")
    list_select_related = ("project",)
    fields = ("name", "prefix", "scope", "project", "created_at", "last_used_at", "expires_at", "revoked_at")
    readonly_fields = ("name", "prefix", "scope", "project", "created_at", "last_used_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # The ledger names tokens: a row that is gone could not be asked what it was.
        return False
