"""Lists in pages that follow a cursor: as fast on the last page of 100,000 units as on the first."""

from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.views import APIView

MAX_PAGE = 1_000


class CursorPages(CursorPagination):
    """`{"next", "previous", "results"}`. A view names its `page_order`, by a column without doubles."""

    page_size = 100
    max_page_size = MAX_PAGE
    page_size_query_param = "page_size"
    page_size_query_description = f"How many rows a page holds, at most {MAX_PAGE:,}."
    ordering = "pk"

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: APIView) -> tuple[str, ...]:
        return getattr(view, "page_order", ("pk",))

    def get_page_size(self, request: Request) -> int:
        """Refuses what it cannot give: a script that asks for 5,000 rows must not take 1,000 for all of them."""
        asked = request.query_params.get("page_size", str(self.page_size))
        if not asked.isascii() or not asked.isdigit() or not 1 <= int(asked[:10]) <= MAX_PAGE:
            raise ValidationError({"page_size": f"page_size is a whole number from 1 to {MAX_PAGE:,}, not {asked!r}."})
        return int(asked)
