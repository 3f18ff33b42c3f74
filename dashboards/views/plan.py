"""The plan."""

from django.http import HttpRequest, HttpResponse

from dashboards.seats import Seat, project_page


@project_page
def page(request: HttpRequest, seat: Seat) -> HttpResponse:
    return HttpResponse("soon")
