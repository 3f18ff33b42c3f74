"""Alive, ready, and in figures.

`/livez` and `/readyz` answer anybody, at exactly these paths. `/metrics` names projects, so it asks for a token
of scope read or higher: behind a proxy every caller looks like the loopback, so that is no proof of anything.
"""

from typing import Any, Final

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from migrator.api.base import projects_seen
from migrator.api.metrics import exposition
from migrator.api.readiness import CHECKS, OK

PROMETHEUS_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"


@login_not_required
@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """This process runs. Asks nobody."""
    return JsonResponse({"alive": True})


@login_not_required
@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Database, Redis and migrations: 200 where all are well, else 503 and what is not."""
    found = {name: check() for name, check in CHECKS.items()}
    ready = all(word == OK for word in found.values())
    return JsonResponse({"ready": ready, **found}, status=200 if ready else 503)


@extend_schema(exclude=True)
class Metrics(APIView):
    """Figures of the projects that the caller may see, for Prometheus."""

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Figures are text whatever is asked for, refusals are JSON."""
        return JSONRenderer(), JSONRenderer.media_type

    def get(self, request: Request) -> HttpResponse:
        text = exposition(projects=list(projects_seen(request)), now=timezone.now())
        return HttpResponse(text, content_type=PROMETHEUS_TEXT)
