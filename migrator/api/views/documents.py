"""The API's own pages: its documentation, and the answer to addresses that do not exist."""

from typing import Any

from csp.decorators import csp_update
from django.urls import Resolver404, resolve
from django.utils.decorators import method_decorator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.views import APIView

SWAGGER_DRAWS_INLINE = {"style-src": ["'unsafe-inline'"]}
"""Swagger UI sets styles from its script. Scripts stay as strict as everywhere: its own comes from an address."""


@method_decorator(csp_update(SWAGGER_DRAWS_INLINE), name="dispatch")
class Docs(SpectacularSwaggerSplitView):
    """The schema as a page to read and try."""

    url_name = "api-schema"


@extend_schema(exclude=True)
class Nowhere(APIView):
    """Whatever is below /api/ and has no view."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise NotFound(f"There is no {request.path}. {slash_missing(request.path)}".strip())


def slash_missing(path: str) -> str:
    """The commonest slip: addresses end with a slash."""
    try:
        view = resolve(f"{path}/").func
    except Resolver404:
        return ""
    return "" if getattr(view, "cls", None) is Nowhere else f"Did you mean {path}/?"
