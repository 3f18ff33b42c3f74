"""Lists in pages that follow a cursor: as fast on the last page of 100,000 units as on the first."""

from typing import Any

from django.db.models import IntegerField, QuerySet
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.views import APIView

MAX_PAGE = 1_000
DIGITS_OF_BIGINT = 19


class CursorPages(CursorPagination):
    """`{"next", "previous", "results"}`. A view names its `page_order`, by a column without doubles."""

    page_size = 100
    max_page_size = MAX_PAGE
    page_size_query_param = "page_size"
    page_size_query_description = f"How many rows a page holds, at most {MAX_PAGE:,}."
    ordering = "id"

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: APIView) -> tuple[str, ...]:
        order: tuple[str, ...] = getattr(view, "page_order", ("id",))
        self.column = queryset.model._meta.get_field(order[0].removeprefix("-"))
        return order

    def decode_cursor(self, request: Request) -> Any:
        """Cursors come back from outside: one that the column cannot hold is no cursor of ours."""
        cursor = super().decode_cursor(request)
        if cursor is not None and cursor.position is not None and not self._fits(str(cursor.position)):
            raise NotFound(self.invalid_cursor_message)
        return cursor

    def _fits(self, position: str) -> bool:
        if isinstance(self.column, IntegerField):
            return position.isascii() and position.isdigit() and len(position) < DIGITS_OF_BIGINT
        return position.isprintable()

    def get_page_size(self, request: Request) -> int:
        """Refuses what it cannot give: a script that asks for 5,000 rows must not take 1,000 for all of them."""
        asked = request.query_params.get("page_size", str(self.page_size))
        if not asked.isascii() or not asked.isdigit() or not 1 <= int(asked[:10]) <= MAX_PAGE:
            raise ValidationError({"page_size": f"page_size is a whole number from 1 to {MAX_PAGE:,}, not {asked!r}."})
        return int(asked)
