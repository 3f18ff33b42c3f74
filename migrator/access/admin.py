"""Who may do what, under /admin/: roles are given here, tokens are taken back here, second factors looked up."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from migrator.access.models import Membership, SecondFactor, Token
from migrator.inventory.admin import Admin, ReadOnly


@admin.register(Membership)
class MembershipAdmin(Admin):
    list_display = ("user", "project", "team", "role")
    list_filter = ("project", "role")
    list_select_related = ("user", "project", "team")
    autocomplete_fields = ("user",)


@admin.register(Token)
class TokenAdmin(Admin):
    """A token is made by `create_token`, which shows it once. Here it is only ended."""

    list_display = ("name", "prefix", "scope", "project", "owner", "created_at", "last_used_at", "revoked_at")
    list_select_related = ("project", "owner")
    fields = ("name", "prefix", "scope", "project", "owner", "created_at", "last_used_at", "expires_at", "revoked_at")
    readonly_fields = ("name", "prefix", "scope", "project", "owner", "created_at", "last_used_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # The ledger names tokens: a row that is gone could not be asked what it was.
        return False


@admin.register(SecondFactor)
class SecondFactorAdmin(ReadOnly):
    """Who has one, and whether somebody guesses. A project's page of people resets it; its secret is shown nowhere."""

    list_display = ("user", "created_at", "confirmed_at", "failures", "failed_at")
    list_select_related = ("user",)
    fields = ("user", "created_at", "confirmed_at", "failures", "failed_at")
    search_fields = ("user__username",)
