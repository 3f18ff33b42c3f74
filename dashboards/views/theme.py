"""Light or dark, or as the system has it: kept in a cookie, so that the first paint is right."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from dashboards.context import THEMES

YEAR_S = 31_536_000


@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    theme = request.POST.get("theme", "")
    goal = request.POST.get("next", "/")
    safe = url_has_allowed_host_and_scheme(goal, allowed_hosts={request.get_host()})
    answer = HttpResponseRedirect(goal if safe else "/")
    answer.set_cookie("theme", theme if theme in dict(THEMES) else "", max_age=YEAR_S, samesite="Lax")
    return answer
