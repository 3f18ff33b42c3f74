"""What every page needs to know about its reader before a view runs."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final
from urllib.parse import unquote, urlencode, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.utils import timezone
from django.utils.translation import get_language

from dashboards import words

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


class SignedIn(LoginRequiredMiddleware):
    """Pages are for people who are signed in.

    Whoever pressed a button after their session had ended comes back to the page that has the button, and is told
    that nothing was done: the button's own address is none to come back to.
    """

    def handle_no_permission(self, request: HttpRequest, view_func: Callable[..., Any]) -> HttpResponseRedirect:
        if request.method in ("GET", "HEAD"):
            return super().handle_no_permission(request, view_func)
        came_from = urlsplit(request.headers.get("Referer", ""))
        is_ours = came_from.netloc == request.get_host() and came_from.path.startswith("/")
        page = came_from._replace(scheme="", netloc="", fragment="").geturl() if is_ours else resolve_url("home")
        query = urlencode({REDIRECT_FIELD_NAME: page, "unsent": 1}, safe="/")
        return HttpResponseRedirect(f"{resolve_url(settings.LOGIN_URL)}?{query}")


class FirmNumbers:
    """In no heading is a number torn from its sign or its unit at a line's end, whoever wrote the sentence.

    Sentences come from every room, from translations and from people: so this is done where all of them pass.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        hold_numbers(response)
        return response


def hold_numbers(response: HttpResponseBase) -> None:
    """Rewrite the headings of a page. What is compressed already, streamed, or no page stays as it is."""
    is_page = response.get("Content-Type", "").startswith("text/html")
    if not is_page or response.has_header("Content-Encoding") or not isinstance(response, HttpResponse):
        return
    loose = _loose(get_language())
    response.content = HEADING.sub(lambda heading: loose.sub(_held, heading[0]), response.content)


HEADING: Final = re.compile(rb"<h([1-3])\b.*?</h\1>", re.DOTALL)
NO_BREAK: Final = "\N{NO-BREAK SPACE}".encode()


@cache
def _loose(language: str | None) -> re.Pattern[bytes]:
    """Finds tags and keys, which stay as they are, and the blanks between a number and what belongs to it."""
    months, units = ("|".join(map(re.escape, each)) for each in (words.months(language), words.unit_signs(language)))
    kept, dates = r"<code\b.*?</code>|<[^>]*>", rf"(?<=[0-9]) (?:{months}) (?=[0-9]{{4}})"
    signs = rf"(?<=[0-9]) (?=(?:{months}|{units})(?![A-Za-z0-9]))"
    return re.compile(f"{kept}|{dates}|{signs}".encode(), re.DOTALL)


def _held(found: re.Match[bytes]) -> bytes:
    return found[0] if found[0].startswith(b"<") else found[0].replace(b" ", NO_BREAK)
