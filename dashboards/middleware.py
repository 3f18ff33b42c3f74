"""What every page needs to know about its reader before a view runs."""

from collections.abc import Callable
from urllib.parse import unquote
from zoneinfo import ZoneInfo, available_timezones

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

KNOWN_ZONES = frozenset(available_timezones())


class ReaderClock:
    """Shows times in the reader's zone, as their browser named it in the cookie `timezone`; UTC without one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        zone = unquote(request.COOKIES.get("timezone", ""))
        if zone not in KNOWN_ZONES:
            return self.get_response(request)
        with timezone.override(ZoneInfo(zone)):
            return self.get_response(request)
