"""What is declared of one unit: its class of risk, its runbook, and whether what it did can be taken back."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from dashboards.seats import Seat, forbidden, holders, project_page
from dashboards.unit_form import UnitForm
from migrator.access.rights import Forbidden, Right
from migrator.inventory.models import Unit
from migrator.inventory.services import Invalid
from migrator.ledger import changes


@require_http_methods(["GET", "HEAD", "POST"])
@project_page
def page(request: HttpRequest, seat: Seat, unit_id: int) -> HttpResponse:
    """The form; a post keeps what it says, and the ledger keeps who said it."""
    unit = Unit.objects.filter(project=seat.project, pk=unit_id)
    found = unit.select_related("project", "service", "parent", "team").first()
    if found is None:
        raise Http404(_("{project} has no unit with this number.").format(project=seat.project.name))
    if request.method == "POST":
        return _saved(request, seat.at(found), found)
    return _shown(request, seat.at(found), found, UnitForm(unit=found))


def _saved(request: HttpRequest, seat: Seat, unit: Unit) -> HttpResponse:
    form = UnitForm(request.POST, unit=unit)
    if not form.is_valid():
        return _shown(request, seat, unit, form)
    try:
        changes.unit(unit=unit, actor=seat.actor, now=timezone.now(), **form.cleaned_data)
    except Forbidden as refused:
        return forbidden(request, str(refused), holders(project=seat.project, right=Right.EDIT, unit=unit))
    except Invalid as invalid:
        form.add_error(invalid.field if invalid.field in form.fields else None, invalid.message)
        return _shown(request, seat, unit, form)
    messages.success(request, _("Saved. The ledger keeps it."))
    return HttpResponseRedirect(reverse("unit", args=[seat.project.slug, unit.pk]))


def _shown(request: HttpRequest, seat: Seat, unit: Unit, form: UnitForm) -> HttpResponse:
    context = {
        "here": "inventory",
        "seat": seat,
        "unit": unit,
        "form": form,
        "sentence": _sentence(unit),
        "who_may_edit": holders(project=seat.project, right=Right.EDIT, unit=unit),
    }
    return render(request, "dashboards/unit_settings.html", context, status=422 if form.errors else 200)


def _sentence(unit: Unit) -> str:
    if unit.irreversible:
        return _("What it does cannot be taken back.")
    if not unit.runbook_in_force:
        return _("Nobody has named a runbook: at night nobody reads what to do.")
    return _("On-call is led to its runbook.")
